// Package storetest has tests that use a database run on both engines: first on SQLite, then on a real PostgreSQL.
// It owns the PostgreSQL server of a test process, on a socket of its own in a folder of its own, and ends it with the process, however that ends.
// It must never touch a server it did not start.
package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/platform/store"
)

// patience replaces every limit of the store: a busy machine must not look like a database that hangs.
const patience = 2 * time.Minute

// house is what a test process has of this package.
type house struct {
	mu         sync.Mutex
	onPostgres bool
	asked      map[string]bool // the tests that asked for a database
	cluster    *Cluster        // of all tests; nil: none asked
	failed     error           // why there is none
	tables     []Tables        // of every database that a test asks for
	file       template
}

var the = house{asked: map[string]bool{}}

// runner runs the tests of a package on both engines.
type runner struct{ m interface{ Run() int } }

// Both has the tests of m run on SQLite, and those that asked for a database once more on PostgreSQL. Hand it to goleak.VerifyTestMain. The databases that tests ask for
// have these tables, in this order, if any are given.
func Both(m *testing.M, tables ...Tables) interface{ Run() int } {
	the.tables = tables
	return runner{m}
}

// Run implements goleak.TestingM.
func (r runner) Run() int {
	defer the.close()
	status := r.m.Run()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	names := slices.Sorted(maps.Keys(the.asked))
	if len(names) == 0 || fuzzing {
		return status
	}
	only := flag.Lookup("test.run").Value
	if only.String() == "" {
		if err := only.Set("^(" + strings.Join(names, "|") + ")$"); err != nil {
			fmt.Fprintln(os.Stderr, "storetest:", err)
			return 2
		}
	}
	fmt.Println("once more, on PostgreSQL:")
	the.mu.Lock()
	the.onPostgres = true
	the.mu.Unlock()
	return max(status, r.m.Run())
}

// OnPostgres says which engine the tests run on now.
func OnPostgres() bool {
	the.mu.Lock()
	defer the.mu.Unlock()
	return the.onPostgres
}

// URL gives the address of a new database with the tables that Both was given and nothing in them, which lasts as long as the test.
func URL(t testing.TB) string {
	t.Helper()
	ask(t)
	if !OnPostgres() {
		return "sqlite:" + File(t)
	}
	return the.postgres(t).ready(t) + "&" + patient
}

// ask notes that a test needs a database.
func ask(t testing.TB) {
	name, _, _ := strings.Cut(t.Name(), "/")
	the.mu.Lock()
	defer the.mu.Unlock()
	the.asked[name] = true
}

// patient are settings of an address under which nothing is given up soon.
var patient = fmt.Sprintf("lock_timeout=%[1]d&statement_timeout=%[1]d&idle_in_transaction_session_timeout=%[1]d", patience.Milliseconds())

// postgres is the server of all tests, which the first to ask starts.
func (h *house) postgres(t testing.TB) *Cluster {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cluster == nil && h.failed == nil {
		// What nobody reads after a crash needs no fsync.
		h.cluster, h.failed = start("fsync=off", "full_page_writes=off")
	}
	if h.failed != nil {
		t.Fatal(h.failed)
	}
	return h.cluster
}

func (h *house) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cluster != nil {
		h.cluster.close()
		h.cluster = nil
	}
	if h.file.at != "" {
		_ = os.RemoveAll(filepath.Dir(h.file.at))
	}
}

// Open opens the database at url, as another process would each time. The test closes it, or its end does.
func Open(t testing.TB, url string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(context.WithoutCancel(t.Context()), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Hold takes the write lock of the database at url, as another process would, until release, which undoes nothing when called again.
func Hold(t testing.TB, url string) (release func()) {
	t.Helper()
	db := Open(t, url, store.Options{})
	held, enough, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	ctx := context.WithoutCancel(t.Context())
	go func() {
		defer close(done)
		held <- db.Tx(ctx, func(*store.Tx) error {
			held <- nil
			<-enough
			return errors.New("nothing was written")
		})
	}()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { close(enough); <-done })
	t.Cleanup(release)
	return release
}

// OnDisk gives every byte that the database at url has on the disk.
func OnDisk(t testing.TB, url string) []byte {
	t.Helper()
	var all []byte
	read := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if path := store.File(url); path != "" {
		read(path)
		read(path + "-wal")
		return all
	}
	for _, path := range the.postgres(t).files(t, url) {
		read(path)
	}
	return all
}
