package people

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// patientForm is the form of a patient as it was typed, so that nothing is lost when something is wrong.
type patientForm struct {
	ID               string // empty: a new one
	Version          int
	Name, Number     string
	Day, Month, Year string // of birth
	Language         string
	Languages        []*words.Words
	Contacts         []contactForm
	Full             bool // no more contacts
	Problems         web.Problems
	Doubts           []doubtView
	Sure             string // the doubts that the reader has seen
	MaxName          int
	MaxNumber        int
	MaxRelation      int

	own *words.Words // the reader's
}

// contactForm is one contact of a form.
type contactForm struct {
	ID, Kind                               string
	Name, Relation, Phone, Email, Language string
	Confidential                           bool
}

// doubtView is a doubt in words, with the patients it is about.
type doubtView struct {
	Text  string
	Alike []foundLine
}

// formOf is the form filled with a patient.
func (d *Desk) formOf(r *http.Request, p Patient) patientForm {
	f := patientForm{ID: p.ID, Version: p.Version, Name: p.Name.Reveal(), Number: p.Number.Reveal(), Language: p.Language}
	if born, err := time.Parse(birthDateLayout, p.BirthDate.Reveal()); err == nil {
		f.Day, f.Month, f.Year = strconv.Itoa(born.Day()), strconv.Itoa(int(born.Month())), strconv.Itoa(born.Year())
	}
	for _, c := range p.Contacts {
		f.Contacts = append(f.Contacts, contactForm{ID: c.ID, Kind: string(c.Kind), Name: c.Name.Reveal(), Relation: c.Relation.Reveal(), Phone: PhoneWords(c.Phone).Reveal(),
			Email: c.Email.Reveal(), Language: c.Language, Confidential: c.Confidential})
	}
	return d.dressed(r, f)
}

// dressed adds what the page needs beside what was typed.
func (d *Desk) dressed(r *http.Request, f patientForm) patientForm {
	f.own, f.Languages = d.pages.Words(r), d.pages.Languages()
	f.MaxName, f.MaxNumber, f.MaxRelation, f.Full = MaxName, MaxNumber, MaxRelation, len(f.Contacts) >= MaxContacts
	return f
}

func (d *Desk) readForm(r *http.Request) patientForm {
	v := r.PostForm
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	f := patientForm{ID: web.PathID(r, "patient"), Name: get("name"), Number: get("number"), Day: get("day"), Month: get("month"), Year: get("year"), Language: get("language"), Sure: get("sure")}
	f.Version, _ = strconv.Atoi(get("version")) // what is no number is no version, so somebody else was faster
	at := func(name string, i int) string {
		if all := v[name]; i < len(all) {
			return strings.TrimSpace(all[i])
		}
		return ""
	}
	for i := range min(len(v["contact_kind"]), MaxContacts) {
		f.Contacts = append(f.Contacts, contactForm{ID: at("contact_id", i), Kind: at("contact_kind", i), Name: at("contact_name", i), Relation: at("contact_relation", i),
			Phone: at("contact_phone", i), Email: at("contact_email", i), Language: at("contact_language", i),
			Confidential: slices.Contains(v["contact_confidential"], strconv.Itoa(i))})
	}
	return d.dressed(r, f)
}

// rows adds or takes away a contact where one of the buttons for that was pressed; false: none was.
func (f *patientForm) rows(v url.Values) bool {
	kind, remove := v.Get("more"), v.Get("less")
	switch {
	case kind != "":
		if !f.Full {
			f.Contacts = append(f.Contacts, contactForm{Kind: kind})
		}
	case remove != "":
		if i, err := strconv.Atoi(remove); err == nil && i >= 0 && i < len(f.Contacts) {
			f.Contacts = slices.Delete(f.Contacts, i, i+1)
		}
	default:
		return false
	}
	f.Full = len(f.Contacts) >= MaxContacts
	return true
}

// empty says whether nothing was typed, so that the contact counts as none.
func (c contactForm) empty() bool { return c.Name+c.Relation+c.Phone+c.Email == "" && !c.Confidential }

// patient makes the patient, without contacts in which nothing was typed, and notes what cannot be read.
func (f *patientForm) patient() Patient {
	f.Contacts = slices.DeleteFunc(f.Contacts, contactForm.empty)
	p := Patient{ID: f.ID, Version: f.Version, Name: phi.Text(f.Name), Number: phi.Text(f.Number), Language: f.Language, BirthDate: phi.Text(f.birthDate())}
	for _, c := range f.Contacts {
		p.Contacts = append(p.Contacts, Contact{ID: c.ID, Kind: Kind(c.Kind), Name: phi.Text(c.Name), Relation: phi.Text(c.Relation), Phone: phi.Text(c.Phone), Email: phi.Text(c.Email),
			Language: c.Language, Confidential: c.Confidential})
	}
	return p
}

func (f *patientForm) birthDate() string {
	if f.Day+f.Month+f.Year == "" {
		return ""
	}
	day, errDay := typed.Int(f.Day)
	month, errMonth := typed.Int(f.Month)
	year, errYear := typed.Int(f.Year)
	date := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	if _, err := time.Parse(birthDateLayout, date); err != nil || errDay != nil || errMonth != nil || errYear != nil {
		f.wrong("birth_date", "birth_date.odd")
		return ""
	}
	return date
}

// wrong notes what is wrong with a field, unless something is noted already. key is what follows patients.wrong in the catalogues.
func (f *patientForm) wrong(field, key string, values ...any) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: f.own.T("patients.wrong."+key, values...)})
	}
}

// take turns what the Service found into words beside the form's fields; false: it is something else. Of contacts[1].email the field is contact_email_1.
func (f *patientForm) take(err error) bool {
	fields, ok := fault.FieldsOf(err)
	for _, e := range fields {
		if e.Key == "" { // nothing that somebody typed
			return false
		}
		var i int
		var part string
		if _, err := fmt.Sscanf(e.Field, "contacts[%d].%s", &i, &part); err == nil {
			limit := MaxName
			if part == "relation" {
				limit = MaxRelation
			}
			f.wrong(contactField(part, i), "contact."+part+"."+e.Key, "max", limit)
			continue
		}
		limit := MaxName
		if e.Field == "number" {
			limit = MaxNumber
		}
		f.wrong(e.Field, e.Field+"."+e.Key, "max", limit)
	}
	f.sortProblems()
	return ok
}

func contactField(part string, i int) string { return fmt.Sprintf("contact_%s_%d", part, i) }

// sortProblems puts problems into the order in which a reader comes by the fields.
func (f *patientForm) sortProblems() {
	order := []string{"name", "birth_date", "number", "language"}
	for i := range f.Contacts {
		for _, part := range []string{"name", "relation", "phone", "email", "language", "confidential"} {
			order = append(order, contactField(part, i))
		}
	}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return slices.Index(order, a.Field) - slices.Index(order, b.Field) })
}

// doubt puts doubts into words; false: there are none that the reader has not seen.
func (f *patientForm) doubt(d *Desk, all []Doubt) bool {
	var told []string
	for _, doubt := range all {
		key, values := doubt.Key, []any{"years", doubt.Years}
		var i int
		if _, err := fmt.Sscanf(doubt.Field, "contacts[%d].phone", &i); err == nil {
			values = []any{"number", f.Contacts[i].Phone}
		}
		view := doubtView{Text: f.own.T("patients.doubt."+key, values...)}
		tell := doubt.Field + " " + key
		for _, p := range doubt.Alike {
			view.Alike = append(view.Alike, d.line(p, f.own))
			tell += " " + p.ID
		}
		f.Doubts, told = append(f.Doubts, view), append(told, tell)
	}
	seen := strings.Join(told, "; ")
	if seen == "" || seen == f.Sure {
		return false
	}
	f.Sure = seen
	return true
}
