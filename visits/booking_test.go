package visits_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
)

// practice is a hospital that knows its site in New York, two services, a patient with contacts, and two of its people.
type practice struct {
	*hospital
	site                 sites.Site
	cardiology, private  sites.Service
	patient              people.Patient
	mine, secret, parent people.Contact
	doctor, nurse        staff.Account
}

func newPractice(t *testing.T) *practice {
	t.Helper()
	p := &practice{hospital: newHospital(t)}
	p.know()
	return p
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// know makes what the hospital knows, and a service that knows it.
func (p *practice) know() {
	t, ctx, admin := p.t, p.t.Context(), auth.Operator()
	zone := must[*time.Location](t)(time.LoadLocation("America/New_York"))
	p.sites = must[*sites.House](t)(sites.New(ctx, sites.Config{DB: p.db, Policy: policy(t), Languages: []string{"en", "es"}, Now: p.now,
		First: sites.Site{Name: "Example Children's Hospital", Country: "US", Calendar: sites.Calendar{Zone: zone}}}))
	p.site = must[sites.Site](t)(p.sites.Default(ctx))
	p.cardiology = must[sites.Service](t)(p.sites.CreateService(ctx, admin, sites.Service{SiteID: p.site.ID, Name: "Cardiology", Minutes: 40, AskBirthDate: true, Active: true}))
	p.private = must[sites.Service](t)(p.sites.CreateService(ctx, admin, sites.Service{SiteID: p.site.ID, Name: "Adolescents", Minutes: 20, Confidential: true, Active: true}))
	p.people = must[*people.Service](t)(people.New(ctx, people.Config{DB: p.db, Policy: policy(t), Sites: p.sites, Languages: []string{"en", "es"}, Now: p.now,
		Changed: []func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error{
			func(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now people.Patient) error {
				return p.FollowPatient(ctx, tx, actor, old, now)
			}}}))
	p.patient = must[people.Patient](t)(p.people.Create(ctx, p.scheduler, people.Patient{Name: canaryPatient, BirthDate: canaryBirthDate, Language: "es", Contacts: []people.Contact{
		{Kind: people.Self, Email: "home@example.org"},
		{Kind: people.Self, Phone: "202 555 0100", Confidential: true},
		{Kind: people.Guardian, Name: canaryGuardian, Email: "guardian@example.org", Language: "en"},
	}}))
	p.mine, p.secret, p.parent = p.patient.Contacts[0], p.patient.Contacts[1], p.patient.Contacts[2]
	p.colleagues = must[*staff.Accounts](t)(staff.New(ctx, staff.Config{DB: p.db, Limiter: p, Policy: policy(t), Now: p.now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}))
	p.doctor, p.nurse = p.account("doctor", auth.Clinician), p.account("nurse", auth.Clinician)
	p.Service = p.service(p.db)
}

func (p *practice) account(name string, role auth.Role) staff.Account {
	p.t.Helper()
	return must[staff.Account](p.t)(p.colleagues.Create(p.t.Context(), auth.Operator(),
		staff.NewAccount{Name: text("Canary Clinicianname " + name), Email: text(name + "@example.org"), Password: deskPassword, Role: role}))
}

// request names everything and says nothing twice.
func (p *practice) request() visits.Request {
	return visits.Request{StartsAt: p.now(), PatientID: p.patient.ID, ServiceID: p.cardiology.ID, ClinicianID: p.doctor.ID, People: []visits.Person{
		{Role: auth.Patient, ContactID: p.mine.ID}, {Role: auth.Clinician}, {Role: auth.Guardian, ContactID: p.parent.ID},
	}}
}

func TestBookingFillsWhatIsKnown(t *testing.T) {
	p := newPractice(t)
	r := p.request()
	r.Interpreter, r.InterpreterLanguage = visits.InterpreterRequested, "ES-mx"
	r.People = append(r.People, visits.Person{Name: "Sample Guest", Role: auth.Guest, Email: " guest@EXAMPLE.org", Phone: "(202) 555-0199"})
	v, links, err := p.Create(t.Context(), p.scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	got := p.show(v.ID)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", v) {
		t.Errorf("read back\n%+v, want\n%+v", got, v)
	}
	if got.Service != "Cardiology" || got.EndsAt.Sub(got.StartsAt) != 40*time.Minute || !got.AskBirthDate || got.BirthDate.Reveal() != canaryBirthDate ||
		got.SiteID != p.site.ID || got.Confidential || got.InterpreterLanguage != "es-MX" || got.Sequence != 0 || len(links) != 4 {
		t.Errorf("made %+v", got)
	}
	for i, want := range []string{
		canaryPatient + " es " + p.mine.ID + "   ",
		"Canary Clinicianname doctor   " + p.doctor.ID + "  ",
		canaryGuardian + " en " + p.parent.ID + "   ",
		"Sample Guest es   guest@example.org +12025550199",
	} {
		n := got.Invitations[i]
		if said := fmt.Sprintf("%s %s %s %s %s %s", n.Name.Reveal(), n.Language, n.ContactID, n.StaffID, n.Email.Reveal(), n.Phone.Reveal()); said != want {
			t.Errorf("person %d is %q, want %q", i, said, want)
		}
	}

	// Who leads may be told by the person, too.
	led, _, err := p.Create(t.Context(), p.scheduler, visits.Request{ServiceID: p.cardiology.ID, StartsAt: noon, BirthDate: canaryBirthDate, People: []visits.Person{
		{Name: canaryPatient, Role: auth.Patient}, {Role: auth.Clinician, StaffID: p.nurse.ID}}})
	if err != nil || led.ClinicianID != p.nurse.ID {
		t.Errorf("led by %q: %v", led.ClinicianID, err)
	}
	link, err := p.Invite(t.Context(), p.scheduler, v.ID, visits.Person{Role: auth.Observer, StaffID: p.nurse.ID})
	if err != nil || link.Invitation.StaffID != p.nurse.ID || link.Invitation.Name != p.nurse.Name {
		t.Errorf("invited %+v: %v", link.Invitation, err)
	}
	_, err = p.Invite(t.Context(), p.scheduler, v.ID, visits.Person{Role: auth.Observer, Name: "Sample", StaffID: store.NewID(), ContactID: p.mine.ID, Email: "x"})
	wantFields(t, err, "contact_id", "email", "staff_id")
}

// languagesOf are the languages in which the people of a visit are written to, in their order.
func languagesOf(v visits.Visit) (all string) {
	for _, i := range v.Invitations {
		all += i.Language + "."
	}
	return all
}

// TestFamilyReadsThePatientsLanguage: who comes with the patient reads the language of the patient, unless somebody says another; the hospital's people do not.
func TestFamilyReadsThePatientsLanguage(t *testing.T) {
	p := newPractice(t)
	with := func(r visits.Request) visits.Request {
		r.People = append(r.People, visits.Person{Name: "Sample Father", Role: auth.Guardian, Email: "father@example.org"}, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Language: "en"},
			visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter})
		return r
	}
	unkept := p.hospital.request()
	unkept.Service = "Nutrition" // whose links do not ask for a date of birth
	unkept.People = []visits.Person{{Name: "Sample Guest", Role: auth.Guest}, {Name: canaryPatient, Role: auth.Patient, Language: "es"}, {Name: canaryClinician, Role: auth.Clinician}}
	for name, c := range map[string]struct {
		request visits.Request
		want    string
	}{
		"a patient who is kept":     {with(p.request()), "es..en.es.en.."},
		"a patient who is not kept": {with(unkept), "es.es..es.en.."},
	} {
		v, links, err := p.Create(t.Context(), p.scheduler, c.request)
		if err != nil {
			t.Fatal(err)
		}
		if got := languagesOf(v); got != c.want {
			t.Errorf("%s: languages %s, want %s", name, got, c.want)
		}
		for role, want := range map[auth.Role]string{auth.Guardian: "es", auth.Guest: "es", auth.Observer: ""} {
			late, err := p.Invite(t.Context(), p.scheduler, v.ID, visits.Person{Name: "Sample Late", Role: role})
			if err != nil || late.Invitation.Language != want {
				t.Errorf("%s: a %s who is added later reads %q, want %q: %v", name, role, late.Invitation.Language, want, err)
			}
		}
		e := p.redeem(links[slices.IndexFunc(links, func(l visits.Link) bool { return l.Invitation.Role == auth.Clinician })], "device")
		p.enters(e)
		guest, err := p.InviteFrom(t.Context(), v.ID, e.Token, visits.Person{Name: "Sample Neighbour", Role: auth.Guest})
		if err != nil || guest.Invitation.Language != "es" {
			t.Errorf("%s: who is invited from within reads %q: %v", name, guest.Invitation.Language, err)
		}
	}
}

// TestPatientIsWrittenToByTheirOwnContact: where nobody says how; of a confidential visit by the confidential contact alone.
func TestPatientIsWrittenToByTheirOwnContact(t *testing.T) {
	p := newPractice(t)
	ask := func(service sites.Service, patient visits.Person) visits.Visit {
		t.Helper()
		patient.Role = auth.Patient
		v, _, err := p.Create(t.Context(), p.scheduler, visits.Request{StartsAt: noon, PatientID: p.patient.ID, ServiceID: service.ID, ClinicianID: p.doctor.ID, AllowOverlap: true,
			People: []visits.Person{{Role: auth.Clinician}, patient, {Name: "Sample Twin", Role: auth.Patient}}})
		if err != nil {
			t.Fatal(err)
		}
		if twin := v.Invitations[2]; twin.ContactID != "" {
			t.Errorf("a second patient has the contact %s", twin.ContactID)
		}
		return v
	}
	for name, c := range map[string]struct {
		service sites.Service
		patient visits.Person
		want    string
	}{
		"nobody says how":              {p.cardiology, visits.Person{}, p.mine.ID},
		"confidential":                 {p.private, visits.Person{}, p.secret.ID},
		"by another contact":           {p.cardiology, visits.Person{ContactID: p.secret.ID}, p.secret.ID},
		"by an e-mail":                 {p.cardiology, visits.Person{Email: "school@example.org"}, ""},
		"by a number":                  {p.cardiology, visits.Person{Phone: "+12025550177"}, ""},
		"by an e-mail, confidentially": {p.private, visits.Person{Email: "school@example.org"}, ""},
	} {
		got := ask(c.service, c.patient).Invitations[1]
		if got.ContactID != c.want || got.Email != c.patient.Email || got.Phone != c.patient.Phone || got.Name != p.patient.Name {
			t.Errorf("%s: %+v, want the contact %q", name, got, c.want)
		}
	}

	// Who is withdrawn and invited again is the patient still.
	v := ask(p.private, visits.Person{})
	for _, i := range v.Invitations[1:] {
		if err := p.Withdraw(t.Context(), p.scheduler, v.ID, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{p.secret.ID, ""} {
		again, err := p.Invite(t.Context(), p.scheduler, v.ID, visits.Person{Role: auth.Patient})
		if err != nil || again.Invitation.ContactID != want {
			t.Errorf("invited again by %q, want %q: %v", again.Invitation.ContactID, want, err)
		}
	}

	// Nobody is written to who has no contact of that kind.
	p.patient.Contacts = []people.Contact{p.mine, p.parent}
	if _, err := p.people.Update(t.Context(), p.scheduler, p.patient); err != nil {
		t.Fatal(err)
	}
	if got := ask(p.private, visits.Person{}).Invitations[1]; got.ContactID != "" {
		t.Errorf("of a confidential visit the patient hears by %s", got.ContactID)
	}
}

func TestBookingRefuses(t *testing.T) {
	p := newPractice(t)
	closed := must[sites.Service](t)(p.sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: p.site.ID, Name: "Closed", Minutes: 30}))
	other := must[sites.Site](t)(p.sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Other", Languages: []string{"en"}, Calendar: sites.Calendar{Zone: time.UTC}}))
	clerk := p.account("clerk", auth.Coordinator)
	secretly := true
	for name, c := range map[string]struct {
		change func(*visits.Request)
		want   string
	}{
		"nobody knows them": {func(r *visits.Request) {
			r.PatientID, r.SiteID, r.ServiceID, r.ClinicianID = store.NewID(), store.NewID(), "'; --", store.NewID()
			r.People[1].StaffID = store.NewID()
		}, "clinician_id minutes patient_id people[0].contact_id people[0].name people[1].name people[1].staff_id people[2].contact_id people[2].name service service_id site_id"},
		"a service that is closed":        {func(r *visits.Request) { r.ServiceID = closed.ID }, "service_id"},
		"a service of another site":       {func(r *visits.Request) { r.SiteID = other.ID }, "service_id"},
		"a language without interpreter":  {func(r *visits.Request) { r.InterpreterLanguage = "es" }, "interpreter"},
		"an interpreter without language": {func(r *visits.Request) { r.Interpreter = visits.InterpreterConfirmed }, "interpreter_language"},
		"no such interpreter":             {func(r *visits.Request) { r.Interpreter, r.InterpreterLanguage = "maybe", "es" }, "interpreter"},
		"a language that is none":         {func(r *visits.Request) { r.Interpreter, r.InterpreterLanguage = "requested", "Spanish, please" }, "interpreter_language"},
		"family with an account":          {func(r *visits.Request) { r.People[2].StaffID = p.nurse.ID }, "people[2].staff_id"},
		"led by who may not lead":         {func(r *visits.Request) { r.ClinicianID = clerk.ID }, "clinician_id people[1].staff_id"},
		"a clinician who is none": {func(r *visits.Request) {
			r.People = append(r.People, visits.Person{Role: auth.Clinician, StaffID: clerk.ID})
		}, "people[3].staff_id"},
		"a guardian's contact":        {func(r *visits.Request) { r.People[0].ContactID = p.parent.ID }, "people[0].contact_id"},
		"staff with a contact":        {func(r *visits.Request) { r.People[1].ContactID = p.mine.ID }, "people[1].contact_id"},
		"a number that is none":       {func(r *visits.Request) { r.People[2].Phone = "12" }, "people[2].phone"},
		"confidential":                {func(r *visits.Request) { r.Confidential = &secretly }, "people[0].contact_id people[2].role"},
		"confidential by its service": {func(r *visits.Request) { r.ServiceID = p.private.ID }, "people[0].contact_id people[2].role"},
		"confidential, to a guardian": {func(r *visits.Request) {
			r.ServiceID, r.People = p.private.ID, r.People[:2]
			r.People[0].ContactID, r.People[0].Email = "", "Guardian@example.org"
		}, "people[0].email"},
		"confidential, to a guardian as interpreter": {func(r *visits.Request) {
			r.ServiceID, r.People = p.private.ID, append(r.People[:2:2], visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter, Email: "Guardian@example.org"})
			r.People[0].ContactID = p.secret.ID
		}, "people[2].email"},
		"confidential, as it should be": {func(r *visits.Request) {
			r.ServiceID, r.People = p.private.ID, r.People[:2]
			r.People[0].ContactID = p.secret.ID
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.request()
			r.AllowOverlap = true
			c.change(&r)
			_, _, err := p.Create(t.Context(), p.scheduler, r)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFields(t, err, strings.Fields(c.want)...)
		})
	}
	// A server that knows no practice takes no ids for granted.
	bare := newHospital(t)
	r := bare.request()
	r.PatientID, r.SiteID, r.ServiceID, r.ClinicianID = store.NewID(), store.NewID(), store.NewID(), store.NewID()
	_, _, err := bare.Create(t.Context(), bare.scheduler, r)
	wantFields(t, err, "clinician_id", "patient_id", "service_id", "site_id")
	// Who may not plan visits learns nothing of what is known.
	_, _, err = p.Create(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Observer}, visits.Request{PatientID: "x"})
	wantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
}

// TestServiceByName: who names a service of the site names it, by whatever case and blanks; other words are no service.
func TestServiceByName(t *testing.T) {
	p := newPractice(t)
	other := must[sites.Site](t)(p.sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Other", Country: "US", Languages: []string{"en"}, Calendar: p.site.Calendar}))
	must[sites.Service](t)(p.sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: other.ID, Name: "Dental", Minutes: 20, Active: true}))
	closed := must[sites.Service](t)(p.sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: p.site.ID, Name: "Closed", Minutes: 20}))
	named := func(name string) visits.Visit {
		t.Helper()
		r := p.request()
		r.ServiceID, r.Service, r.AllowOverlap, r.Minutes = "", name, true, 30
		r.People = r.People[:2]
		r.People[0].ContactID = p.secret.ID
		v, _, err := p.Create(t.Context(), p.scheduler, r)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := named(" cardio\u200bLOGY"); v.ServiceID != p.cardiology.ID || v.Service != "Cardiology" || !v.AskBirthDate || v.EndsAt.Sub(v.StartsAt) != 30*time.Minute {
		t.Errorf("cardiology: %+v", v)
	}
	if v := named("Adolescents"); v.ServiceID != p.private.ID || !v.Confidential {
		t.Errorf("adolescents: %+v", v)
	}
	for _, words := range []string{"Dental", "Closed", "Cardiology clinic"} {
		v := named(words)
		if v.ServiceID != "" || v.Service != words || v.AskBirthDate || v.Confidential {
			t.Errorf("%s: %+v", words, v)
		}
	}
	v := named("Nutrition")
	for _, e := range []struct {
		visits.Edit
		id, words string
	}{
		{visits.Edit{Service: new("cardiology ")}, p.cardiology.ID, "Cardiology"},
		{visits.Edit{Service: new("Heart")}, p.cardiology.ID, "Heart"}, // other words for the same
		{visits.Edit{Service: new("Closed")}, p.cardiology.ID, "Closed"},
		{visits.Edit{Service: new("Heart"), ServiceID: new("")}, "", "Heart"},
		{visits.Edit{Service: new("Adolescents")}, p.private.ID, "Adolescents"},
	} {
		edited, err := p.Edit(t.Context(), p.scheduler, v.ID, e.Edit)
		if err != nil || edited.ServiceID != e.id || edited.Service != e.words || p.show(v.ID).ServiceID != e.id {
			t.Errorf("%s: %+v, %v", e.words, edited, err)
		}
	}
	_, err := p.Edit(t.Context(), p.scheduler, v.ID, visits.Edit{ServiceID: &closed.ID})
	wantFields(t, err, "service_id")
}
