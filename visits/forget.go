package visits

import (
	"context"
	"fmt"

	"housecall/platform/store"
)

// Forget deletes visits with everything that this package keeps of them. Who calls it has made sure that they are over and that nobody wants them any
// more, and deletes in the same transaction what other packages keep. The audit stays.
func Forget(ctx context.Context, tx *store.Tx, visits []string) error {
	if err := ForgetChat(ctx, tx, visits); err != nil {
		return err
	}
	if err := ForgetChecks(ctx, tx, visits); err != nil {
		return err
	}
	err := store.DeleteWhere(ctx, tx, visits, "consents.visit_id", "visit_late.visit_id", "visit_rooms.visit_id", "visit_sessions.visit_id",
		"invitation_codes WHERE invitation_id IN (SELECT id FROM invitations WHERE visit_id IN %s)", "invitations.visit_id", "visits.id")
	if err != nil {
		return err
	}
	// Removals are told by their numbers, which must go on to rise: the last ones stay. They are ids alone.
	if _, err := tx.ExecContext(ctx, `DELETE FROM visit_removals WHERE seq < (SELECT MAX(seq) FROM visit_removals) - ?`, toldAgain); err != nil {
		return fmt.Errorf("forget removals: %w", err)
	}
	return nil
}

// ForgetChat deletes what was written in visits: the chat, and what people who waited were told. It is as careful as Forget.
func ForgetChat(ctx context.Context, tx *store.Tx, visits []string) error {
	return store.DeleteWhere(ctx, tx, visits, "visit_chat.visit_id", "visit_told.visit_id")
}

// ForgetChecks deletes how devices did when they were tried before visits.
func ForgetChecks(ctx context.Context, tx *store.Tx, visits []string) error {
	return store.DeleteWhere(ctx, tx, visits, "device_checks.visit_id")
}
