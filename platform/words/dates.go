package words

import (
	"fmt"
	"strings"
	"time"
)

// Dates and times on server-rendered pages. Go has no CLDR dates; the catalogue has the names and the patterns, and a test compares them with
// those of the browsers' Intl. Times of day are told in 24 hours everywhere: desks are dense, and nobody mistakes 15:00.

// Clock says a time of day: 15:00.
func (w *Words) Clock(t time.Time) string { return t.Format("15:04") }

// DayMonth says a day without its year: 24 November.
func (w *Words) DayMonth(t time.Time) string { return w.date("date.short", t) }

// Date says a day: 24 November 2026.
func (w *Words) Date(t time.Time) string { return w.date("date.long", t) }

// Day says a day with its weekday: Tuesday 24 November 2026.
func (w *Words) Day(t time.Time) string { return w.date("date.full", t) }

// Weekday says a day where the year goes without saying: Tuesday 24 November.
func (w *Words) Weekday(t time.Time) string { return w.date("date.day", t) }

// Moment says a day and a time of day: 24 November 2026 at 15:00.
func (w *Words) Moment(t time.Time) string {
	return w.T("date.moment", "date", w.Date(t), "time", w.Clock(t))
}

// Zone says a time zone as people do: Berlin time, New York time, UTC.
func (w *Words) Zone(zone *time.Location) string {
	name := zone.String()
	city := strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
	if city == "UTC" {
		return city
	}
	return w.T("zone.city", "city", city)
}

func (w *Words) date(pattern string, t time.Time) string {
	return w.T(pattern, "weekday", w.T(fmt.Sprintf("date.weekday.%d", t.Weekday())), "day", t.Day(),
		"month", w.T(fmt.Sprintf("date.month.%d", t.Month())), "year", t.Year())
}
