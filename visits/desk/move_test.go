package desk_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits/visitstest"
)

// TestDeskMovesAVisit: in the zone of the visit's site, whatever the reader's is.
func TestDeskMovesAVisit(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	r := d.signIn(auth.Scheduler)
	path := "/desk/visits/" + v.ID
	if page := r.get(path); !strings.Contains(page.Body.String(), `href="`+path+`/move"`) {
		t.Error("the visit's page does not lead to the form")
	}
	form := r.get(path + "/move")
	wantWords(t, form, "Move this visit", "All links stay the same", "Times are in New York time (America/New_York).")
	for _, field := range []string{`name="date" type="date" value="2026-11-24"`, `name="time" type="time" value="07:00"`, `name="minutes" inputmode="numeric" value="40"`} {
		if !strings.Contains(form.Body.String(), field) {
			t.Errorf("the form lacks %s", field)
		}
	}
	typed := func(day, clock, minutes string) url.Values {
		return url.Values{"date": {day}, "time": {clock}, "minutes": {minutes}, "zone": {"America/New_York"}, "sequence": {strconv.Itoa(p.Shown(v.ID).Sequence)}}
	}
	for _, c := range []struct {
		typed url.Values
		want  string
	}{
		{typed("", "07:00", "40"), "Enter the date of the visit"},
		{typed("2026-11-24", "25:00", "40"), "Enter the time as in 09:30 or 15:00"},
		{typed("2026-11-24", "07:00", "4"), "The visit must take from 5 to 480 minutes"},
		{typed("2026-11-24", "07:00", "0"), "Enter how many minutes the visit takes"},
		{typed("2020-11-24", "07:00", "30"), "The start is so long ago"},
		{typed("2027-03-14", "02:30", "30"), "There is no such time on this day"},
	} {
		w := r.post(path+"/move", c.typed)
		wantWords(t, w, c.want)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", c.typed, w.Code)
		}
	}
	w := r.post(path+"/move", typed("٢٠٢٦-11-25", "١٥:٣٠", "۲۰"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != path+"?done=moved" {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	wantWords(t, r.get(path+"?done=moved"), "The visit is moved.")
	if got := p.Shown(v.ID); !got.StartsAt.Equal(time.Date(2026, 11, 25, 20, 30, 0, 0, time.UTC)) || got.EndsAt.Sub(got.StartsAt) != 20*time.Minute || got.Sequence != 1 {
		t.Errorf("moved to %+v", got)
	}

	// A page from before the move moves nothing: the family has been told.
	stale := typed("2026-11-24", "07:00", "30")
	stale.Set("sequence", "0")
	w = r.post(path+"/move", stale)
	wantWords(t, w, "Somebody else has changed this meanwhile.")
	if got := p.Shown(v.ID); w.Code != http.StatusConflict || got.Sequence != 1 {
		t.Errorf("moved by an old page: %d, %+v", w.Code, got)
	}

	// Onto another visit only when that is meant.
	if _, _, err := p.Create(t.Context(), p.Scheduler, p.Request()); err != nil {
		t.Fatal(err)
	}
	onto := typed("2026-11-24", "07:10", "20")
	w = r.post(path+"/move", onto)
	wantWords(t, w, "The clinician or the patient has another visit at this time.", "Plan it all the same")
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `value="07:10"`) {
		t.Errorf("%d: what was typed is lost", w.Code)
	}
	onto.Set("allow_overlap", "yes")
	if w := r.post(path+"/move", onto); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, words(w))
	}

	if err := p.Cancel(t.Context(), p.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	w = r.post(path+"/move", typed("2026-11-25", "15:30", "20"))
	wantWords(t, w, "The visit is over, so it cannot be moved.")
	for _, form := range []string{"/move", "/edit", "/interpreter"} {
		page := r.get(path + form)
		wantWords(t, page, "This visit is cancelled, so it cannot be moved or changed. You can plan a new one.", "New visit")
		if body := page.Body.String(); strings.Contains(body, `<input type="hidden"`) || !strings.Contains(body, `href="/desk/new?patient_id=`+p.Patient.ID+`&amp;site_id=`+p.Site.ID+`"`) {
			t.Errorf("%s of a cancelled visit has a form, or leads to none for a new one", form)
		}
	}
	wantWords(t, r.get("/desk/new?patient_id="+p.Patient.ID+"&site_id="+p.Site.ID), "New visit")
	if page := r.get(path); strings.Contains(page.Body.String(), "/move") {
		t.Error("a visit that is over may be moved, says its page")
	}
	if w := r.get("/desk/visits/" + store.NewID() + "/move"); w.Code != http.StatusNotFound {
		t.Errorf("nothing: %d", w.Code)
	}
}

// TestDeskMovesNoNoShow: somebody may come to it yet, and what it is about may change, but nothing offers to move what the form then calls over.
func TestDeskMovesNoNoShow(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	path := "/desk/visits/" + v.ID
	offered := func(want bool) {
		t.Helper()
		for _, page := range []string{path, "/desk/schedule?day=2026-11-24"} {
			if body := r.get(page).Body.String(); strings.Contains(body, `href="`+path+`/move"`) != want {
				t.Errorf("%s offers to move: want %t", page, want)
			}
		}
	}
	p.At(visitstest.Noon.Add(10 * time.Minute))
	offered(true)
	if err := p.NoShow(t.Context(), p.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	offered(false)
	wantWords(t, r.get(path+"/move"), "This visit is over, so it cannot be moved or changed.")
	if !strings.Contains(r.get(path).Body.String(), `href="`+path+`/edit"`) {
		t.Error("what it is about can be changed no more")
	}
}
