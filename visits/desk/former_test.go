package desk_test

import (
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/visits/visitstest"
)

// TestPagesSayWhoIsNoContactAnyMore: the pages of a visit and of its links say it of whoever is invited by a contact that was removed, beside the way to revoke
// their link, and of nobody else.
func TestPagesSayWhoIsNoContactAnyMore(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	v, links, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	path := "/desk/visits/" + v.ID
	wants := func(n int) {
		t.Helper()
		for _, page := range []string{path, path + "/links"} {
			body := r.get(page).Body.String()
			if got := strings.Count(body, "No contact of the patient any more."); got != n {
				t.Errorf("%s says it %d times, want %d", page, got, n)
			}
			if revoke := path + "/people/" + links[2].Invitation.ID + "/revoke"; n > 0 && !strings.Contains(body, `href="`+revoke+`"`) {
				t.Errorf("%s does not lead to %s: %s", page, revoke, body)
			}
		}
	}
	wants(0)
	p.Patient.Contacts = []people.Contact{p.Mine, p.Secret}
	if _, err := p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
		t.Fatal(err)
	}
	wants(1)
}
