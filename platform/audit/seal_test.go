package audit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/platform/audit"
	"housecall/platform/backup"
	"housecall/platform/bucket"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func (h *hospital) waiting() audit.Waiting {
	h.Helper()
	w, err := h.log.Waiting(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return w
}

func (h *hospital) turn() error {
	h.Helper()
	return h.log.Turn(h.Context())
}

// TestSealedWithinAMinute: few rows wait for a minute, many don't.
func TestSealedWithinAMinute(t *testing.T) {
	h := open(t)
	h.now = act(0).At
	h.acts(2)
	if w := h.waiting(); w.Rows != 2 || !w.Since.Equal(act(0).At) {
		t.Errorf("%+v waits", w)
	}
	h.now = h.now.Add(time.Minute - time.Millisecond)
	if err := h.turn(); err != nil || h.waiting().Rows != 2 {
		t.Errorf("%v, %+v", err, h.waiting())
	}
	h.now = h.now.Add(time.Millisecond)
	if err := h.turn(); err != nil || h.waiting() != (audit.Waiting{}) {
		t.Errorf("%v, %+v", err, h.waiting())
	}
	h.now = act(0).At
	h.acts(5000) // more than one transaction seals
	if err := h.turn(); err != nil || h.waiting().Rows != 0 {
		t.Errorf("%v, %+v", err, h.waiting())
	}
	if r := h.verify(true); !r.Whole() || r.Sealed != 5002 || r.Checkpoints != 3 {
		t.Errorf("%+v", r)
	}
}

// TestPlaces: whoever writes, from whichever node, and whatever is rolled back, places have no gap and are in the order of commits.
func TestPlaces(t *testing.T) {
	h := open(t)
	other := storetest.Open(t, h.url, store.Options{})
	undone := errors.New("undone")
	var all sync.WaitGroup
	for writer, db := range []*store.DB{h.db, other, h.db, other} {
		all.Go(func() {
			for i := range 25 {
				err := db.Tx(t.Context(), func(tx *store.Tx) error {
					for range 2 {
						if err := store.Audit(t.Context(), tx, act(writer)); err != nil {
							return err
						}
					}
					if i%5 == 0 {
						return undone
					}
					return nil
				})
				if err != nil && !errors.Is(err, undone) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var n, least, most int
	if err := h.db.QueryRowContext(t.Context(), `SELECT COUNT(DISTINCT seq), MIN(seq), MAX(seq) FROM audit`).Scan(&n, &least, &most); err != nil {
		t.Fatal(err)
	}
	if n != 160 || least != 1 || most != 160 {
		t.Errorf("%d places from %d to %d", n, least, most)
	}
}

// TestRowsOfTheVersionBefore: they get places when the tables are brought up to date, and when a node of that version still writes.
func TestRowsOfTheVersionBefore(t *testing.T) {
	url := storetest.Empty(t)
	db := storetest.Open(t, url, store.Options{AsIs: true})
	if err := db.MigrateTo(t.Context(), "store", store.Migrations(), 1); err != nil {
		t.Fatal(err)
	}
	h := &hospital{T: t, url: url, db: db, key: keyOf(t, 1), now: act(0).At.Add(time.Hour)}
	write := func(id string) {
		h.sql(`INSERT INTO audit (id, at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail)
			VALUES (?, 1, 'staff', 'someone', 'admin', 'visit.show', 'visit', '', 'allowed', '')`, id)
	}
	for _, id := range []string{"c", "a", "b"} {
		write(id)
	}
	if err := db.Migrate(t.Context(), "store", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	h.log = h.node(filepath.Join(t.TempDir(), "checkpoints"))
	h.acts(1)
	write("x")
	h.acts(1)
	if w := h.waiting(); w.Rows != 6 {
		t.Errorf("%+v waits", w)
	}
	h.seal()
	for place, id := range map[int]string{1: "a", 2: "b", 3: "c", 6: "x"} {
		if got := h.id(place); got != id {
			t.Errorf("place %d has %s, want %s", place, got, id)
		}
	}
	if r := h.verify(true); !r.Whole() || r.Sealed != 6 {
		t.Errorf("%+v", r)
	}
}

// TestNothingIsBuiltOnWhatWasChanged: a log whose hashes or newest checkpoint are not what was signed is sealed no further.
func TestNothingIsBuiltOnWhatWasChanged(t *testing.T) {
	for name, tamper := range map[string]func(h *hospital){
		"a hash":         func(h *hospital) { h.swapHash(0, 2, 3) },
		"hashes deleted": func(h *hospital) { h.sql(`DELETE FROM audit_tiles WHERE level = 0 AND number = 2`) },
		"hashes added": func(h *hospital) {
			h.sql(`INSERT INTO audit_tiles SELECT 2, 0, hashes FROM audit_tiles WHERE level = 1`)
		},
		"no hashes":            func(h *hospital) { h.sql(`UPDATE audit_tiles SET hashes = '?'`) },
		"the newest's text":    func(h *hospital) { h.sql(`UPDATE audit_checkpoints SET note = 'x' WHERE size = 600`) },
		"the newest's size":    func(h *hospital) { h.sql(`UPDATE audit_checkpoints SET size = 601 WHERE size = 600`) },
		"the newest's deleted": func(h *hospital) { h.sql(`DELETE FROM audit_checkpoints WHERE size = 600`) },
		"a far place":          func(h *hospital) { h.sql(`UPDATE audit SET seq = 1000000 WHERE seq = 600`) },
	} {
		t.Run(name, func(t *testing.T) {
			h := sealed(t)
			tamper(h)
			h.acts(1)
			h.now = h.now.Add(time.Hour)
			if _, err := h.log.Seal(t.Context()); !errors.Is(err, audit.ErrDamaged) {
				t.Errorf("sealed: %v", err)
			}
			if h.waiting().Rows == 0 {
				t.Error("nothing waits")
			}
		})
	}
}

// TestARowDeletedBeforeItsSeal leaves its place, and that is named.
func TestARowDeletedBeforeItsSeal(t *testing.T) {
	h := sealed(t)
	h.acts(4)
	h.sql(`DELETE FROM audit WHERE seq = 602`)
	if got := brief(h.verify(true)); got != "deleted 602-602" {
		t.Errorf("before the seal: %q", got)
	}
	h.seal()
	if r := h.verify(true); brief(r) != "deleted 602-602" || r.Sealed != 604 {
		t.Errorf("after the seal: %+v", r)
	}
}

// TestFilesOfCheckpoints: each node's file has all of them, once and in order, also after a crash left half of one.
func TestFilesOfCheckpoints(t *testing.T) {
	h := sealed(t)
	late := h.node(filepath.Join(t.TempDir(), "late"))
	if err := late.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(late.File)
	if err != nil || string(b) != h.file() || strings.Count(string(b), "\n— ") != 3 {
		t.Errorf("%v\n%s", err, b)
	}
	if err := os.WriteFile(late.File, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	h.acts(1)
	h.seal()
	if err := late.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile(late.File); err != nil || string(b) != h.file() || strings.Count(string(b), "\n— ") != 4 {
		t.Errorf("%v\n%s\nwant\n%s", err, b, h.file())
	}
}

// TestAFileOfAnotherLog is left as it is: it is what shows that the database is not what it was.
func TestAFileOfAnotherLog(t *testing.T) {
	for name, tamper := range map[string]string{
		"a database from before": `DELETE FROM audit WHERE seq > 512`,
		"a log written anew":     `UPDATE audit SET actor_id = 'somebody else' WHERE seq = 5`,
	} {
		t.Run(name, func(t *testing.T) {
			h := sealed(t)
			before := h.file()
			h.sql(tamper)
			h.sql(`DELETE FROM audit_checkpoints`)
			h.sql(`DELETE FROM audit_tiles`)
			if err := h.turn(); err == nil || !strings.Contains(err.Error(), "it seals 600 rows") {
				t.Errorf("%v", err)
			}
			if h.file() != before {
				t.Error("the file was changed")
			}
		})
	}
}

// TestARestoredBackupIsWhole: a log is verified, and sealed further, wherever it was restored.
func TestARestoredBackupIsWhole(t *testing.T) {
	h := sealed(t)
	h.acts(3)
	folder := func() *bucket.Bucket {
		b, err := bucket.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b
	}
	to := folder()
	if _, err := backup.Write(t.Context(), h.db, to, "backup.tar", backup.Options{Now: h.now, Blobs: folder()}); err != nil {
		t.Fatal(err)
	}
	file, err := backup.Open(t.Context(), to, "backup.tar", nil)
	if err != nil {
		t.Fatal(err)
	}
	h.db = storetest.Open(t, filepath.Join(t.TempDir(), "other.db"), store.Options{AsIs: true}) // from PostgreSQL too
	if err := file.Restore(t.Context(), h.db, folder(), []backup.Schema{{Name: "store", Files: store.Migrations()}}); err != nil {
		t.Fatal(err)
	}
	h.log = h.node(h.log.File)
	if r := h.verify(true); !r.Whole() || r.Sealed != 600 || r.Unsealed.Rows != 3 {
		t.Errorf("%+v", r)
	}
	h.seal()
	if r := h.verify(true); !r.Whole() || r.Sealed != 603 {
		t.Errorf("%+v", r)
	}
	h.sql(`UPDATE audit SET detail = 'x' WHERE seq = 44`)
	if got := brief(h.verify(true)); got != "edited 44-44" {
		t.Error(got)
	}
}

// BenchmarkVerify reads a log that is whole.
func BenchmarkVerify(b *testing.B) {
	const rows = 1_000_000
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url, series := filepath.Join(b.TempDir(), "h.db"), fmt.Sprintf(`WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s`, rows)
			if engine == "postgres" {
				url, series = storetest.NewCluster(b).URL(b), fmt.Sprintf(`SELECT n FROM generate_series(1, %d) AS n`, rows)
			}
			db := storetest.Open(b, url, store.Options{BusyTimeout: 10 * time.Minute})
			err := db.Fill(b.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(b.Context(), `INSERT INTO audit SELECT '01940000-0000-7000-8000-' || CAST(1000000000000 - n AS TEXT), 1700000000000 + n, 'staff',
					'01940000-0000-7000-8000-000000000001', 'scheduler', 'visit.show', 'visit', '01940000-0000-7000-8000-000000000002', 'allowed', '', n FROM (`+series+`) AS all_of_them`)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			key := keyOf(b, 1)
			start := time.Now()
			if size, err := audit.New(audit.Config{DB: db, Key: key}).Seal(b.Context()); err != nil || size != rows {
				b.Fatal(size, err)
			}
			sealing := time.Since(start)
			for b.Loop() {
				if r, err := audit.Verify(b.Context(), db, key, nil); err != nil || !r.Whole() || r.Rows != rows {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(rows/sealing.Seconds(), "sealed/s")
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
