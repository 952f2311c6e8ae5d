package sites

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// saveFunc creates or changes something.
type saveFunc[T any] func(context.Context, auth.Actor, T) (T, error)

// usual is a calendar as most sites have it.
func usual() Calendar {
	return Calendar{Weekend: []time.Weekday{time.Sunday, time.Saturday}, CutOff: 17 * time.Hour}
}

// choice is a box to tick.
type choice struct {
	Value, Text, Language string // the latter of Text; empty: the reader's
	On                    bool
}

// siteForm is the form of a site as it was typed, so that nothing is lost when something is wrong.
type siteForm struct {
	ID                                 string // empty: a new one
	Version                            int
	Name, Zone, Country, Phone, CutOff string
	Holidays                           string // a line each
	Languages, Weekend                 []choice
	Problems                           web.Problems
	MaxName                            int

	own *words.Words // the reader's
}

// siteForm is the form filled with a site.
func (a *Admin) siteForm(r *http.Request, s Site) siteForm {
	f := siteForm{ID: s.ID, Version: s.Version, Name: s.Name, Country: s.Country, Phone: s.Phone, CutOff: FormatClock(s.CutOff), MaxName: MaxName, own: a.pages.Words(r)}
	if s.Zone != nil {
		f.Zone = s.Zone.String()
	}
	for _, h := range s.Holidays {
		f.Holidays += strings.TrimSpace(h.Day.String()+" "+h.Name) + "\n"
	}
	f.choices(a, func(tag string) bool { return slices.Contains(s.Languages, tag) }, func(d time.Weekday) bool { return slices.Contains(s.Weekend, d) })
	return f
}

func (f *siteForm) choices(a *Admin, language func(string) bool, weekend func(time.Weekday) bool) {
	for _, w := range a.pages.Languages() {
		f.Languages = append(f.Languages, choice{Value: w.Tag, Text: w.Name, Language: w.Tag, On: language(w.Tag)})
	}
	for _, d := range Weekdays() {
		f.Weekend = append(f.Weekend, choice{Value: strconv.Itoa(int(d)), Text: f.own.T("date.weekday." + strconv.Itoa(int(d))), On: weekend(d)})
	}
}

func (a *Admin) readSiteForm(r *http.Request) siteForm {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := siteForm{ID: web.PathID(r, "site"), Name: get("name"), Zone: get("zone"), Country: get("country"), Phone: get("phone"), CutOff: get("cut_off"), Holidays: get("holidays"),
		MaxName: MaxName, own: a.pages.Words(r)}
	f.Version, _ = strconv.Atoi(get("version")) // what is no number is no version, so somebody else was faster
	f.choices(a, func(tag string) bool { return checked(r, "languages", tag) },
		func(d time.Weekday) bool { return checked(r, "weekend", strconv.Itoa(int(d))) })
	return f
}

// site makes the site and notes what cannot be read.
func (f *siteForm) site() Site {
	s := Site{ID: f.ID, Version: f.Version, Name: f.Name, Country: f.Country, Phone: f.Phone}
	s.Zone, _ = ParseZone(f.Zone) // nil: the House says that it is wrong
	for _, c := range f.Languages {
		if c.On {
			s.Languages = append(s.Languages, c.Value)
		}
	}
	for i, c := range f.Weekend {
		if c.On {
			s.Weekend = append(s.Weekend, Weekdays()[i])
		}
	}
	var err error
	if s.CutOff, err = ParseClock(f.CutOff); err != nil {
		f.wrong("cut_off", "cut_off.odd")
	}
	for i, line := range strings.Split(f.Holidays, "\n") {
		day, name, _ := strings.Cut(typed.Line(strings.TrimSpace(line)), " ")
		if day == "" {
			continue
		}
		d, err := ParseDay(day)
		if err != nil {
			f.wrong("holidays", "holidays.line", "number", i+1)
			break
		}
		s.Holidays = append(s.Holidays, Holiday{d, name})
	}
	return s
}

// wrong notes what is wrong with a field, unless something is noted already. key is what follows sites.wrong in the catalogues.
func (f *siteForm) wrong(field, key string, values ...any) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: f.own.T("sites.wrong."+key, values...)})
	}
}

// take turns what the House found into words beside the form's fields; false: it is something else.
func (f *siteForm) take(err error) bool {
	fields, ok := fault.FieldsOf(err)
	for _, e := range fields {
		limit := MaxName
		if e.Field == "holidays" && e.Key == "many" {
			limit = MaxHolidays
		}
		f.wrong(e.Field, e.Field+"."+e.Key, "max", limit)
	}
	order := []string{"name", "zone", "country", "phone", "languages", "weekend", "cut_off", "holidays"}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return slices.Index(order, a.Field) - slices.Index(order, b.Field) })
	return ok
}

// serviceForm is the form of a service as it was typed.
type serviceForm struct {
	ID                                 string // empty: a new one
	Version                            int
	SiteID, Name, Minutes              string
	AskBirthDate, Confidential, Active bool
	Sites                              []Site
	Problems                           web.Problems
	MaxName                            int

	own *words.Words // the reader's
}

func (a *Admin) serviceForm(r *http.Request, s Service) serviceForm {
	return serviceForm{ID: s.ID, Version: s.Version, SiteID: s.SiteID, Name: s.Name, Minutes: strconv.Itoa(s.Minutes), AskBirthDate: s.AskBirthDate, Confidential: s.Confidential,
		Active: s.Active, MaxName: MaxName, own: a.pages.Words(r)}
}

func (a *Admin) readServiceForm(r *http.Request) serviceForm {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := serviceForm{ID: web.PathID(r, "service"), SiteID: get("site"), Name: get("name"), Minutes: get("minutes"), AskBirthDate: checked(r, "ask_birth_date", "yes"),
		Confidential: checked(r, "confidential", "yes"), Active: checked(r, "active", "yes"), MaxName: MaxName, own: a.pages.Words(r)}
	f.Version, _ = strconv.Atoi(get("version")) // as of a site
	return f
}

// service makes the service and notes what cannot be read.
func (f *serviceForm) service() Service {
	minutes, err := typed.Int(f.Minutes)
	if err != nil {
		f.wrong("minutes", "minutes.range", "min", MinMinutes, "max", MaxMinutes)
	}
	return Service{ID: f.ID, Version: f.Version, SiteID: f.SiteID, Name: f.Name, Minutes: minutes, AskBirthDate: f.AskBirthDate, Confidential: f.Confidential, Active: f.Active}
}

// wrong is siteForm's; key is what follows services.wrong in the catalogues.
func (f *serviceForm) wrong(field, key string, values ...any) {
	if f.Problems.Of(field) == "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: field, Text: f.own.T("services.wrong."+key, values...)})
	}
}

// take is siteForm's.
func (f *serviceForm) take(err error) bool {
	fields, ok := fault.FieldsOf(err)
	for _, e := range fields {
		if e.Field == "minutes" {
			f.wrong("minutes", "minutes.range", "min", MinMinutes, "max", MaxMinutes)
			continue
		}
		f.wrong(e.Field, e.Field+"."+e.Key, "max", MaxName)
	}
	slices.SortStableFunc(f.Problems, func(a, b web.FieldProblem) int { return strings.Compare(b.Field, a.Field) }) // name, minutes
	return ok
}
