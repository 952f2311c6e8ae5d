package reminders

import (
	"context"
	"net/http"
	"slices"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
)

// UnsettledPath is the list of messages that somebody must look at.
const UnsettledPath = desk.Path + "/messages"

// unsettled is how many of them are listed, the latest first.
const unsettled = 200

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: UnsettledPath, Words: "reminders.unsettled.title", Action: auth.VisitSchedule, Group: web.GroupInsight, About: "reminders.unsettled.about"}}
}

// unsettledRoutes adds the page.
func (d *Desk) unsettledRoutes(routes *web.Routes) {
	schedule := web.Staff(auth.VisitSchedule)
	routes.HandleFunc("GET "+UnsettledPath, schedule, d.unsettled)
	routes.HandleFunc("POST "+UnsettledPath+"/{message}/again", schedule, d.settle)
}

// Notice says on the desk how many messages somebody must look at, and where; "": none, or the reader is not who does.
func (d *Desk) Notice(ctx context.Context, actor auth.Actor, own *words.Words) (text, path string, err error) {
	if !d.service.config.Policy.Allows(actor, auth.VisitSchedule) {
		return "", "", nil
	}
	all, err := d.service.config.Outbox.Backlogs(ctx)
	n := 0
	for _, b := range all {
		n += b.Unsure + b.Failed
	}
	if err != nil || n == 0 {
		return "", "", err
	}
	return own.N("reminders.unsettled.count", n), UnsettledPath, nil
}

type unsettledView struct {
	Path, Done string
	Messages   []unsettledLine
}

// unsettledLine is a message with what it is about, as far as that is a visit.
type unsettledLine struct {
	messageView
	Visit, VisitPath string // its service and time; "": it is about none
	Path             string // the visit's page
	Name, Role       string // of whom it was written to; "": it was to nobody of the visit
	Due              string // when it was to be sent
}

func (d *Desk) unsettled(w http.ResponseWriter, r *http.Request) {
	ctx, own := r.Context(), d.pages.Words(r)
	all, err := d.service.config.Outbox.Unsettled(ctx, unsettled)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	abouts := make([]string, len(all))
	for i, m := range all {
		abouts[i] = m.About
	}
	about, err := d.service.config.Visits.ListOf(ctx, web.Actor(ctx), abouts)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	first, err := d.zone(ctx)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	view, zoneOf := unsettledView{Path: UnsettledPath}, d.service.zones(ctx)
	view.Done, _ = done(r, own)
	for _, m := range all {
		v, ofVisit := about[m.About]
		zone := first
		if ofVisit {
			if zone, err = zoneOf(v); err != nil {
				web.Problem(w, r, err)
				return
			}
		}
		line := unsettledLine{messageView: messageOf(m, zone, own), Due: own.T("desk.at_zone", "at", own.Moment(m.At.In(zone)), "zone", own.Zone(zone))}
		if ofVisit {
			line.Path = desk.Path + "/visits/" + v.ID
			line.Visit, line.VisitPath = own.T("reminders.unsettled.visit", "service", v.Service, "when",
				own.T("desk.at_zone", "at", own.Moment(v.StartsAt.In(zone)), "zone", own.Zone(zone))), line.Path+"/messages"
			line.Name, line.Role = writtenTo(m, v, own)
		}
		if !slices.Contains(kinds(), m.Kind) {
			line.Kind = own.T("reminders.unsettled.other")
		}
		view.Messages = append(view.Messages, line)
	}
	d.pages.Render(w, r, http.StatusOK, "reminders/unsettled", web.Page{Title: own.T("reminders.unsettled.title"), Wide: true, Active: UnsettledPath, Body: view})
}

// writtenTo is who of a visit a message was written to, as the visit's page calls them.
func writtenTo(m notify.Status, v visits.Visit, own *words.Words) (name, role string) {
	k, err := parseKey(m.Key)
	if err != nil {
		return "", ""
	}
	at := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.ID == k.invitation })
	if at < 0 {
		return "", ""
	}
	return v.Invitations[at].Name.Reveal(), own.T("role." + string(v.Invitations[at].Role))
}

// settle has one of them sent again.
func (d *Desk) settle(w http.ResponseWriter, r *http.Request) {
	if err := d.service.Again(r.Context(), web.Actor(r.Context()), "", r.PathValue("message")); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, UnsettledPath+"?done=again")
}
