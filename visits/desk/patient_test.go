package desk_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// practiceForm is a form for a visit tomorrow at 15:00 in New York, before anybody is chosen.
func practiceForm() url.Values {
	return url.Values{"service": {"cardiology"}, "date": {"2026-11-25"}, "time": {"15:00"}, "minutes": {""}, "patient": {"patientname"},
		"clinician": {"canary clinicianname DOCTOR"}, "more_name": {""}, "more_role": {""}, "more_email": {""}, "more_phone": {""}, "keep_patient": {"yes"}}
}

// made is the visit that an answer leads to.
func made(p *visitstest.Practice, w interface {
	Header() http.Header
},
) visits.Visit {
	p.T.Helper()
	parts := strings.Split(w.Header().Get("Location"), "/")
	if len(parts) < 4 {
		p.T.Fatalf("no visit was made: %v", w.Header())
	}
	return p.Shown(parts[3])
}

func contactIDs(v visits.Visit) (ids []string) {
	for _, i := range v.Invitations {
		ids = append(ids, i.ContactID)
	}
	return ids
}

// TestServiceAsksBirthDate: nobody is offered a choice that the service takes from them.
func TestServiceAsksBirthDate(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := practiceForm()
	form.Set("patient", "Sam Newname")
	w := r.post("/desk/new", form)
	if wantWords(t, w, "Enter the patient’s date of birth: links of this service ask for it"); strings.Contains(words(w), "choose not to ask") {
		t.Error("not to ask is offered")
	}
	if !strings.Contains(w.Body.String(), `name="ask_birth_date" value="yes" checked`) {
		t.Error("the form does not say that the date is asked for")
	}
}

// TestDeskFindsThePatient: a patient is found, chosen with the guardians, and invited by contacts, without a script.
func TestDeskFindsThePatient(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := practiceForm()
	form.Set("find", "1")
	found := r.post("/desk/new", form)
	if found.Code != http.StatusOK || !strings.Contains(found.Body.String(), `name="pick" value="`+p.Patient.ID+`"`) {
		t.Fatalf("not found: %d %s", found.Code, words(found))
	}
	wantWords(t, found, "1 patient found", visitstest.CanaryPatient+" 31 May 2012")
	if !strings.Contains(found.Body.String(), `value="canary clinicianname DOCTOR"`) {
		t.Error("what was typed is lost")
	}
	form.Set("patient", "x")
	wantWords(t, r.post("/desk/new", form), "Enter at least two letters or digits")

	form.Del("find")
	form.Set("pick", p.Patient.ID)
	picked := r.post("/desk/new", form)
	wantWords(t, picked, "Parents and guardians who get a link", visitstest.CanaryGuardian, "messages go to home@example.org and to everybody ticked above", "messages go only to +1 202-555-0100, the patient’s confidential contact")
	if !strings.Contains(picked.Body.String(), `name="contact" value="`+p.Parent.ID+`" checked`) {
		t.Error("the guardian is not ticked")
	}

	form.Del("pick")
	form.Set("patient_id", p.Patient.ID)
	form["contact"] = []string{p.Parent.ID}
	form.Set("interpreter", "confirmed")
	form.Set("interpreter_language", "ase")
	form.Set("interpreter_name", "Sample Interpreter")
	form.Set("interpreter_phone", "202 555 0123")
	v := made(p, r.post("/desk/new", form))
	if v.PatientID != p.Patient.ID || v.ServiceID != p.Cardiology.ID || v.ClinicianID != p.Doctor.ID || v.EndsAt.Sub(v.StartsAt).Minutes() != 40 || v.Confidential ||
		v.Interpreter != visits.InterpreterConfirmed || v.InterpreterLanguage != "ase" {
		t.Errorf("made %+v", v)
	}
	if got := contactIDs(v); !slices.Equal(got, []string{p.Mine.ID, "", p.Parent.ID, ""}) {
		t.Errorf("contacts %v", got)
	}
	if last := v.Invitations[3]; last.Role != auth.Interpreter || last.Phone != "+12025550123" {
		t.Errorf("the interpreter is %+v", last)
	}
	wantWords(t, r.get("/desk/visits/"+v.ID), "Confirmed: American Sign Language")

	// Later the interpreter is another.
	change := "/desk/visits/" + v.ID + "/interpreter"
	wantWords(t, r.get(change), "Change interpreter", "To give the interpreter a link")
	wantWords(t, r.post(change, url.Values{"interpreter": {"requested"}, "interpreter_language": {"??"}}), "Choose the language to interpret")
	wantWords(t, r.post(change, url.Values{"interpreter": {"none"}, "interpreter_language": {"es"}}), "There is a problem")
	if w := r.post(change, url.Values{"interpreter": {"requested"}, "interpreter_language": {"es"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, words(w))
	}
	wantWords(t, r.get("/desk/visits/"+v.ID+"?done=interpreter"), "The change is saved.", "Requested: Spanish")
	if got := p.Column(`SELECT detail FROM audit WHERE action = 'visit.interpreter'`); !slices.Equal(got, []string{"from confirmed to requested"}) {
		t.Errorf("audited %v", got)
	}

	form.Set("interpreter", "requested")
	form.Set("interpreter_email", "nobody")
	form.Set("interpreter_language", "")
	wantWords(t, r.post("/desk/new", form), "Choose the language to interpret", "To name the interpreter, choose Confirmed", "Enter an email address")
	form.Set("unpick", "1")
	if again := r.post("/desk/new", form); strings.Contains(again.Body.String(), `name="patient_id"`) || again.Code != http.StatusOK {
		t.Error("another patient cannot be chosen")
	}
}

// TestDeskOfAConfidentialVisit: no guardian is among those who are written to.
func TestDeskOfAConfidentialVisit(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := practiceForm()
	form.Set("service", "ADOLES\u200bcents") // whose visits are, unless somebody says otherwise
	form.Set("patient_id", p.Patient.ID)
	form["contact"] = []string{p.Parent.ID}
	wantWords(t, r.post("/desk/new", form), "Parents and guardians get no message about a confidential visit.")
	form.Del("contact")
	v := made(p, r.post("/desk/new", form))
	if got := contactIDs(v); !v.Confidential || !slices.Equal(got, []string{p.Secret.ID, ""}) {
		t.Errorf("confidential %v, contacts %v", v.Confidential, got)
	}
	wantWords(t, r.get("/desk/visits/"+v.ID), "Confidential: only the patient is written to")
	form.Set("confidential", "no")
	form.Set("time", "17:00")
	form["contact"] = []string{p.Parent.ID}
	if v := made(p, r.post("/desk/new", form)); v.Confidential || contactIDs(v)[0] != p.Mine.ID {
		t.Errorf("confidential although nobody wanted it: %v", contactIDs(v))
	}
}

// TestDeskAddsThePatient: a new patient is kept together with the visit, or not at all.
func TestDeskAddsThePatient(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	before := p.Count(`patients`)
	form := practiceForm()
	for field, typed := range map[string]string{"patient": "Canary Newname", "day": "1", "month": "2", "year": "2013", "number": "C-17", "own_phone": "12", "language": "es",
		"more_name": visitstest.CanaryGuardian, "more_role": "guardian", "more_email": "new@example.org"} {
		form.Set(field, typed)
	}
	w := r.post("/desk/new", form)
	wantWords(t, w, "Enter a telephone number. If it is of another country")
	if !strings.Contains(w.Body.String(), `id="own_phone-wrong"`) || p.Count(`patients`) != before {
		t.Error("the problem is not beside its field, or somebody was kept")
	}
	form.Set("own_phone", "202 555 0145")
	v := made(p, r.post("/desk/new", form))
	kept, err := p.People.Show(t.Context(), p.Scheduler, v.PatientID)
	if err != nil || len(kept.Contacts) != 2 || kept.BirthDate != "2013-02-01" || kept.Contacts[1].Kind != people.Guardian || kept.Contacts[1].Email != "new@example.org" {
		t.Fatalf("kept %+v: %v", kept, err)
	}
	if got := contactIDs(v); !slices.Equal(got, []string{kept.Contacts[0].ID, "", kept.Contacts[1].ID}) || v.Invitations[2].Email != "" {
		t.Errorf("contacts %v", got)
	}
	if n := p.Audited("patient.create", store.Allowed); n != 2 {
		t.Errorf("%d rows of patients who were added", n)
	}

	// The same again: is it not the one who is there?
	form.Set("number", "")
	form.Set("time", "16:00")
	alike := r.post("/desk/new", form)
	wantWords(t, alike, "There is a patient with this name and this date of birth already:")
	if alike.Code != http.StatusOK || !strings.Contains(alike.Body.String(), `name="sure" value="`+kept.ID+`"`) {
		t.Fatalf("nobody was asked: %d", alike.Code)
	}
	form.Set("sure", kept.ID)
	if made(p, r.post("/desk/new", form)).PatientID == kept.ID {
		t.Error("the one who is there was taken")
	}
	// The clinician has another visit then, so nobody is kept either.
	before = p.Count(`patients`)
	form.Set("patient", "Canary Othername")
	wantWords(t, r.post("/desk/new", form), "Plan it all the same")
	form.Set("number", "C-17")
	form.Set("time", "18:00")
	wantWords(t, r.post("/desk/new", form), "Another patient has this number")
	if p.Count(`patients`) != before {
		t.Error("a patient was kept without the visit")
	}
	form.Del("keep_patient")
	if v := made(p, r.post("/desk/new", form)); v.PatientID != "" || v.Invitations[0].Phone != "+12025550145" || v.Invitations[2].Email != "new@example.org" || p.Count(`patients`) != before {
		t.Errorf("made %+v", v)
	}
}

func TestDeskSuggestsPatients(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	w := d.signIn(auth.Scheduler).post("/desk/new/patients", url.Values{"patient": {"canary"}})
	var answer struct {
		Said  string
		Found []struct{ ID, Name, Born string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Found) != 1 || answer.Found[0].ID != p.Patient.ID || answer.Said != "1 patient found" {
		t.Errorf("%s: %v", w.Body, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("it may be kept")
	}
	if n := p.Audited("patient.found", store.Allowed); n != 1 {
		t.Errorf("%d rows of who was shown", n)
	}
	if w := d.signIn(auth.Clinician).post("/desk/new/patients", url.Values{"patient": {"canary"}}); w.Code != http.StatusNotFound {
		t.Errorf("who may not search gets %d", w.Code)
	}
}

// TestDeskRepeats: all dates are seen before anything is made, and those that were unticked are left out.
func TestDeskRepeats(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	p.Site.Holidays = []sites.Holiday{{Day: visitstest.Must[sites.Day](t)(sites.ParseDay("2026-12-09")), Name: "Founders’ day"}}
	if _, err := p.Sites.UpdateSite(t.Context(), auth.Operator(), p.Site); err != nil {
		t.Fatal(err)
	}
	form := practiceForm()
	form.Set("patient_id", p.Patient.ID)
	form.Set("repeat", "1")
	wantWords(t, r.post("/desk/new", form), "Enter how many visits there are in all, or until when")
	form.Set("repeat_count", "99")
	wantWords(t, r.post("/desk/new", form), "There can be from 2 to 52 visits")
	form.Set("repeat_count", "")
	form.Set("repeat_until", "2026-11-26")
	wantWords(t, r.post("/desk/new", form), "The last day is too early for a second visit")
	form.Set("repeat_until", "2026-12-16")
	if _, _, err := p.Create(t.Context(), p.Scheduler, func() visits.Request {
		q := p.Request()
		q.StartsAt = visitstest.Noon.AddDate(0, 0, 8).Add(8 * 60 * 60 * 1e9) // 2 December, 15:00 there
		return q
	}()); err != nil {
		t.Fatal(err)
	}
	before := p.Count(`visits`)
	dates := r.post("/desk/new", form)
	wantWords(t, dates, "Nothing is made yet.", "Wednesday 25 November 2026 at 15:00", "Wednesday 2 December 2026 at 15:00 The clinician has another visit from 15:00 to 15:40",
		"Wednesday 9 December 2026 at 15:00 Closed: Founders’ day", "Wednesday 16 December 2026 at 15:00", "New York time")
	if p.Count(`visits`) != before || !strings.Contains(dates.Body.String(), `name="patient_id" value="`+p.Patient.ID+`"`) {
		t.Error("something was made, or what was typed is lost")
	}
	form.Set("confirm", "1")
	wantWords(t, r.post("/desk/new", form), "Nothing is made yet.") // of no page that showed the dates
	bringsAlong(form, dates)
	wantWords(t, r.post("/desk/new", form), "Tick at least one date")
	form["make"] = []string{"2026-11-25", "2026-12-02", "2026-12-16"}
	w := r.post("/desk/new", form)
	v := made(p, w)
	wantWords(t, r.get(w.Header().Get("Location")), "All visits are made.", "Wednesday 16 December 2026 at 15:00")
	if n := p.Count(`visits`); n != before+3 || v.SeriesID == "" {
		t.Errorf("%d visits more", n-before)
	}
	all, err := p.Series(t.Context(), p.Scheduler, v.ID)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d visits in the series: %v", len(all), err)
	}
	wantWords(t, r.get("/desk/visits/"+all[1].ID+"/cancel"), "Cancel this and all later visits")
	r.post("/desk/visits/"+all[1].ID+"/cancel-rest", url.Values{})
	for i, want := range []visits.State{visits.Scheduled, visits.Cancelled, visits.Cancelled} {
		if got := p.Shown(all[i].ID).State; got != want {
			t.Errorf("visit %d is %s", i, got)
		}
	}
	form.Set("change", "1")
	if w := r.post("/desk/new", form); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `value="2026-12-16"`) {
		t.Error("there is no way back to the form")
	}
}

// TestDeskOffersWhoHasTheNumber: who types a known patient without choosing them is offered them, and told what differs; what was typed stays.
func TestDeskOffersWhoHasTheNumber(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	known, err := p.People.Create(t.Context(), p.Scheduler, people.Patient{Name: "Sample Known", BirthDate: "2014-01-02", Number: "MRN-0012345"})
	if err != nil {
		t.Fatal(err)
	}
	form := goodForm()
	form.Set("keep_patient", "yes")
	for name, c := range map[string]struct {
		change  url.Values
		differs string
	}{
		"a slip in the name":   {url.Values{"patient": {"Sample Knwon"}, "day": {"2"}, "month": {"1"}, "year": {"2014"}}, "name"},
		"another birth date":   {url.Values{"patient": {"known sample"}, "day": {"1"}, "month": {"2"}, "year": {"2014"}}, "birth"},
		"nothing that differs": {url.Values{"patient": {"Sample Known"}, "day": {"2"}, "month": {"1"}, "year": {"2014"}}, ""},
	} {
		typed := maps.Clone(form)
		maps.Copy(typed, c.change)
		typed.Set("number", "mrn 0012345")
		w := r.post("/desk/new", typed)
		wantWords(t, w, "Another patient has this number", "This patient has this number: Sample Known 2 January 2014 MRN-0012345")
		said := words(w)
		if got, want := strings.Contains(said, "The name differs"), c.differs == "name"; got != want {
			t.Errorf("%s: the name differs: %v", name, got)
		}
		if got, want := strings.Contains(said, "The date of birth differs"), c.differs == "birth"; got != want {
			t.Errorf("%s: the date of birth differs: %v", name, got)
		}
		typed.Set("pick", known.ID)
		if page := r.post("/desk/new", typed).Body.String(); !strings.Contains(page, `name="patient_id" value="`+known.ID) || !strings.Contains(page, `value="Cardiology"`) {
			t.Errorf("%s: choosing them loses what was typed", name)
		}
	}
}

// TestDeskSaysWhyTheTimeIsAnother: on the day on which the clocks go forward a series says why its visit is not at the usual time.
func TestDeskSaysWhyTheTimeIsAnother(t *testing.T) {
	p := visitstest.NewPractice(t)
	form := practiceForm()
	for name, value := range map[string]string{"patient_id": p.Patient.ID, "date": "2027-03-07", "time": "02:30", "repeat": "1", "repeat_count": "3"} {
		form.Set(name, value)
	}
	w := newDeskOf(t, p.Hospital).signIn(auth.Scheduler).post("/desk/new", form)
	wantWords(t, w, "Sunday 14 March 2027 at 03:00")
	if why := "The usual time does not exist on this day, because the clocks go forward"; strings.Count(words(w), why) != 1 {
		t.Errorf("it is not said once, of that day: %s", words(w))
	}
}
