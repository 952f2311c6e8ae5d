package visits_test

import (
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestLateOverHTTP: whoever waits learns that the visit begins later, before it opens by the link and then by the session, and nobody else does.
func TestLateOverHTTP(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan(visitstest.AskBirthDate, func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Hour) })
	byLink := func() reply { return f.do("POST", "/api/v1/late", `{"code":"`+visitstest.CodeOf(links[0])+`"}`) }
	want := func(r reply, minutes float64) {
		t.Helper()
		if r.StatusCode != 200 || r.json(t)["minutes"] != minutes {
			t.Errorf("%d %s, want %v minutes", r.StatusCode, r.body, minutes)
		}
	}
	keep := func(minutes int) {
		t.Helper()
		v := f.Shown(v.ID)
		if err := f.DB.Tx(t.Context(), func(tx *store.Tx) error { return f.KeepLate(t.Context(), tx, v, minutes) }); err != nil {
			t.Fatal(err)
		}
	}
	want(byLink(), 0)
	keep(20)
	want(byLink(), 20)
	keep(30)
	want(byLink(), 30)
	rows := f.Count("audit")
	want(byLink(), 30)
	wantProblem(t, "no code", f.do("POST", "/api/v1/late", `{}`), 404, "not_found")
	wantProblem(t, "no cookie", f.do("GET", "/v/"+v.ID+"/late", ""), 404, "not_found")
	if n := f.Count("audit"); n != rows {
		t.Errorf("%d rows of audit for it", n-rows)
	}

	f.At(v.OpensAt)
	in := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`","birth_date":"`+visitstest.CanaryBirthDate+`"}`)
	session := withCookie("housecall_visit", in.cookie("housecall_visit").Value)
	want(f.do("GET", "/v/"+v.ID+"/late", "", session), 30)
	if _, err := f.Move(t.Context(), f.Scheduler, v.ID, visits.Move{StartsAt: v.StartsAt.Add(5 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	want(f.do("GET", "/v/"+v.ID+"/late", "", session), 0)
	keep(10)
	want(f.do("GET", "/v/"+v.ID+"/late", "", session), 10)
	if err := f.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: v.ID, Invitation: links[0].Invitation.ID, Role: auth.Patient, At: v.StartsAt}); err != nil {
		t.Fatal(err)
	}
	want(f.do("GET", "/v/"+v.ID+"/late", "", session), 0)
	if err := f.Withdraw(t.Context(), f.Scheduler, v.ID, links[0].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "withdrawn", f.do("GET", "/v/"+v.ID+"/late", "", session), 410, "revoked")
	wantProblem(t, "withdrawn", byLink(), 410, "revoked")
}
