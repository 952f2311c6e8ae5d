package imports

import (
	"bytes"
	"encoding/csv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"housecall/platform/typed"
	"housecall/platform/words"
)

// names are what columns, and the answers to a question, are called in a file: as programs write them, or in any of our languages, whoever reads the file.
type names struct {
	columns map[string]Column
	answers map[string]bool // yes and no
}

// namesIn are the names in these languages, beside those of programs.
func namesIn(languages []*words.Words) names {
	n := names{columns: map[string]Column{}, answers: map[string]bool{fold("yes"): true, fold("no"): false}}
	for _, c := range Columns() {
		n.columns[fold(string(c))] = c
		for _, w := range languages {
			n.columns[fold(nameOf(w, c))] = c
		}
	}
	for _, w := range languages {
		n.answers[fold(w.T("imports.yes"))], n.answers[fold(w.T("imports.no"))] = true, false
	}
	return n
}

// nameOf is what a column is called in a language.
func nameOf(w *words.Words, c Column) string { return w.T("imports.name." + string(c)) }

// fold makes of a name what is the same for all ways of writing it: without capital letters and accents, which spreadsheets lose.
func fold(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(typed.Line(name))) {
		switch {
		case r == '_':
			b.WriteRune(' ')
		case !unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Template is a file with all columns, as they are called in a language, and a row that shows what is meant. It begins with a byte order mark, by which Excel knows UTF-8.
func Template(w *words.Words) []byte {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	out := csv.NewWriter(&b)
	out.UseCRLF = true
	var head []string
	for _, c := range Columns() {
		head = append(head, nameOf(w, c))
	}
	shown := func(c Column) string { return w.T("imports.example." + string(c)) }
	example := []string{"MRN-0000001", shown(PatientName), "2012-05-31", "es", "", "", shown(GuardianName), shown(GuardianRelation), "+1 202 555 0100", "guardian@example.org", "es", "",
		shown(Service), shown(Clinician), "2027-01-31", "14:30", "30", w.T("imports.no"), "es"}
	_ = out.WriteAll([][]string{head, example}) // to memory
	return b.Bytes()
}
