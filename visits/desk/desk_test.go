package desk_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// goodForm is a form for a visit tomorrow at 15:00 in Berlin.
func goodForm() url.Values {
	return url.Values{
		"service": {"Cardiology"}, "date": {"2026-11-25"}, "time": {"15:00"}, "minutes": {"30"},
		"patient": {visitstest.CanaryPatient}, "clinician": {visitstest.CanaryClinician}, "ask_birth_date": {"yes"}, "day": {"31"}, "month": {"5"}, "year": {"2012"},
		"more_name": {visitstest.CanaryGuardian, ""}, "more_role": {"guardian", ""},
	}
}

func TestDeskMakesAVisit(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	wantWords(t, r.get("/desk"), "Visits today", "No visits today.", "Make a visit", "Times are in Berlin time (Europe/Berlin).")
	wantWords(t, r.get("/desk/new"), "New visit", "Patient’s name", "Times are in Berlin time (Europe/Berlin).")

	w := r.post("/desk/new", goodForm())
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	to := w.Header().Get("Location")
	made := r.get(to)
	wantWords(t, made, "The visit is made.", "Send the links", "Wednesday 25 November 2026 at 15:00", "from 14:30 to 17:30", visitstest.CanaryPatient, visitstest.CanaryGuardian,
		"Your video visit with Example Children's Hospital is on Wednesday 25 November 2026 at 15:00 (Berlin time).", "We will ask for the patient’s date of birth.")
	links := regexp.MustCompile(`value="https://visits\.example/v#([A-Za-z0-9_-]{22})"`).FindAllString(made.Body.String(), -1)
	if len(links) != 3 {
		t.Errorf("%d links: %v", len(links), links)
	}
	if strings.Contains(words(made), "Your video visit with Example Children's Hospital is on Wednesday 25 November 2026 at 15:00 (Berlin time). Cardiology") {
		t.Error("a message names the service")
	}
	if made.Header().Get("Cache-Control") != "no-store" {
		t.Error("a page with links may be kept")
	}
	id := strings.Split(to, "/")[3]
	v := d.Shown(id)
	if v.StartsAt != time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC) || v.BirthDate.Reveal() != visitstest.CanaryBirthDate || len(v.Invitations) != 3 {
		t.Errorf("made %v %d", v.StartsAt, len(v.Invitations))
	}
	if got := r.get(strings.TrimSuffix(to, "?made")); !strings.Contains(words(got), "Send the links") || strings.Contains(words(got), "is made") {
		t.Error("the links can be read once only")
	}
	wantWords(t, r.get("/desk?when=upcoming"), "Tomorrow, Wednesday 25 November 2026", visitstest.CanaryClinician, "Planned", "Link not opened")
	wantWords(t, r.get("/desk/visits/"+id), "Wednesday 25 November 2026 at 15:00", "Times are in Berlin time (Europe/Berlin).", "Asked for: 31 May 2012")
}

func TestDeskSaysWhatIsWrong(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	many := make([]string, 9)
	for i := range many {
		many[i] = "Person"
	}
	for name, c := range map[string]struct {
		change url.Values
		want   string // the problem
		field  string // where its link leads
	}{
		"no service":        {url.Values{"service": {" "}}, "Enter the service, for example Cardiology", "service"},
		"long service":      {url.Values{"service": {strings.Repeat("x", 81)}}, "The service must have at most 80 characters", "service"},
		"no date":           {url.Values{"date": {""}}, "Enter the date of the visit", "date"},
		"odd date":          {url.Values{"date": {"25.11.2026"}}, "Enter a real date, as in 2026-11-24", "date"},
		"long ago":          {url.Values{"date": {"2026-11-20"}}, "The start is so long ago that the visit would be over already", "date"},
		"too far":           {url.Values{"date": {"2030-11-20"}}, "The start must be within the next two years", "date"},
		"no time":           {url.Values{"time": {""}}, "Enter the time the visit starts", "time"},
		"odd time":          {url.Values{"time": {"3pm"}}, "Enter the time as in 09:30 or 15:00", "time"},
		"no such time":      {url.Values{"date": {"2027-03-28"}, "time": {"02:30"}}, "There is no such time on this day, because the clocks go forward", "time"},
		"odd minutes":       {url.Values{"minutes": {"half an hour"}}, "Enter how many minutes the visit takes", "minutes"},
		"few minutes":       {url.Values{"minutes": {"1"}}, "The visit must take from 5 to 480 minutes", "minutes"},
		"no patient":        {url.Values{"patient": {""}}, "Enter the patient’s name", "patient"},
		"no clinician":      {url.Values{"clinician": {""}}, "Enter the clinician’s name", "clinician"},
		"no birth date":     {url.Values{"day": {""}, "month": {""}, "year": {""}}, "Enter the patient’s date of birth, or choose not to ask for it", "birth_date"},
		"no such day":       {url.Values{"day": {"30"}, "month": {"2"}}, "Enter a real date of birth", "birth_date"},
		"born tomorrow":     {url.Values{"year": {"2031"}}, "The date of birth must be in the past", "birth_date"},
		"person, no role":   {url.Values{"more_role": {"", ""}}, "Choose who this person is", "more_role_0"},
		"person, odd role":  {url.Values{"more_role": {"admin", ""}}, "Choose who this person is", "more_role_0"},
		"person, long name": {url.Values{"more_name": {strings.Repeat("x", 81), ""}}, "The name must have at most 80 characters", "more_name_0"},
		"too many people":   {url.Values{"more_name": many, "more_role": strings.Split(strings.Repeat("guest ", 9), " ")[:9]}, "A visit has at most 10 people", "more_name_8"},
	} {
		t.Run(name, func(t *testing.T) {
			form := goodForm()
			for k, v := range c.change {
				form[k] = v
			}
			w := r.post("/desk/new", form)
			if w.Code != http.StatusUnprocessableEntity {
				t.Errorf("status %d", w.Code)
			}
			wantWords(t, w, "There is a problem", "Error: "+c.want)
			body := w.Body.String()
			if !strings.Contains(body, fmt.Sprintf(`<a href="#%s">`, c.field)) || !strings.Contains(body, fmt.Sprintf(`id="%s"`, c.field)) || !strings.Contains(body, fmt.Sprintf(`id="%s-wrong"`, c.field)) {
				t.Errorf("the summary does not lead to %s", c.field)
			}
			if !strings.Contains(body, "<title>Error: New visit") {
				t.Error("the title does not say so")
			}
			if c.change["clinician"] == nil && !strings.Contains(body, visitstest.CanaryClinician) {
				t.Error("what was typed is lost")
			}
		})
	}
	if n := d.Count(`visits`); n != 0 {
		t.Errorf("%d visits were made", n)
	}
}

func TestDeskOfAnEmptyForm(t *testing.T) {
	d := newDesk(t)
	w := d.signIn(auth.Scheduler).post("/desk/new", url.Values{"minutes": {"30"}})
	wantWords(t, w, "There is a problem Enter the service, for example Cardiology Enter the date of the visit Enter the time the visit starts "+
		"Enter the patient’s name Enter the clinician’s name New visit")
}

func TestDeskAddsRowsWithoutAScript(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	form := goodForm()
	form.Set("more", "1")
	w := r.post("/desk/new", form)
	if n := strings.Count(w.Body.String(), `name="more_name"`); w.Code != 200 || n != 3 {
		t.Errorf("%d rows, status %d", n, w.Code)
	}
	if !strings.Contains(w.Body.String(), visitstest.CanaryGuardian) || d.Count(`visits`) != 0 {
		t.Error("what was typed is lost, or a visit was made")
	}
	form["more_name"] = make([]string, 50)
	if n := strings.Count(r.post("/desk/new", form).Body.String(), `name="more_name"`); n > visits.MaxPeople {
		t.Errorf("%d rows", n)
	}
}

func TestDeskOfOneVisit(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, links := d.Plan(visitstest.AskBirthDate)
	path := "/desk/visits/" + v.ID
	guardian := path + "/people/" + v.Invitations[2].ID
	d.Follow(links[1], "")
	wantWords(t, r.get(path), "Cardiology", "Links work from 12:30 to 15:30", "Tuesday 24 November 2026 at 13:00", visitstest.CanaryClinician+" Clinician Link opened 24 November 2026 at 13:00",
		visitstest.CanaryGuardian+" Parent or guardian Link not opened", "Send again", "New link", "Revoke", "Add a person", "Cancel visit")

	wantWords(t, r.get(guardian+"/link"), "Send the link", visitstest.CanaryGuardian)
	if body := r.get(guardian + "/link").Body.String(); !strings.Contains(body, links[2].URL) {
		t.Error("Send again gives another link")
	}
	wantWords(t, r.get(guardian+"/new-link"), "Make a new link?", "The old link stops working at once.")
	w := r.post(guardian+"/new-link", url.Values{})
	if w.Code != 303 {
		t.Fatalf("new link: %d", w.Code)
	}
	renewed := r.get(w.Header().Get("Location"))
	wantWords(t, renewed, "This is the new link.")
	if strings.Contains(renewed.Body.String(), links[2].URL) {
		t.Error("New link gives the old one")
	}

	wantWords(t, r.get(guardian+"/revoke"), "Revoke this link?", visitstest.CanaryGuardian)
	w = r.post(guardian+"/revoke", url.Values{})
	wantWords(t, r.get(w.Header().Get("Location")), "The link is revoked.", visitstest.CanaryGuardian+" Parent or guardian Revoked")
	wantWords(t, r.get(guardian+"/revoke"), "This link was revoked before.")
	wantWords(t, r.get(guardian+"/new-link"), "Add the person to the visit once more instead.")
	if w := r.get(guardian + "/link"); w.Code != 409 {
		t.Errorf("the link of somebody revoked: %d", w.Code)
	}

	if w := r.post(path+"/people", url.Values{"name": {"  "}, "role": {"admin"}}); w.Code != 422 {
		t.Errorf("an empty person: %d", w.Code)
	} else {
		wantWords(t, w, "Enter the person’s name", "Choose who this person is", "There is a problem")
	}
	w = r.post(path+"/people", url.Values{"name": {visitstest.CanaryGuardian}, "role": {"interpreter"}})
	added := w.Header().Get("Location")
	wantWords(t, r.get(added), "The person is added.", visitstest.CanaryGuardian+" Interpreter")
	invited := len(d.Shown(v.ID).Invitations)
	w = r.post(path+"/people", url.Values{"name": {strings.ToUpper(visitstest.CanaryGuardian) + " "}, "role": {"interpreter"}}) // the same form once more
	wantWords(t, w, "Somebody of this name is invited in this role already.")
	if n := len(d.Shown(v.ID).Invitations); w.Code != http.StatusUnprocessableEntity || n != invited {
		t.Errorf("the same person again: %d, %d invitations more", w.Code, n-invited)
	}
	r.post(strings.TrimSuffix(added, "/link?added")+"/revoke", url.Values{})
	if w := r.post(path+"/people", url.Values{"name": {visitstest.CanaryGuardian}, "role": {"interpreter"}}); w.Code != http.StatusSeeOther {
		t.Errorf("somebody who was withdrawn: %d", w.Code)
	}

	wantWords(t, r.get(path+"/cancel"), "Cancel this visit?", visitstest.CanaryPatient, "Nobody gets a message. Please tell everybody yourself.")
	w = r.post(path+"/cancel", url.Values{})
	cancelled := r.get(w.Header().Get("Location"))
	wantWords(t, cancelled, "The visit is cancelled.", "Cancelled")
	for _, gone := range []string{"Send again", "Add a person", "Cancel visit", "Links work"} {
		if strings.Contains(words(cancelled), gone) {
			t.Errorf("a cancelled visit offers %q", gone)
		}
	}
	wantWords(t, r.get(path+"/cancel"), "The visit is over already, so it cannot be cancelled.")
	if w := r.post(path+"/people", url.Values{"name": {"Late"}, "role": {"guest"}}); w.Code != 422 {
		t.Errorf("inviting to a cancelled visit: %d", w.Code)
	}
	if w := r.get(path + "/links"); w.Code != 409 {
		t.Errorf("links of a cancelled visit: %d", w.Code)
	}
}

// TestDeskRoutesByRole tries every page with everybody.
func TestDeskRoutesByRole(t *testing.T) {
	d := newDesk(t)
	v, _ := d.Plan()
	doomed, _ := d.Plan()
	path := "/desk/visits/" + v.ID
	person := path + "/people/" + v.Invitations[2].ID
	readers := map[auth.Role]reader{}
	for _, role := range []auth.Role{"", auth.Scheduler, auth.Admin, auth.Coordinator, auth.Observer} {
		readers[role] = d.signIn(role)
	}
	wantWords(t, readers[auth.Admin].get(path), "A note of another part", "More of it", "Of a third part")
	if page := readers[auth.Scheduler].get(path).Body.String(); strings.Contains(page, "/elsewhere/") {
		t.Error("a scheduler is shown what another part says to administrators alone")
	}
	for _, c := range []struct {
		method, path string
		form         url.Values
		status       map[auth.Role]int // of those who may; 404 for the others who are signed in
	}{
		{"GET", "/desk", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200, auth.Coordinator: 200}},
		{"GET", path, nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200, auth.Coordinator: 200}},
		{"GET", "/desk/new", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"POST", "/desk/new", goodForm(), map[auth.Role]int{auth.Scheduler: 303, auth.Admin: 303}},
		{"GET", path + "/links", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"POST", path + "/people", url.Values{"name": {"One More"}, "role": {"guest"}}, map[auth.Role]int{auth.Admin: 303, auth.Scheduler: 422}}, // who is invited by then
		{"GET", person + "/link", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"GET", person + "/new-link", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"POST", person + "/new-link", url.Values{}, map[auth.Role]int{auth.Scheduler: 303, auth.Admin: 303}},
		{"GET", person + "/revoke", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"POST", person + "/revoke", url.Values{}, map[auth.Role]int{auth.Scheduler: 303, auth.Admin: 303}},
		{"GET", path + "/cancel", nil, map[auth.Role]int{auth.Scheduler: 200, auth.Admin: 200}},
		{"POST", "/desk/visits/" + doomed.ID + "/cancel", url.Values{}, map[auth.Role]int{auth.Scheduler: 303, auth.Admin: 303}},
	} {
		for _, role := range []auth.Role{"", auth.Observer, auth.Coordinator, auth.Admin, auth.Scheduler} {
			want := c.status[role]
			switch {
			case role == "" && c.method == "GET":
				want = http.StatusSeeOther
			case role == "":
				want = http.StatusUnauthorized
			case want == 0:
				want = http.StatusNotFound
			}
			w := readers[role].send(c.method, c.path, c.form)
			if w.Code != want {
				t.Errorf("%s %s as %q: %d, want %d", c.method, c.path, role, w.Code, want)
			}
			if to := w.Header().Get("Location"); role == "" && want == 303 && !strings.HasPrefix(to, "/sign-in?next=") {
				t.Errorf("%s %s as nobody leads to %q", c.method, c.path, to)
			}
			if (want == 404 || role == "") && strings.Contains(w.Body.String(), "Canary") {
				t.Errorf("%s %s tells %q names", c.method, c.path, role)
			}
		}
	}
	seen := readers[auth.Coordinator].get(path).Body.String()
	for _, button := range []string{"/link\"", "/new-link\"", "/revoke\"", "/cancel\"", "Add a person"} {
		if strings.Contains(seen, button) {
			t.Errorf("a coordinator is offered %s", button)
		}
	}
}

func TestDeskOfWhatIsNotThere(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, _ := d.Plan()
	other, _ := d.Plan()
	nothing := r.get("/desk/visits/01930000-0000-7000-8000-00000000dead")
	wantWords(t, nothing, "Nothing here")
	for _, path := range []string{
		"/desk/visits/nonsense", "/desk/visits/" + visitstest.CanaryPatient[:6], "/desk/visits/" + v.ID + "/people/" + other.Invitations[0].ID + "/link",
		"/desk/visits/" + v.ID + "/people/" + other.Invitations[0].ID + "/revoke", "/desk/visits/" + other.ID + "x/links",
	} {
		if w := r.get(path); w.Code != 404 || !strings.Contains(words(w), "Nothing here") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := r.post("/desk/visits/"+v.ID+"/people/"+other.Invitations[0].ID+"/revoke", url.Values{}); w.Code != 404 {
		t.Errorf("revoking a person of another visit: %d", w.Code)
	}
}

func TestDeskEscapes(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	const bad = `"><script>alert(1)</script>`
	v, _ := d.Plan(func(q *visits.Request) {
		q.Service = bad
		for i := range q.People {
			q.People[i].Name = bad
		}
	})
	path := "/desk/visits/" + v.ID
	form := goodForm()
	for k := range form {
		form[k] = []string{bad}
	}
	pages := []*httptest.ResponseRecorder{r.get("/desk"), r.get(path), r.get(path + "/links"), r.get(path + "/cancel"),
		r.get(path + "/people/" + v.Invitations[0].ID + "/revoke"), r.post("/desk/new", form), r.post(path+"/people", url.Values{"name": {bad}, "role": {bad}}),
		r.post("/sign-in", url.Values{"email": {bad}, "next": {bad}}), r.post("/setup", form), r.get("/sign-in?why=" + url.QueryEscape(bad) + "&next=" + url.QueryEscape(bad))}
	for i, w := range pages {
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("page %d does not escape:\n%s", i, w.Body)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("ZgotmplZ")) {
			t.Errorf("page %d has a value in a place it must not be", i)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("[private]")) {
			t.Errorf("page %d shows that something is private rather than what it is", i)
		}
	}
}

func TestDeskRefusesOtherSites(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	v, _ := d.Plan()
	for _, path := range []string{"/desk/new", "/desk/visits/" + v.ID + "/cancel", "/desk/visits/" + v.ID + "/people"} {
		req := httptest.NewRequest("POST", path, strings.NewReader(goodForm().Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.AddCookie(r.cookie)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, req)
		if w.Code != 403 {
			t.Errorf("%s from another site: %d", path, w.Code)
		}
	}
	if d.Shown(v.ID).State != visits.Scheduled || d.Count(`visits`) != 1 {
		t.Error("another site changed something")
	}
	if w := r.post("/desk/new", url.Values{"service": {strings.Repeat("x", web.DefaultMaxBody)}}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge form: %d", w.Code)
	}
}

func TestDeskIsSilent(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	w := r.post("/desk/new", goodForm())
	made := w.Header().Get("Location")
	r.get(made)
	bad := goodForm()
	bad.Set("minutes", visitstest.CanaryPatient)
	r.post("/desk/new", bad)
	r.get("/desk?when=upcoming&after=" + url.QueryEscape(visitstest.CanaryPatient))
	r.get("/desk/visits/" + url.PathEscape(visitstest.CanaryPatient))
	if !strings.Contains(d.Logs.String(), `"route":"POST /desk/new"`) {
		t.Fatal("nothing was logged, so this shows nothing")
	}
	for _, c := range append(visitstest.Canaries, strings.Split(made, "/")[3]) {
		if strings.Contains(d.Logs.String(), c) {
			t.Errorf("the log holds %q", c)
		}
		if strings.Contains(made, c) && !strings.Contains(c, "-") {
			t.Errorf("an address holds %q", c)
		}
	}
}
