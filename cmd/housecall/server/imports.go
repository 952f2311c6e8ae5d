package server

import (
	"context"

	"housecall/visits/imports"
)

// openImports adds the pages that make visits of files.
func (s *Server) openImports(ctx context.Context, h *house) error {
	importer, err := imports.New(ctx, imports.Config{DB: h.db, Visits: s.Visits, Patients: s.People, Sites: s.Sites, Vault: h.ring.Staff(), Key: h.ring.Link(),
		Languages: h.pages.Languages(), Now: s.config.Now})
	if err != nil {
		return err
	}
	desk, err := imports.NewDesk(importer, h.pages)
	if err != nil {
		return err
	}
	desk.Routes(h.routes)
	return nil
}
