package desk

import (
	"context"
	"slices"
	"time"

	"housecall/platform/sites"
	"housecall/visits"
)

// mostEmpty is how many clinicians a schedule shows beside each other where some have nothing planned: as many as a laptop shows at once. Of more of them,
// those who have nothing are a list of names.
const mostEmpty = 6

// freeView is clinicians without a visit in the schedule that is shown.
type freeView struct {
	Title string
	Open  bool // the list is shown at first
	Thin  bool // for phones alone, which show no empty columns
	All   []freeClinician
}

// freeClinician leads to somebody's own schedule, and to the form for a visit with them.
type freeClinician struct{ Name, Path, New, NewFor string }

// occupy says of each group when it has no time, and gives that of clinicians. Where filters hide visits, all of theirs are asked for: who has them is not free.
func (v *scheduleView) occupy(ctx context.Context, d *Desk, q visits.Query, groups []*group) (map[string][]visits.Busy, error) {
	busy := map[string][]visits.Busy{}
	if v.By == byLeader && (q.SiteID != "" || q.ServiceID != "" || len(q.States) > 0) {
		all, err := d.config.Visits.Occupied(ctx, q.From, q.To)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			busy[o.Clinician] = append(busy[o.Clinician], o)
		}
		for _, g := range groups {
			g.busy = busy[g.id]
		}
		return busy, nil
	}
	for _, g := range groups {
		for _, visit := range g.visits {
			if !visit.State.Over() {
				g.busy = append(g.busy, visits.Busy{Clinician: g.id, From: visit.StartsAt, To: visit.EndsAt})
			}
		}
	}
	return busy, nil
}

// addFree adds the clinicians who have nothing planned from a day on: to the groups where there are few, else as a list of names. A clinician who was chosen is
// always shown.
func (v *scheduleView) addFree(d *Desk, first sites.Day, days int, groups []*group, busy map[string][]visits.Busy) []*group {
	if v.By != byLeader {
		return groups
	}
	if v.Clinician != "" {
		if len(groups) == 0 {
			groups = append(groups, &group{id: v.Clinician, title: v.leader[v.Clinician], busy: busy[v.Clinician]})
		}
		return groups
	}
	today := sites.DayOf(d.config.Now(), v.zone)
	if first+sites.Day(days) <= today { // nobody is free on a day that is past
		return groups
	}
	var free, elsewhere []choice
	for _, c := range v.Clinicians {
		switch {
		case slices.ContainsFunc(groups, func(g *group) bool { return g.id == c.Value }):
		case len(busy[c.Value]) > 0:
			elsewhere = append(elsewhere, c)
		default:
			free = append(free, c)
		}
	}
	day, few := max(first, today), len(groups)+len(free) <= mostEmpty
	v.Nothing = len(groups) == 0
	v.freeList("free_"+v.View, day, free, few)
	v.freeList("elsewhere_"+v.View, day, elsewhere, false)
	if few {
		for _, c := range free {
			groups = append(groups, &group{id: c.Value, title: c.Text})
		}
	}
	return groups
}

// freeList adds a list of names.
func (v *scheduleView) freeList(key string, day sites.Day, all []choice, thin bool) {
	if len(all) == 0 {
		return
	}
	list := freeView{Title: v.own.T("desk.schedule."+key, "count", len(all)), Open: v.Nothing || len(all) <= mostColumns, Thin: thin}
	said := v.own.DayMonth(day.Midnight())
	for _, c := range all {
		one := freeClinician{Name: c.Text, Path: v.path("clinician", c.Value)}
		if v.MaySchedule {
			one.New, one.NewFor = v.newPath(day, "", c.Value, v.Service), v.own.T("desk.schedule.new", "who", c.Text, "day", said, "time", "")
		}
		list.All = append(list.All, one)
	}
	v.Free = append(v.Free, list)
}

// busyAt says whether a group has a visit at some time of the half hour that begins at a time.
func (g *group) busyAt(at time.Time) bool {
	return slices.ContainsFunc(g.busy, func(o visits.Busy) bool { return o.From.Before(at.Add(slotMinutes*time.Minute)) && o.To.After(at) })
}
