package visits

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/store"
)

// Repeat says when a visit comes again: on the same day of the week and at the same time of the clocks of its site, from the first visit on.
type Repeat struct {
	Weeks   int         // from one to the next; 0 with Monthly
	Monthly bool        // on the same day of the week in each month, as the second Tuesday; where the first is on a fifth, on the last
	Count   int         // visits in all; 0 with Until
	Until   sites.Day   // the last day that a visit may be on; 0 with Count
	Except  []sites.Day // on which there is none, although one would be due; they count

	// For whoever was shown the dates before.
	Series string               // its id, so that it is made once however often that is asked for; empty: it gets one
	Seen   map[sites.Day]string // Occurrence.Seen of days on which there may be just these other visits at the same time
}

// Limits of a series.
const (
	MaxRepeats     = 52 // visits
	maxRepeatWeeks = 26 // from one to the next
)

// check says what is wrong with it.
func (r Repeat) check() (wrong []fault.Field) {
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: "repeat." + field, Key: key, Detail: detail})
	}
	if r.Monthly == (r.Weeks != 0) || r.Weeks < 0 || r.Weeks > maxRepeatWeeks {
		add("weeks", "count", fmt.Sprintf("must be from 1 to %d, or monthly be true", maxRepeatWeeks))
	}
	if (r.Count == 0) == (r.Until == 0) || r.Count < 0 || r.Count > MaxRepeats || r.Count == 1 {
		add("count", "count", fmt.Sprintf("must be from 2 to %d, or until be a day", MaxRepeats))
	}
	return wrong
}

// starts are when the visits of a series begin, the first at first. There is one more than MaxRepeats where Until leads further.
func (r Repeat) starts(first time.Time, zone *time.Location) (all []time.Time) {
	local := first.In(zone)
	begin := sites.DayOf(first, zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	for n := 0; len(all) <= MaxRepeats && (r.Count == 0 || len(all) < r.Count); n++ {
		day := begin + sites.Day(7*r.Weeks*n)
		if r.Monthly {
			day = sameWeekday(begin, n)
		}
		if r.Until != 0 && day > r.Until {
			break
		}
		at := day.At(clock, zone)
		if n == 0 {
			at = first // the second of two equal times, when it was that
		}
		all = append(all, at)
	}
	return all
}

// sameWeekday is the same day of the week in the month n months later: the same one from its beginning, or the last for a fifth.
func sameWeekday(first sites.Day, n int) sites.Day {
	m := first.Midnight()
	nth := (m.Day() - 1) / 7
	begin := sites.Date(m.Year(), m.Month()+time.Month(n), 1)
	day := begin + sites.Day((int(m.Weekday())-int(begin.Weekday())+7)%7+7*nth)
	if day.Midnight().Month() != begin.Midnight().Month() {
		day -= 7
	}
	return day
}

// Made is a visit with a link for each person, in their order.
type Made struct {
	Visit Visit
	Links []Link
}

// CreateSeries plans a visit and those that repeat it, each a visit of its own with links of its own: all of them, or none. Of a series that was made before
// under its id it returns the visits as they are, without links, and makes nothing.
func (s *Service) CreateSeries(ctx context.Context, actor auth.Actor, r Request, repeat Repeat) ([]Made, error) {
	var p Practice
	if actor.May(auth.VisitSchedule) {
		r, p = s.dress(ctx, r)
	}
	series, now := cmp.Or(repeat.Series, store.NewID()), s.now()
	var made []Made
	err := s.act(ctx, actor, "series.create", auth.VisitSchedule, store.About("series", series), func(tx *store.Tx, a *store.Act) error {
		before, err := s.seriesRows(ctx, tx, series)
		if err != nil {
			return err
		}
		if len(before) > 0 {
			for _, v := range before {
				made = append(made, Made{Visit: v})
			}
			a.Detail = "made before"
			return nil
		}
		starts, err := s.judgeSeries(r, p, repeat)
		if err != nil {
			return err
		}
		zone := s.zoneOf(p)
		starts = slices.DeleteFunc(starts, func(at time.Time) bool { return slices.Contains(repeat.Except, sites.DayOf(at, zone)) })
		if len(starts) == 0 {
			return fault.InvalidAll(fault.Field{Field: "repeat.except", Key: "none", Detail: "must leave a visit"})
		}
		if err := s.keepPatient(ctx, tx, actor, r); err != nil {
			return err
		}
		var overlaps []Overlap
		for _, at := range starts {
			r.StartsAt = at
			v := s.visitOf(r, store.NewID(), now)
			v.SeriesID = series
			some, err := s.overlaps(ctx, tx, v)
			if err != nil {
				return err
			}
			if seenOf(some) != repeat.Seen[sites.DayOf(at, zone)] {
				overlaps = append(overlaps, some...)
			}
			links, err := s.insert(ctx, tx, actor, &v, r)
			if err != nil {
				return err
			}
			made = append(made, Made{v, links})
			if err := store.Audit(ctx, tx, store.Act{At: now, Actor: actor, Action: "visit.create", Subject: store.About("visit", v.ID), Detail: "people " + strconv.Itoa(len(links)), Outcome: store.Allowed}); err != nil {
				return err
			}
		}
		if len(overlaps) > 0 && !r.AllowOverlap {
			return overlapping(overlaps)
		}
		a.Detail = "visits " + strconv.Itoa(len(made))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// judgeSeries says when the visits of a series begin, or all that is wrong.
func (s *Service) judgeSeries(r Request, p Practice, repeat Repeat) ([]time.Time, error) {
	wrong, err := s.wrongs(r, p)
	if err != nil {
		return nil, err
	}
	wrong = append(wrong, repeat.check()...)
	if r.Identifier != (Identifier{}) {
		wrong = append(wrong, fault.Field{Field: "visit.identifier", Detail: "is for one visit alone"})
	}
	if err := fault.InvalidAll(wrong...); err != nil {
		return nil, err
	}
	starts := repeat.starts(r.StartsAt, s.zoneOf(p))
	switch last := len(starts) - 1; {
	case len(starts) < 2:
		return nil, fault.InvalidAll(fault.Field{Field: "repeat.until", Key: "few", Detail: "must be late enough for a second visit"})
	case len(starts) > MaxRepeats:
		return nil, fault.InvalidAll(fault.Field{Field: "repeat.until", Key: "many", Detail: fmt.Sprintf("must be early enough for at most %d visits", MaxRepeats)})
	case starts[last].After(s.now().Add(horizon)):
		return nil, fault.InvalidAll(fault.Field{Field: "repeat.count", Key: "far", Detail: "must end within the next two years"})
	}
	return starts, nil
}

// zoneOf is the time zone in which a series comes again.
func (s *Service) zoneOf(p Practice) *time.Location {
	if p.Site.Zone != nil {
		return p.Site.Zone
	}
	return s.config.TimeZone
}

// Occurrence is one visit of a series that is not made yet.
type Occurrence struct {
	StartsAt time.Time
	Day      sites.Day // where the site is
	Shifted  bool      // the clocks of the site jump over the time on that day: it begins later
	Overlaps []Overlap
	Site     sites.Calendar // where it is
}

// Seen stands for the other visits at the same time, as they are: it differs where others are, or the same at another time. Empty: there are none.
func (o Occurrence) Seen() string { return seenOf(o.Overlaps) }

func seenOf(all []Overlap) string {
	if len(all) == 0 {
		return ""
	}
	h := sha256.New()
	for _, o := range all {
		fmt.Fprintln(h, o.Field, o.Visit, o.StartsAt.Unix(), o.EndsAt.Unix())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// PreviewSeries is when the visits of a series would be, and what speaks against each. Nothing is made.
func (s *Service) PreviewSeries(ctx context.Context, actor auth.Actor, r Request, repeat Repeat) (all []Occurrence, zone *time.Location, err error) {
	var p Practice
	if actor.May(auth.VisitSchedule) {
		r, p = s.dress(ctx, r)
	}
	zone = s.zoneOf(p)
	err = s.act(ctx, actor, "series.preview", auth.VisitSchedule, store.About("series", ""), func(tx *store.Tx, a *store.Act) error {
		starts, err := s.judgeSeries(r, p, repeat)
		if err != nil {
			return err
		}
		usual := starts[0].In(zone).Format(time.TimeOnly)
		for _, at := range starts {
			r.StartsAt = at
			o := Occurrence{StartsAt: at, Day: sites.DayOf(at, zone), Shifted: at.In(zone).Format(time.TimeOnly) != usual, Site: p.Site.Calendar}
			if o.Overlaps, err = s.overlaps(ctx, tx, s.visitOf(r, "", at)); err != nil {
				return err
			}
			all = append(all, o)
		}
		a.Detail = "visits " + strconv.Itoa(len(all))
		return nil
	})
	return all, zone, err
}

// Series are all visits of the series that a visit belongs to, in order of their start; of none, that visit alone.
func (s *Service) Series(ctx context.Context, actor auth.Actor, visit string) (all []Visit, err error) {
	err = s.act(ctx, actor, "series.read", auth.VisitRead, store.About("visit", visit), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		all = []Visit{v}
		if v.SeriesID != "" {
			all, err = s.seriesRows(ctx, tx, v.SeriesID)
			if err != nil {
				return err
			}
		}
		a.Detail = "visits " + strconv.Itoa(len(all))
		return fillInvitations(ctx, tx, all)
	})
	return all, err
}

// seriesRows are all visits of a series in order of their start, without their invitations.
func (s *Service) seriesRows(ctx context.Context, q store.Queryer, series string) ([]Visit, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
		`SELECT `+visitColumns+` FROM visits WHERE series_id = ? AND series_id <> '' ORDER BY starts_at, id`, series)
	if err != nil {
		return nil, fmt.Errorf("read a series: %w", err)
	}
	return all, nil
}

// CancelRest calls a visit off, and all later ones of its series that have not begun. It returns how many it called off.
func (s *Service) CancelRest(ctx context.Context, actor auth.Actor, visit string) (cancelled int, err error) {
	err = s.act(ctx, actor, "series.cancel", auth.VisitRevoke, store.About("visit", visit), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		ids := []string{v.ID}
		if v.SeriesID != "" {
			ids, err = store.Collect(ctx, tx, scanID, `SELECT id FROM visits WHERE series_id = ? AND series_id <> '' AND starts_at >= ? AND state IN (?, ?) ORDER BY starts_at`,
				v.SeriesID, store.Millis(v.StartsAt), string(Scheduled), string(Open))
			if err != nil {
				return fmt.Errorf("find the rest of a series: %w", err)
			}
		}
		for _, id := range ids {
			row := store.Act{At: a.At, Actor: actor, Action: "visit.cancel", Subject: store.About("visit", id), Outcome: store.Allowed}
			if err := s.cancel(ctx, tx, &row, id); err != nil {
				return err
			}
			if err := store.Audit(ctx, tx, row); err != nil {
				return err
			}
		}
		cancelled = len(ids)
		a.Detail = "visits " + strconv.Itoa(cancelled)
		return nil
	})
	if s.wake(err) != nil {
		return 0, err
	}
	return cancelled, nil
}
