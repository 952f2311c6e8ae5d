// Package store opens the SQL database and gives transactions, migrations and the audit log on it.
// The database owns all state that must last; this package owns the connections: one that writes, and a few that only read.
// It must never swallow a failed commit, and never let a write happen outside a transaction that can carry its audit row.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"housecall/platform/fault"
)

// readers is how many queries may run beside the writer.
const readers = 4

// Options of Open.
type Options struct {
	// BusyTimeout is how long to wait for another process's transaction; zero means five seconds with SQLite, and with PostgreSQL four, or
	// the lock_timeout of its address.
	BusyTimeout time.Duration
	// AsIs leaves the tables as they are, be they of another version or not there at all.
	AsIs bool
}

// Queryer runs SQL. DB and Tx both do; placeholders are `?`. Errors that will pass (locked, disk full) are fault.TryAgain.
type Queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *Row
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	name    string  // for people
	write   *sql.DB // one connection, so that writers queue in Go where their contexts are heard
	read    *sql.DB // can't write
	migrate *sql.DB // one connection, which may be that of write

	dialect        goose.Dialect
	snapshot       sql.IsolationLevel // in which all reading is of one moment
	asWritten      bool               // placeholders are `?`, as in our queries
	lock           string             // takes the write lock; empty: beginning a transaction does
	within         time.Duration      // bounds a reading query, and the beginning of a transaction; zero: the engine does
	lockMigrations func(context.Context) (unlock func(), err error)

	mu    sync.Mutex
	known map[string]int64 // the newest version of each package's tables that this program knows
}

// Open opens the database at url: "postgres://USER:PASSWORD@HOST/NAME", "sqlite:PATH", or a bare path. A file is made when it is not there,
// readable by its owner alone, and so is its folder. The audit log's tables are brought up to date. No error shows a password.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	db, err := openEngine(ctx, url, o)
	if err == nil && !o.AsIs {
		err = db.Migrate(ctx, "store", Migrations())
	}
	if err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, err
	}
	return db, nil
}

// openEngine opens the database; after an error, what there is of it.
func openEngine(ctx context.Context, url string, o Options) (*DB, error) {
	if isPostgres(url) {
		return openPostgres(ctx, url, o)
	}
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	if scheme, _, found := strings.Cut(path, "://"); found && !isSQLite {
		return nil, fmt.Errorf("database %q: this program knows postgres://… and sqlite:PATH only", scheme+"://…")
	}
	return openSQLite(ctx, path, o)
}

// File says where the file of the database at url is; empty: it is in none.
func File(url string) string {
	if isPostgres(url) {
		return ""
	}
	return strings.TrimPrefix(url, "sqlite:")
}

// String is the database's address for people to read, without a password.
func (db *DB) String() string { return db.name }

// connect sizes the pools and makes the first connections. The writer goes first: it is the one that turns WAL on.
func (db *DB) connect(ctx context.Context) error {
	db.write.SetMaxOpenConns(1)
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	for _, pool := range []*sql.DB{db.write, db.read} {
		if err := pool.PingContext(ctx); err != nil {
			return fmt.Errorf("open database %s: %w", db.name, mapped(err))
		}
	}
	return nil
}

// Close closes every connection.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.read, db.write, db.migrate} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// ExecContext runs one statement in a transaction of its own. Acts that need an audit row belong into Tx.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = db.Tx(ctx, func(tx *Tx) error {
		res, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// QueryContext reads what is committed. It waits as long as ctx lets it: Collect and QueryRowContext give up sooner where the database hangs.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	args, err := values(args)
	if err != nil {
		return nil, err
	}
	rows, err := db.read.QueryContext(ctx, db.bound(query), args...)
	return rows, mapped(err)
}

// QueryRowContext reads one row of what is committed.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) *Row {
	args, err := values(args)
	if err != nil {
		return &Row{err: err}
	}
	ctx, end := db.bounded(ctx)
	return &Row{row: db.read.QueryRowContext(ctx, db.bound(query), args...), end: end}
}

// bound is a query with the placeholders of the engine.
func (db *DB) bound(query string) string {
	if db.asWritten {
		return query
	}
	return rebind(query)
}

// errLate says that the database did not answer in time.
var errLate = errors.New("the database did not answer in time")

// bounded is ctx for one query, which ends after db.within. Call end with the query's error, and hand on what it makes of it.
func (db *DB) bounded(ctx context.Context) (_ context.Context, end func(error) error) {
	if db.within == 0 {
		return ctx, mapped
	}
	ctx, cancel := context.WithTimeoutCause(ctx, db.within, errLate)
	return ctx, func(err error) error {
		defer cancel()
		if err != nil && context.Cause(ctx) == errLate {
			err = fault.Away(fmt.Errorf("%w: %w", errLate, err))
		}
		return mapped(err)
	}
}

// Tx is a transaction that holds the write lock from its beginning, so what it reads cannot change before it writes, and what one transaction
// wrote is seen by all before the next begins.
type Tx struct {
	db *DB
	tx *sql.Tx
}

// Tx runs f in a transaction and commits when f returns nil. An error or a panic of f rolls everything back. Inside f use the Tx alone: the
// one writing connection is taken. What f does beside SQL must be short: PostgreSQL ends a transaction that does nothing for three seconds.
func (db *DB) Tx(ctx context.Context, f func(*Tx) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tx, err := db.begin(ctx, cancel)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		// After a commit this does nothing; after an error or in a panic it undoes everything.
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", rollback))
		}
	}()
	if err := f(&Tx{db, tx}); err != nil {
		return mapped(err)
	}
	if err := tx.Commit(); errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return fmt.Errorf("commit: %w", ctx.Err()) // its end was faster, and has undone everything
	} else if err != nil {
		return fmt.Errorf("commit: %w", mapped(err))
	}
	return nil
}

// begin begins a transaction of ctx and takes the write lock. What that takes, waiting for other writers of this process included, is bounded: ctx
// is cancelled when it takes too long.
func (db *DB) begin(ctx context.Context, cancel context.CancelCauseFunc) (*sql.Tx, error) {
	inTime := func() bool { return true }
	if db.within > 0 {
		inTime = time.AfterFunc(db.within, func() { cancel(errLate) }).Stop
	}
	tx, err := db.write.BeginTx(ctx, nil)
	if err == nil && db.lock != "" {
		_, err = tx.ExecContext(ctx, db.lock)
	}
	if err == nil && inTime() {
		return tx, nil
	}
	inTime()
	if tx != nil {
		err = errors.Join(err, tx.Rollback())
	}
	if context.Cause(ctx) == errLate {
		return nil, fault.Away(errors.Join(errLate, err))
	}
	return nil, mapped(err)
}

// ExecContext runs one statement.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	args, err := values(args)
	if err != nil {
		return nil, err
	}
	res, err := t.tx.ExecContext(ctx, t.db.bound(query), args...)
	return res, mapped(err)
}

// QueryContext reads, what this transaction wrote included.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	args, err := values(args)
	if err != nil {
		return nil, err
	}
	rows, err := t.tx.QueryContext(ctx, t.db.bound(query), args...)
	return rows, mapped(err)
}

// QueryRowContext reads one row, what this transaction wrote included.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *Row {
	args, err := values(args)
	if err != nil {
		return &Row{err: err}
	}
	return &Row{row: t.tx.QueryRowContext(ctx, t.db.bound(query), args...), end: mapped}
}

// Row is the one row of a query.
type Row struct {
	row *sql.Row
	err error             // of what came before the query
	end func(error) error // makes of the query's error what callers are told
}

// Scan reads the row; fault.NotFound when there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.end(r.row.Scan(dest...))
}

// Collect runs a query and gathers what scan makes of each row.
func Collect[T any](ctx context.Context, q Queryer, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	if db, ok := q.(*DB); ok {
		var end func(error) error
		ctx, end = db.bounded(ctx)
		defer func() { err = end(err) }()
	}
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, mapped(err)
		}
		all = append(all, one)
	}
	return all, mapped(rows.Err())
}

// values makes of each argument one of the few types that both engines know, and refuses text that only one of them would take.
func values(args []any) ([]any, error) {
	all := make([]any, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d of a query: %w", i+1, err)
		}
		if s, ok := value.(string); ok && !Keeps(s) {
			return nil, fmt.Errorf("argument %d of a query is no text that a database can keep: %w", i+1, fault.NotValid)
		}
		all[i] = value
	}
	return all, nil
}

// Keeps says whether a database can keep a text as it is: in UTF-8, and without a NUL.
func Keeps(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

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
	case passingSQLite(err) || passingPostgres(err):
		return fault.Away(err)
	}
	return err
}
