// Package visitstest has what tests of visits, and of their pages, begin with: a hospital on a real database, and one that knows its sites, patients and people.
package visitstest

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
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
	CanaryPatient   = "Canary Patientname"
	CanaryClinician = "Canary Clinicianname"
	CanaryGuardian  = "Canary Guardianname"
	CanaryBirthDate = "2012-05-31"
)

// Canaries are in all of these.
var Canaries = []string{"Canary", "Patientname", "Clinicianname", "Guardianname", CanaryBirthDate}

// Password is that of every account.
const Password = "wobbly-green-teapot"

// Hospital is a Service on a real database, with a clock that is turned by hand.
type Hospital struct {
	*visits.Service
	T         *testing.T
	URL       string // of its database
	DB        *store.DB
	Ring      *keys.Ring
	Logs      *testkit.Log
	Scheduler auth.Actor

	mu       sync.Mutex
	clock    time.Time
	PlaceErr error
	Placed   []string
	Limited  time.Duration // what Allow refuses with, when not 0
	LimitErr error
	inside   map[string]bool // sessions in the visit
	Unknown  error           // what InVisit fails with

	Texts     *visits.ConsentTexts // of config; set before a service is made
	Zone      *time.Location
	Ways      visits.Ways
	Hearers   []auth.Role // who hears of changes
	Changed   []func(context.Context, *store.Tx, visits.Change) error
	Emergency visits.Emergency

	Sites      *sites.House // nil, as the next two, until there is a Practice
	People     *people.Service
	Colleagues *staff.Accounts
}

// Noon is when a hospital's clock stands at first.
var Noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// NewHospital is a hospital that knows nothing yet, at noon.
func NewHospital(t *testing.T) *Hospital {
	t.Helper()
	h := &Hospital{T: t, URL: storetest.URL(t), Logs: &testkit.Log{}, clock: Noon, inside: map[string]bool{}, Ways: visits.Ways{Email: true, SMS: true},
		Scheduler: auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}}
	h.DB = h.Open()
	var err error
	if h.Ring, err = keys.Open(t.Context(), h.DB, filepath.Join(t.TempDir(), "master.key")); err != nil {
		t.Fatal(err)
	}
	h.Service = h.ServiceOn(h.DB)
	return h
}

// Policy is the table of rules.
func Policy(t *testing.T) auth.Policy {
	t.Helper()
	p, err := auth.NewPolicy(sites.Rules, people.Rules, staff.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Book is what the house says, with more catalogues.
func Book(t *testing.T, more ...fs.FS) *catalogues.Book {
	t.Helper()
	b, err := catalogues.Load(static.Locales(), append(more, web.Locales(), staff.Locales(), people.Locales(), visits.Locales())...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Open opens the hospital's database once more, as another process would.
func (h *Hospital) Open() *store.DB {
	h.T.Helper()
	return storetest.Open(h.T, h.URL, store.Options{})
}

// Config is what a Service of the hospital needs, as the hospital is now.
func (h *Hospital) Config(db *store.DB) visits.Config {
	kid, key := h.Ring.Passes()
	c := visits.Config{
		DB:        db,
		LinkKey:   h.Ring.Link(),
		Chat:      h.Ring.Chat(),
		Passes:    auth.Issuer{Kid: kid, Key: key, Issuer: "https://visits.example", Now: h.Now},
		PublicURL: "https://visits.example",
		Site:      "Example Children's Hospital",
		Phone:     "+1 617 555 0100",
		Languages: []string{"en", "es"},
		Words:     Book(h.T),
		MailFrom:  "Example Children's Hospital <visits@hospital.example>",
		Consent:   h.Texts,
		Sends:     h.Ways,
		TimeZone:  h.Zone,
		Placer:    h,
		Presence:  h,
		Changed:   h.Changed,
		Emergency: h.Emergency,
		Limiter:   h,
		Now:       h.Now,
		Logger:    slog.New(slog.NewJSONHandler(h.Logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if h.Sites != nil {
		c.Sites, c.Patients, c.Colleagues = h.Sites, h.People, h.Colleagues
	}
	return c
}

// ServiceOn is another Service of the hospital, as after a restart or on another node.
func (h *Hospital) ServiceOn(db *store.DB) *visits.Service {
	h.T.Helper()
	s, err := visits.New(h.T.Context(), h.Config(db))
	if err != nil {
		h.T.Fatal(err)
	}
	return s
}

// Place fills visits.Placer.
func (h *Hospital) Place(_ context.Context, visit string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.PlaceErr == nil {
		h.Placed = append(h.Placed, visit)
	}
	return h.PlaceErr
}

// InVisit fills visits.Presence.
func (h *Hospital) InVisit(_ context.Context, _, session string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inside[session], h.Unknown
}

// Enters lets sessions into the visit.
func (h *Hospital) Enters(all ...visits.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range all {
		h.inside[e.Session] = true
	}
}

// Allow fills web.Limiter.
func (h *Hospital) Allow(context.Context, string, int, time.Duration) (bool, time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Limited == 0, h.Limited, h.LimitErr
}

// GiveBack fills web.Forgiver.
func (*Hospital) GiveBack(context.Context, string) error { return nil }

// Now is what the clock shows.
func (h *Hospital) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// At turns the clock.
func (h *Hospital) At(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = t
}

// Request asks for a half hour's visit with a patient, a guardian and a clinician that starts now.
func (h *Hospital) Request() visits.Request {
	return visits.Request{Service: "Cardiology", StartsAt: h.Now(), Minutes: 30, People: []visits.Person{
		{Name: CanaryPatient, Role: auth.Patient},
		{Name: CanaryClinician, Role: auth.Clinician},
		{Name: CanaryGuardian, Role: auth.Guardian},
	}}
}

// Plan makes a visit; change may spoil or extend the request.
func (h *Hospital) Plan(change ...func(*visits.Request)) (visits.Visit, []visits.Link) {
	h.T.Helper()
	r := h.Request()
	for _, f := range change {
		f(&r)
	}
	v, links, err := h.Create(h.T.Context(), h.Scheduler, r)
	if err != nil {
		h.T.Fatal(err)
	}
	return v, links
}

// NoService has a visit be of words alone, where the hospital knows services too.
func NoService(r *visits.Request) { r.Service = "Nutrition" }

// AskBirthDate has links ask for the patient's date of birth.
func AskBirthDate(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, CanaryBirthDate }

// CodeOf takes the code out of a link.
func CodeOf(l visits.Link) string {
	_, code, _ := strings.Cut(l.URL, "#")
	return code
}

// Follow redeems a link as a browser with this device token would.
func (h *Hospital) Follow(l visits.Link, device string) visits.Entry {
	h.T.Helper()
	e, err := h.Redeem(h.T.Context(), visits.Redemption{Code: CodeOf(l), Device: device})
	if err != nil {
		h.T.Fatal(err)
	}
	return e
}

// Everybody makes a visit with one person of each role and redeems their links.
func (h *Hospital) Everybody() (visits.Visit, map[auth.Role]visits.Entry) {
	h.T.Helper()
	v, links := h.Plan(NoService, func(r *visits.Request) {
		r.People = nil
		for _, role := range auth.InvitedRoles() {
			r.People = append(r.People, visits.Person{Name: "Sample", Role: role})
		}
	})
	entries := map[auth.Role]visits.Entry{}
	for _, l := range links {
		entries[l.Invitation.Role] = h.Follow(l, "")
	}
	return v, entries
}

// Shown is a visit as the scheduler is shown it.
func (h *Hospital) Shown(id string) visits.Visit {
	h.T.Helper()
	v, err := h.Show(h.T.Context(), h.Scheduler, id)
	if err != nil {
		h.T.Fatal(err)
	}
	return v
}

// Count counts rows.
func (h *Hospital) Count(query string, args ...any) int {
	h.T.Helper()
	var n int
	if err := h.DB.QueryRowContext(h.T.Context(), `SELECT count(*) FROM `+query, args...).Scan(&n); err != nil {
		h.T.Fatal(err)
	}
	return n
}

// Column reads the first column of a query.
func (h *Hospital) Column(query string, args ...any) []string {
	h.T.Helper()
	all, err := store.Collect(h.T.Context(), h.DB, func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }, query, args...)
	if err != nil {
		h.T.Fatal(err)
	}
	return all
}

// Audited counts audit rows of an action with an outcome.
func (h *Hospital) Audited(action string, outcome store.Outcome) int {
	h.T.Helper()
	return h.Count(`audit WHERE action = ? AND outcome = ?`, action, string(outcome))
}

// WantCode fails unless err has this code and kind.
func WantCode(t *testing.T, err error, code string, kind error) {
	t.Helper()
	if fault.CodeOf(err) != code || !errors.Is(err, kind) {
		t.Errorf("error %v, want code %q and kind %v", err, code, kind)
	}
}

// WantFields fails unless err names exactly these fields.
func WantFields(t *testing.T, err error, want ...string) {
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

// AsksConsent makes a hospital ask for consent.
func AsksConsent(version string, languages ...string) func(*Hospital) {
	return func(h *Hospital) {
		h.Texts = &visits.ConsentTexts{Version: version}
		for _, l := range languages {
			h.Texts.Texts = append(h.Texts.Texts, visits.ConsentText{Language: l, Text: "First in " + l + ".\n\nSecond.\n"})
		}
	}
}

// Crowd makes a thousand visits of patients who are not kept, as the first, one each minute and a half after it; each has two whose names begin with Fakemore.
func (h *Hospital) Crowd(first visits.Visit) {
	h.T.Helper()
	const columns = `service, ends_at, state, state_at, birth_date, ask_birth_date, created_at, patient_id, site_id, service_id, clinician_id, confidential, interpreter,
		interpreter_language, series_id, sequence, created_by_kind, created_by_id`
	for _, statement := range []string{
		`INSERT INTO visits (id, starts_at, ` + columns + `) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
			SELECT 'more-' || i, starts_at + 86400 * i, ` + columns + ` FROM visits, n WHERE id = '` + first.ID + `'`,
		`INSERT INTO invitations (id, visit_id, name, role, language, generation, tries, revoked_at, created_at)
			SELECT 'of-' || id || '-' || name, id, name, 'patient', '', 1, 0, 0, 0
			FROM visits CROSS JOIN (SELECT 'Fakemore' AS name UNION ALL SELECT 'Fakemore Sibling') names WHERE id LIKE 'more-%'`,
	} {
		if _, err := h.DB.ExecContext(h.T.Context(), statement); err != nil {
			h.T.Fatal(err)
		}
	}
}
