package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/fault"
	"housecall/platform/store"
)

const (
	// sealAfter is how long a row waits at most for its seal, while a server runs.
	sealAfter = time.Minute
	// sealAt many rows are sealed at once, however young.
	sealAt = 1000
	// lookEvery is how often a server looks.
	lookEvery = 5 * time.Second
	// batch is how many places one transaction seals: others that write wait meanwhile.
	batch = 4096
)

// Config is what a Log needs.
type Config struct {
	DB     *store.DB
	Key    Key
	File   string // checkpoints are also appended to it; empty: to none
	Logger *slog.Logger
	Now    func() time.Time
}

// Log seals the rows of the audit. Several nodes may do so at once.
type Log struct{ Config }

// New returns the log of a database.
func New(c Config) *Log {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Log{c}
}

// Run seals until ctx ends.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var said string // the error of the last time, which is not logged again
	for {
		err := l.turn(ctx)
		if ctx.Err() != nil {
			return
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != "" && text != said {
			l.Logger.Error("the audit could not be sealed", "error", text)
		}
		said = text
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// turn seals where it is time to, and brings the file up to date, also with what other nodes sealed.
func (l *Log) turn(ctx context.Context) error {
	w, err := l.Waiting(ctx)
	if err == nil && (w.Rows >= sealAt || w.Rows > 0 && l.Now().Sub(w.Since) >= sealAfter) {
		_, err = l.Seal(ctx)
	}
	return errors.Join(err, l.Publish(ctx))
}

// Waiting says what is not sealed yet.
type Waiting struct {
	Rows  int64
	Since time.Time // the act of the first of them; zero: there is none
}

// add counts rows more, of which the oldest is as old as the database has it.
func (w *Waiting) add(rows int64, at any) {
	w.Rows += rows
	if millis, ok := at.(int64); ok && (w.Since.IsZero() || store.Time(millis).Before(w.Since)) {
		w.Since = store.Time(millis)
	}
}

// Waiting looks at what is not sealed yet.
func (l *Log) Waiting(ctx context.Context) (w Waiting, err error) {
	const after = `(SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints)`
	var last, sealed, since int64
	err = l.DB.QueryRowContext(ctx, `SELECT (SELECT COALESCE(MAX(seq), 0) FROM audit), `+after+`, (SELECT COUNT(*) FROM audit WHERE seq IS NULL),
		COALESCE((SELECT at FROM audit WHERE seq > `+after+` ORDER BY seq LIMIT 1), (SELECT MIN(at) FROM audit WHERE seq IS NULL), 0)`).
		Scan(&last, &sealed, &w.Rows, &since)
	if err != nil {
		return Waiting{}, fmt.Errorf("look at what of the audit is not sealed: %w", err)
	}
	return Waiting{w.Rows + max(0, last-sealed), store.Time(since)}, nil
}

// Seal seals every row there is now, and says how many rows are sealed then. Errors: ErrDamaged.
func (l *Log) Seal(ctx context.Context) (size int64, err error) {
	for more := true; more; {
		err := l.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			size, more, err = l.sealBatch(ctx, tx)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("seal the audit: %w", err)
		}
	}
	return size, nil
}

// sealBatch seals the next rows, where there are some, and says whether there may be more.
func (l *Log) sealBatch(ctx context.Context, tx *store.Tx) (size int64, more bool, err error) {
	if err := place(ctx, tx); err != nil {
		return 0, false, err
	}
	tiles := newTiles(tx)
	if size, err = l.sealed(ctx, tx, tiles); err != nil {
		return 0, false, err
	}
	rows, err := store.Collect(ctx, tx, scanRow, `SELECT seq, `+columns+` FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, size, batch)
	if err != nil || len(rows) == 0 {
		return size, false, err
	}
	more = len(rows) == batch
	if first, ok := rows[0].place.(int64); !ok || first > size+batch {
		return 0, false, fmt.Errorf("%w: after place %d there is nothing up to %v", ErrDamaged, size, rows[0].place)
	}
	for end := size + batch; len(rows) > 0 && size < end; size++ {
		h := gap
		if rows[0].place == size+1 {
			h, rows = rows[0].hash, rows[1:]
		}
		if err := tiles.add(ctx, 0, size, h); err != nil {
			return 0, false, err
		}
	}
	more = more || len(rows) > 0
	if err := tiles.save(ctx); err != nil {
		return 0, false, err
	}
	root, err := tiles.root(ctx, size)
	if err != nil {
		return 0, false, err
	}
	signed, err := l.Key.sign(tlog.Tree{N: size, Hash: root})
	if err != nil {
		return 0, false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO audit_checkpoints (size, at, note) VALUES (?, ?, ?)`, size, store.Millis(l.Now()), signed)
	return size, more, err
}

// place gives a place to rows that a node of the version before, which knows of none, wrote during an upgrade.
func place(ctx context.Context, tx *store.Tx) error {
	ids, err := store.Collect(ctx, tx, func(r *sql.Rows) (id string, err error) { err = r.Scan(&id); return id, err },
		`SELECT id FROM audit WHERE seq IS NULL ORDER BY id LIMIT ?`, batch)
	for _, id := range ids {
		if err == nil {
			err = store.Place(ctx, tx, id)
		}
	}
	return err
}

// sealed is how many rows are sealed. What was signed last must be what the hashes add up to: on anything else nothing is built.
func (l *Log) sealed(ctx context.Context, tx *store.Tx, tiles *tiles) (int64, error) {
	var size int64
	var signed string
	err := tx.QueryRowContext(ctx, `SELECT size, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&size, &signed)
	if errors.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	tree, err := l.Key.open(signed)
	if err != nil || tree.N != size {
		return 0, errors.Join(ErrDamaged, err)
	}
	if err := tiles.check(ctx, size); err != nil {
		return 0, err
	}
	root, err := tiles.root(ctx, size)
	if err != nil {
		return 0, err
	}
	if root != tree.Hash {
		return 0, ErrDamaged
	}
	return size, nil
}
