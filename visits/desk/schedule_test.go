package desk_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/visitstest"
)

// TestDeskSchedule: a day and a week of the clinic in the zone of its site, by who leads and by service.
func TestDeskSchedule(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	r := d.signIn(auth.Scheduler)
	wantWords(t, r.get("/desk/schedule"), "Tuesday 24 November 2026", "No visits.", "Times are in New York time (America/New_York).")
	plan := func(change func(*visits.Request)) visits.Visit {
		t.Helper()
		q := p.Request()
		q.StartsAt, q.AllowOverlap = time.Date(2026, 11, 25, 14, 10, 0, 0, time.UTC), true
		change(&q)
		v, _, err := p.Create(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := plan(func(*visits.Request) {})
	plan(func(q *visits.Request) {
		q.ClinicianID, q.ServiceID, q.Service, q.Minutes = p.Nurse.ID, "", "Nutrition", 30
	})
	late := plan(func(q *visits.Request) { q.StartsAt = time.Date(2026, 11, 26, 4, 30, 0, 0, time.UTC) }) // 23:30 that day, over midnight
	plan(func(q *visits.Request) { q.StartsAt = time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC) })         // Sunday
	plan(func(q *visits.Request) { q.StartsAt = time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC) })         // the week after

	day := r.get("/desk/schedule?day=2026-11-25")
	wantWords(t, day, "09:10–09:50 "+visitstest.CanaryPatient, "23:30–00:10 "+visitstest.CanaryPatient, "Nutrition", "Canary Clinicianname doctor", "Canary Clinicianname nurse", "Move : "+visitstest.CanaryPatient+", 09:10–09:50")
	if n := strings.Count(day.Body.String(), `class="desk-slot`); n != 3 {
		t.Errorf("%d visits on the day", n)
	}
	// Free half hours lead to the form, those of a visit don't.
	free := regexp.MustCompile(`href="(/desk/new\?[^"]*)" aria-label="New visit: Canary Clinicianname doctor, 25 November ([0-9:]+)"`).FindAllStringSubmatch(day.Body.String(), -1)
	var at []string
	form := ""
	for _, f := range free {
		at = append(at, f[2])
		if f[2] == "10:00" {
			form = html.UnescapeString(f[1])
		}
	}
	if got := strings.Join(at, " "); strings.Contains(got, "09:00") || strings.Contains(got, "09:30") || strings.Contains(got, "23:30") || !strings.Contains(got, "08:30") || form == "" {
		t.Fatalf("free at %s", got)
	}
	page := r.get(form)
	for _, field := range []string{`name="date" type="date" value="2026-11-25"`, `name="time" type="time" value="10:00"`, `Times are in New York time (America/New_York).`, `value="Canary Clinicianname doctor"`, `name="clinician_id" value="` + p.Doctor.ID} {
		if !strings.Contains(page.Body.String(), field) {
			t.Errorf("the form lacks %s", field)
		}
	}
	typed := goodForm()
	typed.Set("time", "09:30")
	typed.Set("clinician", p.Doctor.Name.Reveal())
	typed.Set("clinician_id", p.Doctor.ID)
	wantWords(t, r.post("/desk/new", typed), "The clinician or the patient has another visit at this time.", "Plan it all the same")
	typed.Set("allow_overlap", "yes")
	if w := r.post("/desk/new", typed); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, words(w))
	} else if v := p.Shown(strings.Split(w.Header().Get("Location"), "/")[3]); v.ClinicianID != p.Doctor.ID || v.SiteID != p.Site.ID {
		t.Errorf("made %+v", v)
	}
	if err := p.Cancel(t.Context(), p.Scheduler, late.ID); err != nil {
		t.Fatal(err)
	}

	count := func(query string) int {
		t.Helper()
		w := r.get("/desk/schedule?" + query)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", query, w.Code)
		}
		return strings.Count(w.Body.String(), `class="desk-slot`)
	}
	for query, want := range map[string]int{
		"day=2026-11-24": 0, "day=2026-11-25": 4, "day=2026-11-27&view=week": 5, "day=2026-11-30&view=week": 1, "day=2026-11-25&by=service": 4,
		"day=2026-11-25&clinician=" + p.Nurse.ID: 1, "day=2026-11-25&service=" + p.Cardiology.ID: 3, "day=2026-11-25&state=cancelled": 1,
		"day=yesterday&view=Canary&by=Canary&clinician=Canary&state=Canary&site=Canary": 0,
	} {
		if got := count(query); got != want {
			t.Errorf("%s: %d visits, want %d", query, got, want)
		}
	}
	const noDay = "There is no such day, or it is more than ten years away. This is today."
	for _, day := range []string{"2026-02-30", "3026-01-01", "yesterday"} {
		wantWords(t, r.get("/desk/schedule?day="+day), noDay, "Tuesday 24 November 2026")
	}
	for _, query := range []string{"", "?day=", "?day=2026-02-28"} {
		if strings.Contains(words(r.get("/desk/schedule"+query)), noDay) {
			t.Errorf("%q is no day", query)
		}
	}
	wantWords(t, r.get("/desk/schedule?day=2026-11-27&view=week"), "23 November to 29 November 2026", "Sunday 29 November · Weekend 11:00")
	if w := r.get("/desk/schedule?day=2026-11-25"); !strings.Contains(w.Body.String(), `href="/desk/visits/`+first.ID+`/move"`) {
		t.Error("a visit cannot be moved from the schedule")
	}
	// What only reads is offered nothing to write.
	if w := d.signIn(auth.Coordinator).get("/desk/schedule?day=2026-11-25"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "desk-free") {
		t.Error("who may not plan is led to the form")
	}
}

// TestDeskScheduleShowsWhoIsFree: clinicians who have nothing planned are on the schedule too, as columns where there are few, else as names; nobody who cannot
// lead a visit is, and nobody who has a visit that a filter hides.
func TestDeskScheduleShowsWhoIsFree(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	p.Account("clerk", auth.Coordinator)
	q := p.Request()
	q.StartsAt = time.Date(2026, 11, 25, 14, 10, 0, 0, time.UTC)
	if _, _, err := p.Create(t.Context(), p.Scheduler, q); err != nil {
		t.Fatal(err)
	}
	columns := func(query string) string {
		t.Helper()
		var all []string
		for _, c := range regexp.MustCompile(`<th scope="col">Canary Clinicianname (\w+)`).FindAllStringSubmatch(r.get("/desk/schedule?"+query).Body.String(), -1) {
			all = append(all, c[1])
		}
		return strings.Join(all, " ")
	}
	for query, want := range map[string]string{
		"day=2026-11-25": "doctor nurse", "day=2026-11-26": "doctor nurse", "day=2026-11-23": "", // which is past
		"day=2026-11-26&clinician=" + p.Nurse.ID: "nurse", "day=2026-11-23&clinician=" + p.Nurse.ID: "nurse", "day=2026-11-26&by=service": "",
		"day=2026-11-25&state=cancelled": "nurse", // who leads the visit that is not shown is not free
	} {
		if got := columns(query); got != want {
			t.Errorf("%s: columns %q, want %q", query, got, want)
		}
	}
	wantWords(t, r.get("/desk/schedule?day=2026-11-25&state=cancelled"), "With other visits on this day: 1 Canary Clinicianname doctor")
	wantWords(t, r.get("/desk/schedule?day=2026-11-25&view=week&state=cancelled"), "With other visits in this week: 1 Canary Clinicianname doctor")
	if page := r.get("/desk/schedule?day=2026-11-25&state=cancelled&clinician=" + p.Doctor.ID).Body.String(); !strings.Contains(page, "doctor, 25 November 08:30") || strings.Contains(page, "doctor, 25 November 09:30") {
		t.Error("a time is free in which there is a visit that is not shown")
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		p.Account(name, auth.Clinician)
	}
	if got := columns("day=2026-11-25"); got != "doctor" {
		t.Errorf("columns %q of many clinicians", got)
	}
	day := r.get("/desk/schedule?day=2026-11-25")
	wantWords(t, day, "Free all day: 6 Canary Clinicianname a + Canary Clinicianname b")
	if strings.Contains(words(day), "Canary Clinicianname clerk") {
		t.Error("who leads no visits is offered")
	}
	links := regexp.MustCompile(`href="([^"]*clinician=`+p.Nurse.ID+`[^"]*)"[^>]*>|href="(/desk/new[^"]*clinician_id=`+p.Nurse.ID+`[^"]*)"`).FindAllStringSubmatch(day.Body.String(), -1)
	if len(links) != 2 {
		t.Fatalf("links of a clinician who is free: %v", links)
	}
	wantWords(t, r.get(html.UnescapeString(links[0][1])), "08:00 Canary Clinicianname nurse + 08:30")
	if page := r.get(html.UnescapeString(links[1][2])).Body.String(); !strings.Contains(page, `value="Canary Clinicianname nurse"`) || !strings.Contains(page, `value="2026-11-25"`) {
		t.Error("the form does not begin with them and the day")
	}
	wantWords(t, r.get("/desk/schedule?day=2026-11-25&view=week"), "Free all week: 6")
	wantWords(t, r.get("/desk/schedule?day=2026-12-02"), "No visits.", "Free all day: 7")
}

// TestDeskShowsInterpreters: lists and the schedule say which visits have an interpreter who is not confirmed yet, until they are over.
func TestDeskShowsInterpreters(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	q := p.Request()
	q.Interpreter, q.InterpreterLanguage = visits.InterpreterRequested, "so"
	v, _, err := p.Create(t.Context(), p.Scheduler, q)
	if err != nil {
		t.Fatal(err)
	}
	pages := []string{"/desk", "/desk/schedule?day=2026-11-24", "/desk/schedule?day=2026-11-24&view=week&by=service"}
	for _, page := range pages {
		wantWords(t, r.get(page), "Interpreter requested: Somali")
	}
	if err := p.BookInterpreter(t.Context(), p.Scheduler, v.ID, visits.InterpreterConfirmed, "so"); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		wantWords(t, r.get(page), "Interpreter confirmed: Somali")
	}
	if err := p.Cancel(t.Context(), p.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if strings.Contains(words(r.get(page)), "Somali") {
			t.Errorf("%s looks for an interpreter for a visit that was called off", page)
		}
	}
}

// TestDeskScheduleByService has one row of a service, whatever its visits are called, and whether or not they were made before the site had it.
func TestDeskScheduleByService(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	for _, name := range []string{"Nutrition", "nutrition", "Heart clinic", ""} {
		q := p.Request()
		q.AllowOverlap, q.Service, q.Minutes = true, name, 30
		if strings.EqualFold(name, "Nutrition") {
			q.ServiceID = ""
		}
		if _, _, err := p.Create(t.Context(), p.Scheduler, q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: p.Site.ID, Name: "Nutrition", Minutes: 20, Active: true}); err != nil {
		t.Fatal(err)
	}
	page := r.get("/desk/schedule?day=2026-11-24&by=service&view=week")
	var rows []string
	for _, m := range regexp.MustCompile(`<th scope="row"[^>]*>([^<]*)<`).FindAllStringSubmatch(page.Body.String(), -1) {
		rows = append(rows, strings.TrimSpace(m[1]))
	}
	if got := strings.Join(rows, ", "); got != "Cardiology, Nutrition" {
		t.Errorf("rows %s", got)
	}
	wantWords(t, page, "Heart clinic")
}

// TestDeskAsksAboutAStranger: where clinicians have accounts, a name that none of them has may be mistyped. It is asked once, and of another name anew.
func TestDeskAsksAboutAStranger(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	const asks, box = "Nobody here has an account of this name", `name="stranger" value="Sample Nobody"`
	form := goodForm()
	form.Set("clinician", "Sample Nobody")
	asked := r.post("/desk/new", form)
	if asked.Code != http.StatusUnprocessableEntity || !strings.Contains(asked.Body.String(), box) {
		t.Errorf("%d %s", asked.Code, words(asked))
	}
	wantWords(t, asked, asks, "Make the visit all the same")

	form.Set("stranger", "Sample Nobody")
	form.Set("minutes", "many")
	if w := r.post("/desk/new", form); !strings.Contains(w.Body.String(), box+" checked") || strings.Contains(words(w), asks) {
		t.Errorf("the answer is lost: %s", words(w))
	}
	form.Set("minutes", "30")
	form.Set("clinician", "Sample Somebody")
	wantWords(t, r.post("/desk/new", form), asks)
	form.Set("clinician", "Sample Nobody")
	w := r.post("/desk/new", form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	if v := p.Shown(strings.Split(w.Header().Get("Location"), "/")[3]); v.ClinicianID != "" {
		t.Errorf("led by %s", v.ClinicianID)
	}
}

// TestDeskWhereTwoHaveTheName: that two clinicians have the name that was typed is all that is said to be wrong.
func TestDeskWhereTwoHaveTheName(t *testing.T) {
	p := visitstest.NewPractice(t)
	if _, err := p.Colleagues.Create(t.Context(), auth.Operator(), staff.NewAccount{Name: p.Doctor.Name, Email: "namesake@example.org", Password: "four words in a row", Role: auth.Clinician}); err != nil {
		t.Fatal(err)
	}
	form := goodForm()
	form.Set("clinician", p.Doctor.Name.Reveal())
	w := newDeskOf(t, p.Hospital).signIn(auth.Scheduler).post("/desk/new", form)
	if wantWords(t, w, "Two people here have this name."); strings.Contains(words(w), "Enter the date of the visit") || strings.Contains(words(w), "Nobody here") {
		t.Errorf("more is wrong: %s", words(w))
	}
}

// TestDeskKnowsFurtherClinicians: who comes as a clinician too, when a visit is made or later, comes by the account of that name, so that the visit is theirs; nobody else does, and
// none of two of one name.
func TestDeskKnowsFurtherClinicians(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	other, name := p.Account("other", auth.Clinician), func(a staff.Account) string { return a.Name.Reveal() }
	form := goodForm()
	form.Set("clinician", name(p.Doctor))
	form["more_name"] = []string{strings.ToUpper(name(p.Nurse)), name(p.Doctor), name(other), "Sample Consultant"}
	form["more_role"] = []string{"clinician", "clinician", "guest", "clinician"}
	w := r.post("/desk/new", form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	visit := strings.Split(w.Header().Get("Location"), "/")[3]
	accounts := func() (all []string) {
		for _, i := range p.Shown(visit).Invitations {
			all = append(all, i.StaffID)
		}
		return all
	}
	if got, want := accounts(), []string{"", p.Doctor.ID, p.Nurse.ID, "", "", ""}; !slices.Equal(got, want) {
		t.Errorf("made with accounts %q, want %q", got, want)
	}
	add := func(name string) int {
		return r.post("/desk/visits/"+visit+"/people", url.Values{"name": {name}, "role": {"clinician"}}).Code
	}
	if _, err := p.Colleagues.Create(t.Context(), auth.Operator(), staff.NewAccount{Name: p.Nurse.Name, Email: "namesake@example.org", Password: "four words in a row", Role: auth.Clinician}); err != nil {
		t.Fatal(err)
	}
	if a, b := add(name(other)), add(name(p.Nurse)+" Sr"); a != http.StatusSeeOther || b != http.StatusSeeOther {
		t.Fatal(a, b)
	}
	if got := accounts(); got[len(got)-2] != other.ID || got[len(got)-1] != "" {
		t.Errorf("accounts %q", got)
	}
	second := p.Request()
	second.AllowOverlap = true
	v, _, err := p.Create(t.Context(), p.Scheduler, second)
	if err != nil {
		t.Fatal(err)
	}
	if visit = v.ID; add(name(p.Nurse)) != http.StatusSeeOther {
		t.Fatal("not added")
	}
	if got := accounts(); got[len(got)-1] != "" {
		t.Errorf("one of two of that name: %q", got)
	}
}

// TestDeskScheduleNamesWhoIsOff: planned visits of somebody whose account was switched off stand under their name, and nobody plans more there.
func TestDeskScheduleNamesWhoIsOff(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	q := p.Request()
	q.StartsAt = time.Date(2026, 11, 25, 14, 10, 0, 0, time.UTC)
	if _, _, err := p.Create(t.Context(), p.Scheduler, q); err != nil {
		t.Fatal(err)
	}
	p.Account("admin", auth.Admin) // without one, nobody could switch it on again
	if err := p.Colleagues.Disable(t.Context(), auth.Operator(), p.Doctor.ID); err != nil {
		t.Fatal(err)
	}
	page := r.get("/desk/schedule?day=2026-11-25")
	wantWords(t, page, "Canary Clinicianname doctor (account off)")
	if strings.Contains(words(page), "No clinician named") || strings.Contains(page.Body.String(), "clinician_id="+p.Doctor.ID) {
		t.Errorf("the visit of somebody whose account is off: %s", words(page))
	}

	// They are counted for the account's page, which leads to the week of the first.
	q.StartsAt, q.AllowOverlap = q.StartsAt.Add(30*24*time.Hour), true
	if _, _, err := p.Create(t.Context(), p.Scheduler, q); err == nil {
		t.Error("a visit was planned with somebody whose account is off")
	}
	other := p.Account("other", auth.Clinician)
	count, first, site, err := p.LedToCome(t.Context(), p.Doctor.ID)
	if err != nil || count != 1 {
		t.Fatalf("%d visits to come: %v", count, err)
	}
	path := desk.WeekPath(first, site, p.Doctor.ID)
	page = r.get(path)
	wantWords(t, page, "23 November to 29 November 2026", "Canary Clinicianname doctor (account off)", visitstest.CanaryPatient)
	if body := page.Body.String(); strings.Contains(body, "clinician_id=") || !strings.Contains(body, `<option value="`+p.Doctor.ID+`" selected>`) {
		t.Errorf("%s plans a visit with somebody whose account is off, or does not say whose visits it shows", path)
	}
	if count, first, site, err := p.LedToCome(t.Context(), other.ID); err != nil || count != 0 || first != 0 || site != "" {
		t.Errorf("of somebody without visits: %d on %s at %q: %v", count, first, site, err)
	}
	p.At(q.StartsAt)
	if count, _, _, err := p.LedToCome(t.Context(), p.Doctor.ID); err != nil || count != 0 {
		t.Errorf("%d visits that are over: %v", count, err)
	}
}
