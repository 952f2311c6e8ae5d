package fhir_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/fhir"
)

func TestCapabilities(t *testing.T) {
	h := open(t)
	a := h.want(h.do("GET", "metadata", "", "Authorization", ""), http.StatusOK)
	if a.text("fhirVersion") != "4.0.1" || a.count("rest", 0, "resource") != 4 {
		t.Errorf("%s", a.body)
	}
	if a := h.do("GET", "Patient/"+store.NewID(), "", "Authorization", ""); a.status != http.StatusUnauthorized || a.text("issue", 0, "code") != "login" {
		t.Errorf("without a key: %d %s", a.status, a.body)
	}
	if a := h.do("GET", "Medication", ""); a.status != http.StatusNotFound || a.text("issue", 0, "code") != "not-found" {
		t.Errorf("a resource there is not: %d %s", a.status, a.body)
	}
	if a := h.do("DELETE", "Patient/"+store.NewID(), ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", a.status)
	}
}

// TestFormats asks for formats that there are and that there are not.
func TestFormats(t *testing.T) {
	h := open(t)
	for format, want := range map[string]int{"json": 200, "application/fhir%2Bjson": 200, "application/fhir+json": 200, "xml": 406, "application/fhir%2Bxml": 406} {
		if a := h.do("GET", "metadata?_format="+format, "", "Accept", "application/fhir+xml"); a.status != want {
			t.Errorf("_format=%s: %d", format, a.status)
		}
	}
	for format, want := range map[string]int{"json": 200, "application/fhir+json": 200, "xml": 406, "application/fhir+xml": 406} {
		if a := h.find("Practitioner", url.Values{"name": {"nobody"}, "_format": {format}}); a.status != want {
			t.Errorf("_format=%s in the body: %d", format, a.status)
		}
	}
	for accept, want := range map[string]int{"": 200, "*/*": 200, "application/fhir+xml": 406, "application/fhir+xml, application/json;q=0.5": 200, "application/json;q=0": 406, "text/html": 406} {
		if a := h.do("GET", "metadata", "", "Accept", accept); a.status != want {
			t.Errorf("Accept %q: %d", accept, a.status)
		}
	}
	if a := h.do("POST", "Patient", child, "Content-Type", "application/fhir+xml"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("XML: %d", a.status)
	}
	if a := h.do("POST", "Patient", `{"resourceType": "Patient", "name": [{"text": "`+strings.Repeat("x", 70<<10)+`"}]}`); a.status != http.StatusRequestEntityTooLarge || a.text("issue", 0, "code") != "too-long" {
		t.Errorf("70 KiB: %d %s", a.status, a.body)
	}
	for body, want := range map[string]int{
		`{"resourceType": "Patient"`:                              400,
		`{"resourceType": "Practitioner", "name": [{}]}`:          400,
		`{"resourceType": "Patient", "name": "Canary"}`:           400,
		`{"resourceType": "Patient", "gender": "Canary"}`:         400,
		`{"resourceType": "Patient"}`:                             422,
		`{"resourceType": "Patient", "modifierExtension": [{}]}`:  422,
		`{"resourceType": "Patient", "implicitRules": "urn:odd"}`: 422,
		strings.Replace(child, "2012-05-31", "2012-05", 1):        422,
	} {
		a := h.do("POST", "Patient", body)
		if a.status != want || a.count("issue") == 0 || strings.Contains(string(a.body), "Canary") {
			t.Errorf("%.70s: %d %s", body, a.status, a.body)
		}
	}
}

func TestPatient(t *testing.T) {
	h := open(t)
	child, number := h.child()
	made := h.want(h.do("POST", "Patient", child), http.StatusCreated)
	at := "Patient/" + made.text("id")
	if made.header.Get("Location") != h.URL()+fhir.Path+"/"+at || made.header.Get("ETag") != `W/"1"` {
		t.Errorf("%v", made.header)
	}
	again := h.want(h.do("GET", at, ""), http.StatusOK)
	if string(again.body) != string(made.body) || made.text("name", 0, "text") != "Canary Ana Patientname" || made.text("telecom", 0, "value") != "+16175550123" ||
		made.text("identifier", 0, "value") != number || made.text("communication", 0, "language", "coding", 0, "code") != "es" || made.text("contact", 0, "relationship", 0, "text") != "mother" {
		t.Errorf("%s\n%s", made.body, again.body)
	}

	// A confidential contact is not told, and an update that does not know of it leaves it.
	p, err := h.People.Show(t.Context(), auth.Operator(), made.text("id"))
	if err != nil {
		t.Fatal(err)
	}
	own := p.Contacts[0]
	own.ID, own.Email, own.Phone, own.Confidential = "", "secret@example.org", "", true
	p.Contacts = append(p.Contacts, own)
	if _, err := h.People.Update(t.Context(), auth.Operator(), p); err != nil {
		t.Fatal(err)
	}
	again = h.want(h.do("GET", at, ""), http.StatusOK)
	if strings.Contains(string(again.body), "secret@") {
		t.Errorf("a confidential contact is told: %s", again.body)
	}
	change := strings.Replace(string(again.body), "mother@example.org", "new@example.org", 1)
	if a := h.do("PUT", at, change, "If-Match", made.header.Get("ETag")); a.status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d", a.status)
	}
	changed := h.want(h.do("PUT", at, change, "If-Match", again.header.Get("ETag")), http.StatusOK)
	if changed.text("contact", 0, "telecom", 0, "value") != "new@example.org" || changed.text("contact", 0, "id") != made.text("contact", 0, "id") {
		t.Errorf("%s", changed.body)
	}
	if p, err = h.People.Show(t.Context(), auth.Operator(), p.ID); err != nil || len(p.Contacts) != 3 {
		t.Errorf("contacts after the update: %d, %v", len(p.Contacts), err)
	}
	if a := h.do("PUT", at, child); a.status != http.StatusBadRequest {
		t.Errorf("without an id: %d", a.status)
	}
	unknown := store.NewID()
	if a := h.do("PUT", "Patient/"+unknown, strings.Replace(change, p.ID, unknown, 1)); a.status != http.StatusNotFound {
		t.Errorf("nobody: %d", a.status)
	}

	// The same number again.
	if a := h.do("POST", "Patient", child); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the number of another: %d", a.status)
	}
	if a := h.do("POST", "Patient", child, "If-None-Exist", "identifier=https://hospital.example/mrn|"+number); a.status != http.StatusOK || a.text("id") != p.ID {
		t.Errorf("If-None-Exist: %d %s", a.status, a.body)
	}
	if a := h.do("POST", "Patient", child, "If-None-Exist", "name=Canary"); a.status != http.StatusBadRequest {
		t.Errorf("If-None-Exist by name: %d", a.status)
	}
	if a := h.do("POST", "Patient", strings.ReplaceAll(child, number, number+"-b"), "Prefer", "return=minimal"); a.status != http.StatusCreated || len(a.body) != 0 || a.header.Get("ETag") == "" {
		t.Errorf("return=minimal: %d %s", a.status, a.body)
	}
}

// TestSearchesForPatients finds them by POST, and refuses what would write who they are into an address.
func TestSearchesForPatients(t *testing.T) {
	h := open(t)
	child, number := h.child()
	child = strings.NewReplacer("Patientname", "Wanted", "2012-05-31", "2012-02-29").Replace(child)
	id := h.want(h.do("POST", "Patient", child), http.StatusCreated).text("id")
	for query, found := range map[string]int{
		"name=wanted": 1, "family=Want&given=ana": 1, "birthdate=2012-02-29": 1, "birthdate=eq2012-02-29&name=canary": 1, "name=nobody": 0, "birthdate=2012-02-28": 0,
		"identifier=" + strings.ReplaceAll(strings.ToLower(number), "-", ""): 1, "identifier=https://hospital.example/mrn%7C" + number: 1, "identifier=" + number[:5]: 0,
		"_id=" + id: 1, "_id=" + store.NewID(): 0, "_id=" + store.NewID() + "&name=wanted": 0, "name=guardianname": 0,
		"identifier=%7C" + number: 1, "identifier=" + number + "&name=wanted": 1, "identifier=" + number + "&name=nobody": 0,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if a := h.find("Patient", values); a.status != http.StatusOK || a.count("entry") != found || strings.Contains(a.text("link", 0, "url"), "anary") {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	for _, query := range []string{"name=canary", "birthdate=2012-02-29", "identifier=" + number, "family=x", "given=x", ""} {
		if a := h.do("GET", "Patient?"+query, ""); a.status != http.StatusBadRequest || strings.Contains(string(a.body), "anary") {
			t.Errorf("GET %s: %d %s", query, a.status, a.body)
		}
	}
	if a := h.do("GET", "Patient?_id="+id, ""); a.count("entry") != 1 {
		t.Errorf("by id: %s", a.body)
	}
	for _, odd := range []url.Values{{"name": {"canary"}, "odd": {"1"}}, {"name": {"canary"}, "birthdate": {""}}, {"birthdate": {"2012"}}, {"identifier": {"urn:x|"}}, {"name": {"canary"}, "identifier": {"1,2"}}} {
		if a := h.find("Patient", odd); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", odd, a.status)
		}
	}
	a := h.find("Patient", url.Values{"name": {"wanted"}, "odd": {"1"}, "birthdate": {""}, "Canary Patientname": {"1"}}, "Prefer", `handling="lenient"`)
	if a.status != http.StatusOK || a.count("entry") != 2 || !strings.HasSuffix(a.text("entry", 1, "resource", "issue", 0, "diagnostics"), "left out: birthdate, odd, 1 more.") {
		t.Errorf("lenient: %d %s", a.status, a.body)
	}
}

func TestPractitioner(t *testing.T) {
	h := open(t)
	a := h.want(h.do("GET", "Practitioner/"+h.clinician, ""), http.StatusOK)
	if a.text("name", 0, "text") != "Dr. Canary Clinicianname" || strings.Contains(string(a.body), "@") {
		t.Errorf("%s", a.body)
	}
	if a := h.do("GET", "Practitioner/"+store.NewID(), ""); a.status != http.StatusNotFound {
		t.Errorf("nobody: %d", a.status)
	}
	if a := h.find("Practitioner", url.Values{"name": {"clinician"}, "_id": {h.clinician}}); a.count("entry") != 1 {
		t.Errorf("%s", a.body)
	}
	if a := h.do("GET", "Practitioner?name=clinician", ""); a.status != http.StatusBadRequest {
		t.Errorf("a name in an address: %d", a.status)
	}
	for _, count := range []string{"0", "-1", "many"} {
		if a := h.do("GET", "Practitioner?_count="+count, ""); a.status != http.StatusBadRequest || !strings.Contains(a.text("issue", 0, "diagnostics"), "not counted") {
			t.Errorf("_count=%s: %d %s", count, a.status, a.body)
		}
	}
	h.colleague("Zed Example")
	all, pages := 0, 0
	last := ""
	for a := h.do("GET", "Practitioner?_count=2", ""); ; a = h.do("GET", a.text("link", 1, "url"), "") {
		n := a.count("entry")
		all, pages, last = all+n, pages+1, a.text("entry", n-1, "resource", "name", 0, "text")
		if a.text("link", 1, "relation") != "next" {
			break
		}
	}
	if last != "Zed Example" || pages != (all+1)/2 {
		t.Errorf("%d people on %d pages, the last of them %s", all, pages, last)
	}
}

// TestEveryState tells visits in every state, with and without what the hospital knows of them.
func TestEveryState(t *testing.T) {
	s := fhir.New(fhir.Config{PublicURL: "https://visits.example"})
	appointments, encounters := "", ""
	for _, state := range visits.States() {
		for _, known := range []bool{true, false} {
			v := visits.Visit{ID: store.NewID(), Service: "Cardiology", StartsAt: tomorrow(), EndsAt: tomorrow().Add(time.Hour), State: state, StateAt: tomorrow(), CreatedAt: tomorrow()}
			v.Invitations = []visits.Invitation{{Name: "A", Role: auth.Patient}, {Name: "B", Role: auth.Clinician}, {Name: "C", Role: auth.Guardian}, {Name: "D", Role: auth.Interpreter}, {Name: "E", Role: auth.Guest, RevokedAt: tomorrow()}}
			if known {
				v.Booking = visits.Booking{PatientID: store.NewID(), ServiceID: store.NewID(), ClinicianID: store.NewID(), Confidential: true, Identifier: visits.Identifier{System: "urn:x", Value: "1"}}
				v.Invitations[1].StaffID, v.Invitations[2].ContactID = v.ClinicianID, store.NewID()
			}
			for _, resource := range []any{s.AppointmentOf(v), s.EncounterOf(v)} {
				b, err := json.Marshal(resource)
				if err != nil {
					t.Fatal(err)
				}
				if err := valid(t, b); err != nil {
					t.Errorf("%s: %v\n%s", state, err, b)
				}
				a := answer{body: b}
				if a.text("resourceType") == "Appointment" && known {
					appointments += " " + a.text("status")
				} else if known {
					encounters += " " + a.text("status")
				}
			}
		}
	}
	if appointments != " booked arrived fulfilled fulfilled cancelled noshow" || encounters != " planned arrived in-progress finished cancelled cancelled" {
		t.Errorf("%s;%s", appointments, encounters)
	}
	if valid(t, []byte(`{"resourceType": "Appointment", "status": "odd", "participant": []}`)) == nil {
		t.Error("a status of our own is valid")
	}
}
