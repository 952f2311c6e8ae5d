package visits_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestJoinOverHTTP(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan(visitstest.AskBirthDate)
	join := func(code, date string, change ...func(*http.Request)) reply {
		return f.do("POST", "/api/v1/join", `{"code":"`+code+`","birth_date":"`+date+`"}`, change...)
	}
	wantProblem(t, "no date", f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`"}`), 403, "birth_date_needed")
	r := join(visitstest.CodeOf(links[0]), "2000-01-01")
	wantProblem(t, "wrong date", r, 403, "birth_date_wrong")
	if r.json(t)["tries_left"] != 4.0 {
		t.Errorf("wrong date: %s", r.body)
	}
	in := join(visitstest.CodeOf(links[0]), visitstest.CanaryBirthDate)
	want := `{"visit":"` + v.ID + `","path":"/v/` + v.ID + `/","site":"Example Children's Hospital","phone":"+1 617 555 0100","service":"Cardiology","starts_at":"2026-11-24T12:00:00Z","ends_at":"2026-11-24T12:30:00Z","language":"","consent_needed":false,"you":{"name":"Canary Patientname","role":"patient"}}` + "\n"
	if in.StatusCode != 200 || in.body != want || in.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("join: %d %s", in.StatusCode, in.body)
	}
	session, device := in.cookie("housecall_visit"), in.cookie("housecall_device")
	for _, c := range []struct {
		*http.Cookie
		path string
		life time.Duration
	}{{session, "/v/" + v.ID + "/", 150 * time.Minute}, {device, "/api/v1/join", 365 * 24 * time.Hour}} {
		if c.Cookie == nil || c.Path != c.path || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Domain != "" || c.MaxAge != int(c.life.Seconds()) || len(c.Value) != 43 {
			t.Errorf("cookie %+v", c.Cookie)
		}
	}
	again := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`"}`, withCookie(device.Name, device.Value))
	if again.StatusCode != 200 || again.cookie("housecall_visit").Value != session.Value {
		t.Errorf("the same browser again: %d", again.StatusCode)
	}
	back := f.do("GET", "/v/"+v.ID+"/session", "", withCookie(session.Name, session.Value))
	if back.StatusCode != 200 || back.body != want {
		t.Errorf("session: %d %s", back.StatusCode, back.body)
	}
	pass := f.do("POST", "/v/"+v.ID+"/pass", "", withCookie(session.Name, session.Value))
	slots, _ := pass.json(t)["slots"].(map[string]any)
	if pass.StatusCode != 200 || slots["audio"] != 5.0 || slots["video"] != 5.0 || len(pass.json(t)["pass"].(string)) < 100 {
		t.Errorf("pass: %d %s", pass.StatusCode, pass.body)
	}

	var nothing string // all of these get the same words
	for name, r := range map[string]reply{
		"no code":            f.do("POST", "/api/v1/join", `{}`),
		"another code":       join(strings.Repeat("A", 22), visitstest.CanaryBirthDate),
		"no cookie":          f.do("GET", "/v/"+v.ID+"/session", ""),
		"a made-up cookie":   f.do("GET", "/v/"+v.ID+"/session", "", withCookie("housecall_visit", strings.Repeat("A", 43))),
		"another visit":      f.do("GET", "/v/"+store.NewID()+"/session", "", withCookie(session.Name, session.Value)),
		"pass, no cookie":    f.do("POST", "/v/"+v.ID+"/pass", ""),
		"pass, made-up":      f.do("POST", "/v/"+v.ID+"/pass", "", withCookie("housecall_visit", "x")),
		"pass, device only":  f.do("POST", "/v/"+v.ID+"/pass", "", withCookie("housecall_visit", device.Value)),
		"pass, no such path": f.do("POST", "/v/x/pass", "", withCookie(session.Name, session.Value)),
	} {
		wantProblem(t, name, r, 404, "not_found")
		if nothing == "" {
			nothing = r.body
		}
		if r.body != nothing || len(r.Cookies()) != 0 {
			t.Errorf("%s: %s, others got %s", name, r.body, nothing)
		}
	}
	for name, body := range map[string]string{"nothing": "", "not JSON": "code", "unknown field": `{"code":"x","more":1}`, "twice": `{"code":"x","code":"x"}`, "number": `{"code":1}`,
		"date a number": `{"code":"x","birth_date":2012}`, "two values": `{"code":"x"}{}`, "not a day": `{"code":"` + visitstest.CodeOf(links[0]) + `","birth_date":"yesterday"}`} {
		wantProblem(t, name, f.do("POST", "/api/v1/join", body), 422, "not_valid")
	}
	wantProblem(t, "large", f.do("POST", "/api/v1/join", `{"code":"`+strings.Repeat("A", 5000)+`"}`), 413, "too_large")
	cross := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	wantProblem(t, "another site", join(visitstest.CodeOf(links[0]), visitstest.CanaryBirthDate, cross), 403, "cross_site")
	wantProblem(t, "another site's pass", f.do("POST", "/v/"+v.ID+"/pass", "", cross, withCookie(session.Name, session.Value)), 403, "cross_site")
}

func TestJoinProblemsOverHTTP(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan(visitstest.AskBirthDate, func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Hour) })
	join := func(i int) reply {
		return f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[i])+`","birth_date":"2012-05-31"}`)
	}
	early := join(0)
	wantProblem(t, "early", early, 425, "too_early")
	if early.json(t)["opens_at"] != "2026-11-24T12:30:00Z" || early.json(t)["starts_at"] != "2026-11-24T13:00:00Z" {
		t.Errorf("early: %s", early.body)
	}
	f.At(v.StartsAt)
	session := withCookie("housecall_visit", join(2).cookie("housecall_visit").Value)

	f.PlaceErr = errors.New("canary cause")
	away := f.do("POST", "/v/"+v.ID+"/pass", "", session)
	wantProblem(t, "no node", away, 503, "try_later")
	if strings.Contains(away.body, "canary cause") || away.Header.Get("Retry-After") == "" || !strings.Contains(f.Logs.String(), "canary cause") {
		t.Error("the cause is told, or not logged")
	}
	f.Limited = 90 * time.Second
	limited := join(0)
	wantProblem(t, "too often", limited, 429, "try_later")
	if limited.Header.Get("Retry-After") != "90" {
		t.Errorf("Retry-After %q", limited.Header.Get("Retry-After"))
	}
	f.Limited, f.LimitErr = 0, errors.New("no Redis")
	wantProblem(t, "limits away", join(0), 503, "try_later")
	f.LimitErr = nil

	for range 5 {
		f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`","birth_date":"2000-01-01"}`)
	}
	wantProblem(t, "locked", join(0), 423, "locked")
	if err := f.Withdraw(t.Context(), f.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "withdrawn link", join(2), 410, "revoked")
	wantProblem(t, "withdrawn session", f.do("GET", "/v/"+v.ID+"/session", "", session), 410, "revoked")
	wantProblem(t, "withdrawn pass", f.do("POST", "/v/"+v.ID+"/pass", "", session), 410, "revoked")
	doctor := withCookie("housecall_visit", join(1).cookie("housecall_visit").Value)
	if err := f.Cancel(t.Context(), f.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "over", join(1), 410, "over")
	wantProblem(t, "session over", f.do("GET", "/v/"+v.ID+"/session", "", doctor), 410, "over")
	wantProblem(t, "pass over", f.do("POST", "/v/"+v.ID+"/pass", "", doctor), 410, "over")
}

// TestCaller: what is served elsewhere under a visit's path knows whose browser asks, and strangers from nobody.
func TestCaller(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(30 * time.Minute) })
	e := h.Follow(links[0], "")
	other, _ := h.Plan()
	rows := h.Count("audit")
	ask := func(visit, token string) (string, error) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v/"+visit+"/check", nil)
		r.SetPathValue("visit", visit)
		r.AddCookie(&http.Cookie{Name: "housecall_visit", Value: token})
		return h.Caller(r)
	}
	if session, err := ask(v.ID, e.Token); err != nil || session != e.Session {
		t.Errorf("%q, %v", session, err)
	}
	for _, c := range [][2]string{{v.ID, ""}, {v.ID, strings.Repeat("A", 43)}, {other.ID, e.Token}, {"x", e.Token}} {
		_, err := ask(c[0], c[1])
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	}
	if n := h.Count("audit"); n != rows {
		t.Errorf("%d rows of audit for it", n-rows)
	}
	h.At(v.ClosesAt)
	_, err := ask(v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
}

// Whoever holds no link that works is told whom to call, and nothing of any visit.
func TestSiteOverHTTP(t *testing.T) {
	f := newFront(t, "")
	r := f.do("GET", "/api/v1/site", "")
	if want := `{"name":"Example Children's Hospital","phone":"+1 617 555 0100"}` + "\n"; r.StatusCode != 200 || r.body != want {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}
