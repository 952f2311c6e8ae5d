package fhir

import (
	"slices"
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/people"
	"housecall/platform/phi"
)

const (
	identifierType   = "http://terminology.hl7.org/CodeSystem/v2-0203"
	recordNumber     = "MR"
	languageTag      = "urn:ietf:bcp:47"
	contactRole      = "http://terminology.hl7.org/CodeSystem/v2-0131"
	nextOfKin        = "N"
	observationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

	// What follows the id of a contact in the id of a way to reach it.
	ofPhone, ofEmail = ".phone", ".email"
)

// patient is a patient. What is confidential is not told: a guardian may read along in the other program.
func patient(p people.Patient) fhir.Patient {
	out := fhir.Patient{Id: &p.ID, Meta: &fhir.Meta{VersionId: new(strconv.Itoa(p.Version)), LastUpdated: new(p.ChangedAt.Format("2006-01-02T15:04:05.000Z07:00"))},
		Name: []fhir.HumanName{{Text: new(p.Name.Reveal())}}}
	if p.BirthDate != "" {
		out.BirthDate = new(p.BirthDate.Reveal())
	}
	if p.Number != "" {
		out.Identifier = []fhir.Identifier{{Value: new(p.Number.Reveal()),
			Type: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: new(identifierType), Code: new(recordNumber)}}}}}
	}
	if p.Language != "" {
		out.Communication = []fhir.PatientCommunication{{Preferred: new(true),
			Language: fhir.CodeableConcept{Coding: []fhir.Coding{{System: new(languageTag), Code: &p.Language}}}}}
	}
	for _, c := range p.Contacts {
		switch {
		case c.Confidential:
		case c.Kind == people.Self:
			out.Telecom = append(out.Telecom, telecom(c)...)
		default:
			out.Contact = append(out.Contact, guardian(c))
		}
	}
	return out
}

// telecom is how a contact is reached. The id of each says whose it is, for the patient's own contacts have no element of their own; ids are once in a resource.
func telecom(c people.Contact) (all []fhir.ContactPoint) {
	if c.Phone != "" {
		all = append(all, fhir.ContactPoint{Id: new(c.ID + ofPhone), System: new(fhir.ContactPointSystemPhone), Value: new(c.Phone.Reveal())})
	}
	if c.Email != "" {
		all = append(all, fhir.ContactPoint{Id: new(c.ID + ofEmail), System: new(fhir.ContactPointSystemEmail), Value: new(c.Email.Reveal())})
	}
	return all
}

// guardian is a contact who is not the patient. Its id is what participants of appointments are named by.
func guardian(c people.Contact) fhir.PatientContact {
	out := fhir.PatientContact{Id: &c.ID, Name: &fhir.HumanName{Text: new(c.Name.Reveal())}, Telecom: telecom(c),
		Relationship: []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: new(contactRole), Code: new(nextOfKin)}}}}}
	if c.Relation != "" {
		out.Relationship[0].Text = new(c.Relation.Reveal())
	}
	return out
}

// fill puts what a Patient of FHIR says into p. What that cannot say stays: the site, the languages of contacts, and the confidential contact. Telephone numbers without
// a country code are of a country.
func (s *Server) fill(p people.Patient, in fhir.Patient, country string) (people.Patient, error) {
	err := checkModifiers(in)
	if err != nil {
		return p, err
	}
	if p.Name, err = nameOf(in.Name, "Patient.name"); err != nil {
		return p, err
	}
	if p.Number, err = numberOf(in.Identifier); err != nil {
		return p, err
	}
	p.BirthDate, p.Language = phi.Text(text(in.BirthDate)), s.spoken(preferredLanguage(in.Communication))
	p.Contacts, err = contacts(in, p.Contacts, country)
	return p, err
}

// checkModifiers refuses what would make of a patient something else than is kept here: somebody whom families are invited for.
func checkModifiers(in fhir.Patient) error {
	switch {
	case in.Active != nil && !*in.Active:
		return refused("Patient.active", "must not be false: records that are not in use are not kept here. Cancel the patient's appointments instead")
	case in.DeceasedBoolean != nil && *in.DeceasedBoolean:
		return refused("Patient.deceasedBoolean", "must not be true: that is not kept here. Cancel the patient's appointments instead")
	case in.DeceasedDateTime != nil:
		return refused("Patient.deceasedDateTime", "must not be there: that is not kept here. Cancel the patient's appointments instead")
	case len(in.Link) > 0:
		return refused("Patient.link", "must not be there: which records are of one patient is not kept here")
	}
	return nil
}

// nameOf is the name to be called by: whole where it is given so, else what it is made of.
func nameOf(names []fhir.HumanName, element string) (phi.Text, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(n fhir.HumanName) bool {
		return n.Use != nil && (*n.Use == fhir.NameUseOld || *n.Use == fhir.NameUseMaiden)
	})
	if len(names) == 0 {
		return "", refused(element, "is needed")
	}
	n := names[max(0, slices.IndexFunc(names, func(n fhir.HumanName) bool { return n.Use != nil && *n.Use == fhir.NameUseOfficial }))]
	if whole := text(n.Text); whole != "" {
		return phi.Text(whole), nil
	}
	return phi.Text(strings.Join(slices.Concat(n.Prefix, n.Given, []string{text(n.Family)}, n.Suffix), " ")), nil
}

// numberOf is the hospital's number: the one medical record number among identifiers that are in use, or the only one of these.
func numberOf(all []fhir.Identifier) (phi.Text, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(i fhir.Identifier) bool { return i.Use != nil && *i.Use == fhir.IdentifierUseOld })
	isRecord := func(i fhir.Identifier) bool {
		return i.Type != nil && slices.ContainsFunc(i.Type.Coding, func(c fhir.Coding) bool { return isCode(c, identifierType, recordNumber) })
	}
	records := slices.DeleteFunc(slices.Clone(all), func(i fhir.Identifier) bool { return !isRecord(i) })
	if len(records) == 0 {
		records = all
	}
	switch len(records) {
	case 0:
		return "", nil
	case 1:
		return phi.Text(text(records[0].Value)), nil
	}
	return "", refused("Patient.identifier", "must be one, or have one of type MR")
}

// preferredLanguage is the tag of the language that is preferred, or else of the first.
func preferredLanguage(all []fhir.PatientCommunication) string {
	if len(all) == 0 {
		return ""
	}
	c := all[max(0, slices.IndexFunc(all, func(c fhir.PatientCommunication) bool { return c.Preferred != nil && *c.Preferred }))]
	for _, coding := range c.Language.Coding {
		if system := text(coding.System); system == languageTag || system == "" {
			return text(coding.Code)
		}
	}
	return ""
}

// spoken is the tag of the pages in a language as a program names it: es for es-MX. One that there are no pages in stays as it is, and is refused.
func (s *Server) spoken(tag string) string {
	if w, ok := s.Words.Find(tag); ok {
		return w.Tag
	}
	return tag
}
