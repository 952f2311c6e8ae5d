package server

import (
	"context"

	"housecall/platform/api"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits/fhir"
)

// openIdempotency opens what programs were answered, and has a queue forget it in time.
func (s *Server) openIdempotency(ctx context.Context, db *store.DB, ring *keys.Ring, queue *jobs.Queue) (*api.Idempotency, error) {
	keyed, err := api.NewIdempotency(ctx, api.IdempotencyConfig{DB: db, Vault: ring.API(), Now: s.config.Now})
	if err != nil {
		return nil, err
	}
	return keyed, keyed.Sweep(ctx, queue)
}

// routeFHIR adds what other programs of the hospital do by FHIR.
func (s *Server) routeFHIR(routes *web.Routes, keyed *api.Idempotency) {
	routes.Tell(fhir.Path+"/", fhir.Tell)
	fhir.New(fhir.Config{Visits: s.Visits, People: s.People, Colleagues: s.Accounts, Sites: s.Sites, PublicURL: s.url, Version: Version,
		Zone: s.config.TimeZone, Started: s.config.Now(), Once: keyed.Handler}).Routes(routes)
}
