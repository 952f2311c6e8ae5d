package server_test

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/store"
	"housecall/visits"
)

// TestIdleLockCutsNoVisit: a clinician who is in a visit touches no page of the desk for long. Those are locked then; the visit goes on, in the same browser.
func TestIdleLockCutsNoVisit(t *testing.T) {
	var ahead atomic.Int64
	s := open(t, server.Config{Staff: server.Staff{Idle: 15 * time.Minute}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	clinician := signedIn(t, s, auth.Clinician)
	doctor := visit(t, s, visits.Person{Name: "Sample Patient", Role: auth.Patient}, visits.Person{Name: "Dr. Sample", Role: auth.Clinician})[1]
	home, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	doctor.client.Jar.SetCookies(home, []*http.Cookie{clinician.cookie})
	if status, _ := clinician.try(t, s, "GET /queue"); status != http.StatusOK {
		t.Fatalf("the queue: %d", status)
	}
	ahead.Store(int64(16 * time.Minute))
	if status, _ := clinician.try(t, s, "GET /queue"); status != http.StatusUnauthorized {
		t.Errorf("the queue, left alone: %d", status)
	}
	for what, status := range map[string]int{
		"who is here": doctor.do("GET", doctor.path+"session", nil, nil),
		"a pass":      doctor.do("POST", doctor.path+"pass", nil, nil),
		"a note":      doctor.do("PUT", doctor.path+"note", map[string]any{"key": store.NewID(), "base": 0, "text": "Sample"}, nil),
	} {
		if status != http.StatusOK {
			t.Errorf("%s: %d", what, status)
		}
	}
}
