// Package store opens the SQL database and gives transactions, migrations and the audit log on it.
// The database owns all state that must last; this package owns the connections: one that writes, and a few that only read.
// It must never swallow a failed commit, and never let a write happen outside a transaction that can carry its audit row.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the "sqlite" driver of database/sql

	"housecall/platform/fault"
)

const (
	// busyTimeout is how long a writer waits for another process (the command line beside the server) before it gives up.
	busyTimeout = 5 * time.Second
	// readers is how many queries may run beside the writer; WAL lets them.
	readers = 4
)

// Options of Open.
type Options struct {
	// BusyTimeout is how long to wait for another process's transaction; zero means five seconds.
	BusyTimeout time.Duration
}

// Queryer runs SQL. DB and Tx both do; placeholders are `?`. Errors that will pass (locked, disk full) are fault.TryAgain.
type Queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *Row
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	write *sql.DB // one connection, so that writers queue in Go where their contexts are heard
	read  *sql.DB // query_only
	path  string
}

// Open opens the database at url: "sqlite:PATH" or a bare path. The file is made when it is not there, readable by its owner
// alone, and so is its folder. The audit log's tables are brought up to date.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = busyTimeout
	}
	db := &DB{path: path}
	if db.write, err = sql.Open("sqlite", dsn(path, o, false)); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", dsn(path, o, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	// The writer goes first: it is the one that turns WAL on.
	for _, pool := range []*sql.DB{db.write, db.read} {
		if err := pool.PingContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open database %s: %w", path, mapped(err)), db.Close())
		}
	}
	if err := db.Migrate(ctx, "store", migrations()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close closes every connection.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.read, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// sqlitePath takes the path out of a database address.
func sqlitePath(address string) (string, error) {
	path, isSQLite := strings.CutPrefix(address, "sqlite:")
	if !isSQLite {
		if scheme, _, found := strings.Cut(address, "://"); found {
			return "", fmt.Errorf("database %q: this program knows sqlite:PATH only", scheme+"://…")
		}
	}
	if path == "" {
		return "", errors.New("database: the path is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("database path %s: %w", path, err)
	}
	return abs, nil
}

// prepareFile makes the folder (0700) and the file (0600), and closes a file others can read. SQLite gives its journal files
// the mode of the database.
func prepareFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("close the database to others: %w", err)
	}
	return nil
}

// dsn is the address for the driver. synchronous=FULL: what is acknowledged survives a power cut, https://www.sqlite.org/pragma.html#pragma_synchronous
func dsn(path string, o Options, readOnly bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", fmt.Sprint(o.BusyTimeout.Milliseconds()))
	q.Set("_journal_mode", "WAL")
	q.Set("_synchronous", "FULL")
	q.Set("_foreign_keys", "on")
	q.Set("_txlock", "immediate")
	q.Set("_dqs", "false")
	if readOnly {
		q.Set("_query_only", "on")
		q.Set("_txlock", "deferred")
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// ExecContext runs one statement in a transaction of its own. Acts that need an audit row belong into Tx.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := db.write.ExecContext(ctx, query, args...)
	return res, mapped(err)
}

// QueryContext reads what is committed.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	return rows, mapped(err)
}

// QueryRowContext reads one row of what is committed.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) *Row {
	return &Row{db.read.QueryRowContext(ctx, query, args...)}
}

// Tx is a transaction that holds the write lock from its beginning, so what it reads cannot change before it writes.
type Tx struct{ tx *sql.Tx }

// Tx runs f in a transaction and commits when f returns nil. An error or a panic of f rolls everything back. Inside f use the Tx alone: the
// one writing connection is taken.
func (db *DB) Tx(ctx context.Context, f func(*Tx) error) (err error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", mapped(err))
	}
	defer func() {
		// After a commit this does nothing; after an error or in a panic it undoes everything.
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", rollback))
		}
	}()
	if err := f(&Tx{tx}); err != nil {
		return mapped(err)
	}
	if err := tx.Commit(); errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return fmt.Errorf("commit: %w", ctx.Err()) // its end was faster, and has undone everything
	} else if err != nil {
		return fmt.Errorf("commit: %w", mapped(err))
	}
	return nil
}

// ExecContext runs one statement.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := t.tx.ExecContext(ctx, query, args...)
	return res, mapped(err)
}

// QueryContext reads, what this transaction wrote included.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.tx.QueryContext(ctx, query, args...)
	return rows, mapped(err)
}

// QueryRowContext reads one row, what this transaction wrote included.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *Row {
	return &Row{t.tx.QueryRowContext(ctx, query, args...)}
}

// Row is the one row of a query.
type Row struct{ row *sql.Row }

// Scan reads the row; fault.NotFound when there is none.
func (r *Row) Scan(dest ...any) error { return mapped(r.row.Scan(dest...)) }

// Collect runs a query and gathers what scan makes of each row.
func Collect[T any](ctx context.Context, q Queryer, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, mapped(err)
		}
		all = append(all, one)
	}
	return all, mapped(rows.Err())
}

// NewID makes an id: a UUIDv7 (RFC 9562), so that ids sort by the time they were made.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Millis is a time as the database keeps it: milliseconds since 1970 in UTC. The zero time is 0.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time is the inverse of Millis, in UTC.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// mapped turns errors of the driver into those of package fault: no rows is NotFound; a database that is locked, full or failing is TryAgain.
func mapped(err error) error {
	switch {
	case err == nil, errors.Is(err, fault.TryAgain), errors.Is(err, fault.NotFound):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: %w", fault.NotFound, err)
	case passing(err):
		return fault.Away(err)
	}
	return err
}
