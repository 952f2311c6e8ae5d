package desk

import (
	"context"
	"net/http"
	"strings"
	"time"

	"housecall/platform/words"
	"housecall/visits"
)

// linksView is the page that shows links: of everybody in a visit, or of one person.
type linksView struct {
	Back, Service, When, Opens, Closes string
	Zone                               zoneView
	Links                              []linkView
	Closed                             string // why the site does not work on that day; empty: it does
	Made                               bool   // the visit has just been made
	One                                bool   // of one person
	New                                bool   // it has just replaced another
	Added                              bool   // the person has just been added
	Again                              bool   // it was just sent again
	NoLetters                          bool   // since the visit is confidential
	Written                            bool   // messages that go out by themselves hold the links of families
	Sent                               int    // how many of the links do

	written map[string]Written
	former  map[string]bool // as Service.FormerContacts

	visit visits.Visit
	site  string // its name
	zone  *time.Location
	own   *words.Words // the reader's
}

// linkView is one person's link. It is a credential: the page that shows it is never kept (Cache-Control: no-store).
type linkView struct {
	ID, Name, Role, URL string
	Sent                bool         // a message that goes out by itself brings it
	Told                string       // when such a message was sent; "": none was, as far as is known
	Lost                string       // that the last such message was not sent, or may not have been, in words; "": nothing says so
	Again               string       // path that sends it again; "": it cannot be sent
	Times               int          // how often that was done
	Revoke              string       // path that withdraws who is no contact of the patient any more; "": they are, or were none
	Hidden              bool         // nobody tells them of the visit
	Letter              string       // path of a letter to print; "": there is none for people who are not of the family, and of confidential visits
	Message             string       // ready to be sent; without anything clinical, since others may read a phone's screen
	Language            *words.Words // of the message
}

func (d *Desk) newLinksView(v visits.Visit, r *http.Request) (linksView, error) {
	own := d.config.Pages.Words(r)
	site, err := d.config.Visits.SiteOf(r.Context(), v)
	if err != nil {
		return linksView{}, err
	}
	var written map[string]Written
	if d.wrote != nil {
		if written, err = d.wrote(r.Context(), v); err != nil {
			return linksView{}, err
		}
	}
	closed, err := d.closedOn(r.Context(), v, own)
	if err != nil {
		return linksView{}, err
	}
	former, err := d.config.Visits.FormerContacts(r.Context(), v)
	if err != nil {
		return linksView{}, err
	}
	zone := site.Zone
	starts := v.StartsAt.In(zone)
	return linksView{
		Closed: closed,
		Back:   visitPath(v.ID), Service: v.Service, When: own.T("date.moment", "date", own.Day(starts), "time", own.Clock(starts)),
		Opens: moment(v.OpensAt, starts, zone, own), Closes: moment(v.ClosesAt, starts, zone, own), Zone: newZoneView(zone, own),
		written: written, former: former, visit: v, site: site.Name, zone: zone, own: own, NoLetters: v.Confidential, Written: v.AskBirthDate,
	}, nil
}

// add adds a link, with a message in the language of who is to get it, or else in that of who sends it.
func (d *Desk) add(ctx context.Context, l *linksView, k visits.Link) error {
	heard, err := d.config.Visits.Hears(ctx, l.visit, k.Invitation)
	if err != nil {
		return err
	}
	sent := heard && d.config.Visits.LinkToSend(l.visit, k.Invitation) != ""
	if sent {
		l.Sent++
	}
	theirs := l.own
	if k.Invitation.Language != "" {
		theirs = d.config.Pages.In(k.Invitation.Language)
	}
	starts := l.visit.StartsAt.In(l.zone)
	message := []string{
		theirs.T("desk.message.when", "site", l.site, "day", theirs.Day(starts), "time", theirs.Clock(starts), "zone", theirs.Zone(l.zone)),
		theirs.T("desk.message.open", "time", moment(l.visit.OpensAt, starts, l.zone, theirs)),
		k.URL, // on a line of its own, so that a telephone takes nothing else along
	}
	last := theirs.T("calendar.only")
	if l.visit.AskBirthDate && visits.OfFamily(k.Invitation.Role) {
		last = theirs.T("calendar.birth_date") + " " + last
	}
	letter := ""
	if visits.OfFamily(k.Invitation.Role) && !l.visit.Confidential {
		letter = personPath(l.visit.ID, k.Invitation.ID) + "/letter"
	}
	link := linkView{Sent: sent, Hidden: l.visit.HiddenFrom(k.Invitation.Role), Letter: letter, ID: k.Invitation.ID, Name: k.Invitation.Name.Reveal(), Role: roleWords(l.own, k.Invitation.Role), URL: k.URL,
		Message: strings.Join(append(message, last), "\n"), Language: theirs}
	if l.former[link.ID] {
		link.Revoke = personPath(l.visit.ID, link.ID) + "/revoke"
	}
	if w, known := l.written[link.ID]; known && sent {
		link.Times = w.Times
		if !w.At.IsZero() {
			link.Told = moment(w.At, starts, l.zone, l.own)
		}
		if !l.visit.State.Over() && d.config.Now().Before(l.visit.EndsAt) {
			link.Again = personPath(l.visit.ID, link.ID) + "/again"
			if w.Lost != "" {
				link.Lost = l.own.T("link.lost." + w.Lost)
			}
		}
	}
	l.Links = append(l.Links, link)
	return nil
}

// toldWords say who hears in a message that a visit has become what it is, and whom the reader has to tell.
func (d *Desk) toldWords(ctx context.Context, v visits.Visit, own *words.Words) (string, error) {
	var hears map[string]bool
	if d.hearers != nil {
		var err error
		if hears, err = d.hearers(ctx, v); err != nil {
			return "", err
		}
	}
	var told, left, hidden, all []string
	silent := false // somebody hears nothing, and need not: they are there
	for _, i := range v.Invitations {
		switch name := i.Name.Reveal(); {
		case i.Revoked():
		case v.HiddenFrom(i.Role):
			hidden = append(hidden, name)
		case hears[i.ID]:
			told = append(told, name)
		case v.State == visits.InProgress:
			silent = true
		default:
			left = append(left, name)
		}
	}
	switch {
	case len(told) > 0 && len(left)+len(hidden) == 0 && !silent:
		return own.T("desk.told.everybody"), nil
	case len(left) > 0 && len(told)+len(hidden) == 0:
		return own.T("desk.told.nobody"), nil
	case len(told) == 0 && v.State == visits.InProgress:
		all = append(all, own.T("desk.told.going_on"))
	}
	for _, people := range []struct {
		key   string
		names []string
	}{{"desk.told.some", told}, {"desk.told.left", left}, {"desk.told.hidden", hidden}} {
		if len(people.names) > 0 {
			all = append(all, own.T(people.key, "names", strings.Join(people.names, " · ")))
		}
	}
	if len(told) > 0 && silent {
		all = append(all, own.T("desk.told.going_on_others"))
	}
	return strings.Join(all, " "), nil
}

// HowKey names the words for how people get their links.
func (l linksView) HowKey() string {
	key := "unwritten"
	switch {
	case l.Sent > 0:
		key = "written"
	case l.Written || l.NoLetters:
		key = "nobody"
	}
	if l.NoLetters {
		key += "_confidential"
	}
	return "desk.links." + key
}

// question is a page that asks before something is done.
type question struct {
	Title  string
	Text   []string // what will happen
	Yes    string   // the button that does it
	No     string   // the link that does not
	Danger bool
	Action string // path that Yes posts to
	Rest   string // path that does it to all later visits of the series too; empty: there are none
	Back   string // path of the visit
	About  []fact
	Stop   string // why it cannot be done; then there is no button
	Next   string // path of the form for a new visit, which can be made instead; empty: nothing is offered
}

type fact struct{ Term, Text string }

// asked is what a question is about, and the words it is asked in.
type asked struct {
	visit   visits.Visit
	person  visits.Invitation
	service *visits.Service
	zone    *time.Location
	own     *words.Words
	told    string // who hears of a change
}

func (c asked) aboutVisit() []fact {
	starts := c.visit.StartsAt.In(c.zone)
	at := c.own.T("date.moment", "date", c.own.Day(starts), "time", c.own.Clock(starts))
	return []fact{{c.own.T("desk.visit"), c.visit.Service},
		{c.own.T("desk.starts"), c.own.T("desk.at_zone", "at", at, "zone", c.own.Zone(c.zone))}}
}

func (c asked) aboutPerson(i visits.Invitation) fact {
	return fact{roleWords(c.own, i.Role), i.Name.Reveal()}
}

// question asks in the words of a group of keys.
func (c asked) question(group string, texts ...string) question {
	say := func(key string) string { return c.own.T(group + "." + key) }
	q := question{Title: say("title"), Yes: say("yes"), No: say("no")}
	for _, text := range texts {
		q.Text = append(q.Text, say(text))
	}
	return q
}

func cancelQuestion(c asked) question {
	texts := []string{"links"}
	if c.visit.State == visits.InProgress {
		texts = append([]string{"going_on"}, texts...)
	}
	q := c.question("desk.cancel", texts...)
	q.Text = append(q.Text, c.told)
	q.Danger, q.About = true, c.aboutVisit()
	if c.visit.SeriesID != "" {
		q.Rest = visitPath(c.visit.ID) + "/cancel-rest"
	}
	if c.visit.State.Over() {
		q.Stop = c.own.T("problem.visit_over.cancel")
	}
	for _, i := range c.visit.Invitations {
		if !i.Revoked() {
			q.About = append(q.About, c.aboutPerson(i))
		}
	}
	return q
}

func revokeQuestion(c asked) question {
	q := c.question("desk.revoke", "at_once", "again")
	q.Danger, q.About = true, append([]fact{c.aboutPerson(c.person)}, c.aboutVisit()...)
	if c.person.Revoked() {
		q.Stop = c.own.T("desk.revoke.stop")
	}
	return q
}

func newLinkQuestion(c asked) question {
	q := c.question("desk.renew", "at_once", "when")
	q.About = append([]fact{c.aboutPerson(c.person)}, c.aboutVisit()...)
	switch {
	case c.person.Revoked():
		q.Stop = c.own.T("problem.withdrawn")
	case c.service.Over(c.visit):
		q.Stop = c.own.T("problem.visit_over.links")
	}
	return q
}
