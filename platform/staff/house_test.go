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
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/keys"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m, storetest.Tables{Name: "staff", Files: staff.Migrations()}))
}

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
	log     *testkit.Log

	clock *testkit.Clock
}

// limiter counts without forgetting; limit 0 takes what it is asked for.
type limiter struct {
	mu    sync.Mutex
	seen  map[string]int
	limit int
}

func (l *limiter) Allow(_ context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[key]++; l.limit > 0 {
		limit = l.limit
	}
	return l.seen[key] <= limit, window, nil
}

func (l *limiter) GiveBack(_ context.Context, key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[key]--
	return nil
}

func newHouse(t *testing.T, publicURL string, change ...func(*staff.Config)) *house {
	t.Helper()
	ctx := context.Background()
	db := storetest.Open(t, storetest.URL(t), store.Options{})
	h := &house{db: db, limiter: &limiter{seen: map[string]int{}, limit: 1000}, log: &testkit.Log{}, clock: testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	book, err := words.Load(static.Locales(), web.Locales(), staff.Locales())
	if err != nil {
		t.Fatal(err)
	}
	policy, err := auth.NewPolicy(staff.Rules)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Children's Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(ctx, db, filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	config := staff.Config{DB: db, Limiter: h.limiter, Pages: pages, PublicURL: publicURL, Home: "/desk", Site: "Example Children's Hospital",
		Links: []web.Link{{Path: "/desk", Words: "desk.visits"}}, Policy: policy, Vault: ring.Staff(), Now: h.clock.Now, Cost: cheap}
	for _, each := range change {
		each(&config)
	}
	h.Accounts, err = staff.New(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	routes := web.NewRoutes(h.Guards())
	h.Routes(routes)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := web.Actor(r.Context())
		fmt.Fprintf(w, "%s %s %s", a.Kind, a.ID, a.Role)
	})
	routes.Handle("GET /desk", web.SignedIn(), who)
	routes.HandleFunc("POST /desk", web.SignedIn(), func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "typed %q", r.PostFormValue("x")) })
	routes.Handle("/api/who", web.Key(auth.VisitRead), who)
	handler, err := web.New(routes, web.Options{Pages: pages, PublicURL: publicURL, Logger: slog.New(slog.NewJSONHandler(h.log, nil))})
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
