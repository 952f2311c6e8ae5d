package visits_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
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
	"housecall/platform/testkit"
	"housecall/platform/web"
	catalogues "housecall/platform/words"
	"housecall/static"
	"housecall/visits"
)

// These stand for health data in tests; none may ever reach a log, an address, or the audit.
const (
	canaryPatient   = "Canary Patientname"
	canaryClinician = "Canary Clinicianname"
	canaryGuardian  = "Canary Guardianname"
	canaryBirthDate = "2012-05-31"
)

var canaries = []string{"Canary", "Patientname", "Clinicianname", "Guardianname", canaryBirthDate}

// hospital is a Service on a real database, with a clock that is turned by hand.
type hospital struct {
	*visits.Service
	t         *testing.T
	url       string // of its database
	db        *store.DB
	ring      *keys.Ring
	logs      *testkit.Log
	scheduler auth.Actor

	mu       sync.Mutex
	clock    time.Time
	placeErr error
	placed   []string
	limited  time.Duration // what Allow refuses with, when not 0
	limitErr error
	inside   map[string]bool // sessions in the visit
	presence error           // what InVisit fails with

	consent   *visits.ConsentTexts // of config; set before a service is made
	zone      *time.Location
	sends     visits.Ways
	hears     []auth.Role // who hears of changes
	changed   []func(context.Context, *store.Tx, visits.Change) error
	emergency visits.Emergency

	sites      *sites.House // nil, as the next two, until knowPractice
	people     *people.Service
	colleagues *staff.Accounts
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{t: t, url: storetest.URL(t), logs: &testkit.Log{}, clock: noon, inside: map[string]bool{}, sends: visits.Ways{Email: true, SMS: true},
		scheduler: auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}}
	h.db = h.open()
	var err error
	if h.ring, err = keys.Open(t.Context(), h.db, filepath.Join(t.TempDir(), "master.key")); err != nil {
		t.Fatal(err)
	}
	h.Service = h.service(h.db)
	return h
}

// policy is the table of rules.
func policy(t *testing.T) auth.Policy {
	t.Helper()
	p, err := auth.NewPolicy(sites.Rules, people.Rules, staff.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read is what the house says.
var read = sync.OnceValues(func() (*catalogues.Book, error) {
	return catalogues.Load(static.Locales(), web.Locales(), staff.Locales(), people.Locales(), visits.Locales())
})

func book(t *testing.T) *catalogues.Book {
	t.Helper()
	b, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens the hospital's database once more, as another process would.
func (h *hospital) open() *store.DB {
	h.t.Helper()
	return storetest.Open(h.t, h.url, store.Options{})
}

func (h *hospital) config(db *store.DB) visits.Config {
	kid, key := h.ring.Passes()
	c := visits.Config{
		DB:        db,
		LinkKey:   h.ring.Link(),
		Chat:      h.ring.Chat(),
		Passes:    auth.Issuer{Kid: kid, Key: key, Issuer: "https://visits.example", Now: h.now},
		PublicURL: "https://visits.example",
		Site:      "Example Children's Hospital",
		Phone:     "+1 617 555 0100",
		Languages: []string{"en", "es"},
		Words:     book(h.t),
		MailFrom:  "Example Children's Hospital <visits@hospital.example>",
		Consent:   h.consent,
		Sends:     h.sends,
		TimeZone:  h.zone,
		Placer:    h,
		Presence:  h,
		Changed:   h.changed,
		Emergency: h.emergency,
		Limiter:   h,
		Now:       h.now,
		Logger:    slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if h.sites != nil {
		c.Sites, c.Patients, c.Colleagues = h.sites, h.people, h.colleagues
	}
	return c
}

func (h *hospital) service(db *store.DB) *visits.Service {
	h.t.Helper()
	s, err := visits.New(h.t.Context(), h.config(db))
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// Place fills visits.Placer.
func (h *hospital) Place(_ context.Context, visit string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.placeErr == nil {
		h.placed = append(h.placed, visit)
	}
	return h.placeErr
}

// InVisit fills visits.Presence.
func (h *hospital) InVisit(_ context.Context, _, session string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inside[session], h.presence
}

// enters lets sessions into the visit.
func (h *hospital) enters(all ...visits.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range all {
		h.inside[e.Session] = true
	}
}

// Allow fills web.Limiter.
func (h *hospital) Allow(context.Context, string, int, time.Duration) (bool, time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.limited == 0, h.limited, h.limitErr
}

// GiveBack fills web.Forgiver.
func (*hospital) GiveBack(context.Context, string) error { return nil }

func (h *hospital) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// at turns the clock.
func (h *hospital) at(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = t
}

// request asks for a half hour's visit with a patient, a guardian and a clinician that starts now.
func (h *hospital) request() visits.Request {
	return visits.Request{Service: "Cardiology", StartsAt: h.now(), Minutes: 30, People: []visits.Person{
		{Name: canaryPatient, Role: auth.Patient},
		{Name: canaryClinician, Role: auth.Clinician},
		{Name: canaryGuardian, Role: auth.Guardian},
	}}
}

// visit makes a visit; change may spoil or extend the request.
func (h *hospital) visit(change ...func(*visits.Request)) (visits.Visit, []visits.Link) {
	h.t.Helper()
	r := h.request()
	for _, f := range change {
		f(&r)
	}
	v, links, err := h.Create(h.t.Context(), h.scheduler, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return v, links
}

// noService has a visit be of words alone, where the hospital knows services too.
func noService(r *visits.Request) { r.Service = "Nutrition" }

func askBirthDate(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, canaryBirthDate }

// codeOf takes the code out of a link.
func codeOf(l visits.Link) string {
	_, code, _ := strings.Cut(l.URL, "#")
	return code
}

// redeem redeems a link as a browser with this device token would.
func (h *hospital) redeem(l visits.Link, device string) visits.Entry {
	h.t.Helper()
	e, err := h.Redeem(h.t.Context(), visits.Redemption{Code: codeOf(l), Device: device})
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// everybody makes a visit with one person of each role and redeems their links.
func (h *hospital) everybody() (visits.Visit, map[auth.Role]visits.Entry) {
	h.t.Helper()
	v, links := h.visit(noService, func(r *visits.Request) {
		r.People = nil
		for _, role := range auth.InvitedRoles() {
			r.People = append(r.People, visits.Person{Name: "Sample", Role: role})
		}
	})
	entries := map[auth.Role]visits.Entry{}
	for _, l := range links {
		entries[l.Invitation.Role] = h.redeem(l, "")
	}
	return v, entries
}

func (h *hospital) show(id string) visits.Visit {
	h.t.Helper()
	v, err := h.Show(h.t.Context(), h.scheduler, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// count counts rows.
func (h *hospital) count(query string, args ...any) int {
	h.t.Helper()
	var n int
	if err := h.db.QueryRowContext(h.t.Context(), `SELECT count(*) FROM `+query, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// column reads the first column of a query.
func (h *hospital) column(query string, args ...any) []string {
	h.t.Helper()
	all, err := store.Collect(h.t.Context(), h.db, func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }, query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// audited counts audit rows of an action with an outcome.
func (h *hospital) audited(action string, outcome store.Outcome) int {
	h.t.Helper()
	return h.count(`audit WHERE action = ? AND outcome = ?`, action, string(outcome))
}

// wantCode fails unless err has this code and kind.
func wantCode(t *testing.T, err error, code string, kind error) {
	t.Helper()
	if fault.CodeOf(err) != code || !errors.Is(err, kind) {
		t.Errorf("error %v, want code %q and kind %v", err, code, kind)
	}
}

// wantFields fails unless err names exactly these fields.
func wantFields(t *testing.T, err error, want ...string) {
	t.Helper()
	var p *fault.Problem
	if !errors.As(err, &p) {
		t.Errorf("error %v, want a problem about %v", err, want)
		return
	}
	fields, _ := p.Fields["errors"].([]fault.Field)
	var got []string
	for _, f := range fields {
		got = append(got, f.Field)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("wrong fields %v (%s), want %v", got, p.Detail, want)
	}
}

func text(s string) phi.Text { return phi.Text(s) }
