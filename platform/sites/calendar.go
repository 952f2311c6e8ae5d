package sites

import (
	"slices"
	"time"
)

// Calendar says which days a site works, and until when what comes in counts for the day.
type Calendar struct {
	Zone     *time.Location
	Weekend  []time.Weekday // never all seven
	Holidays []Holiday
	CutOff   time.Duration // since midnight
}

// Holiday is a day on which a site does not work.
type Holiday struct {
	Day  Day
	Name string // what staff read
}

// Pause is a time that does not count, from From (included) to To (excluded).
type Pause struct{ From, To time.Time }

// Business says whether the site works on a day.
func (c Calendar) Business(d Day) bool {
	_, holiday := c.HolidayOn(d)
	return !holiday && !slices.Contains(c.Weekend, d.Weekday())
}

// HolidayOn is the holiday that a day is, if it is one.
func (c Calendar) HolidayOn(d Day) (Holiday, bool) {
	if i := slices.IndexFunc(c.Holidays, func(h Holiday) bool { return h.Day == d }); i >= 0 {
		return c.Holidays[i], true
	}
	return Holiday{}, false
}

// Next is the first business day after a day.
func (c Calendar) Next(d Day) Day {
	for d++; !c.Business(d); d++ {
	}
	return d
}

// CutOffOn is when the site's day d ends for what comes in.
func (c Calendar) CutOffOn(d Day) time.Time { return d.At(c.CutOff, c.Zone) }

// Start is day 0 of what starts at t: the day of t, or the next business day when t is after the cut-off or on a day on which the site does not work. What
// starts later never has an earlier day 0.
func (c Calendar) Start(t time.Time) Day {
	d := DayOf(t, c.Zone)
	if c.Business(d) && !t.After(c.CutOffOn(d)) {
		return d
	}
	return c.Next(d)
}

// Due is the day by which what starts at t must be done: so many business days after day 0. It moves by one more for each business day that has its
// cut-off inside of a pause, or of several. Pauses that come later than what is due move nothing.
func (c Calendar) Due(t time.Time, days int, pauses ...Pause) Day {
	d := c.Start(t)
	for {
		if !c.paused(d, pauses) {
			days--
		}
		if days < 0 {
			return d
		}
		d = c.Next(d)
	}
}

// paused says whether the cut-off of a day is inside of a pause.
func (c Calendar) paused(d Day, pauses []Pause) bool {
	at := c.CutOffOn(d)
	return slices.ContainsFunc(pauses, func(p Pause) bool { return !at.Before(p.From) && at.Before(p.To) })
}
