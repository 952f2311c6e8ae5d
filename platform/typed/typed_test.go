package typed_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"housecall/platform/typed"
)

func TestLine(t *testing.T) {
	for given, want := range map[string]string{
		"":                               "",
		"  Canary \u00a0\u3000 Example ": "Canary Example",
		"Cana\u0301ry":                   "Can\u00e1ry",
		"\u202eyranaC\u202c":             "yranaC",
		"\ufeffCanary\u200b":             "Canary",
		"می\u200cخواهم":                  "می\u200cخواهم",
		"two\nlines":                     "two\nlines",
		"\tCanary\u200e\n":               "Canary",
		"a\xff":                          "a\xff",
	} {
		if got := typed.Line(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
		if got := typed.Line(typed.Line(given)); got != want {
			t.Errorf("%q becomes %q when it is tidied again", want, got)
		}
	}
}

// TestDigits: of every script, and nothing else.
func TestDigits(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "2012-05-31": "2012-05-31", "٢٠١٢-٠٥-٣١": "2012-05-31", "۱۴:۳۰": "14:30", "०९": "09", "４５ min": "45 min", "𝟗𝟘𝟙": "901", "½ ² Ⅳ 三": "½ ² Ⅳ 三", "a\xff": "a\ufffd",
	} {
		if got := typed.Digits(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
	// Where Unicode says by another way which digit one is, it is the same.
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		got := typed.Digits(string(r))
		if plain := norm.NFKD.String(string(r)); unicode.Is(unicode.Nd, r) && len(plain) == 1 && got != plain {
			t.Errorf("%U becomes %q, want %q", r, got, plain)
		}
		if next := typed.Digits(string(r + 1)); unicode.Is(unicode.Nd, r) && !unicode.Is(unicode.Nd, r+1) && got != "9" || !unicode.Is(unicode.Nd, r) && unicode.Is(unicode.Nd, r+1) && next != "0" {
			t.Errorf("at %U: %q, then %q", r, got, next)
		}
		if !unicode.Is(unicode.Nd, r) && utf8.ValidRune(r) && got != string(r) {
			t.Errorf("%U becomes %q", r, got)
		}
	}
	if n, err := typed.Int("٢٠"); n != 20 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := typed.Int("x"); err == nil {
		t.Error("a letter is a number")
	}
}

func TestProse(t *testing.T) {
	given := "\u202ayou\u202b \u202cmay\u202d\u202e\n\u2066\u2067\u2068not\u2069 \u200eeat\u200f\u061c\u200c\n"
	if got, want := typed.Prose(given), "you may\nnot \u200eeat\u200f\u061c\u200c\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCheck(t *testing.T) {
	for given, want := range map[string]string{
		"":                      "empty",
		"Canary":                "",
		strings.Repeat("é", 10): "",
		strings.Repeat("é", 11): "long",
		"two\nlines":            "plain",
		"a\u2028b":              "plain",
		"a\x00":                 "plain",
		"a\xff":                 "plain",
	} {
		key, detail := typed.CheckName(given, 10)
		if key != want || (key == "") != (detail == "") {
			t.Errorf("%q: %q %q, want %q", given, key, detail, want)
		}
	}
	if key, _ := typed.Check("", 10); key != "" {
		t.Errorf("nothing at all: %q", key)
	}
}
