// Package jobs runs what has to be done at some time: durable timers in SQL. Any node may run a job, and only one does at a time.
// Its table owns all state. A job is there until it is done; who runs it holds a lease with a fence, so that a node which was paused and outlived its lease
// completes nothing: Job.Done, in the transaction of the job's effect, finds that out.
// It must never hold health data: keys and payloads are made of ids, and so are the errors of handlers, which are kept and logged.
package jobs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrLost says that a job is not this handler's any more: it was cancelled, or another node has taken it over.
var ErrLost = errors.New("the job was cancelled or taken over")

// Job is something to do at some time. While it is pending there is one of each Kind and Key.
type Job struct {
	Kind    string    // names its handler
	Key     string    // what it is about, by id
	At      time.Time // not before; handlers are given the time it was put for
	Payload string    // more ids, as its handler likes them
	Try     int       // for handlers: 1 for the first
	lease   *lease
}

// lease is a handler's right to a job.
type lease struct {
	id          string
	fence, puts int64
	until       time.Time
	done        bool // Done was called
}

// Handler does a job. It may be called again for a job whose effect it has already brought about, unless it calls Done in the transaction of that
// effect. An error has it tried again later, by the rules of its Policy, unless GiveUp or Later says otherwise. Its context ends when the queue
// stops and when the lease is lost.
type Handler func(context.Context, Job) error

// Policy says how often a kind of job is tried, and how many of it run at once on one node.
type Policy struct {
	Tries       int           // the job fails after that many; zero: 15
	First, Most time.Duration // the wait after the first try, doubled after each further one, up to Most; zero: ten seconds and an hour
	AtOnce      int           // zero: 4
}

func (p Policy) withDefaults() Policy {
	if p.Tries == 0 {
		p.Tries = 15
	}
	if p.First == 0 {
		p.First = 10 * time.Second
	}
	if p.Most == 0 {
		p.Most = time.Hour
	}
	if p.AtOnce == 0 {
		p.AtOnce = 4
	}
	return p
}

// Config is what a queue needs from outside.
type Config struct {
	DB     *store.DB
	Logger *slog.Logger
	Lease  time.Duration    // a node that is silent for that long loses its jobs; zero: a minute
	Look   time.Duration    // how often to look for what is due; zero: a second
	Now    func() time.Time // nil: time.Now
	Random func() float64   // for jitter, in [0, 1); nil: math/rand's
}

// Queue is the jobs of a database, and runs those of them that it has handlers for. Safe for use by many goroutines once all handlers are in.
type Queue struct {
	Config
	kinds    []kind
	away     atomic.Bool // the database was, when last looked
	outgrown atomic.Bool // a newer version of the program is at it
}

type kind struct {
	name   string
	handle Handler
	policy Policy
}

// Migrations are those of this package's table.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// New brings the table up to date. Nothing runs before Run.
func New(ctx context.Context, c Config) (*Queue, error) {
	if c.Lease == 0 {
		c.Lease = time.Minute
	}
	if c.Look == 0 {
		c.Look = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "jobs", Migrations()); err != nil {
		return nil, fmt.Errorf("migrate jobs: %w", err)
	}
	return &Queue{Config: c}, nil
}

// Handle names who does jobs of a kind, before Run.
func (q *Queue) Handle(name string, h Handler) { q.HandleWith(name, Policy{}, h) }

// HandleWith is Handle with a policy of its own.
func (q *Queue) HandleWith(name string, p Policy, h Handler) {
	q.kinds = append(q.kinds, kind{name, h, p.withDefaults()})
}

// Put has a job done at its time, once tx has committed. A pending job of the same kind and key gets the new time and payload; one that a handler has
// in hands is done once more after that. One that has failed is pending again.
func (q *Queue) Put(ctx context.Context, tx *store.Tx, j Job) error {
	return q.put(ctx, tx, j, "")
}

// PutNew is Put, but a job of the same kind and key that is pending stays as it is.
func (q *Queue) PutNew(ctx context.Context, tx *store.Tx, j Job) error {
	return q.put(ctx, tx, j, ` WHERE jobs.state <> 'waiting'`)
}

// put adds a job, or changes the one there is, if where says so; empty: always.
func (q *Queue) put(ctx context.Context, tx *store.Tx, j Job, where string) error {
	if j.Kind == "" || j.Key == "" {
		return fmt.Errorf("put a job: it needs a kind and a key: %w", fault.NotValid)
	}
	at := store.Millis(j.At)
	_, err := tx.ExecContext(ctx, `INSERT INTO jobs (id, kind, key, payload, state, put_at, next_at, claimed_until, fence, puts, tries, error)
		VALUES (?, ?, ?, ?, 'waiting', ?, ?, 0, 0, 0, 0, '')
		ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, state = 'waiting', put_at = excluded.put_at, next_at = excluded.next_at,
			puts = jobs.puts + 1, tries = 0, error = ''`+where, store.NewID(), j.Kind, j.Key, j.Payload, at, at)
	if err != nil {
		return fmt.Errorf("put a job: %w", err)
	}
	return nil
}

// Cancel has a job not done, once tx has committed. A handler that has it in hands can't complete it; what it does besides SQL, it may have done. There
// need be no such job.
func (q *Queue) Cancel(ctx context.Context, tx *store.Tx, kind, key string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE kind = ? AND key = ? AND claimed_until = 0`, kind, key)
	if err == nil {
		// It stays until the handler is back or its lease is over, so that the same job, put again, does not run beside it.
		_, err = tx.ExecContext(ctx, `UPDATE jobs SET state = 'cancelled', next_at = 0 WHERE kind = ? AND key = ?`, kind, key)
	}
	if err != nil {
		return fmt.Errorf("cancel a job: %w", err)
	}
	return nil
}

// Held says whether the job is still its handler's, in a transaction that is right only then. Errors: ErrLost.
func (j Job) Held(ctx context.Context, tx *store.Tx) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM jobs WHERE id = ? AND fence = ? AND state = 'waiting'`, j.lease.id, j.lease.fence).Scan(&one)
	if errors.Is(err, fault.NotFound) {
		return ErrLost
	}
	if err != nil {
		return fmt.Errorf("look whether the job is held: %w", err)
	}
	return nil
}

// Done completes the job in the transaction of its effect, so that both are or neither is. Errors: ErrLost, after which the transaction must not commit.
func (j Job) Done(ctx context.Context, tx *store.Tx) error {
	changed, err := exec(ctx, tx, `DELETE FROM jobs WHERE id = ? AND fence = ? AND puts = ? AND state = 'waiting'`, j.lease.id, j.lease.fence, j.lease.puts)
	if err == nil && !changed { // was it put again meanwhile?
		changed, err = exec(ctx, tx, `UPDATE jobs SET claimed_until = 0 WHERE id = ? AND fence = ? AND state = 'waiting'`, j.lease.id, j.lease.fence)
	}
	switch {
	case err != nil:
		return fmt.Errorf("complete a job: %w", err)
	case !changed:
		return ErrLost
	}
	j.lease.done = true
	return nil
}

// exec runs one statement and says whether it changed anything.
func exec(ctx context.Context, tx *store.Tx, query string, args ...any) (changed bool, err error) {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// delayed is an error with the wait that it asks for.
type delayed struct {
	error
	wait time.Duration
}

func (d *delayed) Unwrap() error { return d.error }

// Later has a job that could not be done tried again after that wait instead of its policy's. It counts as a try.
func Later(wait time.Duration, cause error) error { return &delayed{cause, wait} }

// final is an error that no further try would mend.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// GiveUp has a job fail at once.
func GiveUp(cause error) error { return &final{cause} }
