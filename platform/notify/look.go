package notify

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/store"
)

// Status is what became of a message, without its address.
type Status struct {
	ID, Kind, Key string
	Channel       Channel
	About         string
	Part          bool      // it tells other things too; Key and About are those of one of them
	At            time.Time // it was to be sent
	State         State
	Changed       time.Time // since when it is so
	Reason        string    // why it is not sent, in fixed words and codes
}

func scanStatus(r *sql.Rows) (s Status, err error) {
	var at, changed int64
	var part int
	err = r.Scan(&s.ID, &s.Channel, &s.Kind, &s.Key, &s.About, &at, &s.State, &changed, &s.Reason, &part)
	s.At, s.Changed, s.Part = store.Time(at), store.Time(changed), part == 1
	return s, err
}

// About lists the messages about something, those that tell of other things too included, in the order of their times.
func (o *Outbox) About(ctx context.Context, about string) ([]Status, error) {
	all, err := store.Collect(ctx, o.DB, scanStatus, `SELECT id, channel, kind, key, about, put_at, state, changed_at, reason, 0 FROM notify_messages WHERE about = ?
		UNION ALL SELECT m.id, m.channel, m.kind, p.key, p.about, m.put_at, m.state, m.changed_at, m.reason, 1
			FROM notify_parts p JOIN notify_messages m ON m.id = p.message_id WHERE p.about = ? ORDER BY put_at, id`, about, about)
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return all, nil
}

// Unsettled lists up to limit messages that need somebody to look at them, the latest first: unsure whether they were sent, or failed. One of several parts stands
// there by its first.
func (o *Outbox) Unsettled(ctx context.Context, limit int) ([]Status, error) {
	all, err := store.Collect(ctx, o.DB, scanStatus, `SELECT m.id, m.channel, m.kind, COALESCE(p.key, m.key), COALESCE(p.about, m.about), m.put_at, m.state, m.changed_at, m.reason,
			CASE WHEN p.key IS NULL THEN 0 ELSE 1 END
		FROM notify_messages m LEFT JOIN notify_parts p ON p.message_id = m.id AND p.place = (SELECT MIN(place) FROM notify_parts WHERE message_id = m.id)
		WHERE m.state IN ('unsure', 'failed') ORDER BY m.put_at DESC, m.id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return all, nil
}

// Again has a message sent now that has failed, or that may not have been sent: its reader may get it twice, then. may says whether the rules let the actor;
// about is what the message must tell of, empty for whatever. A refusal is audited too. Errors: fault.NotAllowed, fault.NotFound.
func (o *Outbox) Again(ctx context.Context, actor auth.Actor, may bool, about, id string) error {
	now := o.Now()
	act := store.Act{At: now, Actor: actor, Action: "message.again", Subject: store.About("message", id)}
	return o.DB.Do(ctx, act, may, func(tx *store.Tx, _ *store.Act) error {
		var channel Channel
		err := tx.QueryRowContext(ctx, `UPDATE notify_messages SET state = 'waiting', changed_at = ?, reason = '', version = version + 1, attempt = attempt + 1
			WHERE id = ? AND (about = ? OR ? = '' OR EXISTS (SELECT 1 FROM notify_parts p WHERE p.message_id = notify_messages.id AND p.about = ?))
				AND state IN ('unsure', 'failed') RETURNING channel`, store.Millis(now), id, about, about, about).Scan(&channel)
		if err != nil {
			return fmt.Errorf("send a message again: %w", err)
		}
		return o.Jobs.Put(ctx, tx, jobs.Job{Kind: jobKind(channel), Key: id, At: now})
	})
}

// Ended is what messages are counted by that this process has sent, or not.
type Ended struct {
	Channel Channel
	State   State // Sent, Unsure, Failed or Stopped
}

func (o *Outbox) count(c Channel, s State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended[Ended{c, s}]++
}

// Totals counts the messages that this process has ended, since it began.
func (o *Outbox) Totals() map[Ended]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.ended)
}

// Backlog is what a channel has not sent.
type Backlog struct {
	Channel        Channel
	Waiting        int // those whose time has not come included
	Unsure, Failed int
	Oldest         time.Duration // since the time of the message that is late by most; 0: none is late
}

// Backlogs counts what every channel has not sent, on all nodes.
func (o *Outbox) Backlogs(ctx context.Context) (all []Backlog, err error) {
	now := store.Millis(o.Now())
	for _, channel := range []Channel{Email, SMS} {
		b := Backlog{Channel: channel}
		var oldest int64
		err := o.DB.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN state IN ('waiting', 'sending') THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN state = 'unsure' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0),
			COALESCE(MIN(CASE WHEN state = 'waiting' AND put_at < ? THEN put_at END), ?)
			FROM notify_messages WHERE state IN ('waiting', 'sending', 'unsure', 'failed') AND channel = ?`, now, now, string(channel)).
			Scan(&b.Waiting, &b.Unsure, &b.Failed, &oldest)
		if err != nil {
			return nil, fmt.Errorf("count messages: %w", err)
		}
		b.Oldest = time.Duration(max(now-oldest, 0)) * time.Millisecond
		all = append(all, b)
	}
	return all, nil
}

// Restored has nothing sent by itself that may have been sent since the backup was made from which db comes: what was due by now is unsure.
func Restored(ctx context.Context, db *store.DB, now time.Time) error {
	err := db.Tx(ctx, func(tx *store.Tx) error {
		versions, err := tx.Versions(ctx)
		if _, made := versions["notify"]; err != nil || !made {
			return err // of a time before there were messages
		}
		_, err = tx.ExecContext(ctx, `UPDATE notify_messages SET state = 'unsure', reason = 'a backup was restored', changed_at = ?, attempt = attempt + 1
			WHERE state = 'sending' OR (state = 'waiting' AND put_at <= ?)`, store.Millis(now), store.Millis(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("have people look at messages that may have been sent: %w", err)
	}
	return nil
}
