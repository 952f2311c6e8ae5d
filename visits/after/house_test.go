package after_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/after"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "notify", Files: notify.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "visits_after", Files: after.Migrations()},
		storetest.Tables{Name: "uploads", Files: uploads.Migrations()},
		storetest.Tables{Name: "emergency", Files: emergency.Migrations()}))
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// admin reads the pages of staff.
var admin = auth.Actor{Kind: auth.KindStaff, ID: "someone", Role: auth.Admin}

// clinic is a Service on a real database, with a clock that is turned by hand.
type clinic struct {
	*after.Service
	t       *testing.T
	url     string
	db      *store.DB
	visits  *visits.Service
	book    *words.Book
	queue   *jobs.Queue
	outbox  *notify.Outbox
	uploads *uploads.Service
	mail    *mailtest.Server
	staff   auth.Actor       // who is signed in
	front   *httptest.Server // the pages of families
	known   patients

	mu    sync.Mutex
	clock time.Time
	said  []string // of each answer: what was said before, and now
}

// patients fills visits.Patients, by their ids, as far as visits that took place ask.
type patients struct {
	visits.Patients
	all map[string]people.Patient
}

func (p patients) Patient(_ context.Context, id string) (people.Patient, error) {
	if one, known := p.all[id]; known {
		return one, nil
	}
	return people.Patient{}, fault.NotFound
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	return newClinicWith(t, "none")
}

// newClinicWith is one whose operator said this of who looks at files.
func newClinicWith(t *testing.T, scanner string) *clinic {
	t.Helper()
	c := &clinic{t: t, url: storetest.URL(t), clock: noon, staff: admin, known: patients{all: map[string]people.Patient{}}}
	c.db = storetest.Open(t, c.url, store.Options{})
	ring, err := keys.Open(t.Context(), c.db, filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := auth.NewPolicy(after.Rules, sites.Rules)
	if err != nil {
		t.Fatal(err)
	}
	if c.book, err = words.Load(static.Locales(), web.Locales(), after.Locales()); err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Hospital", c.book, nil)
	if err != nil {
		t.Fatal(err)
	}
	house, err := sites.New(t.Context(), sites.Config{DB: c.db, Policy: policy, Languages: c.book.Tags(), Now: c.now,
		First: sites.Site{Name: "Example Hospital", Phone: "+1 617 555 0100", Calendar: sites.Calendar{Zone: time.UTC}}})
	if err != nil {
		t.Fatal(err)
	}
	c.visits, err = visits.New(t.Context(), visits.Config{DB: c.db, LinkKey: ring.Link(), PublicURL: "https://visits.example", Languages: []string{"en", "es"}, Sites: house, Patients: c.known, Now: c.now,
		RoomEvents: []func(context.Context, *store.Tx, visits.RoomEvent) error{func(ctx context.Context, tx *store.Tx, e visits.RoomEvent) error { return c.KeepEvent(ctx, tx, e) }}})
	if err != nil {
		t.Fatal(err)
	}
	if c.queue, err = jobs.New(t.Context(), jobs.Config{DB: c.db, Now: c.now, Look: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	c.mail = mailtest.Start(t, mailtest.Options{})
	mail, err := notify.NewMail(c.mail.URL(), "Example Hospital <visits@example.org>")
	if err != nil {
		t.Fatal(err)
	}
	if c.outbox, err = notify.New(t.Context(), notify.Config{DB: c.db, Jobs: c.queue, Vault: ring.Mail(), Mail: mail, Now: c.now}); err != nil {
		t.Fatal(err)
	}
	bucket, err := bucket.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.Close)
	unseen, err := uploads.ParseScanner(scanner)
	if err != nil {
		t.Fatal(err)
	}
	c.uploads, err = uploads.New(t.Context(), uploads.Config{DB: c.db, Jobs: c.queue, Blobs: blobs.New(bucket, ring.Blobs()), Vault: ring.Notes(), Scanner: unseen, Limiter: c, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	c.Service, err = after.New(t.Context(), after.Config{DB: c.db, Vault: ring.Notes(), LinkKey: ring.Link(), Visits: c.visits, Sites: house, Outbox: c.outbox, Policy: policy,
		Uploads: c.uploads, Limiter: c, Pages: pages, PublicURL: "http://visits.example", Languages: c.book.Tags(), Now: c.now, Answered: c.answered})
	if err != nil {
		t.Fatal(err)
	}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), c.staff)))
		})
	}})
	c.Routes(routes)
	handler, err := web.New(routes, web.Options{Pages: pages})
	if err != nil {
		t.Fatal(err)
	}
	c.front = httptest.NewServer(handler)
	t.Cleanup(c.front.Close)
	return c
}

// Allow fills web.Limiter.
func (*clinic) Allow(context.Context, string, int, time.Duration) (bool, time.Duration, error) {
	return true, 0, nil
}

// answered notes what is told of answers.
func (c *clinic) answered(_ context.Context, _ *store.Tx, v visits.Visit, before, now map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, v.ID+" "+before["worked"]+","+before["answered"]+" "+now["worked"]+","+now["answered"])
	return nil
}

func (c *clinic) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

func (c *clinic) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = c.clock.Add(d)
}

// visit makes a visit that is open now, with these people.
func (c *clinic) visit(people ...visits.Person) visits.Visit {
	c.t.Helper()
	people = append(people, visits.Person{Name: "Canary Patientname", Role: auth.Patient})
	v, _, err := c.visits.Create(c.t.Context(), auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: c.now(), Minutes: 30, People: people})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// invited is somebody of a visit who came by their link.
func invited(v visits.Visit, person int) after.Writer {
	return after.Invited(visits.Entry{Visit: v, You: v.Invitations[person]})
}

// doctor is a clinician without an account, and nurse another.
var (
	doctor = visits.Person{Name: "Canary Doctorname", Role: auth.Clinician}
	nurse  = visits.Person{Name: "Canary Nursename", Role: auth.Clinician}
)

// save saves a note and wants that to go well.
func (c *clinic) save(w after.Writer, key string, base int, text phi.Text) after.Note {
	c.t.Helper()
	n, err := c.Save(c.t.Context(), w, after.Write{Key: key, Base: base, Text: text})
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

func (c *clinic) mine(w after.Writer) after.Note {
	c.t.Helper()
	n, err := c.Mine(c.t.Context(), w)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// audited are the details of an action's rows, with their outcomes.
func (c *clinic) audited(action string) []string {
	c.t.Helper()
	all, err := store.Collect(c.t.Context(), c.db, func(r *sql.Rows) (string, error) {
		var outcome, detail string
		err := r.Scan(&outcome, &detail)
		return outcome + " " + detail, err
	}, `SELECT outcome, detail FROM audit WHERE action = ? ORDER BY seq`, action)
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// words are those of a key, in English, as they stand in a page.
func (c *clinic) words(key string) string { return html.EscapeString(c.book.In("en").T(key, "max", 0)) }

// count counts rows.
func (c *clinic) count(table string) (n int) {
	c.t.Helper()
	if err := c.db.QueryRowContext(c.t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

func wantCode(t *testing.T, err error, code string, kind error) {
	t.Helper()
	if fault.CodeOf(err) != code || !errors.Is(err, kind) {
		t.Errorf("error %v, want code %q and kind %v", err, code, kind)
	}
}

// onDisk says whether a text stands in the database as it is.
func (c *clinic) onDisk(text string) bool {
	c.t.Helper()
	return bytes.Contains(storetest.OnDisk(c.t, c.url), []byte(text))
}
