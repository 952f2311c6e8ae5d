package notify

import (
	"context"
	"database/sql"
	"fmt"

	"housecall/platform/jobs"
	"housecall/platform/store"
)

// Part is one of several things that a message tells in one. By a channel, a kind and its Key it is told once, whatever messages it stands in.
type Part struct {
	About string // the id of what it is about
	Key   string // tells it from others of its message's kind
}

// partsOf reads what a message tells in one.
func partsOf(ctx context.Context, q store.Queryer, message string) ([]Part, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (p Part, err error) { return p, r.Scan(&p.About, &p.Key) },
		`SELECT about, key FROM notify_parts WHERE message_id = ? ORDER BY place`, message)
	if err != nil {
		return nil, fmt.Errorf("read the parts of a message: %w", err)
	}
	return all, nil
}

// untold are those of a message's parts that it is to tell: not those which another has told, may have told, or tells alone. Out of others that wait for their
// turn it takes them. A message without parts is one itself.
func (o *Outbox) untold(ctx context.Context, tx *store.Tx, m Message) ([]Part, error) {
	parts := m.Parts
	if len(parts) == 0 {
		parts = []Part{{m.About, m.Key}}
	}
	var left []Part
	for _, p := range parts {
		type other struct {
			stored
			alone int
		}
		others, err := store.Collect(ctx, tx, func(r *sql.Rows) (s other, err error) { return s, r.Scan(&s.ID, &s.Channel, &s.state, &s.alone) },
			`SELECT m.id, m.channel, m.state, 0 FROM notify_parts p JOIN notify_messages m ON m.id = p.message_id WHERE p.key = ? AND m.channel = ? AND m.kind = ? AND m.id <> ?
			UNION ALL SELECT id, channel, state, 1 FROM notify_messages WHERE key = ? AND channel = ? AND kind = ? AND id <> ?`,
			p.Key, string(m.Channel), m.Kind, m.ID, p.Key, string(m.Channel), m.Kind, m.ID)
		if err != nil {
			return nil, fmt.Errorf("look whether something was told: %w", err)
		}
		told := false
		for _, s := range others {
			switch {
			case s.state == Sending || s.state == Sent || s.state == Unsure || s.state == Waiting && s.alone == 1:
				told = true
			case s.state == Waiting:
				if err := o.takeOut(ctx, tx, s.ID, s.Channel, `key = ?`, p.Key); err != nil {
					return nil, err
				}
			}
		}
		if !told {
			left = append(left, p)
		}
	}
	return left, nil
}

// putParts writes what a message tells in one, in its order, in the place of what it told before; nothing, where it tells one thing.
func putParts(ctx context.Context, tx *store.Tx, message string, parts []Part) error {
	keys := make([]string, len(parts))
	for i, p := range parts {
		keys[i] = p.Key
	}
	if err := keepTold(ctx, tx, message, keys); err != nil {
		return err
	}
	for place, p := range parts {
		_, err := tx.ExecContext(ctx, `INSERT INTO notify_parts (message_id, key, about, place) VALUES (?, ?, ?, ?)
			ON CONFLICT (message_id, key) DO UPDATE SET place = excluded.place`, message, p.Key, p.About, place)
		if err != nil {
			return fmt.Errorf("put the parts of a message: %w", err)
		}
	}
	return nil
}

// takeOut takes parts out of a message that is not sent yet: its text is made anew, and where nothing is left of it, it is no message any more.
func (o *Outbox) takeOut(ctx context.Context, tx *store.Tx, message string, channel Channel, which string, of ...any) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM notify_parts WHERE message_id = ? AND `+which, append([]any{message}, of...)...); err != nil {
		return fmt.Errorf("take parts out of a message: %w", err)
	}
	left, err := partsOf(ctx, tx, message)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		if _, err := tx.ExecContext(ctx, `DELETE FROM notify_messages WHERE id = ?`, message); err != nil {
			return fmt.Errorf("delete a message without parts: %w", err)
		}
		return o.Jobs.Cancel(ctx, tx, jobKind(channel), message)
	}
	var state State
	var at int64
	err = tx.QueryRowContext(ctx, `UPDATE notify_messages SET version = version + 1 WHERE id = ? RETURNING state, put_at`, message).Scan(&state, &at)
	if err != nil {
		return fmt.Errorf("have a message made anew: %w", err)
	}
	if state != Waiting {
		return nil
	}
	return o.Jobs.Put(ctx, tx, jobs.Job{Kind: jobKind(channel), Key: message, At: store.Time(at)}) // whoever has it in hands has what was
}

// stopParts has what is not sent yet say nothing of something any more, of what has a key that begins so.
func (o *Outbox) stopParts(ctx context.Context, tx *store.Tx, about, prefix string) error {
	const which = `about = ? AND substr(key, 1, ?) = ?`
	all, err := store.Collect(ctx, tx, func(r *sql.Rows) (m Message, err error) { return m, r.Scan(&m.ID, &m.Channel) },
		`SELECT id, channel FROM notify_messages WHERE state IN ('waiting', 'failed') AND id IN (SELECT message_id FROM notify_parts WHERE `+which+`)`, about, len(prefix), prefix)
	if err != nil {
		return fmt.Errorf("find the messages that tell something: %w", err)
	}
	for _, m := range all {
		if err := o.takeOut(ctx, tx, m.ID, m.Channel, which, about, len(prefix), prefix); err != nil {
			return err
		}
	}
	return nil
}

// forgetParts deletes that messages told something, and those that told nothing else. One that is on its way stays.
func forgetParts(ctx context.Context, tx *store.Tx, about string) error {
	all, err := store.Collect(ctx, tx, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) },
		`SELECT id FROM notify_messages WHERE state <> 'sending' AND id IN (SELECT message_id FROM notify_parts WHERE about = ?)`, about)
	if err != nil {
		return fmt.Errorf("find the messages that told something: %w", err)
	}
	for _, id := range all {
		if _, err := tx.ExecContext(ctx, `DELETE FROM notify_parts WHERE message_id = ? AND about = ?`, id, about); err != nil {
			return fmt.Errorf("forget parts of messages: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM notify_messages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM notify_parts WHERE message_id = ?)`, id, id); err != nil {
			return fmt.Errorf("forget messages: %w", err)
		}
	}
	return nil
}

// keepTold drops the parts of a message that its text does not tell: they stand for untold.
func keepTold(ctx context.Context, tx *store.Tx, message string, told []string) error {
	in, args := store.In(told)
	if _, err := tx.ExecContext(ctx, `DELETE FROM notify_parts WHERE message_id = ? AND key NOT IN `+in, append([]any{message}, args...)...); err != nil {
		return fmt.Errorf("drop what a message does not tell: %w", err)
	}
	return nil
}
