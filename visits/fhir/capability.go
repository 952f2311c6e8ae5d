package fhir

import (
	"net/http"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// resources are what the server has, and what can be done with it.
var resources = []struct {
	kind         fhir.ResourceType
	interactions []fhir.TypeRestfulInteraction
	says         string
}{
	{fhir.ResourceTypeAppointment, writable, "A visit. An update moves it, changes its length, or cancels it. Who creates one is told the patient's own link in virtualService, and nobody else is."},
	{fhir.ResourceTypeEncounter, readable, "The same visit, with the same id, as it takes place."},
	{fhir.ResourceTypePatient, writable, "Who is treated. What is confidential is not told and stays as it is. Searches by what says who somebody is are taken by POST alone."},
	{fhir.ResourceTypePractitioner, readable, "The hospital's people."},
}

var (
	readable = []fhir.TypeRestfulInteraction{fhir.TypeRestfulInteractionRead, fhir.TypeRestfulInteractionSearchType}
	writable = []fhir.TypeRestfulInteraction{fhir.TypeRestfulInteractionRead, fhir.TypeRestfulInteractionCreate, fhir.TypeRestfulInteractionUpdate, fhir.TypeRestfulInteractionSearchType}
)

// capabilities says what the server can do: http://hl7.org/fhir/R4/capabilitystatement.html.
func (s *Server) capabilities(*http.Request) (reply, error) {
	rest := fhir.CapabilityStatementRest{Mode: fhir.RestfulCapabilityModeServer, Security: &fhir.CapabilityStatementRestSecurity{
		Description: new("An API key in each request but this: Authorization: Bearer hc_…")},
		Documentation: new("A search by what is not listed here, or by nothing, is refused with 400. With Prefer: handling=lenient it is left out, and the answer says so.")}
	for _, r := range resources {
		out := fhir.CapabilityStatementRestResource{Type: r.kind, Documentation: &r.says, Versioning: new(fhir.ResourceVersionPolicyNoVersion)}
		for _, i := range r.interactions {
			out.Interaction = append(out.Interaction, fhir.CapabilityStatementRestResourceInteraction{Code: i})
		}
		if len(r.interactions) == len(writable) {
			out.Versioning, out.ConditionalCreate, out.UpdateCreate = new(fhir.ResourceVersionPolicyVersioned), new(true), new(false)
		}
		for _, p := range searches[r.kind.Code()] {
			param := fhir.CapabilityStatementRestResourceSearchParam{Name: p.name, Type: p.kind}
			if p.says != "" {
				param.Documentation = &p.says
			}
			out.SearchParam = append(out.SearchParam, param)
		}
		rest.Resource = append(rest.Resource, out)
	}
	return reply{resource: marshal(fhir.CapabilityStatement{
		Status:         fhir.PublicationStatusActive,
		Date:           s.Started.UTC().Format(time.RFC3339),
		Kind:           fhir.CapabilityStatementKindInstance,
		Software:       &fhir.CapabilityStatementSoftware{Name: "Housecall", Version: &s.Version},
		Implementation: &fhir.CapabilityStatementImplementation{Description: "Virtual visits", Url: &s.base},
		FhirVersion:    fhir.FHIRVersion4_0_1,
		Format:         []string{"application/fhir+json", "json"},
		Rest:           []fhir.CapabilityStatementRest{rest},
	})}, nil
}
