// Package typed judges and tidies what people type. It owns nothing.
// It must never change what a reader sees of a text, nor which number a figure says.
package typed

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unseen are signs that come along where a text is copied, and do harm in a name: some turn what stands around them, so that one name reads as another,
// and some have no width, so that a name is not found again. Those that join letters in Persian and in Indian scripts stay.
var unseen = strings.NewReplacer("\u202a", "", "\u202b", "", "\u202c", "", "\u202d", "", "\u202e", "", "\u2066", "", "\u2067", "", "\u2068", "", "\u2069", "",
	"\u200e", "", "\u200f", "", "\u061c", "", "\u200b", "", "\ufeff", "", "\u00ad", "")

// turns are the signs among them that keep turning all that comes after, until another ends them.
var turns = strings.NewReplacer("\u202a", "", "\u202b", "", "\u202c", "", "\u202d", "", "\u202e", "", "\u2066", "", "\u2067", "", "\u2068", "", "\u2069", "")

// Prose takes out of a text of many lines what would have it read in another order than it is written. The marks that turn nothing but the signs beside them stay: Arabic
// texts need them.
func Prose(s string) string { return turns.Replace(s) }

// Digits writes the decimal digits of every script as 0 to 9: for what people type into fields of numbers, days, times and codes.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII {
			return r
		}
		// Unicode has the digits of a script side by side, from zero on, and so do rows of them that touch.
		for _, row := range unicode.Nd.R16 {
			if low, high := rune(row.Lo), rune(row.Hi); low <= r && r <= high {
				return '0' + (r-low)%10
			}
		}
		for _, row := range unicode.Nd.R32 {
			if low, high := rune(row.Lo), rune(row.Hi); low <= r && r <= high { // #nosec G115 -- no sign of Unicode is larger
				return '0' + (r-low)%10
			}
		}
		return r
	}, s)
}

// Int reads a whole number in the digits of any script.
func Int(s string) (int, error) { return strconv.Atoi(Digits(s)) }

// Line takes unseen signs and white space at the ends out of a line, makes one of several blanks, and composes letters with their marks (NFC). Control
// characters between letters stay, for Check to find.
func Line(s string) string {
	s = norm.NFC.String(strings.TrimSpace(unseen.Replace(s)))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.Is(unicode.Zs, r) }), " ")
}

// Check says what is wrong with a line that Line has tidied, by a key ("plain", "long") and in plain English, or nothing. No text at all is right.
func Check(s string, most int) (key, detail string) {
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return "plain", "must be one line of plain text"
	case utf8.RuneCountInString(s) > most:
		return "long", fmt.Sprintf("must have at most %d characters", most)
	}
	return "", ""
}

// CheckName is Check for what must not be empty either ("empty").
func CheckName(s string, most int) (key, detail string) {
	if s == "" {
		return "empty", "is needed"
	}
	return Check(s, most)
}
