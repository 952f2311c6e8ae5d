package fhir

import (
	"cmp"
	"slices"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/typed"
)

// contacts are those of a patient after an update, in the order in which they were. Whom invitations name is known again: by the id, or else by how they are reached and called,
// for many programs keep no ids of elements.
func contacts(in fhir.Patient, old []people.Contact, country string) ([]people.Contact, error) {
	pick := func(kind people.Kind, confidential bool) []people.Contact {
		return slices.DeleteFunc(slices.Clone(old), func(c people.Contact) bool { return c.Kind != kind || c.Confidential != confidential })
	}
	own, err := ownContacts(in.Telecom, pick(people.Self, false), country)
	if err != nil {
		return nil, err
	}
	others, err := guardians(in.Contact, pick(people.Guardian, false), country)
	if err != nil {
		return nil, err
	}
	place := func(c people.Contact) int {
		at := slices.IndexFunc(old, func(o people.Contact) bool { return o.ID == c.ID })
		if at < 0 {
			return len(old)
		}
		return at
	}
	all := slices.Concat(pick(people.Self, true), own, others)
	slices.SortStableFunc(all, func(a, b people.Contact) int { return cmp.Compare(place(a), place(b)) })
	return all, nil
}

// point is a telephone number or an address of e-mail.
type point struct {
	contact string // id of whose it is; empty: not said
	email   bool
	value   phi.Text // tidy
}

// points are those among ways to reach somebody that are in use and that messages can be sent to.
func points(all []fhir.ContactPoint, element, country string) (known []point, err error) {
	count := map[bool]int{}
	for _, p := range all {
		value := phi.Text(text(p.Value))
		if p.Use != nil && *p.Use == fhir.ContactPointUseOld || p.System == nil || value == "" {
			continue
		}
		out := point{contact: strings.TrimSuffix(strings.TrimSuffix(text(p.Id), ofPhone), ofEmail)}
		switch *p.System {
		case fhir.ContactPointSystemPhone, fhir.ContactPointSystemSms:
			_, out.value = people.TidyReach("", value, country)
		case fhir.ContactPointSystemEmail:
			out.email = true
			out.value, _ = people.TidyReach(value, "", country)
		default:
			continue
		}
		known = append(known, out)
		if count[out.email]++; count[out.email] > people.MaxContacts {
			return nil, refused(element, "has more than can be kept")
		}
	}
	return known, nil
}

// place is where a contact keeps its number, or its address.
func place(c *people.Contact, email bool) *phi.Text {
	if email {
		return &c.Email
	}
	return &c.Phone
}

// reaches says whether a way to reach somebody is one that a contact has.
func (p point) reaches(c people.Contact) bool { return sameReach(*place(&c, p.email), p.value) }

// sameReach says whether two numbers or two addresses are one. Nothing is not.
func sameReach(a, b phi.Text) bool { return a != "" && strings.EqualFold(a.Reveal(), b.Reveal()) }

// ownContacts are the patient's own contacts, of those there were but the confidential one. What has the id of one is its. Without, a number or an address stays with whom it
// was, so that nobody vanishes who is reached as before. What is new goes where one is gone, or to the only contact there was; of the rest the first number and the first address
// are one contact, and so on.
func ownContacts(all []fhir.ContactPoint, old []people.Contact, country string) ([]people.Contact, error) {
	const element = "Patient.telecom"
	told, err := points(all, element, country)
	if err != nil {
		return nil, err
	}
	own := slices.Clone(old)
	for n := range own {
		own[n].Phone, own[n].Email = "", ""
	}
	var fresh []point
	for _, p := range told {
		at := slices.IndexFunc(old, func(c people.Contact) bool { return c.ID == p.contact })
		if at < 0 {
			fresh = append(fresh, p)
			continue
		}
		if *place(&own[at], p.email) != "" {
			return nil, refused(element, "has an id twice")
		}
		*place(&own[at], p.email) = p.value
	}
	for n, was := range old {
		for _, p := range told {
			if to := place(&own[n], p.email); *to == "" && p.reaches(was) {
				*to = p.value
			}
		}
	}
	fresh = slices.DeleteFunc(fresh, func(p point) bool { return slices.ContainsFunc(own, p.reaches) })
	own = append(own, addPoints(own, old, fresh)...)
	return slices.DeleteFunc(own, func(c people.Contact) bool { return c.Phone == "" && c.Email == "" }), nil
}

// addPoints puts new ways to reach a patient to their own contacts, where there is place for them by what those were, and returns new contacts with the rest.
func addPoints(own, old []people.Contact, fresh []point) (more []people.Contact) {
	had := func(c people.Contact, email bool) bool {
		return slices.ContainsFunc(old, func(was people.Contact) bool { return was.ID == c.ID && *place(&was, email) != "" })
	}
	rest := map[bool][]phi.Text{}
	for _, p := range fresh {
		at := slices.IndexFunc(own, func(c people.Contact) bool { return *place(&c, p.email) == "" && (len(old) == 1 || had(c, p.email)) })
		if at >= 0 {
			*place(&own[at], p.email) = p.value
		} else {
			rest[p.email] = append(rest[p.email], p.value)
		}
	}
	for n := range max(len(rest[false]), len(rest[true])) {
		c := people.Contact{Kind: people.Self}
		for email, values := range rest {
			if n < len(values) {
				*place(&c, email) = values[n]
			}
		}
		more = append(more, c)
	}
	return more
}

// guardians are the contacts who are not the patient, of those there were.
func guardians(all []fhir.PatientContact, old []people.Contact, country string) ([]people.Contact, error) {
	const element = "Patient.contact"
	told := make([]people.Contact, len(all))
	for n, in := range all {
		c, err := guardianOf(in, element, country)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(old, func(o people.Contact) bool { return o.ID == c.ID }) {
			c.ID = "" // one that the other program gave it
		}
		if c.ID != "" && slices.ContainsFunc(told[:n], func(o people.Contact) bool { return o.ID == c.ID }) {
			return nil, refused(element, "has an id twice")
		}
		told[n] = c
	}
	for n, was := range know(told, old) {
		c := told[n]
		was.Kind, was.Name, was.Relation, was.Phone, was.Email = c.Kind, c.Name, c.Relation, c.Phone, c.Email
		told[n] = was
	}
	return told, nil
}

// know finds for contacts that were told which of the old ones they are, if any: first what is sure, then what is likely where nobody else comes into question.
func know(told, old []people.Contact) map[int]people.Contact {
	known := map[int]people.Contact{} // by place among those told
	left := slices.Clone(old)
	pair := func(alone bool, same func(told, old people.Contact) bool) {
		for n, c := range told {
			if _, done := known[n]; done {
				continue
			}
			at := slices.IndexFunc(left, func(o people.Contact) bool { return same(c, o) })
			if at < 0 || alone && !onlyPair(told, left, known, n, at, same) {
				continue
			}
			known[n] = left[at]
			left = slices.Delete(left, at, at+1)
		}
	}
	named := func(a, b people.Contact) bool {
		return strings.EqualFold(typed.Line(a.Name.Reveal()), typed.Line(b.Name.Reveal()))
	}
	reached := func(a, b people.Contact) bool { return sameReach(a.Phone, b.Phone) || sameReach(a.Email, b.Email) }
	pair(false, func(a, b people.Contact) bool { return a.ID == b.ID })
	without := func(same func(a, b people.Contact) bool) func(a, b people.Contact) bool {
		return func(a, b people.Contact) bool { return a.ID == "" && same(a, b) }
	}
	pair(false, without(func(a, b people.Contact) bool {
		return named(a, b) && strings.EqualFold(a.Phone.Reveal(), b.Phone.Reveal()) && strings.EqualFold(a.Email.Reveal(), b.Email.Reveal())
	}))
	pair(false, without(func(a, b people.Contact) bool { return named(a, b) && reached(a, b) }))
	pair(true, without(reached))
	pair(true, without(named))
	return known
}

// onlyPair says whether of two that may be one neither may be another: of those told that are not known yet, and of the old that are left.
func onlyPair(told, left []people.Contact, known map[int]people.Contact, n, at int, same func(told, old people.Contact) bool) bool {
	for other, c := range told {
		if _, done := known[other]; !done && other != n && same(c, left[at]) {
			return false
		}
	}
	for other, o := range left {
		if other != at && same(told[n], o) {
			return false
		}
	}
	return true
}

// guardianOf is a guardian as told, with the id that was told.
func guardianOf(in fhir.PatientContact, element, country string) (c people.Contact, err error) {
	c = people.Contact{ID: text(in.Id), Kind: people.Guardian}
	var names []fhir.HumanName
	if in.Name != nil {
		names = []fhir.HumanName{*in.Name}
	}
	if c.Name, err = nameOf(names, element); err != nil {
		return c, err
	}
	for _, r := range in.Relationship {
		if c.Relation == "" {
			c.Relation = phi.Text(text(r.Text))
		}
	}
	told, err := points(in.Telecom, element, country)
	if err != nil {
		return c, err
	}
	for _, p := range told {
		if *place(&c, p.email) != "" {
			return c, refused(element, "must have one telephone number and one address at most")
		}
		*place(&c, p.email) = p.value
	}
	return c, nil
}
