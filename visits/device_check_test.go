package visits_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
)

const goodCheck = `{"camera":"ok","microphone":"ok","speaker":"unknown","rtt_ms":40,"loss_pct":0,"network":"ok","browser":"Chrome 126, Android","unsupported":false}`

// TestDeviceCheckBeforeTheVisit: days before, a link lets its holder try their devices, and into nothing else; how it went is told to who plans the visit.
func TestDeviceCheckBeforeTheVisit(t *testing.T) {
	f := newFront(t, "")
	v, links := f.visit(askBirthDate, func(r *visits.Request) { r.StartsAt = noon.Add(72 * time.Hour) })
	join := func(date string) reply {
		return f.do("POST", "/api/v1/join", `{"code":"`+codeOf(links[0])+`","birth_date":"`+date+`","check":true}`)
	}
	wantProblem(t, "no date", f.do("POST", "/api/v1/join", `{"code":"`+codeOf(links[0])+`","check":true}`), 403, "birth_date_needed")
	wantProblem(t, "another date", join("2000-01-01"), 403, "birth_date_wrong")
	in := join(canaryBirthDate)
	if in.StatusCode != http.StatusOK || in.json(t)["early"] != true {
		t.Fatalf("join: %d %s", in.StatusCode, in.body)
	}
	cookie := in.cookie("housecall_visit")
	session := withCookie(cookie.Name, cookie.Value)
	for name, r := range map[string]reply{
		"session":  f.do("GET", "/v/"+v.ID+"/session", "", session),
		"pass":     f.do("POST", "/v/"+v.ID+"/pass", "", session),
		"consent":  f.do("GET", "/v/"+v.ID+"/consent", "", session),
		"invite":   f.do("POST", "/v/"+v.ID+"/invitations", `{"name":"Sample Aunt","role":"guest","language":""}`, session),
		"calendar": f.do("GET", "/v/"+v.ID+"/calendar.ics", "", session),
	} {
		wantProblem(t, name, r, 425, "too_early")
	}
	if r := f.do("GET", "/v/"+v.ID+"/ice", "", session); r.StatusCode != http.StatusOK {
		t.Errorf("ice: %d %s", r.StatusCode, r.body)
	}
	path := "/v/" + v.ID + "/device-check"
	wantProblem(t, "a stranger", f.do("POST", path, goodCheck), 404, "not_found")
	wantProblem(t, "nonsense", f.do("POST", path, `{"camera":"perhaps","microphone":"ok","speaker":"ok","rtt_ms":1,"loss_pct":101,"network":"ok","browser":""}`, session), 422, "not_valid")
	failed := `{"camera":"fault","microphone":"ok","speaker":"unknown","rtt_ms":-1,"loss_pct":-1,"network":"blocked","browser":"Safari 17, iPhone"}`
	for _, c := range []struct {
		body         string
		help, passed bool
		faults       []string
	}{{failed, true, false, []string{"camera", "blocked"}}, {goodCheck, false, true, nil}} {
		if r := f.do("POST", path, c.body, session); r.StatusCode != http.StatusNoContent {
			t.Fatalf("report: %d %s", r.StatusCode, r.body)
		}
		got := f.show(v.ID).Invitations[0].Check
		if got == nil || got.NeedsHelp() != c.help || got.Passed() != c.passed || !slices.Equal(got.Faults(), c.faults) || !got.At.Equal(noon) {
			t.Errorf("kept %+v of %s", got, c.body)
		}
	}
	if n := f.audited("device_check.report", store.Allowed); n != 2 {
		t.Errorf("%d reports in the audit", n)
	}
	if n := f.count("device_checks"); n != 1 {
		t.Errorf("%d checks kept, not the last", n)
	}

	f.at(v.OpensAt)
	if r := f.do("GET", "/v/"+v.ID+"/session", "", session); r.StatusCode != http.StatusOK || r.json(t)["early"] != nil {
		t.Errorf("when it opens: %d %s", r.StatusCode, r.body)
	}
	f.at(v.ClosesAt)
	wantProblem(t, "over", f.do("POST", path, goodCheck, session), 410, "over")
}

// TestDeviceCheckOfWhomNobodyAwaits: a link that was withdrawn lets nobody try anything.
func TestDeviceCheckOfWhomNobodyAwaits(t *testing.T) {
	h := newHospital(t)
	v, links := h.visit(func(r *visits.Request) { r.StartsAt = noon.Add(72 * time.Hour) })
	e, err := h.Redeem(t.Context(), visits.Redemption{Code: codeOf(links[0]), Check: true})
	if err != nil || !e.Early {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := h.Withdraw(t.Context(), h.scheduler, v.ID, links[0].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.Redeem(t.Context(), visits.Redemption{Code: codeOf(links[0]), Device: e.Device, Check: true})
	wantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	err = h.ReportCheck(t.Context(), v.ID, e.Token, visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1})
	wantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
}

// TestDeskShowsWhoNeedsHelp: at one glance, on the list and on the page of the visit, until all is well or the visit is over.
func TestDeskShowsWhoNeedsHelp(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.visit(func(q *visits.Request) { q.StartsAt = noon.Add(3 * time.Hour) })
	var people []visits.Entry // patient, clinician, guardian
	for _, l := range links {
		e, err := d.Redeem(t.Context(), visits.Redemption{Code: codeOf(l), Check: true})
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
	if err := d.Cancel(t.Context(), d.scheduler, v.ID); err != nil {
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
	v, links := d.visit(func(q *visits.Request) { q.StartsAt = noon.Add(3 * time.Hour) })
	e, err := d.Redeem(t.Context(), visits.Redemption{Code: codeOf(links[0]), Check: true}) // the patient
	if err != nil {
		t.Fatal(err)
	}
	check := visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1}
	if err := d.ReportCheck(t.Context(), v.ID, e.Token, check); err != nil {
		t.Fatal(err)
	}
	for confidential, want := range []string{"Devices partly tested", "Devices tested: fine"} {
		if _, err := d.db.ExecContext(t.Context(), `UPDATE visits SET confidential = ? WHERE id = ?`, confidential, v.ID); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/desk", "/desk/schedule"} {
			wantWords(t, r.get(path), want)
		}
	}
	check.Camera, check.At = "fault", noon
	if err := d.KeepCheck(t.Context(), v.ID, auth.Actor{Kind: auth.KindInvitation, ID: links[2].Invitation.ID, Role: auth.Guardian}, check); err != nil {
		t.Fatal(err)
	}
	for confidential, want := range []string{"Needs help", "Devices tested: fine"} {
		if _, err := d.db.ExecContext(t.Context(), `UPDATE visits SET confidential = ? WHERE id = ?`, confidential, v.ID); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/desk", "/desk/schedule"} {
			wantWords(t, r.get(path), want)
		}
	}
}
