package notify

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/wneessen/go-mail"
)

// letter writes an e-mail (RFC 5322), and gives the address it goes to. Its Message-ID is the same at each try, so that mail programs can tell that a second one is
// the first.
func (m *Mail) letter(o outgoing) (written []byte, to string, err error) {
	recipient, err := netmail.ParseAddress(o.To.Reveal())
	if err != nil { // which would show the address
		return nil, "", &refusal{reason: "the address is none", permanent: true}
	}
	_, domain, _ := strings.Cut(m.from.Address, "@")
	l := mail.NewMsg(mail.WithNoDefaultUserAgent())
	l.FromMailAddress(m.from)
	l.ToMailAddress(&netmail.Address{Address: recipient.Address})
	l.SetMessageIDWithValue(o.ID + "@" + domain)
	l.SetDateWithValue(o.At)
	l.Subject(oneLine(o.Subject.Reveal()))
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence shall answer it
	l.SetGenHeader("Content-Language", o.Language)
	page, err := asHTML(o.Language, o.Text.Reveal())
	if err != nil {
		return nil, "", fmt.Errorf("write an e-mail as HTML: %w", err)
	}
	l.SetBodyString(mail.TypeTextPlain, o.Text.Reveal())
	l.AddAlternativeString(mail.TypeTextHTML, page)
	for _, a := range o.Attachments {
		if strings.HasPrefix(a.Type, "text/calendar") && !strings.Contains(a.Type, "method=PUBLISH") {
			l.AddAlternativeWriter(mail.ContentType(withoutCharset(a.Type)), func(w io.Writer) (int64, error) { return bytes.NewReader(a.Body).WriteTo(w) })
		}
		l.AttachReadSeeker(a.Name, bytes.NewReader(a.Body), mail.WithFileContentType(mail.ContentType(a.Type)))
	}
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil {
		return nil, "", fmt.Errorf("write an e-mail: %w", err)
	}
	return b.Bytes(), recipient.Address, nil
}

// oneLine has a text stand in a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// withoutCharset is a MIME type to which the library adds the character set by itself.
func withoutCharset(t string) string {
	var kept []string
	for part := range strings.SplitSeq(t, ";") {
		if !strings.HasPrefix(strings.TrimSpace(part), "charset=") {
			kept = append(kept, strings.TrimSpace(part))
		}
	}
	return strings.Join(kept, "; ")
}

// page is an e-mail as HTML: its paragraphs, with nothing to load from anywhere. dir=auto has each run the way its language does.
var page = template.Must(template.New("letter").Parse(`<!doctype html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="font: 16px/1.5 sans-serif; max-width: 36em; margin: 1em">
{{range .Paragraphs}}<p dir="auto">{{range $i, $line := .}}{{if $i}}<br>{{end}}{{if .Link}}<a href="{{.Link}}"{{if ne .Link .Text}} style="display: inline-block; padding: .4em 0"{{end}}>{{.Text}}</a>{{else}}{{.Text}}{{end}}{{end}}</p>
{{end}}</body></html>
`))

// line is words, with where they lead; empty: nowhere.
type line struct{ Text, Link string }

var wordsWithLink = regexp.MustCompile(`^(.*\S) <([^<>\s]+)>$`)

// lineOf reads a line of a text.
func lineOf(s string) line {
	words, link := s, s
	if found := wordsWithLink.FindStringSubmatch(s); found != nil {
		words, link = found[1], found[2]
	}
	if u, err := url.Parse(link); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return line{Text: s}
	}
	return line{words, link}
}

// asHTML makes HTML of paragraphs.
func asHTML(language, text string) (string, error) {
	var paragraphs [][]line
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		var lines []line
		for s := range strings.SplitSeq(strings.Trim(paragraph, "\n"), "\n") {
			lines = append(lines, lineOf(s))
		}
		paragraphs = append(paragraphs, lines)
	}
	var b strings.Builder
	err := page.Execute(&b, struct {
		Language   string
		Paragraphs [][]line
	}{language, paragraphs})
	return b.String(), err
}
