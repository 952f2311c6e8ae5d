package fhir

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/people"
	"housecall/platform/staff"
)

// practitioner is one of the hospital's people: who they are, and nothing of how they sign in or are reached.
func practitioner(c staff.Colleague) fhir.Practitioner {
	p := fhir.Practitioner{Id: &c.ID, Meta: &fhir.Meta{}, Active: new(true), Name: []fhir.HumanName{{Text: new(c.Name.Reveal())}}}
	p.Meta.VersionId = new(versionOf(p))
	return p
}

func (s *Server) readPractitioner(r *http.Request) (reply, error) {
	c, err := s.Colleagues.Colleague(r.Context(), r.PathValue("account"))
	if err != nil {
		return reply{}, err
	}
	p := practitioner(c)
	return reply{resource: marshal(p), version: *p.Meta.VersionId}, nil
}

// searchPractitioners goes through the hospital's people by name. The cursor is how many stand before.
func (s *Server) searchPractitioners(r *http.Request, q query) (reply, error) {
	all, err := s.Colleagues.Colleagues(r.Context())
	if err != nil {
		return reply{}, err
	}
	skip := 0
	if q.cursor != "" {
		if skip, err = strconv.Atoi(q.cursor); err != nil || skip < 0 {
			return reply{}, malformed("_cursor must be that of a next link.")
		}
	}
	if q.values.Has("name") && q.cursor != "" {
		return reply{}, malformed("A search by name has one page.")
	}
	var entries []fhir.BundleEntry
	seen := 0
	for _, c := range all {
		if id := q.get("_id"); q.values.Has("_id") && c.ID != id || !people.Named(c.Name, strings.Join(q.values["name"], " ")) {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if len(entries) == q.count {
			if q.values.Has("name") {
				return s.bundle(q, append(entries, told(fhir.IssueTypeIncomplete, "There are more. Say more of the name.")), ""), nil
			}
			return s.bundle(q, entries, strconv.Itoa(skip+q.count)), nil
		}
		entries = append(entries, s.found("Practitioner", c.ID, marshal(practitioner(c))))
	}
	return s.bundle(q, entries, ""), nil
}
