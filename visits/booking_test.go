package visits_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func text(s string) phi.Text { return phi.Text(s) }

func TestBookingFillsWhatIsKnown(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := p.Request()
	r.Interpreter, r.InterpreterLanguage = visits.InterpreterRequested, "ES-mx"
	r.People = append(r.People, visits.Person{Name: "Sample Guest", Role: auth.Guest, Email: " guest@EXAMPLE.org", Phone: "(202) 555-0199"})
	v, links, err := p.Create(t.Context(), p.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	got := p.Shown(v.ID)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", v) {
		t.Errorf("read back\n%+v, want\n%+v", got, v)
	}
	if got.Service != "Cardiology" || got.EndsAt.Sub(got.StartsAt) != 40*time.Minute || !got.AskBirthDate || got.BirthDate.Reveal() != visitstest.CanaryBirthDate ||
		got.SiteID != p.Site.ID || got.Confidential || got.InterpreterLanguage != "es-MX" || got.Sequence != 0 || len(links) != 4 {
		t.Errorf("made %+v", got)
	}
	for i, want := range []string{
		visitstest.CanaryPatient + " es " + p.Mine.ID + "   ",
		"Canary Clinicianname doctor   " + p.Doctor.ID + "  ",
		visitstest.CanaryGuardian + " en " + p.Parent.ID + "   ",
		"Sample Guest es   guest@example.org +12025550199",
	} {
		n := got.Invitations[i]
		if said := fmt.Sprintf("%s %s %s %s %s %s", n.Name.Reveal(), n.Language, n.ContactID, n.StaffID, n.Email.Reveal(), n.Phone.Reveal()); said != want {
			t.Errorf("person %d is %q, want %q", i, said, want)
		}
	}

	// Who leads may be told by the person, too.
	led, _, err := p.Create(t.Context(), p.Scheduler, visits.Request{ServiceID: p.Cardiology.ID, StartsAt: visitstest.Noon, BirthDate: visitstest.CanaryBirthDate, People: []visits.Person{
		{Name: visitstest.CanaryPatient, Role: auth.Patient}, {Role: auth.Clinician, StaffID: p.Nurse.ID}}})
	if err != nil || led.ClinicianID != p.Nurse.ID {
		t.Errorf("led by %q: %v", led.ClinicianID, err)
	}
	link, err := p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Role: auth.Observer, StaffID: p.Nurse.ID})
	if err != nil || link.Invitation.StaffID != p.Nurse.ID || link.Invitation.Name != p.Nurse.Name {
		t.Errorf("invited %+v: %v", link.Invitation, err)
	}
	_, err = p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Role: auth.Observer, Name: "Sample", StaffID: store.NewID(), ContactID: p.Mine.ID, Email: "x"})
	visitstest.WantFields(t, err, "contact_id", "email", "staff_id")
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
	p := visitstest.NewPractice(t)
	with := func(r visits.Request) visits.Request {
		r.People = append(r.People, visits.Person{Name: "Sample Father", Role: auth.Guardian, Email: "father@example.org"}, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Language: "en"},
			visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter})
		return r
	}
	unkept := p.Hospital.Request()
	unkept.Service = "Nutrition" // whose links do not ask for a date of birth
	unkept.People = []visits.Person{{Name: "Sample Guest", Role: auth.Guest}, {Name: visitstest.CanaryPatient, Role: auth.Patient, Language: "es"}, {Name: visitstest.CanaryClinician, Role: auth.Clinician}}
	for name, c := range map[string]struct {
		request visits.Request
		want    string
	}{
		"a patient who is kept":     {with(p.Request()), "es..en.es.en.."},
		"a patient who is not kept": {with(unkept), "es.es..es.en.."},
	} {
		v, links, err := p.Create(t.Context(), p.Scheduler, c.request)
		if err != nil {
			t.Fatal(err)
		}
		if got := languagesOf(v); got != c.want {
			t.Errorf("%s: languages %s, want %s", name, got, c.want)
		}
		for role, want := range map[auth.Role]string{auth.Guardian: "es", auth.Guest: "es", auth.Observer: ""} {
			late, err := p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Name: "Sample Late", Role: role})
			if err != nil || late.Invitation.Language != want {
				t.Errorf("%s: a %s who is added later reads %q, want %q: %v", name, role, late.Invitation.Language, want, err)
			}
		}
		e := p.Follow(links[slices.IndexFunc(links, func(l visits.Link) bool { return l.Invitation.Role == auth.Clinician })], "device")
		p.Enters(e)
		guest, err := p.InviteFrom(t.Context(), v.ID, e.Token, visits.Person{Name: "Sample Neighbour", Role: auth.Guest})
		if err != nil || guest.Invitation.Language != "es" {
			t.Errorf("%s: who is invited from within reads %q: %v", name, guest.Invitation.Language, err)
		}
	}
}

// TestPatientIsWrittenToByTheirOwnContact: where nobody says how; of a confidential visit by the confidential contact alone.
func TestPatientIsWrittenToByTheirOwnContact(t *testing.T) {
	p := visitstest.NewPractice(t)
	ask := func(service sites.Service, patient visits.Person) visits.Visit {
		t.Helper()
		patient.Role = auth.Patient
		v, _, err := p.Create(t.Context(), p.Scheduler, visits.Request{StartsAt: visitstest.Noon, PatientID: p.Patient.ID, ServiceID: service.ID, ClinicianID: p.Doctor.ID, AllowOverlap: true,
			People: []visits.Person{{Role: auth.Clinician}, patient}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		service sites.Service
		patient visits.Person
		want    string
	}{
		"nobody says how":    {p.Cardiology, visits.Person{}, p.Mine.ID},
		"confidential":       {p.Private, visits.Person{}, p.Secret.ID},
		"by another contact": {p.Cardiology, visits.Person{ContactID: p.Secret.ID}, p.Secret.ID},
		"by an e-mail":       {p.Cardiology, visits.Person{Email: "school@example.org"}, ""},
		"by a number":        {p.Cardiology, visits.Person{Phone: "+12025550177"}, ""},
	} {
		got := ask(c.service, c.patient).Invitations[1]
		if got.ContactID != c.want || got.Email != c.patient.Email || got.Phone != c.patient.Phone || got.Name != p.Patient.Name {
			t.Errorf("%s: %+v, want the contact %q", name, got, c.want)
		}
	}

	// Who is withdrawn and invited again is the patient still.
	v := ask(p.Private, visits.Person{})
	if err := p.Withdraw(t.Context(), p.Scheduler, v.ID, v.Invitations[1].ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Role: auth.Patient})
	if err != nil || again.Invitation.ContactID != p.Secret.ID {
		t.Errorf("invited again by %q, want %q: %v", again.Invitation.ContactID, p.Secret.ID, err)
	}
	_, err = p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Name: "Sample Twin", Role: auth.Patient})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)

	// Nobody is written to who has no contact of that kind.
	p.Patient.Contacts = []people.Contact{p.Mine, p.Parent}
	if _, err := p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
		t.Fatal(err)
	}
	if got := ask(p.Private, visits.Person{}).Invitations[1]; got.ContactID != "" {
		t.Errorf("of a confidential visit the patient hears by %s", got.ContactID)
	}
}

func TestBookingRefuses(t *testing.T) {
	p := visitstest.NewPractice(t)
	closed := visitstest.Must[sites.Service](t)(p.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: p.Site.ID, Name: "Closed", Minutes: 30}))
	other := visitstest.Must[sites.Site](t)(p.Sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Other", Languages: []string{"en"}, Calendar: sites.Calendar{Zone: time.UTC}}))
	clerk := p.Account("clerk", auth.Coordinator)
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
		"family with an account":          {func(r *visits.Request) { r.People[2].StaffID = p.Nurse.ID }, "people[2].staff_id"},
		"led by who may not lead":         {func(r *visits.Request) { r.ClinicianID = clerk.ID }, "clinician_id people[1].staff_id"},
		"a clinician who is none": {func(r *visits.Request) {
			r.People = append(r.People, visits.Person{Role: auth.Clinician, StaffID: clerk.ID})
		}, "people[3].staff_id"},
		"a guardian's contact":        {func(r *visits.Request) { r.People[0].ContactID = p.Parent.ID }, "people[0].contact_id"},
		"staff with a contact":        {func(r *visits.Request) { r.People[1].ContactID = p.Mine.ID }, "people[1].contact_id"},
		"a number that is none":       {func(r *visits.Request) { r.People[2].Phone = "12" }, "people[2].phone"},
		"confidential":                {func(r *visits.Request) { r.Confidential = &secretly }, "people[0].contact_id people[2].role"},
		"confidential by its service": {func(r *visits.Request) { r.ServiceID = p.Private.ID }, "people[0].contact_id people[2].role"},
		"confidential, to a guardian": {func(r *visits.Request) {
			r.ServiceID, r.People = p.Private.ID, r.People[:2]
			r.People[0].ContactID, r.People[0].Email = "", "Guardian@example.org"
		}, "people[0].email"},
		"confidential, to a guardian as interpreter": {func(r *visits.Request) {
			r.ServiceID, r.People = p.Private.ID, append(r.People[:2:2], visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter, Email: "Guardian@example.org"})
			r.People[0].ContactID = p.Secret.ID
		}, "people[2].email"},
		"confidential, as it should be": {func(r *visits.Request) {
			r.ServiceID, r.People = p.Private.ID, r.People[:2]
			r.People[0].ContactID = p.Secret.ID
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.Request()
			r.AllowOverlap = true
			c.change(&r)
			_, _, err := p.Create(t.Context(), p.Scheduler, r)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			visitstest.WantFields(t, err, strings.Fields(c.want)...)
		})
	}
	// A server that knows no practice takes no ids for granted.
	bare := visitstest.NewHospital(t)
	r := bare.Request()
	r.PatientID, r.SiteID, r.ServiceID, r.ClinicianID = store.NewID(), store.NewID(), store.NewID(), store.NewID()
	_, _, err := bare.Create(t.Context(), bare.Scheduler, r)
	visitstest.WantFields(t, err, "clinician_id", "patient_id", "service_id", "site_id")
	// Who may not plan visits learns nothing of what is known.
	_, _, err = p.Create(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Observer}, visits.Request{PatientID: "x"})
	visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
}

// TestServiceByName: who names a service of the site names it, by whatever case and blanks; other words are no service.
func TestServiceByName(t *testing.T) {
	p := visitstest.NewPractice(t)
	other := visitstest.Must[sites.Site](t)(p.Sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Other", Country: "US", Languages: []string{"en"}, Calendar: p.Site.Calendar}))
	visitstest.Must[sites.Service](t)(p.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: other.ID, Name: "Dental", Minutes: 20, Active: true}))
	closed := visitstest.Must[sites.Service](t)(p.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: p.Site.ID, Name: "Closed", Minutes: 20}))
	named := func(name string) visits.Visit {
		t.Helper()
		r := p.Request()
		r.ServiceID, r.Service, r.AllowOverlap, r.Minutes = "", name, true, 30
		r.People = r.People[:2]
		r.People[0].ContactID = p.Secret.ID
		v, _, err := p.Create(t.Context(), p.Scheduler, r)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := named(" cardio\u200bLOGY"); v.ServiceID != p.Cardiology.ID || v.Service != "Cardiology" || !v.AskBirthDate || v.EndsAt.Sub(v.StartsAt) != 30*time.Minute {
		t.Errorf("cardiology: %+v", v)
	}
	if v := named("Adolescents"); v.ServiceID != p.Private.ID || !v.Confidential {
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
		{visits.Edit{Service: new("cardiology ")}, p.Cardiology.ID, "Cardiology"},
		{visits.Edit{Service: new("Heart")}, p.Cardiology.ID, "Heart"}, // other words for the same
		{visits.Edit{Service: new("Closed")}, p.Cardiology.ID, "Closed"},
		{visits.Edit{Service: new("Heart"), ServiceID: new("")}, "", "Heart"},
		{visits.Edit{Service: new("Adolescents")}, p.Private.ID, "Adolescents"},
	} {
		edited, err := p.Edit(t.Context(), p.Scheduler, v.ID, e.Edit)
		if err != nil || edited.ServiceID != e.id || edited.Service != e.words || p.Shown(v.ID).ServiceID != e.id {
			t.Errorf("%s: %+v, %v", e.words, edited, err)
		}
	}
	_, err := p.Edit(t.Context(), p.Scheduler, v.ID, visits.Edit{ServiceID: &closed.ID})
	visitstest.WantFields(t, err, "service_id")
}

// TestNobodyIsInvitedTwice: a contact or an account is invited once in a role, when a visit is planned and later, until the invitation is withdrawn.
func TestNobodyIsInvitedTwice(t *testing.T) {
	p := visitstest.NewPractice(t)
	parent, nurse := visits.Person{Role: auth.Guardian, ContactID: p.Parent.ID}, visits.Person{Role: auth.Clinician, StaffID: p.Nurse.ID}
	for _, twice := range []visits.Person{parent, nurse} {
		r := p.Request()
		r.People = []visits.Person{{Role: auth.Patient}, {Role: auth.Clinician}, twice, twice}
		_, _, err := p.Create(t.Context(), p.Scheduler, r)
		if fields, _ := fault.FieldsOf(err); len(fields) != 1 || fields[0].Field != "people[3]" || fields[0].Key != "twice" {
			t.Errorf("planned with %s twice: %v", twice.Role, err)
		}
	}
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Invite(t.Context(), p.Scheduler, v.ID, nurse); err != nil {
		t.Fatal(err)
	}
	for _, twice := range []visits.Person{parent, nurse} {
		if _, err := p.Invite(t.Context(), p.Scheduler, v.ID, twice); fault.CodeOf(err) != fault.CodeConflict {
			t.Errorf("invited as %s once more: %v", twice.Role, err)
		}
	}
	if _, err := p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Role: auth.Observer, StaffID: p.Nurse.ID}); err != nil {
		t.Errorf("in another role: %v", err)
	}
	if err := p.Withdraw(t.Context(), p.Scheduler, v.ID, v.Invitations[2].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Invite(t.Context(), p.Scheduler, v.ID, parent); err != nil {
		t.Errorf("after the invitation was withdrawn: %v", err)
	}
}
