package fhir

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
)

func patientReply(p people.Patient) reply {
	return reply{resource: marshal(patient(p)), version: strconv.Itoa(p.Version)}
}

func (s *Server) readPatient(r *http.Request) (reply, error) {
	p, err := s.People.Show(r.Context(), web.Actor(r.Context()), r.PathValue("patient"))
	if err != nil {
		return reply{}, err
	}
	return patientReply(p), nil
}

// createPatient adds a patient. With If-None-Exist it adds none where there is one of that number.
func (s *Server) createPatient(r *http.Request) (reply, error) {
	in, err := read[fhir.Patient](r, "Patient")
	if err != nil {
		return reply{}, err
	}
	country, err := s.People.Country(r.Context(), "")
	if err != nil {
		return reply{}, err
	}
	p, err := s.fill(people.Patient{}, in, country)
	if err != nil {
		return reply{}, err
	}
	unless, err := unlessThere(r)
	if err != nil {
		return reply{}, err
	}
	if unless != "" {
		values, err := url.ParseQuery(strings.TrimPrefix(unless, "?"))
		if err != nil || len(values) != 1 || len(values["identifier"]) != 1 {
			return reply{}, malformed("If-None-Exist takes identifier alone.")
		}
		if own, err := tokenOf("identifier", values.Get("identifier")); err != nil || !people.SameNumber(phi.Text(own.value), p.Number) {
			return reply{}, malformed("If-None-Exist takes identifier alone, which must be that of the patient.")
		}
		if there, err := s.withNumber(r, p.Number); err != nil || there != nil {
			return deref(there), err
		}
	}
	made, err := s.People.Create(r.Context(), web.Actor(r.Context()), p)
	if err != nil {
		// Somebody else may have been faster.
		if there, other := s.withNumber(r, p.Number); unless != "" && errors.Is(err, fault.NotValid) && other == nil && there != nil {
			return *there, nil
		}
		return reply{}, err
	}
	out := patientReply(made)
	out.status, out.location = http.StatusCreated, "Patient/"+made.ID
	return out, nil
}

// withNumber is the answer with the patient of a number; nil: there is none.
func (s *Server) withNumber(r *http.Request, number phi.Text) (*reply, error) {
	if number == "" {
		return nil, malformed("The number is needed.")
	}
	r = r.WithContext(store.Aside(r.Context()))
	found, err := s.People.WithNumber(r.Context(), web.Actor(r.Context()), number)
	switch {
	case err != nil || len(found.Patients) == 0:
		return nil, err
	case len(found.Patients) > 1: // of two sites
		return nil, &web.Fault{Code: "multiple_matches", Status: http.StatusPreconditionFailed, Title: "Several match", Detail: "Several patients have this number."}
	}
	p, err := s.People.Show(r.Context(), web.Actor(r.Context()), found.Patients[0].ID)
	if err != nil {
		return nil, err
	}
	return new(patientReply(p)), nil
}

// updatePatient replaces what is known of a patient.
func (s *Server) updatePatient(r *http.Request) (reply, error) {
	in, err := read[fhir.Patient](r, "Patient")
	if err != nil {
		return reply{}, err
	}
	id := r.PathValue("patient")
	version, err := replaces(r, in.Id, id)
	if err != nil {
		return reply{}, err
	}
	old, err := s.People.Patient(r.Context(), id)
	if err != nil {
		return reply{}, err
	}
	if version != "" && version != strconv.Itoa(old.Version) {
		return reply{}, api.Unmet()
	}
	country, err := s.People.Country(r.Context(), old.SiteID)
	if err != nil {
		return reply{}, err
	}
	p, err := s.fill(old, in, country)
	if err != nil {
		return reply{}, err
	}
	p, err = s.People.Update(r.Context(), web.Actor(r.Context()), p)
	if fault.CodeOf(err) == fault.CodeConflict && version != "" {
		return reply{}, api.Unmet()
	}
	if err != nil {
		return reply{}, err
	}
	return patientReply(p), nil
}

// searchPatients finds patients by what is known of them. What is found has no contacts: who wants them reads the patient.
func (s *Server) searchPatients(r *http.Request, q query) (reply, error) {
	if q.values.Has("_id") && len(q.values) == 1 {
		p, err := s.People.Show(r.Context(), web.Actor(r.Context()), q.get("_id"))
		if isMissing(err) {
			return s.bundle(q, nil, ""), nil
		} else if err != nil {
			return reply{}, err
		}
		return s.bundle(q, []fhir.BundleEntry{s.found("Patient", p.ID, marshal(patient(p)))}, ""), nil
	}
	var words []string
	for _, name := range []string{"name", "family", "given"} {
		words = append(words, q.values[name]...)
	}
	names := strings.Join(words, " ")
	born := strings.TrimPrefix(q.get("birthdate"), "eq")
	if len(q.values["birthdate"]) > 1 || q.values.Has("birthdate") && !isDay(born) {
		return reply{}, malformed("birthdate must be one day as in 2012-05-31.")
	}
	var number token
	if q.values.Has("identifier") {
		var err error
		if number, err = tokenOf("identifier", q.get("identifier")); err != nil {
			return reply{}, err
		}
	}
	if names+born+number.value == "" {
		return reply{}, malformed("Search by name, family, given, birthdate or identifier.")
	}
	var found people.Found
	var err error
	if number.value != "" {
		found, err = s.People.WithNumber(r.Context(), web.Actor(r.Context()), phi.Text(number.value))
	} else {
		found, err = s.People.Search(r.Context(), web.Actor(r.Context()), names+" "+born)
	}
	if err != nil {
		return reply{}, err
	}
	var entries []fhir.BundleEntry
	for _, p := range found.Patients {
		if !people.Named(p.Name, names) || born != "" && p.BirthDate.Reveal() != born || q.values.Has("_id") && p.ID != q.get("_id") {
			continue
		}
		out := patient(p)
		out.Meta.Tag = []fhir.Coding{{System: new(observationValue), Code: new("SUBSETTED")}}
		entries = append(entries, s.found("Patient", p.ID, marshal(out)))
	}
	if found.More {
		entries = append(entries, told(fhir.IssueTypeIncomplete, "There are more. Say more of the patient."))
	}
	return s.bundle(q, entries, ""), nil
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
