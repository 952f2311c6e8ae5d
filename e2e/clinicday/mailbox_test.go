package clinicday

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// letter is an e-mail as its reader sees it.
type letter struct {
	at            time.Time // when it came
	subject, text string
	html          string
	file          string // for a calendar; empty: none
	method        string // of the file
}

// first is the first thing that the letter says.
func (l letter) first() string {
	first, _, _ := strings.Cut(strings.ReplaceAll(l.text, "\r\n", "\n"), "\n\n")
	return first
}

var (
	linkForm   = regexp.MustCompile(`https?://[^\s"<>]+/v#[A-Za-z0-9_-]{22}`)
	linkBehind = regexp.MustCompile(` <` + linkForm.String() + `>`)
)

// link is the link that stands in the letter for a visit, as its day and time are told; empty: none does.
func (l letter) link(day, clock string) string {
	if !strings.Contains(l.text, day) || !strings.Contains(l.text, clock) {
		return ""
	}
	for line := range strings.SplitSeq(l.text, "\n") {
		if linkBehind.MatchString(line) && strings.Contains(line, day) && strings.Contains(line, clock) {
			return linkForm.FindString(line)
		}
	}
	return linkForm.FindString(l.text)
}

// harvest takes what has come since the last time from the mail server.
func (h *house) harvest() {
	h.t.Helper()
	all := h.mail.Letters()
	for _, raw := range all[h.read:] {
		m, err := mail.ReadMessage(bytes.NewReader(raw.Raw))
		h.must(err)
		l := letter{at: h.now()}
		l.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		h.must(err)
		h.readPart(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, &l)
		if len(raw.To) != 1 {
			h.t.Errorf("a letter to %d people", len(raw.To))
		}
		for name, headers := range m.Header {
			h.discreet(name, strings.Join(headers, " "))
		}
		h.discreet("subject", l.subject)
		h.discreet("text", l.text)
		h.discreet("html", l.html)
		h.discreet("file", strings.ReplaceAll(strings.ReplaceAll(l.file, "\r\n ", ""), "\n ", ""))
		h.boxes[raw.To[0]] = append(h.boxes[raw.To[0]], l)
	}
	h.read = len(all)
}

// discreet: nothing that is sent says why somebody comes, or who the patient is.
func (h *house) discreet(where, text string) {
	h.t.Helper()
	if strings.Contains(strings.ToLower(text), "canary") {
		h.t.Errorf("the %s of a letter tells too much: %s", where, text)
	}
}

func (h *house) readPart(kind, encoding string, body io.Reader, l *letter) {
	h.t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	h.must(err)
	if strings.HasPrefix(media, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			h.must(err)
			h.readPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, l)
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	h.must(err)
	switch {
	case media == "text/plain":
		l.text = string(text)
	case media == "text/html":
		l.html = string(text)
	case media == "text/calendar":
		l.file, l.method = string(text), params["method"]
	default:
		h.t.Errorf("a part of %s in a letter", media)
	}
}

// event is a visit as a calendar holds it.
type event struct {
	UID, Status  string
	Sequence     int
	Starts, Ends time.Time
}

// calendars gives the files of each mailbox to a calendar that nobody here wrote (ical.js), in the order in which they came, and tells what is in it then.
func (h *house) calendars(boxes []string) map[string][]event {
	h.t.Helper()
	library, err := filepath.Abs("../../static/node_modules/ical.js/dist/ical.js")
	h.must(err)
	var in bytes.Buffer
	for _, box := range boxes {
		files := []string{}
		for _, l := range h.boxes[box] {
			if l.file != "" {
				files = append(files, l.file)
			}
		}
		h.must(json.NewEncoder(&in).Encode(files))
	}
	command := exec.CommandContext(h.t.Context(), "node", "../../visits/calendar/testdata/read.mjs", library)
	command.Stdin, command.Stderr = &in, os.Stderr
	out, err := command.Output()
	if err != nil {
		h.t.Fatalf("%v: run make deps", err)
	}
	held := map[string][]event{}
	answers := json.NewDecoder(bytes.NewReader(out))
	for _, box := range boxes {
		var answer struct {
			Events []event
			Error  string
		}
		h.must(answers.Decode(&answer))
		if answer.Error != "" {
			h.t.Fatalf("the calendar of %s: %s", box, answer.Error)
		}
		held[box] = answer.Events
	}
	return held
}
