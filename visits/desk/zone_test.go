package desk

import (
	"testing"
	"time"

	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

func english(t *testing.T) *words.Words {
	t.Helper()
	book, err := words.Load(static.Locales(), web.Locales(), Locales())
	if err != nil {
		t.Fatal(err)
	}
	return book.In("en")
}

func TestInstant(t *testing.T) {
	for _, c := range []struct {
		day, clock, zone string
		want             string // UTC
		exists           bool
	}{
		{"2026-11-24", "15:00", "Europe/Berlin", "2026-11-24T14:00:00Z", true},
		{"2026-07-01", "15:00", "Europe/Berlin", "2026-07-01T13:00:00Z", true},
		{"2027-03-28", "02:30", "Europe/Berlin", "", false},                    // the clocks go forward
		{"2026-10-25", "02:30", "Europe/Berlin", "2026-10-25T00:30:00Z", true}, // comes twice: the first
		{"2026-11-01", "01:30", "America/New_York", "2026-11-01T05:30:00Z", true},
		{"2026-11-24", "15:00", "Asia/Kathmandu", "2026-11-24T09:15:00Z", true},
	} {
		zone := zoneByName(c.zone)
		if zone == nil {
			t.Fatal(c.zone)
		}
		at, exists, err := instant(c.day, c.clock, zone)
		if err != nil || exists != c.exists || exists && at.Format(time.RFC3339) != c.want {
			t.Errorf("%s %s %s: %v %v %v", c.day, c.clock, c.zone, at, exists, err)
		}
	}
	if _, _, err := instant("2026-11-24", "25:00", time.UTC); err == nil {
		t.Error("25:00 taken")
	}
}

func TestDayTitle(t *testing.T) {
	zone := zoneByName("Europe/Berlin")
	// Around the days that have 25 and 23 hours.
	for _, noon := range []time.Time{time.Date(2026, 10, 25, 12, 0, 0, 0, zone), time.Date(2027, 3, 28, 12, 0, 0, 0, zone)} {
		today := dayStart(noon, zone)
		for offset, want := range map[int]string{0: "Today, ", 1: "Tomorrow, ", -1: "Yesterday, ", 2: "", -2: ""} {
			day := dayStart(noon.AddDate(0, 0, offset), zone)
			if got := dayTitle(day, today, english(t)); got != want+english(t).Day(day) {
				t.Errorf("%d days from %s: %q", offset, today, got)
			}
		}
	}
}
