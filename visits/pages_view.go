package visits

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"housecall/auth"
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

	query Query
	next  string
	base  url.Values
}

type zoneView struct{ Name, Words string }

func newZoneView(zone *time.Location) zoneView { return zoneView{zone.String(), zoneWords(zone)} }

// dayView is the visits that start on one day.
type dayView struct {
	Title  string
	Visits []visitView
}

// visitView is one visit, in words.
type visitView struct {
	Path        string
	Title       string // service and time
	Service     string
	Day         string
	Starts      string // 15:00
	Ends        string
	StartsAt    time.Time
	Opens       string
	Closes      string
	State       stateView
	BirthDate   string // in words; "" when not asked for
	People      []personView
	Zone        zoneView
	Over        bool // links work no more
	MayCancel   bool // by its state
	Full        bool // no more people can be invited
	MaySchedule bool // by the reader's role
	MayRevoke   bool
	Invite      inviteForm
	Roles       []roleChoice
	Done        string // what has just been done, in words
}

// stateView is a state in words, and the tone of its tag: "", brand, good, warn or danger.
type stateView struct{ Text, Tone string }

// personView is one invited person, in words.
type personView struct {
	Path, Name, Role string
	Link             stateView
	When             string // more about the link's state
	Revoked          bool
}

// newList reads which list is asked for. What makes no sense is today.
func newList(now time.Time, asked url.Values, zone *time.Location) listView {
	today := dayStart(now, zone)
	tomorrow := dayStart(today.Add(36*time.Hour), zone)
	l := listView{When: asked.Get("when"), Zone: newZoneView(zone), base: url.Values{}}
	switch l.When {
	case whenUpcoming:
		l.Title, l.Empty = "Upcoming visits", "No visits are planned after today."
		l.query = Query{From: tomorrow, Cursor: asked.Get("after")}
	case whenPast:
		end := today
		if day, err := time.ParseInLocation(fieldDay, asked.Get("before"), zone); err == nil && day.Before(today) && day.Year() > 2000 {
			end = day
		}
		start := end.AddDate(0, 0, -pastDays)
		l.Title = "Past visits"
		l.Empty = fmt.Sprintf("There were no visits from %s to %s.", start.Format("2 January"), end.AddDate(0, 0, -1).Format("2 January 2006"))
		l.query = Query{From: start, To: end, Limit: maxLimit}
		l.Earlier = DeskPath + "?" + url.Values{"when": {whenPast}, "before": {start.Format(fieldDay)}}.Encode()
	default:
		l.When, l.Title, l.Empty = whenToday, "Visits today", "No visits today."
		l.query = Query{From: today, To: tomorrow, Cursor: asked.Get("after")}
	}
	if l.query.Cursor != "" && !new(position).read(l.query.Cursor) {
		l.query.Cursor = ""
	}
	return l
}

// fill groups visits by the day they start on, and makes the path of the next page.
func (l *listView) fill(s *Service, visits []Visit, opened map[string]time.Time, zone *time.Location) {
	today := dayStart(s.now(), zone)
	for _, v := range visits {
		title := dayTitle(dayStart(v.StartsAt, zone), today)
		if n := len(l.Days); n == 0 || l.Days[n-1].Title != title {
			l.Days = append(l.Days, dayView{Title: title})
		}
		day := &l.Days[len(l.Days)-1]
		day.Visits = append(day.Visits, s.newVisitView(v, opened, zone))
	}
	if l.next != "" {
		asked := url.Values{"after": {l.next}}
		if l.When != "" {
			asked.Set("when", l.When)
		}
		l.More = DeskPath + "?" + asked.Encode()
	}
}

func dayTitle(day, today time.Time) string {
	text := day.Format(dayLayout)
	switch {
	case day.Equal(today):
		return "Today, " + text
	case day.Equal(dayStart(today.Add(36*time.Hour), day.Location())):
		return "Tomorrow, " + text
	case day.Equal(dayStart(today.Add(-12*time.Hour), day.Location())):
		return "Yesterday, " + text
	}
	return text
}

func (s *Service) newVisitView(v Visit, opened map[string]time.Time, zone *time.Location) visitView {
	starts, ends := v.StartsAt.In(zone), v.EndsAt.In(zone)
	_, mayCancel := next(v.State, eventCancel)
	view := visitView{
		Path: visitPath(v.ID), Service: v.Service, Day: starts.Format(dayLayout),
		Starts: starts.Format(clockLayout), Ends: ends.Format(clockLayout), StartsAt: v.StartsAt,
		Opens: moment(v.OpensAt, starts, zone), Closes: moment(v.ClosesAt, starts, zone),
		State: s.stateWords(v), Zone: newZoneView(zone), Over: s.over(v), MayCancel: mayCancel && !v.State.Over(),
		Full: v.invited() >= MaxPeople, Roles: roleChoices(),
	}
	view.Title = v.Service + ", " + starts.Format("2 January") + ", " + view.Starts
	if day, err := time.Parse(birthDateLayout, v.BirthDate.Reveal()); err == nil {
		view.BirthDate = day.Format("2 January 2006")
	}
	for _, i := range v.Invitations {
		p := personView{Path: personPath(v.ID, i.ID), Name: i.Name.Reveal(), Role: roleWords(i.Role), Revoked: i.Revoked()}
		p.Link, p.When = linkWords(i, opened[i.ID], zone)
		view.People = append(view.People, p)
	}
	return view
}

// moment says a time of day, and the day too where it is not that of the visit.
func moment(t, visit time.Time, zone *time.Location) string {
	t = t.In(zone)
	if dayStart(t, zone).Equal(dayStart(visit, zone)) {
		return t.Format(clockLayout)
	}
	return t.Format(momentLayout)
}

func (s *Service) stateWords(v Visit) stateView {
	switch v.State {
	case InProgress:
		return stateView{"In progress", "good"}
	case Open:
		return stateView{"Somebody came, nobody was let in yet", "warn"} // who came may have gone again
	case Ended:
		return stateView{"Ended", ""}
	case Cancelled:
		return stateView{"Cancelled", "danger"}
	case NoShow:
		return stateView{"Nobody was admitted", ""}
	}
	switch now := s.now(); {
	case !now.Before(v.ClosesAt):
		return stateView{"Nobody was admitted", ""}
	case !now.Before(v.OpensAt):
		return stateView{"Open", "brand"}
	}
	return stateView{"Planned", ""}
}

func linkWords(i Invitation, opened time.Time, zone *time.Location) (state stateView, when string) {
	at := func(t time.Time) string { return t.In(zone).Format(momentLayout) }
	switch {
	case i.Revoked():
		return stateView{"Revoked", "danger"}, at(i.RevokedAt)
	case i.Locked:
		return stateView{"Locked", "warn"}, "Five wrong dates of birth. Send a new link."
	case !opened.IsZero():
		return stateView{"Link opened", "good"}, at(opened)
	}
	return stateView{"Link not opened", ""}, ""
}

// roleWords says a role with a capital letter, in the same words as the visit itself (static/locales).
func roleWords(r auth.Role) string {
	switch r {
	case "":
		return ""
	case auth.Guardian:
		return "Parent or guardian"
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// doneWords say what has just been done, by what a redirect carries.
var doneWords = map[string]string{
	"revoked":   "The link is revoked. It stopped working, and whoever came by it has been cut off.",
	"cancelled": "The visit is cancelled. All its links have stopped working. Nobody was told: please let people know.",
}
