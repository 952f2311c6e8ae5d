package visits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
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
	Language              string // tag of the language the family reads; "": not known
	Languages             []*words.Words
	ClinicianID           string // who was chosen in the schedule; empty: nobody
	ServiceID, SiteID     string // likewise
	AllowOverlap          bool

	own *words.Words // the reader's
}

// morePerson is a row for one more person; rows without a name are left out.
type morePerson struct{ Name, Role string }

type roleChoice struct{ Value, Text string }

// rowsShown is how many empty rows for more people are there at first.
const rowsShown = 1

// newVisitForm is a form for a new visit, with what was chosen in the schedule.
func (d *Desk) newVisitForm(r *http.Request) (visitForm, error) {
	asked := r.URL.Query()
	f := d.dressed(r, visitForm{Minutes: "30", Zone: d.readerZone(r).String(), More: make([]morePerson, rowsShown), Date: asked.Get("date"), Time: asked.Get("time"),
		SiteID: asked.Get("site_id")})
	if zone := zoneByName(asked.Get("zone")); zone != nil {
		f.Zone = zone.String()
	}
	if service := asked.Get("service_id"); service != "" && d.service.config.Sites != nil {
		s, err := d.service.config.Sites.Service(r.Context(), service)
		if err != nil {
			return f, err
		}
		f.ServiceID, f.Service, f.Minutes, f.AskBirthDate = s.ID, s.Name, strconv.Itoa(s.Minutes), s.AskBirthDate
	}
	if id := asked.Get("clinician_id"); id != "" && d.service.config.Colleagues != nil {
		c, err := d.service.config.Colleagues.Colleague(r.Context(), id)
		if err != nil {
			return f, err
		}
		f.ClinicianID, f.Clinician = c.ID, c.Name.Reveal()
	}
	return f, nil
}

// keepLeader has who was chosen lead, unless another name was typed instead.
func (d *Desk) keepLeader(ctx context.Context, f visitForm, r *Request) error {
	if f.ClinicianID == "" || d.service.config.Colleagues == nil {
		return nil
	}
	c, err := d.service.config.Colleagues.Colleague(ctx, f.ClinicianID)
	switch {
	case errors.Is(err, fault.NotFound): // switched off meanwhile
		return nil
	case err == nil && c.Name.Reveal() == f.Clinician:
		r.ClinicianID = c.ID
	}
	return err
}

// fields are the names of the fields of people.
func (f *visitForm) fields() []string {
	all := []string{"patient", "clinician"}
	for i, p := range f.More {
		if p.Name != "" {
			all = append(all, fmt.Sprintf("more_name_%d", i))
		}
	}
	return all
}

// dressed adds what the page needs beside what was typed.
func (d *Desk) dressed(r *http.Request, f visitForm) visitForm {
	f.own, f.Languages = d.pages.Words(r), d.pages.Languages()
	f.Today = d.service.now().In(d.readerZone(r)).Format(fieldDay)
	f.Roles = roleChoices(f.own)
	f.MaxPeople, f.MinMinutes, f.MaxMinutes = MaxPeople, MinMinutes, MaxMinutes
	return f
}

func roleChoices(own *words.Words) []roleChoice {
	var all []roleChoice
	for _, r := range auth.InvitedRoles() {
		text := roleWords(own, r)
		if r == auth.Guest {
			text = own.T("desk.role.guest")
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
		Day: get("day"), Month: get("month"), Year: get("year"), Language: get("language"),
		ClinicianID: get("clinician_id"), ServiceID: get("service_id"), SiteID: get("site_id"), AllowOverlap: v.Has("allow_overlap"),
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
	r := Request{Service: f.Service, StartsAt: f.readStart(zone), AskBirthDate: f.AskBirthDate, ServiceID: f.ServiceID, SiteID: f.SiteID, AllowOverlap: f.AllowOverlap}
	var err error
	if r.Minutes, err = strconv.Atoi(f.Minutes); err != nil {
		f.wrong("minutes", "minutes.odd")
	}
	if f.AskBirthDate || f.Day+f.Month+f.Year != "" {
		r.BirthDate = phi.Text(f.readBirthDate(now))
	}
	for _, p := range []struct{ field, typed string }{{"service", f.Service}, {"patient", f.Patient}, {"clinician", f.Clinician}} {
		if p.typed == "" {
			f.wrong(p.field, p.field+".empty")
		}
	}
	r.People = []Person{{Name: phi.Text(f.Patient), Role: auth.Patient, Language: f.Language}, {Name: phi.Text(f.Clinician), Role: auth.Clinician}}
	for i, p := range f.More {
		if p.Name == "" {
			continue
		}
		if p.Role == "" {
			f.wrong(fmt.Sprintf("more_role_%d", i), "role")
		}
		person := Person{Name: phi.Text(p.Name), Role: auth.Role(p.Role)}
		if OfFamily(person.Role) {
			person.Language = f.Language
		}
		r.People = append(r.People, person)
	}
	f.take(fault.InvalidAll(r.tidy().check(now, w, languages)...), f.fields())
	f.sortProblems()
	return r
}

func (f *visitForm) readZone() *time.Location {
	zone := zoneByName(f.Zone)
	if zone == nil {
		f.wrong("zone", "zone.odd")
		return time.UTC
	}
	return zone
}

func (f *visitForm) readStart(zone *time.Location) time.Time {
	day, dayErr := time.Parse(fieldDay, f.Date)
	switch {
	case f.Date == "":
		f.wrong("date", "date.empty")
	case dayErr != nil || day.Year() < 2000:
		f.wrong("date", "date.odd")
	}
	_, clockErr := time.Parse(fieldClock, f.Time)
	switch {
	case f.Time == "":
		f.wrong("time", "time.empty")
	case clockErr != nil:
		f.wrong("time", "time.odd")
	}
	if len(f.Problems) > 0 {
		return time.Time{}
	}
	at, exists, err := instant(f.Date, f.Time, zone)
	if err != nil || !exists {
		f.wrong("time", "time.skipped")
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
		f.wrong("birth_date", "birth_date.empty")
	case errDay != nil || errMonth != nil || errYear != nil || date.Day() != day || int(date.Month()) != month:
		f.wrong("birth_date", "birth_date.odd")
	case year < 1900 || date.After(now.Add(wholeDay)):
		f.wrong("birth_date", "birth_date.range")
	}
	return date.Format(birthDateLayout)
}

// wrong notes what is wrong with a field, unless something is noted already. key is what follows desk.wrong in the catalogues.
func (f *visitForm) wrong(field, key string, values ...any) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: f.own.T("desk.wrong."+key, values...)})
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
			f.wrong("service", "service."+e.Key, "max", maxTextRunes)
		case "minutes":
			f.wrong("minutes", "minutes.range", "min", MinMinutes, "max", MaxMinutes)
		case "starts_at":
			if f.Problems.Of("time") == "" && f.Problems.Of("zone") == "" {
				f.wrong("date", "start."+e.Key)
			}
		case "birth_date":
			f.wrong("birth_date", "birth_date."+e.Key)
		case "people":
			f.wrong(people[len(people)-1], "people.many", "max", MaxPeople)
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
		f.wrong("service", "other")
		return
	}
	field := people[i]
	switch part {
	case "role":
		f.wrong(strings.Replace(field, "more_name", "more_role", 1), "role")
	case "language":
		f.wrong("language", "language")
	case "name":
		f.wrong(field, "name."+e.Key, "max", maxTextRunes)
	default:
		f.wrong("service", "other")
	}
}

// sortProblems puts problems into the order in which a reader comes by the fields.
func (f *visitForm) sortProblems() {
	order := []string{"service", "date", "time", "minutes", "zone", "patient", "birth_date", "language", "clinician"}
	rank := func(p web.FieldProblem) int {
		if i := slices.Index(order, p.Field); i >= 0 {
			return i
		}
		i, _ := strconv.Atoi(p.Field[strings.LastIndex(p.Field, "_")+1:])
		return len(order) + i
	}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return rank(a) - rank(b) })
}
