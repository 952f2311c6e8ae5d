package server

import (
	"context"

	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/after"
)

// keepEvent keeps what happened in a room for the visit's record. Rooms open after everything is made.
func (s *Server) keepEvent(ctx context.Context, tx *store.Tx, e visits.RoomEvent) error {
	return s.after.KeepEvent(ctx, tx, e)
}

// countAnswers counts what families say of their visits. Figures open after everything that comes after visits.
func (s *Server) countAnswers(ctx context.Context, tx *store.Tx, v visits.Visit, before, now map[string]string) error {
	return s.figures.CountAnswers(ctx, tx, v, before, now)
}

// openAfter opens what comes after visits.
func (s *Server) openAfter(ctx context.Context, h *house) error {
	service, err := after.New(ctx, after.Config{DB: h.db, Vault: h.ring.Notes(), LinkKey: h.ring.Link(), Visits: s.Visits, Sites: s.Sites, Outbox: h.post.outbox,
		Policy: h.policy, Emergency: s.emergency, Answered: s.countAnswers, Uploads: s.Uploads, Limiter: h.limiter, Pages: h.pages, PublicURL: s.url, Languages: h.book.Tags(), Days: s.config.AfterDays, Now: s.config.Now})
	if err != nil {
		return err
	}
	service.Routes(h.routes)
	service.API(h.calls)
	h.desk.Note(service.Note)
	s.after = service
	s.measure()
	return nil
}
