package server

import (
	"context"

	"housecall/visits/after"
	"housecall/visits/figures"
)

// openFigures counts visits, and adds the page and the call that show it.
func (s *Server) openFigures(ctx context.Context, h *house) error {
	counted, err := figures.New(ctx, figures.Config{DB: h.db, Jobs: h.post.queue, Policy: h.policy, Pages: h.pages, Sites: s.Sites, Bad: after.BadConnections, Zone: s.config.TimeZone, Now: s.config.Now})
	if err != nil {
		return err
	}
	s.figures = counted
	counted.Routes(h.routes)
	counted.API(h.calls)
	return nil
}
