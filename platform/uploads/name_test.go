package uploads

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"housecall/platform/phi"
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

// TestTables: where tables are taken, a name ending in .csv makes one of a text, and .txt does not.
func TestTables(t *testing.T) {
	d := Door{Types: []string{"text/plain", "text/csv"}}
	for name, want := range map[phi.Text]string{"plan.csv": "text/csv .csv", "plan.CSV": "text/csv .csv", "plan.txt": "text/plain .txt", "plan": "text/csv .csv"} {
		if kind, ending, err := d.kindOf([]byte("Medicine,dose\nSample syrup,5 ml\nSample drops,2 drops\n"), name); err != nil || kind+" "+ending != want {
			t.Errorf("%s: %s %s, %v", name, kind, ending, err)
		}
	}
	if kind, ending, err := d.kindOf([]byte("Rest for two days."), "plan.csv"); err != nil || kind != "text/csv" || ending != ".csv" {
		t.Errorf("of one line: %s %s, %v", kind, ending, err)
	}
}
