package after

import (
	"context"

	"housecall/platform/store"
)

// Forget deletes what is kept of visits after they are over: notes, summaries with their links, answers to the survey, and the record. Who calls it has made
// sure that nobody wants them any more, and has messages about them forgotten too, and the files that AboutSummary has taken.
func Forget(ctx context.Context, tx *store.Tx, visits []string) error {
	const notes = " WHERE note_id IN (SELECT id FROM after_notes WHERE visit_id IN %s)"
	return store.DeleteWhere(ctx, tx, visits, "after_addenda"+notes, "after_note_writes"+notes, "after_notes.visit_id", "after_files.visit_id", "after_summaries.visit_id",
		"after_openings WHERE invitation_id IN (SELECT invitation_id FROM after_links WHERE visit_id IN %s)", "after_links.visit_id", "after_surveys.visit_id",
		"after_events.visit_id", "after_quality.visit_id")
}

// AboutSummary is what messages about a visit's summary are about, for the outbox, and what its files are of, for uploads.
func AboutSummary(visit string) string { return "summary " + visit }
