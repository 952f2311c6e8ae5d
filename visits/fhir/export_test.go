package fhir

import "housecall/visits"

// What is looked at before a resource is read, and the bound on it.
var (
	Modifier = modifier
	TooDeep  = tooDeep
)

const MostDeep = mostDeep

// AppointmentOf and EncounterOf are a visit as it is told.
func (s *Server) AppointmentOf(v visits.Visit) any { return s.appointment(v) }
func (s *Server) EncounterOf(v visits.Visit) any   { return s.encounter(v, v.StateAt) }
