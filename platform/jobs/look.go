package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Failed is a job that is not tried again by itself.
type Failed struct {
	ID, Kind, Key string
	At            time.Time // it was put for
	Tries         int
	Error         string // of the last try
}

// Failures lists up to limit jobs that failed, those put for the latest time first.
func (q *Queue) Failures(ctx context.Context, limit int) ([]Failed, error) {
	all, err := store.Collect(ctx, q.DB, func(r *sql.Rows) (f Failed, err error) {
		var at int64
		err = r.Scan(&f.ID, &f.Kind, &f.Key, &at, &f.Tries, &f.Error)
		f.At = store.Time(at)
		return f, err
	}, `SELECT id, kind, key, put_at, tries, error FROM jobs WHERE state = 'failed' ORDER BY put_at DESC, id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list failed jobs: %w", err)
	}
	return all, nil
}

// Retry has a job that failed tried again now, with all its tries. Errors: fault.NotFound.
func (q *Queue) Retry(ctx context.Context, actor auth.Actor, id string) error {
	return q.DB.Tx(ctx, func(tx *store.Tx) error {
		now := q.Now()
		found, err := exec(ctx, tx, `UPDATE jobs SET state = 'waiting', next_at = ?, tries = 0, error = '' WHERE id = ? AND state = 'failed'`, store.Millis(now), id)
		if err != nil {
			return fmt.Errorf("retry a job: %w", err)
		}
		if !found {
			return fmt.Errorf("retry a job: %w", fault.NotFound)
		}
		return store.Audit(ctx, tx, store.Act{At: now, Actor: actor, Action: "job.retry", Subject: store.Subject{Kind: "job", ID: id}, Outcome: store.Allowed})
	})
}

// Count is how many jobs there are of one kind.
type Count struct {
	Kind    string
	Waiting int           // those due and in hands included
	Due     int           // whose time has come, and that nobody has
	Failed  int           // and not tried again by themselves
	Oldest  time.Duration // since the time of the one that has been due for longest
}

// Census counts the jobs of every kind that this queue has a handler for, or that there are any of.
func (q *Queue) Census(ctx context.Context) ([]Count, error) {
	now := store.Millis(q.Now())
	all, err := store.Collect(ctx, q.DB, func(r *sql.Rows) (c Count, err error) {
		var oldest int64
		err = r.Scan(&c.Kind, &c.Waiting, &c.Due, &c.Failed, &oldest)
		c.Oldest = time.Duration(max(now-oldest, 0)) * time.Millisecond
		return c, err
	}, `SELECT kind, COALESCE(SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN state = 'waiting' AND next_at <= ? AND claimed_until <= ? THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN state = 'waiting' AND put_at < ? THEN put_at END), ?)
		FROM jobs GROUP BY kind ORDER BY kind`, now, now, now, now)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	for _, k := range q.kinds {
		if !slices.ContainsFunc(all, func(c Count) bool { return c.Kind == k.name }) {
			all = append(all, Count{Kind: k.name})
		}
	}
	return all, nil
}
