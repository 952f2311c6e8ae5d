package server

import (
	"context"

	"housecall/auth"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits/after"
)

// openAfter opens what comes after visits.
func (s *Server) openAfter(ctx context.Context, db *store.DB, ring *keys.Ring, policy auth.Policy, limiter web.Limiter, routes *web.Routes) error {
	service, err := after.New(ctx, after.Config{DB: db, Vault: ring.Notes(), Visits: s.Visits, Policy: policy, Limiter: limiter, Now: s.config.Now})
	if err != nil {
		return err
	}
	service.Routes(routes)
	return nil
}
