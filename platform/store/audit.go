package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/auth"
)

// Outcome of an act.
type Outcome string

// The outcomes.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused"
)

// Subject is what an act was done to.
type Subject struct {
	Kind string // "visit", "invitation", "api_key", …
	ID   string
}

// Act is one row of the audit log: who did what to what, when, and whether it was allowed. It holds no health data: Detail is made of
// fixed words and numbers, never of what somebody typed.
type Act struct {
	At      time.Time
	Actor   auth.Actor
	Action  string // "visit.create", "link.redeem", …; the catalogues say in words what it is: "act.visit.create"
	Subject Subject
	Detail  string
	Outcome Outcome

	// GoesOn says that the act goes on with one that has its row, as typing does: Do writes none, unless it is refused.
	GoesOn bool
	// Keeps says that what was written before a refusal stays, as a wrong try that is counted does: set where that is written, and right before it is refused.
	// Without it a refusal undoes the act.
	Keeps bool
}

// nextSeq is the place of the next row: after the last one, and after all that was ever sealed, should rows be missing at the end. Transactions that
// write take turns, so places have no gaps and are in the order of commits.
const nextSeq = `(SELECT COALESCE(MAX(place), 0) + 1 FROM (SELECT MAX(seq) AS place FROM audit UNION ALL SELECT MAX(size) FROM audit_checkpoints) AS places)`

// Audit writes an act's row in the transaction of the act itself, so that neither exists without the other. Package audit seals the rows.
func Audit(ctx context.Context, tx *Tx, a Act) error {
	if a.At.IsZero() || a.Actor.Kind == "" || a.Action == "" || a.Subject.Kind == "" || (a.Outcome != Allowed && a.Outcome != Refused) {
		return errors.New("audit: the act is not complete")
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (id, at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, seq)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+nextSeq+`)`,
		NewID(), Millis(a.At), a.Actor.Kind, a.Actor.ID, string(a.Actor.Role), a.Action, a.Subject.Kind, a.Subject.ID, string(a.Outcome), a.Detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", a.Action, err)
	}
	return nil
}

// Place gives a place in the log to a row that has none: one of a program of the version before.
func Place(ctx context.Context, tx *Tx, id string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE audit SET seq = `+nextSeq+` WHERE id = ? AND seq IS NULL`, id); err != nil {
		return fmt.Errorf("give a row of the audit its place: %w", err)
	}
	return nil
}
