package visits_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"housecall/auth"
	"housecall/visits"
)

// TestChangesOfWhatWasRead: a program changes a visit only as it has read it, where it says so.
func TestChangesOfWhatWasRead(t *testing.T) {
	f := newFront(t, auth.Program)
	made := f.do(http.MethodPost, "/api/v1/visits", planBody, bearer(f.key))
	path := "/api/v1/visits/" + made.json(t)["id"].(string)
	person := path + "/invitations/" + made.json(t)["invitations"].([]any)[0].(map[string]any)["id"].(string)
	ifMatch := func(tag string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("If-Match", tag) } }
	read := func() string { return f.do(http.MethodGet, path, "", bearer(f.key)).Header.Get("ETag") }
	if tag := read(); tag == "" || tag != made.Header.Get("ETag") {
		t.Errorf("made %s, read %s", made.Header.Get("ETag"), tag)
	}
	for _, c := range []struct {
		what, method, path, body string
		whole                    bool // the answer is the visit
	}{
		{"moved", http.MethodPatch, path, `{"starts_at":"2026-11-24T15:00:00+01:00","minutes":45}`, true},
		{"edited", http.MethodPatch, path + "/booking", `{"service":"Neurology"}`, true},
		{"invited", http.MethodPost, path + "/invitations", `{"name":"Sample Guest","role":"guest"}`, false},
		{"mended", http.MethodPatch, person, `{"name":"Another name"}`, false},
		{"another link", http.MethodPost, person + "/resend", `{"new_link":true}`, false},
		{"withdrawn", http.MethodDelete, person, "", false},
		{"called off", http.MethodDelete, path, "", false},
	} {
		before := read()
		for _, odd := range []string{"", " , ", "*," + before, before + `, *`} {
			wantProblem(t, c.what+" if "+odd, f.do(c.method, c.path, c.body, bearer(f.key), ifMatch(odd)), http.StatusUnprocessableEntity, "not_valid")
		}
		wantProblem(t, c.what+" from an old page", f.do(c.method, c.path, c.body, bearer(f.key), ifMatch(`"old", W/"older"`)), http.StatusPreconditionFailed, "precondition_failed")
		if now := read(); now != before {
			t.Errorf("%s from an old page: it is another now", c.what)
		}
		r := f.do(c.method, c.path, c.body, bearer(f.key), ifMatch(`"old", W/`+before))
		after := read()
		if r.StatusCode >= 300 || after == before || c.whole && r.Header.Get("ETag") != after {
			t.Errorf("%s: %d %s, ETag %s; before %s, after %s", c.what, r.StatusCode, r.body, r.Header.Get("ETag"), before, after)
		}
		wantProblem(t, c.what+" again", f.do(c.method, c.path, c.body, bearer(f.key), ifMatch(before)), http.StatusPreconditionFailed, "precondition_failed")
	}
	wantProblem(t, "to no time", f.do(http.MethodPatch, path, `{"starts_at":"0001-01-01T00:00:00Z"}`, bearer(f.key)), http.StatusUnprocessableEntity, "not_valid")
	wantProblem(t, "a series from one visit's page", f.do(http.MethodDelete, path+"?rest=true", "", bearer(f.key), ifMatch("*")), http.StatusUnprocessableEntity, "not_valid")
	if r := f.do(http.MethodDelete, path, "", bearer(f.key), ifMatch("*")); r.StatusCode != http.StatusNoContent {
		t.Errorf("whatever it is: %d %s", r.StatusCode, r.body)
	}
}

// TestLeadingOfWhatWasRead: it is the same for who leads a visit, and for a visit to which nobody came.
func TestLeadingOfWhatWasRead(t *testing.T) {
	c := newClinic(t)
	v, _ := c.book()
	changed := errors.New("changed meanwhile")
	old := func(visits.Visit) error { return changed }
	if err := c.HandOver(t.Context(), c.Scheduler, v.ID, visits.HandOver{To: c.ben.ID, If: old}); !errors.Is(err, changed) || c.Shown(v.ID).ClinicianID != v.ClinicianID {
		t.Errorf("handed over from an old page: %v", err)
	}
	c.At(v.StartsAt.Add(time.Minute))
	if err := c.NoShowIf(t.Context(), c.Scheduler, v.ID, old); !errors.Is(err, changed) {
		t.Errorf("no-show from an old page: %v", err)
	}
	c.state(v.ID, visits.Scheduled)
}
