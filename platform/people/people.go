// Package people holds the hospital's patients and how to reach them and their guardians. SQL owns all of it, and every act, looking included, is
// written together with its audit row.
// It must never let a name, a birth date or an address into a log or an address bar, and never name a guardian among those who hear of a confidential visit.
package people

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/typed"
)

// The actions of patients.
const (
	Read  auth.Action = "people.read"
	Write auth.Action = "people.write"
)

// Rules are who may do what with patients. Clinicians see theirs in their visits.
var Rules = []auth.Rule{
	{Action: Read, Meaning: "search patients, see them and their contacts", Roles: []auth.Role{auth.Scheduler, auth.Coordinator, auth.Admin, auth.Program}},
	{Action: Write, Meaning: "add patients, change them and their contacts", Roles: []auth.Role{auth.Scheduler, auth.Admin, auth.Program}},
}

// Patient is somebody who is treated.
type Patient struct {
	ID        string
	SiteID    string
	Name      phi.Text // whole, as the family writes it
	BirthDate phi.Text // YYYY-MM-DD; empty: not known
	Language  string   // tag of the language they read; empty: not known
	Number    phi.Text // the hospital's own; empty: none
	Contacts  []Contact
	CreatedAt time.Time
	ChangedAt time.Time
	Version   int // counts changes, from 1
}

// Kind is whose a contact is.
type Kind string

// The kinds of contact.
const (
	Self     Kind = "self"     // the patient's own
	Guardian Kind = "guardian" // a parent's, or of whoever else is responsible
)

// Contact is a way to reach somebody about a patient.
type Contact struct {
	ID           string
	Kind         Kind
	Name         phi.Text // of the patient's own it may be empty: it is the patient's
	Relation     phi.Text // what a guardian is to the patient, in their words; may be empty
	Email        phi.Text
	Phone        phi.Text // E.164, as in +12025550100
	Language     string   // tag of the language they read; empty: the patient's
	Confidential bool     // the only one to hear of confidential visits; the patient's own alone can be it
}

// Limits.
const (
	MaxName     = 80 // characters
	MaxRelation = 40
	MaxNumber   = 40
	MaxEmail    = 254 // RFC 5321 section 4.5.3.1.3, without its brackets
	MaxContacts = 8
	maxLocal    = 64
	oldestYear  = 1900

	birthDateLayout = "2006-01-02"
)

// Recipients are the contacts that are written to about a visit: about a confidential one the confidential contact alone, if there is one, and about any
// other all of them.
func (p Patient) Recipients(confidential bool) []Contact {
	if !confidential {
		return p.Contacts
	}
	return slices.DeleteFunc(slices.Clone(p.Contacts), func(c Contact) bool { return c.Kind != Self || !c.Confidential })
}

// Contact is the patient's contact of that id; false: they have none.
func (p Patient) Contact(id string) (Contact, bool) {
	i := slices.IndexFunc(p.Contacts, func(c Contact) bool { return c.ID == id })
	if i < 0 || id == "" {
		return Contact{}, false
	}
	return p.Contacts[i], true
}

// moved says whether a contact is not reached any more where it was before, but elsewhere.
func (p Patient) moved(old Patient) bool {
	return slices.ContainsFunc(p.Contacts, func(c Contact) bool {
		return (c.Email != "" || c.Phone != "") && slices.ContainsFunc(old.Contacts, func(was Contact) bool {
			return was.ID == c.ID && (was.Email != "" && was.Email != c.Email || was.Phone != "" && was.Phone != c.Phone)
		})
	})
}

// Age is how old the patient is on a day in whole years, where their site is; false: the birth date is not known.
func (p Patient) Age(at time.Time, zone *time.Location) (years int, known bool) {
	born, err := time.Parse(birthDateLayout, p.BirthDate.Reveal())
	if err != nil {
		return 0, false
	}
	day := at.In(zone)
	years = day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		years--
	}
	return max(0, years), true
}

func tidyText(t phi.Text) phi.Text { return phi.Text(typed.Line(t.Reveal())) }

// tidy tidies what people typed. Telephone numbers without a country code are taken for those of a country.
func (p Patient) tidy(country string) Patient {
	p.Name, p.Number, p.BirthDate = tidyText(p.Name), tidyText(p.Number), phi.Text(typed.Digits(typed.Line(p.BirthDate.Reveal())))
	p.Contacts = slices.Clone(p.Contacts)
	for i, c := range p.Contacts {
		c.Name, c.Relation = tidyText(c.Name), tidyText(c.Relation)
		c.Email, c.Phone = tidyEmail(tidyText(c.Email)), tidyPhone(tidyText(c.Phone), country)
		p.Contacts[i] = c
	}
	return p
}

// tidyEmail writes the part after the @ as mail servers know it. What is no address stays as it is.
func tidyEmail(e phi.Text) phi.Text {
	local, domain, ok := strings.Cut(e.Reveal(), "@")
	if !ok {
		return e
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return e
	}
	return phi.Text(local + "@" + ascii)
}

// tidyPhone writes a number as all telephone networks know it (E.164). What is no number stays as it is.
func tidyPhone(p phi.Text, country string) phi.Text {
	n, err := phonenumbers.Parse(typed.Digits(p.Reveal()), country)
	if err != nil || n.GetExtension() != "" {
		return p
	}
	return phi.Text(phonenumbers.Format(n, phonenumbers.E164))
}

// PhoneWords is a number of a contact as people read it: with blanks.
func PhoneWords(p phi.Text) phi.Text {
	n, err := phonenumbers.Parse(p.Reveal(), "")
	if err != nil {
		return p
	}
	return phi.Text(phonenumbers.Format(n, phonenumbers.INTERNATIONAL))
}

// CountryOf is the country (ISO 3166) of a number with a country code; empty: it has none, or belongs to no country.
func CountryOf(phone string) string {
	n, err := phonenumbers.Parse(phone, "")
	if err != nil {
		return ""
	}
	if country := phonenumbers.GetRegionCodeForNumber(n); len(country) == 2 && country != "ZZ" {
		return country
	}
	return ""
}

// wrongs gathers what is wrong.
type wrongs []fault.Field

func (w *wrongs) add(field, key, detail string) {
	if key != "" {
		*w = append(*w, fault.Field{Field: field, Key: key, Detail: detail})
	}
}

// check says all that is wrong with a tidy patient, field by field. languages are those there are; today is the day where the patient's site is.
func (p Patient) check(languages []string, today time.Time) error {
	var w wrongs
	key, detail := typed.CheckName(p.Name.Reveal(), MaxName)
	w.add("name", key, detail)
	if key == "" && len(namedWords(p.Name.Reveal())) == 0 {
		w.add("name", "signs", "must have a letter")
	}
	key, detail = checkBirthDate(p.BirthDate.Reveal(), today)
	w.add("birth_date", key, detail)
	key, detail = checkLanguage(p.Language, languages)
	w.add("language", key, detail)
	key, detail = typed.Check(p.Number.Reveal(), MaxNumber)
	w.add("number", key, detail)
	if number := p.Number.Reveal(); key == "" && number != "" && numberKey(number) == "" {
		w.add("number", "signs", "must have a letter or a digit")
	}
	if len(p.Contacts) > MaxContacts {
		w.add("contacts", "many", fmt.Sprintf("must be at most %d", MaxContacts))
	} else {
		p.checkContacts(&w, languages)
	}
	return fault.InvalidAll(w...)
}

func checkBirthDate(date string, today time.Time) (key, detail string) {
	if date == "" {
		return "", ""
	}
	day, err := time.Parse(birthDateLayout, date)
	switch {
	case err != nil:
		return "odd", "must be a day as in 2012-05-31"
	case date > today.Format(birthDateLayout) || day.Year() < oldestYear:
		return "range", "must be between 1900 and today"
	}
	return "", ""
}

func checkLanguage(tag string, languages []string) (key, detail string) {
	if tag != "" && !slices.Contains(languages, tag) {
		return "odd", "must be one of the languages there are: " + strings.Join(languages, ", ")
	}
	return "", ""
}

func (p Patient) checkContacts(w *wrongs, languages []string) {
	confidential := 0
	for i, c := range p.Contacts {
		prefix := fmt.Sprintf("contacts[%d].", i)
		c.check(w, prefix, languages)
		if !c.Confidential {
			continue
		}
		if c.Kind != Self {
			w.add(prefix+"confidential", "guardian", "must be the patient's own contact")
			continue
		}
		if confidential++; confidential > 1 {
			w.add(prefix+"confidential", "twice", "must be one contact alone")
		}
		for _, o := range p.Contacts {
			if o.Kind == Guardian && c.Email != "" && strings.EqualFold(o.Email.Reveal(), c.Email.Reveal()) {
				w.add(prefix+"email", "shared", "is a guardian's too, who would read what is confidential")
			}
			if o.Kind == Guardian && c.Phone != "" && o.Phone == c.Phone {
				w.add(prefix+"phone", "shared", "is a guardian's too, who would read what is confidential")
			}
		}
	}
}

// check says what is wrong with one contact by itself; prefix is put before the names of fields.
func (c Contact) check(w *wrongs, prefix string, languages []string) {
	if c.Kind != Self && c.Kind != Guardian {
		w.add(prefix+"kind", "odd", "must be self or guardian")
	}
	key, detail := typed.Check(c.Name.Reveal(), MaxName)
	if c.Kind == Guardian {
		key, detail = typed.CheckName(c.Name.Reveal(), MaxName)
	}
	w.add(prefix+"name", key, detail)
	key, detail = typed.Check(c.Relation.Reveal(), MaxRelation)
	w.add(prefix+"relation", key, detail)
	if c.Email == "" && c.Phone == "" {
		w.add(prefix+"email", "empty", "or phone is needed")
	}
	*w = append(*w, CheckReach(prefix, c.Email, c.Phone)...)
	key, detail = checkLanguage(c.Language, languages)
	w.add(prefix+"language", key, detail)
}

// TidyReach tidies an address and a number of somebody who is no contact, as those of contacts are. Numbers without a country code are taken for those of a
// country (ISO 3166).
func TidyReach(email, phone phi.Text, country string) (tidyAddress, tidyNumber phi.Text) {
	return tidyEmail(tidyText(email)), tidyPhone(tidyText(phone), country)
}

// CheckReach says what is wrong with a tidy address and number, either of which may be empty; prefix is put before the names of fields.
func CheckReach(prefix string, email, phone phi.Text) []fault.Field {
	var w wrongs
	if email != "" && !isEmail(email.Reveal()) {
		w.add(prefix+"email", "odd", "must be an email address, as in name@example.org")
	}
	if phone != "" && !isPhone(phone.Reveal()) {
		w.add(prefix+"phone", "odd", "must be a telephone number, with its country code where it is of another country than the site")
	}
	return w
}

// isEmail says whether an address is one that every mail server takes. Whether it exists, only a letter to it could tell.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > MaxEmail || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	at := strings.LastIndex(s, "@")
	return at <= maxLocal && strings.Contains(strings.Trim(s[at+1:], "."), ".") && !strings.ContainsAny(s, `"[]`)
}

// isPhone says whether a tidy number could be one: whether its country has numbers that long. A number that the list of those in use does not know yet is
// none the worse: it is a Doubt.
func isPhone(s string) bool {
	n, err := phonenumbers.Parse(s, "")
	return err == nil && phonenumbers.Format(n, phonenumbers.E164) == s && phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE
}
