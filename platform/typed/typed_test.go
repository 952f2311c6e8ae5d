package typed_test

import (
	"strings"
	"testing"

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
