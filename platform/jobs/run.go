package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"housecall/platform/store"
)

// settleWithin bounds the writing of how a job went, so that a node which stops does not wait for a database that is away.
const settleWithin = 5 * time.Second

// errorLength is how many bytes of an error are kept.
const errorLength = 300

// Run does what is due until ctx ends, and returns when every handler is back. A handler that is cut short by that is tried again elsewhere, at once.
func (q *Queue) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range q.kinds {
		all.Go(func() { q.runKind(ctx, &q.kinds[i]) })
	}
	all.Wait()
}

// runKind does the jobs of one kind. Kinds don't wait for each other: a mail server that hangs holds up mail alone.
func (q *Queue) runKind(ctx context.Context, k *kind) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, k.policy.AtOnce)
	look := time.NewTicker(q.Look)
	defer look.Stop()
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if job, found := q.next(ctx, k); found {
			running.Go(func() {
				defer func() { <-free }()
				q.run(ctx, k, job)
			})
			continue
		}
		<-free
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// RunDue does what is due now, one job after another, and says how many it tried: Run for who turns the clock by hand.
func (q *Queue) RunDue(ctx context.Context) (tried int) {
	for again := true; again; {
		again = false
		for i := range q.kinds {
			if job, found := q.next(ctx, &q.kinds[i]); found {
				q.run(ctx, &q.kinds[i], job)
				tried, again = tried+1, true
			}
		}
	}
	return tried
}

// next claims a job that is due. The first of failures in a row is logged.
func (q *Queue) next(ctx context.Context, k *kind) (Job, bool) {
	job, found, err := q.claim(ctx, k)
	if err != nil && ctx.Err() == nil && !q.away.Swap(true) {
		q.Logger.WarnContext(ctx, "jobs cannot be read; trying on", "cause", err)
	}
	if err == nil {
		q.away.Store(false)
	}
	return job, found && err == nil
}

// outgrows says whether a newer version of the program has brought the database up to date. From then on it alone does the jobs: this one may not know what they
// are by now, as a message that tells several things. The first time is logged.
func (q *Queue) outgrows(ctx context.Context) (bool, error) {
	if q.outgrown.Load() {
		return true, nil
	}
	outgrown, err := q.DB.Outgrown(ctx)
	if outgrown && !q.outgrown.Swap(true) {
		q.Logger.WarnContext(ctx, "a newer version has brought the database up to date: jobs are left to its nodes")
	}
	return outgrown, err
}

// claim gives the job that has been due for longest and that nobody has.
func (q *Queue) claim(ctx context.Context, k *kind) (job Job, found bool, err error) {
	const due = `FROM jobs WHERE kind = ? AND state IN ('waiting', 'cancelled') AND next_at <= ? AND claimed_until <= ?`
	now := store.Millis(q.Now())
	for again := true; again && !found; {
		var some bool // looked for without the write lock, since mostly there is nothing
		if err := q.DB.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+due+`)`, k.name, now, now).Scan(&some); err != nil || !some {
			return Job{}, false, err
		}
		if outgrown, err := q.outgrows(ctx); err != nil || outgrown {
			return Job{}, false, err
		}
		err := q.DB.Tx(ctx, func(tx *store.Tx) error {
			all, err := store.Collect(ctx, tx, scanClaimable, `SELECT id, key, payload, state, put_at, fence, puts, tries `+due+
				` ORDER BY next_at, id LIMIT 1`, k.name, now, now)
			if again = len(all) > 0; err != nil || !again {
				return err
			}
			job, found, err = q.take(ctx, tx, k, all[0])
			return err
		})
		if err != nil {
			return Job{}, false, err
		}
	}
	return job, found, nil
}

// claimable is a row that may be claimed.
type claimable struct {
	Job
	id, state   string
	fence, puts int64
}

func scanClaimable(r *sql.Rows) (c claimable, err error) {
	var at int64
	err = r.Scan(&c.id, &c.Key, &c.Payload, &c.state, &at, &c.fence, &c.puts, &c.Try)
	c.At = store.Time(at)
	return c, err
}

// take claims a job, or ends one that nobody is to do: it was cancelled while a node had it that never came back, or it was tried often enough by nodes that
// died over it.
func (q *Queue) take(ctx context.Context, tx *store.Tx, k *kind, c claimable) (Job, bool, error) {
	if c.state == "cancelled" {
		_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE id = ?`, c.id)
		return Job{}, false, err
	}
	if c.Try >= k.policy.Tries {
		_, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'failed', claimed_until = 0, error = ? WHERE id = ?`, "no node came back from the last try", c.id)
		return Job{}, false, err
	}
	job := c.Job
	job.Kind, job.Try = k.name, c.Try+1
	job.lease = &lease{id: c.id, fence: c.fence + 1, puts: c.puts, until: q.Now().Add(q.Lease)}
	_, err := tx.ExecContext(ctx, `UPDATE jobs SET claimed_until = ?, fence = ?, tries = ? WHERE id = ?`,
		store.Millis(job.lease.until), job.lease.fence, job.Try, c.id)
	return job, err == nil, err
}

// run has a job's handler do it, and writes how that went.
func (q *Queue) run(ctx context.Context, k *kind, job Job) {
	err := q.handle(ctx, k, job)
	if err == nil && job.lease.done {
		return
	}
	stopped := ctx.Err() != nil && err != nil
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	if written := q.DB.Tx(settle, func(tx *store.Tx) error { return q.settle(settle, tx, k, job, err, stopped) }); written != nil {
		q.Logger.WarnContext(ctx, "how a job went could not be written; it is tried again when its lease is over", "kind", job.Kind, "key", job.Key, "cause", written)
	}
}

// handle calls the handler and keeps its lease meanwhile.
func (q *Queue) handle(ctx context.Context, k *kind, job Job) (err error) {
	ctx, lost := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	defer func() {
		lost(nil)
		keeping.Wait()
	}()
	defer func() {
		if cause := recover(); cause != nil { // said by its type: what it says itself may be anything
			q.Logger.ErrorContext(ctx, "panic in a job", "kind", job.Kind, "key", job.Key, "panic", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", cause)
		}
	}()
	keeping.Go(func() { q.keep(ctx, job, lost) })
	return k.handle(ctx, job)
}

// keep renews a job's lease until ctx ends, and ends the handler's context when it is lost.
func (q *Queue) keep(ctx context.Context, job Job, lost context.CancelCauseFunc) {
	renew := time.NewTicker(q.Lease / 3)
	defer renew.Stop()
	for until := job.lease.until; ; {
		select {
		case <-renew.C:
		case <-ctx.Done():
			return
		}
		now := q.Now()
		held := false
		err := q.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			held, err = exec(ctx, tx, `UPDATE jobs SET claimed_until = ? WHERE id = ? AND fence = ? AND state = 'waiting' AND claimed_until > 0`,
				store.Millis(now.Add(q.Lease)), job.lease.id, job.lease.fence)
			return err
		})
		switch {
		case err == nil && held:
			until = now.Add(q.Lease)
		case err == nil || q.Now().After(until):
			lost(ErrLost)
			return
		}
	}
}

// settle writes how a job went that was not completed in a transaction of its handler. What is not this node's any more stays as it is.
func (q *Queue) settle(ctx context.Context, tx *store.Tx, k *kind, job Job, failure error, stopped bool) error {
	l := job.lease
	if _, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE id = ? AND fence = ? AND state = 'cancelled'`, l.id, l.fence); err != nil {
		return err
	}
	if failure == nil {
		if err := job.Done(ctx, tx); !errors.Is(err, ErrLost) {
			return err
		}
		return nil
	}
	// Put again meanwhile, it has a time of its own, and all its tries.
	if again, err := exec(ctx, tx, `UPDATE jobs SET claimed_until = 0 WHERE id = ? AND fence = ? AND puts <> ?`, l.id, l.fence, l.puts); err != nil || again {
		return err
	}
	if stopped {
		_, err := tx.ExecContext(ctx, `UPDATE jobs SET claimed_until = 0, tries = tries - 1 WHERE id = ? AND fence = ?`, l.id, l.fence)
		return err
	}
	state, next := "waiting", store.Millis(q.Now().Add(q.wait(k.policy, job.Try, failure)))
	var givenUp *final
	if errors.As(failure, &givenUp) || job.Try >= k.policy.Tries {
		state = "failed"
	}
	written, err := exec(ctx, tx, `UPDATE jobs SET claimed_until = 0, state = ?, next_at = ?, error = ? WHERE id = ? AND fence = ?`,
		state, next, shortened(failure), l.id, l.fence)
	if err == nil && written && state == "failed" {
		q.Logger.ErrorContext(ctx, "a job failed for good", "kind", job.Kind, "key", job.Key, "tries", job.Try, "cause", failure)
	}
	return err
}

// wait is how long after this try the next one comes: doubled after each, and shortened by up to a half so that what failed together does not come
// back together.
func (q *Queue) wait(p Policy, try int, failure error) time.Duration {
	var d *delayed
	if errors.As(failure, &d) {
		return d.wait
	}
	wait := p.First
	for range try - 1 {
		if wait *= 2; wait >= p.Most {
			wait = p.Most
			break
		}
	}
	return time.Duration(float64(wait) * (1 - q.Random()/2))
}

// shortened is an error as the database keeps it.
func shortened(err error) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "?"), "\x00", "?")
	if len(s) > errorLength {
		s = strings.ToValidUTF8(s[:errorLength], "")
	}
	return s
}
