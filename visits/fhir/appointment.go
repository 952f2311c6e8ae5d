package fhir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/auth"
	"housecall/platform/api"
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
