package calendar_test

import (
	"bytes"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"housecall/platform/phi"
	"housecall/visits/calendar"
)

// FuzzFile makes files of any names and texts: they can be read, every text comes back, and no line is too long or cuts a character.
func FuzzFile(f *testing.F) {
	js := icalJS(f)
	b := book(f)
	f.Add("Example Children's Hospital", "Cardiology", "Sample Patient", "patient@family.example", "+1 617 555 0100")
	f.Add(`a\b\n;c,d:e`, "x\r\ny\rz\n", `"quoted" ^ O'Brien, Ann; Dr: \`, "a+b%c@x.example", "\t tab")
	f.Add(strings.Repeat("é", 80), strings.Repeat("儿", 60), strings.Repeat("👩🏽‍⚕️", 20), "名@例.example", "END:VEVENT\r\nBEGIN:VEVENT")
	f.Add("مستشفى الأطفال", "\u2028\x00\x7f\xff", "^n^^^'", "", strings.Repeat(" ", 200))
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		f.Add(anyText(random), anyText(random), anyText(random), anyText(random), anyText(random))
	}
	f.Fuzz(func(t *testing.T, site, service, name, email, phone string) {
		e := event(t, "en")
		e.Words = b.In("ar")
		e.Site, e.Service, e.Phone, e.Reader.Name, e.Reader.Email = site, service, phone, phi.Text(name), phi.Text(email)
		file := e.File(calendar.Invite, made)
		checkLines(t, file)
		events := js.read(t, file)
		if len(events) != 1 {
			t.Fatalf("%d events\n%s", len(events), file)
		}
		got := events[0]
		summary := e.Words.T("calendar.summary", "site", site)
		if service != "" {
			summary = e.Words.T("calendar.summary_service", "service", service, "site", site)
		}
		same(t, "summary", got.Summary, summary)
		if phone != "" && !strings.HasSuffix(got.Description, kept(e.Words.T("calendar.phone", "phone", phone))) {
			t.Errorf("description: %q", got.Description)
		}
		// ical.js takes a backslash in a parameter for the beginning of something; RFC 5545 and 6868 don't.
		if !strings.Contains(site+name, `\`) {
			same(t, "organizer", got.Organizer[0]["cn"], site)
			same(t, "attendee", got.Attendees[0]["cn"], name)
		}
		if !strings.Contains(email, "://") {
			address, err := url.PathUnescape(strings.TrimPrefix(got.Attendees[0]["value"].(string), "mailto:"))
			if err != nil || address != email {
				t.Errorf("address: got %q, want %q (%v)", address, email, err)
			}
		}
		if got.Starts != iso(noon) || got.UID != e.UID {
			t.Errorf("%+v", got)
		}
	})
}

func same(t *testing.T, what string, got any, want string) {
	t.Helper()
	if got != kept(want) {
		t.Errorf("%s: got %q, want %q", what, got, kept(want))
	}
}

// kept is what RFC 5545 has a place for: no control characters but line breaks and tabs.
func kept(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if (r < 32 || r == 127) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

func checkLines(t *testing.T, file []byte) {
	t.Helper()
	for line := range bytes.SplitAfterSeq(file, []byte("\r\n")) {
		body, whole := bytes.CutSuffix(line, []byte("\r\n"))
		if len(line) > 0 && (!whole || len(body) > 75 || !utf8.Valid(body) || bytes.ContainsAny(body, "\r\n")) {
			t.Errorf("line %q", line)
		}
	}
}

// anyText is up to forty characters, many of those that mean something in a calendar file.
func anyText(random *rand.Rand) string {
	const marks = "\\;,:\"'^\n\r\t =%{}\x00\x7f"
	var b strings.Builder
	for range random.IntN(40) {
		switch random.IntN(4) {
		case 0:
			b.WriteByte(marks[random.IntN(len(marks))])
		case 1:
			b.WriteRune(rune(random.IntN(0x2ffff)))
		default:
			b.WriteByte(byte('a' + random.IntN(26)))
		}
	}
	return b.String()
}
