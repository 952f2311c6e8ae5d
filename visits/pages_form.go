package visits

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// visitForm is the form for a new visit as it was typed, so that nothing is lost when something is wrong.
type visitForm struct {
	Service               string
	Date, Time, Minutes   string
	Zone                  string // name of the time zone that Date and Time are in
	Patient, Clinician    string
	AskBirthDate          bool
	Day, Month, Year      string // of the patient's birth
	More                  []morePerson
	Problems              web.Problems
	Today                 string // the earliest day the date field offers
	Roles                 []roleChoice
	MaxPeople, MinMinutes int
	MaxMinutes            int
}

// morePerson is a row for one more person; rows without a name are left out.
type morePerson struct{ Name, Role string }

type roleChoice struct{ Value, Text string }

// rowsShown is how many empty rows for more people are there at first.
const rowsShown = 1

func newVisitForm(now time.Time, zone *time.Location) visitForm {
	return visitForm{Minutes: "30", Zone: zone.String(), More: make([]morePerson, rowsShown)}.dressed(now, zone)
}

// dressed adds what the page needs beside what was typed.
func (f visitForm) dressed(now time.Time, zone *time.Location) visitForm {
	f.Today = now.In(zone).Format(fieldDay)
	f.Roles = roleChoices()
	f.MaxPeople, f.MinMinutes, f.MaxMinutes = MaxPeople, MinMinutes, MaxMinutes
	return f
}

func roleChoices() []roleChoice {
	var all []roleChoice
	for _, r := range auth.InvitedRoles() {
		text := roleWords(r)
		if r == auth.Guest {
			text += " (family, school nurse, doctor)"
		}
		all = append(all, roleChoice{string(r), text})
	}
	return all
}

func readVisitForm(v url.Values) visitForm {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	f := visitForm{
		Service: get("service"), Date: get("date"), Time: get("time"), Minutes: get("minutes"), Zone: get("zone"),
		Patient: get("patient"), Clinician: get("clinician"), AskBirthDate: v.Get("ask_birth_date") != "",
		Day: get("day"), Month: get("month"), Year: get("year"),
	}
	names, roles := v["more_name"], v["more_role"]
	for i := range min(len(names), MaxPeople) {
		p := morePerson{Name: strings.TrimSpace(names[i])}
		if i < len(roles) {
			p.Role = roles[i]
		}
		f.More = append(f.More, p)
	}
	return f
}

// request makes the request for a visit and fills f.Problems with all that is wrong, in the order of the form.
func (f *visitForm) request(now time.Time, w Window, languages []string) Request {
	zone := f.readZone()
	r := Request{Service: f.Service, StartsAt: f.readStart(zone), AskBirthDate: f.AskBirthDate}
	var err error
	if r.Minutes, err = strconv.Atoi(f.Minutes); err != nil {
		f.wrong("minutes", "Enter how many minutes the visit takes, for example 30")
	}
	if f.AskBirthDate {
		r.BirthDate = phi.Text(f.readBirthDate(now))
	}
	for _, p := range []struct{ field, name, text string }{
		{"service", f.Service, "Enter the service, for example Cardiology"},
		{"patient", f.Patient, "Enter the patient’s name"},
		{"clinician", f.Clinician, "Enter the clinician’s name"},
	} {
		if p.name == "" {
			f.wrong(p.field, p.text)
		}
	}
	r.People = []Person{{Name: phi.Text(f.Patient), Role: auth.Patient}, {Name: phi.Text(f.Clinician), Role: auth.Clinician}}
	fields := []string{"patient", "clinician"} // the field of each person
	for i, p := range f.More {
		if p.Name == "" {
			continue
		}
		if p.Role == "" {
			f.wrong(fmt.Sprintf("more_role_%d", i), "Choose who this person is")
		}
		r.People = append(r.People, Person{Name: phi.Text(p.Name), Role: auth.Role(p.Role)})
		fields = append(fields, fmt.Sprintf("more_name_%d", i))
	}
	f.take(r.tidy().check(now, w, languages), fields)
	f.sortProblems()
	return r
}

func (f *visitForm) readZone() *time.Location {
	zone := zoneByName(f.Zone)
	if zone == nil {
		f.wrong("zone", "Enter a time zone by its name, for example Europe/Berlin")
		return time.UTC
	}
	return zone
}

func (f *visitForm) readStart(zone *time.Location) time.Time {
	day, dayErr := time.Parse(fieldDay, f.Date)
	switch {
	case f.Date == "":
		f.wrong("date", "Enter the date of the visit")
	case dayErr != nil || day.Year() < 2000:
		f.wrong("date", "Enter the date as in 2026-11-24")
	}
	_, clockErr := time.Parse(clockLayout, f.Time)
	switch {
	case f.Time == "":
		f.wrong("time", "Enter the time the visit starts")
	case clockErr != nil:
		f.wrong("time", "Enter the time as in 09:30 or 15:00")
	}
	if len(f.Problems) > 0 {
		return time.Time{}
	}
	at, exists, err := instant(f.Date, f.Time, zone)
	if err != nil || !exists {
		f.wrong("time", "There is no such time on this day, because the clocks go forward. Choose another")
		return time.Time{}
	}
	return at
}

func (f *visitForm) readBirthDate(now time.Time) string {
	day, errDay := strconv.Atoi(f.Day)
	month, errMonth := strconv.Atoi(f.Month)
	year, errYear := strconv.Atoi(f.Year)
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	switch {
	case f.Day == "" && f.Month == "" && f.Year == "":
		f.wrong("birth_date", "Enter the patient’s date of birth, or choose not to ask for it")
	case errDay != nil || errMonth != nil || errYear != nil || date.Day() != day || int(date.Month()) != month:
		f.wrong("birth_date", "Enter a real date of birth, for example 31 5 2012")
	case year < 1900 || date.After(now.Add(wholeDay)):
		f.wrong("birth_date", "The date of birth must be in the past, with all four digits of the year")
	}
	return date.Format(birthDateLayout)
}

// wrong notes what is wrong with a field, unless something is noted already.
func (f *visitForm) wrong(field, text string) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: text})
	}
}

// take turns what the rules of visits found into words beside the form's fields. people names the field of each person.
func (f *visitForm) take(err error, people []string) {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return
	}
	found, _ := p.Fields["errors"].([]fault.Field)
	for _, e := range found {
		switch e.Field {
		case "service":
			f.wrong("service", "The service "+e.Detail)
		case "minutes":
			f.wrong("minutes", fmt.Sprintf("The visit must take from %d to %d minutes", MinMinutes, MaxMinutes))
		case "starts_at":
			if f.Problems.Of("time") == "" && f.Problems.Of("zone") == "" {
				f.wrong("date", "The start "+e.Detail)
			}
		case "birth_date":
			f.wrong("birth_date", "The date of birth "+e.Detail)
		case "people":
			f.wrong(people[len(people)-1], fmt.Sprintf("A visit has at most %d people", MaxPeople))
		default:
			f.takePerson(e, people)
		}
	}
}

// takePerson does what take does for a field such as people[2].name.
func (f *visitForm) takePerson(e fault.Field, people []string) {
	var i int
	var part string
	if _, err := fmt.Sscanf(e.Field, "people[%d].%s", &i, &part); err != nil || i < 0 || i >= len(people) {
		f.wrong("service", "Something is not right with this visit: "+e.Detail)
		return
	}
	field := people[i]
	if part == "role" {
		f.wrong(strings.Replace(field, "more_name", "more_role", 1), "Choose who this person is")
		return
	}
	f.wrong(field, "The name "+e.Detail)
}

// sortProblems puts problems into the order in which a reader comes by the fields.
func (f *visitForm) sortProblems() {
	order := []string{"service", "date", "time", "minutes", "zone", "patient", "birth_date", "clinician"}
	rank := func(p web.FieldProblem) int {
		if i := slices.Index(order, p.Field); i >= 0 {
			return i
		}
		i, _ := strconv.Atoi(p.Field[strings.LastIndex(p.Field, "_")+1:])
		return len(order) + i
	}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return rank(a) - rank(b) })
}
