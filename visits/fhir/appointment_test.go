package fhir_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits/fhir"
)

// TestAppointment makes, reads, moves and cancels a visit, and sees that links are told to none but who may have them.
func TestAppointment(t *testing.T) {
	h := open(t)
	patient := h.patient()
	body := h.appointment(patient, tomorrow(), "A-1")
	made := h.want(h.do("POST", "Appointment", body), http.StatusCreated)
	id := made.text("id")
	at := "Appointment/" + id
	v, err := h.Visits.Show(t.Context(), auth.Operator(), id)
	if err != nil {
		t.Fatal(err)
	}
	if v.PatientID != patient.text("id") || v.ClinicianID != h.clinician || len(v.Invitations) != 3 || v.Identifier.Value.Reveal() != "A-1" || v.Invitations[0].ContactID == "" || v.Invitations[2].ContactID != patient.text("contact", 0, "id") {
		t.Errorf("%+v", v)
	}
	read := h.want(h.do("GET", at, ""), http.StatusOK)
	for n, i := range v.Invitations {
		link, err := h.Visits.Resend(t.Context(), auth.Operator(), id, i.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(made.body), link.URL) != (n == 0) {
			t.Errorf("the link of a %s in the answer: %s", i.Role, made.body)
		}
		if strings.Contains(string(read.body), link.URL) {
			t.Errorf("the link of a %s is there to read", i.Role)
		}
	}
	if read.text("extension", 0, "extension", 1, "valueUrl") != h.URL()+"/v" || read.header.Get("ETag") != made.header.Get("ETag") {
		t.Errorf("%v %s", read.header, read.body)
	}

	later := tomorrow().Add(time.Hour)
	moved := strings.Replace(strings.Replace(string(read.body), tomorrow().Format(time.RFC3339), later.Format(time.RFC3339), 1), tomorrow().Add(30*time.Minute).Format(time.RFC3339), later.Add(30*time.Minute).Format(time.RFC3339), 1)
	if a := h.do("PUT", at, moved, "If-Match", `W/"0"`); a.status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", a.status)
	}
	for _, odd := range []string{`0`, ``, `*,` + read.header.Get("ETag"), read.header.Get("ETag") + `,*`} {
		if a := h.do("PUT", at, moved, "If-Match", odd); a.status != http.StatusBadRequest {
			t.Errorf("if %q: %d", odd, a.status)
		}
	}
	noTime := strings.NewReplacer(`"start":"`+tomorrow().Format(time.RFC3339), `"start":"0001-01-01T00:00:00Z`, `"end":"`+tomorrow().Add(30*time.Minute).Format(time.RFC3339)+`",`, ``)
	if a := h.do("PUT", at, noTime.Replace(string(read.body))); a.status != http.StatusUnprocessableEntity {
		t.Errorf("to no time: %d %s", a.status, a.body)
	}
	if a := h.do("PUT", at, strings.Replace(moved, `"status":"accepted"`, `"status":"declined"`, 1)); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Appointment.participant[0]" {
		t.Errorf("who declines: %d %s", a.status, a.body)
	}
	now := h.want(h.do("PUT", at, moved, "If-Match", read.header.Get("ETag")), http.StatusOK)
	if now.text("start") != later.Format(time.RFC3339) || now.header.Get("ETag") == read.header.Get("ETag") {
		t.Errorf("%v %s", now.header, now.body)
	}
	if a := h.do("PUT", at, moved, "If-Match", read.header.Get("ETag")); a.status != http.StatusPreconditionFailed {
		t.Errorf("the version before: %d", a.status)
	}
	for what, change := range map[string][2]string{
		"serviceType": {"Cardiology", "Neurology"}, "participant": {"Practitioner/" + h.clinician, "Practitioner/" + store.NewID()}, "identifier": {"A-1", "A-2"}, "status": {`"booked"`, `"noshow"`},
		"meta.security": {`"meta":{`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}],`},
	} {
		if a := h.do("PUT", at, strings.Replace(moved, change[0], change[1], 1)); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Appointment."+what {
			t.Errorf("another %s: %d %s", what, a.status, a.body)
		}
	}
	if a := h.do("PUT", at, string(now.body), "If-Match", "*"); a.status != http.StatusOK || a.header.Get("ETag") != now.header.Get("ETag") {
		t.Errorf("as it is, whatever it is: %d %s", a.status, a.body)
	}
	off := strings.Replace(string(now.body), `"booked"`, `"cancelled"`, 1)
	if a := h.do("PUT", at, off, "If-Match", read.header.Get("ETag")); a.status != http.StatusPreconditionFailed {
		t.Errorf("cancelled by who has not read it: %d", a.status)
	}
	for range 2 {
		if a := h.want(h.do("PUT", at, off), http.StatusOK); a.text("status") != "cancelled" {
			t.Errorf("%s", a.body)
		}
	}
	if a := h.do("PUT", at, strings.Replace(off, `"cancelled"`, `"booked"`, 1)); a.status != http.StatusConflict && a.status != http.StatusUnprocessableEntity {
		t.Errorf("alive again: %d", a.status)
	}
	if a := h.want(h.do("GET", "Encounter/"+id, ""), http.StatusOK); a.text("status") != "cancelled" || a.text("subject", "reference") != "Patient/"+v.PatientID || a.text("class", "code") != "VR" {
		t.Errorf("%s", a.body)
	}
	if a := h.do("GET", "Appointment/"+store.NewID(), ""); a.status != http.StatusNotFound {
		t.Errorf("nothing: %d", a.status)
	}
}

// TestAppointmentByKeyForOneThing: a program that may plan visits, and read none, is told what it changed.
func TestAppointmentByKeyForOneThing(t *testing.T) {
	h := open(t)
	at := "Appointment/" + h.want(h.do("POST", "Appointment", h.appointment(h.patient(), tomorrow(), store.NewID())), http.StatusCreated).text("id")
	ends, sooner := tomorrow().Add(30*time.Minute).Format(time.RFC3339), tomorrow().Add(25*time.Minute).Format(time.RFC3339)
	moved := strings.NewReplacer(`"`+ends+`"`, `"`+sooner+`"`, `"minutesDuration":30`, `"minutesDuration":25`).Replace(string(h.want(h.do("GET", at, ""), http.StatusOK).body))
	key, _, err := h.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "for one thing", Scopes: []auth.Action{auth.VisitSchedule}})
	if err != nil {
		t.Fatal(err)
	}
	h.key = key
	if a := h.want(h.do("PUT", at, moved), http.StatusOK); a.text("end") != sooner {
		t.Errorf("it ends at %s, not %s", a.text("end"), sooner)
	}
}

// TestAppointmentOnce makes one visit of one identifier, however often it is sent.
func TestAppointmentOnce(t *testing.T) {
	h := open(t)
	patient := h.patient()
	body := h.appointment(patient, tomorrow(), "B-1")
	const unless = "identifier=https://hospital.example/appointments|B-1"
	made := h.want(h.do("POST", "Appointment", body, "If-None-Exist", unless), http.StatusCreated)
	if a := h.do("POST", "Appointment", body, "If-None-Exist", unless); a.status != http.StatusOK || a.text("id") != made.text("id") || strings.Contains(string(a.body), "/v#") {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if a := h.do("POST", "Appointment", body); a.status != http.StatusConflict || a.text("issue", 0, "code") != "conflict" {
		t.Errorf("without If-None-Exist: %d %s", a.status, a.body)
	}
	body = h.appointment(patient, tomorrow().AddDate(0, 0, 1), "B-2")
	first := h.want(h.do("POST", "Appointment", body, "Idempotency-Key", `"B-2"`), http.StatusCreated)
	again := h.want(h.do("POST", "Appointment", body, "Idempotency-Key", `"B-2"`), http.StatusCreated)
	if string(again.body) != string(first.body) || again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("sent again with its key: %v %s", again.header, again.body)
	}
	for _, odd := range []string{"", "identifier=B-1", "patient=" + patient.text("id"), "identifier=urn:other|B-1"} {
		if a := h.do("POST", "Appointment", body, "If-None-Exist", odd); a.status != http.StatusBadRequest {
			t.Errorf("If-None-Exist %s: %d", odd, a.status)
		}
	}
}

// TestAppointmentRefused sends what cannot be made.
func TestAppointmentRefused(t *testing.T) {
	h := open(t)
	body := h.appointment(h.patient(), tomorrow(), "C-1")
	starts := tomorrow().Format(time.RFC3339)
	for what, change := range map[string][2]string{
		"Appointment.status":                           {`"booked"`, `"proposed"`},
		"Appointment.start":                            {`"start":"` + starts, `"start":"soon`},
		"Appointment.end":                              {`"end":"` + tomorrow().Add(30*time.Minute).Format(time.RFC3339), `"end":"` + starts},
		"Appointment.serviceType":                      {`{"text":"Cardiology"}`, ``},
		"Appointment.identifier":                       {"https://hospital.example/appointments", ""},
		"Appointment.participant[0]":                   {"Patient/", "Group/"},
		"Appointment.participant":                      {"Practitioner/" + h.clinician, "Practitioner/" + store.NewID()},
		"Appointment.participant[1].modifierExtension": {`"actor":{"reference":"Practitioner/`, `"modifierExtension":[{"url":"urn:x"}],"actor":{"reference":"Practitioner/`},
		"Appointment.minutesDuration":                  {`"resourceType"`, `"minutesDuration":5,"resourceType"`},
	} {
		changed := strings.Replace(body, change[0], change[1], 1)
		if changed == body {
			t.Fatalf("%s: nothing to change in %s", what, body)
		}
		if a := h.do("POST", "Appointment", changed); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != what {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	at := strings.LastIndex(body, `"accepted"`) // of the guardian
	if a := h.do("POST", "Appointment", body[:at]+strings.Replace(body[at:], "accepted", "declined", 1)); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Appointment.participant[2]" {
		t.Errorf("who declined is invited: %d %s", a.status, a.body)
	}
	crowd := strings.Replace(body, `"participant":[`, `"participant":[`+strings.Repeat(`{"actor":{"reference":"Practitioner/`+store.NewID()+`"},"status":"accepted"},`, 8), 1)
	if a := h.do("POST", "Appointment", crowd); a.status != http.StatusUnprocessableEntity || a.count("issue") != 1 || a.text("issue", 0, "diagnostics") != "must be 10 at most" {
		t.Errorf("eleven people: %d %s", a.status, a.body)
	}
}

// TestAppointmentOfService: the name of a service, in words or in a coding of another system, is that service with all that holds for its visits.
func TestAppointmentOfService(t *testing.T) {
	h := open(t)
	site, err := h.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, err := h.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: site.ID, Name: "Sleep clinic", Minutes: 25, AskBirthDate: true, Confidential: true, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	patient := h.patient()
	p, err := h.People.Show(t.Context(), auth.Operator(), patient.text("id"))
	if err != nil {
		t.Fatal(err)
	}
	own := p.Contacts[0]
	own.ID, own.Email, own.Phone, own.Confidential = "", "own@example.org", "", true
	p.Contacts = append(p.Contacts, own)
	if p, err = h.People.Update(t.Context(), auth.Operator(), p); err != nil {
		t.Fatal(err)
	}
	body := h.appointment(patient, tomorrow(), "number")
	body = body[:strings.Index(body, `,{"actor":{"identifier"`)] + body[strings.Index(body, `],"resourceType"`):] // without the guardian, who must not hear of it
	for n, one := range []struct{ said, id, words string }{
		{`{"text":" sleep CLINIC"}`, service.ID, "Sleep clinic"},
		{`{"text":"Sleep study at night","coding":[{"system":"urn:other","code":"1","display":"Sleep clinic"}]}`, service.ID, "Sleep study at night"},
		{`{"coding":[{"system":"urn:other","code":"1","display":"Somnology (qualifier value)"},{"system":"urn:local","code":"SLEEP CLINIC"}]}`, service.ID, "Sleep clinic"},
		{`{"coding":[{"system":"` + h.URL() + fhir.Path + `/CodeSystem/service","code":"` + service.ID + `"}]}`, service.ID, "Sleep clinic"},
		{`{"text":"Snoring"}`, "", "Snoring"},
		{`{"coding":[{"system":"urn:other","code":"1","display":"Somnology"}]}`, "", "Somnology"},
	} {
		asked := strings.Replace(strings.Replace(body, `{"text":"Cardiology"}`, one.said, 1), `"number"`, `"S-`+strconv.Itoa(n)+`"`, 1)
		starts := tomorrow().AddDate(0, 0, n)
		asked = strings.ReplaceAll(asked, tomorrow().Format(time.DateOnly), starts.Format(time.DateOnly))
		made := h.want(h.do("POST", "Appointment", asked), http.StatusCreated)
		v := h.visit(made.text("id"))
		known, reached := one.id != "", p.Contacts[0].ID // as wherever visits are made
		if known {
			reached = p.Contacts[len(p.Contacts)-1].ID
		}
		if v.ServiceID != one.id || v.Service != one.words || !v.AskBirthDate || v.Confidential != known || v.Invitations[0].ContactID != reached {
			t.Errorf("%s: %+v", one.said, v)
		}
		if told := h.want(h.do("GET", "Encounter/"+v.ID, ""), http.StatusOK); told.text("serviceType", "text") != one.words || told.text("serviceType", "coding", 0, "code") != one.id {
			t.Errorf("%s: %s", one.said, told.body)
		}
		// Who sent it can move it as they have sent it.
		moved := strings.ReplaceAll(strings.Replace(asked, `"resourceType"`, `"id":"`+v.ID+`","resourceType"`, 1), starts.Format("2006-01-02T15"), starts.Add(time.Hour).Format("2006-01-02T15"))
		if a := h.do("PUT", "Appointment/"+v.ID, moved); a.status != http.StatusOK {
			t.Errorf("%s moved: %d %s", one.said, a.status, a.body)
		}
	}
	unknown := `{"coding":[{"system":"` + h.URL() + fhir.Path + `/CodeSystem/service","code":"` + store.NewID() + `"}]}`
	for _, said := range []string{`{"coding":[{"system":"urn:other","code":"1"}]}`, unknown} {
		a := h.do("POST", "Appointment", strings.Replace(body, `{"text":"Cardiology"}`, said, 1))
		if a.status != http.StatusUnprocessableEntity || !strings.HasPrefix(a.text("issue", 0, "diagnostics"), "names no service of this site") {
			t.Errorf("%s: %d %s", said, a.status, a.body)
		}
	}
	for _, said := range []string{`{"coding":[{"system":"urn:other","code":"1"}]}`, `{"coding":[{"system":"` + h.URL() + fhir.Path + `/CodeSystem/service","code":"` + store.NewID() + `","display":"Sleep clinic"}]}`} {
		a := h.do("POST", "Appointment", strings.Replace(body, `{"text":"Cardiology"}`, said, 1))
		if a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Appointment.serviceType" {
			t.Errorf("%s: %d %s", said, a.status, a.body)
		}
	}
}

// TestSearchesForAppointments finds visits by all there is to search by, page by page.
func TestSearchesForAppointments(t *testing.T) {
	h := open(t)
	patient := h.patient()
	var ids []string
	for n, number := range []string{"D-1", "D-2", "D-3"} {
		made := h.want(h.do("POST", "Appointment", h.appointment(patient, tomorrow().AddDate(0, 0, n), number)), http.StatusCreated)
		ids = append(ids, made.text("id"))
	}
	if err := h.Visits.Cancel(t.Context(), auth.Operator(), ids[2]); err != nil {
		t.Fatal(err)
	}
	day := tomorrow().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, found := range map[string]int{
		"": 3, "status=booked": 2, "status=cancelled,booked": 3, "status=proposed": 0, "patient=" + patient.text("id"): 3, "patient=Patient/" + store.NewID(): 0,
		"identifier=https://hospital.example/appointments%7CD-2": 1, "identifier=urn:x%7CD-2": 0,
		"date=" + day: 1, "date=ge" + day: 2, "date=gt" + day: 1, "date=lt" + day: 1, "date=le" + day: 2,
		"date=sa" + day: 1, "date=eb" + day: 1, "date=ne" + day: 2, "date=ne" + day + "&date=gt" + day: 1, "date=ne2020&date=ne" + day: 2, "date=ne1999": 3, "date=ge" + day + "&date=le" + day: 1, "date=gt" + day + "&date=lt" + day: 0,
		"identifier=D-2": 1, "identifier=%7CD-2": 0, `identifier=D\-2`: 1, "_pretty=true": 3,
		"_id=" + ids[0]: 1, "_id=" + ids[0] + "&status=cancelled": 0, "date=ge2020": 3, "date=lt2020-05": 0, "date=" + tomorrow().Format("2006-01-02T15:04:05Z"): 1,
	} {
		if a := h.do("GET", "Appointment?practitioner="+h.clinician+"&"+query, ""); a.status != http.StatusOK || a.count("entry") != found {
			t.Errorf("%s: %d, %d found: %s", query, a.status, a.count("entry"), a.body)
		}
	}
	for _, odd := range []string{"status=odd", "patient=", "patient=Group/1", "patient=Patient/", "identifier=", "identifier=urn:x%7C", "identifier=urn:x%7C1%7C2", "identifier=urn:x%7CD-1,urn:x%7CD-2", "identifier=x%5C", "_id=" + ids[0] + "," + ids[1], "subject=1", "patient:Patient=1", "_sort=date", "date=", "_count=0", "_count=-1", "date=soon", "date=ap2020", "date=1&date=2&date=3", "_count=x", "status=booked&status=cancelled", "_cursor=x", "patient=" + strings.Repeat("x", 300)} {
		if a := h.do("GET", "Appointment?"+odd, ""); a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", odd, a.status)
		}
	}
	for query, found := range map[string]int{"status=planned": 2, "status=cancelled": 1, "status=finished,in-progress": 0, "appointment=Appointment/" + ids[1]: 1, "appointment=" + ids[1] + "&_id=" + ids[0]: 0, "patient=" + patient.text("id"): 3} {
		if a := h.do("GET", "Encounter?practitioner="+h.URL()+fhir.Path+"/Practitioner/"+h.clinician+"&"+query, ""); a.status != http.StatusOK || a.count("entry") != found {
			t.Errorf("Encounter %s: %d, %d found", query, a.status, a.count("entry"))
		}
	}
	for _, odd := range []string{"appointment=Appointment/", "appointment=Group/1"} {
		if a := h.do("GET", "Encounter?"+odd, ""); a.status != http.StatusBadRequest {
			t.Errorf("Encounter %s: %d", odd, a.status)
		}
	}
	// Who asks for it has what is not known left out, and is told so.
	a := h.want(h.do("GET", "Appointment?patient="+patient.text("id")+"&subject=odd&status=", "", "Prefer", `respond-async, handling=lenient; wait=10`), http.StatusOK)
	if a.count("entry") != 4 || a.text("entry", 3, "search", "mode") != "outcome" || a.text("entry", 3, "resource", "issue", 0, "code") != "not-supported" ||
		a.text("link", 0, "url") != h.URL()+fhir.Path+"/Appointment?_count=50&patient="+patient.text("id") {
		t.Errorf("%s", a.body)
	}
	var seen []string
	for a := h.find("Appointment", url.Values{"_count": {"1"}, "patient": {"Patient/" + patient.text("id")}}); ; a = h.do("GET", a.text("link", 1, "url"), "") {
		seen = append(seen, a.text("entry", 0, "resource", "id"))
		if a.text("link", 1, "relation") != "next" {
			break
		}
	}
	if strings.Join(seen, " ") != strings.Join(ids, " ") {
		t.Errorf("page by page: %s, want %s", seen, ids)
	}
}

// TestDaysOfTheHospital: days without a zone are those of the hospital's first site, as where the desk searches, wherever the server is.
func TestDaysOfTheHospital(t *testing.T) {
	h := open(t)
	child, starts := h.patient(), tomorrow()
	h.want(h.do("POST", "Appointment", h.appointment(child, starts, "days-"+child.text("id"))), http.StatusCreated)
	site, err := h.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	move := func(zone *time.Location) {
		t.Helper()
		site.Zone = zone
		if site, err = h.Sites.UpdateSite(t.Context(), auth.Operator(), site); err != nil {
			t.Fatal(err)
		}
	}
	was := site.Zone
	t.Cleanup(func() {
		site.Zone = was
		_, _ = h.Sites.UpdateSite(context.WithoutCancel(t.Context()), auth.Operator(), site)
	})
	pagoPago, err := time.LoadLocation("Pacific/Pago_Pago")
	if err != nil {
		t.Fatal(err)
	}
	move(pagoPago)
	day, before := starts.Format(time.DateOnly), starts.In(pagoPago).Format(time.DateOnly)
	for query, want := range map[string]int{"date=" + day: 0, "date=" + before: 1, "date=lt" + day: 1, "date=" + day + "T09:00:00Z": 1, "date=" + day + "T09:00:00": 0} {
		for _, kind := range []string{"Appointment", "Encounter"} {
			if a := h.want(h.do("GET", kind+"?patient="+child.text("id")+"&"+query, ""), http.StatusOK); a.count("entry") != want {
				t.Errorf("%s?%s: %d of %d", kind, query, a.count("entry"), want)
			}
		}
	}
}
