package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/visits/visitstest"
)

// TestDeskSaysWhatIsClosed: the schedule, and the pages of a visit that is planned all the same, say on which days the site does not work, and why.
func TestDeskSaysWhatIsClosed(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	holiday := visitstest.Must[sites.Day](t)(sites.ParseDay("2026-12-09"))
	p.Site.Holidays = []sites.Holiday{{Day: holiday, Name: "Founders’ day"}, {Day: holiday + 1}}
	if _, err := p.Sites.UpdateSite(t.Context(), auth.Operator(), p.Site); err != nil {
		t.Fatal(err)
	}
	lacks := func(page, text string) {
		t.Helper()
		if strings.Contains(words(r.get(page)), text) {
			t.Errorf("%s says %q", page, text)
		}
	}
	for day, want := range map[string]string{"2026-12-09": "Closed: Founders’ day", "2026-12-10": "Closed", "2026-11-29": "Weekend"} {
		wantWords(t, r.get("/desk/schedule?day="+day), "Next "+want+" Canary Clinicianname doctor")
	}
	lacks("/desk/schedule?day=2026-12-08", "Closed")
	lacks("/desk/schedule?day=2026-12-08", "Weekend")

	const closed = "Closed: Founders’ day The site does not work on this day."
	form := practiceForm()
	form.Set("patient_id", p.Patient.ID)
	form.Set("date", "2026-12-09")
	made := r.post("/desk/new", form)
	if made.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", made.Code, words(made))
	}
	links := made.Header().Get("Location")
	path, _, _ := strings.Cut(links, "/links")
	wantWords(t, r.get(links), closed)
	wantWords(t, r.get(path), closed)
	wantWords(t, r.get("/desk/schedule?view=week&day=2026-12-07"), "9 December Closed: Founders’ day 10 December Closed", "Tuesday 8 December Wednesday 9 December Closed: Founders’ day Thursday 10 December Closed Friday 11 December Saturday 12 December Weekend Sunday 13 December Weekend")

	move := url.Values{"date": {"2026-12-08"}, "time": {"15:00"}, "minutes": {"40"}, "zone": {"America/New_York"}, "sequence": {"0"}}
	if w := r.post(path+"/move", move); w.Code != http.StatusSeeOther {
		t.Fatalf("moved: %d %s", w.Code, words(w))
	}
	lacks(path, "The site does not work")
}
