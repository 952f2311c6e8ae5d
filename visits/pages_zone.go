package visits

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // schedulers choose a time zone by name, also where the machine has no list of them
)

// zoneCookie is where the desk's script keeps the name of the browser's time zone. It is no secret and decides nothing but how times look.
const zoneCookie = "housecall_zone"

// readerZone is the time zone of who reads: the browser's own where the script has told it, else the desk's.
func (d *Desk) readerZone(r *http.Request) *time.Location {
	if c, err := r.Cookie(zoneCookie); err == nil {
		if name, err := url.PathUnescape(c.Value); err == nil {
			if zone := zoneByName(name); zone != nil {
				return zone
			}
		}
	}
	return d.zone
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

// zoneWords says a zone as people do: "Berlin time", "New York time", "UTC".
func zoneWords(zone *time.Location) string {
	name := zone.String()
	city := strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
	if city == "UTC" {
		return "UTC"
	}
	return city + " time"
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
	dayLayout    = "Monday 2 January 2006"
	shortLayout  = "Mon 2 Jan 2006"
	clockLayout  = "15:04"
	momentLayout = "2 January 2006 at 15:04"
	fieldDay     = "2006-01-02"
	wholeDay     = 24 * time.Hour
)

// dayStart is midnight, or when a day begins where midnight is jumped over.
func dayStart(t time.Time, zone *time.Location) time.Time {
	y, m, day := t.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}
