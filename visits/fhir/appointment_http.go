package fhir

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

func (s *Server) readAppointment(r *http.Request) (reply, error) {
	v, err := s.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		return reply{}, err
	}
	return s.appointmentReply(v), nil
}

// createAppointment makes a visit. With If-None-Exist it makes none where there is one of that identifier.
func (s *Server) createAppointment(r *http.Request) (reply, error) {
	a, err := read[fhir.Appointment](r, "Appointment")
	if err != nil {
		return reply{}, err
	}
	unless, err := unlessThere(r)
	if err != nil {
		return reply{}, err
	}
	if unless != "" {
		identifier, err := s.onlyIdentifier(unless)
		if err != nil {
			return reply{}, err
		}
		if own, err := identifierOf(a); err != nil || own != identifier {
			return reply{}, malformed("If-None-Exist must name the identifier of the appointment.")
		}
		if there, err := s.withIdentifier(r, identifier); err != nil || there != nil {
			return deref(there), err
		}
	}
	request, err := s.request(r.Context(), a)
	if err != nil {
		return reply{}, err
	}
	v, links, err := s.Visits.Create(r.Context(), web.Actor(r.Context()), request)
	if err != nil {
		// Somebody else may have been faster.
		if there, other := s.withIdentifier(r, request.Identifier); unless != "" && errors.Is(err, fault.NotValid) && other == nil && there != nil {
			return *there, nil
		}
		return reply{}, err
	}
	made := s.appointment(v)
	return reply{status: http.StatusCreated, resource: marshal(withLink(made, links)), location: "Appointment/" + v.ID, version: *made.Meta.VersionId}, nil
}

// onlyIdentifier is the identifier of an If-None-Exist, which must be all there is in it.
func (s *Server) onlyIdentifier(condition string) (visits.Identifier, error) {
	values, err := url.ParseQuery(strings.TrimPrefix(condition, "?"))
	if err != nil || len(values) != 1 || len(values["identifier"]) != 1 {
		return visits.Identifier{}, malformed("If-None-Exist takes identifier=system|value alone.")
	}
	t, err := tokenOf("identifier", values.Get("identifier"))
	if err == nil && t.system == "" {
		err = malformed("If-None-Exist takes identifier=system|value alone.")
	}
	return visits.Identifier{System: t.system, Value: phi.Text(t.value)}, err
}

// withIdentifier is the answer with the appointment of an identifier; nil: there is none.
func (s *Server) withIdentifier(r *http.Request, i visits.Identifier) (*reply, error) {
	if i.Value == "" {
		return nil, nil
	}
	ctx := store.Aside(r.Context())
	page, err := s.Visits.List(ctx, web.Actor(ctx), visits.Query{Identifier: i, Limit: 1})
	if err != nil || len(page.Visits) == 0 {
		return nil, err
	}
	return new(s.appointmentReply(page.Visits[0])), nil
}

func deref(r *reply) reply {
	if r == nil {
		return reply{}
	}
	return *r
}

// updateAppointment moves a visit, changes its length, or calls it off.
func (s *Server) updateAppointment(r *http.Request) (reply, error) {
	a, err := read[fhir.Appointment](r, "Appointment")
	if err != nil {
		return reply{}, err
	}
	id := r.PathValue("visit")
	version, err := replaces(r, a.Id, id)
	if err != nil {
		return reply{}, err
	}
	actor := web.Actor(r.Context())
	judge := func(v visits.Visit) error { return s.judge(v, a, version) }
	if a.Status == fhir.AppointmentStatusCancelled {
		err = s.Visits.CancelIf(r.Context(), actor, id, judge)
	} else {
		var m visits.Move
		if m.StartsAt, m.Minutes, err = times(a); err == nil {
			m.If = judge
			_, err = s.Visits.Move(r.Context(), actor, id, m)
		}
	}
	if err != nil {
		return reply{}, err
	}
	// What is done has its row, and whoever does it is told what it did, also where they may read nothing else.
	v, err := s.Visits.Visit(r.Context(), id)
	if err != nil {
		return reply{}, err
	}
	return s.appointmentReply(v), nil
}

func (s *Server) searchAppointments(r *http.Request, q query) (reply, error) {
	states, err := statesOf(q, appointmentStatus)
	if err != nil {
		return reply{}, err
	}
	return s.searchVisits(r, q, states, q.get("_id"), s.appointments)
}

// statesOf are the states of visits that are told as one of the statuses that are searched for, by the table of a kind of resource.
func statesOf[S comparable, P interface {
	*S
	json.Unmarshaler
}](q query, table map[visits.State]S) (all []visits.State, err error) {
	if !q.values.Has("status") {
		return nil, nil
	}
	for code := range strings.SplitSeq(q.get("status"), ",") {
		var status S
		if P(&status).UnmarshalJSON([]byte(code)) != nil {
			return nil, malformed("status must be a status of " + q.kind + ".")
		}
		for _, state := range visits.States() {
			if table[state] == status {
				all = append(all, state)
			}
		}
	}
	return all, nil
}

// searchVisits finds visits, and tells them as tell does, each at its place.
func (s *Server) searchVisits(r *http.Request, q query, states []visits.State, id string, tell func([]visits.Visit) ([]json.RawMessage, error)) (reply, error) {
	find := visits.Query{ID: id, States: states, Limit: q.count, Cursor: q.cursor}
	nowhere := false
	first, err := s.Visits.SiteOf(r.Context(), visits.Visit{}) // whose days the desk searches by too
	if err != nil {
		return reply{}, err
	}
	if find.From, find.To, find.Except, err = span(q.values["date"], first.Zone); err != nil {
		return reply{}, err
	}
	if q.values.Has("identifier") {
		number, err := tokenOf("identifier", q.get("identifier"))
		if err != nil {
			return reply{}, err
		}
		nowhere = number.bare // identifiers of visits have a system
		find.Identifier = visits.Identifier{System: number.system, Value: phi.Text(number.value)}
	}
	for _, ref := range []struct {
		name, kind string
		id         *string
	}{{"patient", "Patient", &find.PatientID}, {"practitioner", "Practitioner", &find.ClinicianID}} {
		if !q.values.Has(ref.name) {
			continue
		}
		known := false
		if *ref.id, known = s.idOf(q.get(ref.name), ref.kind, true); !known {
			return reply{}, malformed(ref.name + " must refer to a " + ref.kind + " of this server.")
		}
	}
	empty := nowhere || q.values.Has("status") && len(states) == 0 || !find.To.IsZero() && !find.From.Before(find.To)
	if empty {
		return s.bundle(q, nil, ""), nil
	}
	page, err := s.Visits.List(r.Context(), web.Actor(r.Context()), find)
	if err != nil {
		return reply{}, err
	}
	told, err := tell(page.Visits)
	if err != nil {
		return reply{}, err
	}
	entries := slices.Grow([]fhir.BundleEntry(nil), len(page.Visits))
	for i, v := range page.Visits {
		entries = append(entries, s.found(q.kind, v.ID, told[i]))
	}
	return s.bundle(q, entries, page.Next), nil
}
