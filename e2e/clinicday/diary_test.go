package clinicday

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// reader is somebody who is written to about a visit.
type reader struct {
	box, language string
	reminded      bool // the hospital's own people are not
	told          time.Time
	gone          bool // is not invited any more
	entry         int  // sequence of what their calendar has of it
}

// appointment is a visit as the script knows it.
type appointment struct {
	n             int
	way           way
	patient, born string
	clinician     int // whose it is
	starts        time.Time
	readers       []*reader
	called        bool // off
	over          bool // it took place, or nobody came
	sequence      int
	guests        []guest

	id string // what the server calls it
}

// entry is the sequence of the visit in somebody's calendar: in between of two that others get when they are withdrawn.
func (a *appointment) entry(r *reader) int {
	n := a.sequence
	for _, other := range a.readers {
		if other.gone {
			n += 2
		}
	}
	if r.gone {
		n--
	}
	return n
}

// note is a letter that somebody should get.
type note struct {
	at           time.Time
	to, kind     string
	language     string
	starts       time.Time
	minutes      int // late
	method       string
	series       []time.Time // when the visits of a series are that it tells of
	*appointment             // it is about
}

// diary is what should be told to whom by now: a model of the clinic's day that knows nothing of the server.
type diary struct {
	zone     *time.Location
	accounts []string // of the clinicians
	all      []*appointment
	notes    []note
}

// methods are those of the calendar files that come along.
var methods = map[string]string{"confirmed": "REQUEST", "series": "PUBLISH", "moved": "REQUEST", "link": "REQUEST", "cancelled": "CANCEL", "uninvited": "CANCEL"}

func (d *diary) tell(at time.Time, a *appointment, r *reader, kind string, minutes int) {
	d.notes = append(d.notes, note{at, r.box, kind, r.language, a.starts, minutes, methods[kind], nil, a})
	if methods[kind] != "" {
		r.entry = a.entry(r)
	}
	if methods[kind] == "REQUEST" {
		r.told = at
	}
}

// tellAll tells everybody who is invited.
func (d *diary) tellAll(at time.Time, a *appointment, kind string) {
	for _, r := range a.readers {
		if !r.gone {
			d.tell(at, a, r, kind, 0)
		}
	}
}

func (d *diary) made(at time.Time, a *appointment) {
	d.all = append(d.all, a)
	d.tellAll(at, a, "confirmed")
}

// repeated is made for the visits of a series: everybody is told of all of them in one letter.
func (d *diary) repeated(at time.Time, all []*appointment) {
	d.all = append(d.all, all...)
	var starts []time.Time
	for _, a := range all {
		starts = append(starts, a.starts)
		for _, r := range a.readers {
			r.told, r.entry = at, a.entry(r)
		}
	}
	for _, r := range all[0].readers {
		d.notes = append(d.notes, note{at, r.box, "series", r.language, all[0].starts, 0, methods["series"], starts, all[0]})
	}
}

func (d *diary) moved(at time.Time, a *appointment, to time.Time) {
	a.starts = to
	a.sequence++
	d.tellAll(at, a, "moved")
}

func (d *diary) calledOff(at time.Time, a *appointment) {
	a.called = true
	a.sequence++
	d.tellAll(at, a, "cancelled")
}

func (d *diary) late(at time.Time, a *appointment, minutes int) {
	for _, r := range a.readers {
		if r.reminded {
			d.tell(at, a, r, "late", minutes)
		}
	}
}

// handedOver takes a visit from whoever leads it and gives it to another clinician, who is told at the address of their account.
func (d *diary) handedOver(at time.Time, a *appointment, to int) {
	for _, r := range a.readers {
		if r.box == doctorBox(a.clinician) {
			r.gone = true
			d.tell(at, a, r, "uninvited", 0)
		}
	}
	a.clinician = to
	r := &reader{box: doctorBox(to), language: "en"}
	a.readers = append(a.readers, r)
	d.tell(at, a, r, "confirmed", 0)
}

// reminders are when people are reminded of a visit: three days and a day before, at the same time of day unless that is at night, and an hour before.
func (d *diary) reminders(a *appointment) []time.Time {
	local := a.starts.In(d.zone)
	before := func(days int) time.Time {
		hour, minute := local.Hour(), local.Minute()
		switch {
		case hour < 9:
			hour, minute = 9, 0
		case hour >= 19:
			hour, minute = 19, 0
		}
		return time.Date(local.Year(), local.Month(), local.Day()-days, hour, minute, 0, 0, d.zone)
	}
	return []time.Time{before(3), before(1), a.starts.Add(-time.Hour)}
}

// next is when somebody is reminded next after now, and a minute before that, which shows who is reminded early; or to if that is before.
func (d *diary) next(now, to time.Time) time.Time {
	for _, a := range d.all {
		if a.called || a.over {
			continue
		}
		for _, at := range d.reminders(a) {
			for _, stop := range []time.Time{at.Add(-time.Minute), at} {
				if stop.After(now) && stop.Before(to) {
					to = stop
				}
			}
		}
	}
	return to
}

// remind has everybody told whose time it is. Who was told of the visit within the hour before is not.
func (d *diary) remind(now time.Time) {
	for _, a := range d.all {
		if a.called || a.over || !slices.ContainsFunc(d.reminders(a), now.Equal) {
			continue
		}
		for _, r := range a.readers {
			if r.reminded && !r.gone && !now.Before(r.told.Add(time.Hour)) {
				d.tell(now, a, r, "reminder", 0)
			}
		}
	}
}

// says is the first thing that the letter of a note says, after its subject, and what comes along.
func (h *house) says(n note) string {
	own := h.book.In(n.language)
	local := n.starts.In(h.zone)
	with := []any{"site", hospital, "day", own.Day(local), "time", own.Clock(local), "zone", own.T("zone.city", "city", "New York")}
	first := own.T("reminders."+n.kind, with...)
	if n.kind == "late" {
		first = own.N("reminders.late", n.minutes)
	}
	for _, starts := range n.series {
		first += "\n" + own.T("date.moment", "date", own.Day(starts.In(h.zone)), "time", own.Clock(starts.In(h.zone)))
	}
	return line(n.at.In(h.zone), own.T("reminders.subject."+n.kind, with...), first, n.method)
}

func line(at time.Time, subject, first, method string) string {
	return fmt.Sprintf("%s  %s | %s | %s", at.Format("01-02 15:04"), subject, first, method)
}

// compare holds every mailbox against the diary: the same letters, each once, at the same times.
func (h *house) compare() {
	h.t.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	for _, n := range h.diary.notes {
		want[n.to] = append(want[n.to], h.says(n))
	}
	for box, letters := range h.boxes {
		for _, l := range letters {
			got[box] = append(got[box], line(l.at.In(h.zone), l.subject, linkBehind.ReplaceAllString(l.first(), ""), l.method))
		}
	}
	for box := range got {
		if want[box] == nil {
			h.t.Errorf("%s should get nothing, and got\n%s", box, strings.Join(got[box], "\n"))
		}
	}
	for box, letters := range want {
		slices.Sort(letters) // of one moment there is no order
		slices.Sort(got[box])
		if !slices.Equal(letters, got[box]) {
			h.t.Errorf("%s got\n%s\nand should\n%s", box, strings.Join(got[box], "\n"), strings.Join(letters, "\n"))
		}
	}
}

// compareCalendars: whoever was ever told of a visit has exactly one event of it, as it is now.
func (h *house) compareCalendars() {
	h.t.Helper()
	want := map[string]map[string]event{}
	var boxes []string
	for _, a := range h.diary.all {
		for _, r := range a.readers {
			if want[r.box] == nil {
				want[r.box] = map[string]event{}
				boxes = append(boxes, r.box)
			}
			e := event{UID: a.id, Status: "CONFIRMED", Sequence: r.entry, Starts: a.starts, Ends: a.starts.Add(length)}
			switch {
			case a.called:
				e.Status = "CANCELLED"
			case r.gone:
				e.Status = "UNINVITED"
			}
			want[r.box][a.id] = e
		}
	}
	held := h.calendars(boxes)
	for _, box := range boxes {
		if len(held[box]) != len(want[box]) {
			h.t.Errorf("the calendar of %s has %d events, want %d", box, len(held[box]), len(want[box]))
		}
		for _, got := range held[box] {
			w := want[box][got.UID]
			if got.UID != w.UID || got.Status != w.Status || got.Sequence != w.Sequence || !got.Starts.Equal(w.Starts) || !got.Ends.Equal(w.Ends) {
				h.t.Errorf("the calendar of %s has %+v, want %+v", box, got, w)
			}
		}
	}
}
