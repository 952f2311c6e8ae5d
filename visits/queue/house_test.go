package queue_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/queue"
)

const (
	strictly = 2 * time.Second
	every    = 50 * time.Millisecond // a stream gives a sign of life
)

// patience bounds failures, and is never measured.
const patience = time.Minute

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const password = "wobbly-green-teapot"

// clinic is a queue on everything real but the rooms, whose people the test moves about, with a clock that is turned by hand.
type clinic struct {
	*visits.Service
	t        testing.TB
	db       *store.DB
	accounts *staff.Accounts
	queue    *queue.Queue
	bell     queue.Bell
	server   *httptest.Server // of pages
	strict   *httptest.Server // of streams: it gives each request far less time than a stream lasts
	desk     auth.Actor
	patient  people.Patient
	heart    sites.Service
	skin     sites.Service

	mu      sync.Mutex
	clock   time.Time
	present map[string][]queue.Present
	unknown error
	late    []int    // minutes that were told
	lateOf  []string // the visits, likewise
	begun   string   // the visit that is too late to be said late
	told    []queue.Note
	by      []string // sessions that told them
	tooMany string   // what somebody has done too often
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c := &clinic{t: t, clock: noon, present: map[string][]queue.Present{}, desk: auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}}
	c.db = storetest.Open(t, storetest.URL(t), store.Options{})
	ring := must[*keys.Ring](t)(keys.Open(ctx, c.db, filepath.Join(t.TempDir(), "master.key")))
	policy := must[auth.Policy](t)(auth.NewPolicy(sites.Rules, people.Rules, staff.Rules, queue.Rules))
	book := must[*words.Book](t)(words.Load(static.Locales(), web.Locales(), staff.Locales(), visits.Locales(), desk.Locales(), queue.Locales()))
	pages := must[*web.Pages](t)(web.NewPages("Example Children's Hospital", book, nil))
	zone := must[*time.Location](t)(time.LoadLocation("America/New_York"))
	house := must[*sites.House](t)(sites.New(ctx, sites.Config{DB: c.db, Policy: policy, Languages: book.Tags(), Now: c.now,
		First: sites.Site{Name: "Example Children's Hospital", Country: "US", Calendar: sites.Calendar{Zone: zone}}}))
	site := must[sites.Site](t)(house.Default(ctx))
	c.heart = must[sites.Service](t)(house.CreateService(ctx, auth.Operator(), sites.Service{SiteID: site.ID, Name: "Cardiology", Minutes: 30, Active: true}))
	c.skin = must[sites.Service](t)(house.CreateService(ctx, auth.Operator(), sites.Service{SiteID: site.ID, Name: "Dermatology", Minutes: 30, Active: true}))
	patients := must[*people.Service](t)(people.New(ctx, people.Config{DB: c.db, Policy: policy, Sites: house, Languages: book.Tags(), Now: c.now}))
	c.patient = must[people.Patient](t)(patients.Create(ctx, c.desk, people.Patient{Name: "Robin Example", BirthDate: "2012-05-31", Language: "es", Contacts: []people.Contact{
		{Kind: people.Self, Phone: "202 555 0100", Confidential: true}, {Kind: people.Guardian, Name: "Kim Example", Phone: "202 555 0101"},
	}}))
	c.accounts = must[*staff.Accounts](t)(staff.New(ctx, staff.Config{DB: c.db, Limiter: c, Pages: pages, Home: "/", Links: slices.Concat(queue.Links(), desk.Links(), queue.DeskLinks()),
		Policy: policy, Vault: ring.Staff(), Idle: 30 * time.Minute, Now: c.now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}))
	c.Service = must[*visits.Service](t)(visits.New(ctx, visits.Config{DB: c.db, LinkKey: ring.Link(), Chat: ring.Chat(), PublicURL: "https://visits.example", Languages: book.Tags(), Words: book,
		Sites: house, Patients: patients, Colleagues: c.accounts, Limiter: c, Now: c.now,
		Changed: []func(context.Context, *store.Tx, visits.Change) error{func(context.Context, *store.Tx, visits.Change) error { c.bell.Visit(); return nil }}}))
	c.queue = must[*queue.Queue](t)(queue.New(queue.Config{DB: c.db, Visits: c.Service, Sites: house, Patients: patients, Colleagues: c.accounts, Rooms: c, Lateness: c,
		Sessions: c.accounts, Policy: policy, Pages: pages, Now: c.now, Bell: &c.bell, Every: every}))
	routes := web.NewRoutes(c.accounts.Guards())
	c.accounts.Routes(routes)
	c.queue.Routes(routes)
	handler := must[http.Handler](t)(web.New(routes, web.Options{Pages: pages, Logger: slog.New(slog.DiscardHandler), Now: c.now}))
	c.server, c.strict = httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	c.strict.Config.ReadTimeout, c.strict.Config.WriteTimeout = strictly, strictly
	c.strict.Start()
	t.Cleanup(func() {
		_ = c.queue.Close(ctx)
		c.strict.Close()
		c.server.Close()
	})
	return c
}

func (c *clinic) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

func (c *clinic) at(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = t
}

// Allow fills web.Limiter.
func (c *clinic) Allow(_ context.Context, key string, _ int, _ time.Duration) (bool, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return key != c.tooMany, 90 * time.Second, nil
}

// GiveBack fills web.Forgiver.
func (*clinic) GiveBack(context.Context, string) error { return nil }

// Present fills queue.Rooms.
func (c *clinic) Present(context.Context) (map[string][]queue.Present, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string][]queue.Present{}
	for visit, some := range c.present {
		all[visit] = slices.Clone(some)
	}
	return all, c.unknown
}

// Tell fills queue.Rooms: whoever waits is told.
func (c *clinic) Tell(_ context.Context, visit, by string, note queue.Note) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.present[visit], func(p queue.Present) bool { return p.Waiting }) {
		return fault.NotFound
	}
	c.told, c.by = append(c.told, note), append(c.by, by)
	return nil
}

// Late fills queue.Lateness.
func (c *clinic) Late(_ context.Context, _ auth.Actor, visit string, minutes int) (int, error) {
	c.late = append(c.late, minutes)
	c.lateOf = append(c.lateOf, visit)
	if visit == c.begun {
		return 0, &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "late"}
	}
	return len(c.late), nil
}

// comes has somebody be in a visit's room; ring: this node is told.
func (c *clinic) comes(visit string, ring bool, p ...queue.Present) {
	c.mu.Lock()
	c.present[visit] = p
	c.mu.Unlock()
	if ring {
		c.bell.Room()
	}
}

// staffer is somebody who is signed in.
type staffer struct {
	*clinic
	id     string
	cookie *http.Cookie
}

func (c *clinic) signIn(name string, role auth.Role) staffer {
	c.t.Helper()
	email := strings.ReplaceAll(strings.ToLower(name), " ", ".") + "@example.org"
	a := must[staff.Account](c.t)(c.accounts.Create(c.t.Context(), auth.Operator(), staff.NewAccount{Name: phi.Text(name), Email: phi.Text(email), Password: password, Role: role}))
	s := staffer{clinic: c, id: a.ID}
	r := s.send(http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {password}})
	if len(r.Cookies()) == 0 {
		c.t.Fatalf("%s cannot sign in: %d", name, r.StatusCode)
	}
	s.cookie = r.Cookies()[0]
	return s
}

// book plans a visit in so many minutes, led by somebody.
func (c *clinic) book(leader staffer, in int, change ...func(*visits.Request)) visits.Visit {
	c.t.Helper()
	r := visits.Request{StartsAt: c.now().Add(time.Duration(in) * time.Minute), PatientID: c.patient.ID, ServiceID: c.heart.ID, ClinicianID: leader.id, AllowOverlap: true,
		People: []visits.Person{{Role: auth.Patient}, {Role: auth.Clinician}, {Name: "Kim Example", Role: auth.Guardian, Language: "en"}}}
	for _, f := range change {
		f(&r)
	}
	v, _, err := c.Create(c.t.Context(), c.desk, r)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

var unled = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (s staffer) send(method, path string, form url.Values) answer {
	s.t.Helper()
	r := must[*http.Request](s.t)(http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(form.Encode())))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	response := must[*http.Response](s.t)(unled.Do(r))
	defer response.Body.Close()
	return answer{response, string(must[[]byte](s.t)(io.ReadAll(response.Body)))}
}

func (s staffer) get(path string) answer { return s.send(http.MethodGet, path, nil) }

var (
	tags    = regexp.MustCompile(`(?s)<[^>]*>`)
	version = regexp.MustCompile(`data-version="([^"]+)"`)
	section = regexp.MustCompile(`(?s)<section class="queue-group" aria-labelledby="group-(\w+)">(.*?)</section>`)
)

// text is a page as it is read.
func text(page string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("&#39;", "'", "&amp;", "&").Replace(tags.ReplaceAllString(page, " "))), " ")
}

// groups are what the queue shows in each part.
func (a answer) groups() map[string]string {
	found := map[string]string{}
	for _, m := range section.FindAllStringSubmatch(a.body, -1) {
		found[m[1]] = text(m[2])
	}
	return found
}

func (a answer) version() string {
	if m := version.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

func wants(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is missing in %.3000s", w, text(got))
		}
	}
}

func wantsNot(t *testing.T, got string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(got, w) {
			t.Errorf("%q is in %.3000s", w, text(got))
		}
	}
}

// line is an open stream.
type line struct {
	t      testing.TB
	status int
	lines  chan string // closed at its end
	cut    func()
}

type told struct {
	Version string
	Waiting int
}

// listen opens a stream.
func (s staffer) listen(path string) *line {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	r := must[*http.Request](s.t)(http.NewRequestWithContext(ctx, http.MethodGet, s.strict.URL+path, http.NoBody))
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.AddCookie(s.cookie)
	transport := &http.Transport{}
	response, err := (&http.Client{Transport: transport, CheckRedirect: unled.CheckRedirect}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	l := &line{t: s.t, status: response.StatusCode, lines: make(chan string, 1000), cut: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(l.lines)
		defer response.Body.Close()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			l.lines <- scanner.Text()
		}
	}()
	s.t.Cleanup(func() {
		cancel()
		<-done
		transport.CloseIdleConnections()
	})
	return l
}

// next is what the stream tells next; false: it has ended.
func (l *line) next() (told, bool) {
	l.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case text, ok := <-l.lines:
			if !ok {
				return told{}, false
			}
			if data, found := strings.CutPrefix(text, "data: "); found {
				var e told
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					l.t.Fatal(err)
				}
				return e, true
			}
		case <-limit:
			l.t.Fatal("the stream is silent")
		}
	}
}

// tells waits until the stream tells of a version.
func (l *line) tells(version string, waiting int) {
	l.t.Helper()
	for {
		e, ok := l.next()
		if !ok {
			l.t.Fatalf("the stream ended, and had not told of %q", version)
		}
		if e == (told{version, waiting}) {
			return
		}
	}
}

// ends waits for the stream's end.
func (l *line) ends() {
	l.t.Helper()
	for {
		if _, ok := l.next(); !ok {
			return
		}
	}
}
