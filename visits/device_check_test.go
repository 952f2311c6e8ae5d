package visits_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

const goodCheck = `{"camera":"ok","microphone":"ok","speaker":"unknown","rtt_ms":40,"loss_pct":0,"network":"ok","browser":"Chrome 126, Android","unsupported":false}`

// TestDeviceCheckBeforeTheVisit: days before, a link lets its holder try their devices, and into nothing else; how it went is told to who plans the visit.
func TestDeviceCheckBeforeTheVisit(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan(visitstest.AskBirthDate, func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(72 * time.Hour) })
	join := func(date string) reply {
		return f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`","birth_date":"`+date+`","check":true}`)
	}
	wantProblem(t, "no date", f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`","check":true}`), 403, "birth_date_needed")
	wantProblem(t, "another date", join("2000-01-01"), 403, "birth_date_wrong")
	in := join(visitstest.CanaryBirthDate)
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
		got := f.Shown(v.ID).Invitations[0].Check
		if got == nil || got.NeedsHelp() != c.help || got.Passed() != c.passed || !slices.Equal(got.Faults(), c.faults) || !got.At.Equal(visitstest.Noon) {
			t.Errorf("kept %+v of %s", got, c.body)
		}
	}
	if n := f.Audited("device_check.report", store.Allowed); n != 2 {
		t.Errorf("%d reports in the audit", n)
	}
	if n := f.Count("device_checks"); n != 1 {
		t.Errorf("%d checks kept, not the last", n)
	}

	f.At(v.OpensAt)
	if r := f.do("GET", "/v/"+v.ID+"/session", "", session); r.StatusCode != http.StatusOK || r.json(t)["early"] != nil {
		t.Errorf("when it opens: %d %s", r.StatusCode, r.body)
	}
	f.At(v.ClosesAt)
	wantProblem(t, "over", f.do("POST", path, goodCheck, session), 410, "over")
}

// TestDeviceCheckOfWhomNobodyAwaits: a link that was withdrawn lets nobody try anything.
func TestDeviceCheckOfWhomNobodyAwaits(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(72 * time.Hour) })
	e, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), Check: true})
	if err != nil || !e.Early {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), Device: e.Device, Check: true})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	err = h.ReportCheck(t.Context(), v.ID, e.Token, visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
}
