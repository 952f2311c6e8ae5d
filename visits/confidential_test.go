package visits_test

import (
	"testing"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// secretVisit plans a confidential visit of the practice's patient, whom the confidential contact reaches.
func secretVisit(p *visitstest.Practice, more ...visits.Person) (visits.Visit, []visits.Link, error) {
	return p.Create(p.T.Context(), p.Scheduler, visits.Request{StartsAt: p.Now(), PatientID: p.Patient.ID, ServiceID: p.Private.ID, ClinicianID: p.Doctor.ID, AllowOverlap: true,
		People: append([]visits.Person{{Role: auth.Clinician}}, more...)})
}

// TestConfidentialReachesTheConfidentialContactAlone: whoever is invited to a confidential visit, nobody is written to where a contact reads it who must not hear
// of the visit, and the patient only by the confidential contact: when it is planned, when somebody is invited later and when an address is changed.
func TestConfidentialReachesTheConfidentialContactAlone(t *testing.T) {
	p := visitstest.NewPractice(t)
	patient := visits.Person{Role: auth.Patient}
	for name, c := range map[string]struct {
		who  visits.Person
		want string
	}{
		"the patient, by another contact of their own": {visits.Person{Role: auth.Patient, Email: "Home@example.org"}, "email"},
		"the patient, by an address that nobody knows": {visits.Person{Role: auth.Patient, Email: "school@example.org"}, "contact_id"},
		"the patient, by a number that nobody knows":   {visits.Person{Role: auth.Patient, Phone: "202 555 0188"}, "contact_id"},
		"the patient, elsewhere too":                   {visits.Person{Role: auth.Patient, Phone: "202 555 0100", Email: "school@example.org"}, "contact_id"},
		"the contact, elsewhere too":                   {visits.Person{Role: auth.Patient, ContactID: p.Secret.ID, Email: "school@example.org"}, "contact_id"},
		"an observer":                                  {visits.Person{Name: "Sample Observer", Role: auth.Observer, Email: "home@example.org"}, "email"},
		"an interpreter":                               {visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter, Email: "HOME@example.org"}, "email"},
		"a clinician":                                  {visits.Person{Name: "Sample Clinician", Role: auth.Clinician, Email: "guardian@example.org"}, "email"},
		"an interpreter whom nobody of the family is":  {visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter, Email: "interpreter@example.org"}, ""},
		"the patient, where the contact is":            {visits.Person{Role: auth.Patient, Phone: "(202) 555-0100"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			whole := []visits.Person{c.who}
			if c.who.Role != auth.Patient {
				whole = append(whole, patient)
			}
			v, _, err := secretVisit(p, whole...)
			var invited visits.Link
			made, links, laterErr := secretVisit(p, patient)
			if laterErr != nil {
				t.Fatal(laterErr)
			}
			if c.who.Role == auth.Patient {
				if err := p.Withdraw(t.Context(), p.Scheduler, made.ID, links[1].Invitation.ID); err != nil {
					t.Fatal(err)
				}
			}
			invited, laterErr = p.Invite(t.Context(), p.Scheduler, made.ID, c.who)
			if c.want != "" {
				visitstest.WantFields(t, err, "people[1]."+c.want)
				visitstest.WantFields(t, laterErr, c.want)
				return
			}
			if err != nil || laterErr != nil {
				t.Fatal(err, laterErr)
			}
			if c.who.Role == auth.Patient && (v.Invitations[1].ContactID != p.Secret.ID || invited.Invitation.ContactID != p.Secret.ID || v.Invitations[1].Phone != "") {
				t.Errorf("not taken for the confidential contact: %+v", v.Invitations[1])
			}
		})
	}

	v, links, err := secretVisit(p, patient, visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]string{1: "contact_id", 2: ""} {
		_, err := p.Mend(t.Context(), p.Scheduler, v.ID, links[at].Invitation.ID, visits.Mend{Email: new(phi.Text("school@example.org"))})
		if want == "" && err != nil {
			t.Error(err)
		} else if want != "" {
			visitstest.WantFields(t, err, want)
		}
		_, err = p.Mend(t.Context(), p.Scheduler, v.ID, links[at].Invitation.ID, visits.Mend{Email: new(phi.Text("home@example.org"))})
		visitstest.WantFields(t, err, "email")
	}
}

// TestConfidentialContactIsRecognized: a patient who was not reached is, once somebody types where their confidential contact is, and follows that contact.
func TestConfidentialContactIsRecognized(t *testing.T) {
	p := visitstest.NewPractice(t)
	none := p.Patient
	none.Contacts = []people.Contact{p.Mine, p.Parent}
	var err error
	if p.Patient, err = p.People.Update(t.Context(), p.Scheduler, none); err != nil {
		t.Fatal(err)
	}
	v, links, err := secretVisit(p, visits.Person{Role: auth.Patient})
	if err != nil || links[1].Invitation.ContactID != "" {
		t.Fatalf("%+v, %v", links, err)
	}
	p.Patient.Contacts = append(p.Patient.Contacts, people.Contact{Kind: people.Self, Email: "mine@example.org", Confidential: true})
	if p.Patient, err = p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
		t.Fatal(err)
	}
	secret := p.Patient.Contacts[2]
	if _, err = p.Mend(t.Context(), p.Scheduler, v.ID, links[1].Invitation.ID, visits.Mend{Email: new(phi.Text("Mine@example.org"))}); err != nil {
		t.Fatal(err)
	}
	if i := p.Shown(v.ID).Invitations[1]; i.ContactID != secret.ID || i.Email != "" || i.Generation != 2 {
		t.Errorf("mended: %+v", i)
	}
	p.Patient.Contacts[2].Email = "other@example.org"
	if _, err = p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
		t.Fatal(err)
	}
	v = p.Shown(v.ID)
	if r, err := p.ReachOf(t.Context(), v, v.Invitations[1]); err != nil || r.Email != "other@example.org" {
		t.Errorf("reached at %q, %v", r.Email.Reveal(), err)
	}
}

// TestConfidentialNeverReachesOthers: what was kept of an address before it must not be used any more, is not used.
func TestConfidentialNeverReachesOthers(t *testing.T) {
	p := visitstest.NewPractice(t)
	v, _, err := secretVisit(p, visits.Person{Role: auth.Patient}, visits.Person{Name: "Sample Observer", Role: auth.Observer})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ typed, patient, observer string }{
		{"home@example.org", "", ""},
		{"guardian@example.org", "", ""},
		{"school@example.org", "", "school@example.org"},
	} {
		if _, err := p.DB.ExecContext(t.Context(), `UPDATE invitations SET email = ?, contact_id = '' WHERE visit_id = ?`, c.typed, v.ID); err != nil {
			t.Fatal(err)
		}
		v = p.Shown(v.ID)
		for at, want := range map[int]string{1: c.patient, 2: c.observer} {
			if r, err := p.ReachOf(t.Context(), v, v.Invitations[at]); err != nil || r.Email.Reveal() != want || r.Phone != "" {
				t.Errorf("%s: person %d is written to at %q, want %q: %v", c.typed, at, r.Email.Reveal(), want, err)
			}
		}
	}
	if _, err := p.DB.ExecContext(t.Context(), `UPDATE invitations SET email = '', phone = ? WHERE visit_id = ?`, p.Secret.Phone, v.ID); err != nil {
		t.Fatal(err)
	}
	v = p.Shown(v.ID)
	if r, err := p.ReachOf(t.Context(), v, v.Invitations[1]); err != nil || r.Phone != p.Secret.Phone {
		t.Errorf("the confidential contact's number is not used: %+v, %v", r, err)
	}
}

// TestBecomingConfidentialLooksAtAddresses: a visit does not become confidential while somebody is invited at an address that must not hear of it.
func TestBecomingConfidentialLooksAtAddresses(t *testing.T) {
	p := visitstest.NewPractice(t)
	for address, want := range map[phi.Text][]string{"home@example.org": {"people[0].email", "people[2].email"}, "school@example.org": {"people[0].contact_id"}} {
		r := p.Request()
		r.AllowOverlap = true
		r.People = []visits.Person{{Role: auth.Patient, Email: address}, {Role: auth.Clinician}, {Name: "Sample Observer", Role: auth.Observer, Email: address}}
		v, _, err := p.Create(t.Context(), p.Scheduler, r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Edit(t.Context(), p.Scheduler, v.ID, visits.Edit{Confidential: new(true)})
		visitstest.WantFields(t, err, want...)
	}
}
