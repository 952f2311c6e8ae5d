package server

import (
	"context"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/after"
)

// keepEvent keeps what happened in a room for the visit's record. Rooms open after everything is made.
func (s *Server) keepEvent(ctx context.Context, tx *store.Tx, e visits.RoomEvent) error {
	return s.after.KeepEvent(ctx, tx, e)
}

// openAfter opens what comes after visits.
func (s *Server) openAfter(ctx context.Context, db *store.DB, ring *keys.Ring, p *post, policy auth.Policy, limiter web.Limiter, pages *web.Pages, languages []string, routes *web.Routes,
	calls *api.API) error {
	service, err := after.New(ctx, after.Config{DB: db, Vault: ring.Notes(), LinkKey: ring.Link(), Visits: s.Visits, Sites: s.Sites, Patients: s.People, Outbox: p.outbox,
		Policy: policy, Limiter: limiter, Pages: pages, PublicURL: s.url, Languages: languages, Days: s.config.AfterDays, Now: s.config.Now})
	if err != nil {
		return err
	}
	service.Routes(routes)
	service.API(calls)
	s.after = service
	return nil
}
