package visits

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // schedulers choose a time zone by name, also where the machine has no list of them

	"housecall/platform/words"
)

// zoneCookie is where the desk's script keeps the name of the browser's time zone. It is no secret and decides nothing but how times look.
const zoneCookie = "housecall_zone"

// chosenCookie keeps the zone that somebody typed when they made a visit. It goes before the browser's own, and the script leaves it alone.
const chosenCookie = "housecall_zone_chosen"

const chosenLife = 365 * 24 * time.Hour // as long as the script's

// readerZone is the time zone of who reads: the one they chose last, else the browser's own where the script has told it, else the desk's.
func (d *Desk) readerZone(r *http.Request) *time.Location {
	for _, name := range []string{chosenCookie, zoneCookie} {
		if zone := zoneOfCookie(r, name); zone != nil {
			return zone
		}
	}
	return d.zone
}

func zoneOfCookie(r *http.Request, cookie string) *time.Location {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	name, err := url.PathUnescape(c.Value)
	if err != nil {
		return nil
	}
	return zoneByName(name)
}

// keepZone lets all pages, and the messages to send, show the zone that was chosen for a visit. The browser's own needs no keeping.
func (d *Desk) keepZone(w http.ResponseWriter, r *http.Request, name string) {
	if name == d.readerZone(r).String() {
		return
	}
	c := &http.Cookie{Name: chosenCookie, Value: url.PathEscape(name), Path: DeskPath, MaxAge: int(chosenLife.Seconds()),
		HttpOnly: true, Secure: d.service.secure, SameSite: http.SameSiteLaxMode}
	if own := zoneOfCookie(r, zoneCookie); own != nil && own.String() == name {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
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

// ZoneWords says a zone as people do: "Berlin time", "New York time", "UTC".
func ZoneWords(zone *time.Location, own *words.Words) string {
	name := zone.String()
	city := strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
	if city == "UTC" {
		return "UTC"
	}
	return own.T("zone.city", "city", city)
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
	fieldDay   = "2006-01-02"
	wholeDay   = 24 * time.Hour
)

// dayStart is midnight, or when a day begins where midnight is jumped over.
func dayStart(t time.Time, zone *time.Location) time.Time {
	y, m, day := t.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}
