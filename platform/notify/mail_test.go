package notify_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
)

const from = "Example Children's Hospital <visits@hospital.example.org>"

func newMail(t *testing.T, url string) *notify.Mail {
	t.Helper()
	m, err := notify.NewMail(url, from)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// part is a leaf of an e-mail.
type part struct {
	mediaType, disposition, text string
	parameters                   map[string]string
}

// leaves reads an e-mail as mail programs do.
func leaves(t *testing.T, header func(string) string, body io.Reader) (all []part) {
	t.Helper()
	mediaType, parameters, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		for r := multipart.NewReader(body, parameters["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, leaves(t, p.Header.Get, p)...)
		}
	}
	switch strings.ToLower(header("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return []part{{mediaType, header("Content-Disposition"), strings.ReplaceAll(string(b), "\r\n", "\n"), parameters}}
}

func TestLetter(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	const calendar = "BEGIN:VCALENDAR\nEND:VCALENDAR\n"
	o.compose = func(m notify.Message) (notify.Content, error) {
		if m.To.Reveal() != address || m.Language != "ht" || m.About != "visit-a" {
			t.Errorf("a text is asked for %+v", m)
		}
		return notify.Content{Subject: "Vizit ou\r\nBcc: stranger@example.org", Text: text + "\n\n<b>Mèsi</b> & orevwa\n.\nfin",
			Attachments: []notify.Attachment{{Name: "visit.ics", Type: "text/calendar; method=REQUEST; charset=utf-8", Body: []byte(calendar)}}}, nil
	}
	m := o.message("a")
	m.Language = "ht"
	o.put(m)
	o.due()
	o.expect("a", notify.Sent, "")
	letters := server.Letters()
	if len(letters) != 1 || letters[0].From != "visits@hospital.example.org" || !slices.Equal(letters[0].To, []string{address}) {
		t.Fatalf("taken: %d letters, %+v", len(letters), letters)
	}
	l, err := mail.ReadMessage(bytes.NewReader(letters[0].Raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(l.Header.Get("Subject"))
	if err != nil || subject != "Vizit ou Bcc: stranger@example.org" || l.Header.Get("Bcc") != "" {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{"Message-Id": "<" + o.status("a").ID + "@hospital.example.org>", "Auto-Submitted": "auto-generated",
		"Content-Language": "ht", "To": "<" + address + ">", "Date": "Tue, 24 Nov 2026 09:00:00 +0000", "User-Agent": "", "X-Mailer": ""} {
		if got := l.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	sender, err := l.Header.AddressList("From")
	if err != nil || len(sender) != 1 || sender[0].Name != "Example Children's Hospital" {
		t.Errorf("from %v, %v", sender, err)
	}
	parts := leaves(t, l.Header.Get, l.Body)
	var types []string
	for _, p := range parts {
		types = append(types, p.mediaType)
	}
	if !slices.Equal(types, []string{"text/plain", "text/html", "text/calendar", "text/calendar"}) {
		t.Fatalf("parts: %v\n%s", types, letters[0].Raw)
	}
	if want := text + "\n\n<b>Mèsi</b> & orevwa\n.\nfin"; strings.TrimRight(parts[0].text, "\n") != want {
		t.Errorf("text: %q", parts[0].text)
	}
	for _, want := range []string{`<html lang="ht">`, `<a href="https://visits.example.org/v#CANARY">https://visits.example.org/v#CANARY</a>`,
		`&lt;b&gt;Mèsi&lt;/b&gt; &amp; orevwa<br>.<br>fin</p>`} {
		if !strings.Contains(parts[1].text, want) {
			t.Errorf("no %s in\n%s", want, parts[1].text)
		}
	}
	for i, p := range parts[2:] {
		if p.text != calendar || p.parameters["method"] != "REQUEST" || !strings.EqualFold(p.parameters["charset"], "utf-8") ||
			strings.HasPrefix(p.disposition, "attachment") != (i == 1) {
			t.Errorf("calendar: %+v", p)
		}
	}
	if !strings.Contains(parts[3].disposition, "visit.ics") {
		t.Errorf("the file is %q", parts[3].disposition)
	}
}

func TestWaysToTheServer(t *testing.T) {
	locked := mailtest.Options{User: "housecall", Password: "p@ss:/w%rd"}
	for name, way := range map[string]mailtest.TLS{"starttls": mailtest.StartTLS, "tls from the first byte": mailtest.Implicit, "no tls": mailtest.None} {
		t.Run(name, func(t *testing.T) {
			options := locked
			options.TLS = way
			server := mailtest.Start(t, options)
			m := newMail(t, server.URL())
			found, err := m.Check(t.Context())
			if want := map[mailtest.TLS]string{mailtest.None: "without TLS, signed in"}[way]; err != nil || (want != "" && found != want) || (want == "" && found != "TLS 1.3, signed in") {
				t.Errorf("checked: %q, %v", found, err)
			}
			if len(server.Letters()) != 0 {
				t.Error("a check sent something")
			}
			o := newOffice(t, ways{mail: m})
			o.put(o.message("a"))
			o.due()
			o.expect("a", notify.Sent, "")
			if len(server.Mailbox(address)) != 1 {
				t.Error("it is not there")
			}
		})
	}
}

// What keeps mail from the server is no fault of the message: it waits.
func TestServerOutOfReach(t *testing.T) {
	open := mailtest.Start(t, mailtest.Options{TLS: mailtest.None})
	locked := mailtest.Start(t, mailtest.Options{User: "housecall", Password: "right"})
	stranger := mailtest.Start(t, mailtest.Options{})
	grumpy := mailtest.Start(t, mailtest.Options{Sender: func(string) error {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 8}, Message: "not from you"}
	}})
	for name, c := range map[string]struct{ url, want string }{
		"no STARTTLS":                 {strings.Replace(open.URL(), "?starttls=off", "", 1), "STARTTLS"},
		"an unknown authority":        {strings.Split(stranger.URL(), "?")[0], "certificate"},
		"another name":                {stranger.URL() + "&server_name=other.example.org", "other.example.org"},
		"a wrong password":            {strings.Replace(locked.URL(), "right", "wrong", 1), "connect to the mail server: the mail server answered 535 5.7.8"},
		"a sender that it won't take": {grumpy.URL(), "say that mail is from visits@hospital.example.org: the mail server answered 553 5.1.8"},
		"nobody there":                {"smtp://127.0.0.1:1", "refused"},
		"TLS where there is none":     {strings.Replace(open.URL(), "smtp://", "smtps://", 1)[:len(open.URL())+1-len("?starttls=off")], "tls"},
		"a password without any TLS":  {strings.Replace(open.URL(), "smtp://", "smtp://user:pass@", 1), "AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMail(t, c.url)
			if found, err := m.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("checked: %q, %v", found, err)
			}
			o := newOffice(t, ways{mail: m})
			o.put(o.message("a"))
			o.due()
			o.expect("a", notify.Waiting, "not reached")
			for range 4 {
				o.clock.Pass(time.Hour)
				o.due()
			}
			o.expect("a", notify.Failed, "nobody to send it to could be reached")
		})
	}
	for _, s := range []*mailtest.Server{open, locked, stranger, grumpy} {
		if len(s.Letters()) != 0 {
			t.Error("a server took something")
		}
	}
}

func TestAddressesOfServers(t *testing.T) {
	for _, url := range []string{"", "mail.example.org", "smtp://", "http://mail.example.org", "smtp://u:swordfish@mail.example.org:0", "smtp://u:swordfish@h:99999", "smtp://u:sword%fish@h",
		"smtp://u:swordfish@h/path", "smtp://u:swordfish@h?starttls=maybe", "smtps://u:swordfish@h?starttls=off", "smtp://u:swordfish@h?ca=/nowhere", "smtp://u:sword#fish@h"} {
		if m, err := notify.NewMail(url, from); err == nil || strings.Contains(err.Error(), "swordfish") || strings.Contains(err.Error(), "fish@") {
			t.Errorf("%s: %v, %v", url, m, err)
		}
	}
	for url, want := range map[string]string{"smtp://mail.example.org": "mail.example.org:587", "smtps://u:swordfish@mail.example.org": "mail.example.org:465", "smtp://[::1]:25": "[::1]:25"} {
		if m, err := notify.NewMail(url, from); err != nil || m.String() != want {
			t.Errorf("%s: %v, %v", url, m, err)
		}
	}
	if _, err := notify.NewMail("smtp://mail.example.org", "nobody"); err == nil {
		t.Error("mail may be from nobody")
	}
}
