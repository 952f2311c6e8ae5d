package visits_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
)

// TestEditConfidential: a visit becomes confidential only when nobody is invited any more who must not hear of it.
func TestEditConfidential(t *testing.T) {
	h := newHospital(t)
	v, links := h.visit(func(r *visits.Request) { r.People[2].Email = "canary@example.org" })
	_, err := h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{Confidential: new(true)})
	wantFields(t, err, "people[2].role")
	if h.show(v.ID).Confidential {
		t.Error("confidential all the same")
	}
	if err := h.Withdraw(t.Context(), h.scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if v, err = h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{Confidential: new(true)}); err != nil || !v.Confidential {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{Service: new("")})
	wantFields(t, err, "service")
	_, err = h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{ServiceID: new(store.NewID())})
	wantFields(t, err, "service_id")
	nobody := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	if _, err = h.Edit(t.Context(), nobody, v.ID, visits.Edit{Service: new("Other")}); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("edited by a clinician: %v", err)
	}
	if err := h.Cancel(t.Context(), h.scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{Service: new("Other")})
	wantCode(t, err, fault.CodeConflict, fault.NotValid)
}

// TestEditToConfidentialService: with another service whose visits are confidential a visit becomes so, unless it is said otherwise, and not while a guardian is
// written to about it.
func TestEditToConfidentialService(t *testing.T) {
	p := newPractice(t)
	r := p.request()
	r.People[0].ContactID = p.secret.ID
	v, links, err := p.Create(t.Context(), p.scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	edited := func(e visits.Edit, service string, confidential bool) {
		t.Helper()
		if v, err := p.Edit(t.Context(), p.scheduler, v.ID, e); err != nil || v.ServiceID != service || v.Confidential != confidential || p.show(v.ID).Confidential != confidential {
			t.Errorf("%+v, %v", v, err)
		}
	}
	for _, e := range []visits.Edit{{ServiceID: &p.private.ID}, {Service: &p.private.Name}} {
		_, err = p.Edit(t.Context(), p.scheduler, v.ID, e)
		wantFields(t, err, "people[2].role")
		if now := p.show(v.ID); now.Confidential || now.ServiceID != p.cardiology.ID {
			t.Errorf("changed all the same: %+v", now)
		}
	}
	edited(visits.Edit{ServiceID: &p.private.ID, Confidential: new(false)}, p.private.ID, false)
	edited(visits.Edit{ServiceID: &p.private.ID, Service: new("Youth")}, p.private.ID, false) // no other service
	edited(visits.Edit{ServiceID: &p.cardiology.ID}, p.cardiology.ID, false)
	if err := p.Withdraw(t.Context(), p.scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	edited(visits.Edit{Service: new("adolescents")}, p.private.ID, true)
	edited(visits.Edit{ServiceID: &p.cardiology.ID}, p.cardiology.ID, true) // what was kept from guardians stays so
}

// TestDeskEditsToConfidentialService: the page says that the visit would be confidential, and what is chosen then holds.
func TestDeskEditsToConfidentialService(t *testing.T) {
	p := newPractice(t)
	d := newDeskOf(t, p.hospital)
	d.Service = p.Service
	r := d.signIn(auth.Scheduler)
	q := p.request()
	q.People[0].ContactID = p.secret.ID
	v, links, err := p.Create(t.Context(), p.scheduler, q)
	if err != nil {
		t.Fatal(err)
	}
	page := "/desk/visits/" + v.ID + "/edit"
	form := func(was, confidential string) url.Values {
		return url.Values{"service": {"Adolescents"}, "was_service": {"Cardiology"}, "confidential": {confidential}, "was_confidential": {was}}
	}
	wantWords(t, r.get(page), "With another service whose visits are confidential, this visit becomes confidential too.")
	w := r.post(page, form("no", "no"))
	wantWords(t, w, "Parents and guardians get no message about a confidential visit")
	for _, drawn := range []string{`name="was_confidential" value=""`, `<option value="yes" selected>`} {
		if !strings.Contains(w.Body.String(), drawn) {
			t.Errorf("the page lacks %s", drawn)
		}
	}
	if w := r.post(page, form("", "yes")); w.Code != http.StatusUnprocessableEntity || p.show(v.ID).ServiceID != p.cardiology.ID {
		t.Errorf("confidential, and the guardian is written to: %d", w.Code)
	}
	if w := r.post(page, form("", "no")); w.Code != http.StatusSeeOther || p.show(v.ID).ServiceID != p.private.ID || p.show(v.ID).Confidential {
		t.Errorf("not confidential: %d %+v", w.Code, p.show(v.ID))
	}
	if _, err := p.Edit(t.Context(), p.scheduler, v.ID, visits.Edit{ServiceID: &p.cardiology.ID}); err != nil {
		t.Fatal(err)
	}
	if err := p.Withdraw(t.Context(), p.scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if w := r.post(page, form("no", "no")); w.Code != http.StatusSeeOther || !p.show(v.ID).Confidential {
		t.Errorf("by its service: %d %+v", w.Code, p.show(v.ID))
	}
}

// TestMend: with another address a person gets another link; whoever has the old one gets in no more.
func TestMend(t *testing.T) {
	h := newHospital(t)
	v, links := h.visit(func(r *visits.Request) { r.People[2].Email = "wrong@example.org" })
	mend := func(m visits.Mend) (visits.Invitation, error) {
		return h.Mend(t.Context(), h.scheduler, v.ID, links[2].Invitation.ID, m)
	}
	if i, err := mend(visits.Mend{Name: new(phi.Text(" Sample Stepfather ")), Language: new("es")}); err != nil || i.Name != "Sample Stepfather" || i.Language != "es" || i.Generation != 1 {
		t.Errorf("%+v, %v", i, err)
	}
	h.redeem(links[2], "")
	i, err := mend(visits.Mend{Email: new(phi.Text("right@example.org"))})
	if err != nil || i.Email != "right@example.org" || i.Generation != 2 {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = h.Redeem(t.Context(), visits.Redemption{Code: codeOf(links[2])})
	wantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	link, err := h.Resend(t.Context(), h.scheduler, v.ID, i.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	h.redeem(link, "")
	_, err = mend(visits.Mend{Name: new(phi.Text("")), Email: new(phi.Text("nonsense")), Language: new("tlh")})
	wantFields(t, err, "email", "language", "name")
	if err := h.Withdraw(t.Context(), h.scheduler, v.ID, i.ID); err != nil {
		t.Fatal(err)
	}
	_, err = mend(visits.Mend{Name: new(phi.Text("Other"))})
	wantCode(t, err, fault.CodeConflict, fault.NotValid)
}

// TestEditsOfWhatIsGone: a visit can be changed though its service takes no new ones any more, and a person though their contact was taken out; neither can be
// chosen anew.
func TestEditsOfWhatIsGone(t *testing.T) {
	p := newPractice(t)
	v, _, err := p.Create(t.Context(), p.scheduler, p.request())
	if err != nil {
		t.Fatal(err)
	}
	closed := p.cardiology
	closed.Active = false
	if _, err := p.sites.UpdateService(t.Context(), auth.Operator(), closed); err != nil {
		t.Fatal(err)
	}
	alone := p.patient
	alone.Contacts = alone.Contacts[:2] // without the guardian
	if _, err := p.people.Update(t.Context(), p.scheduler, alone); err != nil {
		t.Fatal(err)
	}
	for _, e := range []visits.Edit{{Service: new("Heart")}, {ServiceID: &closed.ID}, {Service: new("Heart clinic"), ServiceID: &closed.ID}} {
		if v, err = p.Edit(t.Context(), p.scheduler, v.ID, e); err != nil || v.ServiceID != closed.ID {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if v, err = p.Move(t.Context(), p.scheduler, v.ID, visits.Move{StartsAt: v.StartsAt.Add(time.Hour)}); err != nil || v.Service != "Heart clinic" {
		t.Errorf("moved: %+v, %v", v, err)
	}
	if i, err := p.Mend(t.Context(), p.scheduler, v.ID, v.Invitations[2].ID, visits.Mend{Name: new(phi.Text("Sample Stepfather")), Email: new(phi.Text("new@example.org"))}); err != nil || i.Email != "new@example.org" {
		t.Errorf("mended: %+v, %v", i, err)
	}
	if _, err := p.Edit(t.Context(), p.scheduler, v.ID, visits.Edit{ServiceID: new("")}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Edit(t.Context(), p.scheduler, v.ID, visits.Edit{ServiceID: &closed.ID})
	wantFields(t, err, "service_id")
	_, err = p.Invite(t.Context(), p.scheduler, v.ID, visits.Person{Role: auth.Guardian, ContactID: p.parent.ID, Name: "Sample"})
	wantFields(t, err, "contact_id")
}

// TestEditOverHTTP does both by the JSON API.
func TestEditOverHTTP(t *testing.T) {
	f := newFront(t, auth.Program)
	v, links := f.visit()
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
		if now := f.show(v.ID); r.StatusCode != c.status || string(now.Interpreter) != c.interpreter || now.InterpreterLanguage != c.tag {
			t.Errorf("%s: %d %s; the interpreter is %q of %q", c.body, r.StatusCode, r.body, now.Interpreter, now.InterpreterLanguage)
		}
	}
	path := "/api/v1/visits/" + v.ID + "/invitations/" + links[2].Invitation.ID
	if r := f.do(http.MethodPatch, path, `{"email":"right@example.org"}`, bearer(f.key)); r.StatusCode != http.StatusOK || r.json(t)["email"] != "right@example.org" || r.json(t)["generation"] != 2.0 {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// TestDeskEdits: service and confidentiality of a visit, and how its people are reached, are changed on pages.
func TestDeskEdits(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.visit(func(q *visits.Request) { q.People[2].Email = "wrong@example.org" })
	page := "/desk/visits/" + v.ID
	wantWords(t, r.get(page+"/edit"), "Change service", "Confidential visit")
	wantWords(t, r.post(page+"/edit", url.Values{"service": {"Neurology"}, "confidential": {"yes"}}), "Parents and guardians get no message about a confidential visit")
	if got := r.post(page+"/edit", url.Values{"service": {"Neurology"}, "confidential": {"no"}}).Header().Get("Location"); got != page+"?done=edited" {
		t.Errorf("edited: to %q", got)
	}
	person := page + "/people/" + links[2].Invitation.ID
	wantWords(t, r.get(person+"/edit"), "the person gets a new link, and the old")
	wantWords(t, r.post(person+"/edit", url.Values{"name": {""}, "email": {"nonsense"}}), "Enter the person’s name", "Enter an email address")
	if got := r.post(person+"/edit", url.Values{"name": {"Sample Stepfather"}, "email": {"wrong@example.org"}}).Header().Get("Location"); got != page+"?done=edited" {
		t.Errorf("renamed: to %q", got)
	}
	if got := r.post(person+"/edit", url.Values{"name": {"Sample Stepfather"}, "email": {"right@example.org"}}).Header().Get("Location"); got != person+"/link?new" {
		t.Errorf("reached elsewhere: to %q", got)
	}
	wantWords(t, r.get(page+"?done=edited"), "Neurology", "Sample Stepfather", "The change is saved.")
}

// TestDeskEditsOfOldPages: who saves a page that was drawn before a colleague's change takes nothing of it back.
func TestDeskEditsOfOldPages(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.visit(func(q *visits.Request) { q.People = q.People[:2]; q.People[1].Email = "wrong@example.org" })
	page, i := "/desk/visits/"+v.ID, links[1].Invitation
	person := page + "/people/" + i.ID
	for path, hidden := range map[string]string{page: `name="was_confidential" value="no"`, person: `name="was_email" value="wrong@example.org"`} {
		if body := r.get(path + "/edit").Body.String(); !strings.Contains(body, hidden) {
			t.Errorf("the page lacks %s", hidden)
		}
	}
	if _, err := d.Edit(t.Context(), d.scheduler, v.ID, visits.Edit{Confidential: new(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Mend(t.Context(), d.scheduler, v.ID, i.ID, visits.Mend{Email: new(phi.Text("right@example.org"))}); err != nil {
		t.Fatal(err)
	}
	r.post(page+"/edit", url.Values{"service": {"Neurology"}, "was_service": {v.Service}, "confidential": {"no"}, "was_confidential": {"no"}})
	r.post(person+"/edit", url.Values{"name": {"Sample Renamed"}, "was_name": {i.Name.Reveal()}, "language": {i.Language}, "was_language": {i.Language},
		"email": {"wrong@example.org"}, "was_email": {"wrong@example.org"}, "phone": {""}, "was_phone": {""}})
	now := d.show(v.ID)
	if now.Service != "Neurology" || !now.Confidential {
		t.Errorf("service %q, confidential %t", now.Service, now.Confidential)
	}
	for _, p := range now.Invitations {
		if p.ID == i.ID && (p.Name != "Sample Renamed" || p.Email != "right@example.org") {
			t.Errorf("%q is written to at %q", p.Name.Reveal(), p.Email.Reveal())
		}
	}
}

// TestDeskGivesVisitsAway: a scheduler gives a visit to another clinician, who may have another one then if that is said, and never from an old page.
func TestDeskGivesVisitsAway(t *testing.T) {
	c := newClinic(t)
	r := newDeskOf(t, c.hospital).signIn(auth.Scheduler)
	v, _ := c.book()
	page := "/desk/visits/" + v.ID + "/edit"
	wantWords(t, r.get(page), "Canary Clinicianname doctor Canary Clinicianname nurse", "Change service or clinician", "The one before is no longer invited")
	give := func(from, to string, more ...string) *httptest.ResponseRecorder {
		t.Helper()
		form := url.Values{"service": {v.Service}, "confidential": {"no"}, "clinician": {to}, "was_clinician": {from}}
		for _, name := range more {
			form.Set(name, "yes")
		}
		return r.post(page, form)
	}
	led := func(w *httptest.ResponseRecorder, status int, by string) {
		t.Helper()
		if got := c.show(v.ID).ClinicianID; w.Code != status || got != by {
			t.Errorf("%d, led by %s: want %d, %s\n%s", w.Code, got, status, by, words(w))
		}
	}
	led(give(c.ada.ID, c.ben.ID), http.StatusSeeOther, c.ben.ID)
	led(give(c.ben.ID, c.ben.ID), http.StatusSeeOther, c.ben.ID)
	led(give(c.ada.ID, c.scheduler.ID), http.StatusConflict, c.ben.ID)
	w := give(c.ben.ID, c.scheduler.ID)
	led(w, http.StatusUnprocessableEntity, c.ben.ID)
	wantWords(t, w, "Choose a clinician who works here")
	c.book()
	w = give(c.ben.ID, c.ada.ID)
	led(w, http.StatusUnprocessableEntity, c.ben.ID)
	wantWords(t, w, "has another visit at this time", "Plan it all the same")
	led(give(c.ben.ID, c.ada.ID, "allow_overlap"), http.StatusSeeOther, c.ada.ID)

	c.at(v.StartsAt)
	if err := c.NoShow(t.Context(), c.ada, v.ID); err != nil {
		t.Fatal(err)
	}
	w = r.get(page)
	wantWords(t, w, "Change service")
	if strings.Contains(words(w), "Canary Clinicianname doctor") {
		t.Errorf("offers to give away a visit to which nobody came:\n%s", words(w))
	}
}

// TestServicesTurnNothing: nothing that is typed for a service turns what stands beside it, when a visit is made and when it is edited.
func TestServicesTurnNothing(t *testing.T) {
	h := newHospital(t)
	v, _ := h.visit(func(r *visits.Request) { r.Service = "\u2067Sleep\u200e  clinic\u061c" })
	if v.Service != "Sleep clinic" {
		t.Errorf("made: %+q", v.Service)
	}
	if v, err := h.Edit(t.Context(), h.scheduler, v.ID, visits.Edit{Service: new("\u202eSleep\u202c again\u200f")}); err != nil || v.Service != "Sleep again" {
		t.Errorf("edited: %+q, %v", v.Service, err)
	}
}
