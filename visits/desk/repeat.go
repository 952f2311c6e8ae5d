package desk

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/visits"
)

// repeatPart is the part of the form for a new visit that says whether it comes again.
type repeatPart struct {
	Repeat       string // weeks from one to the next, or monthly; empty: it does not
	Count, Until string
	Repeats      []choice
	MaxRepeats   int
	confirm      bool // the dates were seen
	make         []string
	series       string               // the id that the series gets, which the page of its dates brings along
	seen         map[sites.Day]string // as in Repeat
}

// monthly is the value of the choice to repeat in each month.
const monthly = "monthly"

// repeatWeeks are the weeks from one visit to the next that the form offers.
var repeatWeeks = []int{1, 2, 3, 4, 6, 8, 12, 26}

func readRepeatPart(v url.Values) repeatPart {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	p := repeatPart{Repeat: get("repeat"), Count: get("repeat_count"), Until: get("repeat_until"), make: v["make"], series: v.Get("series"), seen: map[sites.Day]string{}}
	p.confirm = v.Has("confirm") && !v.Has("change") && store.IsID(p.series)
	for _, s := range v["seen"] {
		day, seen, _ := strings.Cut(s, " ")
		if d, err := sites.ParseDay(day); err == nil {
			p.seen[d] = seen
		}
	}
	return p
}

// changesDates says whether a series that was made before is not of the days that the form asks for.
func (p repeatPart) changesDates(before []visits.Visit, zone *time.Location) bool {
	days := make(map[string]bool, len(before))
	for _, v := range before {
		days[sites.DayOf(v.StartsAt, zone).String()] = true
	}
	return len(days) != len(p.make) || slices.ContainsFunc(p.make, func(day string) bool { return !days[day] })
}

// offer adds what may be chosen.
func (f *visitForm) offer() {
	f.MaxRepeats = visits.MaxRepeats
	f.Repeats = []choice{{"", f.own.T("desk.repeat.no")}}
	for _, n := range repeatWeeks {
		f.Repeats = append(f.Repeats, choice{strconv.Itoa(n), f.own.N("desk.repeat.weeks", n)})
	}
	f.Repeats = append(f.Repeats, choice{monthly, f.own.T("desk.repeat.monthly")})
}

// repeats is what the form says of coming again, and notes what cannot be read.
func (f *visitForm) repeats() visits.Repeat {
	out := visits.Repeat{Monthly: f.Repeat == monthly}
	var err error
	if !out.Monthly {
		if out.Weeks, err = strconv.Atoi(f.Repeat); err != nil {
			f.wrong("repeat", "repeat.either")
		}
	}
	if (f.Count == "") == (f.Until == "") {
		f.wrong("repeat_count", "repeat.either")
		return out
	}
	if f.Count != "" {
		if out.Count, err = typed.Int(f.Count); err != nil || out.Count < 2 || out.Count > visits.MaxRepeats {
			f.wrong("repeat_count", "repeat.count", "max", visits.MaxRepeats)
		}
	} else if out.Until, err = sites.ParseDay(f.Until); err != nil {
		f.wrong("repeat_until", "date.odd")
	}
	return out
}

// datesView is the page of a series that is not made yet.
type datesView struct {
	Service, Patient string
	Dates            []dateView
	Kept             []choice // the form as it was typed, for its next sending
	Series           string   // the id that it gets
	Problems         web.Problems
	Zone             zoneView
}

// dateView is one date, and what speaks against it.
type dateView struct {
	Day, When string
	Notes     []string
	Make      bool
	Seen      string // Occurrence.Seen
}

// createSeries shows the dates of a series, and makes it once they were seen.
func (d *Desk) createSeries(w http.ResponseWriter, r *http.Request, f visitForm, request visits.Request) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	repeat := f.repeats()
	if len(f.Problems) > 0 {
		d.showForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	all, zone, err := d.config.Visits.PreviewSeries(ctx, actor, request, repeat)
	if err != nil {
		d.refused(w, r, f, err)
		return
	}
	if !f.confirm {
		f.series = store.NewID()
		d.showDates(w, r, f, all, zone)
		return
	}
	for _, o := range all {
		if !slices.Contains(f.make, o.Day.String()) {
			repeat.Except = append(repeat.Except, o.Day)
		}
	}
	if len(repeat.Except) == len(all) {
		f.wrong("make", "repeat.none")
		d.showDates(w, r, f, all, zone)
		return
	}
	request.AllowOverlap = false // but for what was marked
	repeat.Series, repeat.Seen = f.series, f.seen
	made, err := d.config.Visits.CreateSeries(ctx, actor, request, repeat)
	var p *fault.Problem
	switch {
	case errors.As(err, &p) && p.Key == visits.OverlapKey: // planned since, perhaps by this very form in another tab
		if all, zone, err = d.config.Visits.PreviewSeries(ctx, actor, request, repeat); err != nil {
			d.refused(w, r, f, err)
			return
		}
		f.wrong("make", "repeat.overlap")
		d.showDates(w, r, f, all, zone)
	case err != nil:
		d.refused(w, r, f, err)
	default:
		some := make([]visits.Visit, len(made))
		for i, m := range made {
			some[i] = m.Visit
		}
		d.toSeries(w, r, f, some)
	}
}

// madeBefore answers a form that makes a series once more, as it does when its dates are sent twice at once, or again with the browser's way back; not true: it
// was not made yet.
func (d *Desk) madeBefore(w http.ResponseWriter, r *http.Request, f visitForm) (answered bool) {
	if !f.confirm {
		return false
	}
	before, err := d.config.Visits.InSeries(r.Context(), f.series)
	switch {
	case err != nil:
		web.Problem(w, r, err)
	case len(before) > 0:
		d.toSeries(w, r, f, before)
	default:
		return false
	}
	return true
}

// toSeries leads to the visits of a series, as often as it is said to be made.
func (d *Desk) toSeries(w http.ResponseWriter, r *http.Request, f visitForm, all []visits.Visit) {
	zone, err := d.zoneOf(r.Context(), all[0])
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	done := "made"
	if f.changesDates(all, zone) {
		done = "before"
	}
	web.Redirect(w, r, visitPath(all[0].ID)+"/series?"+done)
}

// showDates shows when the visits of a series would be.
func (d *Desk) showDates(w http.ResponseWriter, r *http.Request, f visitForm, all []visits.Occurrence, zone *time.Location) {
	v := datesView{Service: f.Service, Patient: f.Patient, Zone: newZoneView(zone, f.own), Problems: f.Problems, Series: f.series}
	if f.Known != nil {
		v.Patient = f.Known.Name
	}
	for _, o := range all {
		at := o.StartsAt.In(zone)
		date := dateView{Day: o.Day.String(), When: f.own.T("date.moment", "date", f.own.Day(at), "time", f.own.Clock(at)), Make: !f.confirm || slices.Contains(f.make, o.Day.String()), Seen: o.Seen()}
		if closed := ClosedWords(o.Site, o.Day, f.own); closed != "" {
			date.Notes = append(date.Notes, closed)
		}
		if o.Shifted {
			date.Notes = append(date.Notes, f.own.T("desk.repeat.shifted"))
		}
		for _, other := range o.Overlaps {
			date.Notes = append(date.Notes, f.own.T("desk.repeat.overlap."+other.Field, "from", f.own.Clock(other.StartsAt.In(zone)), "to", f.own.Clock(other.EndsAt.In(zone))))
		}
		v.Dates = append(v.Dates, date)
	}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		if slices.Contains([]string{"make", "confirm", "series", "seen"}, name) {
			continue
		}
		for _, value := range r.PostForm[name] {
			v.Kept = append(v.Kept, choice{name, value})
		}
	}
	status := http.StatusOK
	if len(f.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	d.config.Pages.Render(w, r, status, "desk/dates", web.Page{Title: f.own.T("desk.repeat.title"), Error: len(f.Problems) > 0, Active: Path, Body: v})
}

// seriesView is the page of a series.
type seriesView struct {
	Title, Back, Done string
	Visits            []visitView
	MaySchedule       bool
	Zone              zoneView
}

func (d *Desk) series(w http.ResponseWriter, r *http.Request) {
	ctx, actor, own := r.Context(), web.Actor(r.Context()), d.config.Pages.Words(r)
	all, err := d.config.Visits.Series(ctx, actor, r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := d.zoneOf(ctx, all[0])
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v := seriesView{Title: own.T("desk.series.title", "service", all[0].Service), Back: visitPath(r.PathValue("visit")), MaySchedule: actor.May(auth.VisitSchedule), Zone: newZoneView(zone, own)}
	for _, visit := range all {
		v.Visits = append(v.Visits, d.newVisitView(visit, nil, zone, own))
	}
	switch asked := r.URL.Query(); {
	case asked.Has("made"):
		v.Done = own.T("desk.series.made")
	case asked.Has("before"):
		v.Done = own.T("desk.series.before")
	}
	d.config.Pages.Render(w, r, http.StatusOK, "desk/series", web.Page{Title: v.Title, Wide: true, Active: Path, Body: v})
}

func (d *Desk) cancelRest(w http.ResponseWriter, r *http.Request) {
	visit := r.PathValue("visit")
	if _, err := d.config.Visits.CancelRest(r.Context(), web.Actor(r.Context()), visit); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, visitPath(visit)+"/series")
}
