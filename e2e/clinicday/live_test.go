package clinicday

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"housecall/loadtest"
)

// playDay plays the day itself.
func (h *house) playDay(clinician *worker) {
	h.t.Helper()
	h.turn(clinicDay, "07:30")
	a := h.appointment(handed)
	to := (a.clinician + 3) % clinicians
	clinician.does("/queue/visits/"+a.id+"/hand-over", url.Values{"to": {h.diary.accounts[to]}, "allow_overlap": {"yes"}})
	h.diary.handedOver(h.now(), a, to)

	h.slot("08:30")
	h.turn(clinicDay, "09:50")
	a = h.appointment(delayed)
	clinician.does("/queue/visits/"+a.id+"/late", url.Values{"minutes": {"20"}})
	h.diary.late(h.now(), a, 20)
	h.slot("10:00")
	h.slot("11:30")
	h.slot("13:00")

	h.turn(clinicDay, "14:00")
	h.make(urgent)
	h.turn(clinicDay, "14:31")
	h.make(veryUrgent)
	h.slot("15:30")
	h.turn(clinicDay, "15:50")
	a = h.appointment(missed)
	clinician.does("/queue/visits/"+a.id+"/no-show", url.Values{})
	a.over = true

	h.slot("17:00")
	h.slot("19:30")
	h.turn(clinicDay, "20:00")
	a = h.appointment(missedToo)
	h.calls(http.MethodPost, "/api/v1/visits/"+a.id+"/no-show", nil, nil)
	a.over = true

	a = h.appointment(pageSeries + 3000)
	h.calls(http.MethodDelete, "/api/v1/visits/"+a.id+"?rest=true", nil, nil)
	h.diary.calledOff(h.now(), a)
	h.turn(clinicDay, "23:00")
}

// make makes a visit on the day itself.
func (h *house) make(n int) {
	h.t.Helper()
	a := h.family(n, h.at(clinicDay, slots[n/clinicians]))
	h.calls(http.MethodPost, "/api/v1/visits", h.request(a), nil)
	h.diary.made(h.now(), a)
	h.settle()
	h.learn()
}

// slot plays all visits that start at a time, beside each other.
func (h *house) slot(clock string) {
	h.t.Helper()
	h.turn(clinicDay, clock)
	var all []*appointment
	for _, a := range h.diary.all {
		if a.starts.Equal(h.now()) && !a.called && a.n != missed && a.n != missedToo {
			all = append(all, a)
		}
	}
	h.play(all...)
}

// play plays visits, beside each other: the family comes by the link of their letter, the clinician lets them in and ends the visit.
func (h *house) play(all ...*appointment) {
	h.t.Helper()
	h.settle()
	var playing sync.WaitGroup
	for _, a := range all {
		family, doctor := h.linkOfLetter(a), h.linkOf(a, "clinician", doctorName(a.clinician))
		playing.Go(func() {
			if err := h.meet(family, doctor, a.born); err != nil {
				h.t.Errorf("visit %d: %v", a.n, err)
			}
		})
		a.over = true
	}
	playing.Wait()
	if h.t.Failed() {
		h.t.FailNow()
	}
	for _, a := range all {
		h.eventually(a, "ended")
	}
	h.settle()
}

// linkOfLetter is the link of the newest letter that tells the first of the family when the visit is.
func (h *house) linkOfLetter(a *appointment) string {
	h.t.Helper()
	own, local := h.book.In(a.readers[0].language), a.starts.In(h.zone)
	for _, l := range slices.Backward(h.boxes[a.readers[0].box]) {
		if link := l.link(own.Day(local), own.Clock(local)); link != "" {
			return link
		}
	}
	h.t.Fatalf("no letter to %s has a link for visit %d", a.readers[0].box, a.n)
	return ""
}

// linkOf asks the API for somebody's link.
func (h *house) linkOf(a *appointment, role, name string) string {
	h.t.Helper()
	var answer struct{ Link string }
	h.calls(http.MethodPost, "/api/v1/visits/"+a.id+"/invitations/"+h.shown(a).invitation(role, name)+"/resend", person{"new_link": false}, &answer)
	return answer.Link
}

// meet plays one visit.
func (h *house) meet(family, doctor, born string) (err error) {
	parent, err := h.enters(family, born, "waiting")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parent.Close()) }()
	lead, err := h.enters(doctor, "", "visit")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lead.Close()) }()
	if _, err := parent.Wait(h.t.Context(), func(s loadtest.State) bool { return s.Place == "visit" }); err != nil {
		return err
	}
	if err := lead.End(); err != nil {
		return err
	}
	for _, c := range []*loadtest.Client{parent, lead} {
		if _, err := c.Wait(h.t.Context(), func(s loadtest.State) bool { return s.Closed }); err != nil {
			return err
		}
	}
	return nil
}

// away is how the server closes a connection that should come again: after a leap of the clock it has to say first that it is still alive.
const (
	away  = 4503
	again = 200 * time.Millisecond
)

// enters opens a link and comes to a place, letting in whoever waits, as far as that person may.
func (h *house) enters(link, born, place string) (*loadtest.Client, error) {
	visitor, err := loadtest.Redeem(h.t.Context(), h.http, link, born)
	if err != nil {
		return nil, err
	}
	for {
		pass, err := visitor.Pass(h.t.Context())
		if refused := (*loadtest.Refused)(nil); errors.As(err, &refused) && refused.Code == "try_later" {
			time.Sleep(again)
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := visitor.Join(h.t.Context(), pass, loadtest.Options{Admits: place == "visit"})
		if err != nil {
			return nil, err
		}
		state, err := c.Wait(h.t.Context(), func(s loadtest.State) bool { return s.Place == place })
		if err == nil {
			return c, nil
		}
		if err = errors.Join(err, c.Close()); state.CloseCode != away {
			return nil, err
		}
		time.Sleep(again)
	}
}

// eventually waits until a visit is in a state, which rooms write behind.
func (h *house) eventually(a *appointment, state string) {
	h.t.Helper()
	for h.shown(a).State != state {
		time.Sleep(look)
	}
}

// endOfDay: pages, API and figures tell of the day as it was.
func (h *house) endOfDay(admin, scheduler, clinician *worker) {
	h.t.Helper()
	states := map[string]string{}
	for _, v := range h.list() {
		states[v.ID] = v.State
	}
	for _, a := range h.diary.all {
		want := "scheduled"
		switch {
		case a.called:
			want = "cancelled"
		case a.n == missed || a.n == missedToo:
			want = "no_show"
		case a.over:
			want = "ended"
		}
		if states[a.id] != want {
			h.t.Errorf("visit %d is %s, want %s", a.n, states[a.id], want)
		}
	}
	h.queueShows(clinician, "/queue", map[string]int{"Over": 3, "No-show": 1})
	h.queueShows(scheduler, "/queue?show=all", map[string]int{"Over": 36, "No-show": 2, "Cancelled": 2})

	h.searches(scheduler, h.appointment(swung))

	h.turn(1, "02:00")
	day := h.date(clinicDay)
	table := admin.sees("/figures.csv?by=week&from=" + day + "&to=" + day)
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	h.must(err)
	want := []string{day, "40", "36", "2", "2", "0", "0", "1", "36", "35", "36"}
	if len(rows) != 2 || !slices.Equal(rows[1][:len(want)], want) {
		h.t.Errorf("the figures are %v, want %v", rows, want)
	}
}

// queueShows holds the states of all visits of a queue against the day.
func (h *house) queueShows(who *worker, path string, want map[string]int) {
	h.t.Helper()
	page := who.sees(path)
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?s)<li class="queue-visit.*?<span class="tag[^"]*">([^<]*)</span>`).FindAllStringSubmatch(page, -1) {
		got[m[1]]++
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("%s of %s shows %v, want %v", path, who.email, got, want)
	}
}

// searches: the desk finds a visit by parts of the patient's name, and the hospital's program by the patient's number.
func (h *house) searches(scheduler *worker, a *appointment) {
	h.t.Helper()
	_, _, page := scheduler.sends("/desk/search", url.Values{"query": {"child canary " + a.patient[len(a.patient)-2:]}, "day": {h.date(clinicDay)}})
	if links := regexp.MustCompile(`href="/desk/visits/([^"/]+)"`).FindAllStringSubmatch(page, -1); len(links) != 1 || links[0][1] != a.id {
		h.t.Errorf("the desk finds %v, want %s alone", links, a.id)
	}
	var found struct {
		ToCome []listed `json:"to_come"`
	}
	h.calls(http.MethodPost, "/api/v1/visits/search", person{"query": fmt.Sprintf("MRN-%04d", a.n)}, &found)
	if len(found.ToCome) != 1 || found.ToCome[0].ID != a.id {
		h.t.Errorf("the program finds %v, want %s alone", found, a.id)
	}
}
