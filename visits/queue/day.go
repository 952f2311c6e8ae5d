package queue

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
)

// servicesWithin is how far from today a clinician's visits say which services are theirs.
const servicesWithin = 90 * 24 * time.Hour

// What a queue may show beside the visits of one service, which is named by its id.
const (
	showOwn = ""
	showAll = "all" // of the services that are one's own; of the desk: of all
)

// asked is what one reader wants to see.
type asked struct {
	actor    auth.Actor
	show     string
	services []string // that may be shown
	names    map[string]string
	leaders  map[string]string // names by id of account
	zone     *time.Location
	own      *words.Words
	tags     map[string]string // names of languages by tag
	from, to time.Time
	today    time.Time // when the day begins
}

// ask reads what is asked for. What makes no sense is what the reader sees first.
func (q *Queue) ask(ctx context.Context, r *http.Request) (asked, error) {
	a := asked{actor: web.Actor(ctx), own: q.config.Pages.Words(r), names: map[string]string{}, leaders: map[string]string{}, tags: map[string]string{}}
	for _, w := range q.config.Pages.Languages() {
		a.tags[w.Tag] = w.Name
	}
	first, err := q.config.Sites.Default(ctx)
	if err != nil {
		return asked{}, err
	}
	a.zone = first.Zone
	now := q.config.Now()
	day := sites.DayOf(now, a.zone)
	a.today = day.At(0, a.zone)
	// What began the day before may go on, and what begins the day after may be open.
	w := q.config.Visits.Window()
	a.from, a.to = now.Add(-visits.MaxMinutes*time.Minute-w.ClosesAfter), (day+1).At(0, a.zone)
	if a.from.After(a.today) {
		a.from = a.today
	}
	if soon := now.Add(w.OpensBefore); soon.After(a.to) {
		a.to = soon
	}
	if err := q.readChoices(ctx, &a); err != nil {
		return asked{}, err
	}
	if show := r.URL.Query().Get("show"); show == showAll || slices.Contains(a.services, show) {
		a.show = show
	}
	if a.actor.Role != auth.Clinician && a.show == showOwn {
		a.show = showAll
	}
	return a, nil
}

// readChoices reads whose visits may be shown: a clinician's services are those in which they lead visits, now and around.
func (q *Queue) readChoices(ctx context.Context, a *asked) error {
	var mine []string
	var err error
	if a.actor.Role == auth.Clinician {
		now := q.config.Now()
		if mine, err = q.config.Visits.ServicesLed(ctx, a.actor.ID, now.Add(-servicesWithin), now.Add(servicesWithin)); err != nil {
			return err
		}
	}
	all, err := q.config.Sites.All(ctx)
	if err != nil {
		return err
	}
	for _, site := range all {
		services, err := q.config.Sites.ServicesOf(ctx, site.ID)
		if err != nil {
			return err
		}
		for _, s := range services {
			if a.actor.Role != auth.Clinician || slices.Contains(mine, s.ID) {
				a.services = append(a.services, s.ID)
				a.names[s.ID] = s.Name
			}
		}
	}
	colleagues, err := q.config.Colleagues.Colleagues(ctx)
	for _, c := range colleagues {
		a.leaders[c.ID] = c.Name.Reveal()
	}
	return err
}

// read gives the visits that are asked for.
func (q *Queue) read(ctx context.Context, tx store.Queryer, a asked) ([]visits.Visit, error) {
	account, services := a.actor.ID, []string(nil)
	switch {
	case a.show == showAll && a.actor.Role != auth.Clinician:
		account = ""
	case a.show == showAll:
		services = a.services
	case a.show != showOwn:
		account, services = "", []string{a.show}
	}
	return q.config.Visits.Leading(ctx, tx, a.from, a.to, account, services)
}

// day is the page.
type day struct {
	Title, Chosen string
	Choices       []choice
	Groups        []group
	Waiting       int
	Stale         bool // not everything is known about who is there
	Zone          string
	Version       string `json:"-"`
}

type choice struct{ Value, Text string }

type group struct {
	ID, Title, Empty string
	Visits           []entry
}

// entry is one visit, in words.
type entry struct {
	ID, When, Patient, Age, Service, Leader, Interpreter string
	StartsAt                                             time.Time
	Confidential, Over                                   bool
	State                                                tag
	People                                               []person
	Join, Call, Tell, Late, HandOver, NoShow, Came       bool // may be done by the reader now
	Waiting                                              bool // somebody waits
	Family                                               bool // of the family
	waits                                                time.Time
}

type tag struct{ Text, Tone string }

type person struct {
	Name, Role, Language, Way string
	Place                     tag
	Since                     time.Time // when they came to wait; zero: they don't
	Clock                     string
	Minutes                   int `json:"-"` // that they wait
	Checks                    []tag
	Tried                     string // when that was; empty: now, or never
}

// draw makes the page of visits and who is in them.
func (q *Queue) draw(a asked, all []visits.Visit, present map[string][]Present, stale bool) day {
	d := day{Title: a.own.T("queue.title"), Chosen: a.show, Stale: stale, Zone: a.own.Zone(a.zone)}
	if a.actor.Role == auth.Clinician {
		d.Choices = append(d.Choices, choice{showOwn, a.own.T("queue.show.own")})
	}
	if a.actor.Role != auth.Clinician || len(a.services) > 0 {
		d.Choices = append(d.Choices, choice{showAll, a.own.T("queue.show.all")})
	}
	for _, s := range a.services {
		d.Choices = append(d.Choices, choice{s, a.names[s]})
	}
	groups := map[string]*group{}
	for _, id := range []string{"waiting", "live", "next", "over"} {
		groups[id] = &group{ID: id, Title: a.own.T("queue.group." + id)}
	}
	groups["waiting"].Empty = a.own.T("queue.nobody")
	for _, v := range all {
		e, where := q.entry(a, v, present[v.ID])
		if where == "over" && v.StartsAt.Before(a.today) {
			continue // the day before
		}
		if e.Waiting {
			d.Waiting++
		}
		groups[where].Visits = append(groups[where].Visits, e)
	}
	slices.SortStableFunc(groups["waiting"].Visits, func(a, b entry) int { return a.waits.Compare(b.waits) })
	for _, id := range []string{"waiting", "live", "next", "over"} {
		if g := groups[id]; len(g.Visits) > 0 || g.Empty != "" {
			d.Groups = append(d.Groups, *g)
		}
	}
	d.Version = versionOf(d)
	return d
}

// versionOf tells one page from another that says something else. How many minutes somebody has waited does not count: the page counts on by itself.
func versionOf(d day) string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // texts and times
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// entry says one visit in words, and where it stands.
func (q *Queue) entry(a asked, v visits.Visit, present []Present) (e entry, where string) {
	now, leads := q.config.Now(), v.Leads(a.actor)
	open := !now.Before(v.OpensAt) && now.Before(v.ClosesAt)
	over := v.State.Over() || !now.Before(v.ClosesAt)
	e = entry{ID: v.ID, StartsAt: v.StartsAt, Service: v.Service, Confidential: v.Confidential, Over: over, State: q.state(a, v, now),
		When: a.own.Clock(v.StartsAt.In(a.zone)) + "–" + a.own.Clock(v.EndsAt.In(a.zone))}
	if v.ClinicianID != a.actor.ID {
		e.Leader = a.leaders[v.ClinicianID]
	}
	e.Interpreter = desk.InterpreterWords(v, a.own)
	if years, known := v.Age(a.zone); known && a.actor.May(auth.VisitSeeAge) {
		e.Age = a.own.T("queue.age", "years", years)
	}
	inVisit := false
	for _, i := range v.Invitations {
		if i.Revoked() {
			continue
		}
		if i.Role == auth.Patient && e.Patient == "" {
			e.Patient = i.Name.Reveal()
		}
		if v.HiddenFrom(i.Role) {
			i.Check = nil // of before the visit became confidential: nobody is to call them about it
		}
		p, at := q.person(a, i, present, now)
		if over && at.Session == "" { // nobody is expected any more
			p.Place = tag{}
		}
		inVisit = inVisit || at.Session != "" && !at.Waiting
		if !p.Since.IsZero() && i.StaffID != a.actor.ID && (e.waits.IsZero() || p.Since.Before(e.waits)) {
			e.waits, e.Waiting = p.Since, true
		}
		e.Family = e.Family || !p.Since.IsZero() && visits.OfFamily(i.Role)
		if i.StaffID != a.actor.ID {
			e.People = append(e.People, p)
		}
	}
	e.Join = leads && open && (!over || v.State == visits.NoShow)
	e.Call = leads && (!over || v.State == visits.NoShow)
	e.Tell = e.Join && e.Waiting
	e.HandOver = leads && !over
	e.Late = e.HandOver && v.State != visits.InProgress && now.Before(v.EndsAt)
	e.NoShow = leads && !over && v.State != visits.InProgress && !now.Before(v.StartsAt) && !e.Family
	e.Came = leads && v.State == visits.NoShow && open
	switch {
	case e.Waiting:
		where = "waiting"
	case inVisit || v.State == visits.InProgress && !over:
		where = "live"
	case over:
		where = "over"
	default:
		where = "next"
	}
	return e, where
}

func (q *Queue) state(a asked, v visits.Visit, now time.Time) tag {
	say := func(key, tone string) tag { return tag{a.own.T("queue.state." + key), tone} }
	switch {
	case v.State == visits.InProgress:
		return say("in_progress", "good")
	case v.State == visits.Cancelled:
		return say("cancelled", "danger")
	case v.State == visits.NoShow:
		return say("no_show", "warn")
	case v.State == visits.Ended || !now.Before(v.ClosesAt):
		return say("ended", "")
	case !now.Before(v.StartsAt):
		return say("due", "brand")
	case !now.Before(v.OpensAt):
		return say("open", "brand")
	}
	return say("planned", "")
}

// person says one person in words, and where they are now: waiting on one device and in the visit on another is in the visit.
func (q *Queue) person(a asked, i visits.Invitation, present []Present, now time.Time) (person, Present) {
	p := person{Name: i.Name.Reveal(), Role: a.own.T("role." + string(i.Role)), Language: a.language(i.Language)}
	var at Present
	for _, o := range present {
		better := at.Session == "" || at.Waiting && !o.Waiting || at.Waiting == o.Waiting && (at.Away && !o.Away || at.Away == o.Away && o.Since.Before(at.Since))
		if o.Invitation == i.ID && better {
			at = o
		}
	}
	switch {
	case at.Session == "":
		p.Place = tag{a.own.T("queue.place.none"), ""}
		if c := i.Check; c != nil {
			p.Checks, p.Tried = a.checks(*c), a.tried(*c, now)
		}
		return p, at
	case at.Away:
		p.Place = tag{a.own.T("queue.place.away"), "warn"}
	case at.Waiting:
		p.Place = tag{a.own.T("queue.place.waiting"), "brand"}
	default:
		p.Place = tag{a.own.T("queue.place.visit"), "good"}
	}
	if at.Way != "" {
		p.Way = a.own.T("queue.way." + at.Way)
	}
	if !at.Waiting {
		return p, at
	}
	p.Since, p.Clock = at.Since, a.own.Clock(at.Since.In(a.zone))
	p.Minutes = max(0, int(now.Sub(at.Since)/time.Minute))
	p.Checks, p.Tried = a.found(at.Check, i.Check, now)
	return p, at
}

// found says how the devices of somebody who waits did. What they have not tried since they came is as it was when they last did, and then it is said when that
// was, and in which browser if that was another.
func (a asked) found(own, before *visits.DeviceCheck, now time.Time) (all []tag, tried string) {
	switch {
	case own == nil && before == nil:
	case before == nil:
		all = a.checks(*own)
	case own == nil:
		all, tried = a.checks(*before), a.tried(*before, now)
	default:
		c, older := own.CompletedBy(*before)
		if all = a.checks(c); older && !slices.Equal(all, a.checks(*own)) {
			tried = a.tried(*before, now)
			if before.Browser != own.Browser && before.Browser != "" {
				tried += " · " + before.Browser
			}
		}
	}
	if len(all) == 0 {
		return []tag{{a.own.T("checked.unknown"), ""}}, ""
	}
	return all, tried
}

// checks says how somebody's devices did, where that says something.
func (a asked) checks(c visits.DeviceCheck) (all []tag) {
	for _, f := range c.Faults() {
		all = append(all, tag{a.own.T("checked." + f), "warn"})
	}
	if c.Works() {
		all = []tag{{a.own.T("checked.good"), "good"}}
	}
	return all
}

// tried says when somebody tried their devices.
func (a asked) tried(c visits.DeviceCheck, now time.Time) string {
	at := c.At.In(a.zone)
	if sites.DayOf(c.At, a.zone) == sites.DayOf(now, a.zone) {
		return a.own.T("queue.tried", "time", a.own.Clock(at))
	}
	return a.own.T("queue.tried", "time", a.own.Moment(at))
}

// language is the name of a language by its tag, in itself; of one the house does not speak the tag.
func (a asked) language(name string) string {
	if known, ok := a.tags[name]; ok {
		return known
	}
	return strings.ToLower(name)
}
