package fhir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/phi"
	"housecall/visits"
)

// Systems of codes.
const (
	participationType = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	confidentiality   = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	virtualService    = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.virtualService"
	leads             = "PPRF" // primary performer
	restricted        = "R"
)

// Our own systems, which nothing need be found at.
func (s *Server) roleSystem() string    { return s.base + "/CodeSystem/role" }
func (s *Server) serviceSystem() string { return s.base + "/CodeSystem/service" }
func (s *Server) contactSystem() string { return s.base + "/NamingSystem/contact" }

// appointmentStatus is a visit's state as the status of its appointment.
var appointmentStatus = map[visits.State]fhir.AppointmentStatus{
	visits.Scheduled:  fhir.AppointmentStatusBooked,
	visits.Open:       fhir.AppointmentStatusArrived,
	visits.InProgress: fhir.AppointmentStatusFulfilled, // its encounter tells more from here on
	visits.Ended:      fhir.AppointmentStatusFulfilled,
	visits.Cancelled:  fhir.AppointmentStatusCancelled,
	visits.NoShow:     fhir.AppointmentStatusNoshow,
}

// appointment is a visit as an Appointment, with its version in it.
func (s *Server) appointment(v visits.Visit) fhir.Appointment {
	a := fhir.Appointment{
		Id:              &v.ID,
		Meta:            &fhir.Meta{},
		Status:          appointmentStatus[v.State],
		ServiceType:     []fhir.CodeableConcept{s.serviceType(v)},
		Start:           new(v.StartsAt.Format(time.RFC3339)),
		End:             new(v.EndsAt.Format(time.RFC3339)),
		MinutesDuration: new(int(v.EndsAt.Sub(v.StartsAt) / time.Minute)),
		Created:         new(v.CreatedAt.Format(time.RFC3339)),
	}
	if v.Identifier.Value != "" {
		a.Identifier = []fhir.Identifier{{System: &v.Identifier.System, Value: new(v.Identifier.Value.Reveal())}}
	}
	if v.Confidential {
		a.Meta.Security = []fhir.Coding{{System: new(confidentiality), Code: new(restricted)}}
	}
	for _, i := range v.Invitations {
		if !i.Revoked() {
			a.Participant = append(a.Participant, s.participant(v, i))
		}
	}
	a.Extension = []fhir.Extension{virtualServiceAt(s.PublicURL + "/v")}
	a.Meta.VersionId = new(versionOf(a))
	return a
}

// serviceType is what a visit is for.
func (s *Server) serviceType(v visits.Visit) fhir.CodeableConcept {
	out := fhir.CodeableConcept{Text: &v.Service}
	if v.ServiceID != "" {
		out.Coding = []fhir.Coding{{System: new(s.serviceSystem()), Code: &v.ServiceID}}
	}
	return out
}

// versionOf is the version of a resource that keeps none: a hash of what it says.
func versionOf(resource any) string {
	sum := sha256.Sum256(marshal(resource))
	return hex.EncodeToString(sum[:8])
}

// virtualServiceAt says where a visit is, as R5 has it.
func virtualServiceAt(address string) fhir.Extension {
	return fhir.Extension{Url: virtualService, Extension: []fhir.Extension{
		{Url: "_datatype", ValueString: new("VirtualServiceDetail")},
		{Url: "address", ValueUrl: &address},
	}}
}

// participant is somebody who was invited.
func (s *Server) participant(v visits.Visit, i visits.Invitation) fhir.AppointmentParticipant {
	p := fhir.AppointmentParticipant{Status: fhir.ParticipationStatusAccepted, Actor: s.actor(v, i),
		Type: []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: new(s.roleSystem()), Code: new(string(i.Role))}}}}}
	if i.StaffID != "" && i.StaffID == v.ClinicianID {
		p.Type = append(p.Type, fhir.CodeableConcept{Coding: []fhir.Coding{{System: new(participationType), Code: new(leads)}}})
	}
	return p
}

// actor is who somebody is: by reference where there is a resource, else by name.
func (s *Server) actor(v visits.Visit, i visits.Invitation) *fhir.Reference {
	a := &fhir.Reference{Display: new(i.Name.Reveal())}
	switch {
	case i.Role == auth.Patient && v.PatientID != "":
		a.Reference = new("Patient/" + v.PatientID)
	case i.StaffID != "":
		a.Reference = new("Practitioner/" + i.StaffID)
	case i.ContactID != "":
		a.Type = new("RelatedPerson")
		a.Identifier = &fhir.Identifier{System: new(s.contactSystem()), Value: &i.ContactID}
	case i.Role == auth.Patient:
		a.Type = new("Patient")
	case visits.OfFamily(i.Role):
		a.Type = new("RelatedPerson")
	default:
		a.Type = new("Practitioner")
	}
	return a
}

// withLink is the appointment with the patient's own link in it, for whoever has just made it. Clinicians have theirs by other ways: a program may show
// an appointment to its patient.
func withLink(a fhir.Appointment, links []visits.Link) fhir.Appointment {
	for _, l := range links {
		if l.Invitation.Role == auth.Patient {
			a.Extension = []fhir.Extension{virtualServiceAt(l.URL)}
		}
	}
	return a
}

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

// judge says whether an Appointment may take the place of a visit, as far as its time is not concerned: what else it says must be as it is.
func (s *Server) judge(v visits.Visit, a fhir.Appointment, version string) error {
	now := s.appointment(v)
	if version != "" && version != *now.Meta.VersionId {
		return api.Unmet()
	}
	if a.Status == fhir.AppointmentStatusCancelled {
		return nil
	}
	if a.Status != now.Status && (a.Status != fhir.AppointmentStatusBooked || now.Status != fhir.AppointmentStatusArrived) {
		return refused("Appointment.status", "can be changed to cancelled alone")
	}
	if identifier, err := identifierOf(a); err != nil || identifier != v.Identifier {
		return refused("Appointment.identifier", "cannot be changed")
	}
	if what, err := s.serviceTypeOf(a); err != nil || !what.isOf(v) {
		return refused("Appointment.serviceType", "cannot be changed")
	}
	if isRestricted(a) && !v.Confidential {
		return refused("Appointment.meta.security", "cannot be changed here")
	}
	if n := slices.IndexFunc(a.Participant, func(p fhir.AppointmentParticipant) bool { return p.Status == fhir.ParticipationStatusDeclined }); n >= 0 {
		return refused(fmt.Sprintf("Appointment.participant[%d]", n), "cannot decline here: withdraw their invitation by the JSON API")
	}
	if !slices.Equal(s.actors(a), s.actors(now)) {
		return refused("Appointment.participant", "cannot be changed here")
	}
	return nil
}

// actors are who takes part, in words that can be compared.
func (s *Server) actors(a fhir.Appointment) (all []string) {
	for _, p := range a.Participant {
		if p.Actor == nil {
			continue
		}
		who := strings.TrimPrefix(text(p.Actor.Reference), s.base+"/")
		if who == "" && p.Actor.Identifier != nil {
			who = text(p.Actor.Identifier.System) + "|" + text(p.Actor.Identifier.Value)
		}
		if who == "" {
			who = text(p.Actor.Display)
		}
		all = append(all, who)
	}
	slices.Sort(all)
	return all
}

// text is a string that need not be there.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// isRestricted says whether an Appointment asks to be kept from guardians.
func isRestricted(a fhir.Appointment) bool {
	return a.Meta != nil && slices.ContainsFunc(a.Meta.Security, func(c fhir.Coding) bool { return isCode(c, confidentiality, restricted) })
}

func isCode(c fhir.Coding, system, code string) bool {
	return text(c.System) == system && text(c.Code) == code
}

// appointmentReply is an answer with an appointment.
func (s *Server) appointmentReply(v visits.Visit) reply {
	a := s.appointment(v)
	return reply{resource: marshal(a), version: *a.Meta.VersionId}
}

// appointments are visits as Appointments.
func (s *Server) appointments(all []visits.Visit) (told []json.RawMessage, err error) {
	for _, v := range all {
		told = append(told, marshal(s.appointment(v)))
	}
	return told, nil
}
