package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m, storetest.Tables{Name: "jobs", Files: jobs.Migrations()}))
}

const lease = time.Minute

func newClock() *testkit.Clock {
	return testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
}

// node is a queue with a database connection of its own, as another process would have.
type node struct {
	*jobs.Queue
	t  *testing.T
	db *store.DB
}

func newNode(t *testing.T, url string, c jobs.Config) node {
	t.Helper()
	c.DB = storetest.Open(t, url, store.Options{})
	if c.Lease == 0 {
		c.Lease = lease
	}
	q, err := jobs.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	// Beside each effect stands what it was of: the transaction of a job that isn't its handler's any more leaves none.
	if _, err := c.DB.ExecContext(t.Context(), `CREATE TABLE IF NOT EXISTS effects (key TEXT NOT NULL, payload TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	return node{q, t, c.DB}
}

func (n node) put(j jobs.Job) {
	n.t.Helper()
	if err := n.db.Tx(n.t.Context(), func(tx *store.Tx) error { return n.Put(n.t.Context(), tx, j) }); err != nil {
		n.t.Fatal(err)
	}
}

func (n node) cancel(kind, key string) {
	n.t.Helper()
	if err := n.db.Tx(n.t.Context(), func(tx *store.Tx) error { return n.Cancel(n.t.Context(), tx, kind, key) }); err != nil {
		n.t.Fatal(err)
	}
}

// effect does a job: its row and its completion are one commit.
func (n node) effect(ctx context.Context, j jobs.Job) error {
	return n.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO effects (key, payload) VALUES (?, ?)`, j.Key, j.Payload); err != nil {
			return err
		}
		return j.Done(ctx, tx)
	})
}

func (n node) count(query string, args ...any) (found int) {
	n.t.Helper()
	if err := n.db.QueryRowContext(n.t.Context(), query, args...).Scan(&found); err != nil {
		n.t.Fatal(err)
	}
	return found
}

func (n node) effects(key string) int {
	return n.count(`SELECT COUNT(*) FROM effects WHERE key = ?`, key)
}

// due runs what is due and says how many jobs were tried.
func (n node) due(want int) {
	n.t.Helper()
	if got := n.RunDue(n.t.Context()); got != want {
		n.t.Errorf("%d jobs were tried, want %d", got, want)
	}
}

func TestDoneAtItsTime(t *testing.T) {
	c := newClock()
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now})
	var got []jobs.Job
	n.Handle("remind", func(ctx context.Context, j jobs.Job) error {
		got = append(got, j)
		return n.effect(ctx, j)
	})
	at := c.Now().Add(time.Hour)
	n.put(jobs.Job{Kind: "remind", Key: "a", At: at, Payload: "first"})
	n.put(jobs.Job{Kind: "remind", Key: "b", At: at.Add(time.Hour)})
	n.put(jobs.Job{Kind: "other", Key: "a", At: at}) // nobody here handles it
	n.due(0)
	c.Pass(time.Hour)
	n.due(1)
	if len(got) != 1 || got[0].Key != "a" || got[0].Payload != "first" || !got[0].At.Equal(at) || got[0].Try != 1 {
		t.Fatalf("handled %+v", got)
	}
	c.Pass(time.Minute)
	n.due(0)
	if n.effects("a") != 1 || n.count(`SELECT COUNT(*) FROM jobs`) != 2 {
		t.Error("a job that is done is not gone, or another one is")
	}
	if err := n.db.Tx(t.Context(), func(tx *store.Tx) error { return n.Put(t.Context(), tx, jobs.Job{Kind: "remind"}) }); !errors.Is(err, fault.NotValid) {
		t.Errorf("a job without a key: %v", err)
	}
}

// A job that is pending stays as it is when another one is put only where there is none.
func TestPutNew(t *testing.T) {
	c := newClock()
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now})
	n.Handle("remind", n.effect)
	putNew := func(j jobs.Job) {
		t.Helper()
		if err := n.db.Tx(t.Context(), func(tx *store.Tx) error { return n.PutNew(t.Context(), tx, j) }); err != nil {
			t.Fatal(err)
		}
	}
	n.put(jobs.Job{Kind: "remind", Key: "a", At: c.Now(), Payload: "first"})
	putNew(jobs.Job{Kind: "remind", Key: "a", At: c.Now().Add(time.Hour), Payload: "second"})
	putNew(jobs.Job{Kind: "remind", Key: "b", At: c.Now(), Payload: "first"})
	n.due(2)
	c.Pass(time.Hour)
	n.due(0)
	if got := n.count(`SELECT COUNT(*) FROM effects WHERE payload = 'first'`); got != 2 {
		t.Errorf("%d jobs were done as they were put first", got)
	}
}

// What its transaction undoes was never put or cancelled.
func TestWithItsTransaction(t *testing.T) {
	n := newNode(t, storetest.URL(t), jobs.Config{})
	n.put(jobs.Job{Kind: "remind", Key: "a"})
	undone := errors.New("undone")
	if err := n.db.Tx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(n.Put(t.Context(), tx, jobs.Job{Kind: "remind", Key: "b"}), n.Cancel(t.Context(), tx, "remind", "a"), undone)
	}); err == nil || err.Error() != undone.Error() {
		t.Fatal(err)
	}
	if n.count(`SELECT COUNT(*) FROM jobs WHERE key = 'a'`) != 1 || n.count(`SELECT COUNT(*) FROM jobs`) != 1 {
		t.Error("a transaction that was undone put or cancelled a job")
	}
}

func TestMovedAndCancelled(t *testing.T) {
	c := newClock()
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now})
	var got []string
	n.Handle("remind", func(_ context.Context, j jobs.Job) error {
		got = append(got, j.Key+j.Payload)
		return nil // without Done: the queue completes it
	})
	for _, key := range []string{"a", "b", "c"} {
		n.put(jobs.Job{Kind: "remind", Key: key, At: c.Now(), Payload: "1"})
	}
	n.put(jobs.Job{Kind: "remind", Key: "a", At: c.Now().Add(time.Hour), Payload: "2"})
	n.cancel("remind", "b")
	n.cancel("remind", "unknown")
	n.due(1)
	c.Pass(time.Hour)
	n.due(1)
	if strings.Join(got, " ") != "c1 a2" || n.count(`SELECT COUNT(*) FROM jobs`) != 0 {
		t.Errorf("handled %v", got)
	}
}

// While a handler has a job, others may move or cancel it.
func TestInHands(t *testing.T) {
	c := newClock()
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now})
	var meanwhile func()
	var results []error
	n.Handle("remind", func(ctx context.Context, j jobs.Job) error {
		meanwhile()
		err := n.effect(ctx, j)
		results = append(results, err)
		return err
	})
	run := func(key string, do func()) {
		t.Helper()
		meanwhile = do
		n.put(jobs.Job{Kind: "remind", Key: key, At: c.Now(), Payload: "1"})
		n.due(1)
	}
	run("moved", func() { n.put(jobs.Job{Kind: "remind", Key: "moved", At: c.Now().Add(time.Hour), Payload: "2"}) })
	run("cancelled", func() { n.cancel("remind", "cancelled") })
	run("both", func() {
		n.cancel("remind", "both")
		n.put(jobs.Job{Kind: "remind", Key: "both", At: c.Now().Add(time.Hour), Payload: "2"})
	})
	if len(results) != 3 || results[0] != nil || !errors.Is(results[1], jobs.ErrLost) || results[2] != nil {
		t.Fatalf("completing them: %v", results)
	}
	if n.effects("cancelled") != 0 {
		t.Error("a job that was cancelled had an effect")
	}
	meanwhile = func() {}
	c.Pass(time.Hour)
	n.due(2)
	for _, key := range []string{"moved", "both"} {
		for _, payload := range []string{"1", "2"} {
			if got := n.count(`SELECT COUNT(*) FROM effects WHERE key = ? AND payload = ?`, key, payload); got != 1 {
				t.Errorf("%s with payload %s was done %d times", key, payload, got)
			}
		}
	}
	if n.count(`SELECT COUNT(*) FROM jobs`) != 0 {
		t.Error("jobs are left")
	}
}

func TestTriedAgainAndFailed(t *testing.T) {
	c := newClock()
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now, Random: func() float64 { return 0.5 }})
	fails := errors.New("the other side is away\x00")
	n.HandleWith("remind", jobs.Policy{Tries: 4, First: 8 * time.Second, Most: 20 * time.Second}, func(context.Context, jobs.Job) error { return fails })
	n.put(jobs.Job{Kind: "remind", Key: "a", At: c.Now()})
	n.due(1)
	// Three quarters of 8, 16 and 20 seconds.
	for _, wait := range []time.Duration{6 * time.Second, 12 * time.Second, 15 * time.Second} {
		c.Pass(wait - time.Millisecond)
		n.due(0)
		c.Pass(time.Millisecond)
		if census, err := n.Census(t.Context()); err != nil || len(census) != 1 || census[0].Waiting != 1 || census[0].Due != 1 || census[0].Failed != 0 {
			t.Errorf("census %+v, %v", census, err)
		}
		n.due(1)
	}
	census, err := n.Census(t.Context())
	if err != nil || len(census) != 1 || census[0] != (jobs.Count{Kind: "remind", Failed: 1}) {
		t.Errorf("census %+v, %v", census, err)
	}
	failed, err := n.Failures(t.Context(), 10)
	if err != nil || len(failed) != 1 || failed[0].Tries != 4 || failed[0].Error != "the other side is away?" || failed[0].Key != "a" {
		t.Fatalf("failed: %+v, %v", failed, err)
	}
	fails = nil
	c.Pass(time.Hour)
	n.due(0)
	if err := n.Retry(t.Context(), auth.Operator(), failed[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := n.Retry(t.Context(), auth.Operator(), failed[0].ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("retried what had not failed: %v", err)
	}
	n.due(1)
	if census, err := n.Census(t.Context()); err != nil || len(census) != 1 || census[0] != (jobs.Count{Kind: "remind"}) {
		t.Errorf("census %+v, %v", census, err)
	}
	if n.count(`SELECT COUNT(*) FROM jobs`) != 0 || n.count(`SELECT COUNT(*) FROM audit WHERE action = 'job.retry'`) != 1 {
		t.Error("it was not done, or not audited")
	}
}

func TestHandlersSayWhen(t *testing.T) {
	c := newClock()
	log := &bytes.Buffer{}
	n := newNode(t, storetest.URL(t), jobs.Config{Now: c.Now, Logger: slog.New(slog.NewTextHandler(log, nil))})
	n.Handle("remind", func(_ context.Context, j jobs.Job) error {
		switch j.Key {
		case "later":
			return jobs.Later(3*time.Hour, errors.New("busy"))
		case "never":
			return jobs.GiveUp(errors.New("no such mailbox"))
		}
		panic("canary")
	})
	n.put(jobs.Job{Kind: "remind", Key: "later", At: c.Now()})
	n.put(jobs.Job{Kind: "remind", Key: "never", At: c.Now()})
	n.due(2)
	failed, err := n.Failures(t.Context(), 10)
	if err != nil || len(failed) != 1 || failed[0].Key != "never" || failed[0].Tries != 1 {
		t.Errorf("failed: %+v, %v", failed, err)
	}
	c.Pass(3*time.Hour - time.Second)
	n.due(0)
	c.Pass(time.Second)
	n.due(1)
	n.put(jobs.Job{Kind: "remind", Key: "panics", At: c.Now()})
	n.due(1)
	if n.count(`SELECT COUNT(*) FROM jobs WHERE key = 'panics' AND state = 'waiting' AND tries = 1 AND error = 'panic: string'`) != 1 {
		t.Error("a panic is no failure like others")
	}
	if s := log.String(); !strings.Contains(s, "panic in a job") || strings.Contains(s, "canary") {
		t.Errorf("logged %s", s)
	}
}

// TestOutgrown: once a newer version has brought the database up to date, it alone does the jobs, whatever their kind.
func TestOutgrown(t *testing.T) {
	c, url := newClock(), storetest.URL(t)
	var log bytes.Buffer
	old := newNode(t, url, jobs.Config{Now: c.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	old.Handle("remind", old.effect)
	tables := fstest.MapFS{"00001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE letters (id TEXT PRIMARY KEY);\n")}}
	migrate := func(n node) {
		t.Helper()
		if err := n.db.Migrate(t.Context(), "letters", tables); err != nil {
			t.Fatal(err)
		}
	}
	migrate(old)
	old.put(jobs.Job{Kind: "remind", Key: "before", At: c.Now()})
	old.due(1)
	fresh := newNode(t, url, jobs.Config{Now: c.Now})
	fresh.Handle("remind", fresh.effect)
	migrate(fresh)
	old.put(jobs.Job{Kind: "remind", Key: "of one version", At: c.Now()})
	old.due(1)
	tables["00002_second.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE letters ADD COLUMN parts TEXT NOT NULL DEFAULT '';\n")}
	migrate(fresh)
	for _, key := range []string{"a", "b"} {
		old.put(jobs.Job{Kind: "remind", Key: key, At: c.Now()})
		old.due(0)
	}
	fresh.due(2)
	if fresh.effects("a") != 1 || fresh.effects("b") != 1 {
		t.Error("the newer version did not do what it was left")
	}
	if n := strings.Count(log.String(), "jobs are left to its nodes"); n != 1 {
		t.Errorf("said %d times: %s", n, log.String())
	}
}

// A node that slept through the end of its lease finds its job taken over, and leaves no trace.
func TestTakenOver(t *testing.T) {
	c, url := newClock(), storetest.URL(t)
	slow, other := newNode(t, url, jobs.Config{Now: c.Now}), newNode(t, url, jobs.Config{Now: c.Now})
	var held, done error
	again := jobs.Job{Kind: "remind", Key: "a", At: c.Now().Add(time.Hour), Payload: "again"}
	slow.Handle("remind", func(ctx context.Context, j jobs.Job) error {
		other.due(0) // it is in hands
		c.Pass(lease)
		other.due(1)
		held = slow.db.Tx(ctx, func(tx *store.Tx) error { return j.Held(ctx, tx) })
		done = slow.effect(ctx, j)
		return errors.New("fails beside")
	})
	other.Handle("remind", func(ctx context.Context, j jobs.Job) error {
		if err := other.db.Tx(ctx, func(tx *store.Tx) error { return j.Held(ctx, tx) }); err != nil || j.Try != 2 {
			t.Errorf("try %d is held: %v", j.Try, err)
		}
		other.put(again) // so that there is something left that the slow one must leave alone
		return other.effect(ctx, j)
	})
	slow.put(jobs.Job{Kind: "remind", Key: "a", At: c.Now()})
	slow.due(1)
	if !errors.Is(held, jobs.ErrLost) || !errors.Is(done, jobs.ErrLost) || slow.effects("a") != 1 {
		t.Errorf("held: %v; done: %v; %d effects", held, done, slow.effects("a"))
	}
	if n := slow.count(`SELECT COUNT(*) FROM jobs WHERE payload = 'again' AND state = 'waiting' AND tries = 0 AND error = '' AND next_at = ?`, store.Millis(again.At)); n != 1 {
		t.Error("who had lost the job changed what was put since")
	}
}

// Nodes that die over a job don't do so for ever, and one that was cancelled meanwhile is nobody's.
func TestNodesThatDie(t *testing.T) {
	c, url := newClock(), storetest.URL(t)
	watcher := newNode(t, url, jobs.Config{Now: c.Now})
	die := func(key string) {
		n := newNode(t, url, jobs.Config{Now: c.Now})
		n.HandleWith("remind", jobs.Policy{Tries: 3}, func(context.Context, jobs.Job) error {
			return n.db.Close() // nothing can be written any more
		})
		n.RunDue(t.Context())
		if watcher.count(`SELECT COUNT(*) FROM jobs WHERE key = ? AND claimed_until > 0`, key) != 1 {
			t.Fatal("the node did not die over it")
		}
	}
	watcher.put(jobs.Job{Kind: "remind", Key: "a", At: c.Now()})
	for range 3 {
		die("a")
		c.Pass(lease)
	}
	watcher.HandleWith("remind", jobs.Policy{Tries: 3}, func(context.Context, jobs.Job) error {
		t.Error("tried once more")
		return nil
	})
	watcher.due(0)
	if failed, err := watcher.Failures(t.Context(), 10); err != nil || len(failed) != 1 || failed[0].Tries != 3 {
		t.Errorf("failed: %+v, %v", failed, err)
	}
	watcher.put(jobs.Job{Kind: "remind", Key: "b", At: c.Now()})
	die("b")
	watcher.cancel("remind", "b")
	watcher.due(0)
	c.Pass(lease)
	watcher.due(0)
	if watcher.count(`SELECT COUNT(*) FROM jobs WHERE key = 'b'`) != 0 {
		t.Error("a job that was cancelled stays for ever")
	}
}
