package sites

import (
	"fmt"
	"time"

	"housecall/platform/typed"
)

// Day is a day of the calendar, without a time zone: the days since 1 January 1970.
type Day int

// DayOf is the day that a moment falls on in a time zone.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return Date(y, m, d)
}

// Date is a day by its year, month and day.
func Date(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400) // exact, before 1970 too: midnight in UTC is a multiple
}

// ParseDay reads a day as in 2026-11-24.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, typed.Digits(s))
	if err != nil {
		return 0, fmt.Errorf("%q is no day as in 2026-11-24", s)
	}
	return DayOf(t, time.UTC), nil
}

// Midnight is the day's midnight in UTC, for what formats dates.
func (d Day) Midnight() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return d.Midnight().Weekday() }

// String is the day as in 2026-11-24.
func (d Day) String() string { return d.Midnight().Format(time.DateOnly) }

// At is when a clock in zone shows a time of that day; clock is since midnight. A time that comes twice, because the clocks go back, is the first
// of both; of one that is skipped it is the moment at which the clocks go forward.
func (d Day) At(clock time.Duration, zone *time.Location) time.Time {
	wall := d.Midnight().Add(clock) // what the clock shows, written down in UTC
	y, m, day := wall.Date()
	t := time.Date(y, m, day, wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	begin, end := t.ZoneBounds()
	switch shown := wallOf(t); {
	case shown.Before(wall): // skipped, and t lies before the change
		return end
	case shown.After(wall): // skipped, and t lies after it
		return begin
	case begin.IsZero(): // nothing changed before
		return t
	}
	_, offset := begin.Add(-1).Zone()
	if first := wall.Add(-time.Duration(offset) * time.Second); first.Before(begin) {
		return first.In(zone)
	}
	return t
}

// wallOf is what a clock at t shows, written down in UTC.
func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
