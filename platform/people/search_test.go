package people_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store/storetest"
)

// TestNamesAreFound: whatever script and spelling, and however much of it is typed.
func TestNamesAreFound(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	for _, c := range []struct {
		name       phi.Text
		found, not []string
	}{
		{"José Ángel Núñez-Vela", []string{"jose", "JOSÉ", "angel jose", "nunez vela", "vela nu", "Núñez-Vela", "nunezvela", "jo ang nu ve", "Jose\u0301"}, []string{"ose", "joseph", "nunes", "jose maria"}},
		{"Siobhán O'Brien", []string{"o'brien", "obrien", "O’Brien", "brien", "siobhan obr"}, []string{"rien"}},
		{"Anneke van der Meer", []string{"van der meer", "meer, anneke", "der meer", "MEER ANNEKE VAN DER"}, []string{"vander"}},
		{"Søren Ødegård", []string{"soren", "odegard", "ødegård", "Ødegard"}, nil},
		{"Łukasz Weiß", []string{"lukasz", "weiss", "WEISS", "weiß"}, nil},
		{"Işıl İnci", []string{"isil", "inci", "IŞIL", "ışıl"}, nil},
		{"محمد القصبي", []string{"محمد", "القصبي", "قصبي", "مُحَمَّد", "قصبي محم"}, []string{"أحمد", "محمدي"}},
		{"فاطمة الأحمدي", []string{"فاطمه", "الاحمدي", "احمدي", "فاطمة"}, nil},
		{"王小明", []string{"王小明", "小明", "王", "明 王"}, []string{"李"}},
		{"Nguyễn Thị Đào", []string{"nguyen thi dao", "đào", "Nguyễn"}, nil},
		{"김하늘", []string{"김하늘", "김"}, nil},
		{"Фёдор Пример", []string{"федор", "ФЁДОР", "пример фед"}, nil},
		{"Ανδρέας Παράδειγμα", []string{"ανδρεας", "ΠΑΡΑΔΕΙΓΜΑ", "ανδρ παρ"}, nil},
		{"राधा उदाहरण", []string{"राधा", "उदाहरण"}, nil},
		{"D’Angelo Saint-Exemple", []string{"dangelo", "angelo", "saint exemple", "saintexemple", "Saint‑Exemple"}, nil},
	} {
		made := d.add(t, people.Patient{Name: c.name})
		has := func(query string) bool {
			f, err := d.Search(t.Context(), scheduler, query)
			if err != nil {
				t.Errorf("%q: %v", query, err)
			}
			return slices.ContainsFunc(f.Patients, func(p people.Patient) bool { return p.ID == made.ID })
		}
		for _, query := range c.found {
			if !has(query) {
				t.Errorf("%s is not found by %q", c.name.Reveal(), query)
			}
		}
		for _, query := range c.not {
			if has(query) {
				t.Errorf("%s is found by %q", c.name.Reveal(), query)
			}
		}
	}
}

func TestNumbersAndDatesAreFound(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	d.add(t, people.Patient{Name: "Canary One", Number: "MRN-0012345", BirthDate: "2012-04-03"})
	d.add(t, people.Patient{Name: "Canary Two", Number: "10-11-2012", BirthDate: "2012-03-04"})
	d.add(t, people.Patient{Name: "Canary Three", Number: "2012", BirthDate: "2009-12-31"})
	for query, want := range map[string]string{
		"MRN-0012345":       "One",
		"MRN 00 12 345":     "One",
		"0012 345":          "One",
		"001 99":            "",
		"31 12 2009":        "Three",
		"mrn0012345":        "One",
		"12345":             "One",
		"0012345":           "One",
		"00012345":          "One",
		"0020":              "", // not who was born in 2009 or 2012
		"123":               "One",
		"345":               "",
		"2012-04-03":        "One",
		"2012-4-3":          "One",
		"3.4.2012":          "One Two", // the third of April, or the fourth of March
		"3/4/2012":          "One Two",
		"31/12/2009":        "Three",
		"12/31/2009":        "Three",
		"10-11-2012":        "Two",
		"2012":              "One Three Two",
		"canary 2012-04":    "One",
		"one 4/3/2012":      "One",
		"٢٠١٢-٠٤-٠٣":        "One",
		"99/99/2012 canary": "",
		"canary":            "One Three Two",
	} {
		f, err := d.Search(t.Context(), scheduler, query)
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		var got []string
		for _, p := range f.Patients {
			got = append(got, strings.Fields(p.Name.Reveal())[1])
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %q, want %q", query, got, want)
		}
	}
	for _, words := range []string{"MRN-0012345", "00 12 345", "canary one"} {
		if ids, err := d.Identify(t.Context(), words, "2012-04-03"); err != nil || len(ids) != 1 {
			t.Errorf("%q tells %d patients, %v", words, len(ids), err)
		}
	}
	if ids, err := d.Identify(t.Context(), "00 12 345", "2012-03-04"); err != nil || len(ids) != 0 {
		t.Errorf("a number with the birth date of somebody else tells %d patients, %v", len(ids), err)
	}
}

// TestWholeNumbersAreFound: however short, of every site, and that of nobody else.
func TestWholeNumbersAreFound(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	d.add(t, people.Patient{Name: "Seven", Number: "7"})
	d.add(t, people.Patient{Name: "Abroad", Number: "0-7", SiteID: d.abroad.ID})
	d.add(t, people.Patient{Name: "Seven Too", Number: "7", SiteID: d.abroad.ID})
	d.add(t, people.Patient{Name: "Longer 7", Number: "77"})
	d.add(t, people.Patient{Name: "Long", Number: "MRN-2026-0000123"})
	d.add(t, people.Patient{Name: "Longer", Number: "MRN-2026-0000124"})
	d.add(t, people.Patient{Name: "None"})
	for number, want := range map[phi.Text]string{
		"7": "Seven, Seven Too", "٧": "Seven, Seven Too", " 7-": "Seven, Seven Too", "07": "Abroad", "0": "", "77": "Longer 7", "777": "", "mrn 2026 0000123": "Long", "mrn20260000": "", "-": "", "": "",
	} {
		before := d.rows(t, `action = 'patient.found'`)
		f, err := d.WithNumber(t.Context(), scheduler, number)
		var names []string
		for _, p := range f.Patients {
			names = append(names, p.Name.Reveal())
		}
		slices.Sort(names)
		if got := strings.Join(names, ", "); err != nil || got != want || f.More {
			t.Errorf("%q: %s %v, want %s", number.Reveal(), got, err, want)
		}
		if shown := d.rows(t, `action = 'patient.found'`) - before; shown != len(names) {
			t.Errorf("%q: %d rows", number.Reveal(), shown)
		}
	}
	if _, err := d.WithNumber(t.Context(), clinician, "7"); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("a clinician: %v", err)
	}
	if _, err := d.WithNumber(t.Context(), scheduler, phi.Text(strings.Repeat("7", people.MaxQuery+1))); wrongFields(err) != "number long" {
		t.Errorf("too long: %v", err)
	}
}

func TestWrongSearches(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	for query, want := range map[string]string{
		"":                          "query short",
		"a":                         "query short",
		" - ' % _ ":                 "query short",
		"%%":                        "query short",
		"a\x00b":                    "query plain",
		"two\nlines":                "query plain",
		strings.Repeat("a", 101):    "query long",
		"a b c d e f g h i j k l m": "query many",
	} {
		if _, err := d.Search(t.Context(), scheduler, query); wrongFields(err) != want {
			t.Errorf("%q: wrong is %q, want %q", query, wrongFields(err), want)
		}
	}
	if n := d.rows(t, `action = 'patient.search'`); n != 0 {
		t.Errorf("%d rows of searches that were none", n)
	}
}

func TestManyAreCutOff(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	for i := range people.MaxFound + 5 {
		d.add(t, people.Patient{Name: phi.Text(fmt.Sprintf("Canary Canarybird %c", 'a'+i))})
	}
	f, err := d.Search(t.Context(), scheduler, "can")
	if err != nil || len(f.Patients) != people.MaxFound || !f.More {
		t.Fatalf("%d found, more %v, %v", len(f.Patients), f.More, err)
	}
	seen := map[string]bool{}
	for _, p := range f.Patients {
		seen[p.ID] = true
	}
	if len(seen) != people.MaxFound {
		t.Errorf("%d patients of %d rows: somebody is shown twice", len(seen), people.MaxFound)
	}
	if n := d.rows(t, `action = 'patient.found'`); n != people.MaxFound {
		t.Errorf("%d rows of %d patients shown", n, people.MaxFound)
	}
}

// TestSearchFindsWhatReadingAllWouldFind compares the index with a slow way: reading every name and looking how its words begin.
func TestSearchFindsWhatReadingAllWouldFind(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aabbcéøمح王")
	word := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	plain := strings.NewReplacer("é", "e", "ø", "o", "王", " 王 ")
	names := map[string][]string{} // words by id
	for range 300 {
		name := word(12) + " " + word(12)
		made := d.add(t, people.Patient{Name: phi.Text(name)})
		names[made.ID] = strings.Fields(plain.Replace(name))
	}
	compared := 0
	for range 400 {
		query := word(4)
		for range r.IntN(3) {
			query += " " + word(3)
		}
		if r.IntN(4) == 0 {
			query += word(10)
		}
		if strings.IndexFunc(query, func(c rune) bool { return unicode.Is(unicode.Han, c) }) < 0 && len([]rune(strings.ReplaceAll(query, " ", ""))) < 2 {
			continue
		}
		want := map[string]bool{}
		for id, words := range names {
			all := true
			for _, q := range strings.Fields(plain.Replace(query)) {
				all = all && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, q) })
			}
			if all {
				want[id] = true
			}
		}
		f, err := d.Search(t.Context(), scheduler, query)
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		if len(f.Patients) != min(len(want), people.MaxFound) || f.More != (len(want) > people.MaxFound) {
			t.Errorf("%q finds %d, more %v; want %d", query, len(f.Patients), f.More, len(want))
		}
		for _, p := range f.Patients {
			if !want[p.ID] {
				t.Errorf("%q finds %s", query, p.Name.Reveal())
			}
		}
		if len(want) > 0 {
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d searches found anybody: this shows little", compared)
	}
}
