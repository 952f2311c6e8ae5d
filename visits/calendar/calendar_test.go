package calendar_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"housecall/auth"
	"housecall/visits/calendar"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	link  = "https://visits.example/v#AAAAAAAAAAAAAAAAAAAAAA"
	phone = "+1 617 555 0100"
)

var (
	made  = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// event is a half hour's visit of a guardian.
func event(t testing.TB, language string) calendar.Event {
	t.Helper()
	return calendar.Event{
		UID: "0193f0c4-0000-7000-8000-000000000001", Starts: noon, Ends: noon.Add(30 * time.Minute), Zone: zone(t, "America/New_York"),
		Created: made, Changed: made, Site: "Example Children’s Hospital", Phone: phone, Organizer: "visits@hospital.example",
		Reader: calendar.Person{Name: "Sample Guardian", Email: "guardian@family.example", Role: auth.Guardian},
		Words:  book(t).In(language), Link: link, AsksBirthDate: true,
	}
}

// TestGolden keeps a file of every purpose, and one of each language, as somebody has looked at it.
func TestGolden(t *testing.T) {
	files := map[string][]byte{}
	for _, w := range book(t).All() {
		files["invite-"+w.Tag] = event(t, w.Tag).File(calendar.Invite, made)
	}
	e := event(t, "en")
	e.Sequence, e.Changed = 1, noon
	files["call-off"] = e.File(calendar.CallOff, noon)
	files["uninvite"] = e.File(calendar.Uninvite, noon)
	files["save"] = e.File(calendar.Save, noon)
	files["series"] = calendar.File(series(t, 3), calendar.Save, noon)
	for name, got := range files {
		path := filepath.Join("testdata", name+".ics")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not as kept: go test ./visits/calendar -update, and look\n%s", path, got)
		}
	}
}

// series is that visit again each week, over the end of summer time, each with a link of its own.
func series(t testing.TB, count int) (all []calendar.Event) {
	for n := range count {
		e := event(t, "en")
		e.UID, e.Link = e.UID[:len(e.UID)-1]+strconv.Itoa(n+1), link[:len(link)-1]+string(rune('A'+n))
		e.Starts = time.Date(2026, 10, 23+7*n, 9, 0, 0, 0, e.Zone)
		e.Ends = e.Starts.Add(30 * time.Minute)
		all = append(all, e)
	}
	return all
}

// TestSeries: a file of a series is read as one event a visit, each with its own times and link, by both libraries; what is told of one later updates it.
func TestSeries(t *testing.T) {
	js, py := icalJS(t), icalendarPy(t)
	for _, name := range []string{"America/New_York", "Africa/Casablanca"} { // which has a rule for its clocks, and which has none
		all := series(t, 20)
		for n := range all {
			all[n].Zone = zone(t, name)
		}
		file := calendar.File(all, calendar.Save, made)
		if n := strings.Count(string(file), "BEGIN:VTIMEZONE"); n != 1 || strings.Contains(string(file), "ATTENDEE") {
			t.Errorf("%d zones in\n%s", n, file)
		}
		moved := all[7]
		moved.Sequence, moved.Starts = 1, moved.Starts.Add(-time.Hour)
		got, other := js.read(t, file, moved.File(calendar.Invite, later)), py.read(t, file)
		if len(got) != len(all) || len(other) != len(all) {
			t.Fatalf("%s: %d and %d events", name, len(got), len(other))
		}
		for n, want := range all {
			if other[n].UID != want.UID || other[n].Starts != iso(want.Starts) || other[n].Ends != iso(want.Ends) {
				t.Errorf("%s: event %d is %+v, want %s", name, n, other[n], want.Starts)
			}
			if n == 7 {
				want = moved
			}
			if got[n].UID != want.UID || got[n].Sequence != want.Sequence || got[n].Starts != iso(want.Starts) || got[n].Ends != iso(want.Ends) || got[n].URL != want.Link {
				t.Errorf("%s: event %d is %+v, want %s", name, n, got[n], want.Starts)
			}
		}
	}
}

// TestReading reads an invitation back property by property.
func TestReading(t *testing.T) {
	e := event(t, "es")
	e.Reader.Name, e.Site = `Sample "Sam", Guardian; O'Brien: a\b ^ c`, "Niños, Padres; Co: 儿童医院"
	got := icalJS(t).read(t, e.File(calendar.Invite, made))[0]
	if got.Summary != "Visita por video con "+e.Site {
		t.Errorf("summary: %q", got.Summary)
	}
	if !strings.Contains(got.Description, "\n"+link+"\n") || !strings.Contains(got.Description, phone) {
		t.Errorf("description: %q", got.Description)
	}
	if got.URL != link || got.Location != link || got.Status != "CONFIRMED" {
		t.Errorf("%+v", got)
	}
	for what, pair := range map[string][2]map[string]any{
		"conference": {got.Conference[0], {"value": link, "label": "Entrar a la visita por video", "feature": "AUDIO,VIDEO", "language": "es"}},
		"organizer":  {got.Organizer[0], {"value": "mailto:visits@hospital.example", "cn": e.Site}},
		"attendee": {got.Attendees[0], {"value": "mailto:guardian@family.example", "cn": e.Reader.Name.Reveal(), "cutype": "INDIVIDUAL",
			"role": "REQ-PARTICIPANT", "partstat": "NEEDS-ACTION", "rsvp": "FALSE"}},
	} {
		for key, want := range pair[1] {
			if pair[0][key] != want {
				t.Errorf("%s: %s: got %v, want %v", what, key, pair[0][key], want)
			}
		}
	}
	if want := [2]string{"-PT15M", "Su visita por video empieza en 15 minutos."}; !slices.Equal(got.Alarms, [][2]string{want}) {
		t.Errorf("alarms: %v", got.Alarms)
	}
}

// TestHistory lets a visit be moved over a change of the clocks and back, and called off, as the mails come: in order, twice, and late.
func TestHistory(t *testing.T) {
	js := icalJS(t)
	e := event(t, "en")
	e.Starts, e.Ends = time.Date(2026, 10, 30, 13, 0, 0, 0, time.UTC), time.Date(2026, 10, 30, 13, 30, 0, 0, time.UTC)
	moved := e
	moved.Starts, moved.Ends = e.Starts.AddDate(0, 0, 5), e.Ends.AddDate(0, 0, 5)
	moved.Sequence++
	back := e
	back.Sequence = moved.Sequence + 1
	off := back
	off.Sequence++
	again := off
	again.Sequence++

	first, second, third := e.File(calendar.Invite, made), moved.File(calendar.Invite, noon), back.File(calendar.Invite, later)
	gone, out, in := off.File(calendar.CallOff, later), off.File(calendar.Uninvite, later), again.File(calendar.Invite, later)
	longer := moved
	longer.Phone = "+1 617 555 0199"
	for name, c := range map[string]struct {
		files  [][]byte
		want   calendar.Event
		status string
	}{
		"invited":                 {[][]byte{first}, e, "CONFIRMED"},
		"moved":                   {[][]byte{first, second}, moved, "CONFIRMED"},
		"moved, by mail twice":    {[][]byte{first, second, second}, moved, "CONFIRMED"},
		"moved, in wrong order":   {[][]byte{second, first}, moved, "CONFIRMED"},
		"moved back":              {[][]byte{first, second, third}, back, "CONFIRMED"},
		"called off":              {[][]byte{first, second, third, gone}, off, "CANCELLED"},
		"called off, then late":   {[][]byte{first, gone, second}, off, "CANCELLED"},
		"uninvited":               {[][]byte{first, second, third, out}, off, "UNINVITED"},
		"invited again":           {[][]byte{first, out, in}, again, "CONFIRMED"},
		"uninvited, not moved":    {[][]byte{first, e.File(calendar.Uninvite, noon)}, e, "UNINVITED"},
		"uninvited by mistake":    {[][]byte{first, e.File(calendar.Uninvite, noon), e.File(calendar.Invite, later)}, e, "CONFIRMED"},
		"told anew":               {[][]byte{first, second, longer.File(calendar.Invite, later)}, longer, "CONFIRMED"},
		"kept by hand, then told": {[][]byte{e.File(calendar.Save, made), second}, moved, "CONFIRMED"},
	} {
		t.Run(name, func(t *testing.T) {
			got := js.read(t, c.files...)
			if len(got) != 1 {
				t.Fatalf("%d events: %+v", len(got), got)
			}
			g := got[0]
			if g.UID != e.UID || g.Status != c.status || g.Sequence != c.want.Sequence || g.Starts != iso(c.want.Starts) || g.Ends != iso(c.want.Ends) {
				t.Errorf("got %+v, want %d %s, %s to %s", g, c.want.Sequence, c.status, c.want.Starts, c.want.Ends)
			}
		})
	}
	if got := js.read(t, first, second, longer.File(calendar.Invite, later))[0]; !strings.Contains(got.Description, longer.Phone) {
		t.Errorf("a newer text was not taken: %q", got.Description)
	}
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// TestLinks puts a link nowhere where it opens the visit without the date of birth, or where there is nothing to open.
func TestLinks(t *testing.T) {
	e := event(t, "en")
	for _, c := range []struct {
		purpose calendar.Purpose
		asks    bool
		want    int
	}{
		{calendar.Invite, true, 4}, {calendar.Save, true, 4}, {calendar.CallOff, true, 0}, {calendar.Uninvite, true, 0},
		{calendar.Invite, false, 0}, {calendar.Save, false, 0},
	} {
		e.AsksBirthDate = c.asks
		got := strings.ReplaceAll(string(e.File(c.purpose, made)), "\r\n ", "")
		if n := strings.Count(got, link); n != c.want {
			t.Errorf("%s, asks %v: the link stands there %d times, want %d\n%s", c.purpose.Method(), c.asks, n, c.want, got)
		}
		if c.want == 0 && strings.Contains(got, "/v#") {
			t.Errorf("%s", got)
		}
	}
}

// TestServices names what the visit is for only where the hospital allows it.
func TestServices(t *testing.T) {
	e := event(t, "en")
	js := icalJS(t)
	if got := js.read(t, e.File(calendar.Invite, made))[0].Summary; got != "Video visit with Example Children’s Hospital" {
		t.Error(got)
	}
	e.Service = "Cardiology"
	if got := js.read(t, e.File(calendar.Invite, made))[0].Summary; got != "Cardiology: video visit with Example Children’s Hospital" {
		t.Error(got)
	}
}

// TestMethods gives each purpose what RFC 5546 asks for and what it forbids.
func TestMethods(t *testing.T) {
	for _, c := range []struct {
		purpose    calendar.Purpose
		media      string
		has, lacks []string
	}{
		{calendar.Invite, "text/calendar; method=REQUEST; charset=utf-8", []string{"ATTENDEE", "STATUS:CONFIRMED", "BEGIN:VALARM", "CLASS:PRIVATE"}, nil},
		{calendar.CallOff, "text/calendar; method=CANCEL; charset=utf-8", []string{"ATTENDEE", "STATUS:CANCELLED"}, []string{"RSVP", "VALARM"}},
		{calendar.Uninvite, "text/calendar; method=CANCEL; charset=utf-8", []string{"ATTENDEE"}, []string{"RSVP", "STATUS", "VALARM"}},
		{calendar.Save, "text/calendar; method=PUBLISH; charset=utf-8", []string{"ORGANIZER", "STATUS:CONFIRMED", "BEGIN:VALARM"}, []string{"ATTENDEE"}},
	} {
		got := string(event(t, "en").File(c.purpose, made))
		method := "\r\nMETHOD:" + c.purpose.Method() + "\r\n"
		for _, has := range append(c.has, method) {
			if !strings.Contains(got, has) {
				t.Errorf("%s lacks %q:\n%s", c.media, has, got)
			}
		}
		for _, lacks := range c.lacks {
			if strings.Contains(got, lacks) {
				t.Errorf("%s has %q:\n%s", c.media, lacks, got)
			}
		}
		if c.purpose.MediaType() != c.media {
			t.Errorf("got %s, want %s", c.purpose.MediaType(), c.media)
		}
	}
}

// TestRoles says who leads and who need not come.
func TestRoles(t *testing.T) {
	js := icalJS(t)
	for role, want := range map[auth.Role]string{auth.Clinician: "CHAIR", auth.Patient: "REQ-PARTICIPANT", auth.Guardian: "REQ-PARTICIPANT",
		auth.Interpreter: "REQ-PARTICIPANT", auth.Guest: "OPT-PARTICIPANT", auth.Observer: "OPT-PARTICIPANT"} {
		e := event(t, "en")
		e.Reader.Role = role
		if got := js.read(t, e.File(calendar.Invite, made))[0].Attendees[0]["role"]; got != want {
			t.Errorf("%s: got %v, want %s", role, got, want)
		}
	}
}
