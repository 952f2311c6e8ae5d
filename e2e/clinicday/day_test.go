// Package clinicday plays a whole clinic's day against the real server: everything through pages and API, every letter read from a real mail server.
package clinicday

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Days of the script, counted from the clinic's day: a Monday, the night before which the clocks changed.
const (
	planningDay = -14
	weekBefore  = -7
	clinicDay   = 0
)

// Visits that something happens to, by their numbers: slot times 8, plus the clinician.
const (
	moved       = 3  // within the day
	swung       = 14 // to the week before, and back
	adolescent  = 13 // a confidential visit
	sibling     = 8  // of the patient of the visit before
	interpreted = 22 // by an interpreter who is invited
	calledOff   = 5  // before anybody was reminded
	calledLate  = 28 // after people were reminded
	pageSeries  = 9  // made weekly by the page
	callSeries  = 10 // made weekly by the API
	urgent      = 25 // made an hour and a half before
	veryUrgent  = 31 // made an hour before
	renewed     = 34 // whose guardian gets a new link
	handed      = 16 // to another clinician
	delayed     = 8  // by twenty minutes
	missed      = 24 // nobody comes, says the clinician
	missedToo   = 33 // nobody comes, says the desk
)

// TestClinicDay plays 40 visits of eight clinicians with families of three languages, made in all ways there are, from their planning to the figures of the
// day. Each mailbox must hold exactly what it should, and each calendar one event a visit as it is at last.
func TestClinicDay(t *testing.T) {
	h := open(t)
	admin, scheduler := h.hires("Sam Admin", "admin@hospital.example", auth.Admin), h.hires("Sam Scheduler", "scheduler@hospital.example", auth.Scheduler)
	clinician := h.hires(doctorName(0), doctorBox(0), auth.Clinician)
	h.staff(admin, clinician)

	h.plan(scheduler)
	h.changeBefore(scheduler)
	h.playDay(clinician)
	h.compare()
	h.compareCalendars()
	h.endOfDay(admin, scheduler, clinician)
}

// staff prepares the hospital.
func (h *house) staff(admin, first *worker) {
	h.t.Helper()
	h.diary.accounts = []string{first.account}
	for c := 1; c < clinicians; c++ {
		h.diary.accounts = append(h.diary.accounts, h.hiresUnseen(doctorName(c), doctorBox(c)))
	}
	form := url.Values{"name": {service}, "minutes": {"30"}, "ask_birth_date": {"yes"}, "active": {"yes"}, "version": {"0"}}
	var sites struct{ Sites []struct{ ID string } }
	h.calls(http.MethodGet, "/api/v1/sites", nil, &sites)
	form.Set("site", sites.Sites[0].ID)
	admin.does("/admin/services/new", form)
}

// plan makes the visits of the day: by the page, the API and a file, one at a time and as series.
func (h *house) plan(scheduler *worker) {
	h.t.Helper()
	var file []*appointment
	for n := range clinicians * len(slots) {
		a := h.family(n, h.at(clinicDay, slots[n/clinicians]))
		switch {
		case n == urgent || n == veryUrgent:
			continue
		case n == pageSeries || n == callSeries:
			h.series(scheduler, a)
			continue
		case a.way == byPage:
			scheduler.does("/desk/new", h.form(a))
		case a.way == byCall:
			h.calls(http.MethodPost, "/api/v1/visits", h.request(a), nil)
		default:
			file = append(file, a)
		}
		h.diary.made(h.now(), a)
	}
	h.imports(scheduler, file)
	h.settle()
	h.learn()
}

// series makes a visit that was there the week before, and comes again the week after.
func (h *house) series(scheduler *worker, a *appointment) {
	h.t.Helper()
	all := []*appointment{h.week(a, -1), a, h.week(a, 1)}
	if a.n == pageSeries {
		h.repeat(scheduler, all)
	} else {
		h.calls(http.MethodPost, "/api/v1/series", person{"visit": h.request(all[0]), "repeat": person{"weeks": 1, "count": len(all)}}, nil)
	}
	h.diary.repeated(h.now(), all)
}

// week is the same visit some weeks later, at the same time of day.
func (h *house) week(a *appointment, weeks int) *appointment {
	other := *a
	local := a.starts.In(h.zone)
	other.starts = time.Date(local.Year(), local.Month(), local.Day()+7*weeks, local.Hour(), local.Minute(), 0, 0, h.zone)
	other.n, other.readers = a.n+1000*(weeks+2), other.newReaders()
	return &other
}

// sequence is how often a visit was moved, as the form that moves it says.
var sequence = regexp.MustCompile(`name="sequence" value="(\d+)"`)

// changeBefore changes visits before the day, by page and by API.
func (h *house) changeBefore(scheduler *worker) {
	h.t.Helper()
	move := func(a *appointment, day int, clock string) {
		path := "/desk/visits/" + a.id + "/move"
		shown := sequence.FindStringSubmatch(scheduler.sees(path))
		scheduler.does(path, url.Values{"sequence": {shown[1]}, "date": {h.date(day)}, "time": {clock}, "minutes": {"30"}, "zone": {h.zone.String()}})
		h.diary.moved(h.now(), a, h.at(day, clock))
	}
	h.turn(-13, "10:00")
	move(h.appointment(moved), clinicDay, "17:00")

	h.turn(-12, "11:00")
	a := h.appointment(swung)
	early := h.at(-3, "15:30")
	h.calls(http.MethodPatch, "/api/v1/visits/"+a.id, person{"starts_at": early.UTC()}, nil)
	h.diary.moved(h.now(), a, early)

	h.turn(-11, "12:00")
	a = h.appointment(calledOff)
	scheduler.does("/desk/visits/"+a.id+"/cancel", url.Values{})
	h.diary.calledOff(h.now(), a)

	h.turn(-10, "09:30")
	a = h.appointment(renewed)
	i := h.shown(a).invitation("guardian", "")
	scheduler.does("/desk/visits/"+a.id+"/people/"+i+"/new-link", url.Values{})
	for _, r := range a.readers {
		if strings.HasPrefix(r.box, "guardian") {
			h.diary.tell(h.now(), a, r, "link", 0)
		}
	}
	h.playSeriesOfWeekBefore()

	h.turn(-4, "10:00")
	move(h.appointment(swung), clinicDay, "11:30")

	h.turn(-2, "18:00")
	a = h.appointment(calledLate)
	h.calls(http.MethodDelete, "/api/v1/visits/"+a.id, nil, nil)
	h.diary.calledOff(h.now(), a)
}

// playSeriesOfWeekBefore plays the first visits of the series.
func (h *house) playSeriesOfWeekBefore() {
	h.t.Helper()
	for _, n := range []int{pageSeries, callSeries} {
		a := h.appointment(n + 1000)
		h.turn(weekBefore, a.starts.In(h.zone).Format("15:04"))
		h.play(a)
	}
}

// shown is a visit as the API shows it.
func (h *house) shown(a *appointment) (v listed) {
	h.t.Helper()
	h.calls(http.MethodGet, "/api/v1/visits/"+a.id, nil, &v)
	return v
}
