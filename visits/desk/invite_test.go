package desk_test

import (
	"net/url"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestGuardiansAreOffered: the page of a visit offers each guardian of its patient who is not invited, by one button; who is invited by it is reached as the
// contact they are. A confidential visit has none to offer, and neither has a page for somebody who makes no visits.
func TestGuardiansAreOffered(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	request := p.Request()
	request.People = request.People[:2]
	v, _, err := p.Create(t.Context(), p.Scheduler, request)
	if err != nil {
		t.Fatal(err)
	}
	path, offer := "/desk/visits/"+v.ID, `name="contact" value="`+p.Parent.ID+`"`
	if body := r.get(path).Body.String(); !strings.Contains(body, offer) {
		t.Errorf("the guardian is not offered: %s", body)
	}
	if body := newDeskOf(t, p.Hospital).signIn(auth.Coordinator).get(path).Body.String(); strings.Contains(body, offer) {
		t.Error("the guardian is offered to somebody who may invite nobody")
	}
	chosen := url.Values{"contact": {p.Parent.ID}}
	if w := r.post(path+"/people", chosen); w.Code != 303 || !strings.HasSuffix(w.Header().Get("Location"), "/link?added") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	added := p.Shown(v.ID).Invitations[2]
	if added.Role != auth.Guardian || added.ContactID != p.Parent.ID || added.Name != p.Parent.Name || added.Email != "" {
		t.Errorf("invited: %+v", added)
	}
	if body := r.get(path).Body.String(); strings.Contains(body, offer) {
		t.Error("the guardian is offered once more")
	}
	if w := r.post(path+"/people", chosen); w.Code != 422 || !strings.Contains(w.Body.String(), "is invited in this role already") {
		t.Errorf("invited twice: %d %s", w.Code, w.Body)
	}

	request.AllowOverlap, request.ServiceID, request.People = true, p.Private.ID, []visits.Person{{Role: auth.Patient, ContactID: p.Secret.ID}, {Role: auth.Clinician}}
	private, _, err := p.Create(t.Context(), p.Scheduler, request)
	if err != nil {
		t.Fatal(err)
	}
	if body := r.get("/desk/visits/" + private.ID).Body.String(); strings.Contains(body, offer) {
		t.Error("a guardian is offered to a confidential visit")
	}
}
