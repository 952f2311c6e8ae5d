package visits_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestEditConfidential: a visit becomes confidential only when nobody is invited any more who must not hear of it.
func TestEditConfidential(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.People[2].Email = "canary@example.org" })
	_, err := h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Confidential: new(true)})
	visitstest.WantFields(t, err, "people[2].role")
	if h.Shown(v.ID).Confidential {
		t.Error("confidential all the same")
	}
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if v, err = h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Confidential: new(true)}); err != nil || !v.Confidential {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Service: new("")})
	visitstest.WantFields(t, err, "service")
	_, err = h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{ServiceID: new(store.NewID())})
	visitstest.WantFields(t, err, "service_id")
	nobody := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	if _, err = h.Edit(t.Context(), nobody, v.ID, visits.Edit{Service: new("Other")}); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("edited by a clinician: %v", err)
	}
	if err := h.Cancel(t.Context(), h.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Service: new("Other")})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
}

// TestEditToConfidentialService: with another service whose visits are confidential a visit becomes so, unless it is said otherwise, and not while a guardian is
// written to about it.
func TestEditToConfidentialService(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := p.Request()
	r.People[0].ContactID = p.Secret.ID
	v, links, err := p.Create(t.Context(), p.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	edited := func(e visits.Edit, service string, confidential bool) {
		t.Helper()
		if v, err := p.Edit(t.Context(), p.Scheduler, v.ID, e); err != nil || v.ServiceID != service || v.Confidential != confidential || p.Shown(v.ID).Confidential != confidential {
			t.Errorf("%+v, %v", v, err)
		}
	}
	for _, e := range []visits.Edit{{ServiceID: &p.Private.ID}, {Service: &p.Private.Name}} {
		_, err = p.Edit(t.Context(), p.Scheduler, v.ID, e)
		visitstest.WantFields(t, err, "people[2].role")
		if now := p.Shown(v.ID); now.Confidential || now.ServiceID != p.Cardiology.ID {
			t.Errorf("changed all the same: %+v", now)
		}
	}
	edited(visits.Edit{ServiceID: &p.Private.ID, Confidential: new(false)}, p.Private.ID, false)
	edited(visits.Edit{ServiceID: &p.Private.ID, Service: new("Youth")}, p.Private.ID, false) // no other service
	edited(visits.Edit{ServiceID: &p.Cardiology.ID}, p.Cardiology.ID, false)
	if err := p.Withdraw(t.Context(), p.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	edited(visits.Edit{Service: new("adolescents")}, p.Private.ID, true)
	edited(visits.Edit{ServiceID: &p.Cardiology.ID}, p.Cardiology.ID, true) // what was kept from guardians stays so
}

// TestMend: with another address a person gets another link; whoever has the old one gets in no more.
func TestMend(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.People[2].Email = "wrong@example.org" })
	mend := func(m visits.Mend) (visits.Invitation, error) {
		return h.Mend(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID, m)
	}
	if i, err := mend(visits.Mend{Name: new(phi.Text(" Sample Stepfather ")), Language: new("es")}); err != nil || i.Name != "Sample Stepfather" || i.Language != "es" || i.Generation != 1 {
		t.Errorf("%+v, %v", i, err)
	}
	h.Follow(links[2], "")
	i, err := mend(visits.Mend{Email: new(phi.Text("right@example.org"))})
	if err != nil || i.Email != "right@example.org" || i.Generation != 2 {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[2])})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	link, err := h.Resend(t.Context(), h.Scheduler, v.ID, i.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	h.Follow(link, "")
	_, err = mend(visits.Mend{Name: new(phi.Text("")), Email: new(phi.Text("nonsense")), Language: new("tlh")})
	visitstest.WantFields(t, err, "email", "language", "name")
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, i.ID); err != nil {
		t.Fatal(err)
	}
	_, err = mend(visits.Mend{Name: new(phi.Text("Other"))})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
}

// TestEditsOfWhatIsGone: a visit can be changed though its service takes no new ones any more, and a person though their contact was taken out; neither can be
// chosen anew.
func TestEditsOfWhatIsGone(t *testing.T) {
	p := visitstest.NewPractice(t)
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	closed := p.Cardiology
	closed.Active = false
	if _, err := p.Sites.UpdateService(t.Context(), auth.Operator(), closed); err != nil {
		t.Fatal(err)
	}
	alone := p.Patient
	alone.Contacts = alone.Contacts[:2] // without the guardian
	if _, err := p.People.Update(t.Context(), p.Scheduler, alone); err != nil {
		t.Fatal(err)
	}
	for _, e := range []visits.Edit{{Service: new("Heart")}, {ServiceID: &closed.ID}, {Service: new("Heart clinic"), ServiceID: &closed.ID}} {
		if v, err = p.Edit(t.Context(), p.Scheduler, v.ID, e); err != nil || v.ServiceID != closed.ID {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if v, err = p.Move(t.Context(), p.Scheduler, v.ID, visits.Move{StartsAt: v.StartsAt.Add(time.Hour)}); err != nil || v.Service != "Heart clinic" {
		t.Errorf("moved: %+v, %v", v, err)
	}
	if i, err := p.Mend(t.Context(), p.Scheduler, v.ID, v.Invitations[2].ID, visits.Mend{Name: new(phi.Text("Sample Stepfather")), Email: new(phi.Text("new@example.org"))}); err != nil || i.Email != "new@example.org" {
		t.Errorf("mended: %+v, %v", i, err)
	}
	if _, err := p.Edit(t.Context(), p.Scheduler, v.ID, visits.Edit{ServiceID: new("")}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Edit(t.Context(), p.Scheduler, v.ID, visits.Edit{ServiceID: &closed.ID})
	visitstest.WantFields(t, err, "service_id")
	_, err = p.Invite(t.Context(), p.Scheduler, v.ID, visits.Person{Role: auth.Guardian, ContactID: p.Parent.ID, Name: "Sample"})
	visitstest.WantFields(t, err, "contact_id")
}

// TestEditOverHTTP does both by the JSON API.
func TestEditOverHTTP(t *testing.T) {
	f := newFront(t, auth.Program)
	v, links := f.Plan()
	if r := f.do(http.MethodPatch, "/api/v1/visits/"+v.ID+"/booking", `{"service":"Neurology"}`, bearer(f.key)); r.StatusCode != http.StatusOK || r.json(t)["service"] != "Neurology" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	for _, c := range []struct {
		body, interpreter, tag string
		status                 int
	}{
		{`{"interpreter":"requested"}`, "", "", http.StatusUnprocessableEntity},
		{`{"interpreter":"requested","interpreter_language":"so"}`, "requested", "so", http.StatusOK},
		{`{"interpreter":"perhaps"}`, "requested", "so", http.StatusUnprocessableEntity},
		{`{"interpreter":"confirmed"}`, "confirmed", "so", http.StatusOK},
		{`{"interpreter_language":"zh-hans"}`, "confirmed", "zh-Hans", http.StatusOK},
		{`{"service":"Cardiology"}`, "confirmed", "zh-Hans", http.StatusOK},
		{`{"interpreter":""}`, "", "", http.StatusOK},
	} {
		r := f.do(http.MethodPatch, "/api/v1/visits/"+v.ID+"/booking", c.body, bearer(f.key))
		if now := f.Shown(v.ID); r.StatusCode != c.status || string(now.Interpreter) != c.interpreter || now.InterpreterLanguage != c.tag {
			t.Errorf("%s: %d %s; the interpreter is %q of %q", c.body, r.StatusCode, r.body, now.Interpreter, now.InterpreterLanguage)
		}
	}
	path := "/api/v1/visits/" + v.ID + "/invitations/" + links[2].Invitation.ID
	if r := f.do(http.MethodPatch, path, `{"email":"right@example.org"}`, bearer(f.key)); r.StatusCode != http.StatusOK || r.json(t)["email"] != "right@example.org" || r.json(t)["generation"] != 2.0 {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// TestServicesTurnNothing: nothing that is typed for a service turns what stands beside it, when a visit is made and when it is edited.
func TestServicesTurnNothing(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, _ := h.Plan(func(r *visits.Request) { r.Service = "\u2067Sleep\u200e  clinic\u061c" })
	if v.Service != "Sleep clinic" {
		t.Errorf("made: %+q", v.Service)
	}
	if v, err := h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Service: new("\u202eSleep\u202c again\u200f")}); err != nil || v.Service != "Sleep again" {
		t.Errorf("edited: %+q, %v", v.Service, err)
	}
}
