package retention_test

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/desk"
	"housecall/visits/figures"
	"housecall/visits/retention"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "notify", Files: notify.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "visits_after", Files: after.Migrations()},
		storetest.Tables{Name: "uploads", Files: uploads.Migrations()},
		storetest.Tables{Name: "figures", Files: figures.Migrations()},
		storetest.Tables{Name: "emergency", Files: emergency.Migrations()},
		storetest.Tables{Name: "visits_retention", Files: retention.Migrations()}))
}

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
	db     *store.DB
	jobs   *jobs.Queue
	site   string
	clock  time.Time
	front  http.Handler
	words  *words.Words
	asked  [][]store.Subject                       // whose names were asked for
	start  func()                                  // the server, another time
	sealed func(t *testing.T, place string) string // what a file is called
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
	book, err := words.Load(static.Locales(), web.Locales(), visits.Locales(), desk.Locales(), retention.Locales())
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
	kept, err := uploads.New(ctx, uploads.Config{DB: h.db, Jobs: h.jobs, Vault: ring.Notes(), Now: clock})
	fatal(err)
	h.sealed = func(t *testing.T, place string) string {
		t.Helper()
		sealed, err := ring.Notes().Seal("Canary file.txt", place)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	files := func(ctx context.Context, tx *store.Tx, ids []string) error {
		for _, id := range ids {
			if err := kept.Drop(ctx, tx, after.AboutSummary(id)); err != nil {
				return err
			}
		}
		return nil
	}
	config := retention.Config{DB: h.db, Jobs: h.jobs, Policy: policy, Pages: pages, Vault: ring.Staff(), Zone: time.UTC, Now: clock,
		Sites:  hospital{sites.Site{ID: h.site, Name: "Main campus", Calendar: sites.Calendar{Zone: time.UTC}}},
		Exists: h.exists, Named: h.named,
		Forgets: map[string][]retention.Forget{
			retention.KindVisits:   {emergency.Forget(outbox, "visit"), after.Forget, figures.Forget, messages, files, visits.Forget},
			retention.KindPatients: {emergency.Forget(outbox, "patient"), people.Forget},
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

// named calls who is held, and keeps what it was asked for.
func (h *house) named(_ context.Context, _ auth.Actor, all []store.Subject, _ *words.Words) (map[store.Subject]retention.Named, error) {
	h.asked = append(h.asked, all)
	names := map[store.Subject]retention.Named{}
	for _, about := range all {
		if about.Kind == "patient" {
			names[about] = retention.Named{Name: "Robin Example", More: "31 May 2012"}
		}
	}
	return names, nil
}

// visit is a row with something of it in every table that has anything of visits.
type visit struct {
	id, patient, invitation, session, note string
}

// belongings are the tables that know visits by a column of that name, and what is done with them.
var belongings = []string{"after_events", "after_files", "after_links", "after_notes", "after_quality", "after_summaries", "after_surveys", "consents", "device_checks", "emergency_guests", "figures_visits", "invitations",
	"visit_chat", "visit_late", "visit_rooms", "visit_sessions", "visit_told"}

func (h *house) add(t *testing.T, state visits.State, ended time.Duration) visit {
	t.Helper()
	v := visit{store.NewID(), store.NewID(), store.NewID(), store.NewID(), store.NewID()}
	ends := store.Millis(now.Add(-ended))
	grant, file := store.NewID(), store.NewID()
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
		{`INSERT INTO after_files (visit_id, version, upload_id, place) VALUES (?, 1, ?, 0)`, []any{v.id, file}},
		{`INSERT INTO uploads (id, kind, owner, about_kind, about_id, name, size, received, parts, state, why, media_type, sha256, taken_by, made_at, changed_at)
			VALUES (?, 'summary', ?, 'visit', ?, ?, 1, 1, 1, 'clean', '', 'text/plain', 'h', ?, 0, 0)`, []any{file, "summary " + v.id + " by staff a", v.id, h.sealed(t, "upload|"+file+"|name"), "summary " + v.id}},
		{`INSERT INTO upload_parts (upload_id, begins_at, size, blob, sha256) VALUES (?, 0, 1, 'b', 'h')`, []any{file}},
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

// patient is a row with something of it in every table that has anything of patients.
func (h *house) patient(t *testing.T, id string, changed time.Time) {
	t.Helper()
	for _, insert := range []string{
		`INSERT INTO patients (id, site_id, name, birth_date, language, number, number_key, folded, created_at, changed_at, version) VALUES (PATIENT, '` + h.site + `', 'Robin Example', '', '', '', '', '', 0, ` +
			strconv.FormatInt(store.Millis(changed), 10) + `, 1)`,
		`INSERT INTO patient_terms (patient_id, term) VALUES (PATIENT, 1)`,
		`INSERT INTO patient_contacts (id, patient_id, place, kind, name, relation, email, phone, language, confidential) VALUES ('c ' || PATIENT, PATIENT, 0, 'self', '', '', '', '', '', 0)`,
	} {
		if _, err := h.db.ExecContext(t.Context(), strings.ReplaceAll(insert, "PATIENT", "'"+id+"'")); err != nil {
			t.Fatalf("%s: %v", insert, err)
		}
	}
}

// seen has somebody have had emergency access to a visit or a patient, which nobody has reviewed.
func (h *house) seen(t *testing.T, kind, id string) {
	t.Helper()
	if _, err := h.db.ExecContext(t.Context(), `INSERT INTO emergency_grants (id, account_id, subject_kind, subject_id, reason, opened_at, ends_at, uses, verdict, words, reviewed_by, reviewed_at)
		VALUES (?, 'a', ?, ?, 'sealed', 0, 0, 1, '', '', '', 0)`, store.NewID(), kind, id); err != nil {
		t.Fatal(err)
	}
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
