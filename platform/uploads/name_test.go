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
	for _, name := range []string{"", "Sample.pdf", "../../etc/passwd", `..\..\boot.ini`, "a\x00b\r\n.txt", "\u202efdp.exe", strings.Repeat("é", 300) + ".pdf", "x." + strings.Repeat("y", 300), " . ", "CON", "\xff", "a\u200bb", "می\u200cخواهم.pdf", "a\u200d\u200c.pdf\u200d", "tab\there"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		name := cleaned(sent).Reveal()
		hidden := func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != zwj && r != zwnj || unicode.IsSpace(r) && r != ' ' || strings.ContainsRune(`/\<>:"|?*`, r)
		}
		if name == "" || len(name) > mostName || !utf8.ValidString(name) || strings.ContainsFunc(name, hidden) || strings.Trim(name, " .") != name {
			t.Errorf("%q is called %q", sent, name)
		}
		if strings.HasPrefix(name, "\u200d") || strings.HasSuffix(name, "\u200d") || strings.Contains(name, "\u200d\u200d") {
			t.Errorf("%q is called %q, where a joiner joins nothing", sent, name)
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

// TestJoiners: those that join letters or pictures stay, and those that only hide do not; neither do those that turn the direction.
func TestJoiners(t *testing.T) {
	for sent, want := range map[string]string{
		"می\u200cخواهم.pdf":             "می\u200cخواهم.pdf",       // Persian
		"क्\u200dष.pdf":                 "क्\u200dष.pdf",           // Hindi, half a letter
		"ക്\u200c.pdf":                  "ക്.pdf",                  // at the end of a word
		"👩\u200d⚕\ufe0f plan.txt":       "👩\u200d⚕\ufe0f plan.txt", // a health worker
		"👩🏽\u200d👧.txt":                 "👩🏽\u200d👧.txt",
		"pay\u200dment.txt":             "payment.txt",
		"plan\u200c.txt":                "plan.txt",
		"\u200dplan.txt\u200c":          "plan.txt",
		"می\u200c\u200cخواهم.pdf":       "می\u200cخواهم.pdf",
		"مي\u202eخواهم\u200f\u2066.pdf": "ميخواهم.pdf",
		"👩\u200c👧.txt":                  "👩👧.txt",
	} {
		if got := cleaned(sent).Reveal(); got != want {
			t.Errorf("%+q is called %+q, want %+q", sent, got, want)
		}
	}
}
