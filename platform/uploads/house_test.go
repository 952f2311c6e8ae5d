package uploads_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
	"housecall/platform/uploads"
	"housecall/platform/uploads/clamtest"
	"housecall/platform/web"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		fmt.Fprintln(os.Stderr, serveUntilKilled())
		os.Exit(1)
	}
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "uploads", Files: uploads.Migrations()}))
}

// The door of the tests.
const (
	kind   = "sample"
	atMost = 256 << 20
	many   = 3
	daily  = 40
)

// Whose files are whose.
var (
	mine, others, refused = store.NewID(), store.NewID(), store.NewID() // whose visit refused is, another clinician says
	actor                 = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
)

// door takes the owner from a header.
func door() uploads.Door {
	return uploads.Door{Kind: kind, AtMost: atMost, Many: many, Daily: daily, Types: []string{"application/pdf", "image/png", "text/plain", "application/octet-stream"},
		Owner: func(r *http.Request) (string, auth.Actor, store.Subject, error) {
			owner := r.Header.Get("Owner")
			switch {
			case owner == refused:
				return "", actor, store.About("visit", owner), fault.NotFound
			case !store.IsID(owner):
				return "", auth.Actor{}, store.Subject{}, fault.NotFound
			}
			return owner, actor, store.About("visit", owner), nil
		}}
}

// place is where a hall stands, which several may share as nodes do.
type place struct{ url, master, files string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{storetest.URL(t), filepath.Join(dir, "master.key"), filepath.Join(dir, "files")}
}

// hall is a node that takes files.
type hall struct {
	*uploads.Service
	t     *testing.T
	place place
	db    *store.DB
	queue *jobs.Queue
	clock *testkit.Clock
	log   *testkit.Log
	http  *httptest.Server
	blobs *blobs.Store
}

// scanner reads an address that is right.
func scanner(t *testing.T, address string) *uploads.Scanner {
	t.Helper()
	s, err := uploads.ParseScanner(address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newHall(t *testing.T, address string) *hall {
	t.Helper()
	return openHall(t, newPlace(t), address)
}

// openHall opens a node at a place, with the scanner at an address.
func openHall(t *testing.T, p place, address string) *hall {
	t.Helper()
	h := &hall{t: t, place: p, db: storetest.Open(t, p.url, store.Options{}), clock: testkit.NewClock(time.Now()), log: &testkit.Log{}}
	logger := slog.New(slog.NewJSONHandler(h.log, nil))
	s, queue, kept, err := open(t.Context(), h.db, p, scanner(t, address), logger, h.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	h.Service, h.queue, h.blobs = s, queue, kept
	outer, err := handler(s, logger)
	if err != nil {
		t.Fatal(err)
	}
	h.http = httptest.NewServer(outer)
	t.Cleanup(h.http.Close)
	return h
}

// open makes a service of what a place has.
func open(ctx context.Context, db *store.DB, p place, scanner *uploads.Scanner, logger *slog.Logger, now func() time.Time) (*uploads.Service, *jobs.Queue, *blobs.Store, error) {
	ring, err := keys.Open(ctx, db, p.master)
	if err != nil {
		return nil, nil, nil, err
	}
	queue, err := jobs.New(ctx, jobs.Config{DB: db, Logger: logger, Now: now, Look: 10 * time.Millisecond})
	if err != nil {
		return nil, nil, nil, err
	}
	files, err := bucket.Open(p.files)
	if err != nil {
		return nil, nil, nil, err
	}
	kept := blobs.New(files, ring.Blobs())
	s, err := uploads.New(ctx, uploads.Config{DB: db, Jobs: queue, Blobs: kept, Vault: ring.Notes(), Scanner: scanner, Limiter: &counter{}, Logger: logger, Now: now})
	return s, queue, kept, err
}

// counter fills web.Limiter. No window of its own ends.
type counter struct{ counted sync.Map }

func (c *counter) Allow(_ context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	n, _ := c.counted.LoadOrStore(key, new(atomic.Int64))
	return n.(*atomic.Int64).Add(1) <= int64(limit), window, nil
}

// base is where the door is.
const base = "/files/"

// handler serves the door, and files that are clean at /read/ID, as the house does.
func handler(s *uploads.Service, logger *slog.Logger) (http.Handler, error) {
	routes := web.NewRoutes(web.Guards{})
	tus := s.Handler(func(*http.Request) string { return base }, door())
	for _, pattern := range []string{"POST " + base + "{$}", "HEAD " + base + "{upload}", "PATCH " + base + "{upload}", "DELETE " + base + "{upload}"} {
		routes.Handle(pattern, web.Holder().Taking(atMost), tus)
	}
	routes.HandleFunc("GET /read/{id}", web.Holder(), func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, uploads.Upload{ID: r.PathValue("id")}) })
	return web.New(routes, web.Options{Logger: logger})
}

func (h *hall) tx(f func(*store.Tx) error) {
	h.t.Helper()
	if err := h.db.Tx(h.t.Context(), f); err != nil {
		h.t.Fatal(err)
	}
}

// one is the only file of mine that waits.
func (h *hall) one() uploads.Upload {
	h.t.Helper()
	all, err := h.Waiting(h.t.Context(), h.db, mine)
	if err != nil || len(all) != 1 {
		h.t.Fatalf("%d files wait, %v", len(all), err)
	}
	return all[0]
}

// due does what is due in a minute: nodes have clocks of their own.
func (h *hall) due() {
	h.clock.Pass(time.Minute)
	h.queue.RunDue(h.t.Context())
}

// checked uploads a file and has it looked at.
func (h *hall) checked(name string, content []byte) uploads.Upload {
	h.t.Helper()
	c := h.client(mine)
	at := c.begin(name, int64(len(content)))
	c.rest(at, content)
	h.due()
	all, err := h.Waiting(h.t.Context(), h.db, mine)
	if err != nil || len(all) == 0 {
		h.t.Fatalf("%d files wait, %v", len(all), err)
	}
	return all[len(all)-1]
}

// kept is how many blobs there are.
func (h *hall) kept() (n int) {
	h.t.Helper()
	h.eachBlob(func(string) { n++ })
	return n
}

// acts are the actions of the audit, in their order.
func (h *hall) acts() (all []string) {
	h.t.Helper()
	rows, err := h.db.QueryContext(h.t.Context(), `SELECT action, detail, subject_id FROM audit ORDER BY seq`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var action, detail, about string
		if err := rows.Scan(&action, &detail, &about); err != nil {
			h.t.Fatal(err)
		}
		if about != mine && about != others && about != refused {
			h.t.Errorf("%s is about %q", action, about)
		}
		all = append(all, action+": "+detail)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return all
}

// holds wants the one file to be read as it was sent, once it is checked.
func (h *hall) holds(content []byte) {
	h.t.Helper()
	h.due()
	if got := h.read(h.one().ID); !bytes.Equal(got, content) {
		h.t.Errorf("%q", got)
	}
}

// read is what a reader of a file gets.
func (h *hall) read(id string) []byte {
	h.t.Helper()
	response, err := h.http.Client().Get(h.http.URL + "/read/" + id)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		h.t.Fatalf("%s, %v", response.Status, err)
	}
	return content
}

// get asks for a file, or for ranges of it.
func (h *hall) get(method, id, ranges string) (*http.Response, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.http.URL+"/read/"+id, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	response, err := h.http.Client().Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response, content
}

// clamd is one scanner for all tests that need no other.
func clamd(t *testing.T) string {
	t.Helper()
	return clamtest.Start(t, clamtest.Options{}).Address()
}

// pdf is the beginning of one, made longer.
func pdf(n int) []byte {
	return append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("% Sample\n"), n/9)...)
}
