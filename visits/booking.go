package visits

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// Interpreter says whether a visit has an interpreter.
type Interpreter string

// What there may be of an interpreter.
const (
	InterpreterNone      Interpreter = ""
	InterpreterRequested Interpreter = "requested"
	InterpreterConfirmed Interpreter = "confirmed"
)

// Booking ties a visit to what the hospital knows of its places, its patients and its people. All of it may be missing.
type Booking struct {
	PatientID           string // of platform/people
	SiteID              string // of platform/sites
	ServiceID           string // of platform/sites
	ClinicianID         string // account of who leads
	Confidential        bool   // nobody but the patient's own confidential contact is written to
	Interpreter         Interpreter
	InterpreterLanguage string // BCP 47; empty: no interpreter is wanted
	Identifier          Identifier
}

// Sites knows the hospital's places and services.
type Sites interface {
	Default(ctx context.Context) (sites.Site, error)
	Site(ctx context.Context, id string) (sites.Site, error)
	Service(ctx context.Context, id string) (sites.Service, error)
	All(ctx context.Context) ([]sites.Site, error)
	ServicesOf(ctx context.Context, site string) ([]sites.Service, error)
}

// Patients knows the hospital's patients: people.Service.
type Patients interface {
	Patient(ctx context.Context, id string) (people.Patient, error)
	Insert(ctx context.Context, tx *store.Tx, actor auth.Actor, p people.Patient) error
	Search(ctx context.Context, actor auth.Actor, query string) (people.Found, error)
}

// Colleagues knows the hospital's people.
type Colleagues interface {
	Colleague(ctx context.Context, id string) (staff.Colleague, error)
	Colleagues(ctx context.Context) ([]staff.Colleague, error)
	Names(ctx context.Context, ids ...string) (map[string]phi.Text, error) // also of accounts that are off
}

// practice is what the hospital knows of the ids that somebody named. Whatever was not named, or is not known, is empty.
type Practice struct {
	Site         sites.Site
	service      sites.Service
	Patient      people.Patient
	staff        map[string]staff.Colleague
	family       string        // tag of the language of those who come with the patient; empty: not known
	own          string        // the contact of a patient of whom nobody says how they are written to; empty: none
	confidential bool          // whether the visit is
	wrong        []fault.Field // ids that nobody knows
	problems     error         // that hinder looking
}

// named looks an id up, unless it is empty.
func named[T any](ctx context.Context, p *Practice, field, id string, get func(context.Context, string) (T, error)) (found T) {
	if id == "" {
		return found
	}
	err := fault.NotFound
	if get != nil {
		found, err = get(ctx, id)
	}
	switch {
	case errors.Is(err, fault.NotFound):
		p.wrong = append(p.wrong, fault.Field{Field: field, Key: "unknown", Detail: "is not known here"})
	case err != nil:
		p.problems = errors.Join(p.problems, err)
	}
	return found
}

// practiceOf looks up what a booking and its people name. Where nobody says at which site, it is that of the service, of the patient, or the hospital's first.
// fresh is a patient who is not kept yet; nil: none is.
func (s *Service) practiceOf(ctx context.Context, b Booking, fresh *people.Patient, invited []Person, prefix func(int) string) Practice {
	p := Practice{staff: map[string]staff.Colleague{}}
	var site func(context.Context, string) (sites.Site, error)
	var service func(context.Context, string) (sites.Service, error)
	var patient func(context.Context, string) (people.Patient, error)
	var colleague func(context.Context, string) (staff.Colleague, error)
	if s.config.Sites != nil {
		site, service = s.config.Sites.Site, s.config.Sites.Service
	}
	if s.config.Patients != nil {
		patient = s.config.Patients.Patient
	}
	if s.config.Colleagues != nil {
		colleague = s.config.Colleagues.Colleague
	}
	p.service = named(ctx, &p, "service_id", b.ServiceID, service)
	if fresh != nil && fresh.ID == b.PatientID {
		patient = func(context.Context, string) (people.Patient, error) { return *fresh, nil }
	}
	p.Patient = named(ctx, &p, "patient_id", b.PatientID, patient)
	switch {
	case b.SiteID != "" || site == nil:
		p.Site = named(ctx, &p, "site_id", b.SiteID, site)
	case p.service.SiteID != "":
		p.Site = named(ctx, &p, "site_id", p.service.SiteID, site)
	case p.Patient.SiteID != "":
		p.Site = named(ctx, &p, "site_id", p.Patient.SiteID, site)
	default:
		var err error
		p.Site, err = s.config.Sites.Default(ctx)
		p.problems = errors.Join(p.problems, err)
	}
	p.colleague(ctx, "clinician_id", b.ClinicianID, colleague)
	for i, person := range invited {
		p.colleague(ctx, prefix(i)+"staff_id", person.StaffID, colleague)
	}
	return p
}

// find has a visit be of a service of its site that takes new visits and has one of these names, the first that any has. There may be none: a visit can be
// of words alone.
func (s *Service) find(ctx context.Context, p *Practice, names ...string) {
	if s.config.Sites == nil || p.Site.ID == "" {
		return
	}
	all, err := s.config.Sites.ServicesOf(ctx, p.Site.ID)
	p.problems = errors.Join(p.problems, err)
	for _, name := range names {
		if at := slices.IndexFunc(all, func(known sites.Service) bool { return known.Active && SameService(known.Name, name) }); at >= 0 {
			p.service = all[at]
			return
		}
	}
}

// SameService says whether two names are of one service of a site.
func SameService(name, other string) bool {
	return strings.EqualFold(typed.Line(name), typed.Line(other))
}

// ServiceOf is the service that a request is for: that of its id, or else the first with one of these names. The zero Service: none that the site knows.
func (s *Service) ServiceOf(ctx context.Context, r Request, names ...string) (sites.Service, error) {
	p := s.practiceOf(ctx, r.booking(), nil, nil, nil)
	if r.ServiceID == "" {
		s.find(ctx, &p, names...)
	}
	return p.service, p.problems
}

func (p *Practice) colleague(ctx context.Context, field, id string, get func(context.Context, string) (staff.Colleague, error)) {
	if _, known := p.staff[id]; !known {
		if c := named(ctx, p, field, id, get); c.ID != "" {
			p.staff[id] = c
		}
	}
}

// fill puts what the hospital knows where a request says nothing.
func (p *Practice) fill(r Request) Request {
	r.SiteID = p.Site.ID
	if p.service.ID != "" {
		r.ServiceID = p.service.ID
		if r.Service == "" || SameService(r.Service, p.service.Name) {
			r.Service = p.service.Name
		}
		if r.Minutes == 0 {
			r.Minutes = p.service.Minutes
		}
		r.AskBirthDate = r.AskBirthDate || p.service.AskBirthDate
		if r.Confidential == nil {
			r.Confidential = &p.service.Confidential
		}
	}
	if r.BirthDate == "" {
		r.BirthDate = p.Patient.BirthDate
	}
	r.AskBirthDate = r.AskBirthDate || r.AskIfKnown && p.service.ID == "" && r.BirthDate != ""
	if tag, err := language.Parse(r.InterpreterLanguage); err == nil && r.InterpreterLanguage != "" {
		r.InterpreterLanguage = tag.String()
	}
	p.knowFamily(r.Confidential != nil && *r.Confidential, languageOfPatient(r.People))
	leads := slices.ContainsFunc(r.People, func(q Person) bool { return q.Role == auth.Clinician && q.StaffID == r.ClinicianID })
	for i, q := range r.People {
		if q.Role == auth.Clinician && q.StaffID == "" && !leads {
			q.StaffID, leads = r.ClinicianID, true
		}
		if q.Role == auth.Clinician && r.ClinicianID == "" {
			r.ClinicianID, leads = q.StaffID, true
		}
		r.People[i] = p.fillPerson(q)
	}
	return r
}

// knowFamily has people be filled with how the patient is written to about a visit, and with the language of the family: the patient's, or else that of whoever comes as
// the patient of the visit.
func (p *Practice) knowFamily(confidential bool, language string) {
	p.family, p.own, p.confidential = cmp.Or(p.Patient.Language, language), OwnContact(p.Patient, confidential).ID, confidential
}

// OwnContact is the contact by which the patient is written to: of a confidential visit the confidential one alone; the zero Contact: there is none.
func OwnContact(p people.Patient, confidential bool) (own people.Contact) {
	for _, c := range p.Recipients(confidential) {
		if c.Kind == people.Self && (own.ID == "" || !c.Confidential && own.Confidential) {
			own = c
		}
	}
	return own
}

// languageOfPatient is the language in which the patient comes to a visit; empty: not known.
func languageOfPatient(invited []Person) string {
	for _, q := range invited {
		if q.Role == auth.Patient && q.Language != "" {
			return q.Language
		}
	}
	return ""
}

// fillPerson is fill for one person.
func (p *Practice) fillPerson(q Person) Person {
	q.Email, q.Phone = people.TidyReach(q.Email, q.Phone, p.Site.Country)
	q = p.recognize(q)
	name, tag := p.staff[q.StaffID].Name, ""
	if OfFamily(q.Role) {
		tag = p.family
	}
	if q.Role == auth.Patient {
		name = p.Patient.Name
		if q.ContactID == "" && q.Email == "" && q.Phone == "" {
			q.ContactID = p.own
		}
	}
	if c, ok := p.Patient.Contact(q.ContactID); ok {
		if c.Name != "" {
			name = c.Name
		} else {
			name = p.Patient.Name
		}
		tag = cmp.Or(c.Language, tag)
	}
	if q.Name == "" {
		q.Name = name
	}
	if q.Language == "" {
		q.Language = tag
	}
	return q
}

// check says what is wrong with what a filled request names.
func (p *Practice) check(r Request) []fault.Field {
	wrong := slices.Clone(p.wrong)
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: field, Key: key, Detail: detail})
	}
	switch {
	case p.service.ID == "":
	case p.service.SiteID != p.Site.ID:
		add("service_id", "elsewhere", "is a service of another site")
	case !p.service.Active:
		add("service_id", "closed", "is a service that takes no new visits")
	}
	if leader, known := p.staff[r.ClinicianID]; known && !MayLead(leader) {
		add("clinician_id", "role", "must be the account of a clinician")
	}
	wrong = append(wrong, checkInterpreter(r.Interpreter, r.InterpreterLanguage)...)
	for i, q := range r.People {
		if at := slices.IndexFunc(r.People[:i], func(o Person) bool { return q.twice(o.Role, o.ContactID, o.StaffID) }); at >= 0 {
			add(fmt.Sprintf("people[%d]", i), "twice", fmt.Sprintf("is people[%d] once more, by the same contact or account", at))
		}
		wrong = append(wrong, p.checkPerson(q, fmt.Sprintf("people[%d].", i), r.Confidential != nil && *r.Confidential)...)
	}
	return wrong
}

// twice says whether somebody with this role, contact and account is the same person in the same role, who would be written to twice and get two links.
func (q Person) twice(role auth.Role, contact, account string) bool {
	return q.Role == role && (q.ContactID != "" && q.ContactID == contact || q.StaffID != "" && q.StaffID == account)
}

// maxTag is as long as a language's tag gets, with all its parts (RFC 5646 section 4.4.1).
const maxTag = 35

// checkPerson says what is wrong with how a filled person is known and reached. Of a confidential visit nobody of the family hears but the patient, and nobody
// is written to where others of the family read it.
func (p *Practice) checkPerson(q Person, prefix string, confidential bool) []fault.Field {
	wrong := people.CheckReach(prefix, q.Email, q.Phone)
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: prefix + field, Key: key, Detail: detail})
	}
	if q.StaffID != "" && OfFamily(q.Role) {
		add("staff_id", "role", "is for the hospital's people")
	}
	if colleague, known := p.staff[q.StaffID]; known && q.Role == auth.Clinician && !MayLead(colleague) {
		add("staff_id", "role", "must be the account of a clinician")
	}
	contact, known := p.Patient.Contact(q.ContactID)
	switch {
	case q.ContactID == "":
	case !OfFamily(q.Role):
		add("contact_id", "role", "is for the patient and the family")
	case !known:
		add("contact_id", "unknown", "must be that of a contact of the patient in patient_id")
	case (contact.Kind == people.Self) != (q.Role == auth.Patient):
		add("contact_id", "role", "must be the patient's own for a patient, and a guardian's for others")
	}
	if !confidential {
		return wrong
	}
	switch family := OfFamily(q.Role); {
	case family && q.Role != auth.Patient && (q.ContactID != "" || q.Email != "" || q.Phone != ""):
		add("role", "confidential", "is not written to about a confidential visit")
	case family && known && !slices.Contains(p.Patient.Recipients(true), contact):
		add("contact_id", "confidential", "must be the confidential contact, since the visit is confidential")
	default:
		switch p.barred(q.Role, q.Email, q.Phone) {
		case "email":
			add("email", "confidential", "or phone is that of a contact of the patient who must not hear of a confidential visit")
		case "contact_id":
			add("contact_id", "confidential", "must be the confidential contact, without another email or phone, since the visit is confidential")
		}
	}
	return wrong
}
