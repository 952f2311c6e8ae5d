package server

import (
	"context"

	"housecall/platform/api"
	"housecall/visits/fhir"
)

// openIdempotency opens what programs were answered, and has it forgotten in time.
func (s *Server) openIdempotency(ctx context.Context, h *house) (*api.Idempotency, error) {
	keyed, err := api.NewIdempotency(ctx, api.IdempotencyConfig{DB: h.db, Vault: h.ring.API(), Now: s.config.Now})
	if err != nil {
		return nil, err
	}
	return keyed, keyed.Sweep(ctx, h.post.queue)
}

// routeFHIR adds what other programs of the hospital do by FHIR.
func (s *Server) routeFHIR(_ context.Context, h *house) error {
	h.routes.Tell(fhir.Path+"/", fhir.Tell)
	fhir.New(fhir.Config{Visits: s.Visits, People: s.People, Colleagues: s.Accounts, Words: h.book, PublicURL: s.url, Version: Version,
		Started: s.config.Now(), Once: h.keyed.Handler, Began: s.after.Began}).Routes(h.routes)
	return nil
}
