package desk

import (
	"cmp"
	"slices"
	"time"

	"housecall/platform/sites"
	"housecall/visits"
)

// group is the visits of one clinician or one service.
type group struct {
	id, title string
	visits    []visits.Planned
	busy      []visits.Busy
}

// serviceOf is what a visit stands under where the schedule is by service: its service, by whatever words it is called, or else its words, which may be those of
// a service that the site has got since.
func (v *scheduleView) serviceOf(visit visits.Planned) (id, title string) {
	for _, s := range v.Services {
		if s.Value == visit.ServiceID || visit.ServiceID == "" && visits.SameService(s.Text, visit.Service) {
			return s.Value, s.Text
		}
	}
	return visit.ServiceID, visit.Service
}

// groups parts visits by what the schedule is by, in the order of their titles; what has no name comes last.
func (v *scheduleView) groups(all []visits.Planned) []*group {
	var out []*group
	known := map[[2]string]*group{}
	for _, visit := range all {
		id, title := visit.ClinicianID, v.leader[visit.ClinicianID]
		if v.By == byService {
			id, title = v.serviceOf(visit)
		} else if title == "" {
			title = v.own.T("desk.schedule.nobody")
		}
		g, there := known[[2]string{id, title}]
		if !there {
			g = &group{id: id, title: title}
			known[[2]string{id, title}] = g
			out = append(out, g)
		}
		g.visits = append(g.visits, visit)
	}
	slices.SortStableFunc(out, func(a, b *group) int {
		switch {
		case a.id == "" && b.id != "":
			return 1
		case a.id != "" && b.id == "":
			return -1
		}
		return cmp.Compare(a.title, b.title)
	})
	return out
}

// hours fills a day: a row for each half hour, a column for each group.
func (v *scheduleView) hours(d *Desk, groups []*group) {
	from, to := dayBegins, dayEnds
	for _, g := range groups {
		v.Columns = append(v.Columns, scheduleColumn{Text: g.title})
		for _, visit := range g.visits {
			begin, end := v.clock(visit)
			from, to = min(from, begin/60*60), max(to, end)
		}
	}
	if len(groups) == 0 {
		return
	}
	said := v.own.DayMonth(v.day.Midnight())
	for at := from; at < to; at += slotMinutes {
		starts := v.day.At(time.Duration(at)*time.Minute, v.zone)
		row := scheduleRow{Title: v.own.Clock(starts), Free: true}
		for _, g := range groups {
			cell := scheduleCell{Column: g.title}
			for _, visit := range g.visits {
				begin, _ := v.clock(visit)
				if begin/slotMinutes*slotMinutes == at {
					cell.Visits = append(cell.Visits, v.visit(d, visit))
				}
			}
			row.Free = row.Free && len(cell.Visits) == 0
			if v.MaySchedule && starts.After(d.config.Now()) && !g.busyAt(starts) {
				v.plan(&cell, v.day, said, sites.FormatClock(time.Duration(at)*time.Minute), g)
			}
			row.Cells = append(row.Cells, cell)
		}
		v.Rows = append(v.Rows, row)
	}
}

// clock is when a visit begins and ends on the shown day, in minutes of its clock; what ends later ends with the day.
func (v *scheduleView) clock(visit visits.Planned) (begin, end int) {
	starts, ends := visit.StartsAt.In(v.zone), visit.EndsAt.In(v.zone)
	begin, end = starts.Hour()*60+starts.Minute(), ends.Hour()*60+ends.Minute()
	if end <= begin {
		end = 24 * 60
	}
	return begin, end
}

// close says above the grid, which may have nothing in it, on which days the site does not work: of a week its holidays alone, since everybody knows the weekend.
func (v *scheduleView) close(first sites.Day, days int) {
	for n := range days {
		day := first + sites.Day(n)
		why := ClosedWords(v.site, day, v.own)
		_, holiday := v.site.HolidayOn(day)
		switch {
		case why == "":
		case v.View == viewDay:
			v.Closed = append(v.Closed, closedDay{Why: why})
		case holiday:
			v.Closed = append(v.Closed, closedDay{v.own.DayMonth(day.Midnight()), why})
		}
	}
}

// days fills a week, or a day of more groups than a screen has room for beside each other: a row for each group, a column for each day.
func (v *scheduleView) days(d *Desk, first sites.Day, days int, groups []*group) {
	today := sites.DayOf(d.config.Now(), v.zone)
	said := make([]string, days) // each day, once
	for n := range said {
		day := (first + sites.Day(n)).Midnight()
		v.Columns, said[n] = append(v.Columns, scheduleColumn{v.own.Weekday(day), ClosedWords(v.site, first+sites.Day(n), v.own)}), v.own.DayMonth(day)
	}
	for _, g := range groups {
		row := scheduleRow{Title: g.title, Cells: make([]scheduleCell, days), Free: len(g.visits) == 0}
		for _, visit := range g.visits {
			cell := &row.Cells[sites.DayOf(visit.StartsAt, v.zone)-first]
			cell.Visits = append(cell.Visits, v.visit(d, visit))
		}
		for n := range row.Cells {
			day := first + sites.Day(n)
			row.Cells[n].Column = v.Columns[n].read()
			if v.MaySchedule && day >= today {
				v.plan(&row.Cells[n], day, said[n], "", g)
			}
		}
		v.Rows = append(v.Rows, row)
	}
}

// plan leads from a cell to the form for a visit there, unless it would be with somebody who leads no more.
func (v *scheduleView) plan(cell *scheduleCell, day sites.Day, said, clock string, g *group) {
	clinician, service := v.Clinician, v.Service
	switch {
	case v.By == byService:
		service = g.id
	case g.id != "" && !v.leads[g.id]:
		return
	default:
		clinician = g.id
	}
	cell.New = v.newPath(day, clock, clinician, service)
	cell.NewFor = v.own.T("desk.schedule.new", "who", g.title, "day", said, "time", clock)
}

func (v *scheduleView) visit(d *Desk, visit visits.Planned) scheduleVisit {
	starts, ends := v.own.Clock(visit.StartsAt.In(v.zone)), v.own.Clock(visit.EndsAt.In(v.zone))
	out := scheduleVisit{Path: visitPath(visit.ID), When: starts + "–" + ends, Patient: visit.Patient.Reveal(), Service: visit.Service,
		Starts: visit.StartsAt.Format(time.RFC3339), State: d.stateWords(visit.Visit, v.own), Over: d.config.Visits.Over(visit.Visit)}
	if v.By == byService { // else the column says it
		out.Leader = v.leader[visit.ClinicianID]
	}
	out.Interpreted = d.interpreterState(visit.Visit, v.own)
	out.Devices = d.devicesState(visit.Visit, visit.Tested, v.own)
	if v.MaySchedule && d.config.Visits.MayMove(visit.Visit) {
		out.Move = out.Path + "/move"
	}
	return out
}
