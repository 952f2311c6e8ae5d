package desk_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestRefusedIsNotRead: the audit has no visit as read by somebody who was refused what they asked for and shown nothing of it.
func TestRefusedIsNotRead(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	secret, _ := d.Plan()
	if _, err := d.DB.ExecContext(t.Context(), `UPDATE visits SET confidential = 1 WHERE id = ?`, secret.ID); err != nil {
		t.Fatal(err)
	}
	over, _ := d.Plan(func(q *visits.Request) { q.StartsAt = visitstest.Noon.Add(time.Hour) })
	if err := d.Cancel(t.Context(), d.Scheduler, over.ID); err != nil {
		t.Fatal(err)
	}
	at := func(v visits.Visit, rest string) string { return "/desk/visits/" + v.ID + rest }
	person := func(v visits.Visit, id, rest string) string { return at(v, "/people/"+id+rest) }
	stranger := store.NewID()
	for _, path := range []string{
		person(secret, secret.Invitations[0].ID, "/letter"),
		person(secret, stranger, "/letter"), person(secret, stranger, "/link"), person(secret, stranger, "/edit"), person(secret, stranger, "/revoke"),
		at(over, "/links"), person(over, over.Invitations[0].ID, "/link"), person(over, over.Invitations[0].ID, "/letter"),
	} {
		if w := r.get(path); w.Code != http.StatusNotFound && w.Code != http.StatusConflict {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for path, form := range map[string]url.Values{
		at(over, "/edit"): {"service": {"Dermatology"}, "confidential": {"no"}},
		person(over, over.Invitations[0].ID, "/edit"): {"name": {"Another Example"}},
		person(secret, stranger, "/edit"):             {"name": {"Another Example"}},
	} {
		if w := r.post(path, form); w.Code != http.StatusNotFound && w.Code != http.StatusConflict {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if n := d.Audited("visit.read", store.Allowed); n != 0 {
		t.Errorf("%d visits were read", n)
	}
	if w := r.post(at(secret, "/edit"), url.Values{"service": {""}, "confidential": {"yes"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no service: %d", w.Code)
	}
	if n := d.Audited("visit.read", store.Allowed); n != 1 {
		t.Errorf("a form that is shown again was read %d times", n)
	}
}
