package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
)

// Do does an act: f in a transaction, and the act's audit row in the same. may says whether the rules let the actor do it at all; f may add to the row.
// Any error of f undoes all that it wrote. One that refuses (fault.NotAllowed, fault.NotFound, also of a row that f reads and that is not there) is audited all the same, in
// a transaction of its own; where that fails, its error is the answer, and the refusal is told to nobody. An act that counts wrong tries says Act.Keeps.
func (db *DB) Do(ctx context.Context, a Act, may bool, f func(*Tx, *Act) error) error {
	if !may {
		return db.refuse(ctx, a, fault.NotAllowed)
	}
	a.Outcome = Allowed
	once, _ := ctx.Value(onceKey{}).(Once)
	var kept, refusal error
	err := db.Tx(ctx, func(tx *Tx) error {
		kept, refusal = nil, nil // a transaction may be tried again
		if once != nil {
			if err := once.Before(ctx, tx); err != nil {
				return err
			}
		}
		err := f(tx, &a)
		switch {
		case refuses(err) && a.Keeps:
			kept = err
			return Audit(ctx, tx, a.refused(err))
		case refuses(err):
			refusal = err
			return err
		case err != nil:
			return err
		case once != nil:
			if err := once.After(ctx, tx, a); err != nil {
				return err
			}
		}
		if a.GoesOn {
			return nil
		}
		return Audit(ctx, tx, a)
	})
	switch {
	case refusal != nil: // and undone
		return db.refuse(ctx, a, refusal)
	case err != nil:
		return fmt.Errorf("%s: %w", a.Action, err)
	}
	return kept
}

// refuses says whether an error is a refusal.
func refuses(err error) bool {
	return errors.Is(err, fault.NotAllowed) || errors.Is(err, fault.NotFound)
}

// refused is the row of an act that was refused.
func (a Act) refused(err error) Act {
	a.Outcome, a.Detail = Refused, fault.CodeOf(err)
	return a
}

// refuse audits a refusal that leaves nothing else, and returns it.
func (db *DB) refuse(ctx context.Context, a Act, refusal error) error {
	if err := db.Tx(ctx, func(tx *Tx) error { return Audit(ctx, tx, a.refused(refusal)) }); err != nil {
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
