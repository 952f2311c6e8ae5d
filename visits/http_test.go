package visits_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// front is a hospital behind everything platform/web puts around it, with real API keys.
type front struct {
	*visitstest.Hospital
	handler  http.Handler
	accounts *staff.Accounts
	key      string // works
	revoked  string // worked once
}

// newFront serves a hospital. With a role, every request that has any key is of an actor of that role. change may change the hospital.
func newFront(t *testing.T, role auth.Role, change ...func(*visitstest.Hospital)) *front {
	t.Helper()
	f := &front{Hospital: visitstest.NewHospital(t)}
	for _, c := range change {
		c(f.Hospital)
	}
	var err error
	if f.accounts, err = staff.New(t.Context(), staff.Config{DB: f.DB, Limiter: f, Policy: visitstest.Policy(t), Now: f.Now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}); err != nil {
		t.Fatal(err)
	}
	config := f.Config(f.DB)
	guards := f.accounts.Guards()
	if role != "" {
		guards.Key = func(_ auth.Action, next http.Handler) http.Handler {
			return f.accounts.Guards().Key("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				actor := web.Actor(r.Context())
				actor.Role = role
				next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), actor)))
			}))
		}
	}
	if f.Service, err = visits.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	routes := web.NewRoutes(guards)
	f.Routes(routes)
	keyed, err := api.NewIdempotency(t.Context(), api.IdempotencyConfig{DB: f.DB, Vault: f.Ring.API(), Now: f.Now})
	if err != nil {
		t.Fatal(err)
	}
	f.API(api.New(routes, "test", keyed))
	f.RoomRoutes(routes)
	if f.handler, err = web.New(routes, web.Options{PublicURL: config.PublicURL, Logger: config.Logger}); err != nil {
		t.Fatal(err)
	}
	var k staff.Key
	if f.revoked, k, err = f.accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "old", Scopes: f.accounts.Policy.Grantable()}); err != nil {
		t.Fatal(err)
	}
	if err := f.accounts.RevokeKey(t.Context(), auth.Operator(), k.ID); err != nil {
		t.Fatal(err)
	}
	if f.key, _, err = f.accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "new", Scopes: f.accounts.Policy.Grantable()}); err != nil {
		t.Fatal(err)
	}
	return f
}

// reply is an answer as a test looks at it.
type reply struct {
	*http.Response
	body string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("no JSON: %s", r.body)
	}
	return m
}

func (r reply) cookie(name string) *http.Cookie {
	for _, c := range r.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// do makes a request; change may add headers and cookies.
func (f *front) do(method, path, body string, change ...func(*http.Request)) reply {
	f.T.Helper()
	r := httptest.NewRequestWithContext(f.T.Context(), method, "https://visits.example"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.T.Fatal(err)
	}
	return reply{res, string(b)}
}

func bearer(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) }
}

func withCookie(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}

func wantProblem(t *testing.T, what string, r reply, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.Header.Get("Content-Type") != "application/problem+json" || r.json(t)["code"] != code || r.json(t)["status"] != float64(status) {
		t.Errorf("%s: %d %s %s, want %d and code %q", what, r.StatusCode, r.Header.Get("Content-Type"), r.body, status, code)
	}
}

const planBody = `{"service":"Cardiology","starts_at":"2026-11-24T13:00:00+01:00","minutes":30,"ask_birth_date":true,"birth_date":"2012-05-31",
	"people":[{"name":"Canary Patientname","role":"patient"},{"name":"Canary Clinicianname","role":"clinician"}]}`

// apiRoutes are all calls of the API, with what a working key gets. Ids stand for V and I.
var apiRoutes = []struct {
	method, path, body string
	want               int
}{
	{"POST", "/api/v1/visits", planBody, 201},
	{"GET", "/api/v1/visits", "", 200},
	{"GET", "/api/v1/visits/V", "", 200},
	{"POST", "/api/v1/visits/V/invitations", `{"name":"Canary Guardianname","role":"guardian"}`, 201},
	{"POST", "/api/v1/visits/V/invitations/I/resend", `{"new_link":true}`, 200},
	{"DELETE", "/api/v1/visits/V/invitations/I", "", 204},
	{"POST", "/api/v1/series", `{"visit":` + planBody + `,"repeat":{"weeks":2,"count":3}}`, 201},
	{"PATCH", "/api/v1/visits/V", `{"minutes":40}`, 200},
	{"DELETE", "/api/v1/visits/V", "", 204},
}

// TestAPICallers tries every call with every kind of caller.
func TestAPICallers(t *testing.T) {
	allowed, refused := newFront(t, ""), newFront(t, auth.Observer)
	for _, f := range []*front{allowed, refused} {
		v, links := f.Plan()
		e := f.Follow(links[0], "")
		ids := strings.NewReplacer("V", v.ID, "I", links[0].Invitation.ID)
		none := strings.NewReplacer("V", store.NewID(), "I", store.NewID())
		for _, c := range apiRoutes {
			what := c.method + " " + c.path
			for caller, change := range map[string]func(*http.Request){
				"nobody":         func(*http.Request) {},
				"a made-up key":  bearer("hc_" + strings.Repeat("A", 43)),
				"a revoked key":  bearer(f.revoked),
				"an empty key":   bearer(""),
				"a session":      withCookie("housecall_visit", e.Token),
				"another scheme": func(r *http.Request) { r.SetBasicAuth("x", f.key) },
			} {
				r := f.do(c.method, ids.Replace(c.path), c.body, change)
				wantProblem(t, what+" by "+caller, r, 401, "unauthorized")
				if r.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s by %s: no WWW-Authenticate", what, caller)
				}
			}
			there := f.do(c.method, ids.Replace(c.path), c.body, bearer(f.key))
			if f == allowed {
				if there.StatusCode != c.want {
					t.Errorf("%s: %d %s", what, there.StatusCode, there.body)
				}
				if strings.Contains(c.path, "V") {
					wantProblem(t, what+" of nothing", f.do(c.method, none.Replace(c.path), c.body, bearer(f.key)), 404, "not_found")
				}
				continue
			}
			wantProblem(t, what+" without the right", there, 403, "not_allowed")
			if nothing := f.do(c.method, none.Replace(c.path), c.body, bearer(f.key)); nothing.body != there.body {
				t.Errorf("%s without the right: %s for a visit, %s for nothing", what, there.body, nothing.body)
			}
		}
	}
}

// TestKeyForOneThing: a key that is for one thing alone is told what it did, and needs no other scope for that.
func TestKeyForOneThing(t *testing.T) {
	f := newFront(t, "")
	v, _ := f.Plan()
	key, _, err := f.accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "for one thing", Scopes: []auth.Action{auth.VisitRevoke}})
	if err != nil {
		t.Fatal(err)
	}
	f.At(v.StartsAt)
	r := f.do(http.MethodPost, "/api/v1/visits/"+v.ID+"/no-show", "", bearer(key))
	if r.StatusCode != http.StatusOK || r.json(t)["state"] != string(visits.NoShow) || r.Header.Get("ETag") != f.do(http.MethodGet, "/api/v1/visits/"+v.ID, "", bearer(f.key)).Header.Get("ETag") {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func TestAPI(t *testing.T) {
	f := newFront(t, "")
	made := f.do("POST", "/api/v1/visits", planBody, bearer(f.key))
	v := made.json(t)
	id := v["id"].(string)
	if made.Header.Get("Location") != "/api/v1/visits/"+id || v["state"] != "scheduled" || v["starts_at"] != "2026-11-24T12:00:00Z" || v["opens_at"] != "2026-11-24T11:30:00Z" ||
		v["ends_at"] != "2026-11-24T12:30:00Z" || v["closes_at"] != "2026-11-24T14:30:00Z" || v["ask_birth_date"] != true {
		t.Errorf("created %s", made.body)
	}
	if strings.Contains(made.body, visitstest.CanaryBirthDate) {
		t.Error("the birth date is told")
	}
	first := v["invitations"].([]any)[0].(map[string]any)
	if first["name"] != visitstest.CanaryPatient || !strings.HasPrefix(first["link"].(string), "https://visits.example/v#") {
		t.Errorf("invitation %v", first)
	}
	for _, path := range []string{"/api/v1/visits/" + id, "/api/v1/visits?from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&state=scheduled&limit=1"} {
		r := f.do("GET", path, "", bearer(f.key))
		if r.StatusCode != 200 || !strings.Contains(r.body, visitstest.CanaryPatient) || strings.Contains(r.body, "/v#") || strings.Contains(r.body, "next") {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	if r := f.do("GET", "/api/v1/visits?from=2026-11-25T00:00:00Z", "", bearer(f.key)); r.body != "{\"visits\":[]}\n" {
		t.Errorf("no visits: %s", r.body)
	}
	second := f.do("POST", "/api/v1/visits", planBody, bearer(f.key)).json(t)["id"].(string)
	page := f.do("GET", "/api/v1/visits?limit=1", "", bearer(f.key)).json(t)
	rest := f.do("GET", "/api/v1/visits?limit=1&cursor="+page["next"].(string), "", bearer(f.key))
	if got := rest.json(t)["visits"].([]any)[0].(map[string]any)["id"]; got != second {
		t.Errorf("second page %s", rest.body)
	}
	same := f.do("POST", "/api/v1/visits/"+id+"/invitations/"+first["id"].(string)+"/resend", `{"new_link":false}`, bearer(f.key))
	if same.json(t)["link"] != first["link"] {
		t.Errorf("resent %s", same.body)
	}
	for range 2 {
		if r := f.do("DELETE", "/api/v1/visits/"+id, "", bearer(f.key)); r.StatusCode != 204 || r.body != "" {
			t.Errorf("cancelled: %d %s", r.StatusCode, r.body)
		}
	}
	wantProblem(t, "resend of a cancelled visit", f.do("POST", "/api/v1/visits/"+id+"/invitations/"+first["id"].(string)+"/resend", `{"new_link":true}`, bearer(f.key)), 409, "conflict")
}

// TestAPIBadRequests: what is wrong is said field by field, and nothing that was sent is said back.
func TestAPIBadRequests(t *testing.T) {
	f := newFront(t, "")
	change := func(from, to string) string {
		if !strings.Contains(planBody, from) {
			t.Fatalf("the body has no %s", from)
		}
		return strings.Replace(planBody, from, to, 1)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		fields []string
	}{
		"not JSON":          {"Canary", 400, nil},
		"empty":             {"", 400, nil},
		"unknown field":     {change(`"minutes"`, `"Canary":1,"minutes"`), 422, nil},
		"time a word":       {change(`"2026-11-24T13:00:00+01:00"`, `"Canary"`), 422, []string{"starts_at"}},
		"minutes a word":    {change(`30`, `"Canary"`), 422, []string{"minutes"}},
		"minutes too few":   {change(`30`, `4`), 422, []string{"minutes"}},
		"name a number":     {change(`"Canary Patientname"`, `12345`), 422, []string{"people[0].name"}},
		"name blank":        {change(`"Canary Patientname"`, `" "`), 422, []string{"people[0].name"}},
		"no such role":      {change(`"patient"`, `"Canary"`), 422, []string{"people[0].role"}},
		"two patients only": {change(`"clinician"`, `"patient"`), 422, []string{"people"}},
		"bad birth date":    {change(`"2012-05-31"`, `"Canary"`), 422, []string{"birth_date"}},
		"too large":         {change(`Canary Patientname`, strings.Repeat("Canary", 20_000)), 413, nil},
	} {
		r := f.do("POST", "/api/v1/visits", c.body, bearer(f.key))
		code := "not_valid"
		if c.status == 413 {
			code = "too_large"
		}
		wantProblem(t, name, r, c.status, code)
		if strings.Contains(r.body, "Canary") && name != "unknown field" || strings.Contains(r.body, "12345") {
			t.Errorf("%s: what was sent is said back: %s", name, r.body)
		}
		var got []string
		if all, ok := r.json(t)["errors"].([]any); ok && c.fields != nil {
			for _, e := range all {
				got = append(got, e.(map[string]any)["field"].(string))
			}
		}
		if !slices.Equal(got, c.fields) {
			t.Errorf("%s: fields %v in %s, want %v", name, got, r.body, c.fields)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "from=yesterday", "state=gone", "cursor=%25"} {
		r := f.do("GET", "/api/v1/visits?"+query, "", bearer(f.key))
		wantProblem(t, query, r, 422, "not_valid")
		field, _, _ := strings.Cut(query, "=")
		if !strings.Contains(r.body, `"field":"`+field+`"`) && !strings.Contains(r.body, `"field":"`+field+`[0]"`) {
			t.Errorf("%s: %s", query, r.body)
		}
	}
	// Without what it was narrowed by, a list would be of everybody.
	for query, field := range map[string]string{"Canary=1": "query", "limit=5&patient=Canary": "query", "identifier_system=urn:x": "identifier_value",
		"patient_id=": "query", "patient_id=%zz": "query", "patient_id=a;b": "query", "state=open&state=ended": "query", "cursor": "query"} {
		r := f.do("GET", "/api/v1/visits?"+query, "", bearer(f.key))
		wantProblem(t, query, r, 422, "not_valid")
		if !strings.Contains(r.body, `"field":"`+field+`"`) || strings.Contains(r.body, "Canary") {
			t.Errorf("%s: %s", query, r.body)
		}
	}
}

func TestAPIDescription(t *testing.T) {
	f := newFront(t, "")
	r := f.do("GET", "/api/openapi.json", "")
	doc := r.json(t)
	if r.StatusCode != 200 || !strings.HasPrefix(doc["openapi"].(string), "3.1") {
		t.Fatalf("description: %d %.200s", r.StatusCode, r.body)
	}
	paths := doc["paths"].(map[string]any)
	for _, c := range apiRoutes {
		path := strings.NewReplacer("V", "{visit}", "I", "{invitation}").Replace(strings.TrimPrefix(c.path, "/api"))
		op, ok := paths["/api"+path].(map[string]any)[strings.ToLower(c.method)].(map[string]any)
		if !ok || op["security"] == nil {
			t.Errorf("%s %s is not described, or without its key", c.method, path)
		}
	}
	if strings.Contains(r.body, "ErrorModel") || !strings.Contains(r.body, "application/problem+json") {
		t.Error("the errors described are not ours")
	}
	for _, path := range []string{"/docs", "/api/docs", "/schemas/Problem.json"} { // huma's own pages load from elsewhere
		if r := f.do("GET", path, ""); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestNoHealthDataLeaves drives every call, right and wrong, with canaries in every field, and then looks for them in the log, in the audit, and in
// what would be in addresses.
func TestNoHealthDataLeaves(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan(visitstest.AskBirthDate)
	ids := strings.NewReplacer("V", v.ID, "I", links[0].Invitation.ID)
	in := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[1])+`"}`)
	session := in.cookie("housecall_visit")
	for _, c := range apiRoutes {
		for _, body := range []string{c.body, `{"name":12,"Canary":"2012-05-31"}`, `Canary 2012-05-31`, strings.Replace(c.body, `"name":`, `"Canary Patientname":`, 1)} {
			f.do(c.method, ids.Replace(c.path), body, bearer(f.key))
			f.do(c.method, ids.Replace(c.path)+"?state=Canary&from=2012-05-31&cursor=Canary", body, bearer("hc_Canary"))
		}
	}
	for _, body := range []string{`{"code":"Canary","birth_date":"2012-05-31"}`, `{"birth_date":20120531,"Canary":1}`, `Canary`,
		`{"code":"` + visitstest.CodeOf(links[0]) + `","birth_date":"2012-05-31"}`, `{"code":"` + visitstest.CodeOf(links[2]) + `","birth_date":"Canary"}`} {
		f.do("POST", "/api/v1/join", body)
	}
	f.do("GET", "/v/Canary/session?name=Canary", "", withCookie("housecall_visit", "Canary"))
	cookie := withCookie(session.Name, session.Value)
	f.do("POST", "/v/"+v.ID+"/pass", "", cookie)
	live, others := f.Plan()
	here := f.Follow(others[1], "")
	for _, body := range []string{`{"name":"Canary Guardianname","role":"guest"}`, `{"name":"Canary Guardianname","role":"Canary"}`, `{"Canary Guardianname":1}`} {
		for range 2 { // while waiting, and in the visit
			f.do("POST", "/v/"+live.ID+"/invitations", body, withCookie("housecall_visit", here.Token))
			f.Enters(here)
		}
	}
	if f.Count(`invitations WHERE role = 'guest'`) == 0 {
		t.Error("the control was not invited")
	}
	if _, err := f.DB.ExecContext(t.Context(), `ALTER TABLE visit_sessions RENAME TO away`); err != nil { // so that our own faults are logged too
		t.Fatal(err)
	}
	if r := f.do("GET", "/v/"+v.ID+"/session", "", withCookie(session.Name, session.Value)); r.StatusCode != 500 || strings.Contains(r.body, "visit_sessions") {
		t.Errorf("a broken database: %d %s", r.StatusCode, r.body)
	}
	logs := f.Logs.String()
	if !strings.Contains(logs, "visit_sessions") || strings.Count(logs, "\n") < 20 {
		t.Errorf("the control is not in the log:\n%s", logs)
	}
	secrets := append(slices.Clone(visitstest.Canaries), "20120531", session.Value, f.key, v.ID)
	for _, l := range links {
		secrets = append(secrets, visitstest.CodeOf(l))
	}
	for _, s := range secrets {
		if strings.Contains(logs, s) {
			t.Errorf("%q is in the log", s)
		}
	}
	rows, err := f.DB.QueryContext(t.Context(), `SELECT actor_id || action || subject_kind || subject_id || detail FROM audit`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		for _, s := range append(slices.Clone(visitstest.Canaries), session.Value, visitstest.CodeOf(links[0]), visitstest.CodeOf(links[1])) {
			if strings.Contains(row, s) {
				t.Errorf("%q is in the audit: %s", s, row)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestLinksOfNoServiceAskForAKnownDate: where nobody says whether links ask, those of a visit of words alone do if the date is known: no message could hold them otherwise.
func TestLinksOfNoServiceAskForAKnownDate(t *testing.T) {
	f := newFront(t, auth.Program)
	for more, want := range map[string]bool{
		``:                           false,
		`"birth_date":"2012-05-31",`: true,
		`"birth_date":"2012-05-31","ask_birth_date":false,`: false,
	} {
		r := f.do(http.MethodPost, "/api/v1/visits", strings.Replace(planBody, `"ask_birth_date":true,"birth_date":"2012-05-31",`, more, 1), bearer(f.key))
		if asks := r.json(t)["ask_birth_date"]; r.StatusCode != http.StatusCreated || asks != want {
			t.Errorf("%s: %d, asks %v, want %t", more, r.StatusCode, asks, want)
		}
	}
}
