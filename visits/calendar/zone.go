package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a VTIMEZONE says is found in Go's tables, which tell no rules. Where clocks change by the same rule every year
// the file says the rule; elsewhere, as in Morocco, whose clocks go by the moon, it lists the changes around the visit.

const (
	ruleYears   = 28 // after which weekdays and leap years are the same again
	aroundYears = 1  // around the visit, of changes without a rule
)

// change is when clocks in a zone are put forward or back.
type change struct {
	at       time.Time // the first moment of the new offset, UTC
	from, to int       // seconds east of UTC
	name     string    // of the new time, as in CEST
	daylight bool
}

// local is when it happens by clocks that nobody has changed yet: how a VTIMEZONE tells it.
func (c change) local() time.Time { return c.at.Add(time.Duration(c.from) * time.Second) }

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// changes lists the changes of a zone from one moment up to another.
func changes(zone *time.Location, from, to time.Time) (all []change) {
	for t := from.UTC(); ; {
		_, next := t.In(zone).ZoneBounds()
		if !next.After(t) && !next.IsZero() {
			next = t.Add(time.Hour) // on the last day of a leap year Go names a bound that has passed
		}
		if next.IsZero() || !next.Before(to) {
			return all
		}
		t = next.UTC()
		before, after := t.Add(-time.Second).In(zone), t.In(zone)
		was, is := offset(before), offset(after)
		if was == is {
			continue // some bounds are but those of a year
		}
		// Some zones call their winter time the exception. Calendars know but summer time that is ahead.
		daylight := is > was && (before.IsDST() || after.IsDST())
		name, _ := after.Zone()
		all = append(all, change{at: t, from: was, to: is, name: name, daylight: daylight})
	}
}

// comesTwice says whether the clocks of a zone show the time of t twice, because they are put back.
func comesTwice(t time.Time, zone *time.Location) bool {
	own := offset(t.In(zone))
	for _, near := range []time.Time{t.AddDate(0, 0, -1), t.AddDate(0, 0, 1)} {
		other := offset(near.In(zone))
		again := t.Add(time.Duration(own-other) * time.Second)
		if other != own && offset(again.In(zone)) == other {
			return true
		}
	}
	return false
}

// writeZone writes what a zone's clocks do around visits, from the start of the first to the end of the last.
func writeZone(w *writer, zone *time.Location, starts, ends time.Time) {
	w.line("BEGIN", "VTIMEZONE")
	w.text("TZID", zone.String())
	first := time.Date(starts.In(zone).Year()-1, 1, 1, 0, 0, 0, 0, time.UTC)
	if forward, back, ok := yearly(changes(zone, first, first.AddDate(ruleYears, 0, 0))); ok {
		writeObservance(w, forward[0], rule(forward))
		writeObservance(w, back[0], rule(back))
	} else {
		from := starts.AddDate(-aroundYears, 0, 0)
		name, is := from.In(zone).Zone()
		epoch := time.Unix(int64(-is), 0)
		writeObservance(w, change{at: epoch, from: is, to: is, name: name}, "")
		for _, c := range changes(zone, from, ends.AddDate(aroundYears, 0, 0)) {
			writeObservance(w, c, "")
		}
	}
	w.line("END", "VTIMEZONE")
}

func writeObservance(w *writer, c change, rule string) {
	kind := "STANDARD"
	if c.daylight {
		kind = "DAYLIGHT"
	}
	w.line("BEGIN", kind)
	w.line("DTSTART", c.local().UTC().Format(localLayout))
	w.line("TZOFFSETFROM", offsetWords(c.from))
	w.line("TZOFFSETTO", offsetWords(c.to))
	w.text("TZNAME", c.name)
	if rule != "" {
		w.line("RRULE", rule)
	}
	w.line("END", kind)
}

// offsetWords says an offset as in +0530, with seconds where there are any.
func offsetWords(seconds int) string {
	sign := "+"
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	text := fmt.Sprintf("%s%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		text += fmt.Sprintf("%02d", seconds%60)
	}
	return text
}

// yearly parts changes into those forward and those back, when there is one of each in every year, each by one rule.
func yearly(all []change) (forward, back []change, ok bool) {
	for _, c := range all {
		if c.to > c.from {
			forward = append(forward, c)
		} else {
			back = append(back, c)
		}
	}
	return forward, back, rule(forward) != "" && rule(back) != ""
}

// rule is the RRULE of changes in years on end, or empty when there is none.
func rule(all []change) string {
	if len(all) != ruleYears {
		return ""
	}
	first := all[0].local()
	var weeks []int // that the day may be of its month, as BYDAY counts them
	for i, c := range all {
		t := c.local()
		if t.Year() != first.Year()+i || t.Month() != first.Month() || t.Weekday() != first.Weekday() ||
			!slices.Equal(clock(t), clock(first)) || c.from != all[0].from || c.to != all[0].to {
			return ""
		}
		own := []int{(t.Day()-1)/7 + 1}
		if t.AddDate(0, 0, 7).Month() != t.Month() {
			own = append(own, -1)
		}
		if i == 0 {
			weeks = own
		}
		weeks = slices.DeleteFunc(weeks, func(week int) bool { return !slices.Contains(own, week) })
	}
	if len(weeks) == 0 {
		return ""
	}
	return "FREQ=YEARLY;BYMONTH=" + strconv.Itoa(int(first.Month())) + ";BYDAY=" + strconv.Itoa(weeks[0]) + strings.ToUpper(first.Weekday().String()[:2])
}

func clock(t time.Time) []int {
	hour, minute, second := t.Clock()
	return []int{hour, minute, second}
}
