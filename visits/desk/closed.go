package desk

import (
	"context"

	"housecall/platform/sites"
	"housecall/platform/words"
	"housecall/visits"
)

// ClosedWords say why a site does not work on a day; empty: it does.
func ClosedWords(site sites.Calendar, day sites.Day, own *words.Words) string {
	holiday, is := site.HolidayOn(day)
	switch {
	case is && holiday.Name != "":
		return own.T("desk.closed.holiday", "name", holiday.Name)
	case is:
		return own.T("desk.closed")
	case !site.Business(day):
		return own.T("desk.closed.weekend")
	}
	return ""
}

// closedOn is ClosedWords of the day on which a visit begins; empty also of a visit that is over, which nobody would move.
func (d *Desk) closedOn(ctx context.Context, v visits.Visit, own *words.Words) (string, error) {
	if d.config.Visits.Over(v) {
		return "", nil
	}
	site, err := d.config.Visits.SiteOf(ctx, v)
	if err != nil {
		return "", err
	}
	return ClosedWords(site.Calendar, sites.DayOf(v.StartsAt, site.Zone), own), nil
}
