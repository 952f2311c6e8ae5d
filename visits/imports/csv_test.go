package imports

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"housecall/platform/words"
	"housecall/static"
)

// plain are the names that programs write.
var plain = namesIn(nil)

const head = "patient_name,service,clinician,date,time"

// TestParse: what Excel and others write is read, whatever stands between cells and however letters are written.
func TestParse(t *testing.T) {
	latin, err := charmap.Windows1252.NewEncoder().String("patient_name;Service;clinician;DATE;time\r\nJosé Sample;Cardiología;Dr Sample;2027-01-31;14:30\r\n;;;;\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"plain":                   head + "\nJosé Sample,Cardiología,Dr Sample,2027-01-31,14:30\n",
		"with a byte order mark":  "\ufeff" + head + "\r\nJosé Sample,Cardiología,Dr Sample,2027-01-31,14:30\r\n",
		"of Excel in Europe":      latin,
		"with tabs":               strings.ReplaceAll(head, ",", "\t") + "\nJosé Sample\tCardiología\tDr Sample\t2027-01-31\t14:30",
		"that says its separator": "sep=;\r\n" + strings.ReplaceAll(head, ",", ";") + "\r\n\"José Sample\";Cardiología;Dr Sample;2027-01-31;14:30\r\n",
		"in another order":        "time,date,clinician,service,Patient Name\n14:30,2027-01-31,Dr Sample,Cardiología,José  Sample\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows, wrong := parse([]byte(file), plain)
			if len(rows) != 1 || len(wrong) != 0 {
				t.Fatalf("%d rows, wrong %v", len(rows), wrong)
			}
			r := rows[0]
			if r.get(PatientName) != "José Sample" || r.get(Service) != "Cardiología" || r.get(Clinician) != "Dr Sample" || r.get(Date) != "2027-01-31" || r.get(Time) != "14:30" {
				t.Errorf("read %v", r.cells)
			}
		})
	}
	// A formula is text, and a line break in quotes does not end a line of the file.
	rows, wrong := parse([]byte(head+"\n\"=HYPERLINK(\"\"http://example.org\"\")\",\"two\nlines\",c,d,t\nnext,s,c,d,t\n"), plain)
	if len(wrong) != 0 || len(rows) != 2 || rows[0].get(PatientName) != `=HYPERLINK("http://example.org")` || rows[0].line != 2 || rows[1].line != 4 {
		t.Errorf("read %v, wrong %v", rows, wrong)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want Wrong
	}{
		"nothing":           {" \n", Wrong{Key: "imports.wrong.empty"}},
		"no visits":         {head + "\n,,,,\n", Wrong{Key: "imports.wrong.empty"}},
		"UTF-16":            {"\xff\xfep\x00a\x00", Wrong{Key: "imports.wrong.letters"}},
		"a workbook":        {"PK\x03\x04\x00\x00", Wrong{Key: "imports.wrong.letters"}},
		"letters of nobody": {head + "\n\x81\x8d,s,c,d,t\n", Wrong{Key: "imports.wrong.letters"}},
		"too large":         {head + strings.Repeat("\n,,,,", MaxBytes/5), Wrong{Key: "imports.wrong.large"}},
		"too many":          {head + strings.Repeat("\na,b,c,d,e", MaxRows+1), Wrong{Key: "imports.wrong.rows"}},
		"a quotation mark":  {head + "\n\"a,b,c,d,e\n", Wrong{Line: 2, Key: "imports.wrong.quotes"}},
		"an unknown column": {head + ",weight\na,b,c,d,e,f\n", Wrong{Line: 1, Key: "imports.wrong.column_unknown"}},
		"a column twice":    {head + ",time\na,b,c,d,e,f\n", Wrong{Line: 1, Key: "imports.wrong.column_twice"}},
		"a missing column":  {"patient_name,service,date,time\na,b,c,d\n", Wrong{Line: 1, Key: "imports.wrong.column_missing"}},
		"a cell too many":   {head + "\na,b,c,d,e,f\n", Wrong{Line: 2, Key: "imports.wrong.cells"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, wrong := parse([]byte(c.file), plain)
			if len(wrong) != 1 || wrong[0].Key != c.want.Key || wrong[0].Line != c.want.Line {
				t.Errorf("wrong %v, want %v", wrong, c.want)
			}
		})
	}
}

// TestTemplateIsRead: the template of each language is read whole, whatever language its reader has, and as a spreadsheet may have changed its letters.
func TestTemplateIsRead(t *testing.T) {
	book, err := words.Load(static.Locales(), Locales())
	if err != nil {
		t.Fatal(err)
	}
	known := namesIn(book.All())
	called := map[string]Column{}
	for _, w := range book.All() {
		for _, c := range Columns() {
			name := fold(nameOf(w, c))
			if other, there := called[name]; there && other != c || known.columns[name] != c {
				t.Errorf("%q is both %s and %s", name, other, c)
			}
			called[name] = c
		}
		for word, want := range map[string]bool{"imports.yes": true, "imports.no": false} {
			if answer, there := known.answers[fold(w.T(word))]; !there || answer != want {
				t.Errorf("%s means both in a file", w.T(word))
			}
		}
		for name, file := range map[string][]byte{"as it is": Template(w), "in capitals, letters taken apart": []byte(norm.NFD.String(strings.ToUpper(string(Template(w)))))} {
			rows, wrong := parse(file, known)
			if len(rows) != 1 || len(wrong) != 0 || len(rows[0].cells) != len(Columns()) || rows[0].get(Date) != "2027-01-31" || fold(rows[0].get(Service)) != fold(w.T("imports.example.service")) {
				t.Errorf("%s, %s: rows %v, wrong %v", w.Tag, name, rows, wrong)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\ufeff" + head + "\r\nSample Patient,Cardiology,Sample Clinician,2027-01-31,14:30\r\n"))
	f.Add([]byte("sep=;\npatient_name;service\n\"a;b"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, wrong := parse(file, plain)
		if len(rows) == 0 && len(wrong) == 0 {
			t.Error("neither visits nor a reason why not")
		}
		lines := bytes.Count(file, []byte("\n")) + 1
		for _, r := range rows {
			if r.line < 2 || r.line > lines {
				t.Errorf("line %d of %d", r.line, lines)
			}
		}
	})
}
