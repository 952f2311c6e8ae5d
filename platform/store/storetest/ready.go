package storetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"housecall/platform/store"
)

// Tables are the migrations of one package, and the name by which it migrates.
type Tables struct {
	Name  string
	Files fs.FS
}

// template is a database with tables and nothing in them, which those of tests are copies of: to migrate takes most of the time of most tests.
type template struct {
	once sync.Once
	at   string // the path of a file, or the name of a database; empty: there is none
	err  error
}

// make makes the template in an empty database once.
func (m *template) make(tables []Tables, empty func() (at, url string, err error)) (string, error) {
	m.once.Do(func() {
		at, url, err := empty()
		if err == nil {
			err = migrated(url, tables)
		}
		m.at, m.err = at, err
	})
	return m.at, m.err
}

// migrated makes the tables in an empty database.
func migrated(url string, tables []Tables) error {
	ctx := context.Background()
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := db.Migrate(ctx, t.Name, t.Files); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

// File gives the path of a new SQLite database, which has the tables that Both was given and lasts as long as the test.
func File(t testing.TB) string {
	t.Helper()
	path := newFile(t)
	if len(the.tables) == 0 {
		return path
	}
	ready, err := the.file.make(the.tables, func() (at, url string, err error) {
		dir, err := os.MkdirTemp("", "housecall-ready-")
		at = filepath.Join(dir, "h.db")
		return at, "sqlite:" + at, err
	})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(ready)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, content, 0o600) // #nosec G703 -- in a folder of the test
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newFile is the path of a database that there is not yet; its characters are some that addresses have trouble with.
func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "a b?c%20", "h.db") }

// Empty gives the address of a new database without tables, for tests of how they are made.
func Empty(t testing.TB) string {
	t.Helper()
	ask(t)
	if !OnPostgres() {
		return "sqlite:" + newFile(t)
	}
	return the.postgres(t).URL(t) + "&" + patient
}

// ready gives the address of a new database with the tables, which lasts as long as the test.
func (c *Cluster) ready(t testing.TB) string {
	t.Helper()
	if len(the.tables) == 0 {
		return c.URL(t)
	}
	ready, err := c.template.make(the.tables, func() (at, url string, err error) {
		const name = "ready"
		return name, c.address(name), c.exec("postgres", "CREATE DATABASE "+name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.make(t, "test_"+strconv.FormatInt(c.made.Add(1), 10), " TEMPLATE "+ready)
}
