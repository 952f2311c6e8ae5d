package fhir_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/visits"
	"housecall/visits/fhir"
)

// TestVisitsFollowAPatient: what an update corrects of a patient is corrected in their visits, and who was locked out by the wrong birth date comes in.
func TestVisitsFollowAPatient(t *testing.T) {
	h := open(t)
	child := h.patient()
	booked := h.want(h.do("POST", "Appointment", h.appointment(child, tomorrow(), "correct-"+child.text("id"))), http.StatusCreated)
	if _, err := h.Accounts.DB.ExecContext(t.Context(), `UPDATE visits SET ask_birth_date = 1, starts_at = starts_at - 86400000 * 2, ends_at = 4102444800000 WHERE id = ?`, booked.text("id")); err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(booked.text("extension", 0, "extension", 1, "valueUrl"), "#")
	enter := func(born phi.Text) error {
		_, err := h.Visits.Redeem(t.Context(), visits.Redemption{Code: code, BirthDate: born})
		return err
	}
	for range 5 {
		_ = enter("2012-05-13")
	}
	change := strings.NewReplacer("2012-05-31", "2012-05-13", "Canary Ana Patientname", "Canary Ana Rightname").Replace(string(child.body))
	h.want(h.do("PUT", "Patient/"+child.text("id"), change), http.StatusOK)
	if v := h.visit(booked.text("id")); v.BirthDate != "2012-05-13" || v.Invitations[0].Name != "Canary Ana Rightname" {
		t.Errorf("%+v", v)
	}
	if err := enter("2012-05-13"); err != nil {
		t.Error(err)
	}
}

// TestModifiersAreRefused: what changes what a patient or an appointment means is never left out in silence, when it is made or changed; what says that all is as always is.
func TestModifiersAreRefused(t *testing.T) {
	h := open(t)
	made := h.patient()
	booked := h.want(h.do("POST", "Appointment", h.appointment(made, tomorrow(), "modifiers-"+made.text("id"))), http.StatusCreated)
	refuse := func(element string, a answer) {
		t.Helper()
		if a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != element || a.text("issue", 0, "code") != "invalid" {
			t.Errorf("%s: %d %s", element, a.status, a.body)
		}
	}
	with := func(body []byte, more string) string { return strings.Replace(string(body), `{`, `{`+more+`,`, 1) }
	for element, more := range map[string]string{
		"Patient.active":                         `"active": false`,
		"Patient.deceasedBoolean":                `"deceasedBoolean": true`,
		"Patient.deceasedDateTime":               `"deceasedDateTime": "2026-11"`,
		"Patient.link":                           `"link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]`,
		"Patient.implicitRules":                  `"implicitRules": "urn:odd"`,
		"Patient.modifierExtension":              `"modifierExtension": [{"url": "urn:odd", "valueBoolean": true}]`,
		"Patient.ImplicitRules":                  `"ImplicitRules": "urn:odd"`,
		"Patient.contained[0].modifierExtension": `"contained": [{"resourceType": "Basic", "modifierExtension": [{"url": "urn:odd"}]}]`,
	} {
		fresh, _ := h.child()
		refuse(element, h.do("POST", "Patient", with([]byte(fresh), more)))
		refuse(element, h.do("PUT", "Patient/"+made.text("id"), with(made.body, more)))
	}
	if now := h.do("GET", "Patient/"+made.text("id"), ""); string(now.body) != string(made.body) {
		t.Errorf("became %s", now.body)
	}
	fresh, _ := h.child()
	h.want(h.do("POST", "Patient", with([]byte(fresh), `"active": true, "deceasedBoolean": false, "link": [], "modifierExtension": []`)), http.StatusCreated)
	h.want(h.do("PUT", "Patient/"+made.text("id"), with(made.body, `"active": true, "deceasedBoolean": false`)), http.StatusOK)

	participant := strings.Replace(string(booked.body), `"actor":`, `"modifierExtension": [{"url": "urn:odd"}], "actor":`, 1)
	refuse("Appointment.participant[0].modifierExtension", h.do("PUT", "Appointment/"+booked.text("id"), participant))
	refuse("Appointment.implicitRules", h.do("PUT", "Appointment/"+booked.text("id"), with(booked.body, `"implicitRules": "urn:odd"`)))
}

// TestManyElements: what has many elements, however deep, is looked at without a thing being made for each, and what is deeper than the bound is refused.
func TestManyElements(t *testing.T) {
	var wide any = make([]any, 10_000)
	for range fhir.MostDeep - 1 {
		wide = []any{wide}
	}
	if fhir.TooDeep(wide, fhir.MostDeep) || !fhir.TooDeep([]any{wide}, fhir.MostDeep) || !fhir.TooDeep(map[string]any{"a": wide}, fhir.MostDeep) {
		t.Error("the bound is another")
	}
	if n := testing.AllocsPerRun(1, func() { _ = fhir.Modifier(wide) }); n > fhir.MostDeep {
		t.Errorf("%v things made for what holds nothing", n)
	}

	h := open(t)
	deep := func(n int) string {
		child, _ := h.child()
		return strings.Replace(child, `{`, `{"contained": `+strings.Repeat("[", n)+strings.Repeat("]", n)+`,`, 1)
	}
	if a := h.do("POST", "Patient", deep(fhir.MostDeep)); a.status != http.StatusBadRequest || a.text("issue", 0, "code") != "structure" || !strings.Contains(string(a.body), "too deep") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.do("POST", "Patient", deep(fhir.MostDeep-1)); strings.Contains(string(a.body), "too deep") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestLanguageOfACountry: a language as a country writes it is that of the pages, also in an update; one that there are no pages in is refused.
func TestLanguageOfACountry(t *testing.T) {
	h := open(t)
	as := func(body []byte, tag string) string { return strings.Replace(string(body), `"es"`, `"`+tag+`"`, 1) }
	for tag, want := range map[string]string{"es-MX": "es", "en-US": "en", "pt-BR": "pt", "zh-CN": "zh-Hans"} {
		body, _ := h.child()
		made := h.want(h.do("POST", "Patient", as([]byte(body), tag)), http.StatusCreated)
		again := h.want(h.do("PUT", "Patient/"+made.text("id"), strings.Replace(string(made.body), `"code":"`+want+`"`, `"code":"`+tag+`"`, 1)), http.StatusOK)
		for _, a := range []answer{made, again} {
			if got := a.text("communication", 0, "language", "coding", 0, "code"); got != want {
				t.Errorf("%s became %q, want %q", tag, got, want)
			}
		}
	}
	body, _ := h.child()
	if a := h.do("POST", "Patient", as([]byte(body), "zh-TW")); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Patient.communication" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestOldNumber: an identifier that is in use no more is not the patient's number.
func TestOldNumber(t *testing.T) {
	h := open(t)
	body, number := h.child()
	old := strings.Replace(body, `"identifier": [`, `"identifier": [{"use": "old", "value": "X-`+number+`"}, `, 1)
	if a := h.want(h.do("POST", "Patient", old), http.StatusCreated); a.count("identifier") != 1 || a.text("identifier", 0, "value") != number {
		t.Errorf("%s", a.body)
	}
}

// TestShortNumbers: a whole number finds its patient, however short it is, and however many have the name.
func TestShortNumbers(t *testing.T) {
	h := open(t)
	for range people.MaxFound + 1 {
		h.add()
	}
	body := strings.Replace(child, "NUMBER", "7", 1)
	id := h.want(h.do("POST", "Patient", body), http.StatusCreated).text("id")
	if a := h.do("POST", "Patient", body, "If-None-Exist", "identifier=https://hospital.example/mrn|7"); a.status != http.StatusOK || a.text("id") != id {
		t.Errorf("If-None-Exist: %d %s", a.status, a.body)
	}
	for _, c := range []struct {
		asked url.Values
		found int
	}{
		{url.Values{"identifier": {"7"}}, 1},
		{url.Values{"identifier": {"7"}, "name": {"patientname"}}, 1},
		{url.Values{"identifier": {"7"}, "birthdate": {"2012-05-31"}, "_id": {id}}, 1},
		{url.Values{"identifier": {"7"}, "birthdate": {"2012-05-30"}}, 0},
		{url.Values{"identifier": {"7"}, "name": {"nobody"}}, 0},
		{url.Values{"identifier": {"8"}, "name": {"patientname"}}, 0},
		{url.Values{"identifier": {"-"}}, 0},
	} {
		if a := h.find("Patient", c.asked); a.status != http.StatusOK || a.count("entry") != c.found || c.found > 0 && a.text("entry", 0, "resource", "id") != id {
			t.Errorf("%v: %d %s", c.asked, a.status, a.body)
		}
	}
}

// TestNothingIsSaidTwice: which of the two was meant nobody knows.
func TestNothingIsSaidTwice(t *testing.T) {
	h := open(t)
	body, _ := h.child()
	for _, more := range []string{
		`"birthDate": "2012-05-13"`,
		`"BirthDate": "2012-05-13"`,
		`"language": "` + "\xff" + `"`,
		`"language": "` + "\xff" + `", "birthDate": "2012-05-13"`,
		`"language": "\ud800", "birthDate": "2012-05-13"`,
		`"contained": [{"\ud800": "x"}], "birthDate": "2012-05-13"`,
		`"contained": [{"active": true, "ACTIVE": false}]`,
		`"\u017fource": "urn:odd", "source": "urn:odd"`,
	} {
		a := h.do("POST", "Patient", strings.Replace(body, `"birthDate"`, more+`, "birthDate"`, 1))
		if a.status != http.StatusBadRequest || a.text("issue", 0, "code") != "structure" {
			t.Errorf("%q: %d %s", more, a.status, a.body)
		}
	}
}
