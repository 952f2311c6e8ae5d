package calendar

import (
	"bytes"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// The syntax of RFC 5545. docs/decisions says why it is our own.

const (
	maxLine     = 75 // octets before a line is folded
	utcLayout   = "20060102T150405Z"
	localLayout = "20060102T150405"
)

// param is a parameter of a property, with its values.
type param struct {
	name   string
	values []string
}

func with(name string, values ...string) param { return param{name, values} }

// writer writes content lines.
type writer struct{ bytes.Buffer }

// text writes a property of type TEXT. A line break in it is kept; other control characters, which the type has no place for, are left out.
func (w *writer) text(name, text string, params ...param) {
	w.line(name, escapeText.Replace(lineBreaks.Replace(text)), params...)
}

var (
	lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	escapeText = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)
	// escapeParam is RFC 6868's: quotes and line breaks have no other way into a parameter.
	escapeParam = strings.NewReplacer("^", "^^", `"`, "^'", "\n", "^n")
)

// utc writes a property that is a moment in UTC.
func (w *writer) utc(name string, t time.Time) { w.line(name, t.UTC().Format(utcLayout)) }

// moment writes a property that is a moment as clocks in zone show it, or in UTC when zone is nil.
func (w *writer) moment(name string, t time.Time, zone *time.Location) {
	if zone == nil {
		w.utc(name, t)
		return
	}
	w.line(name, t.In(zone).Format(localLayout), with("TZID", zone.String()))
}

// line writes one property, folded so that no line is longer than 75 octets and no character is cut.
func (w *writer) line(name, value string, params ...param) {
	var b strings.Builder
	b.WriteString(name)
	for _, p := range params {
		b.WriteString(";" + p.name + "=" + p.words())
	}
	b.WriteString(":" + value)
	line := plain(b.String())
	for limit := maxLine; len(line) > limit; limit = maxLine - 1 { // the blank before each further line counts
		cut := limit
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		w.WriteString(line[:cut] + "\r\n ")
		line = line[cut:]
	}
	w.WriteString(line + "\r\n")
}

// plain takes out what no content line may hold, so that nothing put into one begins another.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// words are the values as they are written: in quotes where they would end too early.
func (p param) words() string {
	out := make([]string, len(p.values))
	for i, value := range p.values {
		out[i] = escapeParam.Replace(lineBreaks.Replace(value))
		if strings.ContainsAny(out[i], ";:,") {
			out[i] = `"` + out[i] + `"`
		}
	}
	return strings.Join(out, ",")
}

// address is a calendar user's address: an e-mail address as a mailto: URI, or a URI as it stands.
func address(s string) string {
	if strings.Contains(s, "://") {
		return s
	}
	return "mailto:" + url.PathEscape(s)
}
