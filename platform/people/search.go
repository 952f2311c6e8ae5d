package people

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// Limits of a search.
const (
	MaxFound  = 20  // patients shown
	MaxQuery  = 100 // characters
	MaxWords  = 12
	leastTold = 2 // letters and digits; of Chinese characters one
	leastBare = 3 // digits of a number without its zeros: what begins with one or two of them is the birth date of most
)

// part is one word of a search, in each of its spellings.
type part []string

// dates are the ways in which people write a day: the year first, when the day may be missing, or last, when blanks may part it, as forms ask for it.
var dates = regexp.MustCompile(`\b(?:(\d{4})[-./](\d{1,2})(?:[-./](\d{1,2}))?|(\d{1,2})[-./ ](\d{1,2})[-./ ](\d{4}))\b`)

// parseSearch takes a search apart. Patients are found who have all of its parts, in any order.
func parseSearch(query string) ([]part, error) {
	query = typed.Line(query)
	if key, detail := typed.Check(query, MaxQuery); key != "" {
		return nil, fault.InvalidAll(fault.Field{Field: "query", Key: key, Detail: detail})
	}
	var parts []part
	rest := dates.ReplaceAllStringFunc(fold(query), func(date string) string {
		p := dateSpellings(dates.FindStringSubmatch(date))
		if len(p) == 0 {
			return date
		}
		parts = append(parts, append(p, numberKey(date)))
		return " "
	})
	told := len(parts) > 0
	letters := 0
	for _, word := range wordsOf(rest) {
		p := part{word}
		if bare, ok := strings.CutPrefix(word, article); ok && utf8.RuneCountInString(bare) > 1 {
			p = append(p, bare)
		}
		if bare := strings.TrimLeft(word, "0"); len(bare) >= leastBare && bare != word {
			p = append(p, bare)
		}
		letters += utf8.RuneCountInString(word)
		told = told || letters >= leastTold || strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Han, r) })
		if !slices.ContainsFunc(parts, func(o part) bool { return o[0] == word }) {
			parts = append(parts, p)
		}
	}
	switch {
	case !told:
		return nil, fault.InvalidAll(fault.Field{Field: "query", Key: "short", Detail: fmt.Sprintf("must have at least %d letters or digits", leastTold)})
	case len(parts) > MaxWords:
		return nil, fault.InvalidAll(fault.Field{Field: "query", Key: "many", Detail: fmt.Sprintf("must have at most %d words", MaxWords)})
	}
	return parts, nil
}

// parseNumber is a search for the hospital's number, which people write with blanks wherever they like: "00 12 345". None for one word, and without a digit.
func parseNumber(query string) []part {
	key := numberKey(typed.Line(query))
	if len(wordsOf(fold(query))) < 2 || !strings.ContainsFunc(key, unicode.IsDigit) {
		return nil
	}
	return []part{{key}}
}

// dateSpellings are the days that what dates has found may mean, as dateWord has them: 3/4/2012 is one in March or one in April.
func dateSpellings(m []string) (all part) {
	orders := [][3]string{{m[1], m[2], m[3]}}
	if m[1] == "" {
		orders = [][3]string{{m[6], m[5], m[4]}, {m[6], m[4], m[5]}}
	}
	if m[1] != "" && m[3] == "" {
		if month, err := time.Parse("2006-1", m[1]+"-"+m[2]); err == nil {
			return part{month.Format("200601")}
		}
		return nil
	}
	for _, o := range orders {
		day, err := time.Parse("2006-1-2", strings.Join(o[:], "-"))
		if err != nil {
			continue
		}
		if word := dateWord(day.Format(birthDateLayout)); !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// find reads up to limit patients who have, for each part of a search, a word that begins like one of its spellings. The part that the fewest have leads: what
// begins with it is read in the order of the index until there are enough, so that a search for what many have ends early.
func find(ctx context.Context, q store.Queryer, parts []part, limit int) ([]Patient, error) {
	lead, err := rarest(ctx, q, parts)
	if err != nil {
		return nil, fmt.Errorf("search patients: %w", err)
	}
	var found []Patient
	for _, word := range parts[lead] {
		more, err := findBy(ctx, q, word, slices.Delete(slices.Clone(parts), lead, lead+1), limit)
		if err != nil {
			return nil, fmt.Errorf("search patients: %w", err)
		}
		more = slices.DeleteFunc(more, func(p Patient) bool { return slices.ContainsFunc(found, func(o Patient) bool { return o.ID == p.ID }) })
		found = append(found, more...)
	}
	return found[:min(len(found), limit)], nil
}

// enoughCounted is where words are no longer told apart by how many have them.
const enoughCounted = 500

// rarest is the part that the fewest words begin with.
func rarest(ctx context.Context, q store.Queryer, parts []part) (at int, err error) {
	if len(parts) == 1 {
		return 0, nil
	}
	fewest := -1
	for i, p := range parts {
		have := 0
		for _, word := range p {
			first, last := termRange(word)
			var n int
			err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM patient_terms WHERE term BETWEEN ? AND ? LIMIT ?) AS counted`, first, last, enoughCounted).Scan(&n)
			if err != nil {
				return 0, err
			}
			have += n
		}
		if fewest < 0 || have < fewest {
			at, fewest = i, have
		}
	}
	return at, nil
}

// findBy is find where one spelling of one part leads, and others are the other parts.
func findBy(ctx context.Context, q store.Queryer, lead string, others []part, limit int) ([]Patient, error) {
	var b strings.Builder
	first, last := termRange(lead)
	args := []any{first, last, first}
	// Of several words of a patient that begin so, the first counts.
	b.WriteString(`SELECT ` + patientColumns + ` FROM patient_terms lead JOIN patients ON patients.id = lead.patient_id WHERE lead.term BETWEEN ? AND ?
		AND NOT EXISTS (SELECT 1 FROM patient_terms before WHERE before.patient_id = lead.patient_id AND before.term >= ? AND before.term < lead.term)`)
	for _, p := range others {
		var any []string
		for _, word := range p {
			first, last := termRange(word)
			any = append(any, `also.term BETWEEN ? AND ?`)
			args = append(args, first, last)
		}
		b.WriteString(` AND EXISTS (SELECT 1 FROM patient_terms also WHERE also.patient_id = lead.patient_id AND (` + strings.Join(any, ` OR `) + `))`)
	}
	for _, p := range append(others, part{lead}) {
		if !slices.ContainsFunc(p, func(word string) bool { return len(word) > termBytes }) {
			continue // the index tells all
		}
		var any []string
		for _, word := range p {
			any = append(any, `patients.folded LIKE ?`)
			args = append(args, "% "+word+"%") // words have letters and digits alone
		}
		b.WriteString(` AND (` + strings.Join(any, ` OR `) + `)`)
	}
	b.WriteString(` ORDER BY lead.term, lead.patient_id LIMIT ?`)
	return store.Collect(ctx, q, func(r *sql.Rows) (Patient, error) { return scanPatient(r.Scan) }, b.String(), append(args, limit)...)
}
