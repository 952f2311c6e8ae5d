package visits

import (
	"fmt"
	"net/http"
	"time"
)

// linksView is the page that shows links: of everybody in a visit, or of one person.
type linksView struct {
	Back, Service, Day, Starts, Opens, Closes string
	Zone                                      zoneView
	Links                                     []linkView
	Made                                      bool // the visit has just been made
	One                                       bool // of one person
	New                                       bool // it has just replaced another
	Added                                     bool // the person has just been added
	AskBirthDate                              bool

	site string
	at   string // the time in words, for messages
}

// linkView is one person's link. It is a credential: the page that shows it is never kept (Cache-Control: no-store).
type linkView struct {
	ID, Name, Role, URL string
	Message             string // ready to be sent; without anything clinical, since others may read a phone's screen
	AsksBirthDate       bool
}

func (d *Desk) newLinksView(v Visit, r *http.Request) linksView {
	zone := d.readerZone(r)
	starts := v.StartsAt.In(zone)
	view := linksView{
		Back: visitPath(v.ID), Service: v.Service, Day: starts.Format(dayLayout), Starts: starts.Format(clockLayout),
		Opens: moment(v.OpensAt, starts, zone), Closes: moment(v.ClosesAt, starts, zone), Zone: newZoneView(zone),
		AskBirthDate: v.AskBirthDate, site: d.service.config.Site,
	}
	view.at = fmt.Sprintf("%s at %s (%s)", view.Day, view.Starts, view.Zone.Words)
	return view
}

func (l *linksView) add(k Link) {
	asks := l.AskBirthDate && OfFamily(k.Invitation.Role)
	message := fmt.Sprintf("Your video visit with %s is on %s.", l.site, l.at)
	message += fmt.Sprintf(" Open this link from %s on, on a phone or computer with a camera: %s", l.Opens, k.URL)
	if asks {
		message += " We will ask for the patient's date of birth."
	}
	message += " The link is only for you. Please do not pass it on."
	l.Links = append(l.Links, linkView{ID: k.Invitation.ID, Name: k.Invitation.Name.Reveal(), Role: roleWords(k.Invitation.Role), URL: k.URL,
		Message: message, AsksBirthDate: asks})
}

// question is a page that asks before something is done.
type question struct {
	Title  string
	Text   []string // what will happen
	Yes    string   // the button that does it
	No     string   // the link that does not
	Danger bool
	Action string // path that Yes posts to
	Back   string // path of the visit
	About  []fact
	Stop   string // why it cannot be done; then there is no button
}

type fact struct{ Term, Text string }

func aboutVisit(v Visit, zone *time.Location) []fact {
	starts := v.StartsAt.In(zone)
	return []fact{{"Visit", v.Service}, {"Starts", starts.Format(dayLayout) + " at " + starts.Format(clockLayout) + ", " + zoneWords(zone)}}
}

func cancelQuestion(v Visit, _ Invitation, s *Service, zone *time.Location) question {
	q := question{Title: "Cancel this visit?", Yes: "Cancel visit", No: "Keep the visit", Danger: true, About: aboutVisit(v, zone),
		Text: []string{"All its links stop working, and nobody can come in any more. This cannot be undone.",
			"Nobody is told. Please let the people know yourself."}}
	if v.State == InProgress {
		q.Text = append([]string{"The visit is going on now. Everybody in it will be cut off at once."}, q.Text...)
	}
	if _, ok := next(v.State, eventCancel); !ok || v.State.Over() {
		q.Stop = "This visit is over already, so it cannot be cancelled."
	}
	for _, i := range v.Invitations {
		if !i.Revoked() {
			q.About = append(q.About, fact{roleWords(i.Role), i.Name.Reveal()})
		}
	}
	return q
}

func revokeQuestion(v Visit, i Invitation, s *Service, zone *time.Location) question {
	q := question{Title: "Revoke this link?", Yes: "Revoke link", No: "Keep the link", Danger: true,
		Text: []string{"It stops working at once. If somebody has come in by it, they are cut off.",
			"To let this person in again, add them to the visit once more: they get another link."}}
	q.About = append([]fact{{roleWords(i.Role), i.Name.Reveal()}}, aboutVisit(v, zone)...)
	if i.Revoked() {
		q.Stop = "This link was revoked before."
	}
	return q
}

func newLinkQuestion(v Visit, i Invitation, s *Service, zone *time.Location) question {
	q := question{Title: "Make a new link?", Yes: "Make a new link", No: "Keep the old link",
		Text: []string{"The old link stops working at once. If somebody has come in by it, they are cut off and need the new one.",
			"This is right when a link went to the wrong person. To send the same link once more, use Send again."}}
	q.About = append([]fact{{roleWords(i.Role), i.Name.Reveal()}}, aboutVisit(v, zone)...)
	switch {
	case i.Revoked():
		q.Stop = "This link was revoked. Add the person to the visit once more instead."
	case s.over(v):
		q.Stop = "The visit is over, so its links work no more."
	}
	return q
}
