package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(nodeEnv) != "" {
		os.Exit(nodeThatHangs())
	}
	goleak.VerifyTestMain(storetest.Both(m))
}

// database is where a test's database is.
type database string

// reopen gives another process's view of it.
func (d database) reopen(t *testing.T) *store.DB {
	t.Helper()
	return storetest.Open(t, string(d), store.Options{})
}

// contract is for tests of what every engine promises.
func contract(t *testing.T, test func(t *testing.T, d database, db *store.DB)) {
	t.Helper()
	d := database(storetest.URL(t))
	db := d.reopen(t)
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	test(t, d, db)
}

func count(t *testing.T, q store.Queryer, table string) int {
	t.Helper()
	var n int
	if err := q.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(ctx context.Context, q store.Queryer, id string, n int) error {
	_, err := q.ExecContext(ctx, `INSERT INTO things (id, n) VALUES (?, ?)`, id, n)
	return err
}

func act() store.Act {
	return store.Act{At: time.UnixMilli(1), Actor: auth.Operator(), Action: "thing.make", Subject: store.Subject{Kind: "thing", ID: "x"}, Outcome: store.Allowed}
}

func TestTxIsAllOrNothing(t *testing.T) {
	contract(t, func(t *testing.T, d database, db *store.DB) {
		both := func(id string, end func() error) error {
			return db.Tx(t.Context(), func(tx *store.Tx) error {
				if err := insert(t.Context(), tx, id, 1); err != nil {
					return err
				}
				if err := store.Audit(t.Context(), tx, act()); err != nil {
					return err
				}
				return end()
			})
		}
		if err := both("good", func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		own := errors.New("no")
		if err := both("error", func() error { return own }); !errors.Is(err, own) {
			t.Fatalf("error %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = both("panic", func() error { panic("on purpose") })
		}()
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Tx(ctx, func(tx *store.Tx) error {
			if err := insert(ctx, tx, "cancelled", 1); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		other := d.reopen(t)
		for _, q := range []store.Queryer{db, other} {
			if things, audit := count(t, q, "things"), count(t, q, "audit"); things != 1 || audit != 1 {
				t.Errorf("%d things and %d audit rows, want one of each", things, audit)
			}
		}
		if err := insert(t.Context(), db, "after", 1); err != nil {
			t.Errorf("the writer did not come back: %v", err)
		}
	})
}

func TestReadersSeeCommittedOnly(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			if err := insert(t.Context(), tx, "a", 1); err != nil {
				return err
			}
			if n := count(t, db, "things"); n != 0 {
				t.Errorf("a reader saw %d rows of an open transaction", n)
			}
			if n := count(t, tx, "things"); n != 1 {
				t.Errorf("the transaction saw %d of its own rows", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "things"); n != 1 {
			t.Errorf("%d rows after the commit", n)
		}
	})
}

// TestWritersDoNotLoseUpdates reads and writes back from many goroutines and two processes' views; without the lock from the beginning of a
// transaction counts get lost or writers fail.
func TestWritersDoNotLoseUpdates(t *testing.T) {
	contract(t, func(t *testing.T, d database, db *store.DB) {
		if err := insert(t.Context(), db, "counter", 0); err != nil {
			t.Fatal(err)
		}
		const writers, rounds = 4, 10
		var wg sync.WaitGroup
		for i := range writers {
			view := db
			if i%2 == 1 {
				view = d.reopen(t)
			}
			wg.Go(func() {
				for range rounds {
					err := view.Tx(t.Context(), func(tx *store.Tx) error {
						var n int
						if err := tx.QueryRowContext(t.Context(), `SELECT n FROM things WHERE id = ?`, "counter").Scan(&n); err != nil {
							return err
						}
						_, err := tx.ExecContext(t.Context(), `UPDATE things SET n = ? WHERE id = ?`, n+1, "counter")
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT n FROM things WHERE id = ?`, "counter").Scan(&n); err != nil || n != writers*rounds {
			t.Errorf("counted %d, %v; want %d", n, err, writers*rounds)
		}
	})
}

func TestErrorsAreMapped(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		ctx := t.Context()
		if err := db.QueryRowContext(ctx, `SELECT id FROM things WHERE id = ?`, "none").Scan(new(string)); !errors.Is(err, fault.NotFound) || !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no row: %v", err)
		}
		if err := insert(ctx, db, "a", 1); err != nil {
			t.Fatal(err)
		}
		err := insert(ctx, db, "a", 1)
		if err == nil || fault.CodeOf(err) != "" {
			t.Errorf("duplicate: %v", err)
		}
		if _, err := db.QueryContext(ctx, `SELECT nothing FROM things`); err == nil || fault.CodeOf(err) != "" {
			t.Errorf("bad SQL: %v", err)
		}
		if _, err := store.Collect(ctx, db, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }, `DELETE FROM things RETURNING id`); err == nil {
			t.Error("a reader deleted")
		}
		if n := count(t, db, "things"); n != 1 {
			t.Errorf("%d rows after a reader tried to delete", n)
		}
	})
}

func TestCollect(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		for i, id := range []string{"a", "b", "c"} {
			if err := insert(t.Context(), db, id, i); err != nil {
				t.Fatal(err)
			}
		}
		scan := func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }
		got, err := store.Collect(t.Context(), db, func(r *sql.Rows) (string, error) {
			var id string
			err := r.Scan(&id)
			return id, err
		}, `SELECT id FROM things WHERE n > ? ORDER BY id`, 0)
		if err != nil || !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := store.Collect(t.Context(), db, scan, `SELECT id, n FROM things`); err == nil {
			t.Error("a scan that failed was not told")
		}
		if got, err := store.Collect(t.Context(), db, scan, `SELECT id FROM things WHERE n > 9`); err != nil || got != nil {
			t.Errorf("none: %v, %v", got, err)
		}
	})
}

func TestAuditRefusesHalfAnAct(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		for name, spoil := range map[string]func(*store.Act){
			"at":      func(a *store.Act) { a.At = time.Time{} },
			"actor":   func(a *store.Act) { a.Actor.Kind = "" },
			"action":  func(a *store.Act) { a.Action = "" },
			"subject": func(a *store.Act) { a.Subject.Kind = "" },
			"outcome": func(a *store.Act) { a.Outcome = "maybe" },
		} {
			a := act()
			spoil(&a)
			if err := db.Tx(t.Context(), func(tx *store.Tx) error { return store.Audit(t.Context(), tx, a) }); err == nil {
				t.Errorf("audited without %s", name)
			}
		}
		a := act()
		a.Outcome, a.Detail = store.Refused, "role"
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return store.Audit(t.Context(), tx, a) }); err != nil {
			t.Fatal(err)
		}
		var at int64
		var got [8]string
		if err := db.QueryRowContext(t.Context(), `SELECT at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail FROM audit`).
			Scan(&at, &got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &got[6], &got[7]); err != nil {
			t.Fatal(err)
		}
		if want := [8]string{"system", "command-line", "admin", "thing.make", "thing", "x", "refused", "role"}; got != want || at != 1 {
			t.Errorf("row %v at %d, want %v", got, at, want)
		}
	})
}

func TestMigrate(t *testing.T) {
	contract(t, func(t *testing.T, d database, db *store.DB) {
		first := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE pets (id TEXT);\n")}}
		second := fstest.MapFS{"00001_a.sql": first["00001_a.sql"], "00002_b.sql": {Data: []byte("-- +goose Up\nALTER TABLE pets ADD COLUMN age BIGINT;\n")}}
		// Two processes start at once.
		other := d.reopen(t)
		var wg sync.WaitGroup
		for _, view := range []*store.DB{db, other} {
			wg.Go(func() {
				if err := view.Migrate(t.Context(), "pets", first); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for range 2 { // the second time there is nothing to do
			if err := db.Migrate(t.Context(), "pets", second); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.ExecContext(t.Context(), `INSERT INTO pets (id, age) VALUES ('cat', 3)`); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), "pets", first); err == nil {
			t.Error("an older program took a newer database")
		}
		broken := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE half (id TEXT);\nnot sql;\n")}}
		if err := db.Migrate(t.Context(), "broken", broken); err == nil {
			t.Error("a broken migration passed")
		}
		if _, err := db.QueryContext(t.Context(), `SELECT id FROM half`); err == nil {
			t.Error("half a migration stayed")
		}
	})
}

func TestTimesAndIDs(t *testing.T) {
	at := time.Date(2026, 11, 24, 15, 0, 0, 123_456_789, time.FixedZone("x", 3600))
	if got := store.Time(store.Millis(at)); !got.Equal(at.Truncate(time.Millisecond)) || got.Location() != time.UTC {
		t.Errorf("%v became %v", at, got)
	}
	if store.Millis(time.Time{}) != 0 || !store.Time(0).IsZero() {
		t.Error("the zero time is not 0")
	}
	a, b := store.NewID(), store.NewID()
	if a == b || len(a) != 36 || a > b {
		t.Errorf("ids %s, %s", a, b)
	}
}

// TestLockedIsTryAgain: another process holds the write lock for longer than we wait.
func TestLockedIsTryAgain(t *testing.T) {
	contract(t, func(t *testing.T, d database, _ *store.DB) {
		waiter := storetest.Open(t, string(d), store.Options{BusyTimeout: time.Millisecond})
		release := storetest.Hold(t, string(d))
		for range 2 {
			err := waiter.Tx(t.Context(), func(*store.Tx) error { return errors.New("got the lock twice") })
			if !errors.Is(err, fault.TryAgain) || fault.CodeOf(err) != fault.CodeTryLater {
				t.Errorf("locked: %v", err)
			}
			if n := count(t, waiter, "things"); n != 0 { // reading waits for nobody
				t.Errorf("%d things", n)
			}
		}
		release()
		if err := insert(t.Context(), waiter, "free", 1); err != nil {
			t.Errorf("after it was free: %v", err)
		}
	})
}

// TestWaitingEndsWithItsContext: whoever waits for the lock of this process or another's waits no longer than they want to.
func TestWaitingEndsWithItsContext(t *testing.T) {
	contract(t, func(t *testing.T, d database, db *store.DB) {
		other := d.reopen(t)
		var waiting sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := db.Tx(t.Context(), func(*store.Tx) error {
			for _, view := range []*store.DB{db, other} {
				waiting.Go(func() {
					if err := view.Tx(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, fault.TryAgain) {
						t.Errorf("waited until %v", err)
					}
				})
			}
			waiting.Wait()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestTextThatNoDatabaseKeeps is refused by both, not kept by one.
func TestTextThatNoDatabaseKeeps(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		for _, text := range []string{"a\x00b", "\xff"} {
			err := db.Tx(t.Context(), func(tx *store.Tx) error { return insert(t.Context(), tx, text, 1) })
			if !errors.Is(err, fault.NotValid) {
				t.Errorf("%q: %v", text, err)
			}
			for _, q := range []func() error{
				func() error {
					return db.QueryRowContext(t.Context(), `SELECT n FROM things WHERE id = ?`, text).Scan(new(int))
				},
				func() error {
					_, err := store.Collect(t.Context(), db, func(r *sql.Rows) (n int, err error) { return n, r.Scan(&n) }, `SELECT n FROM things WHERE id = ?`, phi.Text(text))
					return err
				},
			} {
				if err := q(); !errors.Is(err, fault.NotValid) {
					t.Errorf("%q asked for: %v", text, err)
				}
			}
		}
		for _, text := range []string{"", "'; DROP TABLE things; --", "?", "$1", "日本語 é \U0001f600", "\\", "\t\n"} {
			if err := insert(t.Context(), db, text, 1); err != nil {
				t.Fatal(err)
			}
			var got phi.Text
			if err := db.QueryRowContext(t.Context(), `SELECT id FROM things WHERE id = ?`, phi.Text(text)).Scan(&got); err != nil || got.Reveal() != text {
				t.Errorf("%q came back as %q, %v", text, got.Reveal(), err)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	notFolder := filepath.Join(dir, "file")
	garbage := filepath.Join(dir, "garbage.db")
	for _, p := range []string{notFolder, garbage} {
		if err := os.WriteFile(p, []byte("this is no database, but long enough to look at its first page"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{"", "sqlite:", "mysql://user:secret@host/db", filepath.Join(notFolder, "x.db"), garbage} {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			t.Errorf("%q: opened", url)
			_ = db.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
}
