package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestDeskSearch: the page of it.
func TestDeskSearch(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	r := d.signIn(auth.Scheduler)
	q := p.Request()
	q.People[1].StaffID = p.Doctor.ID
	v, links, err := p.Create(t.Context(), p.Scheduler, q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[1])}); err != nil {
		t.Fatal(err)
	}
	wantWords(t, r.get("/desk"), "Find a visit")
	wantWords(t, r.get("/desk/search"), "Patient or visit", "Anybody")
	w := r.post("/desk/search", url.Values{"query": {"patientname"}})
	wantWords(t, w, "1 visit found", visitstest.CanaryPatient, "Clinician Link opened")
	if link := `href="/desk/visits/` + v.ID + `"`; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), link) {
		t.Errorf("%d, without %s", w.Code, link)
	}
	wantWords(t, r.post("/desk/search", url.Values{"query": {"nobody"}}), "0 visits found", "Try fewer letters")
	for want, form := range map[string]url.Values{
		"Enter a patient, a date or a clinician": {}, "Enter at least two letters or digits": {"query": {"p"}}, "Enter a real date": {"day": {"2026-13-40"}},
	} {
		if w := r.post("/desk/search", form); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", want, w.Code)
		} else {
			wantWords(t, w, want)
		}
	}
	for _, c := range visitstest.Canaries {
		if strings.Contains(d.Logs.String(), c) {
			t.Errorf("%q in the log", c)
		}
	}
}

// TestDeskSearchSaysHowFar: where not all visits were looked through, the page says up to when.
func TestDeskSearchSaysHowFar(t *testing.T) {
	p := visitstest.NewPractice(t)
	plan := func(name phi.Text, starts time.Time) visits.Visit {
		t.Helper()
		q := visits.Request{Service: "Nutrition", Minutes: 30, StartsAt: starts, People: []visits.Person{{Name: name, Role: auth.Patient}, {Name: "Sample", Role: auth.Clinician}}}
		v, _, err := p.Create(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := plan("Fakefirst", p.Now())
	plan("Fakelate", first.StartsAt.AddDate(0, 1, 1))
	p.Crowd(first)
	d := newDeskOf(t, p.Hospital)
	wantWords(t, d.signIn(auth.Scheduler).post("/desk/search", url.Values{"query": {"fakelate"}}), "Of visits without a patient in the list, only those up to 25 November 2026 were")
}
