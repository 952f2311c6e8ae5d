package visits

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"housecall/platform/sites"
	"housecall/platform/store"
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

// span is when somebody who leads visits has one.
type span struct {
	clinician string
	from, to  time.Time
}

// occupied is when clinicians have visits that are not over and start from one time to another, whatever their sites and services.
func (s *Service) occupied(ctx context.Context, from, to time.Time) ([]span, error) {
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (o span, err error) {
		var starts, ends int64
		err = r.Scan(&o.clinician, &starts, &ends)
		o.from, o.to = store.Time(starts), store.Time(ends)
		return o, err
	}, `SELECT clinician_id, starts_at, ends_at FROM visits WHERE starts_at >= ? AND starts_at < ? AND state NOT IN (?, ?, ?)`,
		store.Millis(from), store.Millis(to), string(Cancelled), string(Ended), string(NoShow))
	if err != nil {
		return nil, fmt.Errorf("read who has visits: %w", err)
	}
	return all, nil
}

// occupy says of each group when it has no time, and gives that of clinicians. Where filters hide visits, all of theirs are asked for: who has them is not free.
func (v *scheduleView) occupy(ctx context.Context, s *Service, q Query, groups []*group) (map[string][]span, error) {
	busy := map[string][]span{}
	if v.By == byLeader && (q.SiteID != "" || q.ServiceID != "" || len(q.States) > 0) {
		all, err := s.occupied(ctx, q.From, q.To)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			busy[o.clinician] = append(busy[o.clinician], o)
		}
		for _, g := range groups {
			g.busy = busy[g.id]
		}
		return busy, nil
	}
	for _, g := range groups {
		for _, visit := range g.visits {
			if !visit.State.Over() {
				g.busy = append(g.busy, span{g.id, visit.StartsAt, visit.EndsAt})
			}
		}
	}
	return busy, nil
}

// addFree adds the clinicians who have nothing planned from a day on: to the groups where there are few, else as a list of names. A clinician who was chosen is
// always shown.
func (v *scheduleView) addFree(s *Service, first sites.Day, days int, groups []*group, busy map[string][]span) []*group {
	if v.By != byLeader {
		return groups
	}
	if v.Clinician != "" {
		if len(groups) == 0 {
			groups = append(groups, &group{id: v.Clinician, title: v.leader[v.Clinician], busy: busy[v.Clinician]})
		}
		return groups
	}
	today := sites.DayOf(s.now(), v.zone)
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
	return slices.ContainsFunc(g.busy, func(o span) bool { return o.from.Before(at.Add(slotMinutes*time.Minute)) && o.to.After(at) })
}
