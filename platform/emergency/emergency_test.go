package emergency_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "notify", Files: notify.Migrations()},
		storetest.Tables{Name: "emergency", Files: emergency.Migrations()}))
}

const reason = "Canary-reason: the mother called, nobody else is here"

// records knows one patient with one visit, and keeps whom it showed out.
type records struct {
	patient, visit string
	left           []string
}

func (r *records) Identify(context.Context, string, string) ([]string, error) {
	return []string{r.patient}, nil
}
func (r *records) Exists(_ context.Context, about store.Subject) error {
	if about.ID != r.patient && about.ID != r.visit {
		return fault.NotFound
	}
	return nil
}
func (r *records) Patient(context.Context, string) (emergency.Patient, error) {
	return emergency.Patient{}, nil
}
func (r *records) Visits(context.Context, auth.Actor, store.Subject) ([]emergency.Visit, error) {
	return nil, nil
}
func (r *records) Join(context.Context, auth.Actor, string) (string, error) { return "", nil }
func (r *records) Leave(_ context.Context, _, invitation string) error {
	r.left = append(r.left, invitation)
	return nil
}

type house struct {
	*emergency.Service
	*records
	db    *store.DB
	queue *jobs.Queue
	mail  *mailtest.Server

	clock *testkit.Clock
}

var (
	clinician = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	another   = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	admin     = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}
)

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{records: &records{patient: store.NewID(), visit: store.NewID()}, db: storetest.Open(t, storetest.URL(t), store.Options{}),
		mail: mailtest.Start(t, mailtest.Options{}), clock: testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	ring, err := keys.Open(ctx, h.db, filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if h.queue, err = jobs.New(ctx, jobs.Config{DB: h.db, Now: h.clock.Now}); err != nil {
		t.Fatal(err)
	}
	mail, err := notify.NewMail(h.mail.URL(), "Example Hospital <visits@example.org>")
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := notify.New(ctx, notify.Config{DB: h.db, Jobs: h.queue, Vault: ring.Mail(), Mail: mail, Now: h.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	book, err := words.Load(static.Locales(), web.Locales(), emergency.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := auth.NewPolicy(emergency.Rules)
	if err != nil {
		t.Fatal(err)
	}
	h.Service, err = emergency.New(ctx, emergency.Config{DB: h.db, Policy: policy, Vault: ring.Staff(), Jobs: h.queue, Outbox: outbox, Pages: pages, Records: h.records,
		Reviewers: func(context.Context, store.Queryer) ([]emergency.Recipient, error) {
			return []emergency.Recipient{{Account: admin.ID, Email: "admin@example.org"}}, nil
		}, PublicURL: "https://visits.example.org", Zone: func(context.Context) (*time.Location, error) { return time.UTC, nil }, Now: h.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// use asks for a grant, and notes an invitation by it.
func (h *house) use(t *testing.T, actor auth.Actor, invitation string, about ...store.Subject) (grant string) {
	t.Helper()
	err := h.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
		if grant, err = h.Use(t.Context(), tx, actor, auth.VisitEnter, about...); err != nil || grant == "" || invitation == "" {
			return err
		}
		return h.Came(t.Context(), tx, grant, h.visit, invitation)
	})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func (h *house) open(t *testing.T) emergency.Grant {
	t.Helper()
	g, err := h.Open(t.Context(), clinician, store.About("patient", h.patient), reason)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGrant: one account, one patient, one hour to the millisecond; every use is counted and audited with the grant's id.
func TestGrant(t *testing.T) {
	h := newHouse(t)
	patient, visit := store.About("patient", h.patient), store.About("visit", h.visit)
	if h.use(t, clinician, "", visit, patient) != "" {
		t.Fatal("access without a grant")
	}
	g := h.open(t)
	invitation := store.NewID()
	for what, c := range map[string]struct {
		actor auth.Actor
		about []store.Subject
		want  string
	}{
		"the patient's visit": {clinician, []store.Subject{visit, patient}, g.ID},
		"another visit":       {clinician, []store.Subject{store.About("visit", store.NewID())}, ""},
		"another patient":     {clinician, []store.Subject{store.About("patient", store.NewID())}, ""},
		"of no patient":       {clinician, []store.Subject{store.About("patient", "")}, ""},
		"by another":          {another, []store.Subject{visit, patient}, ""},
		"no clinician now":    {auth.Actor{Kind: auth.KindStaff, ID: clinician.ID, Role: auth.Scheduler}, []store.Subject{patient}, ""},
		"a link of that id":   {auth.Actor{Kind: auth.KindInvitation, ID: clinician.ID, Role: auth.Clinician}, []store.Subject{patient}, ""},
	} {
		if got := h.use(t, c.actor, "", c.about...); got != c.want {
			t.Errorf("%s: %q", what, got)
		}
	}
	h.use(t, clinician, invitation, patient)
	h.clock.Pass(emergency.Life - time.Millisecond)
	if h.use(t, clinician, "", patient) != g.ID {
		t.Error("not to the end of the hour")
	}
	if h.queue.RunDue(t.Context()); len(h.left) != 0 {
		t.Error("shown out too early")
	}
	h.clock.Pass(time.Millisecond)
	if h.use(t, clinician, "", patient) != "" { // before any job has run
		t.Error("beyond the hour")
	}
	if h.queue.RunDue(t.Context()); !slices.Equal(h.left, []string{invitation}) {
		t.Errorf("shown out: %v", h.left)
	}
	waiting, _, err := h.List(t.Context(), admin)
	if err != nil || len(waiting) != 1 || waiting[0].Uses != 3 || waiting[0].Reason != reason {
		t.Errorf("%+v %v", waiting, err)
	}
	var uses int
	if err := h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'emergency.use' AND subject_id = ? AND detail = ?`, h.patient,
		"visit.enter by grant "+g.ID).Scan(&uses); err != nil || uses != 3 {
		t.Errorf("audited: %d, %v", uses, err)
	}
}

// TestOnceMore: who asks again before the hour is over stays where they are until the second one ends; who ends it is out at once.
func TestOnceMore(t *testing.T) {
	h := newHouse(t)
	h.open(t)
	invitation := store.NewID()
	h.use(t, clinician, invitation, store.About("patient", h.patient))
	h.clock.Pass(50 * time.Minute)
	second := h.open(t)
	h.clock.Pass(20 * time.Minute)
	if h.queue.RunDue(t.Context()); len(h.left) != 0 {
		t.Error("shown out by the end of the first")
	}
	if err := h.End(t.Context(), another, second.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("ended by another: %v", err)
	}
	if err := h.End(t.Context(), clinician, second.ID); err != nil {
		t.Fatal(err)
	}
	if h.use(t, clinician, "", store.About("patient", h.patient)) != "" {
		t.Error("access after its end")
	}
	if h.queue.RunDue(t.Context()); !slices.Equal(h.left, []string{invitation}) {
		t.Errorf("shown out: %v", h.left)
	}
}

// TestOpenTwice: who sends the form twice, also at once, has one grant, which administrators are told of and review once; another's, of another subject, for another
// reason or after the review, is one of its own.
func TestOpenTwice(t *testing.T) {
	h := newHouse(t)
	var ids [4]string
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			g, err := h.Open(t.Context(), clinician, store.About("patient", h.patient), reason)
			if err != nil {
				t.Error(err)
			}
			ids[i] = g.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("grants %v", ids)
		}
	}
	waiting := func(want int) {
		t.Helper()
		if n, err := h.Waiting(t.Context()); n != want || err != nil {
			t.Errorf("%d grants wait, want %d: %v", n, want, err)
		}
	}
	waiting(1)
	h.queue.RunDue(t.Context())
	if letters := h.mail.Mailbox("admin@example.org"); len(letters) != 1 {
		t.Errorf("%d letters", len(letters))
	}
	h.clock.Pass(45*time.Minute - time.Millisecond)
	if g := h.open(t); g.ID != ids[0] || g.Reason != reason {
		t.Errorf("while it holds: %+v", g)
	}
	for _, c := range []struct {
		actor auth.Actor
		about store.Subject
	}{{another, store.About("patient", h.patient)}, {clinician, store.About("visit", h.visit)}} {
		if g, err := h.Open(t.Context(), c.actor, c.about, reason); err != nil || g.ID == ids[0] {
			t.Errorf("%+v, %v", g, err)
		}
	}
	waiting(3)
	h.clock.Pass(time.Millisecond)
	later := h.open(t)
	if later.ID == ids[0] {
		t.Error("no other hour near the end of the first")
	}
	waiting(4)

	const other = "Canary-reason: now the child has a seizure"
	var second emergency.Grant
	for range 2 {
		g, err := h.Open(t.Context(), clinician, store.About("patient", h.patient), other)
		if err != nil || g.ID == later.ID || g.Reason != other || second.ID != "" && g.ID != second.ID {
			t.Errorf("another reason: %+v, %v", g, err)
		}
		second = g
	}
	if g := h.open(t); g.ID != later.ID {
		t.Errorf("the reason of before: %+v", g)
	}
	waiting(5)
	if err := h.Judge(t.Context(), admin, later.ID, emergency.Accepted, ""); err != nil {
		t.Fatal(err)
	}
	waiting(4)
	if g := h.open(t); g.ID == later.ID || !g.Ends.Equal(h.clock.Now().Add(emergency.Life)) {
		t.Errorf("after the review: %+v", g)
	}
	waiting(5)
}

// TestTold: administrators hear of it at once, without a word of whom or why; what is to be reviewed is, once, by somebody else.
func TestTold(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	g := h.open(t)
	h.queue.RunDue(ctx)
	letters := h.mail.Mailbox("admin@example.org")
	if len(letters) != 1 || !strings.Contains(string(letters[0].Raw), "https://visits.example.org/admin/emergency") || !strings.Contains(string(letters[0].Raw), "Content-Language: en\r\n") || strings.Contains(string(letters[0].Raw), "Canary") ||
		strings.Contains(string(letters[0].Raw), h.patient) {
		t.Errorf("%+v", letters)
	}
	for what, c := range map[string]struct {
		actor   auth.Actor
		verdict emergency.Verdict
		words   phi.Text
		want    error
	}{
		"by a clinician":         {another, emergency.Accepted, "", fault.NotAllowed},
		"by whose it is":         {auth.Actor{Kind: auth.KindStaff, ID: clinician.ID, Role: auth.Admin}, emergency.Accepted, "", fault.NotAllowed},
		"a question unsaid":      {admin, emergency.Questioned, " ", fault.NotValid},
		"with no verdict":        {admin, "", "fine with me", fault.NotValid},
		"that cannot be written": {admin, emergency.Accepted, "\x00", fault.NotValid},
	} {
		if err := h.Judge(ctx, c.actor, g.ID, c.verdict, c.words); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n, err := h.Waiting(ctx); n != 1 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	if err := h.Judge(ctx, admin, g.ID, emergency.Questioned, "Why\u202e was the team's phone not used?"); err != nil {
		t.Fatal(err)
	}
	if err := h.Judge(ctx, admin, g.ID, emergency.Accepted, ""); !errors.Is(err, fault.NotValid) {
		t.Errorf("a second time: %v", err)
	}
	waiting, reviewed, err := h.List(ctx, admin)
	if err != nil || len(waiting) != 0 || len(reviewed) != 1 || reviewed[0].Words != "Why was the team's phone not used?" || reviewed[0].ReviewedBy != admin.ID {
		t.Errorf("%+v %+v %v", waiting, reviewed, err)
	}
	if _, _, err := h.List(ctx, clinician); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("listed by a clinician: %v", err)
	}
}

// TestOpenNeeds: who may, a reason, and somebody it is about.
func TestOpenNeeds(t *testing.T) {
	h := newHouse(t)
	for what, c := range map[string]struct {
		actor  auth.Actor
		about  store.Subject
		reason phi.Text
		want   error
	}{
		"a scheduler": {auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}, store.About("patient", h.patient), reason, fault.NotAllowed},
		"a link":      {auth.Actor{Kind: auth.KindInvitation, ID: store.NewID(), Role: auth.Clinician}, store.About("visit", h.visit), reason, fault.NotAllowed},
		"no reason":   {clinician, store.About("patient", h.patient), "   because   ", fault.NotValid},
		"a book":      {clinician, store.About("patient", h.patient), phi.Text(strings.Repeat("x", 1001)), fault.NotValid},
		"nobody":      {clinician, store.About("patient", store.NewID()), reason, fault.NotFound},
		"no id":       {clinician, store.About("patient", "x"), reason, fault.NotFound},
	} {
		if _, err := h.Open(t.Context(), c.actor, c.about, c.reason); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n, err := h.Waiting(t.Context()); n != 0 || err != nil {
		t.Errorf("%d grants, %v", n, err)
	}
}
