package staff_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name     = "Sam Canary-Scheduler"
	email    = "sam.canary@example.org"
	password = "wobbly-green-teapot-canary"
)

// cheap keeps tests quick; what it costs in earnest is staff.DefaultCost.
var cheap = staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

// house is a server with accounts and one page behind them.
type house struct {
	*staff.Accounts
	db      *store.DB
	server  *httptest.Server
	limiter *limiter
	log     *safeBuffer

	mu  sync.Mutex
	now time.Time
}

func (h *house) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// limiter counts without forgetting; limit 0 takes what it is asked for.
type limiter struct {
	mu    sync.Mutex
	seen  int
	limit int
}

func (l *limiter) Allow(_ context.Context, _ string, limit int, window time.Duration) (bool, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen++; l.limit > 0 {
		limit = l.limit
	}
	return l.seen <= limit, window, nil
}

func newHouse(t *testing.T, publicURL string) *house {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "test.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := &house{db: db, limiter: &limiter{limit: 1000}, log: &safeBuffer{}, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	pages, err := web.NewPages("Example Children's Hospital", nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Accounts, err = staff.New(ctx, staff.Config{DB: db, Limiter: h.limiter, Pages: pages, PublicURL: publicURL, Home: "/desk",
		Links: []web.Link{{Path: "/desk", Text: "Visits"}}, Now: h.time, Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Routes(mux)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := staff.Actor(r.Context())
		fmt.Fprintf(w, "%s %s %s", a.Kind, a.ID, a.Role)
	})
	mux.Handle("/desk", h.RequireSession(who))
	mux.Handle("/api/who", h.RequireKey(who))
	handler, err := web.New(mux, web.Options{Pages: pages, PublicURL: publicURL, Logger: slog.New(slog.NewJSONHandler(h.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(handler)
	t.Cleanup(h.server.Close)
	return h
}

// browser keeps cookies and follows no redirect.
func (h *house) browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: h.server.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (h *house) do(t *testing.T, b *http.Client, method, path string, form url.Values, header ...string) answer {
	t.Helper()
	var r *http.Request
	var err error
	if form != nil {
		r, err = http.NewRequest(method, h.server.URL+path, strings.NewReader(form.Encode()))
	} else {
		r, err = http.NewRequest(method, h.server.URL+path, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body.String()}
}

func (h *house) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := h.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// withAccount makes an account of that role.
func (h *house) withAccount(t *testing.T, role auth.Role) staff.Account {
	t.Helper()
	a, err := h.Create(context.Background(), auth.Operator(), staff.NewAccount{Name: name, Email: email, Password: password, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func signInForm(address, pass string) url.Values {
	return url.Values{"email": {address}, "password": {pass}}
}

func TestSetup(t *testing.T) {
	h := newHouse(t, "")
	ctx := context.Background()
	first, needed, err := h.EnsureSetup(ctx)
	if err != nil || !needed || !regexp.MustCompile(`^([A-Z2-7]{4}-){5}[A-Z2-7]{4}$`).MatchString(first) {
		t.Fatalf("code %q, needed %v, %v", first, needed, err)
	}
	code, _, err := h.EnsureSetup(ctx) // the server was started again
	if err != nil || code == first {
		t.Fatalf("second code %q, %v", code, err)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_setup WHERE hash LIKE '%' || ? || '%'`, code); n != 0 {
		t.Error("the code itself is in the database")
	}
	form := func(code, pass string) url.Values {
		return url.Values{"code": {code}, "name": {name}, "email": {" " + strings.ToUpper(email) + " "}, "password": {pass}}
	}
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/setup", nil); a.status != 200 || !strings.Contains(a.body, "data-from-fragment") {
		t.Fatalf("form: %d", a.status)
	}
	for _, c := range []struct {
		what string
		form url.Values
		want string
	}{
		{"older code", form(first, password), "is not right, was used before"},
		{"no code", form("", password), "Enter the set-up code"},
		{"short password", form(code, "short"), "at least 12 characters"},
		{"worst password", form(code, "Password12345"), "Too many people use this password"},
		{"one letter", form(code, strings.Repeat("a", 14)), "Too many people use this password"},
		{"the address", form(code, email), "must not be your email address"},
		{"no address", url.Values{"code": {code}, "name": {name}, "password": {password}}, "Enter an email address"},
	} {
		a := h.do(t, b, "POST", "/setup", c.form)
		if a.status != 422 || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, "There is a problem") || !strings.Contains(a.body, "<title>Error: ") {
			t.Errorf("%s: %d, want %q in\n%s", c.what, a.status, c.want, a.body)
		}
		if strings.Contains(a.body, password) {
			t.Errorf("%s: the password came back", c.what)
		}
		if !strings.Contains(a.body, name) {
			t.Errorf("%s: what was typed is lost", c.what)
		}
	}
	typed := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(code, "-", " "), "O", "0"))
	a := h.do(t, b, "POST", "/setup", form(typed, password))
	if a.status != 303 || a.header.Get("Location") != "/desk" {
		t.Fatalf("set-up: %d %s", a.status, a.body)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 || !strings.HasSuffix(a.body, " admin") {
		t.Errorf("signed in: %d %q", a.status, a.body)
	}
	if a := h.do(t, h.browser(t), "POST", "/setup", url.Values{"code": {code}, "name": {"B"}, "email": {"b@example.org"}, "password": {password}}); a.status != 422 {
		t.Errorf("the code worked twice: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/setup", nil); a.status != 404 {
		t.Errorf("the form after set-up: %d", a.status)
	}
	if _, needed, err := h.EnsureSetup(ctx); err != nil || needed {
		t.Errorf("set-up wanted again: %v %v", needed, err)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_accounts`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.create'`); n != 1 {
		t.Errorf("%d audit rows of the account", n)
	}
	silent(t, h, code)
}

func TestSetupCodeOfTwoAtOnceAndOfYesterday(t *testing.T) {
	h := newHouse(t, "")
	code, _, err := h.EnsureSetup(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.pass(staff.SetupLife)
	form := func(i int) url.Values {
		return url.Values{"code": {code}, "name": {name}, "email": {fmt.Sprintf("n%d@example.org", i)}, "password": {password}}
	}
	if a := h.do(t, h.browser(t), "POST", "/setup", form(0)); a.status != 422 {
		t.Fatalf("yesterday's code: %d", a.status)
	}
	if code, _, err = h.EnsureSetup(context.Background()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	results := make([]int, 4)
	for i := range results {
		b := h.browser(t)
		wg.Go(func() { results[i] = h.do(t, b, "POST", "/setup", form(i)).status })
	}
	wg.Wait()
	var made int
	for _, s := range results {
		if s == 303 {
			made++
		}
	}
	if made != 1 || h.count(t, `SELECT COUNT(*) FROM staff_accounts`) != 1 {
		t.Errorf("one code made %d accounts: %v", made, results)
	}
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t, "")
	account := h.withAccount(t, auth.Scheduler)
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 || a.header.Get("Location") != "/sign-in?next=%2Fdesk" {
		t.Fatalf("without a session: %d %s", a.status, a.header.Get("Location"))
	}
	wrong := h.do(t, b, "POST", "/sign-in", signInForm(email, "not the password"))
	unknown := h.do(t, b, "POST", "/sign-in", signInForm("nobody@example.org", "not the password"))
	if wrong.status != 422 || wrong.status != unknown.status || wrong.body != strings.ReplaceAll(unknown.body, "nobody@example.org", email) {
		t.Errorf("wrong password (%d) and unknown address (%d) look different", wrong.status, unknown.status)
	}
	a := h.do(t, b, "POST", "/sign-in", signInForm("  "+strings.ToUpper(email), password))
	if a.status != 303 || a.header.Get("Location") != "/desk" {
		t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	if c := a.header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || !strings.Contains(c, "Max-Age=43200") || strings.Contains(c, "Secure") {
		t.Errorf("cookie %q", c)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.body != "staff "+account.ID+" scheduler" {
		t.Errorf("actor %q", a.body)
	}
	first := cookieOf(t, h, b)
	if a := h.do(t, b, "GET", "/sign-in", nil); a.status != 303 {
		t.Errorf("the form for somebody signed in: %d", a.status)
	}
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if second := cookieOf(t, h, b); second == first || h.count(t, `SELECT COUNT(*) FROM staff_sessions`) != 1 {
		t.Error("the session was not changed at sign-in")
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_sessions WHERE hash = ?`, cookieOf(t, h, b)); n != 0 {
		t.Error("the cookie itself is in the database")
	}
	if a := h.do(t, b, "POST", "/sign-out", url.Values{}); a.status != 303 {
		t.Errorf("sign-out: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_sessions`); n != 0 {
		t.Error("the session is still there")
	}
	if a := h.do(t, b, "GET", "/sign-in?why=out", nil); !strings.Contains(a.body, "You are signed out") {
		t.Error("nothing says so")
	}
	for action, want := range map[string]int{"staff.sign_in": 4, "staff.sign_out": 1} {
		if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = ?`, action); n != want {
			t.Errorf("%d audit rows of %s, want %d", n, action, want)
		}
	}
	silent(t, h)
}

func cookieOf(t *testing.T, h *house, b *http.Client) string {
	t.Helper()
	u, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		return c.Value
	}
	return ""
}

func TestSessionEnds(t *testing.T) {
	h := newHouse(t, "")
	account := h.withAccount(t, auth.Scheduler)
	b := h.browser(t)
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	h.pass(staff.SessionLife)
	// The cookie jar goes by the machine's clock and still sends it, as a browser with a slow clock would.
	a := h.do(t, b, "GET", "/desk", nil)
	if a.status != 303 || a.header.Get("Location") != "/sign-in?next=%2Fdesk&why=expired" {
		t.Fatalf("after 12 hours: %d %s", a.status, a.header.Get("Location"))
	}
	if a := h.do(t, b, "GET", "/sign-in?why=expired&next=%2Fdesk", nil); !strings.Contains(a.body, "signed out after 12 hours") {
		t.Error("nothing says why")
	}
	if a := h.do(t, b, "POST", "/desk", url.Values{"x": {"y"}}); a.status != 401 || !strings.Contains(a.body, "not saved") {
		t.Errorf("a form after 12 hours: %d", a.status)
	}
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if _, err := h.db.ExecContext(context.Background(), `UPDATE staff_accounts SET disabled_at = 1 WHERE id = ?`, account.ID); err != nil {
		t.Fatal(err)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("an account switched off: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/sign-in", signInForm(email, password)); a.status != 422 {
		t.Errorf("sign-in to it: %d", a.status)
	}
}

func TestSecureCookie(t *testing.T) {
	h := newHouse(t, "https://visits.example.org")
	h.withAccount(t, auth.Scheduler)
	a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, password))
	if c := a.header.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-housecall_staff=") || !strings.Contains(c, "; Secure") || !strings.Contains(c, "Path=/;") {
		t.Errorf("cookie %q", c)
	}
}

func TestNextIsOurs(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for next, want := range map[string]string{
		"": "/desk", "/desk": "/desk", "/desk/visits/1": "/desk/visits/1", "/deskx": "/desk", "//evil.example": "/desk", "https://evil.example": "/desk",
		"/desk/../out": "/desk", "/desk/\\evil": "/desk", "/desk/x?y": "/desk", "/sign-out": "/desk",
	} {
		form := signInForm(email, password)
		form.Set("next", next)
		if a := h.do(t, h.browser(t), "POST", "/sign-in", form); a.header.Get("Location") != want {
			t.Errorf("next %q leads to %q", next, a.header.Get("Location"))
		}
	}
}

func TestLock(t *testing.T) {
	for _, address := range []string{email, "nobody@example.org"} {
		t.Run(address, func(t *testing.T) {
			h := newHouse(t, "")
			h.withAccount(t, auth.Scheduler)
			for i := range 5 {
				if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(address, "wrong")); a.status != 422 {
					t.Fatalf("try %d: %d", i+1, a.status)
				}
			}
			a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(strings.ToUpper(address), password))
			if a.status != 429 || a.header.Get("Retry-After") != "900" || !strings.Contains(a.body, "Try again in 15 minutes") {
				t.Errorf("after five wrong ones: %d %q\n%s", a.status, a.header.Get("Retry-After"), a.body)
			}
			if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.lock'`); n != 1 {
				t.Errorf("%d audit rows of the lock", n)
			}
			h.pass(15 * time.Minute)
			want := 422
			if address == email {
				want = 303
			}
			if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(address, password)); a.status != want {
				t.Errorf("after the lock: %d, want %d", a.status, want)
			}
			silent(t, h)
		})
	}
}

// TestLockCountsTriesSideBySide sends many guesses at once: no more than five may be looked at.
func TestLockCountsTriesSideBySide(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	var wg sync.WaitGroup
	results := make([]int, 20)
	for i := range results {
		b := h.browser(t)
		wg.Go(func() { results[i] = h.do(t, b, "POST", "/sign-in", signInForm(email, fmt.Sprint("guess ", i))).status })
	}
	wg.Wait()
	var looked int
	for _, s := range results {
		if s == 422 {
			looked++
		}
	}
	if looked != 5 {
		t.Errorf("%d guesses were looked at: %v", looked, results)
	}
}

func TestRightPasswordForgetsWrongOnes(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for range 3 {
		for range 4 {
			h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, "wrong"))
		}
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, password)); a.status != 303 {
			t.Fatalf("the right one: %d", a.status)
		}
	}
}

func TestTriesOfOneNetwork(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	h.limiter.limit = 2
	for _, want := range []int{422, 422, 429} {
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(fmt.Sprint(want, "@example.org"), "wrong")); a.status != want {
			t.Errorf("%d, want %d", a.status, want)
		}
	}
	if a := h.do(t, h.browser(t), "POST", "/setup", url.Values{}); a.status != 429 {
		t.Errorf("set-up is not counted: %d", a.status)
	}
}

func TestCrossSite(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for _, path := range []string{"/setup", "/sign-in", "/sign-out", "/desk"} {
		if a := h.do(t, h.browser(t), "POST", path, signInForm(email, password), "Sec-Fetch-Site", "cross-site"); a.status != 403 {
			t.Errorf("%s from another site: %d", path, a.status)
		}
	}
}

func TestKeys(t *testing.T) {
	h := newHouse(t, "")
	ctx := context.Background()
	secret, key, err := h.CreateKey(ctx, auth.Operator(), " Booking system ")
	if err != nil || !strings.HasPrefix(secret, "hc_") || key.Name != "Booking system" {
		t.Fatalf("%q %+v %v", secret, key, err)
	}
	if _, _, err := h.CreateKey(ctx, auth.Operator(), " "); err == nil {
		t.Error("a key for nothing")
	}
	who := func(header ...string) answer { return h.do(t, h.browser(t), "GET", "/api/who", nil, header...) }
	if a := who("Authorization", "Bearer "+secret); a.status != 200 || a.body != "api_key "+key.ID+" scheduler" {
		t.Errorf("%d %q", a.status, a.body)
	}
	refused := who()
	if refused.status != 401 || refused.header.Get("WWW-Authenticate") == "" || !strings.Contains(refused.body, `"code":"unauthorized"`) {
		t.Errorf("nobody: %d %s", refused.status, refused.body)
	}
	if err := h.RevokeKey(ctx, auth.Operator(), key.ID); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"Bearer " + secret, "Basic " + secret, "Bearer hc_", "Bearer hc_" + strings.Repeat("x", 10000), secret} {
		if a := who("Authorization", bad); a.status != 401 || a.body != refused.body {
			t.Errorf("%.30q: %d %s", bad, a.status, a.body)
		}
	}
	if err := h.RevokeKey(ctx, auth.Operator(), key.ID); err == nil {
		t.Error("revoked twice")
	}
	keys, err := h.Keys(ctx)
	if err != nil || len(keys) != 1 || keys[0].Revoked.IsZero() || keys[0].ID != key.ID {
		t.Errorf("keys %+v, %v", keys, err)
	}
	b := h.browser(t)
	h.withAccount(t, auth.Admin)
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if a := h.do(t, b, "GET", "/api/who", nil); a.status != 401 {
		t.Errorf("a person's session opens the API: %d", a.status)
	}
	silent(t, h, secret)
}

func TestCreate(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	good := staff.NewAccount{Name: name, Email: "x@example.org", Password: password, Role: auth.Scheduler}
	for what, change := range map[string]func(*staff.NewAccount){
		"taken address": func(n *staff.NewAccount) { n.Email = phi.Text(strings.ToUpper(email)) },
		"no name":       func(n *staff.NewAccount) { n.Name = "  " },
		"long name":     func(n *staff.NewAccount) { n.Name = phi.Text(strings.Repeat("é", 101)) },
		"long password": func(n *staff.NewAccount) { n.Password = phi.Text(strings.Repeat("ab", 200)) },
		"bad address":   func(n *staff.NewAccount) { n.Email = "x@y@example.org" },
		"a patient":     func(n *staff.NewAccount) { n.Role = auth.Patient },
		"no role":       func(n *staff.NewAccount) { n.Role = "" },
	} {
		n := good
		change(&n)
		if _, err := h.Create(context.Background(), auth.Operator(), n); err == nil || web.FaultOf(err).Status != 422 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.Create(context.Background(), auth.Operator(), good); err != nil {
		t.Error(err)
	}
}

// silent fails when names, addresses, passwords or secrets are in the log or the audit.
func silent(t *testing.T, h *house, secrets ...string) {
	t.Helper()
	if h.log.String() == "" {
		t.Fatal("nothing was logged, so this shows nothing")
	}
	for _, s := range append(secrets, name, email, strings.ToUpper(email), password) {
		if strings.Contains(h.log.String(), s) {
			t.Errorf("the log holds %q", s)
		}
		if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE detail LIKE ? OR subject_id LIKE ? OR actor_id LIKE ?`, "%"+s+"%", "%"+s+"%", "%"+s+"%"); n != 0 {
			t.Errorf("the audit log holds %q", s)
		}
	}
}
