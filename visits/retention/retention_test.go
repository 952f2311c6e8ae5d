package retention_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/figures"
	"housecall/visits/retention"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(storetest.Both(m)) }

var (
	admin = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}
	now   = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

// hospital has one site.
type hospital struct{ site sites.Site }

func (h hospital) All(context.Context) ([]sites.Site, error) { return []sites.Site{h.site}, nil }

// house is a database with what the parts keep of visits.
type house struct {
	*retention.Service
	db    *store.DB
	jobs  *jobs.Queue
	site  string
	clock time.Time
	front http.Handler
	words *words.Words
	start func() // the server, another time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{db: storetest.Open(t, storetest.URL(t), store.Options{}), site: store.NewID(), clock: now}
	clock := func() time.Time { return h.clock }
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	ring, err := keys.Open(ctx, h.db, filepath.Join(t.TempDir(), "master.key"))
	fatal(err)
	_, err = visits.New(ctx, visits.Config{DB: h.db, LinkKey: ring.Link(), Now: clock})
	fatal(err)
	fatal(h.db.Migrate(ctx, "visits_after", after.Migrations()))
	fatal(h.db.Migrate(ctx, "figures", figures.Migrations()))
	fatal(h.db.Migrate(ctx, "emergency", emergency.Migrations()))
	h.jobs, err = jobs.New(ctx, jobs.Config{DB: h.db, Now: clock})
	fatal(err)
	outbox, err := notify.New(ctx, notify.Config{DB: h.db, Jobs: h.jobs, Vault: ring.Mail(), Now: clock})
	fatal(err)
	book, err := words.Load(static.Locales(), web.Locales(), visits.Locales(), retention.Locales())
	fatal(err)
	pages, err := web.NewPages("Example Hospital", book, nil)
	fatal(err)
	h.words = book.In("en")
	policy, err := auth.NewPolicy(retention.Rules)
	fatal(err)
	messages := func(ctx context.Context, tx *store.Tx, ids []string) error {
		for _, id := range ids {
			for _, about := range []string{id, after.AboutSummary(id)} {
				if err := outbox.Forget(ctx, tx, about); err != nil {
					return err
				}
			}
		}
		return nil
	}
	config := retention.Config{DB: h.db, Jobs: h.jobs, Policy: policy, Pages: pages, Vault: ring.Staff(), Zone: time.UTC, Now: clock,
		Sites:  hospital{sites.Site{ID: h.site, Name: "Main campus", Calendar: sites.Calendar{Zone: time.UTC}}},
		Exists: h.exists,
		Forgets: map[string][]retention.Forget{
			retention.KindVisits:   {emergency.ForgetVisits, after.Forget, figures.Forget, messages, visits.Forget},
			retention.KindChat:     {visits.ForgetChat},
			retention.KindChecks:   {visits.ForgetChecks},
			retention.KindMessages: {messages},
		}}
	h.Service, err = retention.New(ctx, config)
	fatal(err)
	h.start = func() {
		c := config
		c.Pages, err = web.NewPages("Example Hospital", book, nil)
		fatal(err)
		c.Jobs, err = jobs.New(ctx, jobs.Config{DB: h.db, Now: clock})
		fatal(err)
		h.jobs = c.Jobs
		h.Service, err = retention.New(ctx, c)
		fatal(err)
	}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), admin)))
		})
	}})
	h.Routes(routes)
	h.front, err = web.New(routes, web.Options{Pages: pages})
	fatal(err)
	return h
}

// exists knows every patient, and the visits there are.
func (h *house) exists(ctx context.Context, about store.Subject) error {
	if about.Kind == "patient" {
		return nil
	}
	var one int
	return h.db.QueryRowContext(ctx, `SELECT 1 FROM visits WHERE id = ?`, about.ID).Scan(&one)
}

// visit is a row with something of it in every table that has anything of visits.
type visit struct {
	id, patient, invitation, session, note string
}

// belongings are the tables that know visits by a column of that name, and what is done with them.
var belongings = []string{"after_events", "after_links", "after_notes", "after_quality", "after_summaries", "after_surveys", "consents", "device_checks", "emergency_guests", "figures_visits", "invitations",
	"visit_chat", "visit_late", "visit_rooms", "visit_sessions", "visit_told"}

func (h *house) add(t *testing.T, state visits.State, ended time.Duration) visit {
	t.Helper()
	v := visit{store.NewID(), store.NewID(), store.NewID(), store.NewID(), store.NewID()}
	ends := store.Millis(now.Add(-ended))
	grant := store.NewID()
	for _, row := range []struct {
		insert string
		args   []any
	}{
		{`INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at, patient_id, site_id)
			VALUES (?, 'Cardiology', ?, ?, ?, '', 0, 'staff', '', 0, ?, ?)`, []any{v.id, ends - 1, ends, string(state), v.patient, h.site}},
		{`INSERT INTO visit_rooms (visit_id, epoch) VALUES (?, 1)`, []any{v.id}},
		{`INSERT INTO invitations (id, visit_id, name, role, generation, tries, revoked_at, created_at) VALUES (?, ?, 'Robin Example', 'patient', 1, 0, 0, 0)`, []any{v.invitation, v.id}},
		{`INSERT INTO invitation_codes (hash, invitation_id, generation) VALUES (?, ?, 1)`, []any{"hash " + v.id, v.invitation}},
		{`INSERT INTO visit_sessions (id, visit_id, invitation_id, generation, device_hash, token_hash, created_at) VALUES (?, ?, ?, 1, 'd', ?, 0)`,
			[]any{v.session, v.id, v.invitation, "token " + v.id}},
		{`INSERT INTO visit_chat (visit_id, seq, session_id, line_id, text, audience, at) VALUES (?, 1, ?, 'l', 'sealed', ?, 0)`, []any{v.id, v.session, v.session}},
		{`INSERT INTO visit_told (visit_id, seq, session_id, by_session, note_id, text, ready, at) VALUES (?, 1, ?, ?, 'n', 'sealed', '', 0)`, []any{v.id, v.session, v.session}},
		{`INSERT INTO consent_texts (version, language, hash, text, created_at) VALUES ('1', 'en', 'h', 'Text', 0) ON CONFLICT DO NOTHING`, nil},
		{`INSERT INTO consents (id, visit_id, invitation_id, session_id, version, language, hash, given_for, given_at) VALUES (?, ?, ?, ?, '1', 'en', 'h', 'self', 0)`,
			[]any{store.NewID(), v.id, v.invitation, v.session}},
		{`INSERT INTO device_checks (visit_id, invitation_id, at, camera, microphone, speaker, network, rtt_ms, loss_pct, browser, unsupported)
			VALUES (?, ?, 0, 'ok', 'ok', 'ok', 'ok', 10, 0, 'Firefox', 0)`, []any{v.id, v.invitation}},
		{`INSERT INTO visit_late (visit_id, sequence, minutes, at) VALUES (?, 0, 20, 0)`, []any{v.id}},
		{`INSERT INTO after_notes (id, visit_id, author_kind, author_id, text, revision, sitting_at, sitting_by, created_at, saved_at, signed_at)
			VALUES (?, ?, 'staff', 'a', 'sealed', 1, 0, '', 0, 0, 1)`, []any{v.note, v.id}},
		{`INSERT INTO after_note_writes (note_id, write_key, revision, at) VALUES (?, 'w', 1, 0)`, []any{v.note}},
		{`INSERT INTO after_addenda (id, note_id, write_key, text, at) VALUES (?, ?, 'w', 'sealed', 0)`, []any{store.NewID(), v.note}},
		{`INSERT INTO after_summaries (visit_id, version, text, language, author_kind, author_id, at) VALUES (?, 1, 'sealed', 'en', 'staff', 'a', 0)`, []any{v.id}},
		{`INSERT INTO after_links (invitation_id, visit_id, code_hash, generation, tries, expires_at) VALUES (?, ?, ?, 1, 0, 0)`, []any{v.invitation, v.id, "code " + v.id}},
		{`INSERT INTO after_openings (token_hash, invitation_id, generation, expires_at) VALUES (?, ?, 1, 0)`, []any{"open " + v.id, v.invitation}},
		{`INSERT INTO after_surveys (invitation_id, visit_id, worked, answered, comment, given_at, changed_at) VALUES (?, ?, 'yes', 'yes', '', 0, 0)`, []any{v.invitation, v.id}},
		{`INSERT INTO after_events (visit_id, at, kind, invitation_id, role, by_id) VALUES (?, 0, 'admitted', ?, 'patient', '')`, []any{v.id, v.invitation}},
		{`INSERT INTO figures_visits (visit_id, ends_at) VALUES (?, ?)`, []any{v.id, ends}},
		{`INSERT INTO figures_days (day, site_id, service_id, language, took_place, no_show, cancelled, failed, interpreter, joins, alone)
			VALUES (?, '', '', '', 1, 0, 0, 0, 0, 1, 1)`, []any{"of " + v.note}},
		{`INSERT INTO emergency_grants (id, account_id, subject_kind, subject_id, reason, opened_at, ends_at, uses, verdict, words, reviewed_by, reviewed_at)
			VALUES (?, 'a', 'patient', ?, 'sealed', 0, 0, 1, 'accepted', '', 'b', 1)`, []any{grant, v.patient}},
		{`INSERT INTO emergency_guests (invitation_id, visit_id, grant_id) VALUES (?, ?, ?)`, []any{v.invitation, v.id, grant}},
		{`INSERT INTO notify_messages (id, channel, kind, key, language, about, recipient, put_at, state, changed_at, reason, version, attempt)
			VALUES (?, 'email', 'k', ?, 'en', ?, '', 0, 'sent', 0, '', 1, 1), (?, 'email', 'k', ?, 'en', ?, '', 0, 'sent', 0, '', 1, 1)`,
			[]any{store.NewID(), "m " + v.invitation, v.id, store.NewID(), "s " + v.invitation, "summary " + v.id}},
		{`INSERT INTO notify_messages (id, channel, kind, key, language, about, recipient, put_at, state, changed_at, reason, version, attempt)
			VALUES ('series', 'email', 'k', 'series', 'en', 'series', '', 0, 'sent', 0, '', 1, 1) ON CONFLICT DO NOTHING`, nil}, // of all visits
		{`INSERT INTO notify_parts (message_id, key, about, place) VALUES ('series', ?, ?, 0)`, []any{"p " + v.invitation, v.id}},
	} {
		if _, err := h.db.ExecContext(t.Context(), row.insert, row.args...); err != nil {
			t.Fatalf("%s: %v", row.insert, err)
		}
	}
	err := h.db.Tx(t.Context(), func(tx *store.Tx) error {
		return store.Audit(t.Context(), tx, store.Act{At: now, Actor: admin, Action: "visit.create", Subject: store.About("visit", v.id), Outcome: store.Allowed})
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rows counts the rows of each table that hold any of these texts, also as a part of a longer one; the audit's apart.
func (h *house) rows(t *testing.T, texts ...string) (found map[string]int, audit int) {
	t.Helper()
	found = map[string]int{}
	err := h.db.Snapshot(t.Context(), func(tx *store.Tx) error {
		tables, err := tx.Tables(t.Context())
		if err != nil {
			return err
		}
		for _, table := range tables {
			if slices.Contains(table.Columns, "visit_id") && table.Name != "visit_removals" && !slices.Contains(belongings, table.Name) {
				t.Errorf("%s knows visits: have it forgotten with them, and add it to belongings", table.Name)
			}
			err := tx.Each(t.Context(), table, func(row []any) error {
				holds := slices.ContainsFunc(row, func(value any) bool {
					text, _ := value.(string)
					return slices.ContainsFunc(texts, func(id string) bool { return strings.Contains(text, id) })
				})
				switch {
				case !holds:
				case table.Name == "audit":
					audit++
				default:
					found[table.Name]++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, audit
}

func (v visit) ids() []string { return []string{v.id, v.invitation, v.session} }

// nightly has the job run, at the time it was planned for.
func (h *house) nightly(t *testing.T) {
	t.Helper()
	h.clock = h.clock.Add(24 * time.Hour)
	if h.jobs.RunDue(t.Context()) == 0 {
		t.Fatal("no job was due")
	}
}

const day = 24 * time.Hour

// TestNightWithoutServer: what was to be deleted while the server stood still is deleted when it is back, not a night later, or never where it stands still each night.
func TestNightWithoutServer(t *testing.T) {
	h := newHouse(t)
	h.clock = h.clock.Add(day)
	h.start()
	if first, second := h.jobs.RunDue(t.Context()), h.jobs.RunDue(t.Context()); first != 1 || second != 0 {
		t.Errorf("%d jobs were due, then %d", first, second)
	}
}

// keep sets how long things are kept; what is not said, for good.
func (h *house) keep(t *testing.T, said map[string]int) {
	t.Helper()
	days := map[string]int{}
	for _, k := range retention.Kinds() {
		days[k.Name] = said[k.Name]
	}
	now, err := h.Days(t.Context(), h.db, h.site)
	if err == nil {
		err = h.Set(t.Context(), admin, h.site, retention.Version(now), days)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestVisitsGoWhole: nothing is left of a visit that is old enough but the audit and the sums; nothing is missing of any other.
func TestVisitsGoWhole(t *testing.T) {
	h := newHouse(t)
	old := []visit{h.add(t, visits.Ended, 390*day), h.add(t, visits.Cancelled, 500*day), h.add(t, visits.NoShow, 367*day)}
	kept := []visit{h.add(t, visits.Ended, 300*day), h.add(t, visits.InProgress, 400*day), h.add(t, visits.Scheduled, 400*day), h.add(t, visits.Open, 400*day), h.add(t, visits.Scheduled, -400*day)}
	held, patient := h.add(t, visits.Ended, 400*day), h.add(t, visits.Ended, 400*day)
	if err := h.Hold(t.Context(), admin, store.About("visit", held.id), "Case 7"); err != nil {
		t.Fatal(err)
	}
	if err := h.Hold(t.Context(), admin, store.About("patient", patient.patient), "Case 8"); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, held, patient)
	h.nightly(t) // nobody has said that visits go: only messages do
	if found, _ := h.rows(t, old[0].ids()...); found["visits"] != 1 || found["notify_messages"] != 2 || found["visit_chat"] != 1 {
		t.Errorf("before anybody said so: %v", found)
	}
	if found, _ := h.rows(t, old[1].ids()...); found["visits"] != 1 || found["notify_messages"] != 0 {
		t.Errorf("messages of 500 days ago: %v", found)
	}
	whole := map[string]map[string]int{}
	for _, v := range kept {
		whole[v.id], _ = h.rows(t, v.ids()...)
	}
	h.keep(t, map[string]int{retention.KindVisits: 365, retention.KindMessages: 400})
	would, err := h.Preview(t.Context(), h.site, map[string]int{retention.KindVisits: 365})
	if err != nil || would[retention.KindVisits].Visits != 3 || !would[retention.KindVisits].Oldest.Equal(now.Add(-500*day)) {
		t.Errorf("preview: %+v, %v", would, err)
	}
	h.nightly(t)
	for _, v := range old {
		found, audit := h.rows(t, v.ids()...)
		if len(found) != 0 || audit == 0 {
			t.Errorf("left of a visit: %v, and %d rows of the audit", found, audit)
		}
		if sums, _ := h.rows(t, "of "+v.note); sums["figures_days"] != 1 {
			t.Error("the sums are gone")
		}
	}
	for _, v := range kept {
		found, _ := h.rows(t, v.ids()...)
		for table, n := range whole[v.id] {
			if found[table] != n {
				t.Errorf("%d of %d rows are left in %s of a visit that stays", found[table], n, table)
			}
		}
	}
	var detail string
	if err := h.db.QueryRowContext(t.Context(), `SELECT detail FROM audit WHERE action = 'retention.purge' AND detail LIKE 'visits%'`).Scan(&detail); err != nil || detail != "visits of 3 visits of before 2025-11-30" {
		t.Errorf("the audit says %q, %v", detail, err)
	}
	if err := h.Release(t.Context(), admin, store.About("visit", held.id)); err != nil {
		t.Fatal(err)
	}
	h.nightly(t)
	if found, _ := h.rows(t, held.ids()...); len(found) != 0 {
		t.Errorf("left of a visit that was let go: %v", found)
	}
}

// TestChatGoesAlone: a visit stays without what was written in it.
func TestChatGoesAlone(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 40*day)
	h.keep(t, map[string]int{retention.KindChat: 30, retention.KindChecks: 30})
	h.nightly(t)
	found, _ := h.rows(t, v.ids()...)
	if found["visit_chat"]+found["visit_told"]+found["device_checks"] != 0 || found["after_notes"] != 1 || found["consents"] != 1 || found["notify_messages"] != 2 {
		t.Errorf("left: %v", found)
	}
}

// TestLettersOfSeriesGo: what is known of a letter about a series goes with each of its visits, where it is all that is known of one.
func TestLettersOfSeriesGo(t *testing.T) {
	h := newHouse(t)
	old, young := h.add(t, visits.Ended, 500*day), h.add(t, visits.Ended, 300*day)
	if _, err := h.db.ExecContext(t.Context(), `DELETE FROM notify_messages WHERE about <> 'series'`); err != nil {
		t.Fatal(err)
	}
	h.nightly(t)
	for v, want := range map[visit]int{old: 0, young: 1} {
		if found, _ := h.rows(t, v.ids()...); found["notify_parts"] != want {
			t.Errorf("left: %v, want %d parts", found, want)
		}
	}
}

// TestManyGoInBatches: more than fit one transaction, each of which has its row.
func TestManyGoInBatches(t *testing.T) {
	h := newHouse(t)
	for range 51 {
		_, err := h.db.ExecContext(t.Context(), `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at)
			VALUES (?, 'x', 0, 1, 'ended', '', 0, 'staff', '', 0)`, store.NewID()) // of no site, so of the first; all at the same moment
		if err != nil {
			t.Fatal(err)
		}
	}
	h.keep(t, map[string]int{retention.KindVisits: 365})
	h.nightly(t)
	var left, said int
	err := h.db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM visits), (SELECT COUNT(*) FROM audit WHERE action = 'retention.purge')`).Scan(&left, &said)
	if err != nil || left != 0 || said != 2 {
		t.Errorf("%d visits are left after %d batches, %v", left, said, err)
	}
}

func TestWhoMayAndWhatMayBe(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, day)
	scheduler := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	for name, err := range map[string]error{
		"set":     h.Set(t.Context(), scheduler, h.site, "", nil),
		"hold":    h.Hold(t.Context(), scheduler, store.About("visit", v.id), "x"),
		"release": h.Release(t.Context(), scheduler, store.About("visit", v.id)),
	} {
		if fault.CodeOf(err) != fault.CodeNotAllowed {
			t.Errorf("a scheduler: %s: %v", name, err)
		}
	}
	seen := retention.Version(map[string]int{"checks": 400, "messages": 400}) // as it is at first
	good := map[string]int{"visits": 0, "chat": 0, "checks": 0, "messages": 0}
	for name, wrong := range map[string]func(days map[string]int){
		"soon":    func(days map[string]int) { days["visits"] = 364 },
		"below":   func(days map[string]int) { days["chat"] = -1 },
		"late":    func(days map[string]int) { days["messages"] = retention.MostDays + 1 },
		"nothing": func(days map[string]int) { delete(days, "checks") },
	} {
		days := maps.Clone(good)
		wrong(days)
		if fields, ok := fault.FieldsOf(h.Set(t.Context(), admin, h.site, seen, days)); !ok || len(fields) != 1 {
			t.Errorf("%s: %v", name, fields)
		}
	}
	if err := h.Set(t.Context(), admin, store.NewID(), seen, good); fault.CodeOf(err) != fault.CodeNotFound {
		t.Errorf("a site that is none: %v", err)
	}
	if err := h.Set(t.Context(), admin, h.site, retention.Version(good), good); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("days that are others by now: %v", err)
	}
	for _, about := range []store.Subject{{Kind: "visit"}, store.About("visit", store.NewID()), store.About("account", v.id)} {
		if fields, ok := fault.FieldsOf(h.Hold(t.Context(), admin, about, "x")); !ok || fields[0].Field != "address" {
			t.Errorf("hold %v: %v", about, fields)
		}
	}
	if fields, ok := fault.FieldsOf(h.Hold(t.Context(), admin, store.About("visit", v.id), " ")); !ok || fields[0].Field != "reason" {
		t.Errorf("hold for no reason: %v", fields)
	}
}

// ask gives what an administrator's browser is answered.
func (h *house) ask(t *testing.T, method, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.front.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestHoldOfAVisit: a visit is held, and let go, from its own page, which says so to those who may, with its reason nowhere but there.
func TestHoldOfAVisit(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 400*day)
	path := retention.Path + "/visits/" + v.id
	note := func(role auth.Role) visits.VisitNote {
		t.Helper()
		note, err := h.Note(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}, v.id, h.words)
		if err != nil {
			t.Fatal(err)
		}
		return note
	}
	if n := note(auth.Scheduler); n != (visits.VisitNote{}) {
		t.Errorf("a scheduler is told %+v", n)
	}
	if n := note(auth.Admin); n.Text != "" || n.Path != path || n.Button != "Hold it from deletion" {
		t.Errorf("before it is held: %+v", n)
	}
	if code, page := h.ask(t, "POST", path, url.Values{"reason": {" "}}); code != 422 || !strings.Contains(page, `id="reason-wrong"`) {
		t.Errorf("for no reason: %d %s", code, page)
	}
	if code, _ := h.ask(t, "POST", path, url.Values{"reason": {"Case 7"}}); code != http.StatusSeeOther {
		t.Errorf("held: %d", code)
	}
	if code, page := h.ask(t, "GET", path+"?done=held", nil); code != 200 || !strings.Contains(page, "Case 7") || !strings.Contains(page, "It is held") || strings.Contains(page, `name="reason"`) {
		t.Errorf("its page: %d %s", code, page)
	}
	if n := note(auth.Admin); !strings.HasPrefix(n.Text, "This visit is held since 28 November 2026") || strings.Contains(n.Text+n.Button, "Case") {
		t.Errorf("while it is held: %+v", n)
	}
	h.keep(t, map[string]int{retention.KindVisits: 365})
	h.nightly(t)
	if found, _ := h.rows(t, v.id); found["visits"] != 1 {
		t.Error("it was deleted all the same")
	}
	for range 2 { // a second time changes nothing
		if code, _ := h.ask(t, "POST", path+"/release", nil); code != http.StatusSeeOther {
			t.Errorf("let go: %d", code)
		}
	}
	if err := h.Hold(t.Context(), admin, store.About("patient", v.patient), "Case 8"); err != nil {
		t.Fatal(err)
	}
	if n := note(auth.Admin); !strings.HasPrefix(n.Text, "All visits of the patient are held") || n.Button != "Hold it from deletion" {
		t.Errorf("while its patient is held: %+v", n)
	}
	if _, page := h.ask(t, "GET", path, nil); !strings.Contains(page, "All visits of the patient are held") || !strings.Contains(page, `name="reason"`) || strings.Contains(page, "Case") {
		t.Errorf("its page then: %s", page)
	}
	for _, method := range []string{"GET", "POST"} {
		if code, _ := h.ask(t, method, retention.Path+"/visits/"+store.NewID(), url.Values{"reason": {"x"}}); code != http.StatusNotFound {
			t.Errorf("%s of no visit: %d", method, code)
		}
	}
	var held, released int
	err := h.db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM audit WHERE action = 'retention.hold' AND outcome = 'allowed' AND subject_id = ?),
		(SELECT COUNT(*) FROM audit WHERE action = 'retention.release' AND outcome = 'allowed' AND subject_id = ?)`, v.id, v.id).Scan(&held, &released)
	if err != nil || held != 1 || released != 1 {
		t.Errorf("audited %d and %d times, %v", held, released, err)
	}
}

func TestPage(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 400*day)
	ask := func(method, path string, form url.Values) (int, string) {
		t.Helper()
		return h.ask(t, method, path, form)
	}
	const first = "visits 0, chat 0, checks 400, messages 400"
	if code, page := ask("GET", retention.Path, nil); code != 200 || !strings.Contains(page, `name="messages" inputmode="numeric" dir="ltr" value="400"`) || strings.Contains(page, "Would be deleted") ||
		!strings.Contains(page, `name="seen" value="`+first+`"`) {
		t.Errorf("as it is at first: %d %s", code, page)
	}
	form := url.Values{"site": {h.site}, "seen": {first}, "visits": {"365"}, "chat": {""}, "checks": {"30"}, "messages": {"30"}}
	form.Set("preview", "yes")
	if code, page := ask("POST", retention.Path, form); code != 200 || !strings.Contains(page, "Would be deleted now: of 1 visit") ||
		!strings.Contains(page, `name="seen" value="`+first+`"`) {
		t.Errorf("preview: %d %s", code, page)
	}
	if days, err := h.Days(t.Context(), h.db, h.site); err != nil || days["visits"] != 0 {
		t.Errorf("a preview set %v, %v", days, err)
	}
	form.Del("preview")
	if code, _ := ask("POST", retention.Path, form); code != http.StatusSeeOther {
		t.Errorf("set: %d", code)
	}
	stale := maps.Clone(form)
	stale.Set("chat", "31")
	if code, page := ask("POST", retention.Path, stale); code != http.StatusConflict || !strings.Contains(page, "What you typed was not saved") || strings.Contains(page, `value="31"`) ||
		!strings.Contains(page, `name="seen" value="visits 365, chat 0, checks 30, messages 30"`) || !strings.Contains(page, `name="visits" inputmode="numeric" dir="ltr" value="365"`) {
		t.Errorf("a page of before: %d %s", code, page)
	}
	form.Set("seen", "visits 365, chat 0, checks 30, messages 30")
	cut := maps.Clone(form)
	cut.Del("visits")
	if code, page := ask("POST", retention.Path, cut); code != 422 || !strings.Contains(page, `id="visits-wrong"`) {
		t.Errorf("a form without visits: %d %s", code, page)
	}
	if days, err := h.Days(t.Context(), h.db, h.site); err != nil || retention.Version(days) != form.Get("seen") {
		t.Errorf("a stale form, or half of one, set %v, %v", days, err)
	}
	form.Set("visits", "never")
	if code, page := ask("POST", retention.Path, form); code != 422 || !strings.Contains(page, `id="visits-wrong"`) || !strings.Contains(page, `value="never"`) {
		t.Errorf("no number: %d %s", code, page)
	}
	hold := url.Values{"address": {"https://visits.example/desk/visits/" + v.id + "?done=x"}, "reason": {"Case <7>"}}
	if code, _ := ask("POST", retention.Path+"/holds", hold); code != http.StatusSeeOther {
		t.Errorf("hold: %d", code)
	}
	if code, page := ask("GET", retention.Path+"?done=held", nil); code != 200 || !strings.Contains(page, "/desk/visits/"+v.id+`"`) || !strings.Contains(page, "Case &lt;7&gt;") ||
		!strings.Contains(page, "Nothing would be deleted now") {
		t.Errorf("what is held: %d %s", code, page)
	}
	if code, page := ask("POST", retention.Path+"/holds", url.Values{"address": {"https://visits.example/desk"}}); code != 422 || !strings.Contains(page, `id="address-wrong"`) {
		t.Errorf("hold nothing: %d", code)
	}
	for range 2 { // again changes nothing
		if code, _ := ask("POST", retention.Path+"/release", url.Values{"kind": {"visit"}, "id": {v.id}}); code != http.StatusSeeOther {
			t.Errorf("release: %d", code)
		}
	}
}
