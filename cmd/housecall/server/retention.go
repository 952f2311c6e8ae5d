package server

import (
	"context"

	"housecall/platform/emergency"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/figures"
	"housecall/visits/retention"
)

// openRetention deletes what need not be kept any longer, and adds the page that says how long that is.
func (s *Server) openRetention(ctx context.Context, h *house) error {
	messages := func(ctx context.Context, tx *store.Tx, visits []string) error {
		for _, id := range visits {
			for _, about := range []string{id, after.AboutSummary(id)} {
				if err := h.post.outbox.Forget(ctx, tx, about); err != nil {
					return err
				}
			}
		}
		return nil
	}
	kept, err := retention.New(ctx, retention.Config{DB: h.db, Jobs: h.post.queue, Policy: h.policy, Pages: h.pages, Vault: h.ring.Staff(), Sites: s.Sites,
		Exists: emergencyRecords{s}.Exists, Zone: s.config.TimeZone, Now: s.config.Now, Forgets: map[string][]retention.Forget{
			retention.KindVisits:   {emergency.Forget(h.post.outbox, "visit"), after.Forget, figures.Forget, messages, visits.Forget},
			retention.KindPatients: {emergency.Forget(h.post.outbox, "patient"), people.Forget},
			retention.KindChat:     {visits.ForgetChat},
			retention.KindChecks:   {visits.ForgetChecks},
			retention.KindMessages: {messages},
		}})
	if err != nil {
		return err
	}
	kept.Routes(h.routes)
	h.desk.Note(kept.Note)
	return nil
}
