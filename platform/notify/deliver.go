package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/phi"
	"housecall/platform/store"
)

const (
	// recordFor is how long the writing of what became of a message is tried while the database is away, and recordEvery how often.
	recordFor   = 30 * time.Second
	recordEvery = 300 * time.Millisecond
)

// stored is a message's row.
type stored struct {
	Message
	state            State
	recipient        string // sealed
	version, attempt int64
}

const selectStored = `SELECT id, channel, kind, key, language, about, recipient, put_at, state, version, attempt FROM notify_messages`

func scanStored(r *sql.Rows) (m stored, err error) {
	var at int64
	err = r.Scan(&m.ID, &m.Channel, &m.Kind, &m.Key, &m.Language, &m.About, &m.recipient, &at, &m.state, &m.version, &m.attempt)
	m.At = store.Time(at)
	return m, err
}

// deliver sends a message: the handler of its job.
func (o *Outbox) deliver(ctx context.Context, j jobs.Job) error {
	all, err := store.Collect(ctx, o.DB, scanStored, selectStored+` WHERE id = ?`, j.Key)
	if err != nil || len(all) == 0 {
		return err // nothing to do where there is no message
	}
	m := all[0]
	switch m.state {
	case Waiting:
	case Sending: // whoever sent it never came back
		return o.record(ctx, j, m, true, Unsure, "the server stopped while it was sent")
	default:
		return nil
	}
	to, err := o.Vault.Open(m.recipient, place(m.ID))
	if err != nil {
		return o.record(ctx, j, m, false, Failed, "its address can't be read")
	}
	m.To = phi.Text(to)
	way, compose := o.ways[m.Channel], o.composers[m.Kind]
	if way == nil || compose == nil {
		return o.record(ctx, j, m, false, Failed, "this server has no way to send it")
	}
	if m.Parts, err = partsOf(ctx, o.DB, m.ID); err != nil {
		return err
	}
	content, err := compose(ctx, m.Message)
	if errors.Is(err, ErrNotNeeded) {
		return o.record(ctx, j, m, false, Stopped, "")
	}
	if err != nil {
		return o.missed(ctx, j, m, false, fmt.Errorf("make the text: %w", err))
	}
	begun := false
	err = way.send(ctx, outgoing{m.Message, content, o.Now(), o.Grace}, func() error {
		err := o.begin(ctx, j, &m, content.Tells)
		begun = err == nil
		return err
	})
	return o.judge(ctx, j, m, begun, err)
}

// begin writes that a message is on its way: from here on it may have been sent, and told those of its parts. Errors: jobs.ErrLost when it was stopped, put anew
// or taken over.
func (o *Outbox) begin(ctx context.Context, j jobs.Job, m *stored, tells []string) error {
	return o.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Held(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `UPDATE notify_messages SET state = 'sending', changed_at = ?, attempt = attempt + 1
			WHERE id = ? AND state = 'waiting' AND version = ? RETURNING attempt`, store.Millis(o.Now()), m.ID, m.version).Scan(&m.attempt)
		if errors.Is(err, fault.NotFound) {
			return jobs.ErrLost
		}
		if err != nil || len(tells) == 0 {
			return err
		}
		return keepTold(ctx, tx, m.ID, tells)
	})
}

// judge says what became of a message that send has come back from.
func (o *Outbox) judge(ctx context.Context, j jobs.Job, m stored, begun bool, err error) error {
	if begun {
		// Whether the server stops or the job is another node's by now: what is known must be written.
		var cancel context.CancelFunc
		ctx, cancel = graceful(ctx, o.Grace)
		defer cancel()
	}
	var refused *refusal
	var unknown *doubt
	switch {
	case err == nil:
		return o.record(ctx, j, m, true, Sent, "")
	case errors.As(err, &unknown):
		return o.record(ctx, j, m, true, Unsure, unknown.reason)
	case errors.As(err, &refused):
		if refused.permanent || j.Try >= o.Tries {
			return o.record(ctx, j, m, begun, Failed, refused.reason)
		}
		return o.missed(ctx, j, m, begun, err)
	case errors.Is(err, jobs.ErrLost) || ctx.Err() != nil:
		return err
	case j.Try >= o.Tries:
		return o.record(ctx, j, m, false, Failed, "nobody to send it to could be reached")
	}
	return o.missed(ctx, j, m, false, err)
}

// missed has a message that was not sent, for sure, wait for the next try.
func (o *Outbox) missed(ctx context.Context, j jobs.Job, m stored, begun bool, cause error) error {
	var refused *refusal
	reason := "not reached"
	if errors.As(cause, &refused) {
		reason = refused.reason
	}
	query, args := `UPDATE notify_messages SET reason = ? WHERE id = ? AND state = 'waiting' AND version = ?`, []any{reason, m.ID, m.version}
	if begun {
		query = `UPDATE notify_messages SET state = 'waiting', reason = ? WHERE id = ? AND state = 'sending' AND attempt = ?`
		args[2] = m.attempt
	}
	if err := o.insist(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}); err != nil {
		return fmt.Errorf("write that a message waits: %w", err)
	}
	if refused != nil && refused.wait > 0 {
		return jobs.Later(refused.wait, cause)
	}
	return cause
}

// record writes what became of a message, and completes its job, in one transaction. A message that was on its way is recorded by who sent it, be the job
// another node's by now: nobody else knows.
func (o *Outbox) record(ctx context.Context, j jobs.Job, m stored, begun bool, state State, reason string) error {
	written := false
	err := o.insist(ctx, func(tx *store.Tx) error {
		done := j.Done(ctx, tx)
		if done != nil && (!begun || !errors.Is(done, jobs.ErrLost)) {
			return done
		}
		query, held := `state = 'waiting' AND version = ?`, m.version
		if begun {
			query, held = `state IN ('sending', 'unsure') AND attempt = ?`, m.attempt
		}
		res, err := tx.ExecContext(ctx, `UPDATE notify_messages SET state = ?, reason = ?, changed_at = ?,
			recipient = CASE WHEN ? THEN '' ELSE recipient END WHERE id = ? AND `+query,
			string(state), reason, store.Millis(o.Now()), state == Sent || state == Stopped, m.ID, held)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		written = n > 0
		return err
	})
	if err != nil {
		return fmt.Errorf("write what became of a message: %w", err)
	}
	if !written {
		return nil
	}
	o.count(m.Channel, state)
	if state == Unsure || state == Failed {
		o.Logger.WarnContext(ctx, "a message needs somebody to look at it", "message", m.ID, "channel", m.Channel, "kind", m.Kind, "state", state, "reason", reason)
	}
	return nil
}

// insist runs a transaction again while the database is away, for a while.
func (o *Outbox) insist(ctx context.Context, f func(*store.Tx) error) error {
	for until := time.Now().Add(recordFor); ; {
		err := o.DB.Tx(ctx, f)
		if !errors.Is(err, fault.TryAgain) || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(recordEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// graceful is a context that outlives ctx by d.
func graceful(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(long, func() { timer.Stop() })
	})
	return long, func() {
		stop()
		cancel()
	}
}
