package uploads

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCleaned: whatever a name is, it is one element of a path, on one line, of letters that show themselves, short enough, and stays as it is when it is cleaned once more.
func FuzzCleaned(f *testing.F) {
	for _, name := range []string{"", "Sample.pdf", "../../etc/passwd", `..\..\boot.ini`, "a\x00b\r\n.txt", "\u202efdp.exe", strings.Repeat("é", 300) + ".pdf", "x." + strings.Repeat("y", 300), " . ", "CON", "\xff", "a\u200bb", "tab\there"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		name := cleaned(sent).Reveal()
		hidden := func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' || strings.ContainsRune(`/\<>:"|?*`, r)
		}
		if name == "" || len(name) > mostName || !utf8.ValidString(name) || strings.ContainsFunc(name, hidden) || strings.Trim(name, " .") != name {
			t.Errorf("%q is called %q", sent, name)
		}
		if again := cleaned(name).Reveal(); again != name {
			t.Errorf("%q is called %q, and that %q", sent, name, again)
		}
	})
}
