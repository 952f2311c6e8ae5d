package desk

import (
	"context"
	"time"
	_ "time/tzdata" // sites have a time zone by name, also where the machine has no list of them

	"housecall/platform/sites"
	"housecall/visits"
)

// zone is the time zone of the hospital's first site, in which staff read what is of all sites.
func (d *Desk) zone(ctx context.Context) (*time.Location, error) {
	return d.zoneOf(ctx, visits.Visit{})
}

// zoneOf is the time zone of a visit's site, in which staff read all of its times: a hospital's day has one clock, wherever somebody looks at it from.
func (d *Desk) zoneOf(ctx context.Context, v visits.Visit) (*time.Location, error) {
	site, err := d.config.Visits.SiteOf(ctx, v)
	return site.Zone, err
}

// away are the sites whose clocks are others than those of a zone, by their ids.
func (d *Desk) away(ctx context.Context, zone *time.Location) (map[string]sites.Site, error) {
	if d.config.Sites == nil {
		return nil, nil
	}
	all, err := d.config.Sites.All(ctx)
	found := map[string]sites.Site{}
	for _, s := range all {
		if s.Zone.String() != zone.String() {
			found[s.ID] = s
		}
	}
	return found, err
}

// zoneByName finds a time zone such as Europe/Berlin; nil when there is none of that name.
func zoneByName(name string) *time.Location {
	// "" and "Local" would be whatever the machine has: nobody's choice.
	if name == "" || name == "Local" || len(name) > 64 {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// instant reads a day and a time of day in a zone. exists is false for a time that the clocks jump over in spring; of a time that comes
// twice in autumn it is the first.
func instant(day, clock string, zone *time.Location) (at time.Time, exists bool, err error) {
	const layout = "2006-01-02 15:04"
	at, err = time.ParseInLocation(layout, day+" "+clock, zone)
	if err != nil {
		return time.Time{}, false, err
	}
	if earlier := at.Add(-time.Hour); earlier.Format(layout) == at.Format(layout) {
		at = earlier
	}
	return at.UTC(), at.Format(layout) == day+" "+clock, nil
}

const (
	fieldClock = "15:04"
	fieldDay   = time.DateOnly
	wholeDay   = 24 * time.Hour
)

// dayStart is midnight, or when a day begins where midnight is jumped over.
func dayStart(t time.Time, zone *time.Location) time.Time {
	y, m, day := t.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}
