package visits_test

import (
	"testing"

	"housecall/platform/people"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestFormerContacts: whoever is invited to a visit to come by a contact whom the patient has no more is told of until they are withdrawn, and nobody else is.
func TestFormerContacts(t *testing.T) {
	p := visitstest.NewPractice(t)
	v, links, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	wants := func(former string) {
		t.Helper()
		all, err := p.FormerContacts(t.Context(), p.Shown(v.ID))
		if err != nil || len(all) > 1 || all[former] != (former != "") {
			t.Errorf("former contacts %v, %v, want %q", all, err, former)
		}
		found, err := p.WithFormerContacts(t.Context(), p.Patient.ID)
		if err != nil || len(found) != len(all) || former != "" && found[0].ID != v.ID {
			t.Errorf("visits with former contacts %+v, %v", found, err)
		}
	}
	wants("")
	if all, err := p.FormerContacts(t.Context(), visits.Visit{}); err != nil || len(all) != 0 {
		t.Errorf("of nobody: %v, %v", all, err)
	}
	p.Patient.Contacts = []people.Contact{p.Mine, p.Secret}
	if p.Patient, err = p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
		t.Fatal(err)
	}
	wants(links[2].Invitation.ID)
	if got := p.Shown(v.ID).Invitations[2].ContactID; got != p.Parent.ID {
		t.Errorf("the contact is %q by now", got)
	}
	if err := p.Withdraw(t.Context(), p.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	wants("")
}
