package imports

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/typed"
	"housecall/visits"
)

// Line is one visit of a file as it would be made.
type Line struct {
	Number   int // of its line in the file
	Request  visits.Request
	Patient  string
	New      bool // the patient is not known yet
	Site     sites.Site
	Service  string
	Overlaps int // visits of the clinician or the patient at that time

	Elsewhere bool // somebody is reached elsewhere than the hospital has it
	Unreached bool // the visit is confidential, and nobody can be written to about it

	confidential bool
}

// reader turns the rows of a file into requests.
type reader struct {
	*Importer
	sites    []sites.Site
	services map[string][]sites.Service // by site
	staff    []staff.Colleague
	wrong    []Wrong
	lines    []Line
	patients []people.Patient           // of each line, as the file has them
	ready    map[string]*people.Patient // those who are new, by what they are known by
}

func (s *Importer) newReader(ctx context.Context) (*reader, error) {
	r := &reader{Importer: s, services: map[string][]sites.Service{}, ready: map[string]*people.Patient{}}
	var err error
	if r.sites, err = s.config.Sites.All(ctx); err != nil {
		return nil, err
	}
	for _, site := range r.sites {
		if r.services[site.ID], err = s.config.Sites.ServicesOf(ctx, site.ID); err != nil {
			return nil, err
		}
	}
	r.staff, err = s.config.Visits.Leaders(ctx)
	return r, err
}

// add notes what is wrong with a cell, once.
func (r *reader) add(line int, c Column, key string, values ...any) {
	if !r.has(line, c) {
		r.wrong = append(r.wrong, Wrong{line, c, key, values})
	}
}

// has says whether something is wrong with a cell already.
func (r *reader) has(line int, c Column) bool {
	return slices.ContainsFunc(r.wrong, func(w Wrong) bool { return w.Line == line && w.Column == c })
}

// hasAny says whether something is wrong with a line already.
func (r *reader) hasAny(line int) bool {
	return slices.ContainsFunc(r.wrong, func(w Wrong) bool { return w.Line == line })
}

// addOther notes what no column stands for, unless it may follow from what is wrong with the line already.
func (r *reader) addOther(line int) {
	if !r.hasAny(line) {
		r.add(line, "", "desk.wrong.other")
	}
}

// read reads one row, as far as the hospital's patients need not be known for it.
func (r *reader) read(one row) {
	n := one.line
	l := Line{Number: n, Patient: one.get(PatientName), Site: r.siteOf(one)}
	q := visits.Request{AskIfKnown: true, SiteID: l.Site.ID, Service: one.get(Service), BirthDate: phi.Text(typed.Digits(one.get(BirthDate))), InterpreterLanguage: one.get(InterpreterLanguage)}
	service := r.serviceOf(one, l.Site.ID)
	if service.ID != "" {
		q.ServiceID, q.Service, q.Minutes = service.ID, service.Name, service.Minutes
	}
	l.Service = q.Service
	if told := one.get(Minutes); told != "" {
		minutes, err := typed.Int(told)
		if err != nil {
			r.add(n, Minutes, "desk.wrong.minutes.odd")
		}
		q.Minutes = minutes
	} else if q.Minutes == 0 && !r.has(n, Service) { // of a service that there is not, nobody knows how long it takes
		r.add(n, Minutes, "desk.wrong.minutes.odd")
	}
	q.StartsAt = r.startOf(one, l.Site.Zone)
	q.ClinicianID = r.clinicianOf(one)
	if q.Confidential = r.confidentialOf(one); q.Confidential != nil {
		l.confidential = *q.Confidential
	} else {
		l.confidential = service.Confidential
	}
	if q.InterpreterLanguage != "" {
		q.Interpreter = visits.InterpreterRequested
	}
	l.Request = q
	r.lines, r.patients = append(r.lines, l), append(r.patients, patientOf(one, l))
}

// patientOf is the patient of a row, with the contacts that it names.
func patientOf(one row, l Line) people.Patient {
	p := people.Patient{SiteID: l.Site.ID, Name: phi.Text(one.get(PatientName)), BirthDate: l.Request.BirthDate, Language: one.get(Language), Number: phi.Text(one.get(PatientNumber))}
	reach := func(email, phone Column) (phi.Text, phi.Text) {
		return people.TidyReach(phi.Text(one.get(email)), phi.Text(one.get(phone)), l.Site.Country)
	}
	if email, phone := reach(PatientEmail, PatientPhone); email+phone != "" {
		p.Contacts = append(p.Contacts, people.Contact{Kind: people.Self, Email: email, Phone: phone, Confidential: l.confidential})
	}
	if email, phone := reach(GuardianEmail, GuardianPhone); email+phone != "" || one.get(GuardianName) != "" {
		p.Contacts = append(p.Contacts, people.Contact{Kind: people.Guardian, Name: phi.Text(one.get(GuardianName)), Relation: phi.Text(one.get(GuardianRelation)),
			Email: email, Phone: phone, Language: one.get(GuardianLanguage)})
	}
	return p
}

func (r *reader) siteOf(one row) sites.Site {
	name := one.get(Site)
	if name == "" {
		return r.sites[0]
	}
	for _, s := range r.sites {
		if strings.EqualFold(s.Name, name) {
			return s
		}
	}
	r.add(one.line, Site, "imports.wrong.site")
	return r.sites[0]
}

func (r *reader) serviceOf(one row, site string) sites.Service {
	name := one.get(Service)
	for _, s := range r.services[site] {
		if s.Active && visits.SameService(s.Name, name) {
			return s
		}
	}
	switch {
	case name == "":
		r.add(one.line, Service, "desk.wrong.service.empty")
	case len(r.services[site]) > 0 && !r.has(one.line, Site): // of a site that there is not, nobody knows the services
		r.add(one.line, Service, "imports.wrong.service")
	}
	return sites.Service{}
}

func (r *reader) clinicianOf(one row) string {
	name := one.get(Clinician)
	var found []string
	for _, p := range r.staff {
		if strings.EqualFold(p.Name.Reveal(), name) {
			found = append(found, p.ID)
		}
	}
	switch {
	case name == "":
		r.add(one.line, Clinician, "desk.wrong.clinician.empty")
	case len(found) > 1:
		r.add(one.line, Clinician, "imports.wrong.clinician_several")
	case len(found) == 0:
		r.add(one.line, Clinician, "imports.wrong.clinician")
	default:
		return found[0]
	}
	return ""
}

func (r *reader) startOf(one row, zone *time.Location) time.Time {
	day, err := sites.ParseDay(one.get(Date))
	switch {
	case one.get(Date) == "":
		r.add(one.line, Date, "desk.wrong.date.empty")
	case err != nil:
		r.add(one.line, Date, "desk.wrong.date.odd")
	}
	clock, clockErr := sites.ParseClock(one.get(Time))
	switch {
	case one.get(Time) == "":
		r.add(one.line, Time, "desk.wrong.time.empty")
	case clockErr != nil:
		r.add(one.line, Time, "desk.wrong.time.odd")
	}
	if err != nil || clockErr != nil {
		return time.Time{}
	}
	at := day.At(clock, zone)
	if local := at.In(zone); time.Duration(local.Hour())*time.Hour+time.Duration(local.Minute())*time.Minute != clock {
		r.add(one.line, Time, "desk.wrong.time.skipped")
		return time.Time{} // a time that nobody wrote would stand beside it
	}
	return at
}

func (r *reader) confidentialOf(one row) *bool {
	typed := one.get(Confidential)
	if typed == "" {
		return nil
	}
	value, known := r.names.answers[fold(typed)]
	if !known {
		r.add(one.line, Confidential, "imports.wrong.yes_no")
	}
	return &value
}

// meet finds the patients whom the hospital knows among those of the file, and makes the others ready. Lines of the same new patient share one.
func (r *reader) meet(ctx context.Context, actor auth.Actor) error {
	found, err := r.config.Patients.Alike(ctx, actor, r.patients)
	if err != nil {
		return err
	}
	for i, p := range r.patients {
		l := &r.lines[i]
		known := slices.DeleteFunc(found[i], func(o people.Patient) bool {
			return p.NumberKey() != "" && o.NumberKey() != "" && p.NumberKey() != o.NumberKey()
		})
		switch {
		case len(known) > 1:
			r.add(l.Number, PatientName, "imports.wrong.patient_several")
		case len(known) == 1 && known[0].Likeness() != p.Likeness():
			r.add(l.Number, PatientNumber, "imports.wrong.number")
		case len(known) == 1:
			l.Request.PatientID = known[0].ID
			r.invite(l, known[0], p)
		default:
			if err := r.fresh(ctx, l, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh makes the patient of a line ready, unless an earlier line has.
func (r *reader) fresh(ctx context.Context, l *Line, p people.Patient) error {
	byName := p.SiteID + " name " + p.Likeness()
	byNumber := p.SiteID + " number " + p.NumberKey()
	same := r.ready[byName]
	if p.NumberKey() != "" {
		if other := r.ready[byNumber]; other != nil && other.Likeness() != p.Likeness() {
			r.add(l.Number, PatientNumber, "imports.wrong.number")
			return nil
		}
		if same != nil && same.NumberKey() != p.NumberKey() {
			same = r.ready[byNumber]
		}
	}
	if same != nil {
		l.Request.PatientID, l.Request.NewPatient = same.ID, same
		r.invite(l, *same, p)
		return nil
	}
	l.New = true
	ready, err := r.config.Patients.Prepare(ctx, p)
	if fields, ok := fault.FieldsOf(err); ok {
		for _, e := range fields {
			r.takePatient(l.Number, p, e)
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.ready[byName], r.ready[byNumber] = &ready, &ready
	l.Request.PatientID, l.Request.NewPatient = ready.ID, &ready
	r.invite(l, ready, ready)
	return nil
}

// invite adds the people of a line: known is the patient as the hospital has them, p as the file does. Whom the file does not name comes as the hospital has them.
func (r *reader) invite(l *Line, known, p people.Patient) {
	patient := visits.Person{Role: auth.Patient, Name: known.Name, Language: cmp.Or(known.Language, p.Language)}
	var guardians []visits.Person
	for _, c := range p.Contacts {
		one := visits.Person{Role: auth.Guardian, Name: c.Name, Language: c.Language, Email: c.Email, Phone: c.Phone}
		if at := contactOf(known.Contacts, c); at >= 0 {
			one.ContactID, one.Email, one.Phone = known.Contacts[at].ID, "", ""
		} else if c.Email+c.Phone != "" && slices.ContainsFunc(known.Contacts, func(o people.Contact) bool { return samePerson(o, c) }) {
			l.Elsewhere = true
		}
		if c.Kind == people.Self {
			patient.ContactID, patient.Email, patient.Phone = one.ContactID, one.Email, one.Phone
		} else {
			guardians = append(guardians, one)
		}
	}
	if guardians == nil && !l.confidential {
		for _, c := range known.Contacts {
			if c.Kind == people.Guardian {
				guardians = append(guardians, visits.Person{Role: auth.Guardian, Name: c.Name, ContactID: c.ID})
			}
		}
	}
	l.Unreached = l.confidential && patient.ContactID == "" && patient.Email+patient.Phone == "" && len(known.Recipients(true)) == 0
	l.Request.People = append([]visits.Person{patient, {Role: auth.Clinician, StaffID: l.Request.ClinicianID}}, guardians...)
}

// contactOf is the place of the contact that a file means by c; -1: it is none of all. Where the file says how they are reached, it is who is reached so, first of these who is called so;
// where it gives a name alone, who is called so, if that is one alone: another guardian must not get what is for this one.
func contactOf(all []people.Contact, c people.Contact) int {
	find := func(is func(people.Contact) bool) (first int, alone bool) {
		first = slices.IndexFunc(all, is)
		return first, first >= 0 && !slices.ContainsFunc(all[first+1:], is)
	}
	called := func(o people.Contact) bool { return samePerson(o, c) }
	if c.Email+c.Phone == "" {
		if at, alone := find(called); alone {
			return at
		}
		if at, alone := find(func(o people.Contact) bool { return called(o) && samePerson(c, o) }); alone { // not one whose name only begins so
			return at
		}
		return -1
	}
	reached := func(o people.Contact) bool {
		return o.Kind == c.Kind && (c.Email == "" || strings.EqualFold(o.Email.Reveal(), c.Email.Reveal())) && (c.Phone == "" || o.Phone == c.Phone)
	}
	if at, _ := find(func(o people.Contact) bool { return reached(o) && called(o) }); at >= 0 {
		return at
	}
	at, _ := find(reached)
	return at
}

// samePerson says whether two contacts of a patient are of one person: the patient, or a guardian of the same name.
func samePerson(a, b people.Contact) bool {
	return a.Kind == b.Kind && (a.Kind == people.Self || people.Named(a.Name, b.Name.Reveal()))
}
