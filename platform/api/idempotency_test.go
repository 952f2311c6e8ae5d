package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m, storetest.Tables{Name: "api", Files: api.Migrations()}))
}

// secret stands for a link in an answer.
const secret = "Canary-link-in-an-answer"

// clinic is a call that does one act: it adds a row.
type clinic struct {
	t     *testing.T
	url   string
	db    *store.DB
	ring  *keys.Ring
	keyed *api.Idempotency
	mu    sync.Mutex
	clock time.Time

	within func() error // of the act
	after  func()       // the act, before the answer
	answer int          // its status
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{t: t, url: storetest.URL(t), clock: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	c.db = storetest.Open(t, c.url, store.Options{})
	var err error
	if c.ring, err = keys.Open(t.Context(), c.db, filepath.Join(t.TempDir(), "master.key")); err != nil {
		t.Fatal(err)
	}
	if _, err = c.db.ExecContext(t.Context(), `CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	c.restart()
	return c
}

// restart begins anew, as another process would.
func (c *clinic) restart() {
	c.t.Helper()
	var err error
	if c.keyed, err = api.NewIdempotency(c.t.Context(), api.IdempotencyConfig{DB: c.db, Vault: c.ring.API(), Now: c.now}); err != nil {
		c.t.Fatal(err)
	}
	c.within, c.after, c.answer = func() error { return nil }, func() {}, http.StatusCreated
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

func (c *clinic) call(w http.ResponseWriter, r *http.Request) {
	id := store.NewID()
	act := store.Act{At: c.now(), Actor: web.Actor(r.Context()), Action: "thing.create", Subject: store.About("thing", id)}
	err := c.db.Do(r.Context(), act, act.Actor.Role == auth.Program, func(tx *store.Tx, _ *store.Act) error {
		if _, err := tx.ExecContext(r.Context(), `INSERT INTO things (id) VALUES (?)`, id); err != nil {
			return err
		}
		return c.within()
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	c.after()
	w.Header().Set("Location", "/things/"+id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(c.answer)
	fmt.Fprintf(w, `{"id": %q, "link": %q}`, id, secret)
}

// noKey has send send no idempotency key, not even an empty one.
const noKey = "none"

// send sends a request of a program with an idempotency key. It returns nil where the process died.
func (c *clinic) send(program, key, body string) (response *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(web.WithActor(context.WithoutCancel(c.t.Context()), auth.Actor{Kind: auth.KindKey, ID: program, Role: auth.Program}), http.MethodPost, "/things", strings.NewReader(body))
	if key != noKey {
		r.Header.Set("Idempotency-Key", key)
	}
	defer func() {
		if recover() != nil {
			response = nil
		}
	}()
	response = httptest.NewRecorder()
	c.keyed.Handler(http.HandlerFunc(c.call)).ServeHTTP(response, r)
	return response
}

func (c *clinic) things() (n int) {
	c.t.Helper()
	if err := c.db.QueryRowContext(c.t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

func (c *clinic) kept() (n int) {
	c.t.Helper()
	if err := c.db.QueryRowContext(c.t.Context(), `SELECT COUNT(*) FROM api_idempotency`).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestSentAgain answers what is sent again as before, and does nothing twice.
func TestSentAgain(t *testing.T) {
	c := newClinic(t)
	first := c.send("a program", `"one"`, "{}")
	c.restart()
	for _, key := range []string{`"one"`, "one"} {
		again := c.send("a program", key, "{}")
		if again.Code != http.StatusCreated || again.Body.String() != first.Body.String() || again.Header().Get("Location") != first.Header().Get("Location") ||
			again.Header().Get("Content-Type") != "application/json" || again.Header().Get("Idempotency-Replayed") != "true" || first.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%d %v %s", again.Code, again.Header(), again.Body)
		}
	}
	if other := c.send("a program", "one", `{"other": 1}`); other.Code != http.StatusUnprocessableEntity || strings.Contains(other.Body.String(), secret) {
		t.Errorf("another request: %d %s", other.Code, other.Body)
	}
	for _, odd := range []string{strings.Repeat("x", 256), `""`, ""} {
		if a := c.send("a program", odd, "{}"); a.Code != http.StatusUnprocessableEntity {
			t.Errorf("a key of %d: %d", len(odd), a.Code)
		}
	}
	if c.things() != 1 {
		t.Errorf("%d things", c.things())
	}
	c.send("another program", "one", "{}")
	c.send("a program", "two", "{}")
	c.send("a program", noKey, "{}")
	c.send("a program", noKey, "{}")
	if c.things() != 5 || c.kept() != 3 {
		t.Errorf("%d things, %d answers", c.things(), c.kept())
	}
	if disk := string(storetest.OnDisk(t, c.url)); strings.Contains(disk, secret) {
		t.Error("an answer stands in the database for all to read")
	}
}

// TestWhatGoesWrongIsNotKept tries again what was refused, not valid, or failed.
func TestWhatGoesWrongIsNotKept(t *testing.T) {
	c := newClinic(t)
	for want, err := range map[int]error{422: fault.Invalid("name", "is needed"), 404: fault.NotFound, 500: errors.New("broken")} {
		c.within = func() error { return err }
		if a := c.send("a program", "one", "{}"); a.Code != want || c.kept() != 0 {
			t.Errorf("%d, want %d; %d kept", a.Code, want, c.kept())
		}
	}
	c.restart()
	if a := c.send("a program", "one", "{}"); a.Code != http.StatusCreated || c.things() != 1 {
		t.Errorf("in the end: %d, %d things", a.Code, c.things())
	}
}

// TestDiesInBetween has the process die before and after the act has committed: it is done once all the same.
func TestDiesInBetween(t *testing.T) {
	c := newClinic(t)
	c.within = func() error { panic("killed") }
	if c.send("a program", "one", "{}") != nil || c.things() != 0 || c.kept() != 0 {
		t.Fatalf("killed within the act: %d things, %d kept", c.things(), c.kept())
	}
	c.restart()
	c.after = func() { panic("killed") }
	if c.send("a program", "one", "{}") != nil || c.things() != 1 {
		t.Fatalf("killed after the act: %d things", c.things())
	}
	c.restart()
	a := c.send("a program", "one", "{}")
	var told struct {
		Code  string
		About struct{ Kind, ID string }
	}
	if err := json.Unmarshal(a.Body.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := c.db.QueryRowContext(t.Context(), `SELECT id FROM things`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if a.Code != http.StatusConflict || told.About.Kind != "thing" || told.About.ID != id || a.Header().Get("Retry-After") == "" || c.things() != 1 {
		t.Errorf("asked again: %d %s, %d things", a.Code, a.Body, c.things())
	}
}

// TestFailsInBetween has something go wrong once the act has committed: it is done once all the same, and whoever asks again is told to what.
func TestFailsInBetween(t *testing.T) {
	c := newClinic(t)
	c.answer = http.StatusServiceUnavailable
	if a := c.send("a program", "one", "{}"); a.Code != c.answer || c.things() != 1 {
		t.Fatalf("%d, %d things", a.Code, c.things())
	}
	c.restart()
	if a := c.send("a program", "one", "{}"); a.Code != http.StatusConflict || !strings.Contains(a.Body.String(), `"kind":"thing"`) || c.things() != 1 {
		t.Errorf("asked again: %d %s, %d things", a.Code, a.Body, c.things())
	}
}

// TestManyAtOnce sends one request many times at once.
func TestManyAtOnce(t *testing.T) {
	c := newClinic(t)
	answers := make(chan *httptest.ResponseRecorder)
	const many = 8
	for range many {
		go func() { answers <- c.send("a program", "one", "{}") }()
	}
	bodies := map[string]bool{}
	for range many {
		switch a := <-answers; a.Code {
		case http.StatusCreated:
			bodies[a.Body.String()] = true
		case http.StatusConflict:
		default:
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if c.things() != 1 || len(bodies) != 1 {
		t.Errorf("%d things, %d answers", c.things(), len(bodies))
	}
}

// TestForgets forgets answers after a day, by a job that comes again, and does not wait for it.
func TestForgets(t *testing.T) {
	c := newClinic(t)
	c.send("a program", "one", "{}")
	c.pass(24*time.Hour + time.Second)
	if a := c.send("a program", "one", `{"other": 1}`); a.Code != http.StatusCreated || c.things() != 2 || c.kept() != 1 {
		t.Errorf("a day later: %d, %d things, %d kept", a.Code, c.things(), c.kept())
	}
	c.pass(25 * time.Hour)
	queue, err := jobs.New(t.Context(), jobs.Config{DB: c.db, Now: c.now, Look: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.keyed.Sweep(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		queue.Run(ctx)
	}()
	waiting := func() bool {
		census, err := queue.Census(t.Context())
		return err == nil && len(census) == 1 && census[0].Waiting == 1 && census[0].Due == 0
	}
	for !waiting() || c.kept() != 0 {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-ended
}
