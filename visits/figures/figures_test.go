package figures_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/figures"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "visits_after", Files: after.Migrations()},
		storetest.Tables{Name: "figures", Files: figures.Migrations()}))
}

var (
	coordinator = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Coordinator}
	program     = auth.Actor{Kind: auth.KindKey, ID: store.NewID(), Role: auth.Program, Scopes: auth.NewScopes(figures.Read)}
	zone        = must(time.LoadLocation("America/New_York"))
	now         = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// oneSite is a hospital with a site of two services.
type oneSite struct{}

func (oneSite) All(context.Context) ([]sites.Site, error) {
	return []sites.Site{{ID: "here", Name: "Sample Site", Calendar: sites.Calendar{Zone: zone}}}, nil
}
func (oneSite) ServicesOf(context.Context, string) ([]sites.Service, error) {
	return []sites.Service{{ID: "a", Name: "Sample A"}, {ID: "b", Name: "Sample B"}}, nil
}

// house is a database of visits with their figures.
type house struct {
	*figures.Service
	db    *store.DB
	queue *jobs.Queue
	pages http.Handler
	bad   map[string]bool // visits in which somebody's connection was
}

// isBad fills figures.Config.
func (h *house) isBad(context.Context, store.Queryer, []string) (map[string]bool, error) {
	return h.bad, nil
}

func newHouse(t testing.TB) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{bad: map[string]bool{}, db: storetest.Open(t, storetest.URL(t), store.Options{})}
	clock := func() time.Time { return now }
	if _, err := visits.New(ctx, visits.Config{DB: h.db, LinkKey: make([]byte, 32), Now: clock}); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.queue, err = jobs.New(ctx, jobs.Config{DB: h.db, Now: clock}); err != nil {
		t.Fatal(err)
	}
	book, err := words.Load(static.Locales(), web.Locales(), figures.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := auth.NewPolicy(figures.Rules)
	if err != nil {
		t.Fatal(err)
	}
	h.Service, err = figures.New(ctx, figures.Config{DB: h.db, Jobs: h.queue, Policy: policy, Pages: pages, Sites: oneSite{}, Bad: h.isBad, Zone: zone, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	as := func(actor auth.Actor) func(auth.Action, http.Handler) http.Handler {
		return func(_ auth.Action, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), actor)))
			})
		}
	}
	routes := web.NewRoutes(web.Guards{Staff: as(coordinator), Key: as(program)})
	h.Routes(routes)
	h.API(api.New(routes, "test", nil)) // nothing is sent
	if h.pages, err = web.New(routes, web.Options{Pages: pages}); err != nil {
		t.Fatal(err)
	}
	return h
}

// visit is one that is over, with one of the family.
type visit struct {
	state      string
	starts     time.Time
	language   string
	service    string
	came, in   time.Duration // after the start; zero: never
	resent     bool
	interprets string
	bad        bool // somebody's connection was
}

func (h *house) add(t testing.TB, all ...visit) {
	t.Helper()
	ctx := t.Context()
	err := h.db.Tx(ctx, func(tx *store.Tx) error {
		for _, v := range all {
			id, invitation := store.NewID(), store.NewID()
			starts := store.Millis(v.starts)
			h.bad[id] = v.bad
			statements := []struct {
				when bool
				sql  string
				args []any
			}{
				{true, `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at, service_id, interpreter)
					VALUES (?, 'x', ?, ?, ?, '', 0, 'system', '', 0, ?, ?)`, []any{id, starts, starts + 1_800_000, v.state, v.service, v.interprets}},
				{true, `INSERT INTO invitations (id, visit_id, name, role, generation, tries, revoked_at, created_at, language) VALUES (?, ?, 'x', 'patient', 1, 0, 0, 0, ?)`,
					[]any{invitation, id, v.language}},
				{v.came != 0, `INSERT INTO visit_sessions (id, visit_id, invitation_id, generation, device_hash, token_hash, created_at) VALUES (?, ?, ?, 1, ?, ?, ?)`,
					[]any{store.NewID(), id, invitation, "x", store.NewID(), starts + v.came.Milliseconds()}},
			}
			for _, s := range statements {
				if !s.when {
					continue
				}
				if _, err := tx.ExecContext(ctx, s.sql, s.args...); err != nil {
					return err
				}
			}
			act := store.Act{At: v.starts.Add(v.in), Actor: auth.Operator(), Action: "room.admitted", Subject: store.About("invitation", invitation), Outcome: store.Allowed}
			if v.in != 0 {
				if err := store.Audit(ctx, tx, act); err != nil {
					return err
				}
			}
			if act.Action = "invitation.resend"; v.resent {
				if err := store.Audit(ctx, tx, act); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) show(t testing.TB, q figures.Query) figures.Figures {
	t.Helper()
	f, err := h.Show(t.Context(), coordinator, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func day(s string) time.Time { return must(time.Parse(time.DateOnly, s)) }

// TestFigures counts each visit once, on the day of its site, and says of few visits only that there were some.
func TestFigures(t *testing.T) {
	h := newHouse(t)
	evening := time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC) // the evening of the second there
	var all []visit
	for i := range 10 {
		all = append(all, visit{state: "ended", starts: evening, language: "es", service: "a", came: -10 * time.Minute, in: time.Duration(i+1) * time.Minute, resent: i == 0})
	}
	all = append(all,
		visit{state: "ended", starts: evening, language: "ht", service: "b", came: 5 * time.Minute, in: 6 * time.Minute, interprets: "confirmed", bad: true},
		visit{state: "no_show", starts: evening, service: "b", came: time.Minute, bad: true}, // whose clinician's was, too: once is enough
		visit{state: "no_show", starts: evening.AddDate(0, 0, 7), service: "b"},
		visit{state: "cancelled", starts: evening.AddDate(0, 0, 7), service: "b", came: time.Minute},
		visit{state: "scheduled", starts: evening.AddDate(0, 0, 7), service: "b"},
		visit{state: "ended", starts: now, service: "b"}) // not over as planned
	h.add(t, all...)
	h.queue.RunDue(t.Context())
	h.queue.RunDue(t.Context())
	q := figures.Query{From: day("2026-11-02"), To: day("2026-11-30"), By: figures.Week}
	f := h.show(t, q)
	if len(f.Rows) != 4 || f.Rows[0].TookPlace != 11 || f.Rows[0].NoShow != 1 || f.Rows[0].Failed != 1 || f.Rows[0].Bad != 1 || f.Rows[0].Technical() != 2 || f.Rows[0].Interpreter != 1 || f.Rows[0].Joins != 11 || f.Rows[0].Alone != 10 ||
		f.Rows[1].Untold != 2 || f.Rows[1].NoShow != 0 || f.All.Visits() != 14 || f.All.NoShow != 1 || f.All.Untold != 2 {
		t.Errorf("%+v", f)
	}
	// Waits of 1, 1, 2 … 10 minutes.
	if r := f.Rows[0]; r.Waited != 11 || r.Median != 5*time.Minute || r.P90 != 9*time.Minute {
		t.Errorf("waits %+v", r)
	}
	if len(f.Languages) != 1 || f.Languages[0] != (figures.Language{Tag: "es", Visits: 10}) || f.Others != 4 {
		t.Errorf("languages %+v, others %d", f.Languages, f.Others)
	}
	if _, body := h.get(t, "/figures"); !strings.Contains(body, "/figures.csv?by=month&amp;from=2025-12-01&amp;of=languages&amp;") {
		t.Error("the page leads to no table of languages")
	}
	if status, body := h.get(t, "/figures.csv?from=2026-11-02&to=2026-11-29&by=week&of=languages"); status != 200 || body != "language,visits\nes,10\nmul,4\n" {
		t.Errorf("the table of languages: %d %q", status, body)
	}
	if f := h.show(t, figures.Query{From: q.From, To: q.To, By: figures.Month, ServiceID: "b"}); len(f.Rows) != 1 || f.All.Visits() != 4 || f.All.Told() {
		t.Errorf("of one service %+v", f)
	}
	h.add(t, visit{state: "ended", starts: evening.AddDate(0, 0, 8), service: "b"})
	h.queue.RunDue(t.Context()) // not for an hour
	if f := h.show(t, q); f.All.Visits() != 14 {
		t.Errorf("%d visits", f.All.Visits())
	}
	for _, actor := range []auth.Actor{{Kind: auth.KindStaff, ID: "x", Role: auth.Scheduler}, {Kind: auth.KindStaff, ID: "x", Role: auth.Clinician},
		{Kind: auth.KindKey, ID: "x", Role: auth.Program, Scopes: auth.NewScopes(auth.VisitRead)}} {
		if _, err := h.Show(t.Context(), actor, q); !errors.Is(err, fault.NotAllowed) {
			t.Errorf("a %s: %v", actor.Role, err)
		}
	}
}

func (h *house) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return w.Code, w.Body.String()
}

func TestPage(t *testing.T) {
	h := newHouse(t)
	if status, body := h.get(t, "/figures"); status != 200 || !strings.Contains(body, "No visits in this time") {
		t.Errorf("empty: %d %s", status, body)
	}
	october := visit{state: "ended", starts: now.AddDate(0, -1, 0), came: time.Second, in: time.Minute}
	unlucky := october
	unlucky.bad = true
	h.add(t, october, october, october, unlucky, visit{state: "no_show", starts: october.starts, came: time.Second}, visit{state: "no_show", starts: now.AddDate(0, -2, 0), interprets: "requested"})
	h.queue.RunDue(t.Context())
	status, body := h.get(t, "/figures?by=month")
	if status != 200 || strings.Count(body, `<th scope="row">`) != 13 || strings.Contains(body, "style=") {
		t.Errorf("%d %s", status, body)
	}
	for _, want := range []string{"<title>October 2026, Took place: 4</title>", "<title>October 2026, Came in, connection was bad: 1</title>", "<title>October 2026, Came, did not get in: 1</title>",
		"<title>September 2026, Too few to say more: 1</title>", `<th scope="row">September 2026</th><td>1</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td>`,
		`<th scope="row">All</th><td>6</td><td>4</td><td>1</td><td>0</td>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if status, body := h.get(t, "/figures.csv?from=2026-09-01&to=2026-10-31"); status != 200 ||
		!strings.HasSuffix(body, "2026-09-01,1,,,,,,,,,,,,,,,,,\n2026-10-01,5,4,1,0,1,1,0,4,4,4,,,,,,,,\n") {
		t.Errorf("%d %s", status, body)
	}
	for _, wrong := range []string{"from=yesterday", "from=2026-11-02&to=2026-11-01", "from=1900-01-01"} {
		if status, body := h.get(t, "/figures?"+wrong); status != 422 || !strings.Contains(body, `class="error-message"`) {
			t.Errorf("%s: %d", wrong, status)
		}
	}
}

// TestFew: what became of few visits is told of no week, and not by the sum either; of enough of them together the sum tells it.
func TestFew(t *testing.T) {
	h := newHouse(t)
	first := time.Date(2026, 11, 2, 15, 0, 0, 0, time.UTC)
	week := func(n int, state string, visits int) {
		for range visits {
			v := visit{state: state, starts: first.AddDate(0, 0, 7*n), interprets: "confirmed"}
			if state == "ended" {
				v.came, v.in = -time.Minute, time.Duration(n+1)*time.Minute
			}
			h.add(t, v)
		}
	}
	week(0, "ended", 5)
	week(1, "no_show", 3)
	week(1, "ended", 1)
	h.queue.RunDue(t.Context())
	answer := func() { // six people of a visit of the second week
		t.Helper()
		for range 6 {
			err := h.db.Tx(t.Context(), func(tx *store.Tx) error {
				return h.CountAnswers(t.Context(), tx, visits.Visit{StartsAt: first.AddDate(0, 0, 7)}, nil, map[string]string{figures.Worked: "yes"})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	answer()
	q := figures.Query{From: day("2026-11-02"), To: day("2026-11-28"), By: figures.Week}
	if f := h.show(t, q); f.Rows[1].Worked.All() != 0 || f.All.Worked.All() != 0 {
		t.Errorf("what people answered about few visits: %+v", f)
	}
	if f := h.show(t, q); f.All.Waited != 5 || f.All.P90 != time.Minute || f.Rows[1].Waited != 0 {
		t.Errorf("how long families of few visits waited: %+v", f)
	}
	if f := h.show(t, q); f.Rows[0].TookPlace != 5 || f.Rows[1].Told() || f.Rows[1].Interpreter != 0 || f.All.Visits() != 9 || f.All.NoShow != 0 || f.All.Interpreter != 5 || f.All.Untold != 4 {
		t.Errorf("%+v", f)
	}
	h = newHouse(t)
	week(0, "ended", 5)
	week(1, "no_show", 4)
	week(2, "no_show", 1)
	h.queue.RunDue(t.Context())
	answer()
	if f := h.show(t, q); f.Rows[1].Told() || f.Rows[2].Told() || !f.Rows[3].Told() || f.Rows[1].Worked.All() != 0 || f.All.Worked.Yes != 6 || f.All.NoShow != 5 || f.All.Interpreter != 10 || f.All.Untold != 0 {
		t.Errorf("%+v", f)
	}
}

// BenchmarkYear counts 200,000 visits of four years, once, and then reads a year of them.
func BenchmarkYear(b *testing.B) {
	if os.Getenv("HOUSECALL_BENCH") == "" {
		b.Skip("takes minutes: set HOUSECALL_BENCH")
	}
	h := newHouse(b)
	const n = 200_000
	for at := 0; at < n; at += 2000 {
		var some []visit
		for i := at; i < at+2000; i++ {
			v := visit{state: []string{"ended", "ended", "ended", "no_show", "cancelled"}[i%5], starts: now.Add(-time.Duration(n-i) * 4 * 365 * 24 * time.Hour / n).Add(-time.Hour), language: []string{"en", "es", "ht", ""}[i%4],
				service: fmt.Sprint(i % 12)}
			if v.state == "ended" {
				v.came, v.in = -time.Minute, time.Duration(i%40+1)*time.Minute
			}
			some = append(some, v)
		}
		h.add(b, some...)
	}
	began := time.Now()
	h.queue.RunDue(b.Context())
	b.Logf("counted in %s", time.Since(began))
	for b.Loop() {
		if status, _ := h.get(b, "/figures?by=week"); status != 200 {
			b.Fatal(status)
		}
	}
}

// TestAnswers: each person is counted by the last thing they said, and nothing is said of few.
func TestAnswers(t *testing.T) {
	h := newHouse(t)
	v := visits.Visit{StartsAt: time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC)} // the evening of the second there
	v.ServiceID = "a"
	say := func(before, worked, answered string) {
		t.Helper()
		old := map[string]string{}
		if before != "" {
			old = map[string]string{figures.Worked: before, figures.Answered: before}
		}
		err := h.db.Tx(t.Context(), func(tx *store.Tx) error {
			return h.CountAnswers(t.Context(), tx, v, old, map[string]string{figures.Worked: worked, figures.Answered: answered})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		say("", "yes", "partly")
	}
	say("", "no", "no")
	one := visit{state: "ended", starts: v.StartsAt, service: "a"}
	h.add(t, one, one, one, one, one)
	h.queue.RunDue(t.Context())
	q := figures.Query{From: day("2026-11-01"), To: day("2026-12-01"), By: figures.Month, ServiceID: "a"}
	if f := h.show(t, q); f.All.Worked != (figures.Answers{Yes: 3, No: 1}) || f.Rows[0].Answered != (figures.Answers{Partly: 3, No: 1}) {
		t.Errorf("%+v", f.All)
	}
	if _, body := h.get(t, "/figures?from=2026-11-01"); strings.Contains(body, "<td>75 %</td>") {
		t.Error("a share of four people is shown")
	}
	say("", "yes", "yes")
	say("no", "yes", "yes") // they think again
	if f := h.show(t, q); f.All.Worked != (figures.Answers{Yes: 5}) || f.All.Answered != (figures.Answers{Yes: 2, Partly: 3}) {
		t.Errorf("%+v", f.All)
	}
	if _, body := h.get(t, "/figures?from=2026-11-01"); !strings.Contains(body, "<td>100 %</td><td>40 %</td>") {
		t.Error("the shares of five people are not shown")
	}
	if _, body := h.get(t, "/figures.csv?from=2026-11-01&to=2026-11-30"); !strings.HasSuffix(body, ",5,0,0,2,3,0\n") {
		t.Errorf("as a table: %s", body)
	}
}
