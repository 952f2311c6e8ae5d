package sites_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"housecall/platform/sites"
)

var western = []time.Weekday{time.Saturday, time.Sunday}

func day(t testing.TB, s string) sites.Day {
	t.Helper()
	d, err := sites.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func holidays(t testing.TB, days ...string) (all []sites.Holiday) {
	t.Helper()
	for _, d := range days {
		all = append(all, sites.Holiday{Day: day(t, d), Name: "Holiday"})
	}
	return all
}

// TestBusinessDays has worked examples: what starts, and the day by which so many business days have gone by.
func TestBusinessDays(t *testing.T) {
	friday := []time.Weekday{time.Friday, time.Saturday}
	for _, c := range []struct {
		name, zone, cutOff string
		weekend            []time.Weekday
		holidays           []string
		start              string // where the site is
		days               int
		pauses             [][2]string
		want               string
	}{
		{"Thanksgiving, 7 days", "America/New_York", "17:00", western, []string{"2026-11-26"}, "2026-11-23 10:00", 7, nil, "2026-12-03"},
		{"Thanksgiving, 10 days", "America/New_York", "17:00", western, []string{"2026-11-26"}, "2026-11-23 10:00", 10, nil, "2026-12-08"},
		{"the end of the year, 7 days", "America/New_York", "17:00", western, []string{"2026-12-25", "2027-01-01"}, "2026-12-21 09:00", 7, nil, "2026-12-31"},
		{"the end of the year, 10 days", "America/New_York", "17:00", western, []string{"2026-12-25", "2027-01-01"}, "2026-12-21 09:00", 10, nil, "2027-01-06"},
		{"no day at all", "Europe/Berlin", "17:00", western, nil, "2026-11-24 12:00", 0, nil, "2026-11-24"},
		{"at the cut-off", "Europe/Berlin", "17:00", western, nil, "2026-11-24 17:00", 1, nil, "2026-11-25"},
		{"after the cut-off", "Europe/Berlin", "17:00", western, nil, "2026-11-24 17:01", 1, nil, "2026-11-26"},
		{"after the cut-off of a Friday", "Europe/Berlin", "17:00", western, nil, "2026-11-27 18:00", 1, nil, "2026-12-01"},
		{"on a Sunday: not before what came on Friday", "Europe/Berlin", "17:00", western, nil, "2026-11-29 08:00", 1, nil, "2026-12-01"},
		{"on a holiday", "Europe/Berlin", "17:00", western, []string{"2026-12-25"}, "2026-12-25 08:00", 1, nil, "2026-12-29"},
		{"Friday is weekend", "Asia/Riyadh", "16:00", friday, nil, "2026-11-26 10:00", 2, nil, "2026-11-30"},
		{"a weekend of one day", "Asia/Kathmandu", "16:00", []time.Weekday{time.Saturday}, nil, "2026-11-27 10:00", 1, nil, "2026-11-29"},
		{"a pause over one cut-off", "Europe/Berlin", "17:00", western, nil, "2026-11-23 10:00", 2, [][2]string{{"2026-11-24 16:00", "2026-11-25 09:00"}}, "2026-11-26"},
		{"a pause of a night", "Europe/Berlin", "17:00", western, nil, "2026-11-23 10:00", 2, [][2]string{{"2026-11-24 18:00", "2026-11-25 09:00"}}, "2026-11-25"},
		{"a pause of a weekend", "Europe/Berlin", "17:00", western, nil, "2026-11-26 10:00", 2, [][2]string{{"2026-11-27 18:00", "2026-11-30 09:00"}}, "2026-11-30"},
		{"a pause of day 0", "Europe/Berlin", "17:00", western, nil, "2026-11-23 10:00", 2, [][2]string{{"2026-11-23 11:00", "2026-11-24 09:00"}}, "2026-11-26"},
		{"two pauses of the same day", "Europe/Berlin", "17:00", western, nil, "2026-11-23 10:00", 2,
			[][2]string{{"2026-11-24 16:00", "2026-11-24 18:00"}, {"2026-11-24 10:00", "2026-11-24 17:30"}}, "2026-11-26"},
		{"a pause that comes too late", "Europe/Berlin", "17:00", western, nil, "2026-11-23 10:00", 1, [][2]string{{"2026-11-25 10:00", "2026-11-30 10:00"}}, "2026-11-24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zone(t, c.zone)
			at := func(s string) time.Time {
				m, err := time.ParseInLocation("2006-01-02 15:04", s, z)
				if err != nil {
					t.Fatal(err)
				}
				return m.UTC()
			}
			cutOff, err := sites.ParseClock(c.cutOff)
			if err != nil {
				t.Fatal(err)
			}
			calendar := sites.Calendar{Zone: z, Weekend: c.weekend, Holidays: holidays(t, c.holidays...), CutOff: cutOff}
			var pauses []sites.Pause
			for _, p := range c.pauses {
				pauses = append(pauses, sites.Pause{From: at(p[0]), To: at(p[1])})
			}
			if got := calendar.Due(at(c.start), c.days, pauses...); got != day(t, c.want) {
				t.Errorf("due on %s, want %s", got, c.want)
			}
		})
	}
}

// zones have daylight saving of all kinds: none, north, south, half an hour, at midnight, and far from Greenwich on both sides.
var zones = []string{"UTC", "America/New_York", "Europe/Berlin", "Australia/Sydney", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "America/Havana",
	"Asia/Beirut", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Asia/Riyadh", "Africa/Casablanca"}

// anyCalendar is a calendar that some site could have.
func anyCalendar(t *testing.T, r *rand.Rand) sites.Calendar {
	weekends := [][]time.Weekday{western, {time.Friday, time.Saturday}, {time.Sunday}, nil, {time.Monday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}}
	c := sites.Calendar{Zone: zone(t, zones[r.IntN(len(zones))]), Weekend: weekends[r.IntN(len(weekends))], CutOff: time.Duration(r.IntN(24*60)) * time.Minute}
	for range r.IntN(20) {
		c.Holidays = append(c.Holidays, sites.Holiday{Day: sites.Date(2026, 1, 1) + sites.Day(r.IntN(500))})
	}
	return c
}

func anyMoment(r *rand.Rand) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(400 * 24 * time.Hour)))).Truncate(time.Second)
}

func anyPauses(r *rand.Rand, from time.Time) (all []sites.Pause) {
	for range r.IntN(4) {
		begin := from.Add(time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
		all = append(all, sites.Pause{From: begin, To: begin.Add(time.Duration(r.Int64N(int64(6 * 24 * time.Hour))))})
	}
	return all
}

// cutOffs are the moments at which business days end from a moment on, found by looking at the clock minute by minute.
func cutOffs(c sites.Calendar, from time.Time, n int) (days []sites.Day, at []time.Time) {
	t := from.In(c.Zone).Truncate(time.Minute)
	if t.Before(from) {
		t = t.Add(time.Minute)
	}
	wall := func(t time.Time) int {
		t = t.In(c.Zone)
		return t.Hour()*60 + t.Minute()
	}
	want := int(c.CutOff.Minutes())
	last := sites.Day(-1)
	for ; len(days) < n; t = t.Add(time.Minute) {
		d := sites.DayOf(t, c.Zone)
		if d == last || wall(t) < want {
			continue
		}
		last = d
		// This day's cut-off is at t, or was before from.
		if earlier := t.Add(-time.Minute); sites.DayOf(earlier, c.Zone) == d && wall(earlier) >= want {
			continue
		}
		weekend, holiday := false, false
		for _, w := range c.Weekend {
			weekend = weekend || t.In(c.Zone).Weekday() == w
		}
		for _, h := range c.Holidays {
			holiday = holiday || h.Day.String() == t.In(c.Zone).Format(time.DateOnly)
		}
		if !weekend && !holiday {
			days, at = append(days, d), append(at, t)
		}
		t = t.Add(22 * time.Hour) // the next comes later
	}
	return days, at
}

// TestDueIsWhatAClockOnTheWallSays compares with a slow way that knows nothing of days: it looks at the clock minute by minute.
func TestDueIsWhatAClockOnTheWallSays(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, start, n := anyCalendar(t, r), anyMoment(r), r.IntN(8)
		pauses := anyPauses(r, start)
		days, at := cutOffs(c, start, 60)
		left, want := n, sites.Day(0)
		for i, d := range days {
			if !slices.ContainsFunc(pauses, func(p sites.Pause) bool { return !at[i].Before(p.From) && at[i].Before(p.To) }) {
				left--
			}
			if left < 0 {
				want = d
				break
			}
		}
		if got := c.Due(start, n, pauses...); got != want {
			t.Errorf("seed %d: %d days from %s in %s, until %v: %s, want %s", seed, n, start.In(c.Zone), c.Zone, c.CutOff, got, want)
		}
	}
}

// TestDueKeepsItsPromises: what starts later, takes longer or is paused longer is never due earlier; a pause cut in two is the same pause; and what is due, is
// due on a business day.
func TestDueKeepsItsPromises(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 2))
		c, start, n := anyCalendar(t, r), anyMoment(r), r.IntN(15)
		pauses := anyPauses(r, start)
		due := c.Due(start, n, pauses...)
		about := fmt.Sprintf("seed %d: %d days from %s in %s: due on %s", seed, n, start.In(c.Zone), c.Zone, due)
		if !c.Business(due) {
			t.Errorf("%s, which is no business day", about)
		}
		if later := start.Add(time.Duration(r.Int64N(int64(72 * time.Hour)))); c.Due(later, n, pauses...) < due {
			t.Errorf("%s, but on %s from %s", about, c.Due(later, n, pauses...), later)
		}
		if more := c.Due(start, n+1, pauses...); more <= due {
			t.Errorf("%s, and a day more is due on %s", about, more)
		}
		if shorter := c.Due(start, n); shorter > due {
			t.Errorf("%s, and without pauses on %s", about, shorter)
		}
		if elsewhere := c.Due(start.In(time.FixedZone("", 9*3600)), n, pauses...); elsewhere != due {
			t.Errorf("%s, but on %s from the same moment in another zone", about, elsewhere)
		}
		var cut []sites.Pause
		for _, p := range pauses {
			middle := p.From.Add(time.Duration(r.Int64N(int64(p.To.Sub(p.From) + 1))))
			cut = append(cut, sites.Pause{From: middle, To: p.To}, sites.Pause{From: p.From, To: middle})
		}
		if got := c.Due(start, n, cut...); got != due {
			t.Errorf("%s, but on %s with each pause cut in two", about, got)
		}
	}
}

// TestAtSkippedAndRepeatedTimes: each zone's change of clocks.
func TestAtSkippedAndRepeatedTimes(t *testing.T) {
	for _, c := range []struct{ zone, day, clock, want string }{
		{"America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00:00Z"},    // skipped: when it became 3:00
		{"America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00Z"},    // twice: the first
		{"America/New_York", "2026-11-01", "02:00", "2026-11-01T07:00:00Z"},    // once
		{"Europe/Berlin", "2026-03-29", "02:00", "2026-03-29T01:00:00Z"},       // skipped
		{"Europe/Berlin", "2026-10-25", "02:59", "2026-10-25T00:59:00Z"},       // twice
		{"Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30:00Z"}, // skipped, by half an hour
		{"Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45:00Z"}, // twice
		{"Africa/Cairo", "2026-04-24", "00:30", "2026-04-23T22:00:00Z"},        // midnight is skipped
		{"America/Havana", "2026-11-01", "00:30", "2026-11-01T04:30:00Z"},      // midnight comes twice
		{"UTC", "2026-11-01", "12:00", "2026-11-01T12:00:00Z"},
		{"Asia/Kathmandu", "2026-11-01", "00:00", "2026-10-31T18:15:00Z"},
	} {
		clock, err := sites.ParseClock(c.clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := day(t, c.day).At(clock, zone(t, c.zone)).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s %s in %s is %s, want %s", c.day, c.clock, c.zone, got, c.want)
		}
	}
}

func TestDays(t *testing.T) {
	for _, s := range []string{"1969-12-31", "1970-01-01", "2024-02-29", "2026-11-24", "0001-01-01", "9999-12-31"} {
		if got := day(t, s).String(); got != s {
			t.Errorf("%s is read as %s", s, got)
		}
	}
	for _, s := range []string{"", "2026-02-29", "2026-2-3", "24.11.2026", "2026-11-24T00:00:00Z"} {
		if d, err := sites.ParseDay(s); err == nil {
			t.Errorf("%q is read as %s", s, d)
		}
	}
	if day(t, "٢٠٢٦-١١-٢٤") != day(t, "2026-11-24") {
		t.Error("the digits of another script are another day")
	}
	if w := day(t, "2026-11-24").Weekday(); w != time.Tuesday {
		t.Errorf("2026-11-24 is a %s", w)
	}
	for s, want := range map[string]time.Duration{"00:00": 0, "9:05": 9*time.Hour + 5*time.Minute, "09:05": 9*time.Hour + 5*time.Minute, "23:59": 24*time.Hour - time.Minute, "٢٣:٥٩": 24*time.Hour - time.Minute} {
		if got, err := sites.ParseClock(s); err != nil || got != want {
			t.Errorf("%s is %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "24:00", "12:60", "noon", "12:00:00", "-1:00"} {
		if got, err := sites.ParseClock(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
	if got := sites.FormatClock(9*time.Hour + 5*time.Minute); got != "09:05" {
		t.Errorf("9:05 is written %s", got)
	}
}
