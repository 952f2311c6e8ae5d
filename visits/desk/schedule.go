package desk

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// SchedulePath is where a clinic's day and week are.
const SchedulePath = Path + "/schedule"

// What a schedule shows, and by what.
const (
	viewDay   = "day"
	viewWeek  = "week"
	byLeader  = "clinician"
	byService = "service"
)

const (
	slotMinutes = 30 // a row of a day
	dayBegins   = 8 * 60
	dayEnds     = 18 * 60 // a day shows these hours at least, in minutes
	mostColumns = 12      // beside each other
)

// scheduleView is the page of a day or a week.
type scheduleView struct {
	Title, Date, View, By string
	Tabs                  []tabView
	Before, Today, After  string // paths
	Site, Clinician       string // chosen; empty: any
	Service, State        string
	Sites, Clinicians     []choice
	Services, States      []choice
	Columns               []scheduleColumn
	Closed                []closedDay // days shown on which the site does not work; of a week its holidays
	Rows                  []scheduleRow
	Empty, Full, New      string
	NoDay                 string // says that the day that was asked for cannot be shown; empty: it is
	MaySchedule, Alone    bool   // Alone: one column, which phones show too
	Free                  []freeView
	Nothing               bool // no visits are shown
	Zone                  zoneView

	day    sites.Day
	zone   *time.Location
	site   sites.Calendar // of the site that is shown
	own    *words.Words
	asked  url.Values
	leader map[string]string // names by id
	leads  map[string]bool   // who may lead new visits, by id
}

// scheduleColumn is the head of a column; Closed says in words that the site does not work then.
type scheduleColumn struct{ Text, Closed string }

// read is the column where there are none.
func (c scheduleColumn) read() string {
	if c.Closed == "" {
		return c.Text
	}
	return c.Text + " · " + c.Closed
}

// closedDay is a day on which the site does not work; Day is empty where the page is of one.
type closedDay struct{ Day, Why string }

type tabView struct {
	Path, Text string
	Current    bool
}

type choice struct{ Value, Text string }

// scheduleRow is half an hour of a day, or in a week what one clinician or one service has.
type scheduleRow struct {
	Title string
	Cells []scheduleCell
	Free  bool // nothing is planned
}

type scheduleCell struct {
	Column string // as read where there are no columns
	Visits []scheduleVisit
	New    string // path that plans a visit here; empty: somebody is busy, or it is past
	NewFor string // in words
}

type scheduleVisit struct {
	Path, Move, When, Patient, Service, Leader string
	Starts                                     string    // RFC 3339
	State, Devices                             stateView // Devices: how those did that were tested before it; zero: none was
	Interpreted                                stateView // whether the interpreter is confirmed; zero: none is needed
	Over                                       bool
}

func (d *Desk) schedule(w http.ResponseWriter, r *http.Request) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	v := scheduleView{own: d.config.Pages.Words(r), asked: r.URL.Query(), MaySchedule: actor.May(auth.VisitSchedule)}
	if err := d.readSchedule(r, &v); err != nil {
		web.Problem(w, r, err)
		return
	}
	first, days := v.day, sites.Day(1)
	if v.View == viewWeek {
		first, days = v.day-sites.Day((int(v.day.Weekday())+6)%7), 7
	}
	q := visits.Query{From: first.At(0, v.zone), To: (first + days).At(0, v.zone), SiteID: v.Site, ClinicianID: v.Clinician, ServiceID: v.Service}
	if v.State != "" {
		q.States = []visits.State{visits.State(v.State)}
	}
	all, err := d.config.Visits.Schedule(ctx, actor, q)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if err := d.nameOff(ctx, &v, all); err != nil {
		web.Problem(w, r, err)
		return
	}
	if len(all) == visits.MaxShown {
		v.Full = v.own.T("desk.schedule.full", "max", visits.MaxShown)
	}
	groups := v.groups(all)
	busy, err := v.occupy(ctx, d, q, groups)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	groups = v.addFree(d, first, int(days), groups, busy)
	if v.View == viewWeek {
		v.Title = v.own.T("desk.schedule.week_of", "from", v.own.DayMonth(first.Midnight()), "to", v.own.Date((first + 6).Midnight()))
	}
	v.close(first, int(days))
	v.Alone = v.Clinician != "" && len(groups) == 1
	if v.View == viewWeek || len(groups) > mostColumns {
		v.days(d, first, int(days), groups)
	} else {
		v.hours(d, groups)
	}
	d.config.Pages.Render(w, r, http.StatusOK, "desk/schedule", web.Page{Title: v.Title, Wide: true, Active: SchedulePath, Body: v})
}

// readSchedule reads what is asked for. What makes no sense is left out, and said of the day: another one would be taken for it.
func (d *Desk) readSchedule(r *http.Request, v *scheduleView) error {
	ctx, c, own := r.Context(), d.config, v.own
	site, err := d.config.Visits.SiteOf(ctx, visits.Visit{})
	if err != nil {
		return err
	}
	v.site, v.zone = site.Calendar, site.Zone
	v.leader, v.leads = map[string]string{}, map[string]bool{}
	if c.Sites != nil {
		if err := d.readPractice(ctx, v); err != nil {
			return err
		}
	}
	if err := d.readClinicians(ctx, v); err != nil {
		return err
	}
	for _, s := range visits.States() {
		v.States = append(v.States, choice{string(s), own.T("desk.schedule.state." + string(s))})
	}
	v.State = chosen(v.asked.Get("state"), v.States)
	v.View, v.By = viewDay, byLeader
	if v.asked.Get("view") == viewWeek {
		v.View = viewWeek
	}
	if v.asked.Get("by") == byService {
		v.By = byService
	}
	today := sites.DayOf(d.config.Now(), v.zone)
	v.day = today
	if typed := v.asked.Get("day"); typed != "" {
		if day, err := sites.ParseDay(typed); err == nil && day > today-sites.Day(3660) && day < today+sites.Day(3660) {
			v.day = day
		} else {
			v.NoDay = own.T("desk.schedule.no_day")
		}
	}
	step := sites.Day(1)
	if v.View == viewWeek {
		step = 7
	}
	v.Date, v.Zone = v.day.String(), newZoneView(v.zone, own)
	v.Title = own.Day(v.day.Midnight())
	v.Before, v.Today, v.After = v.path("day", (v.day-step).String()), v.path("day", ""), v.path("day", (v.day+step).String())
	v.Tabs = []tabView{
		{v.path("view", viewDay), own.T("desk.schedule.day"), v.View == viewDay}, {v.path("view", viewWeek), own.T("desk.schedule.week"), v.View == viewWeek},
		{v.path("by", byLeader), own.T("desk.schedule.by_clinician"), v.By == byLeader}, {v.path("by", byService), own.T("desk.schedule.by_service"), v.By == byService},
	}
	v.New = v.newPath(v.day, "", v.Clinician, v.Service)
	v.Empty = own.T("desk.schedule.none")
	return nil
}

// readPractice reads what may be chosen, and the zone of the site.
func (d *Desk) readPractice(ctx context.Context, v *scheduleView) error {
	c := d.config
	first, err := c.Sites.Default(ctx)
	if err != nil {
		return err
	}
	all, err := c.Sites.All(ctx)
	if err != nil {
		return err
	}
	shown := first
	for _, s := range all {
		v.Sites = append(v.Sites, choice{s.ID, s.Name})
		if s.ID == v.asked.Get("site") {
			shown = s
		}
	}
	v.Site, v.zone, v.site = shown.ID, shown.Zone, shown.Calendar
	if len(all) == 1 {
		v.Site, v.Sites = "", nil // also visits that name none
	}
	services, err := c.Sites.ServicesOf(ctx, shown.ID)
	if err != nil {
		return err
	}
	for _, s := range services {
		v.Services = append(v.Services, choice{s.ID, s.Name})
	}
	v.Service = chosen(v.asked.Get("service"), v.Services)
	return nil
}

// readClinicians reads who may be chosen, and the names of whoever leads a visit.
func (d *Desk) readClinicians(ctx context.Context, v *scheduleView) error {
	if d.config.Colleagues == nil {
		return nil
	}
	all, err := d.config.Colleagues.Colleagues(ctx)
	for _, c := range all {
		v.leader[c.ID] = c.Name.Reveal()
		if visits.MayLead(c) {
			v.leads[c.ID] = true
			v.Clinicians = append(v.Clinicians, choice{c.ID, c.Name.Reveal()})
		}
	}
	if err != nil {
		return err
	}
	asked := v.asked.Get("clinician")
	if store.IsID(asked) && !v.leads[asked] { // of somebody who leads no more, what is planned is still looked for
		if err := d.nameOff(ctx, v, []visits.Planned{{Visit: visits.Visit{Booking: visits.Booking{ClinicianID: asked}}}}); err != nil {
			return err
		}
		if name := v.leader[asked]; name != "" {
			v.Clinicians = append(v.Clinicians, choice{asked, name})
		}
	}
	v.Clinician = chosen(asked, v.Clinicians)
	return nil
}

// nameOff names who leads visits by accounts that are switched off.
func (d *Desk) nameOff(ctx context.Context, v *scheduleView, all []visits.Planned) error {
	var ids []string
	for _, visit := range all {
		if id := visit.ClinicianID; id != "" && v.leader[id] == "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 || d.config.Colleagues == nil {
		return nil
	}
	names, err := d.config.Colleagues.Names(ctx, ids...)
	for id, name := range names {
		v.leader[id] = v.own.T("desk.schedule.off", "name", name.Reveal())
	}
	return err
}

func chosen(asked string, all []choice) string {
	if slices.ContainsFunc(all, func(c choice) bool { return c.Value == asked }) {
		return asked
	}
	return ""
}

// path is this page with one thing changed.
func (v *scheduleView) path(name, value string) string {
	q := url.Values{}
	for _, k := range []string{"day", "view", "by", "site", "clinician", "service", "state"} {
		if s := v.asked.Get(k); s != "" && len(s) <= 36 {
			q.Set(k, s)
		}
	}
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return SchedulePath
	}
	return SchedulePath + "?" + q.Encode()
}

// WeekPath is the week of a day in the schedule, of one clinician; an empty site is the hospital's first.
func WeekPath(day sites.Day, site, clinician string) string {
	q := url.Values{"view": {viewWeek}, "clinician": {clinician}, "day": {day.String()}}
	if site != "" {
		q.Set("site", site)
	}
	return SchedulePath + "?" + q.Encode()
}

// newPath leads to the form for a new visit, filled in; with no clinician who leads no more.
func (v *scheduleView) newPath(day sites.Day, clock, clinician, service string) string {
	if !v.leads[clinician] {
		clinician = ""
	}
	q := url.Values{"date": {day.String()}}
	for k, s := range map[string]string{"time": clock, "site_id": v.Site, "clinician_id": clinician, "service_id": service} {
		if s != "" {
			q.Set(k, s)
		}
	}
	return Path + "/new?" + q.Encode()
}
