package visits_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestCalendarDownload gives a family its file with a link that asks for the date of birth, everybody else one without, and strangers nothing.
func TestCalendarDownload(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, "", func(h *visitstest.Hospital) { h.Zone = berlin })
	v, links := f.Plan(visitstest.AskBirthDate, func(r *visits.Request) { r.People[0].Language = "es" })
	cookie := func(l visits.Link) *http.Cookie {
		t.Helper()
		in := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(l)+`","birth_date":"`+visitstest.CanaryBirthDate+`"}`)
		if in.StatusCode != 200 {
			t.Fatalf("join: %d %s", in.StatusCode, in.body)
		}
		return in.cookie("housecall_visit")
	}
	path := "/v/" + v.ID + "/calendar.ics"
	family, clinician := cookie(links[0]), cookie(links[1])
	r := f.do("GET", path, "", withCookie(family.Name, family.Value))
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/calendar; method=PUBLISH; charset=utf-8" ||
		r.Header.Get("Content-Disposition") != `attachment; filename="visit.ics"` || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	file := strings.ReplaceAll(r.body, "\r\n ", "")
	for _, part := range []string{"UID:" + v.ID + "\r\n", "SEQUENCE:0\r\n", "DTSTART;TZID=Europe/Berlin:20261124T130000\r\n", "DTEND;TZID=Europe/Berlin:20261124T133000\r\n",
		"ORGANIZER;CN=Example Children's Hospital:mailto:visits@hospital.example\r\n", "SUMMARY;LANGUAGE=es:Visita por video con Example Children's Hospital\r\n",
		"URL:" + links[0].URL + "\r\n", "LOCATION:" + links[0].URL + "\r\n"} {
		if !strings.Contains(file, part) {
			t.Errorf("no %q in\n%s", part, file)
		}
	}
	for _, never := range append(visitstest.Canaries, "Cardiology") {
		if strings.Contains(file, never) {
			t.Errorf("%q in\n%s", never, file)
		}
	}
	chosen := f.do("GET", path, "", withCookie(family.Name, family.Value), withCookie("housecall_language", "pt"))
	if !strings.Contains(chosen.body, "SUMMARY;LANGUAGE=pt:") {
		t.Errorf("the language that was chosen: %s", chosen.body)
	}
	staff := f.do("GET", path, "", withCookie(clinician.Name, clinician.Value))
	if staff.StatusCode != 200 || strings.Contains(staff.body, "/v#") {
		t.Errorf("a link that opens by itself: %d %s", staff.StatusCode, staff.body)
	}
	wantProblem(t, "no cookie", f.do("GET", path, ""), 404, "not_found")
	if err := f.Cancel(t.Context(), f.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "called off", f.do("GET", path, "", withCookie(family.Name, family.Value)), 410, "over")
}

// TestCalendarOfSite keeps the times in the zone of the visit's own site.
func TestCalendarOfSite(t *testing.T) {
	f := newFront(t, "", func(h *visitstest.Hospital) { (&visitstest.Practice{Hospital: h}).Know() })
	v, links := f.Plan(visitstest.NoService)
	in := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`"}`)
	r := f.do("GET", "/v/"+v.ID+"/calendar.ics", "", withCookie("housecall_visit", in.cookie("housecall_visit").Value))
	if r.StatusCode != 200 || !strings.Contains(r.body, "DTSTART;TZID=America/New_York:20261124T070000\r\n") || !strings.Contains(r.body, "TZID:America/New_York\r\n") {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}
