package desk_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestDeskEditsToConfidentialService: the page says that the visit would be confidential, and what is chosen then holds.
func TestDeskEditsToConfidentialService(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	d.Service = p.Service
	r := d.signIn(auth.Scheduler)
	q := p.Request()
	q.People[0].ContactID = p.Secret.ID
	v, links, err := p.Create(t.Context(), p.Scheduler, q)
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
	if w := r.post(page, form("", "yes")); w.Code != http.StatusUnprocessableEntity || p.Shown(v.ID).ServiceID != p.Cardiology.ID {
		t.Errorf("confidential, and the guardian is written to: %d", w.Code)
	}
	if w := r.post(page, form("", "no")); w.Code != http.StatusSeeOther || p.Shown(v.ID).ServiceID != p.Private.ID || p.Shown(v.ID).Confidential {
		t.Errorf("not confidential: %d %+v", w.Code, p.Shown(v.ID))
	}
	if _, err := p.Edit(t.Context(), p.Scheduler, v.ID, visits.Edit{ServiceID: &p.Cardiology.ID}); err != nil {
		t.Fatal(err)
	}
	if err := p.Withdraw(t.Context(), p.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if w := r.post(page, form("no", "no")); w.Code != http.StatusSeeOther || !p.Shown(v.ID).Confidential {
		t.Errorf("by its service: %d %+v", w.Code, p.Shown(v.ID))
	}
}

// TestDeskEdits: service and confidentiality of a visit, and how its people are reached, are changed on pages.
func TestDeskEdits(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.Plan(func(q *visits.Request) { q.People[2].Email = "wrong@example.org" })
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
	v, links := d.Plan(func(q *visits.Request) { q.People = q.People[:2]; q.People[1].Email = "wrong@example.org" })
	page, i := "/desk/visits/"+v.ID, links[1].Invitation
	person := page + "/people/" + i.ID
	for path, hidden := range map[string]string{page: `name="was_confidential" value="no"`, person: `name="was_email" value="wrong@example.org"`} {
		if body := r.get(path + "/edit").Body.String(); !strings.Contains(body, hidden) {
			t.Errorf("the page lacks %s", hidden)
		}
	}
	if _, err := d.Edit(t.Context(), d.Scheduler, v.ID, visits.Edit{Confidential: new(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Mend(t.Context(), d.Scheduler, v.ID, i.ID, visits.Mend{Email: new(phi.Text("right@example.org"))}); err != nil {
		t.Fatal(err)
	}
	r.post(page+"/edit", url.Values{"service": {"Neurology"}, "was_service": {v.Service}, "confidential": {"no"}, "was_confidential": {"no"}})
	r.post(person+"/edit", url.Values{"name": {"Sample Renamed"}, "was_name": {i.Name.Reveal()}, "language": {i.Language}, "was_language": {i.Language},
		"email": {"wrong@example.org"}, "was_email": {"wrong@example.org"}, "phone": {""}, "was_phone": {""}})
	now := d.Shown(v.ID)
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
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	book := func() visits.Visit {
		t.Helper()
		q := p.Request()
		q.AllowOverlap = true
		v, _, err := p.Create(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := book()
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
		if got := p.Shown(v.ID).ClinicianID; w.Code != status || got != by {
			t.Errorf("%d, led by %s: want %d, %s\n%s", w.Code, got, status, by, words(w))
		}
	}
	led(give(p.Doctor.ID, p.Nurse.ID), http.StatusSeeOther, p.Nurse.ID)
	led(give(p.Nurse.ID, p.Nurse.ID), http.StatusSeeOther, p.Nurse.ID)
	led(give(p.Doctor.ID, p.Scheduler.ID), http.StatusConflict, p.Nurse.ID)
	w := give(p.Nurse.ID, p.Scheduler.ID)
	led(w, http.StatusUnprocessableEntity, p.Nurse.ID)
	wantWords(t, w, "Choose a clinician who works here")
	book()
	w = give(p.Nurse.ID, p.Doctor.ID)
	led(w, http.StatusUnprocessableEntity, p.Nurse.ID)
	wantWords(t, w, "has another visit at this time", "Plan it all the same")
	led(give(p.Nurse.ID, p.Doctor.ID, "allow_overlap"), http.StatusSeeOther, p.Doctor.ID)

	p.At(v.StartsAt)
	if err := p.NoShow(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: p.Doctor.ID, Role: auth.Clinician}, v.ID); err != nil {
		t.Fatal(err)
	}
	w = r.get(page)
	wantWords(t, w, "Change service")
	if strings.Contains(words(w), "Canary Clinicianname doctor") {
		t.Errorf("offers to give away a visit to which nobody came:\n%s", words(w))
	}
}
