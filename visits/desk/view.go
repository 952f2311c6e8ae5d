package desk

import (
	"net/url"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/words"
	"housecall/visits"
)

// What a list shows.
const (
	whenToday    = ""
	whenUpcoming = "upcoming"
	whenPast     = "past"
)

const (
	pastDays  = 7   // shown at a time
	pastShown = 500 // visits of them, at most
)

// listView is the page of visits.
type listView struct {
	When, Title string
	Days        []dayView
	Empty       string // said instead of days
	More        string // path of the next page, or ""
	Earlier     string // path of the days before (past)
	Zone        zoneView
	MaySchedule bool
	Beside      []choice // paths of other ways to new visits
	Notice      choice   // what somebody must look at; without Text: nothing

	query visits.Query
	next  string
	base  url.Values
}

type zoneView struct{ Name, Words string }

func newZoneView(zone *time.Location, own *words.Words) zoneView {
	return zoneView{zone.String(), own.Zone(zone)}
}

// dayView is the visits that start on one day.
type dayView struct {
	Title  string
	Visits []visitView
}

// visitView is one visit, in words.
type visitView struct {
	Notes         []Note // of other parts
	Path          string
	Title         string // service and time
	Service       string
	When          string // day and time
	Starts        string // 15:00
	Ends          string
	Elsewhere     string // in lists: its site and what the clocks there show, where these differ from those of the list
	Patient       string // the name of one whom the hospital knows, and the path of their page
	PatientPath   string // "": there is none, or the reader may not see it
	StartsAt      time.Time
	Opens         string
	Closes        string
	State         stateView
	BirthDate     string // in words; "" when not known
	AsksBirthDate bool   // links ask for it
	People        []personView
	Zone          zoneView
	Over          bool // links work no more
	MayCancel     bool // by its state
	MayMove       bool // likewise
	Full          bool // no more people can be invited
	MaySchedule   bool // by the reader's role
	MayRevoke     bool
	Invite        inviteForm
	Guardians     []guardianChoice // of the patient who are not invited; none: the reader may not see them, or there are none
	Roles         []roleChoice
	Languages     []*words.Words
	EditTitle     string // of the page that changes what it is about
	Done          string // what has just been done, in words
	Interpreter   string // in words; "": none
	Closed        string // why the site does not work on that day; "": it does, or the visit is over
	Confidential  bool
	Series        string    // path of the page of its series; "": it belongs to none
	Devices       stateView // how the devices did that were tested before it; zero: none was
	Interpreted   stateView // in lists: whether the interpreter is confirmed; zero: none is needed, or it is over
}

// stateView is a state in words, and the tone of its tag: "", brand, good, warn or danger.
type stateView struct{ Text, Tone string }

// personView is one invited person, in words.
type personView struct {
	Path, Name, Role string
	Link             stateView
	When             string       // more about the link's state
	Consent          *consentView // nil: nothing was asked of this person
	Check            *checkView   // how their device check went before the visit; nil: they made none
	Language         string       // that the person reads, by its own name; "": not known
	Revoked          bool
	Former           bool // no contact of the patient any more
}

// newList reads which list is asked for. What makes no sense is today.
func newList(now time.Time, asked url.Values, zone *time.Location, own *words.Words) listView {
	today := dayStart(now, zone)
	tomorrow := dayStart(today.Add(36*time.Hour), zone)
	l := listView{When: asked.Get("when"), Zone: newZoneView(zone, own), base: url.Values{}}
	switch l.When {
	case whenUpcoming:
		l.Title, l.Empty = own.T("desk.list.upcoming"), own.T("desk.none.upcoming")
		l.query = visits.Query{From: tomorrow, Cursor: asked.Get("after")}
	case whenPast:
		end := today
		if day, err := time.ParseInLocation(fieldDay, asked.Get("before"), zone); err == nil && day.Before(today) && day.Year() > 2000 {
			end = day
		}
		start := end.AddDate(0, 0, -pastDays)
		l.Title = own.T("desk.list.past")
		l.Empty = own.T("desk.none.past", "from", own.DayMonth(start), "to", own.Date(end.AddDate(0, 0, -1)))
		l.query = visits.Query{From: start, To: end, Limit: visits.MaxLimit}
		l.Earlier = Path + "?" + url.Values{"when": {whenPast}, "before": {start.Format(fieldDay)}}.Encode()
	default:
		l.When, l.Title, l.Empty = whenToday, own.T("desk.list.today"), own.T("desk.none.today")
		l.query = visits.Query{From: today, To: tomorrow, Cursor: asked.Get("after")}
	}
	if l.query.Cursor != "" && !visits.IsCursor(l.query.Cursor) {
		l.query.Cursor = ""
	}
	return l
}

// fill groups visits by the day they start on, and makes the path of the next page.
func (l *listView) fill(d *Desk, listed []visits.Visit, opened map[string]time.Time, away map[string]sites.Site, zone *time.Location, own *words.Words) {
	l.Days = d.newDays(listed, opened, away, zone, own)
	if l.next != "" {
		asked := url.Values{"after": {l.next}}
		if l.When != "" {
			asked.Set("when", l.When)
		}
		l.More = Path + "?" + asked.Encode()
	}
}

// newDays groups visits by the day they start on. away are the sites whose clocks are not those of zone.
func (d *Desk) newDays(listed []visits.Visit, opened map[string]time.Time, away map[string]sites.Site, zone *time.Location, own *words.Words) (all []dayView) {
	today := dayStart(d.config.Now(), zone)
	for _, v := range listed {
		title := dayTitle(dayStart(v.StartsAt, zone), today, own)
		if n := len(all); n == 0 || all[n-1].Title != title {
			all = append(all, dayView{Title: title})
		}
		day := &all[len(all)-1]
		view := d.newVisitView(v, opened, zone, own)
		if site, is := away[v.SiteID]; is {
			view.Elsewhere = elsewhere(v.StartsAt, site, zone, own)
		}
		day.Visits = append(day.Visits, view)
	}
	return all
}

// elsewhere says when a visit starts by the clocks of its site, with the day where it is another there.
func elsewhere(starts time.Time, site sites.Site, zone *time.Location, own *words.Words) string {
	there, at := starts.In(site.Zone), ""
	if there.YearDay() == starts.In(zone).YearDay() {
		at = own.Clock(there)
	} else {
		at = own.Moment(there)
	}
	return own.T("desk.elsewhere", "site", site.Name, "at", at, "zone", own.Zone(site.Zone))
}

func dayTitle(day, today time.Time, own *words.Words) string {
	text := own.Day(day)
	switch {
	case day.Equal(today):
		return own.T("desk.day.today", "day", text)
	case day.Equal(dayStart(today.Add(36*time.Hour), day.Location())):
		return own.T("desk.day.tomorrow", "day", text)
	case day.Equal(dayStart(today.Add(-12*time.Hour), day.Location())):
		return own.T("desk.day.yesterday", "day", text)
	}
	return text
}

func (d *Desk) newVisitView(v visits.Visit, opened map[string]time.Time, zone *time.Location, own *words.Words) visitView {
	starts, ends := v.StartsAt.In(zone), v.EndsAt.In(zone)
	view := visitView{
		Path: visitPath(v.ID), Service: v.Service, When: own.T("date.moment", "date", own.Day(starts), "time", own.Clock(starts)),
		Starts: own.Clock(starts), Ends: own.Clock(ends), StartsAt: v.StartsAt,
		Opens: moment(v.OpensAt, starts, zone, own), Closes: moment(v.ClosesAt, starts, zone, own),
		State: d.stateWords(v, own), Zone: newZoneView(zone, own), Over: d.config.Visits.Over(v), MayCancel: !v.State.Over(), MayMove: d.config.Visits.MayMove(v),
		Full: v.Full(), Roles: roleChoices(own, v.HasPatient()),
	}
	view.AsksBirthDate, view.Confidential = v.AskBirthDate, v.Confidential
	if v.Interpreter != visits.InterpreterNone {
		view.Interpreter = own.T("desk.interpreter."+string(v.Interpreter)+"_in", "language", languageWords(v.InterpreterLanguage, own))
	}
	if v.SeriesID != "" {
		view.Series = visitPath(v.ID) + "/series"
	}
	view.Devices, view.Interpreted = d.devicesState(v, v.Tested(), own), d.interpreterState(v, own)
	view.Title = own.T("desk.visit.title", "service", v.Service, "day", own.DayMonth(starts), "time", view.Starts)
	if day, err := time.Parse(time.DateOnly, v.BirthDate.Reveal()); err == nil {
		view.BirthDate = own.Date(day)
	}
	for _, i := range v.Invitations {
		p := personView{Path: personPath(v.ID, i.ID), Name: i.Name.Reveal(), Role: roleWords(own, i.Role), Revoked: i.Revoked()}
		p.Link, p.When = linkWords(i, opened[i.ID], zone, own)
		p.Check = newCheckView(i.Check, zone, own)
		view.People = append(view.People, p)
	}
	return view
}

// interpreterState says in lists whether the interpreter of a visit to come is confirmed: whoever looks there finds what is left to arrange.
func (d *Desk) interpreterState(v visits.Visit, own *words.Words) stateView {
	tone := ""
	switch {
	case d.config.Visits.Over(v):
		return stateView{}
	case v.Interpreter == visits.InterpreterRequested:
		tone = "warn"
	}
	return stateView{InterpreterWords(v, own), tone}
}

// moment says a time of day, and the day too where it is not that of the visit.
func moment(t, visit time.Time, zone *time.Location, own *words.Words) string {
	t = t.In(zone)
	if dayStart(t, zone).Equal(dayStart(visit, zone)) {
		return own.Clock(t)
	}
	return own.Moment(t)
}

func (d *Desk) stateWords(v visits.Visit, own *words.Words) stateView {
	say := func(key, tone string) stateView { return stateView{own.T("desk.state." + key), tone} }
	switch v.State {
	case visits.InProgress:
		return say("in_progress", "good")
	case visits.Open:
		return say("came", "warn") // who came may have gone again
	case visits.Ended:
		return say("ended", "")
	case visits.Cancelled:
		return say("cancelled", "danger")
	case visits.NoShow:
		return say("no_show", "")
	}
	switch now := d.config.Now(); {
	case !now.Before(v.ClosesAt):
		return say("no_show", "")
	case !now.Before(v.OpensAt):
		return say("open", "brand")
	}
	return say("planned", "")
}

func linkWords(i visits.Invitation, opened time.Time, zone *time.Location, own *words.Words) (state stateView, when string) {
	at := func(t time.Time) string { return own.Moment(t.In(zone)) }
	say := func(key, tone string) stateView { return stateView{own.T("desk.link." + key), tone} }
	switch {
	case i.Revoked():
		return say("revoked", "danger"), at(i.RevokedAt)
	case i.Locked:
		return say("locked", "warn"), own.T("desk.link.locked_why")
	case !opened.IsZero():
		return say("opened", "good"), at(opened)
	}
	return say("unopened", ""), ""
}

// roleWords says a role, in the same words as the visit itself.
func roleWords(own *words.Words, r auth.Role) string {
	if r == "" {
		return ""
	}
	return own.T("role." + string(r))
}
