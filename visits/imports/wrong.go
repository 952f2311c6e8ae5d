package imports

import (
	"fmt"
	"slices"

	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/visits"
)

// takePatient says what is wrong with a new patient by the columns they come from.
func (r *reader) takePatient(line int, p people.Patient, e fault.Field) {
	columns := map[string]Column{"name": PatientName, "birth_date": BirthDate, "language": Language, "number": PatientNumber}
	if e.Field == "birth_date" && e.Key == "odd" { // forms ask for it in another way
		r.add(line, BirthDate, "imports.wrong.birth_date")
		return
	}
	if c, ok := columns[e.Field]; ok {
		most := people.MaxName
		if c == PatientNumber {
			most = people.MaxNumber
		}
		r.add(line, c, "patients.wrong."+e.Field+"."+e.Key, "max", most)
		return
	}
	var i int
	var part string
	if _, err := fmt.Sscanf(e.Field, "contacts[%d].%s", &i, &part); err != nil || i >= len(p.Contacts) {
		r.add(line, "", "desk.wrong.other")
		return
	}
	prefix, most := "guardian_", people.MaxName
	if p.Contacts[i].Kind == people.Self {
		prefix = "patient_"
	}
	if part == "relation" {
		most = people.MaxRelation
	}
	r.add(line, Column(prefix+part), "patients.wrong.contact."+part+"."+e.Key, "max", most)
}

// causes are the cells from which a rule's finding only follows, where something is wrong with them.
var causes = map[string][]Column{"starts_at": {Date, Time}, "minutes": {Minutes, Service, Site}, "birth_date": {PatientName, PatientNumber}}

// takeVisit says what is wrong with a visit by the columns it comes from.
func (r *reader) takeVisit(line int, e fault.Field) {
	columns := map[string]Column{"starts_at": Date, "minutes": Minutes, "service": Service, "birth_date": BirthDate, "interpreter_language": InterpreterLanguage}
	c, ok := columns[e.Field]
	switch {
	case slices.ContainsFunc(causes[e.Field], func(c Column) bool { return r.has(line, c) }):
		return
	case e.Field == "starts_at":
		r.add(line, c, "desk.wrong.start."+e.Key)
		return
	case e.Field == "minutes":
		r.add(line, c, "desk.wrong.minutes.range", "min", visits.MinMinutes, "max", visits.MaxMinutes)
		return
	case e.Field == "birth_date" && e.Key == "odd":
		r.add(line, c, "imports.wrong.birth_date")
		return
	case e.Field == "birth_date" && e.Key == "empty": // a file can't choose that links ask for nothing
		r.add(line, c, "desk.wrong.birth_date.service")
		return
	case e.Field == "interpreter_language":
		r.add(line, c, "imports.wrong.interpreter")
		return
	case ok:
		r.add(line, c, "desk.wrong."+e.Field+"."+e.Key, "max", people.MaxName)
		return
	}
	var i int
	var part string
	if _, err := fmt.Sscanf(e.Field, "people[%d].%s", &i, &part); err != nil || i > 2 {
		r.addOther(line)
		return
	}
	prefix := []string{"patient_", "clinician_", "guardian_"}[i]
	switch {
	case e.Key == "confidential" && i == 2:
		r.add(line, GuardianName, "imports.wrong.confidential")
	case e.Key == "confidential":
		r.add(line, Confidential, "desk.wrong.confidential."+part)
	case part == "email" || part == "phone":
		r.add(line, Column(prefix+part), "patients.wrong.contact."+part+"."+e.Key)
	case part == "name" && i != 1:
		r.add(line, Column(prefix+part), "desk.wrong.name."+e.Key, "max", people.MaxName)
	case part == "language" && i == 2:
		r.add(line, GuardianLanguage, "desk.wrong.language")
	case part == "language":
		r.add(line, Language, "desk.wrong.language")
	default:
		r.addOther(line)
	}
}
