package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestDeskLists(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	d.Plan(func(q *visits.Request) { q.Service = "Today" })
	d.Plan(func(q *visits.Request) {
		q.Service, q.StartsAt = "Late tonight", visitstest.Noon.Add(10*time.Hour+30*time.Minute)
	}) // 23:30 in Berlin
	d.Plan(func(q *visits.Request) {
		q.Service, q.StartsAt = "After midnight", visitstest.Noon.Add(11*time.Hour+30*time.Minute)
	})
	for i := range 60 {
		d.Plan(func(q *visits.Request) {
			q.Service, q.StartsAt = fmt.Sprintf("Later %02d", i), visitstest.Noon.AddDate(0, 0, 2).Add(time.Duration(i)*time.Minute)
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

	d.At(visitstest.Noon.AddDate(0, 0, 3))
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
	v, _ := d.Plan()
	if err := d.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomOpened, Visit: v.ID, At: visitstest.Noon}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/desk", "/desk/visits/" + v.ID} {
		wantWords(t, r.get(path), "Somebody came, nobody was let in yet")
	}
}

// TestDeskInTheTimeOfTheSite: whoever works at a hospital reads all times of a visit as the clocks at its site show them, on each page, which says so; what is of
// all sites is in the time of the first.
func TestDeskInTheTimeOfTheSite(t *testing.T) {
	p := visitstest.NewPractice(t)
	tokyo, err := p.Sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Tokyo", Languages: []string{"en"}, Calendar: sites.Calendar{Zone: visitstest.Must[*time.Location](t)(time.LoadLocation("Asia/Tokyo"))}})
	if err != nil {
		t.Fatal(err)
	}
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := goodForm()
	form.Set("site_id", tokyo.ID)
	form.Set("stranger", visitstest.CanaryClinician)
	wantWords(t, r.get("/desk/new"), "Example Children's Hospital, New York time", "Tokyo, Tokyo time", "Date and time are those of the site.")
	w := r.post("/desk/new", form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	links := w.Header().Get("Location")
	v := p.Shown(strings.Split(links, "/")[3])
	if want := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC); !v.StartsAt.Equal(want) {
		t.Errorf("starts at %s, want %s", v.StartsAt, want)
	}
	visit, person := "/desk/visits/"+v.ID, "/desk/visits/"+v.ID+"/people/"+v.Invitations[0].ID
	for path, shown := range map[string]string{
		links: "Wednesday 25 November 2026 at 15:00", visit: "Wednesday 25 November 2026 at 15:00", visit + "/move": "at 15:00, Tokyo time", visit + "/edit": "at 15:00, Tokyo time", visit + "/interpreter": "at 15:00, Tokyo time",
		visit + "/cancel": "at 15:00, Tokyo time", person + "/edit": "at 15:00, Tokyo time", person + "/new-link": "at 15:00, Tokyo time", "/desk/schedule?day=2026-11-25&site=" + tokyo.ID: "15:00–15:30",
	} {
		wantWords(t, r.get(path), shown, "Tokyo time")
	}
	wantWords(t, r.get(links), "at 15:00 (Tokyo time)") // of the message to the family
	wantWords(t, r.get("/desk?when=upcoming"), "Tomorrow, Wednesday 25 November 2026", "01:00", "Tokyo: 15:00, Tokyo time", "Times are in New York time (America/New_York).")
	wantWords(t, r.post("/desk/search", url.Values{"day": {"2026-11-25"}}), "01:00", "Tokyo: 15:00, Tokyo time", "Times are in New York time (America/New_York).")
}
