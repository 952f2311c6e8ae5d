package calendar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"housecall/visits/calendar"
)

// zones of every kind: with summer time in the north and the south, by rules that no weekday of a month tells, by half an hour, by the moon, by a winter
// time that is the exception, given up, and without.
var zones = []string{"Europe/Berlin", "America/New_York", "America/Phoenix", "Australia/Sydney", "Pacific/Auckland", "America/Santiago", "Australia/Lord_Howe",
	"Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Africa/Casablanca", "Africa/Cairo", "Asia/Jerusalem", "Asia/Gaza", "Europe/Dublin", "America/Nuuk", "America/Havana",
	"America/Sao_Paulo", "Africa/Lagos", "Etc/GMT+5", "UTC"}

// TestInstants has two libraries find out, by what the file itself says of its zone, when visits around each change of the clocks are.
func TestInstants(t *testing.T) {
	js, py := icalJS(t), icalendarPy(t)
	for _, name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files [][]byte
			var want []time.Time
			for _, starts := range around(zone(t, name)) {
				e := event(t, "en")
				e.UID, e.Zone, e.Starts, e.Ends = fmt.Sprint(len(files)), zone(t, name), starts, starts.Add(45*time.Minute)
				files, want = append(files, e.File(calendar.Invite, made)), append(want, starts)
			}
			for library, r := range map[string]*reader{"ical.js": js, "icalendar": py} {
				got := r.read(t, files...)
				if len(got) != len(want) {
					t.Fatalf("%s: %d events of %d", library, len(got), len(want))
				}
				for i, g := range got {
					if g.Starts != iso(want[i]) || g.Ends != iso(want[i].Add(45*time.Minute)) {
						t.Errorf("%s: got %s to %s, want %s\n%s", library, g.Starts, g.Ends, want[i], files[i])
						break
					}
				}
			}
		})
	}
}

// around gives moments near each change of a zone's clocks from 2026 to 2028, and in the middle of each month.
func around(zone *time.Location) (all []time.Time) {
	for hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); hour.Year() < 2029; hour = hour.Add(time.Hour) {
		_, was := hour.In(zone).Zone()
		_, is := hour.Add(time.Hour).In(zone).Zone()
		if was != is {
			for halves := -4; halves <= 6; halves++ {
				all = append(all, hour.Add(time.Duration(halves)*30*time.Minute))
			}
		} else if hour.Day() == 15 && hour.Hour() == 12 {
			all = append(all, hour)
		}
	}
	return all
}

// TestRules tells a rule where there is one, and else the changes themselves.
func TestRules(t *testing.T) {
	for name, want := range map[string][]string{
		"Europe/Berlin":    {"RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"},
		"America/New_York": {"RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"},
		"Australia/Sydney": {"RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=1SU", "RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU"},
		"Europe/Dublin":    {"BEGIN:DAYLIGHT\r\nDTSTART:20250330T010000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nTZNAME:IST\r\nRRULE", "BYMONTH=10;BYDAY=-1SU"},
		// Ramadan of 2026 to 2027, by the calendar's own computation in tzdata.
		"Africa/Casablanca": {"DTSTART:19700101T000000", "DTSTART:20260215T030000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0000", "DTSTART:20260322T020000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100"},
		"Asia/Kolkata":      {"BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0530\r\nTZOFFSETTO:+0530\r\nTZNAME:IST\r\nEND:STANDARD\r\nEND:VTIMEZONE"},
	} {
		e := event(t, "en")
		e.Zone = zone(t, name)
		got := string(e.File(calendar.Invite, made))
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s lacks %q:\n%s", name, part, got)
			}
		}
		if rules := strings.Count(got, "RRULE"); rules != strings.Count(strings.Join(want, " "), "BYMONTH")+strings.Count(strings.Join(want, " "), "TZNAME:IST\r\nRRULE") {
			t.Errorf("%s has %d rules:\n%s", name, rules, got)
		}
	}
	for _, nameless := range []*time.Location{nil, time.UTC, time.Local} {
		e := event(t, "en")
		e.Zone = nameless
		if got := string(e.File(calendar.Invite, made)); strings.Contains(got, "TZ") || !strings.Contains(got, "DTSTART:20261124T120000Z") {
			t.Errorf("%v:\n%s", nameless, got)
		}
	}
}

func BenchmarkFile(b *testing.B) {
	e := event(b, "en")
	for b.Loop() {
		e.File(calendar.Invite, made)
	}
}
