package desk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// visitForm is the form for a new visit as it was typed, so that nothing is lost when something is wrong.
type visitForm struct {
	Service               string
	Services              []serviceChoice // that may be chosen
	OtherService          bool            // the visit is made although the site has services, and none has this name
	Date, Time, Minutes   string
	ZoneView              zoneView // of the time zone that Date and Time are in
	Clinician             string
	Clinicians            []string // that may be chosen
	Stranger              bool     // the visit is made although no account has the clinician's name
	AskBirthDate          bool
	Day, Month, Year      string // of the patient's birth
	More                  []morePerson
	Problems              web.Problems
	Today                 string // the earliest day the date field offers
	Roles                 []roleChoice
	MaxPeople, MinMinutes int
	MaxMinutes            int
	Language              string // tag of the language the family reads; "": not known
	Languages             []*words.Words
	ClinicianID           string // who was chosen in the schedule; empty: nobody
	ServiceID, SiteID     string // likewise
	Sites                 []choice
	ZonesDiffer           bool // between sites, which say theirs then
	AllowOverlap          bool
	patientPart
	interpreterPart
	repeatPart

	own  *words.Words   // the reader's
	zone *time.Location // of the site
	at   []string       // the field of each person of the request

	leaders []staff.Colleague // who has an account and may lead visits

	unlisted bool // the site has services, and none has the name that was typed
	unknown  bool // clinicians have accounts, and none has the name that was typed
}

// morePerson is a row for one more person; rows without a name are left out.
type morePerson struct{ Name, Role, Email, Phone string }

// serviceChoice is a service that may be chosen, and how long its visits are.
type serviceChoice struct {
	Name    string
	Minutes int
}

type roleChoice struct{ Value, Text string }

// rowsShown is how many empty rows for more people are there at first.
const rowsShown = 1

// newVisitForm is a form for a new visit, with what was chosen in the schedule or on a patient's page.
func (d *Desk) newVisitForm(r *http.Request) (visitForm, error) {
	asked, c := r.URL.Query(), d.config
	f := visitForm{More: make([]morePerson, rowsShown), Date: asked.Get("date"), Time: asked.Get("time"), SiteID: asked.Get("site_id")}
	f.Keep, f.PatientID = true, asked.Get("patient_id")
	if service := asked.Get("service_id"); service != "" && c.Sites != nil {
		s, err := c.Sites.Service(r.Context(), service)
		if err != nil {
			return f, err
		}
		f.ServiceID, f.Service, f.Minutes, f.AskBirthDate = s.ID, s.Name, strconv.Itoa(s.Minutes), s.AskBirthDate
	}
	if id := asked.Get("clinician_id"); id != "" && c.Colleagues != nil {
		l, err := c.Colleagues.Colleague(r.Context(), id)
		if err != nil {
			return f, err
		}
		f.ClinicianID, f.Clinician = l.ID, l.Name.Reveal()
	}
	f, err := d.dressed(r, f)
	if f.Minutes == "" && len(f.Services) == 0 {
		f.Minutes = usualMinutes
	}
	f.pickAll()
	return f, err
}

// usualMinutes is how long a visit is where no service says so.
const usualMinutes = "30"

// dressed adds what the page needs beside what was typed.
func (d *Desk) dressed(r *http.Request, f visitForm) (visitForm, error) {
	ctx, c := r.Context(), d.config
	f.own, f.Languages = d.config.Pages.Words(r), d.config.Pages.Languages()
	var err error
	if f.zone, err = d.zoneOf(ctx, visits.Visit{Booking: visits.Booking{SiteID: f.SiteID}}); err != nil {
		return f, err
	}
	f.ZoneView, f.Today = newZoneView(f.zone, f.own), d.config.Now().In(f.zone).Format(fieldDay)
	f.Roles = roleChoices(f.own, true)
	f.MaxPeople, f.MinMinutes, f.MaxMinutes = visits.MaxPeople, visits.MinMinutes, visits.MaxMinutes
	f.Spoken = spokenIn(f.own)
	f.offer()
	if c.Sites != nil {
		all, err := c.Sites.All(ctx)
		if err != nil {
			return f, err
		}
		f.Sites, f.ZonesDiffer = siteChoices(all, f.own)
		services, err := d.servicesOf(ctx, f.SiteID)
		if err != nil {
			return f, err
		}
		for _, s := range services {
			f.Services = append(f.Services, serviceChoice{s.Name, s.Minutes})
		}
	}
	leaders, err := d.config.Visits.Leaders(ctx)
	if err != nil {
		return f, err
	}
	for _, p := range leaders {
		f.Clinicians = append(f.Clinicians, p.Name.Reveal())
	}
	f.Clinicians = slices.Compact(f.Clinicians)
	return f, d.knowPatient(r, &f)
}

// siteChoices are the sites to choose from, if there are several; where their clocks differ each says its own.
func siteChoices(all []sites.Site, own *words.Words) (choices []choice, differ bool) {
	if len(all) == 1 {
		return nil, false
	}
	differ = slices.ContainsFunc(all, func(s sites.Site) bool { return s.Zone.String() != all[0].Zone.String() })
	for _, s := range all {
		name := s.Name
		if differ {
			name = own.T("desk.at_zone", "at", s.Name, "zone", own.Zone(s.Zone))
		}
		choices = append(choices, choice{s.ID, name})
	}
	return choices, differ
}

// servicesOf are the services of a site that take new visits; of an empty id, those of the hospital's first.
func (d *Desk) servicesOf(ctx context.Context, site string) ([]sites.Service, error) {
	if site == "" {
		first, err := d.config.Sites.Default(ctx)
		if err != nil {
			return nil, err
		}
		site = first.ID
	}
	all, err := d.config.Sites.ServicesOf(ctx, site)
	return slices.DeleteFunc(all, func(s sites.Service) bool { return !s.Active }), err
}

// resolve finds the service and the account that what was typed names, so that who types what is suggested chooses it.
func (d *Desk) resolve(ctx context.Context, f *visitForm) (service sites.Service, err error) {
	c := d.config
	if c.Sites != nil {
		if service, err = d.config.Visits.ServiceOf(ctx, visits.Request{SiteID: f.SiteID, PatientID: f.PatientID}, f.Service); err != nil {
			return service, err
		}
	}
	f.ServiceID = service.ID
	f.unlisted = unlisted(f.Service, service.ID != "", len(f.Services) > 0)
	if f.Minutes == "" && service.Minutes != 0 {
		f.Minutes = strconv.Itoa(service.Minutes)
	}
	if c.Colleagues == nil {
		return service, nil
	}
	all, err := d.config.Visits.Leaders(ctx)
	if err != nil {
		return service, err
	}
	some := len(all) > 0
	f.leaders = slices.Clone(all)
	all = slices.DeleteFunc(all, func(p staff.Colleague) bool { return !strings.EqualFold(p.Name.Reveal(), f.Clinician) })
	chosen := slices.ContainsFunc(all, func(p staff.Colleague) bool { return p.ID == f.ClinicianID })
	switch {
	case chosen:
	case len(all) == 1:
		f.ClinicianID = all[0].ID
	default:
		f.ClinicianID, f.unknown = "", some && len(all) == 0 && f.Clinician != ""
		if len(all) > 1 {
			f.wrong("clinician", "clinician.several")
		}
	}
	return service, nil
}

// roleChoices are the roles of one more person of a visit, whose patient is known already or may be that person.
func roleChoices(own *words.Words, patient bool) []roleChoice {
	var all []roleChoice
	for _, r := range auth.InvitedRoles() {
		if r == auth.Patient && patient {
			continue
		}
		text := roleWords(own, r)
		if r == auth.Guest {
			text = own.T("desk.role.guest")
		}
		all = append(all, roleChoice{string(r), text})
	}
	return all
}

func readVisitForm(v url.Values) visitForm {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	f := visitForm{
		Service: get("service"), Date: get("date"), Time: get("time"), Minutes: get("minutes"),
		Clinician: get("clinician"), AskBirthDate: v.Get("ask_birth_date") != "",
		Day: get("day"), Month: get("month"), Year: get("year"), Language: get("language"),
		ClinicianID: get("clinician_id"), ServiceID: get("service_id"), SiteID: get("site_id"), AllowOverlap: v.Has("allow_overlap"),
		patientPart: readPatientPart(v), interpreterPart: readInterpreterPart(v), repeatPart: readRepeatPart(v),
	}
	f.OtherService = agreed(v, f.Service)
	f.Stranger = f.Clinician != "" && get("stranger") == f.Clinician // of another name it is asked anew
	at := func(name string, i int) string {
		if all := v[name]; i < len(all) {
			return strings.TrimSpace(all[i])
		}
		return ""
	}
	for i := range min(len(v["more_name"]), visits.MaxPeople) {
		f.More = append(f.More, morePerson{at("more_name", i), at("more_role", i), at("more_email", i), at("more_phone", i)})
	}
	return f
}

// request makes the request for a visit of a service, which may be none, and fills f.Problems with all that is wrong, in the order of the form.
func (d *Desk) request(ctx context.Context, f *visitForm, service sites.Service) (visits.Request, error) {
	now := d.config.Now()
	r := visits.Request{Service: f.Service, StartsAt: f.readStart(f.zone), AskBirthDate: f.AskBirthDate, ServiceID: f.ServiceID, SiteID: f.SiteID, AllowOverlap: f.AllowOverlap,
		ClinicianID: f.ClinicianID, PatientID: f.PatientID, Interpreter: visits.Interpreter(f.Interpreter), InterpreterLanguage: f.InterpreterLanguage}
	var err error
	if r.Minutes, err = f.minutes(); err != nil {
		f.wrong("minutes", "minutes.odd")
	}
	switch typed := f.Day + f.Month + f.Year; {
	case typed == "" && f.PatientID != "" && (f.known.BirthDate != "" || !service.AskBirthDate):
		r.BirthDate = f.known.BirthDate
	case typed == "" && service.AskBirthDate: // nobody can choose otherwise
		f.AskBirthDate = true
		f.wrong("birth_date", "birth_date.service")
	case typed != "" || f.AskBirthDate:
		r.BirthDate = phi.Text(f.readBirthDate(now))
	}
	required := []struct{ field, typed string }{{"service", f.Service}, {"patient", f.Patient}, {"clinician", f.Clinician}}
	for _, p := range required {
		if p.typed == "" && (p.field != "patient" || f.PatientID == "") {
			f.wrong(p.field, p.field+".empty")
		}
	}
	if f.unlisted && !f.OtherService {
		f.wrong(otherService, "service.unlisted")
	}
	if f.unknown && !f.Stranger { // mistyped, it would stand in nobody's queue
		f.wrong("stranger", "clinician.unknown")
	}
	confidential := f.confidential(service)
	r.Confidential = &confidential
	fresh, err := d.freshPatient(ctx, f, &r)
	if err != nil {
		return r, err
	}
	f.people(&r, fresh)
	wrong, err := d.config.Visits.Wrong(ctx, r)
	f.take(fault.InvalidAll(wrong...))
	f.sortProblems()
	return r, err
}

// people adds everybody of the form to the request. fresh is the patient who is to be kept, if one is.
func (f *visitForm) people(r *visits.Request, fresh *people.Patient) {
	add := func(field string, p visits.Person) { r.People, f.at = append(r.People, p), append(f.at, field) }
	known := f.known
	if fresh != nil {
		known = *fresh
	}
	patient := visits.Person{Name: phi.Text(f.Patient), Role: auth.Patient, Language: f.Language}
	switch {
	case f.PatientID != "":
		patient.Name, patient.Language = known.Name, known.Language
	case fresh == nil:
		patient.Email, patient.Phone = phi.Text(f.OwnEmail), phi.Text(f.OwnPhone)
	}
	add("patient", patient)
	add("clinician", visits.Person{Name: phi.Text(f.Clinician), Role: auth.Clinician, StaffID: f.ClinicianID})
	for _, c := range known.Contacts {
		if f.PatientID != "" && slices.Contains(f.Contacts, c.ID) {
			add("contacts", visits.Person{Name: c.Name, Role: auth.Guardian, ContactID: c.ID})
		}
	}
	for i, p := range f.More {
		if p.Name == "" {
			continue
		}
		if p.Role == "" {
			f.wrong(fmt.Sprintf("more_role_%d", i), "role")
		}
		person := visits.Person{Name: phi.Text(p.Name), Role: auth.Role(p.Role), Email: phi.Text(p.Email), Phone: phi.Text(p.Phone)}
		if visits.OfFamily(person.Role) {
			person.Language = f.Language
		}
		if id := accountOf(f.leaders, person); id != f.ClinicianID {
			person.StaffID = id
		}
		if id := f.contactOf[i]; fresh != nil && id > 0 { // reached as a contact of the patient who is kept
			person.ContactID, person.Email, person.Phone = fresh.Contacts[id-1].ID, "", ""
		}
		add(fmt.Sprintf("more_name_%d", i), person)
	}
	if f.InterpreterName != "" {
		if f.Interpreter != string(visits.InterpreterConfirmed) {
			f.wrong("interpreter", "interpreter.name")
		}
		add("interpreter_name", visits.Person{Name: phi.Text(f.InterpreterName), Role: auth.Interpreter, Email: phi.Text(f.InterpreterEmail), Phone: phi.Text(f.InterpreterPhone)})
	}
}

// minutes reads how long the visit takes.
func (f *visitForm) minutes() (int, error) { return typed.Int(f.Minutes) }

func (f *visitForm) readStart(zone *time.Location) time.Time {
	others := len(f.Problems)
	date, clock := typed.Digits(f.Date), typed.Digits(f.Time)
	day, dayErr := time.Parse(fieldDay, date)
	switch {
	case f.Date == "":
		f.wrong("date", "date.empty")
	case dayErr != nil || day.Year() < 2000:
		f.wrong("date", "date.odd")
	}
	_, clockErr := time.Parse(fieldClock, clock)
	switch {
	case f.Time == "":
		f.wrong("time", "time.empty")
	case clockErr != nil:
		f.wrong("time", "time.odd")
	}
	if len(f.Problems) > others {
		return time.Time{}
	}
	at, exists, err := instant(date, clock, zone)
	if err != nil || !exists {
		f.wrong("time", "time.skipped")
		return time.Time{}
	}
	return at
}

func (f *visitForm) readBirthDate(now time.Time) string {
	day, errDay := typed.Int(f.Day)
	month, errMonth := typed.Int(f.Month)
	year, errYear := typed.Int(f.Year)
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	switch {
	case f.Day == "" && f.Month == "" && f.Year == "":
		f.wrong("birth_date", "birth_date.empty")
	case errDay != nil || errMonth != nil || errYear != nil || date.Day() != day || int(date.Month()) != month:
		f.wrong("birth_date", "birth_date.odd")
	case year < 1900 || date.After(now.Add(wholeDay)):
		f.wrong("birth_date", "birth_date.range")
	}
	return date.Format(time.DateOnly)
}
