package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/web"
)

// who makes requests: one of the staff, a program, or whoever holds a link.
type who struct {
	name   string
	client *http.Client
	key    string
	once   string // sent as its idempotency key; "": none
}

// asked is an answer that a probe got.
type asked struct {
	status int
	header http.Header
	body   string
}

// probe is everybody who uses a server, and sees what it answers.
type probe struct {
	t        *testing.T
	s        *server.Server
	o        *outside
	mux      *http.ServeMux // finds the route of a path
	reached  map[string]int // the best status of each route
	secrets  []string       // nothing of a server may hold them as they are
	staff    []who
	accounts map[auth.Role]string // their ids
	program  who
	family   who // somebody with a link of the first visit
	visits   []string
	given    string // the file that goes with the summary of the first visit

	held, filled map[string]bool // columns that had a canary, or anything
}

func newProbe(t *testing.T, s *server.Server, o *outside) *probe {
	t.Helper()
	var signed []caller
	for _, role := range []auth.Role{auth.Admin, auth.Scheduler, auth.Clinician, auth.Coordinator} {
		signed = append(signed, signedIn(t, s, role))
	}
	return probeOf(t, s, o, signed)
}

// probeOf is a probe of people who are signed in, one of each role.
func probeOf(t *testing.T, s *server.Server, o *outside, signed []caller) *probe {
	t.Helper()
	p := &probe{t: t, s: s, o: o, mux: http.NewServeMux(), reached: map[string]int{}, accounts: map[auth.Role]string{}, held: map[string]bool{}, filled: map[string]bool{}}
	for _, r := range s.Routes() {
		p.mux.Handle(r.Pattern, http.NotFoundHandler())
	}
	for _, c := range signed {
		w := p.browser(c.name)
		home, err := url.Parse(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		w.client.Jar.SetCookies(home, []*http.Cookie{c.cookie})
		p.staff, p.secrets = append(p.staff, w), append(p.secrets, c.cookie.Value)
		if _, err := s.Accounts.DB.ExecContext(t.Context(), `UPDATE staff_accounts SET name = ? WHERE role = ?`, "Example "+c.name, c.name); err != nil {
			t.Fatal(err)
		}
		p.accounts[c.role] = p.column(`SELECT id FROM staff_accounts WHERE role = ?`, c.name)[0]
	}
	return p
}

// browser is a new one, which follows no redirect: each is looked at.
func (p *probe) browser(name string) who {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return who{name: name, client: &http.Client{Jar: jar, CheckRedirect: unled.CheckRedirect}}
}

func (p *probe) as(role auth.Role) who {
	return p.staff[slices.IndexFunc(p.staff, func(w who) bool { return w.name == string(role) })]
}

// route is the pattern that a request goes to; "": none.
func (p *probe) route(method, path string) string {
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL()+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	_, pattern := p.mux.Handler(r)
	return pattern
}

// ask makes a request, and looks at all of the answer but what an entitled reader is shown.
func (p *probe) ask(w who, method, path, kind string, body io.Reader) asked {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL()+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if w.key != "" {
		r.Header.Set("Authorization", "Bearer "+w.key)
	} else {
		r.Header.Set("Accept", "text/html")
	}
	if w.once != "" {
		r.Header.Set("Idempotency-Key", w.once)
	}
	return p.answer(w, r)
}

// answer sends a request, and looks at what comes.
func (p *probe) answer(w who, r *http.Request) asked {
	p.t.Helper()
	method, path := r.Method, r.URL.RequestURI()
	response, err := w.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	a := asked{response.StatusCode, response.Header, string(b)}
	if pattern := p.route(method, path); pattern != "" && (p.reached[pattern] == 0 || a.status < p.reached[pattern]) {
		p.reached[pattern] = a.status
	}
	for name, values := range a.header {
		if found := canaryIn(strings.ReplaceAll(strings.Join(values, "\n"), canaryPath, "")); found != "" && name != "Set-Cookie" && name != "Content-Disposition" { // which says what a file is called, to who may have it
			p.t.Errorf("%s %s as %s: header %s: …%s…", method, path, w.name, name, found)
		}
	}
	if a.header.Get("Referrer-Policy") == "" {
		p.t.Errorf("%s %s: browsers may tell others this address", method, path)
	}
	return a
}

// call is a program's JSON call, which must succeed; answer is filled.
func (p *probe) call(w who, method, path string, question, answer any) asked {
	p.t.Helper()
	b, err := json.Marshal(question)
	if err != nil {
		p.t.Fatal(err)
	}
	kind := "application/json"
	if strings.HasPrefix(path, "/fhir/") {
		kind = "application/fhir+json"
	}
	a := p.ask(w, method, path, kind, bytes.NewReader(b))
	if a.status >= http.StatusBadRequest {
		p.t.Errorf("%s %s: %d %.300s", method, path, a.status, a.body)
		return a
	}
	if answer != nil {
		if err := json.Unmarshal([]byte(a.body), answer); err != nil {
			p.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return a
}

// form sends a form.
func (p *probe) form(w who, path string, fields url.Values) asked {
	p.t.Helper()
	return p.ask(w, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

// metrics are the page of metrics.
func (p *probe) metrics() string {
	response, err := http.Get("http://" + p.s.AdminAddr().String() + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// unreached are routes that the test uses in no way that succeeds, and why not.
var unreached = map[string]string{
	"GET /setup":                                         withAccounts,
	"POST /setup":                                        withAccounts,
	"POST /sign-in":                                      "signedIn does, outside of the probe",
	"POST /sign-out":                                     "nothing is sent with it",
	"POST /sign-in/second/passkey":                       byPasskey,
	"POST /sign-in/passkey":                              byPasskey,
	"POST /unlock/passkey":                               byPasskey,
	"POST /account/passkeys":                             byPasskey,
	"POST /account/passkeys/{passkey}/remove":            byPasskey,
	"GET /v/{visit}/ws":                                  "clients of the visit do, outside of the probe",
	"POST /v/{visit}/check":                              bySDP,
	"DELETE /v/{visit}/check/{id}":                       bySDP,
	"POST /password":                                     ofSecrets,
	"POST /account/password":                             ofSecrets,
	"POST /account/app":                                  ofSecrets,
	"POST /account/recovery":                             ofSecrets,
	"POST /unlock":                                       ofSecrets,
	"POST /admin/retention":                              noText,
	"POST /admin/retention/release":                      noText,
	"POST /api/v1/late":                                  noText,
	"GET /v/{visit}/late":                                noText,
	"POST /desk/messages/{message}/again":                noText,
	"POST /admin/accounts/{account}/factors":             noText,
	"POST /admin/accounts/{account}/off":                 noText,
	"POST /admin/accounts/{account}/on":                  noText,
	"POST /admin/webhooks/{endpoint}/enable":             noText,
	"POST /desk/visits/{visit}/cancel-rest":              noText,
	"POST /desk/visits/{visit}/messages/{message}/again": noText,
	"POST /desk/visits/{visit}/people/{person}/again":    noText,
	"POST /queue/visits/{visit}/hand-over":               noText,
	"POST /v/{visit}/device-check":                       "it takes fixed words alone",
	"GET /static/":                                       "it is the same for everybody",

	"POST /desk/visits/{visit}/after/people/{person}/again":        noText,
	"POST /api/v1/visits/{visit}/invitations/{invitation}/message": noText,
}

// Reasons of unreached.
const (
	ofSecrets    = "it is refused with canaries, and what comes of secrets has tests of its own"
	noText       = "it takes no text"
	withAccounts = "there are accounts already"
	byPasskey    = "a passkey holds no health data, and needs a browser"
	bySDP        = "a connection's description holds no health data"
)

// everyRoute finds routes that nothing was put into.
func (p *probe) everyRoute() {
	for _, r := range p.s.Routes() {
		status := p.reached[r.Pattern]
		if status == 0 || status >= http.StatusBadRequest {
			if unreached[r.Pattern] != "" {
				continue
			}
			p.t.Errorf("%s was answered with %d at best: the test must use it, or say in unreached why it doesn't", r.Pattern, status)
		}
	}
}

// canaryPath stands where a path has an id. Pages that send on to another of the same thing repeat it.
const canaryPath = "Canary-Path"

// wreck asks every route for what there isn't, with canaries in its path, its query and its body: nothing of that may come back in what is told of the error.
func (p *probe) wreck() {
	for _, r := range p.s.Routes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = place.ReplaceAllStringFunc(path, func(name string) string {
			if name == "{$}" {
				return ""
			}
			return canaryPath
		})
		if path == "/sign-out" {
			continue
		}
		w := p.staff[0]
		if r.Access.Reach == web.Key("").Reach {
			w = p.program
		}
		for _, body := range [][2]string{
			{"application/json", `{"name": "Canary Json", "birth_date": "` + canaryBirth},
			{"application/json", `{"Canary Field": 1, "name": ["Canary"], "text": {"Canary": "` + canaryPhone + `"}, "code": "Canary"}`},
			{"application/x-www-form-urlencoded", "Canary=%zz&name=Canary+Form"},
			{"multipart/form-data; boundary=Canary", "--Canary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"Canary.csv\"\r\n\r\nCanary"},
		} {
			a := p.ask(w, method, path+"?canary_query=Canary+Query&cursor=Canary&day=Canary&id=Canary", body[0], strings.NewReader(body[1]))
			if found := canaryIn(a.body); a.status >= http.StatusBadRequest && a.status != http.StatusUnprocessableEntity && found != "" {
				p.t.Errorf("%s: %d tells …%s…", r.Pattern, a.status, found)
			}
		}
	}
}
