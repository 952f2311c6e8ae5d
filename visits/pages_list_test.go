package visits_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/visits"
)

func TestDeskLists(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	d.visit(func(q *visits.Request) { q.Service = "Today" })
	d.visit(func(q *visits.Request) { q.Service, q.StartsAt = "Late tonight", noon.Add(10*time.Hour+30*time.Minute) }) // 23:30 in Berlin
	d.visit(func(q *visits.Request) {
		q.Service, q.StartsAt = "After midnight", noon.Add(11*time.Hour+30*time.Minute)
	})
	for i := range 60 {
		d.visit(func(q *visits.Request) {
			q.Service, q.StartsAt = fmt.Sprintf("Later %02d", i), noon.AddDate(0, 0, 2).Add(time.Duration(i)*time.Minute)
		})
	}
	today := r.get("/desk")
	wantWords(t, today, "Today, Tuesday 24 November 2026", "Late tonight", "Open")
	if strings.Contains(words(today), "After midnight") || strings.Contains(words(today), "Later") {
		t.Error("today has visits of another day")
	}
	upcoming := r.get("/desk?when=upcoming")
	wantWords(t, upcoming, "Tomorrow, Wednesday 25 November 2026", "After midnight", "Thursday 26 November 2026", "Later 00", "More visits")
	more := regexp.MustCompile(`href="(/desk\?after=[^"]*)"`).FindStringSubmatch(upcoming.Body.String())
	if more == nil {
		t.Fatal("no way to the next page")
	}
	wantWords(t, r.get(strings.ReplaceAll(more[1], "&amp;", "&")), "Later 59")
	wantWords(t, r.get("/desk?when=upcoming&after=nonsense"), "After midnight")

	d.at(noon.AddDate(0, 0, 3))
	r = d.signInAgain(auth.Scheduler)
	past := r.get("/desk?when=past")
	wantWords(t, past, "Past visits", "Yesterday, Thursday 26 November 2026", "Tuesday 24 November 2026", "Nobody was admitted", "The week before")
	if strings.Index(words(past), "Later 00") > strings.Index(words(past), "Late tonight") {
		t.Error("the past does not begin with the latest")
	}
	wantWords(t, r.get("/desk?when=past&before=2026-11-20"), "There were no visits from 13 November to 19 November 2026.")
	wantWords(t, r.get("/desk?when=past&before=nonsense"), "Late tonight")
	wantWords(t, r.get("/desk?when=nonsense"), "Visits today")
}

// TestDeskOfAnOpenVisit: who came may have gone again, so the words only say that they came.
func TestDeskOfAnOpenVisit(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, _ := d.visit()
	if err := d.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomOpened, Visit: v.ID, At: noon}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/desk", "/desk/visits/" + v.ID} {
		wantWords(t, r.get(path), "Somebody came, nobody was let in yet")
	}
}

// TestDeskKeepsTheChosenZone: what was typed is what everybody reads, and in the message to the family.
func TestDeskKeepsTheChosenZone(t *testing.T) {
	d := newDesk(t)
	d.zone = "Europe%2FBerlin"
	r := d.signIn(auth.Scheduler)
	form := goodForm()
	make := func(zone string) (to string, kept *http.Cookie) {
		t.Helper()
		form.Set("zone", zone)
		w := r.post("/desk/new", form)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, words(w))
		}
		for _, c := range w.Result().Cookies() {
			kept = c
		}
		return w.Header().Get("Location"), kept
	}
	if _, kept := make("Europe/Berlin"); kept != nil {
		t.Errorf("the browser's own zone is kept: %v", kept)
	}
	to, kept := make("America/New_York")
	if kept == nil || kept.Name != "housecall_zone_chosen" || !kept.HttpOnly || !kept.Secure || kept.MaxAge <= 0 {
		t.Fatalf("kept %v", kept)
	}
	d.chosen = kept.Value
	const shown = "Times are in New York time (America/New_York)."
	wantWords(t, r.get(to), "Wednesday 25 November 2026 at 15:00", "at 15:00 (New York time)", shown)
	wantWords(t, r.get(strings.TrimSuffix(to, "/links?made")), "Wednesday 25 November 2026 at 15:00", shown)
	wantWords(t, r.get("/desk?when=upcoming"), "15:00", shown)
	if !strings.Contains(r.get("/desk/new").Body.String(), `name="zone" value="America/New_York"`) {
		t.Error("the next form begins with another zone")
	}
	if _, kept := make("Europe/Berlin"); kept == nil || kept.MaxAge >= 0 {
		t.Errorf("going back to the browser's own zone: %v", kept)
	}
	d.chosen = "Mars%2FOlympus"
	wantWords(t, r.get("/desk"), "Times are in Berlin time")
}
