package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/web"
	"housecall/visits"
)

// wrong notes what is wrong with a field, unless something is noted already. key is what follows desk.wrong in the catalogues.
func (f *visitForm) wrong(field, key string, values ...any) {
	f.say(field, "desk.wrong."+key, values...)
}

// say is wrong for words of any kind.
func (f *visitForm) say(field, key string, values ...any) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: f.own.T(key, values...)})
	}
}

// take turns what the rules of visits found into words beside the form's fields.
func (f *visitForm) take(err error) {
	found, _ := fault.FieldsOf(err)
	for _, e := range found {
		switch e.Field {
		case "service":
			f.wrong("service", "service."+e.Key, "max", visits.MaxText)
		case "minutes":
			f.wrong("minutes", "minutes.range", "min", visits.MinMinutes, "max", visits.MaxMinutes)
		case "starts_at":
			if f.Problems.Of("time") == "" {
				f.wrong("date", "start."+e.Key)
			}
		case "birth_date":
			f.wrong("birth_date", "birth_date."+e.Key)
		case "interpreter", "interpreter_language":
			f.wrong("interpreter_language", "interpreter.language")
		case "number": // of a patient who is to be kept
			f.say("number", "patients.wrong.number."+e.Key, "max", people.MaxNumber)
		case "repeat.weeks", "repeat.count", "repeat.until", "repeat.except":
			f.wrong("repeat_count", "repeat."+e.Key, "max", visits.MaxRepeats)
		case "people":
			f.wrong(f.at[len(f.at)-1], "people."+e.Key, "max", visits.MaxPeople)
		default:
			f.takePerson(e)
		}
	}
}

// takePerson does what take does for a field such as people[2].name.
func (f *visitForm) takePerson(e fault.Field) {
	var i int
	var part string
	if _, err := fmt.Sscanf(e.Field, "people[%d].%s", &i, &part); err != nil || i < 0 || i >= len(f.at) {
		f.wrong("service", "other")
		return
	}
	field := f.at[i]
	switch {
	case e.Key == "confidential":
		f.wrong("confidential", "confidential."+part)
	case part == "role":
		f.wrong(fieldOf(field, "role"), "role")
	case part == "language":
		f.wrong("language", "language")
	case part == "name":
		f.wrong(field, "name."+e.Key, "max", visits.MaxText)
	case part == "email" || part == "phone":
		f.say(fieldOf(field, part), "patients.wrong.contact."+part+"."+e.Key)
	default:
		f.wrong("service", "other")
	}
}

// fieldOf is the field beside that of a person's name.
func fieldOf(name, part string) string {
	if name == "patient" {
		return "own_" + part
	}
	return strings.Replace(name, "_name", "_"+part, 1)
}

// sortProblems puts problems into the order in which a reader comes by the fields.
func (f *visitForm) sortProblems() {
	order := []string{"service", otherService, "date", "time", "minutes", "patient", "birth_date", "number", "language", "own_phone", "own_email", "contacts", "confidential", "clinician", "stranger"}
	rank := func(p web.FieldProblem) int {
		if i := slices.Index(order, p.Field); i >= 0 {
			return i
		}
		if i, err := strconv.Atoi(p.Field[strings.LastIndex(p.Field, "_")+1:]); err == nil { // of somebody more
			return len(order) + i
		}
		return len(order) + visits.MaxPeople // of the interpreter
	}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return rank(a) - rank(b) })
}
