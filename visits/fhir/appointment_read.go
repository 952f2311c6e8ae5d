package fhir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/visits"
)

// request is the visit that an Appointment asks for.
func (s *Server) request(ctx context.Context, a fhir.Appointment) (visits.Request, error) {
	r := visits.Request{AskIfKnown: true}
	if a.Status != fhir.AppointmentStatusBooked {
		return r, refused("Appointment.status", "must be booked")
	}
	var err error
	if r.StartsAt, r.Minutes, err = times(a); err != nil {
		return r, err
	}
	if r.Identifier, err = identifierOf(a); err != nil {
		return r, err
	}
	what, err := s.serviceTypeOf(a)
	if err != nil {
		return r, err
	}
	if isRestricted(a) {
		r.Confidential = new(true)
	}
	if len(a.Participant) > visits.MaxPeople {
		return r, refused("Appointment.participant", fmt.Sprintf("must be %d at most", visits.MaxPeople))
	}
	for n, p := range a.Participant {
		if err := s.invite(&r, p); err != nil {
			return r, refused(fmt.Sprintf("Appointment.participant[%d]", n), err.Error())
		}
	}
	return r, s.book(ctx, &r, what)
}

// times are when an Appointment is. No minutes: it does not say how long.
func times(a fhir.Appointment) (starts time.Time, minutes int, err error) {
	if a.Start == nil {
		return starts, 0, refused("Appointment.start", "is needed")
	}
	if starts, err = time.Parse(time.RFC3339, *a.Start); err != nil {
		return starts, 0, refused("Appointment.start", "must be an instant as in 2026-11-24T09:00:00Z")
	}
	if starts.IsZero() { // which to the service is none
		return starts, 0, refused("Appointment.start", "must be a time that visits can be at")
	}
	if a.MinutesDuration != nil {
		minutes = *a.MinutesDuration
	}
	if a.End == nil {
		return starts, minutes, nil
	}
	ends, err := time.Parse(time.RFC3339, *a.End)
	long := ends.Sub(starts)
	switch {
	case err != nil:
		return starts, 0, refused("Appointment.end", "must be an instant as in 2026-11-24T09:30:00Z")
	case long <= 0 || long%time.Minute != 0:
		return starts, 0, refused("Appointment.end", "must be whole minutes after the start")
	case minutes != 0 && long != time.Duration(minutes)*time.Minute:
		return starts, 0, refused("Appointment.minutesDuration", "must be the time from start to end")
	}
	return starts, int(long / time.Minute), nil
}

func identifierOf(a fhir.Appointment) (visits.Identifier, error) {
	switch len(a.Identifier) {
	case 0:
		return visits.Identifier{}, nil
	case 1:
		return visits.Identifier{System: text(a.Identifier[0].System), Value: phi.Text(text(a.Identifier[0].Value))}, nil
	}
	return visits.Identifier{}, refused("Appointment.identifier", "must be one at most")
}

// serviceType is what an Appointment is for.
type serviceType struct {
	id    string   // of one of the hospital's services; empty: none is named by its id
	text  string   // that people read; empty: the name of the service, or words
	words string   // where no service is known; empty: none
	names []string // one of which may be that of a service: the text, then what codings say, and last their codes
}

// serviceTypeOf reads what an Appointment is for.
func (s *Server) serviceTypeOf(a fhir.Appointment) (serviceType, error) {
	if len(a.ServiceType) != 1 {
		return serviceType{}, refused("Appointment.serviceType", "must be one")
	}
	out := serviceType{text: text(a.ServiceType[0].Text)}
	shown, codes := []string{out.text}, []string{}
	for _, c := range a.ServiceType[0].Coding {
		if text(c.System) == s.serviceSystem() {
			out.id = text(c.Code)
		} else {
			codes = append(codes, text(c.Code))
		}
		shown = append(shown, text(c.Display))
	}
	out.names = slices.DeleteFunc(slices.Concat(shown, codes), func(name string) bool { return name == "" })
	out.words = cmp.Or(shown...)
	return out, nil
}

// isOf says whether a visit is of what an Appointment is for.
func (t serviceType) isOf(v visits.Visit) bool {
	if t.id != "" {
		return t.id == v.ServiceID
	}
	return slices.ContainsFunc(t.names, func(name string) bool { return visits.SameService(name, v.Service) })
}

// book has a request be of what an Appointment is for: a name is as good as an id.
func (s *Server) book(ctx context.Context, r *visits.Request, t serviceType) error {
	r.Service, r.ServiceID = t.text, t.id
	service, err := s.Visits.ServiceOf(ctx, *r, t.names...)
	switch {
	case err != nil:
		return err
	case service.ID != "":
		r.ServiceID = service.ID
	case t.words == "" && (t.id != "" || len(t.names) > 0):
		return refused("Appointment.serviceType", "names no service of this site, and has no text or display that could stand for one")
	default:
		r.Service = t.words
	}
	return nil
}

// errDeclined says that everybody who takes part has a link, so that nobody is who will not come.
var errDeclined = errors.New("must not have declined: who takes part is invited, and who declined is not kept here. Leave them out")

// invite adds a participant to a request. Errors say what is wrong with them.
func (s *Server) invite(r *visits.Request, p fhir.AppointmentParticipant) error {
	if p.Actor == nil {
		return errors.New("must have an actor")
	}
	if p.Status == fhir.ParticipationStatusDeclined {
		return errDeclined
	}
	role, lead := s.roleOf(p)
	person := visits.Person{Name: phi.Text(text(p.Actor.Display)), Role: role}
	reference := text(p.Actor.Reference)
	switch patient, isPatient := s.idOf(reference, "Patient", false); {
	case isPatient && r.PatientID != "":
		return errors.New("must not be a second patient")
	case isPatient:
		person.Role, person.Name = auth.Patient, "" // as the hospital knows it
		r.PatientID = patient
	case reference != "":
		account, ok := s.idOf(reference, "Practitioner", false)
		if !ok {
			return errors.New("must refer to a Patient or a Practitioner of this server, or be named by display")
		}
		person.StaffID, person.Name = account, ""
		if role == "" {
			person.Role = auth.Clinician
		}
		if lead {
			r.ClinicianID = account
		}
	case p.Actor.Identifier != nil && text(p.Actor.Identifier.System) == s.contactSystem():
		person.ContactID, person.Name = text(p.Actor.Identifier.Value), ""
		person.Role = auth.Guardian
	case role == "":
		return errors.New("must have a reference, or a type that says the role")
	}
	r.People = append(r.People, person)
	return nil
}

// roleOf is what the types of a participant say.
func (s *Server) roleOf(p fhir.AppointmentParticipant) (role auth.Role, lead bool) {
	for _, t := range p.Type {
		for _, c := range t.Coding {
			if text(c.System) == s.roleSystem() {
				role = auth.Role(text(c.Code))
			}
			lead = lead || isCode(c, participationType, leads)
		}
	}
	return role, lead
}
