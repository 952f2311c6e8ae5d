package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/audit"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m, storetest.Tables{Name: "store", Files: store.Migrations()}))
}

// hospital is a database with a log, and the file of its checkpoints.
type hospital struct {
	*testing.T
	url string
	db  *store.DB
	log *audit.Log
	key audit.Key
	now time.Time
	out bytes.Buffer // what the log logs
}

func keyOf(t testing.TB, seed byte) audit.Key {
	t.Helper()
	key, err := audit.NewKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{T: t, url: storetest.URL(t), key: keyOf(t, 1), now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
	h.db = storetest.Open(t, h.url, store.Options{})
	h.log = h.node(filepath.Join(t.TempDir(), "checkpoints"))
	return h
}

// node is the log of a server on the same database.
func (h *hospital) node(file string) *audit.Log {
	return audit.New(audit.Config{DB: h.db, Key: h.key, File: file, Logger: slog.New(slog.NewTextHandler(&h.out, nil)), Now: func() time.Time { return h.now }})
}

func act(n int) store.Act {
	return store.Act{At: time.Date(2026, 11, 28, 8, 0, n, 0, time.UTC), Actor: auth.Actor{Kind: auth.KindStaff, ID: "someone", Role: auth.Scheduler},
		Action: "visit.show", Subject: store.Subject{Kind: "visit", ID: fmt.Sprint("visit-", n)}, Outcome: store.Allowed}
}

// acts writes rows.
func (h *hospital) acts(n int) {
	h.Helper()
	err := h.db.Tx(h.Context(), func(tx *store.Tx) error {
		for i := range n {
			if err := store.Audit(h.Context(), tx, act(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

// seal seals as a server does: at its turn, a minute after.
func (h *hospital) seal() {
	h.Helper()
	h.now = h.now.Add(2 * time.Minute)
	if err := h.log.Turn(h.Context()); err != nil {
		h.Fatal(err)
	}
}

// sql does what somebody with the database may do.
func (h *hospital) sql(query string, args ...any) {
	h.Helper()
	if _, err := h.db.ExecContext(h.Context(), query, args...); err != nil {
		h.Fatalf("%s: %v", query, err)
	}
}

// id is the row at a place.
func (h *hospital) id(place int) (id string) {
	h.Helper()
	if err := h.db.QueryRowContext(h.Context(), `SELECT id FROM audit WHERE seq = ?`, place).Scan(&id); err != nil {
		h.Fatal(err)
	}
	return id
}

// verify looks with the file of checkpoints, or without.
func (h *hospital) verify(withFile bool) audit.Report {
	h.Helper()
	var r audit.Report
	var err error
	if withFile {
		f, err := audit.OpenCheckpoints(h.log.File)
		if err != nil {
			h.Fatal(err)
		}
		defer f.Close()
		r, err = audit.Verify(context.WithoutCancel(h.Context()), h.db, h.key, f)
		if err != nil {
			h.Fatal(err)
		}
		return r
	}
	if r, err = audit.Verify(h.Context(), h.db, h.key, nil); err != nil {
		h.Fatal(err)
	}
	return r
}

// file reads the checkpoints' file.
func (h *hospital) file() string {
	h.Helper()
	b, err := os.ReadFile(h.log.File)
	if err != nil {
		h.Fatal(err)
	}
	return string(b)
}
