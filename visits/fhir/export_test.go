package fhir

import "housecall/visits"

// AppointmentOf and EncounterOf are a visit as it is told.
func (s *Server) AppointmentOf(v visits.Visit) any { return s.appointment(v) }
func (s *Server) EncounterOf(v visits.Visit) any   { return s.encounter(v) }
