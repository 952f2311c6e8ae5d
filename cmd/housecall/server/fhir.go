package server

import (
	"housecall/platform/web"
	"housecall/visits/fhir"
)

// routeFHIR adds what other programs of the hospital do by FHIR.
func (s *Server) routeFHIR(routes *web.Routes) {
	routes.Tell(fhir.Path+"/", fhir.Tell)
	fhir.New(fhir.Config{Visits: s.Visits, People: s.People, Colleagues: s.Accounts, Sites: s.Sites, PublicURL: s.url, Version: Version,
		Zone: s.config.TimeZone, Started: s.config.Now()}).Routes(routes)
}
