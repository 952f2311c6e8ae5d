package after_test

import (
	"html"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/visits"
	"housecall/visits/after"
)

// TestQuality: what is measured of connections stands in the record, added up over a person's stays; what a killed server had not written yet is half a minute at most.
func TestQuality(t *testing.T) {
	c := newClinic(t)
	v := c.visit(doctor)
	child := v.Invitations[1]
	line := c.NewLine()
	now := noon
	sample := after.Sample{Visit: v.ID, Session: "s", Invitation: child.ID, Connected: true, Way: "udp", RoundTrip: 50 * time.Millisecond, HasSound: true, HasCamera: true}
	take := func(l *after.Line, seconds int, change func(*after.Sample)) {
		t.Helper()
		for range seconds / 2 {
			sample.Received, sample.Sent, sample.Sound, sample.Picture = sample.Received+95, sample.Sent+100, sample.Sound+50, sample.Picture+45
			if change != nil {
				change(&sample)
			}
			if err := l.Take(t.Context(), now, []after.Sample{sample}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Second)
		}
	}
	read := func() after.Quality {
		t.Helper()
		r, err := c.Record(t.Context(), admin, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		return r.People[1].Quality
	}
	take(line, 62, nil) // the first sample begins, so a minute is measured
	if got := read(); got.Measured != time.Minute || got.Poor != 0 || got.LostFrom != 0 || got.Trip != 50*time.Millisecond || got.WorstTrip != 50*time.Millisecond || !slices.Equal(got.Ways, []string{"udp"}) {
		t.Errorf("while all is well: %+v", got)
	}
	take(line, 120, func(s *after.Sample) { s.Lost += 10; s.RoundTrip = 500 * time.Millisecond; s.SentLost = 0.1 })
	take(line, 10, func(s *after.Sample) {
		s.Connected, s.SentLost, s.RoundTrip = false, 0, 50*time.Millisecond
	})
	take(line, 20, func(s *after.Sample) { s.Connected, s.Way = true, "relay"; s.Sound -= 50 })
	before := read() // as after kill -9: nothing more of this line is written
	if before.Measured < 180*time.Second {
		t.Errorf("of three and a half minutes %v were written", before.Measured)
	}
	if err := line.Take(t.Context(), now, nil); err != nil { // they left
		t.Fatal(err)
	}
	got := read()
	if got.Measured != 210*time.Second || got.Poor != 2*time.Minute || got.Gone != 10*time.Second || got.NoSound != 20*time.Second || got.NoPicture != 0 || got.Reconnections != 1 ||
		got.WorstTrip != 500*time.Millisecond || got.Trip != 500*time.Millisecond || !slices.Equal(got.Ways, []string{"udp", "relay"}) {
		t.Errorf("in the end: %+v", got)
	}
	if got.LostFrom < 0.05 || got.LostFrom > 0.07 || got.LostTo < 0.05 || got.LostTo > 0.07 {
		t.Errorf("lost from them %v, to them %v", got.LostFrom, got.LostTo)
	}

	// Another stay, whose peer counts anew.
	sample.Received, sample.Sent, sample.Lost, sample.Sound, sample.Picture = 0, 0, 0, 0, 0
	again := c.NewLine()
	take(again, 62, nil)
	if err := again.Take(t.Context(), now, nil); err != nil {
		t.Fatal(err)
	}
	if got := read(); got.Measured != 270*time.Second || got.Reconnections != 1 {
		t.Errorf("of both stays: %+v", got)
	}
	page := html.UnescapeString(c.page(t, v))
	for _, want := range []string{"The connection was poor for 2 minutes", "The connection was lost for less than a minute", "No sound came from them for less than a minute", "By our relay"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestBadConnections: which connections count as failures, by the rule that docs/operating.md has.
func TestBadConnections(t *testing.T) {
	for name, c := range map[string]struct {
		q    after.Quality
		want bool
	}{
		"not measured":                    {after.Quality{}, false},
		"good":                            {after.Quality{Measured: time.Hour, Reconnections: 2, Poor: 59 * time.Second}, false},
		"never connected":                 {after.Quality{Measured: 30 * time.Second, Gone: 30 * time.Second}, true},
		"gave up before it could connect": {after.Quality{Measured: 20 * time.Second, Gone: 20 * time.Second}, false},
		"broke three times":               {after.Quality{Measured: time.Hour, Reconnections: 3}, true},
		"poor and lost for long":          {after.Quality{Measured: 10 * time.Minute, Poor: 30 * time.Second, Gone: 30 * time.Second}, true},
		"poor for a minute of an hour":    {after.Quality{Measured: time.Hour, Poor: time.Minute}, false},
		"without sound":                   {after.Quality{Measured: 10 * time.Minute, NoSound: time.Minute}, true},
		"without a picture":               {after.Quality{Measured: 10 * time.Minute, NoPicture: time.Minute}, true},
	} {
		if got := c.q.Bad(); got != c.want {
			t.Errorf("%s: bad is %v", name, got)
		}
	}
	c := newClinic(t)
	good, bad := c.visit(doctor), c.visit(doctor)
	line := c.NewLine()
	for i := range 40 {
		var all []after.Sample
		for _, v := range []visits.Visit{good, bad} {
			child := after.Sample{Visit: v.ID, Session: v.ID, Invitation: v.Invitations[1].ID, Connected: v.ID == good.ID || i%10 != 0}
			all = append(all, child, after.Sample{Visit: v.ID, Session: "doctor" + v.ID, Invitation: v.Invitations[0].ID, Connected: true})
		}
		if err := line.Take(t.Context(), noon.Add(time.Duration(2*i)*time.Second), all); err != nil {
			t.Fatal(err)
		}
	}
	if err := line.Take(t.Context(), noon.Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	got, err := after.BadConnections(t.Context(), c.db, []string{good.ID, bad.ID})
	if err != nil || got[good.ID] || !got[bad.ID] {
		t.Errorf("bad are %v, %v", got, err)
	}
}

// TestPictures: the record says how good the pictures were that somebody got, over their stays: by the time for which they moved, and not by how a camera begins.
func TestPictures(t *testing.T) {
	c := newClinic(t)
	v := c.visit(doctor)
	now := noon
	stay := func(spans ...[3]int) { // seconds, lines, frames a second
		t.Helper()
		line := c.NewLine()
		sample := after.Sample{Visit: v.ID, Session: "s", Invitation: v.Invitations[1].ID, Connected: true}
		face := after.Picture{Slot: "3"}
		for _, span := range append([][3]int{{2, 0, 0}}, spans...) {
			for range span[0] / 2 {
				face.Lines, face.Frames = span[1], face.Frames+uint64(2*span[2])
				sample.Pictures = []after.Picture{{Slot: "2", Lines: 1080, Frames: 7}, face} // the first shows nothing any more
				if err := line.Take(t.Context(), now, []after.Sample{sample}); err != nil {
					t.Fatal(err)
				}
				now = now.Add(2 * time.Second)
			}
		}
		if err := line.Take(t.Context(), now, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := func(lines, worst int, rate float64) {
		t.Helper()
		r, err := c.Record(t.Context(), admin, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.People[1].Quality.Picture; got.Usual != lines || got.Worst != worst || got.Rate != rate {
			t.Errorf("%d lines, %d at worst, %v a second; want %d, %d, %v", got.Usual, got.Worst, got.Rate, lines, worst, rate)
		}
	}
	stay([3]int{30, 0, 0})
	want(0, 0, 0)
	stay([3]int{6, 90, 15})
	want(90, 90, 15)
	stay([3]int{30, 716, 30}, [3]int{60, 716, 0}) // a minute with the camera off
	want(720, 720, 27.5)
	stay([3]int{12, 176, 15})
	want(720, 180, 24.375)
	stay([3]int{6000, 5000, 24})
	if page := html.UnescapeString(c.page(t, v)); !strings.Contains(page, "Picture they got: mostly 2160 lines, at worst 180; 24 frames a second") {
		t.Error("the page does not say how good the picture was")
	}
}

// page is a visit's record as administrators see it.
func (c *clinic) page(t *testing.T, v visits.Visit) string {
	t.Helper()
	response, err := http.Get(c.front.URL + "/desk/visits/" + v.ID + "/record")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", response.StatusCode, err)
	}
	return string(b)
}
