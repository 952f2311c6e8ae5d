package server

import (
	"context"

	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits/imports"
)

// routeImports adds the pages that make visits of files.
func (s *Server) routeImports(ctx context.Context, db *store.DB, ring *keys.Ring, routes *web.Routes, pages *web.Pages) error {
	importer, err := imports.New(ctx, imports.Config{DB: db, Visits: s.Visits, Patients: s.People, Sites: s.Sites, Colleagues: s.Accounts, Vault: ring.Staff(), Key: ring.Link(),
		Now: s.config.Now})
	if err != nil {
		return err
	}
	desk, err := imports.NewDesk(importer, pages)
	if err != nil {
		return err
	}
	desk.Routes(routes)
	return nil
}
