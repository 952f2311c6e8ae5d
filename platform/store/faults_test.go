package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

const (
	// seconds is what the store's own limits come to, with room for a busy machine.
	seconds = 20 * time.Second
	// soon bounds every wait for a condition.
	soon = time.Minute
)

// writers write rows of their own, each when the one before was answered, and remember what was acknowledged.
type writers struct {
	work    sync.WaitGroup
	stop    context.CancelFunc
	mu      sync.Mutex
	kept    []string // acknowledged
	refused int      // told to try again
	longest time.Duration
}

func startWriters(t *testing.T, db *store.DB, n int) *writers {
	w := &writers{}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(t.Context())
	for range n {
		w.work.Go(func() {
			for ctx.Err() == nil {
				id, begin := store.NewID(), time.Now()
				err := db.Tx(t.Context(), func(tx *store.Tx) error { return insert(t.Context(), tx, id, 1) })
				w.mu.Lock()
				w.longest = max(w.longest, time.Since(begin))
				switch {
				case err == nil:
					w.kept = append(w.kept, id)
				case errors.Is(err, fault.TryAgain):
					w.refused++
				default:
					t.Errorf("a write failed otherwise: %v", err)
				}
				w.mu.Unlock()
				if err != nil {
					time.Sleep(10 * time.Millisecond) // as somebody who tries again does
				}
			}
		})
	}
	return w
}

// wait waits until enough says so of how many were acknowledged and how many refused.
func (w *writers) wait(t *testing.T, what string, enough func(kept, refused int) bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		kept, refused := len(w.kept), w.refused
		w.mu.Unlock()
		if enough(kept, refused) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s: %d writes acknowledged, %d refused", what, kept, refused)
		}
	}
}

// check ends the writers and looks for every row that was acknowledged.
func (w *writers) check(t *testing.T, db *store.DB) {
	t.Helper()
	w.stop()
	w.work.Wait()
	for _, id := range w.kept {
		if n := count(t, db, "things WHERE id = '"+id+"'"); n != 1 {
			t.Errorf("acknowledged, then lost: %s", id)
		}
	}
	t.Logf("%d writes acknowledged, %d refused, none longer than %v", len(w.kept), w.refused, w.longest.Round(time.Millisecond))
}

func openThings(t *testing.T, url string) *store.DB {
	t.Helper()
	db := storetest.Open(t, url, store.Options{})
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	return db
}

// TestPostgresFrozen: a server that hangs is given up within seconds, by those who wait in a queue too; when it goes on, so does everything.
func TestPostgresFrozen(t *testing.T) { onPostgres(t, postgresFrozen) }

func postgresFrozen(t *testing.T, _ string) {
	t.Parallel() // each waits more than it works
	c := storetest.NewCluster(t)
	db := openThings(t, c.URL(t))
	w := startWriters(t, db, 8)
	w.wait(t, "write", func(kept, _ int) bool { return kept >= 20 })
	c.Freeze(t)
	var reading sync.WaitGroup
	for range 12 { // more than there are connections
		reading.Go(func() {
			begin := time.Now()
			err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM things`).Scan(new(int))
			if took := time.Since(begin); err != nil && !errors.Is(err, fault.TryAgain) || took > seconds {
				t.Errorf("reading took %v: %v", took, err)
			}
		})
	}
	reading.Wait()
	w.wait(t, "refusal of each", func(_, refused int) bool { return refused >= 8 })
	if err := db.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int)); !errors.Is(err, fault.TryAgain) {
		t.Errorf("reading from a server that hangs: %v", err)
	}
	w.mu.Lock()
	before := len(w.kept)
	w.mu.Unlock()
	c.Thaw()
	thawed := time.Now()
	w.wait(t, "write after the server goes on", func(kept, _ int) bool { return kept > before })
	if err := db.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int)); err != nil {
		t.Errorf("reading after the server goes on: %v", err)
	}
	t.Logf("normal %v after", time.Since(thawed).Round(time.Millisecond))
	w.check(t, db)
	if w.longest > seconds {
		t.Errorf("a write was left waiting for %v", w.longest)
	}
}

// TestPostgresKilled: kill -9 of the server during writes, three times. What was acknowledged is there, and nobody has to start us anew.
func TestPostgresKilled(t *testing.T) { onPostgres(t, postgresKilled) }

func postgresKilled(t *testing.T, _ string) {
	t.Parallel() // each waits more than it works
	c := storetest.NewCluster(t)
	db := openThings(t, c.URL(t))
	w := startWriters(t, db, 4)
	for range 3 {
		w.mu.Lock()
		kept, refused := len(w.kept), w.refused
		w.mu.Unlock()
		w.wait(t, "write", func(now, _ int) bool { return now >= kept+20 })
		c.Kill(t)
		w.wait(t, "refusal", func(_, now int) bool { return now > refused })
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	w.mu.Lock()
	kept := len(w.kept)
	w.mu.Unlock()
	w.wait(t, "write after the last start", func(now, _ int) bool { return now > kept })
	w.check(t, db)
}

// TestPostgresRestarted: connections that lay idle over a restart of the server fail nobody.
func TestPostgresRestarted(t *testing.T) { onPostgres(t, postgresRestarted) }

func postgresRestarted(t *testing.T, _ string) {
	t.Parallel() // each waits more than it works
	c := storetest.NewCluster(t)
	db := openThings(t, c.URL(t))
	for range 2 {
		var busy sync.WaitGroup
		for range 8 {
			busy.Go(func() { count(t, db, "things") })
		}
		busy.Wait()
		if err := insert(t.Context(), db, store.NewID(), 1); err != nil {
			t.Fatal(err)
		}
		c.Kill(t)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			count(t, db, "things")
		}
		if err := insert(t.Context(), db, store.NewID(), 1); err != nil {
			t.Errorf("the first write after a restart: %v", err)
		}
	}
}

const nodeEnv = "HOUSECALL_TEST_NODE"

// nodeThatHangs is the other process of TestNodeFrozen: it says that it is in the middle of a write, goes on when told to, and says how the
// write ended.
func nodeThatHangs() int {
	ctx := context.Background()
	db, err := store.Open(ctx, os.Getenv(nodeEnv), store.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	err = db.Tx(ctx, func(tx *store.Tx) error {
		if err := insert(ctx, tx, "of the node that hung", 1); err != nil {
			return err
		}
		fmt.Println("holding")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	})
	fmt.Println("tried again:", errors.Is(err, fault.TryAgain))
	err = db.Tx(ctx, func(tx *store.Tx) error { return insert(ctx, tx, "afterwards", 1) })
	fmt.Println("afterwards:", err)
	return 0
}

// TestNodeFrozen: a node that freezes (SIGSTOP) in the middle of a write holds up the others for seconds only. When it goes on it learns that its write
// was not kept, and works as before.
func TestNodeFrozen(t *testing.T) { onPostgres(t, nodeFrozen) }

func nodeFrozen(t *testing.T, _ string) {
	t.Parallel() // each waits more than it works
	url := storetest.NewCluster(t, "fsync=off").URL(t)
	db := openThings(t, url)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command(self, "-test.run=^$")
	node.Env = append(os.Environ(), nodeEnv+"="+url)
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Process.Kill() }) // it has ended when all went well
	said := bufio.NewScanner(out)
	next := func() string {
		if !said.Scan() {
			return fmt.Sprint("nothing more: ", said.Err())
		}
		return said.Text()
	}
	if got := next(); got != "holding" {
		t.Fatalf("the node said %q", got)
	}
	if err := node.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for err := insert(t.Context(), db, "of another", 1); err != nil; err = insert(t.Context(), db, "of another", 1) {
		if !errors.Is(err, fault.TryAgain) || time.Since(begin) > seconds {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
	}
	t.Logf("the other node could write after %v", time.Since(begin).Round(time.Millisecond))
	if err := node.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(in, "go on"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join([]string{next(), next()}, ", "); got != "tried again: true, afterwards: <nil>" {
		t.Errorf("the node said %q", got)
	}
	if err := node.Wait(); err != nil {
		t.Error(err)
	}
	if n := count(t, db, "things WHERE id = 'of the node that hung'"); n != 0 {
		t.Error("what the node was not told was kept, is kept")
	}
	if n := count(t, db, "things"); n != 2 {
		t.Errorf("%d rows of 2", n)
	}
}
