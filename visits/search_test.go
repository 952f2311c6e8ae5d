package visits_test

import (
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestSearch: visits are found by what is known of their patient, by their id, day and clinician, alone and together; the audit tells who was shown.
func TestSearch(t *testing.T) {
	p := visitstest.NewPractice(t)
	day := time.Date(2026, 11, 25, 5, 0, 0, 0, time.UTC) // in New York
	plan := func(starts time.Time, change func(*visits.Request)) visits.Visit {
		t.Helper()
		q := p.Request()
		q.StartsAt, q.AllowOverlap = starts, true
		change(&q)
		v, _, err := p.Create(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	other := visitstest.Must[people.Patient](t)(p.People.Create(t.Context(), p.Scheduler, people.Patient{Name: "José Fakename", BirthDate: "2015-01-02", Number: "MRN-000777", Language: "es"}))
	of := func(q *visits.Request) {
		q.PatientID, q.ClinicianID, q.People = other.ID, p.Nurse.ID, []visits.Person{{Role: auth.Patient}, {Role: auth.Clinician, StaffID: p.Nurse.ID}}
	}
	first := plan(day.Add(9*time.Hour), func(*visits.Request) {})
	second := plan(day.Add(11*time.Hour), of)
	later := plan(day.Add(35*time.Hour), of)
	unknown := plan(day.Add(12*time.Hour), func(q *visits.Request) {
		q.PatientID, q.ServiceID, q.Service, q.Minutes, q.People = "", "", "Nutrition", 30, []visits.Person{{Name: "Josefa Fakeunknown", Role: auth.Patient}, {Role: auth.Clinician, StaffID: p.Doctor.ID}}
	})
	today := visits.Search{From: day, To: day.Add(24 * time.Hour)}
	on := func(q visits.Search) visits.Search { q.From, q.To = today.From, today.To; return q }
	for name, c := range map[string]struct {
		query visits.Search
		want  []visits.Visit
	}{
		"parts of a name":            {visits.Search{Text: "fake jose"}, []visits.Visit{second, unknown, later}},
		"the number":                 {visits.Search{Text: "777"}, []visits.Visit{second, later}},
		"the date of birth":          {visits.Search{Text: "2/1/2015"}, []visits.Visit{second, later}},
		"a name and a day":           {on(visits.Search{Text: "jose"}), []visits.Visit{second, unknown}},
		"a name that is not there":   {on(visits.Search{Text: "zacharias"}), nil},
		"an id":                      {visits.Search{Text: text(" " + later.ID)}, []visits.Visit{later}},
		"an id of nothing":           {visits.Search{Text: text(store.NewID())}, nil},
		"an id, on another day":      {on(visits.Search{Text: text(later.ID)}), nil},
		"a clinician":                {visits.Search{ClinicianID: p.Nurse.ID}, []visits.Visit{second, later}},
		"a day and a clinician":      {on(visits.Search{ClinicianID: p.Doctor.ID}), []visits.Visit{first, unknown}},
		"a day":                      {today, []visits.Visit{first, second, unknown}},
		"a name and who leads":       {visits.Search{Text: "fakename", ClinicianID: p.Doctor.ID}, nil},
		"a patient without a record": {visits.Search{Text: "fakeunknown"}, []visits.Visit{unknown}},
		"one, and who leads another": {visits.Search{Text: "fakeunknown", ClinicianID: p.Nurse.ID}, nil},
	} {
		found, err := p.Search(t.Context(), p.Scheduler, c.query)
		if err != nil || found.More || len(found.Past) != 0 || !slices.EqualFunc(found.ToCome, c.want, func(a, b visits.Visit) bool { return a.ID == b.ID && len(a.Invitations) == len(b.Invitations) }) {
			t.Errorf("by %s: %v, %+v", name, err, found)
		}
	}

	before := p.Count(`audit WHERE action = 'visit.found' AND subject_id = ?`, second.ID)
	p.At(day.Add(72 * time.Hour))
	plan(day.Add(96*time.Hour), of)
	found, err := p.Search(t.Context(), p.Scheduler, visits.Search{Text: "jose fake"})
	if err != nil || len(found.ToCome) != 1 || len(found.Past) != 2 || found.Past[0].ID != later.ID {
		t.Errorf("days later: %v %+v", err, found)
	}
	if now := p.Count(`audit WHERE action = 'visit.found' AND subject_id = ?`, second.ID); now != before+1 || p.Count(`audit WHERE action = 'patient.found' AND subject_id = ?`, other.ID) == 0 {
		t.Errorf("%d rows of what was shown, then %d", before, now)
	}
	for name, q := range map[string]visits.Search{"nothing": {Text: " "}, "one letter": {Text: "j"}} {
		if _, err := p.Search(t.Context(), p.Scheduler, q); fault.CodeOf(err) != fault.CodeNotValid {
			t.Errorf("%s: %v", name, err)
		}
	}
	clinician := auth.Actor{Kind: auth.KindStaff, ID: p.Doctor.ID, Role: auth.Clinician}
	if found, err := p.Search(t.Context(), clinician, visits.Search{Text: "jose fake"}); err == nil || len(found.ToCome) > 0 || p.Audited("visit.search", store.Refused) != 1 {
		t.Errorf("a clinician: %v", err)
	}
	// A key for visits alone finds no patients by their names.
	key := auth.Actor{Kind: auth.KindKey, ID: store.NewID(), Role: auth.Program, Scopes: auth.NewScopes(auth.VisitRead)}
	if found, err := p.Search(t.Context(), key, visits.Search{Text: "jose fake"}); err == nil || len(found.ToCome) > 0 {
		t.Errorf("a key for visits: %v", err)
	}
	if found, err := p.Search(t.Context(), key, visits.Search{ClinicianID: p.Nurse.ID}); err != nil || len(found.Past) != 2 {
		t.Errorf("a key for visits: %v", err)
	}
}

// TestSearchIsBounded: a search shows no more than it says, those to come before others.
func TestSearchIsBounded(t *testing.T) {
	p := visitstest.NewPractice(t)
	start := p.Now()
	for i := range visits.MaxSearched + 1 {
		q := p.Request()
		q.StartsAt, q.AllowOverlap = start.AddDate(0, 0, i), true
		if _, _, err := p.Create(t.Context(), p.Scheduler, q); err != nil {
			t.Fatal(err)
		}
	}
	found, err := p.Search(t.Context(), p.Scheduler, visits.Search{ClinicianID: p.Doctor.ID})
	if err != nil || len(found.ToCome) != visits.MaxSearched || !found.More {
		t.Errorf("%v, %d, %t", err, len(found.ToCome), found.More)
	}
	p.At(start.AddDate(0, 0, 2).Add(6 * time.Hour)) // the third began this morning
	found, err = p.Search(t.Context(), p.Scheduler, visits.Search{ClinicianID: p.Doctor.ID})
	if err != nil || len(found.ToCome) != visits.MaxSearched-1 || len(found.Past) != 1 || !found.More {
		t.Errorf("%v, %d and %d, %t", err, len(found.ToCome), len(found.Past), found.More)
	}
}

// TestSearchSaysHowFar: of visits whose patient is not kept so many are looked through, and who searches is told up to when.
func TestSearchSaysHowFar(t *testing.T) {
	p := visitstest.NewPractice(t)
	plan := func(name string, starts time.Time) visits.Visit {
		q := visits.Request{Service: "Nutrition", Minutes: 30, StartsAt: starts, People: []visits.Person{{Name: text(name), Role: auth.Patient}, {Name: "Sample", Role: auth.Clinician}}}
		v, _, err := p.Create(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := plan("Fakefirst", p.Now())
	after := first.StartsAt.AddDate(0, 0, 1)
	late := plan("Fakelate", after.AddDate(0, 1, 0))
	search := func(q visits.Search) visits.Searched {
		t.Helper()
		found, err := p.Search(t.Context(), p.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := search(visits.Search{Text: "fake"}); len(found.ToCome) != 2 || !found.Until.IsZero() {
		t.Errorf("of two: %+v", found)
	}
	p.Crowd(first)
	found := search(visits.Search{Text: "fakelate"})
	if end := first.StartsAt.Add(999 * 86400 * time.Millisecond); len(found.ToCome) != 0 || !found.Until.Equal(end) {
		t.Errorf("of many: %+v, want until %s", found, end)
	}
	if found := search(visits.Search{Text: "fakelate", From: late.StartsAt, To: late.StartsAt.Add(time.Hour)}); len(found.ToCome) != 1 || !found.Until.IsZero() {
		t.Errorf("on its day: %+v", found)
	}
	if found := search(visits.Search{Text: "fakemore"}); len(found.ToCome) != visits.MaxSearched || !found.More {
		t.Errorf("too many: %d, %t", len(found.ToCome), found.More)
	}
}
