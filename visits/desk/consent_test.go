package desk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestDeskShowsConsent: of each person whether they consented, to what, when and for whom.
func TestDeskShowsConsent(t *testing.T) {
	d := newDesk(t, visitstest.AsksConsent("2", "en", "es", "fr"))
	r := d.signIn(auth.Scheduler)
	v, links := d.Plan()
	page := func() string { return words(r.get("/desk/visits/" + v.ID)) }
	if got := page(); strings.Count(got, "Consent not given") != 2 || strings.Contains(got, "Consent given") {
		t.Errorf("before, of patient and guardian:\n%s", got)
	}
	d.At(visitstest.Noon.Add(5 * time.Minute))
	give := func(i int, version, language, whom string) {
		t.Helper()
		e := d.Follow(links[i], strings.Repeat("A", 43))
		if err := d.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: version, Language: language, For: whom}); err != nil {
			t.Fatal(err)
		}
	}
	give(0, "2", "es", visits.ForSelf)
	give(2, "2", "fr", visits.ForPatient)
	got := page()
	for _, want := range []string{"Consent given Version 2, Español, 24 November 2026 at 13:05, for themself", "Consent given Version 2, fr, 24 November 2026 at 13:05, for the patient"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Consent not given") {
		t.Errorf("of the clinician nothing is asked:\n%s", got)
	}

	later := newDeskOf(t, d.Hospital, visitstest.AsksConsent("3", "en"))
	r.office = later
	if got := page(); strings.Count(got, "Consent not given Version 2") != 2 {
		t.Errorf("a new version:\n%s", got)
	}
	r.office = newDeskOf(t, d.Hospital, func(h *visitstest.Hospital) { h.Texts = nil })
	if got := page(); strings.Count(got, "Consent given Version 2") != 2 {
		t.Errorf("nothing is asked any more:\n%s", got)
	}
	if err := d.Withdraw(t.Context(), d.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if got := page(); strings.Count(got, "Consent given Version 2") != 2 {
		t.Errorf("of somebody withdrawn:\n%s", got)
	}
}

// TestDeskKnowsABirthDateThatLinksDoNotAskFor: clinicians see the age, families are asked nothing.
func TestDeskKnowsABirthDateThatLinksDoNotAskFor(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	form := goodForm()
	form.Del("ask_birth_date")
	made := func() visits.Visit {
		t.Helper()
		w := r.post("/desk/new", form)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, words(w))
		}
		return d.Shown(strings.Split(w.Header().Get("Location"), "/")[3])
	}
	v := made()
	if v.AskBirthDate || v.BirthDate.Reveal() != visitstest.CanaryBirthDate {
		t.Errorf("asks %v, known %v", v.AskBirthDate, v.BirthDate != "")
	}
	wantWords(t, r.get("/desk/visits/"+v.ID), "Date of birth 31 May 2012, not asked for")
	if got := words(r.get("/desk/visits/" + v.ID + "/links")); strings.Contains(got, "We will ask for the patient’s date of birth.") {
		t.Errorf("the messages say that links ask:\n%s", got)
	}
	d.At(v.StartsAt)
	for _, i := range v.Invitations {
		l, err := d.Resend(t.Context(), d.Scheduler, v.ID, i.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		d.Follow(l, "")
	}
	for _, part := range []string{"day", "month", "year"} {
		form.Set(part, "")
	}
	d.At(visitstest.Noon)
	if v := made(); v.BirthDate != "" {
		t.Error("a birth date nobody gave")
	}
	wantWords(t, r.get("/desk/visits/"+made().ID), "Date of birth Not asked for")
	form.Set("day", "31")
	wantWords(t, r.post("/desk/new", form), "Enter a real date of birth")
}
