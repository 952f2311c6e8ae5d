package desk_test

import (
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestDeskShowsWhoNeedsHelp: at one glance, on the list and on the page of the visit, until all is well or the visit is over.
func TestDeskShowsWhoNeedsHelp(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.Plan(func(q *visits.Request) { q.StartsAt = visitstest.Noon.Add(3 * time.Hour) })
	var people []visits.Entry // patient, clinician, guardian
	for _, l := range links {
		e, err := d.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(l), Check: true})
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, e)
	}
	e := people[0]
	report := func(camera string) {
		t.Helper()
		c := visits.DeviceCheck{Camera: camera, Microphone: "ok", Speaker: "ok", Network: "poor", RTTMS: -1, LossPct: -1, Browser: "Safari 17, iPhone"}
		if err := d.ReportCheck(t.Context(), v.ID, e.Token, c); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(words(r.get("/desk")), "Devices") {
		t.Error("devices that nobody tested")
	}
	lists := func(want string) {
		t.Helper()
		for _, path := range []string{"/desk", "/desk/schedule"} {
			page := r.get(path)
			wantWords(t, page, want)
			if strings.Contains(words(page), "Needs help") || want != "Devices tested: fine" && strings.Contains(words(page), "Devices tested: fine") {
				t.Errorf("%s: %s", path, words(page))
			}
		}
	}
	for _, e = range people[1:] {
		report("ok")
		lists("Devices partly tested") // the patient tested nothing
	}
	e = people[0]
	report("fault")
	for _, path := range []string{"/desk", "/desk/schedule", "/desk/visits/" + v.ID} {
		wantWords(t, r.get(path), "Needs help with devices")
	}
	wantWords(t, r.get("/desk/visits/"+v.ID), "No camera · Weak line · Safari 17, iPhone · ")
	report("ok")
	wantWords(t, r.get("/desk/visits/"+v.ID), "Devices tested: fine", "Weak line")
	lists("Devices tested: fine")
	report("unknown")
	wantWords(t, r.get("/desk"), "Devices partly tested")
	report("fault")
	if err := d.Cancel(t.Context(), d.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(words(r.get("/desk")), "Needs help") || strings.Contains(words(r.get("/desk")), "Devices") {
		t.Error("for a visit that was called off")
	}
}

// TestNobodyAwaitsTestsOfWhoIsNotTold: a guardian who is not told of a confidential visit has no devices to test for it, and those that they tested before count no more.
func TestNobodyAwaitsTestsOfWhoIsNotTold(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.Plan(func(q *visits.Request) { q.StartsAt = visitstest.Noon.Add(3 * time.Hour) })
	e, err := d.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), Check: true}) // the patient
	if err != nil {
		t.Fatal(err)
	}
	check := visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1}
	if err := d.ReportCheck(t.Context(), v.ID, e.Token, check); err != nil {
		t.Fatal(err)
	}
	for confidential, want := range []string{"Devices partly tested", "Devices tested: fine"} {
		if _, err := d.DB.ExecContext(t.Context(), `UPDATE visits SET confidential = ? WHERE id = ?`, confidential, v.ID); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/desk", "/desk/schedule"} {
			wantWords(t, r.get(path), want)
		}
	}
	check.Camera, check.At = "fault", visitstest.Noon
	if err := d.KeepCheck(t.Context(), v.ID, auth.Actor{Kind: auth.KindInvitation, ID: links[2].Invitation.ID, Role: auth.Guardian}, check); err != nil {
		t.Fatal(err)
	}
	for confidential, want := range []string{"Needs help", "Devices tested: fine"} {
		if _, err := d.DB.ExecContext(t.Context(), `UPDATE visits SET confidential = ? WHERE id = ?`, confidential, v.ID); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/desk", "/desk/schedule"} {
			wantWords(t, r.get(path), want)
		}
	}
}
