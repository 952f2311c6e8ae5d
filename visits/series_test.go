package visits_test

import (
	"strings"
	"testing"
	"time"

	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestSeries: visits come again at the same time of the clocks in New York, whatever these do meanwhile.
func TestSeries(t *testing.T) {
	day := func(s string) sites.Day { return visitstest.Must[sites.Day](t)(sites.ParseDay(s)) }
	for name, c := range map[string]struct {
		first  string
		repeat visits.Repeat
		want   string // in UTC
	}{
		"weekly, over the end of summer time": {"2027-10-26T13:00:00Z", visits.Repeat{Weeks: 1, Count: 3}, "2027-10-26T13:00 2027-11-02T13:00 2027-11-09T14:00"},
		"every other week, until a day":       {"2027-03-02T14:00:00Z", visits.Repeat{Weeks: 2, Until: day("2027-03-30")}, "2027-03-02T14:00 2027-03-16T13:00 2027-03-30T13:00"},
		"a time that the clocks skip":         {"2027-03-07T07:30:00Z", visits.Repeat{Weeks: 1, Count: 3}, "2027-03-07T07:30 2027-03-14T07:00 2027-03-21T06:30"},
		"a day later there than here":         {"2027-01-06T02:00:00Z", visits.Repeat{Weeks: 1, Until: day("2027-01-12")}, "2027-01-06T02:00 2027-01-13T02:00"},
		"the second Tuesday of each month":    {"2027-01-12T14:00:00Z", visits.Repeat{Monthly: true, Count: 4}, "2027-01-12T14:00 2027-02-09T14:00 2027-03-09T14:00 2027-04-13T13:00"},
		"the fifth, or else the last":         {"2027-01-29T14:00:00Z", visits.Repeat{Monthly: true, Count: 3}, "2027-01-29T14:00 2027-02-26T14:00 2027-03-26T13:00"},
		"over the end of a year":              {"2027-12-30T14:00:00Z", visits.Repeat{Monthly: true, Until: day("2028-02-29")}, "2027-12-30T14:00 2028-01-27T14:00 2028-02-24T14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			p := visitstest.NewPractice(t)
			r := p.Request()
			r.StartsAt = visitstest.Must[time.Time](t)(time.Parse(time.RFC3339, c.first))
			made, err := p.CreateSeries(t.Context(), p.Scheduler, r, c.repeat)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			links := map[string]bool{}
			for _, m := range made {
				v := p.Shown(m.Visit.ID)
				got = append(got, v.StartsAt.Format("2006-01-02T15:04"))
				for _, l := range m.Links {
					links[l.URL] = true
				}
				if v.SeriesID == "" || v.SeriesID != made[0].Visit.SeriesID || v.EndsAt.Sub(v.StartsAt) != 40*time.Minute || len(v.Invitations) != 3 {
					t.Errorf("made %+v", v)
				}
			}
			if strings.Join(got, " ") != c.want || len(links) != 3*len(made) {
				t.Errorf("visits at %v with %d links, want %s", got, len(links), c.want)
			}
			if p.Audited("visit.create", store.Allowed) != len(made) || p.Audited("series.create", store.Allowed) != 1 {
				t.Error("not audited")
			}
		})
	}
}

func TestSeriesRefuses(t *testing.T) {
	p := visitstest.NewPractice(t)
	if _, _, err := p.Create(t.Context(), p.Scheduler, func() visits.Request { r := p.Request(); r.StartsAt = visitstest.Noon.AddDate(0, 0, 14); return r }()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		repeat visits.Repeat
		want   string
	}{
		"nothing said":       {visits.Repeat{}, "repeat.count repeat.weeks"},
		"both said":          {visits.Repeat{Weeks: 1, Monthly: true, Count: 2, Until: 30000}, "repeat.count repeat.weeks"},
		"once is no series":  {visits.Repeat{Weeks: 1, Count: 1}, "repeat.count"},
		"too many":           {visits.Repeat{Weeks: 1, Count: 53}, "repeat.count"},
		"too long a pause":   {visits.Repeat{Weeks: 27, Count: 2}, "repeat.weeks"},
		"backwards":          {visits.Repeat{Weeks: -1, Count: -2}, "repeat.count repeat.weeks"},
		"too late":           {visits.Repeat{Weeks: 26, Count: 6}, "repeat.count"},
		"until too early":    {visits.Repeat{Weeks: 1, Until: sites.DayOf(visitstest.Noon, time.UTC)}, "repeat.until"},
		"until far too late": {visits.Repeat{Weeks: 1, Until: sites.DayOf(visitstest.Noon, time.UTC) + 7*52}, "repeat.until"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.CreateSeries(t.Context(), p.Scheduler, p.Request(), c.repeat)
			visitstest.WantFields(t, err, strings.Fields(c.want)...)
		})
	}
	// One that is in the way keeps all of them from being made, and is named.
	_, err := p.CreateSeries(t.Context(), p.Scheduler, p.Request(), visits.Repeat{Weeks: 1, Count: 4})
	if got := overlaps(t, err); len(got) != 2 || p.Count("visits") != 1 {
		t.Errorf("overlaps %v, %d visits", got, p.Count("visits"))
	}
	r := p.Request()
	r.AllowOverlap = true
	if made, err := p.CreateSeries(t.Context(), p.Scheduler, r, visits.Repeat{Weeks: 1, Count: 52}); err != nil || len(made) != 52 {
		t.Errorf("allowed: %d, %v", len(made), err)
	}
}

func TestCancelRest(t *testing.T) {
	h := visitstest.NewHospital(t)
	made, err := h.CreateSeries(t.Context(), h.Scheduler, h.Request(), visits.Repeat{Weeks: 1, Count: 5})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.AddDate(0, 0, 21) })
	if err := h.Cancel(t.Context(), h.Scheduler, made[3].Visit.ID); err != nil { // one alone
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} { // the third and the fifth, and then none any more
		if n, err := h.CancelRest(t.Context(), h.Scheduler, made[2].Visit.ID); err != nil || n != want {
			t.Errorf("called %d off, want %d: %v", n, want, err)
		}
	}
	for i, want := range []visits.State{visits.Scheduled, visits.Scheduled, visits.Cancelled, visits.Cancelled, visits.Cancelled} {
		v := h.Shown(made[i].Visit.ID)
		if v.State != want || (v.Sequence == 1) != (want == visits.Cancelled) {
			t.Errorf("visit %d is %s, sequence %d", i, v.State, v.Sequence)
		}
	}
	if h.Shown(other.ID).State != visits.Scheduled || h.Audited("visit.cancel", store.Allowed) != 3 {
		t.Error("another visit was called off, or it was not audited")
	}
	if n, err := h.CancelRest(t.Context(), h.Scheduler, other.ID); err != nil || n != 1 { // of no series
		t.Errorf("called %d off: %v", n, err)
	}
}
