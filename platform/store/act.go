package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
)

// Do does an act: f in a transaction, and the act's audit row in the same. may says whether the rules let the actor do it at all; f may add to the row.
// What is refused (not allowed, not found) is committed too, with a row that says so: f must judge before it writes what a refusal should not keep. Any
// other error undoes everything.
func (db *DB) Do(ctx context.Context, a Act, may bool, f func(*Tx, *Act) error) error {
	var refusal error
	err := db.Tx(ctx, func(tx *Tx) error {
		a := a
		a.Outcome = Allowed
		err := fault.NotAllowed
		once, _ := ctx.Value(onceKey{}).(Once)
		if may && once != nil {
			if err := once.Before(ctx, tx); err != nil {
				return err
			}
		}
		if may {
			err = f(tx, &a)
		}
		switch {
		case errors.Is(err, fault.NotAllowed), errors.Is(err, fault.NotFound):
			refusal = err
			a.Outcome, a.Detail = Refused, fault.CodeOf(err)
		case err != nil:
			return err
		case once != nil:
			if err := once.After(ctx, tx, a); err != nil {
				return err
			}
		}
		if err == nil && a.GoesOn {
			return nil
		}
		return Audit(ctx, tx, a)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", a.Action, err)
	}
	return refusal
}

// Did says whether the audit has an act, allowed and with the same detail, since a time.
func Did(ctx context.Context, q Queryer, a Act, since time.Time) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM audit WHERE subject_kind = ? AND subject_id = ? AND at >= ? AND actor_kind = ? AND actor_id = ? AND action = ? AND detail = ? AND outcome = ? LIMIT 1`,
		a.Subject.Kind, a.Subject.ID, Millis(since), a.Actor.Kind, a.Actor.ID, a.Action, a.Detail, string(Allowed)).Scan(&one)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether the audit has %s: %w", a.Action, err)
	}
	return true, nil
}

// Once keeps what was asked for twice from being done twice.
type Once interface {
	// Before judges, in the transaction of an act that the rules allow, whether it was done before. An error undoes the act before it begins.
	Before(ctx context.Context, tx *Tx) error
	// After notes in the same transaction that it was done.
	After(ctx context.Context, tx *Tx, a Act) error
}

type onceKey struct{}

// WithOnce has acts done once.
func WithOnce(ctx context.Context, o Once) context.Context {
	return context.WithValue(ctx, onceKey{}, o)
}

// Aside is a context for what is looked up beside the act that is to be done once.
func Aside(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, nil) }

// IsID says whether a string could be one of our ids, so that nothing else reaches SQL or the audit log.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// About names what an act is done to. What is no id of ours is not written down.
func About(kind, id string) Subject {
	if !IsID(id) {
		id = ""
	}
	return Subject{Kind: kind, ID: id}
}
