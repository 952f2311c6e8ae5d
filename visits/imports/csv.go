// Package imports makes visits of a CSV file: read, shown with everything that is wrong with it, and made at once or not at all.
// It owns which files were made already. A file stands nowhere on disk: between being shown and being made it is in the page, sealed.
// It must never make a part of a file, and never take what stands in a cell for anything but text.
package imports

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"housecall/platform/typed"
)

// Limits of a file.
const (
	MaxBytes = 512 << 10
	MaxRows  = 1000
)

// Column is one column of a file, by its name as programs write it; people may use those of their language.
type Column string

// The columns. Those that Needed names must be there, in any order.
const (
	PatientNumber       Column = "patient_number"
	PatientName         Column = "patient_name"
	BirthDate           Column = "birth_date"
	Language            Column = "language"
	PatientPhone        Column = "patient_phone"
	PatientEmail        Column = "patient_email"
	GuardianName        Column = "guardian_name"
	GuardianRelation    Column = "guardian_relation"
	GuardianPhone       Column = "guardian_phone"
	GuardianEmail       Column = "guardian_email"
	GuardianLanguage    Column = "guardian_language"
	Site                Column = "site"
	Service             Column = "service"
	Clinician           Column = "clinician"
	Date                Column = "date"
	Time                Column = "time"
	Minutes             Column = "minutes"
	Confidential        Column = "confidential"
	InterpreterLanguage Column = "interpreter_language"
)

// Columns are all columns, in the order of the template.
func Columns() []Column {
	return []Column{PatientNumber, PatientName, BirthDate, Language, PatientPhone, PatientEmail, GuardianName, GuardianRelation, GuardianPhone, GuardianEmail,
		GuardianLanguage, Site, Service, Clinician, Date, Time, Minutes, Confidential, InterpreterLanguage}
}

// Needed are the columns that every file must have.
func Needed() []Column { return []Column{PatientName, Service, Clinician, Date, Time} }

// row is one visit of a file.
type row struct {
	line  int // where it begins, from 1
	cells map[Column]string
}

func (r row) get(c Column) string { return r.cells[c] }

// Wrong is one thing that is wrong with a file.
type Wrong struct {
	Line   int    // from 1; 0: the whole file
	Column Column // empty: the whole line
	Key    string // of its words in the catalogues
	Values []any  // in them; a Column is told by its name in the reader's language
}

// parse reads a file. What is wrong with it as a file leaves no rows.
func parse(file []byte, known names) (rows []row, wrong []Wrong) {
	text, key := decode(file)
	if key != "" {
		return nil, []Wrong{{Key: key, Values: []any{"max", MaxBytes >> 10}}}
	}
	text, comma := separator(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = comma, -1
	head, err := r.Read()
	if err != nil {
		return nil, []Wrong{unread(err)}
	}
	columns, wrong := known.columnsOf(head)
	if len(wrong) > 0 {
		return nil, wrong
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, []Wrong{unread(err)}
		}
		line, _ := r.FieldPos(0)
		if !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			continue // Excel leaves such lines at the end
		}
		if len(rows) == MaxRows {
			return nil, []Wrong{{Key: "imports.wrong.rows", Values: []any{"max", MaxRows}}}
		}
		one := row{line: line, cells: map[Column]string{}}
		for i, cell := range cells {
			switch {
			case i < len(columns):
				one.cells[columns[i]] = typed.Line(cell)
			case strings.TrimSpace(cell) != "":
				wrong = append(wrong, Wrong{Line: line, Key: "imports.wrong.cells"})
			}
		}
		rows = append(rows, one)
	}
	if len(rows) == 0 {
		return nil, []Wrong{{Key: "imports.wrong.empty"}}
	}
	return rows, wrong
}

// decode reads the letters of a file: UTF-8, or what Excel writes where it was not told to.
func decode(file []byte) (text, wrong string) {
	switch {
	case len(file) > MaxBytes:
		return "", "imports.wrong.large"
	case len(bytes.TrimSpace(file)) == 0:
		return "", "imports.wrong.empty"
	case bytes.HasPrefix(file, []byte{0xff, 0xfe}), bytes.HasPrefix(file, []byte{0xfe, 0xff}), bytes.IndexByte(file, 0) >= 0:
		return "", "imports.wrong.letters" // UTF-16, a workbook, a picture
	}
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if utf8.Valid(file) {
		return string(file), ""
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(file)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) || bytes.ContainsFunc(out, func(r rune) bool { return r >= 0x80 && r < 0xa0 }) { // bytes that it has no letter for
		return "", "imports.wrong.letters"
	}
	return string(out), ""
}

// separator finds what stands between cells: what Excel says in a line of its own, or else what there is most of in the first line.
func separator(text string) (rest string, comma rune) {
	first, after, _ := strings.Cut(text, "\n")
	if s, ok := strings.CutPrefix(strings.TrimRight(first, "\r"), "sep="); ok && len(s) == 1 && strings.Contains(",;\t", s) {
		return after, rune(s[0])
	}
	comma = ','
	for _, c := range ";\t" {
		if strings.Count(first, string(c)) > strings.Count(first, string(comma)) {
			comma = c
		}
	}
	return text, comma
}

// columnsOf reads the first line.
func (n names) columnsOf(head []string) (columns []Column, wrong []Wrong) {
	add := func(column any, key string) {
		wrong = append(wrong, Wrong{Line: 1, Key: key, Values: []any{"column", column}})
	}
	for _, cell := range head {
		c, known := n.columns[fold(cell)]
		switch {
		case fold(cell) == "":
		case !known:
			add(typed.Line(cell), "imports.wrong.column_unknown")
		case slices.Contains(columns, c):
			add(c, "imports.wrong.column_twice")
		}
		columns = append(columns, c)
	}
	for _, c := range Needed() {
		if !slices.Contains(columns, c) {
			add(c, "imports.wrong.column_missing")
		}
	}
	return columns, wrong
}

// unread says where a file is no CSV.
func unread(err error) Wrong {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return Wrong{Line: e.Line, Key: "imports.wrong.quotes"}
	}
	return Wrong{Key: "imports.wrong.empty"}
}
