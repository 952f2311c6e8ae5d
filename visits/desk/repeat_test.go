package desk_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits/visitstest"
)

var (
	hiddenSeries = regexp.MustCompile(`name="series" value="([^"]+)"`)
	hiddenSeen   = regexp.MustCompile(`name="seen" value="([^"]+)"`)
)

// bringsAlong has a form confirm a series with what the page of its dates brings along.
func bringsAlong(form url.Values, dates *httptest.ResponseRecorder) {
	form.Set("confirm", "1")
	form.Del("series")
	if m := hiddenSeries.FindStringSubmatch(dates.Body.String()); m != nil {
		form.Set("series", m[1])
	}
	form.Del("seen")
	for _, m := range hiddenSeen.FindAllStringSubmatch(dates.Body.String(), -1) {
		form.Add("seen", m[1])
	}
}

// repeatForm asks for a series of two visits with a patient who is kept by it.
func repeatForm() url.Values {
	form := practiceForm()
	form.Set("patient", "Sam Newname")
	form.Set("day", "31")
	form.Set("month", "5")
	form.Set("year", "2012")
	form.Set("number", "MRN-0099")
	form.Set("repeat", "1")
	form.Set("repeat_count", "2")
	form["make"] = []string{"2026-11-25", "2026-12-02"}
	return form
}

// TestDeskMakesASeriesOnce: a series whose dates are confirmed twice, at once or later, is made once, and both are led to it. Its patient, who is kept since, is in
// the way of nothing.
func TestDeskMakesASeriesOnce(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := repeatForm()
	bringsAlong(form, r.post("/desk/new", form))
	before, patients := p.Count(`visits`), p.Count(`patients`)
	const posts = 4
	var to [posts]string
	var all sync.WaitGroup
	for i := range posts {
		all.Go(func() { to[i] = r.post("/desk/new", form).Header().Get("Location") })
	}
	all.Wait()
	if n := p.Count(`visits`); n != before+2 || p.Count(`patients`) != patients+1 {
		t.Errorf("%d visits more, %d patients", n-before, p.Count(`patients`)-patients)
	}
	for _, path := range to {
		if path != to[0] || !strings.HasSuffix(path, "/series?made") {
			t.Errorf("led to %q", to)
		}
	}
	if n := p.Audited("visit.create", store.Allowed); n != 2 {
		t.Errorf("%d rows of visits that were made", n)
	}
	// The browser's way back, and other dates: what was made stays, and that is said.
	form["make"] = []string{"2026-12-02"}
	w := r.post("/desk/new", form)
	if got := w.Header().Get("Location"); got != strings.Replace(to[0], "?made", "?before", 1) || p.Count(`visits`) != before+2 {
		t.Errorf("led to %q, %d visits more", got, p.Count(`visits`)-before)
	}
	wantWords(t, r.get(w.Header().Get("Location")), "This series was made before, on these dates. Nothing was changed now.")
}

// TestDeskSeriesAllowsWhatWasSeen: visits at the same time hinder a series unless the page of its dates showed just them, as it does not when the same form lies in
// two tabs.
func TestDeskSeriesAllowsWhatWasSeen(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := repeatForm()
	form.Set("patient", "")
	form.Set("patient_id", p.Patient.ID)
	form.Set("allow_overlap", "yes") // as it was for a single visit
	first, second := r.post("/desk/new", form), r.post("/desk/new", form)
	bringsAlong(form, first)
	if w := r.post("/desk/new", form); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	made := p.Count(`visits`)
	bringsAlong(form, second)
	form["make"] = form["make"][1:]
	asked := r.post("/desk/new", form)
	wantWords(t, asked, "Another visit was planned at one of these times since you saw the dates", "Wednesday 2 December 2026 at 15:00 The clinician has another visit from 15:00 to 15:40")
	if n := p.Count(`visits`); asked.Code != http.StatusUnprocessableEntity || n != made {
		t.Errorf("%d, %d visits more", asked.Code, n-made)
	}
	bringsAlong(form, asked)
	if w := r.post("/desk/new", form); w.Code != http.StatusSeeOther || p.Count(`visits`) != made+1 {
		t.Errorf("%d, %d visits more: %s", w.Code, p.Count(`visits`)-made, words(w))
	}
}
