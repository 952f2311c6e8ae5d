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

func telecom(c people.Contact) (all []fhir.ContactPoint) {
	if c.Phone != "" {
		all = append(all, fhir.ContactPoint{System: new(fhir.ContactPointSystemPhone), Value: new(c.Phone.Reveal())})
	}
	if c.Email != "" {
		all = append(all, fhir.ContactPoint{System: new(fhir.ContactPointSystemEmail), Value: new(c.Email.Reveal())})
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

// fill puts what a Patient of FHIR says into p. What that cannot say stays: the site, the languages of contacts, and the confidential contact.
func fill(p people.Patient, in fhir.Patient) (people.Patient, error) {
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
	p.BirthDate, p.Language = phi.Text(text(in.BirthDate)), preferredLanguage(in.Communication)
	old := p.Contacts
	p.Contacts = slices.DeleteFunc(slices.Clone(old), func(c people.Contact) bool { return !c.Confidential })
	own, err := ownContacts(in.Telecom, old)
	if err != nil {
		return p, err
	}
	p.Contacts = append(p.Contacts, own...)
	for _, c := range in.Contact {
		g, err := guardianOf(c, old)
		if err != nil {
			return p, err
		}
		p.Contacts = append(p.Contacts, g)
	}
	return p, nil
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

// points are the telephone numbers and the addresses of e-mail among ways to reach somebody.
func points(all []fhir.ContactPoint, element string) (phones, emails []phi.Text, err error) {
	for _, p := range all {
		if p.Use != nil && *p.Use == fhir.ContactPointUseOld || p.System == nil {
			continue
		}
		switch *p.System {
		case fhir.ContactPointSystemPhone, fhir.ContactPointSystemSms:
			phones = append(phones, phi.Text(text(p.Value)))
		case fhir.ContactPointSystemEmail:
			emails = append(emails, phi.Text(text(p.Value)))
		}
	}
	if max(len(phones), len(emails)) > people.MaxContacts {
		return nil, nil, refused(element, "has more than can be kept")
	}
	return phones, emails, nil
}

// ownContacts are the patient's own contacts: the first number with the first address, and so on. Those that were there keep their ids and languages.
func ownContacts(all []fhir.ContactPoint, old []people.Contact) (own []people.Contact, err error) {
	phones, emails, err := points(all, "Patient.telecom")
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(old), func(c people.Contact) bool { return c.Kind != people.Self || c.Confidential })
	for n := range max(len(phones), len(emails)) {
		c := people.Contact{Kind: people.Self}
		if n < len(left) {
			c = left[n]
			c.Phone, c.Email = "", ""
		}
		if n < len(phones) {
			c.Phone = phones[n]
		}
		if n < len(emails) {
			c.Email = emails[n]
		}
		own = append(own, c)
	}
	return own, nil
}

// guardianOf is a guardian. One that was there is known by its id.
func guardianOf(in fhir.PatientContact, old []people.Contact) (c people.Contact, err error) {
	const element = "Patient.contact"
	c = people.Contact{Kind: people.Guardian}
	if id := text(in.Id); id != "" {
		if at := slices.IndexFunc(old, func(o people.Contact) bool { return o.ID == id && o.Kind == people.Guardian }); at >= 0 {
			c = old[at]
		}
	}
	var names []fhir.HumanName
	if in.Name != nil {
		names = []fhir.HumanName{*in.Name}
	}
	if c.Name, err = nameOf(names, element); err != nil {
		return c, err
	}
	c.Relation = ""
	for _, r := range in.Relationship {
		if c.Relation == "" {
			c.Relation = phi.Text(text(r.Text))
		}
	}
	phones, emails, err := points(in.Telecom, element)
	if err != nil {
		return c, err
	}
	if len(phones) > 1 || len(emails) > 1 {
		return c, refused(element, "must have one telephone number and one address at most")
	}
	c.Phone, c.Email = phi.Text(""), phi.Text("")
	if len(phones) == 1 {
		c.Phone = phones[0]
	}
	if len(emails) == 1 {
		c.Email = emails[0]
	}
	return c, nil
}
