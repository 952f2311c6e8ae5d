package server

import (
	"context"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits/figures"
)

// openFigures counts visits, and adds the page that shows it.
func (s *Server) openFigures(ctx context.Context, db *store.DB, p *post, pages *web.Pages, policy auth.Policy, routes *web.Routes) error {
	counted, err := figures.New(ctx, figures.Config{DB: db, Jobs: p.queue, Policy: policy, Pages: pages, Sites: s.Sites, Zone: s.config.TimeZone, Now: s.config.Now})
	if err != nil {
		return err
	}
	counted.Routes(routes)
	return nil
}
