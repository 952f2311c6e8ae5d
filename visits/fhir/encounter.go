package fhir

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/auth"
	"housecall/platform/web"
	"housecall/visits"
)

const actCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// encounterStatus is a visit's state as the status of its encounter.
var encounterStatus = map[visits.State]fhir.EncounterStatus{
	visits.Scheduled:  fhir.EncounterStatusPlanned,
	visits.Open:       fhir.EncounterStatusArrived,
	visits.InProgress: fhir.EncounterStatusInProgress,
	visits.Ended:      fhir.EncounterStatusFinished,
	visits.Cancelled:  fhir.EncounterStatusCancelled,
	visits.NoShow:     fhir.EncounterStatusCancelled, // R4 has no word of its own; the appointment has
}

// encounter is a visit as an Encounter, which has the id of its appointment. began is when it did; zero: that is not known.
func (s *Server) encounter(v visits.Visit, began time.Time) fhir.Encounter {
	e := fhir.Encounter{
		Id:          &v.ID,
		Meta:        &fhir.Meta{},
		Status:      encounterStatus[v.State],
		Class:       fhir.Coding{System: new(actCode), Code: new("VR"), Display: new("virtual")},
		ServiceType: new(s.serviceType(v)),
		Appointment: []fhir.Reference{{Reference: new("Appointment/" + v.ID)}},
		Period:      periodOf(v, began),
	}
	if v.Confidential {
		e.Meta.Security = []fhir.Coding{{System: new(confidentiality), Code: new(restricted)}}
	}
	for _, i := range v.Invitations {
		switch {
		case i.Revoked():
		case i.Role == auth.Patient:
			e.Subject = s.actor(v, i)
		case i.StaffID != "" || i.Role == auth.Clinician:
			p := fhir.EncounterParticipant{Individual: s.actor(v, i)}
			if i.StaffID != "" && i.StaffID == v.ClinicianID {
				p.Type = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: new(participationType), Code: new(leads)}}}}
			}
			e.Participant = append(e.Participant, p)
		}
	}
	e.Meta.VersionId = new(versionOf(e))
	return e
}

// periodOf is when a visit takes place, as far as it is known: as planned until it begins.
func periodOf(v visits.Visit, began time.Time) *fhir.Period {
	at := v.StateAt.Format(time.RFC3339)
	switch v.State {
	case visits.InProgress:
		return &fhir.Period{Start: &at}
	case visits.Ended:
		p := &fhir.Period{End: &at}
		if !began.IsZero() && !began.After(v.StateAt) {
			p.Start = new(began.Format(time.RFC3339))
		}
		return p
	}
	return &fhir.Period{Start: new(v.StartsAt.Format(time.RFC3339)), End: new(v.EndsAt.Format(time.RFC3339))}
}

// began is when those of some visits began that are over, by their ids: what goes on tells it itself.
func (s *Server) began(ctx context.Context, all ...visits.Visit) (map[string]time.Time, error) {
	var over []string
	for _, v := range all {
		if v.State == visits.Ended {
			over = append(over, v.ID)
		}
	}
	if len(over) == 0 {
		return nil, nil
	}
	return s.Began(ctx, over)
}

func (s *Server) readEncounter(r *http.Request) (reply, error) {
	v, err := s.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		return reply{}, err
	}
	began, err := s.began(r.Context(), v)
	if err != nil {
		return reply{}, err
	}
	e := s.encounter(v, began[v.ID])
	return reply{resource: marshal(e), version: *e.Meta.VersionId}, nil
}

func (s *Server) searchEncounters(r *http.Request, q query) (reply, error) {
	states, err := statesOf(q, encounterStatus)
	if err != nil {
		return reply{}, err
	}
	id := q.get("_id")
	if q.values.Has("appointment") {
		appointment, known := s.idOf(q.get("appointment"), "Appointment", true)
		if !known {
			return reply{}, malformed("appointment must refer to an Appointment of this server.")
		}
		if id != "" && id != appointment {
			return s.bundle(q, nil, ""), nil
		}
		id = appointment
	}
	return s.searchVisits(r, q, states, id, func(all []visits.Visit) (told []json.RawMessage, err error) {
		began, err := s.began(r.Context(), all...)
		for _, v := range all {
			told = append(told, marshal(s.encounter(v, began[v.ID])))
		}
		return told, err
	})
}
