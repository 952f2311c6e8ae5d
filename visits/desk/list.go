package desk

import (
	"context"
	"net/http"
	"slices"

	"housecall/auth"
	"housecall/platform/web"
	"housecall/visits"
)

func (d *Desk) list(w http.ResponseWriter, r *http.Request) {
	actor, own := web.Actor(r.Context()), d.config.Pages.Words(r)
	zone, err := d.zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	l := newList(d.config.Now(), r.URL.Query(), zone, own)
	all, err := d.collect(r.Context(), actor, &l)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	opened, err := d.config.Visits.Opened(r.Context(), actor, all)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	away, err := d.away(r.Context(), zone)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	l.fill(d, all, opened, away, zone, own)
	l.MaySchedule = actor.May(auth.VisitSchedule)
	if d.notice != nil {
		text, path, err := d.notice(r.Context(), web.Actor(r.Context()), own)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		l.Notice = choice{path, text}
	}
	for _, link := range d.config.Beside {
		if actor.May(link.Action) {
			l.Beside = append(l.Beside, choice{link.Path, own.T(link.Words)})
		}
	}
	d.config.Pages.Render(w, r, http.StatusOK, "desk/list", web.Page{Title: l.Title, Wide: true, Active: Path, Body: l})
}

// collect reads what a list shows: one page of the days to come, all of a bounded past, in the order of the list.
func (d *Desk) collect(ctx context.Context, actor auth.Actor, l *listView) ([]visits.Visit, error) {
	page, err := d.config.Visits.List(ctx, actor, l.query)
	if err != nil {
		return nil, err
	}
	all := page.Visits
	if l.When != whenPast {
		l.next = page.Next
		return all, nil
	}
	for page.Next != "" && len(all) < pastShown {
		l.query.Cursor = page.Next
		if page, err = d.config.Visits.List(ctx, actor, l.query); err != nil {
			return nil, err
		}
		all = append(all, page.Visits...)
	}
	slices.Reverse(all)
	return all, nil
}
