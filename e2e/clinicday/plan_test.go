package clinicday

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	clinicians = 8
	length     = 30 * time.Minute
	service    = "Canary Cardiology"
)

// slots are when visits start on the day.
var slots = []string{"08:30", "10:00", "13:00", "15:30", "19:30"}

// languages are what families read.
var languages = []string{"en", "es", "ar"}

func doctorName(c int) string { return fmt.Sprintf("Dr Sample %d", c) }
func doctorBox(c int) string  { return fmt.Sprintf("doctor-%d@hospital.example", c) }

// guest is somebody of the family, or an interpreter, who is invited.
type guest struct {
	role, name, box, language string
	confidential              bool
}

// way is how a visit is made.
type way int

const (
	byPage way = iota
	byCall     // of the API
	byFile
)

// family makes visit n of the day, and the people of it. A third are made in each way; see the script for those that are special.
func (h *house) family(n int, starts time.Time) *appointment {
	a := &appointment{n: n, way: way(n % 3), patient: fmt.Sprintf("Canary Child %02d", n), born: fmt.Sprintf("2014-05-%02d", n%28+1), clinician: n % clinicians, starts: starts}
	own := languages[(n+n/8)%3]
	guardian := guest{role: "guardian", name: fmt.Sprintf("Guardian %02d", n), box: fmt.Sprintf("guardian-%02d@example.org", n), language: own}
	patient := guest{role: "patient", name: a.patient, language: own}
	switch {
	case n == adolescent: // whose guardian hears nothing
		patient.box, patient.confidential = "own-13@example.org", true
		a.guests = []guest{patient}
	case n == sibling: // one guardian of two children
		before := h.appointment(sibling - 1)
		guardian.name, guardian.box, guardian.language = before.guests[1].name, before.guests[1].box, before.guests[1].language
		patient.language = guardian.language
		a.guests = []guest{patient, guardian}
	case n%5 == 0 && !a.typed(): // who reads another language than the patient
		guardian.language = languages[(n+n/8+1)%3]
		a.guests = []guest{patient, guardian}
	case n%4 == 1:
		patient.box = fmt.Sprintf("child-%02d@example.org", n)
		a.guests = []guest{patient, guardian}
	default:
		a.guests = []guest{patient, guardian}
	}
	if n == interpreted {
		a.guests = append(a.guests, guest{role: "interpreter", name: "Interpreter 22", box: "interpreter@example.org", language: "en"})
	}
	a.readers = a.newReaders()
	return a
}

// newReaders are who is written to about a visit of this family.
func (a *appointment) newReaders() (all []*reader) {
	for _, g := range a.guests {
		if g.box != "" {
			all = append(all, &reader{box: g.box, language: g.language, reminded: true})
		}
	}
	if a.way == byCall { // page and file know no address of clinicians, who have the queue
		all = append(all, &reader{box: doctorBox(a.clinician), language: "en"})
	}
	return all
}

func (h *house) appointment(n int) *appointment {
	for _, a := range h.diary.all {
		if a.n == n {
			return a
		}
	}
	h.t.Fatalf("there is no visit %d", n)
	return nil
}

// typed says whether the patient is typed into the form of the page, with a guardian.
func (a *appointment) typed() bool { return a.way == byPage && a.n%2 == 1 }

// form is the form for a new visit, as the page sends it.
func (h *house) form(a *appointment) url.Values {
	local := a.starts.In(h.zone)
	v := url.Values{"service": {service}, "date": {local.Format("2006-01-02")}, "time": {local.Format("15:04")}, "minutes": {"30"}, "zone": {h.zone.String()},
		"clinician": {doctorName(a.clinician)}, "ask_birth_date": {"yes"}}
	if !a.typed() {
		patient, contacts := h.addPatient(a)
		v.Set("patient_id", patient)
		v.Set("contact", contacts["guardian"])
		return v
	}
	v.Set("patient", a.patient)
	v.Set("day", a.born[8:])
	v.Set("month", a.born[5:7])
	v.Set("year", a.born[:4])
	v.Set("language", a.guests[0].language)
	v.Set("own_email", a.guests[0].box)
	v.Set("keep_patient", "yes")
	v["more_name"], v["more_role"], v["more_email"], v["more_phone"] = []string{a.guests[1].name}, []string{"guardian"}, []string{a.guests[1].box}, []string{""}
	return v
}

// person is an object of the API.
type person map[string]any

// addPatient adds a visit's patient by the API, with contacts, and gives the ids of the patient and of the contacts by role.
func (h *house) addPatient(a *appointment) (patient string, byRole map[string]string) {
	h.t.Helper()
	var contacts []person
	for _, g := range a.guests {
		if g.box == "" || g.role == "interpreter" {
			continue
		}
		kind := map[string]string{"patient": "self", "guardian": "guardian"}[g.role]
		contacts = append(contacts, person{"kind": kind, "name": g.name, "email": g.box, "language": g.language, "confidential": g.confidential})
	}
	if a.n == adolescent {
		contacts = append(contacts, person{"kind": "guardian", "name": "Guardian 13", "email": "guardian-13@example.org"})
	}
	var made struct {
		ID       string
		Contacts []struct{ ID, Email string }
	}
	h.calls(http.MethodPost, "/api/v1/patients", person{"name": a.patient, "birth_date": a.born, "language": a.guests[0].language,
		"number": fmt.Sprintf("MRN-%04d", a.n), "contacts": contacts}, &made)
	byRole = map[string]string{}
	for _, c := range made.Contacts {
		for _, g := range a.guests {
			if g.box == c.Email {
				byRole[g.role] = c.ID
			}
		}
	}
	return made.ID, byRole
}

// request asks for a visit by the API: every other one without a patient whom the hospital knows.
func (h *house) request(a *appointment) person {
	q := person{"service": service, "starts_at": a.starts.UTC(), "minutes": 30, "ask_birth_date": true, "birth_date": a.born, "clinician_id": h.diary.accounts[a.clinician]}
	people := []person{{"role": "clinician", "staff_id": h.diary.accounts[a.clinician], "email": doctorBox(a.clinician)}}
	var contacts map[string]string
	if a.n%2 == 1 {
		q["patient_id"], contacts = h.addPatient(a)
	}
	for _, g := range a.guests {
		p := person{"role": g.role, "name": g.name, "language": g.language}
		switch {
		case contacts[g.role] != "":
			p["contact_id"] = contacts[g.role]
		case g.box != "":
			p["email"] = g.box
		}
		people = append(people, p)
	}
	if a.n == adolescent {
		q["confidential"] = true
	}
	if a.n == interpreted {
		q["interpreter"], q["interpreter_language"] = "confirmed", "ar"
	}
	q["people"] = people
	return q
}

// file makes a CSV file of visits.
func (h *house) file(all []*appointment) []byte {
	h.t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	h.must(w.Write([]string{"patient_number", "patient_name", "birth_date", "language", "patient_email", "guardian_name", "guardian_relation", "guardian_email", "guardian_language",
		"service", "clinician", "date", "time", "minutes"}))
	for _, a := range all {
		local, patient, guardian := a.starts.In(h.zone), a.guests[0], a.guests[1]
		h.must(w.Write([]string{fmt.Sprintf("MRN-%04d", a.n), a.patient, a.born, patient.language, patient.box, guardian.name, "mother", guardian.box, guardian.language,
			service, doctorName(a.clinician), local.Format("2006-01-02"), local.Format("15:04"), "30"}))
	}
	w.Flush()
	h.must(w.Error())
	return b.Bytes()
}

var sealedForm = regexp.MustCompile(`name="sealed" value="([^"]+)"`)

// imports gives a file to the page, looks at what it would make, and makes it.
func (h *house) imports(scheduler *worker, all []*appointment) {
	h.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "visits.csv")
	h.must(err)
	_, err = part.Write(h.file(all))
	h.must(err)
	h.must(m.Close())
	status, _, page := scheduler.asks(http.MethodPost, "/desk/import", m.FormDataContentType(), &body)
	sealed := sealedForm.FindStringSubmatch(page)
	if status != http.StatusOK || sealed == nil {
		h.t.Fatalf("the file: %d\n%s", status, page)
	}
	if to := scheduler.does("/desk/import/make", url.Values{"sealed": {html.UnescapeString(sealed[1])}}); !strings.HasSuffix(to, "made="+strconv.Itoa(len(all))) {
		h.t.Errorf("the file led to %s", to)
	}
}

// repeat makes a series of three weekly visits by the page: its dates are looked at first.
func (h *house) repeat(scheduler *worker, all []*appointment) {
	h.t.Helper()
	form := h.form(all[0])
	form.Set("repeat", "1")
	form.Set("repeat_count", strconv.Itoa(len(all)))
	status, _, page := scheduler.sends("/desk/new", form)
	if status != http.StatusOK || strings.Count(page, `name="make"`) != len(all) {
		h.t.Fatalf("the dates of a series: %d\n%s", status, page)
	}
	form.Set("confirm", "yes")
	form.Set("series", seriesForm.FindStringSubmatch(page)[1])
	for _, seen := range seenForm.FindAllStringSubmatch(page, -1) {
		form.Add("seen", seen[1])
	}
	for _, a := range all {
		form.Add("make", a.starts.In(h.zone).Format("2006-01-02"))
	}
	made := scheduler.does("/desk/new", form)
	if again := scheduler.does("/desk/new", form); again != made { // a form that is sent twice
		h.t.Errorf("the series that was made led to %s, and once more to %s", made, again)
	}
}

// seriesForm and seenForm find what the page of a series's dates brings along.
var (
	seriesForm = regexp.MustCompile(`name="series" value="([^"]+)"`)
	seenForm   = regexp.MustCompile(`name="seen" value="([^"]+)"`)
)

// listed is a visit as the API lists it.
type listed struct {
	ID          string
	StartsAt    time.Time `json:"starts_at"`
	State       string
	Invitations []struct{ ID, Name, Role string }
}

// list asks for all visits there are.
func (h *house) list() (all []listed) {
	h.t.Helper()
	var page struct{ Visits []listed }
	h.calls(http.MethodGet, "/api/v1/visits?limit=100", nil, &page)
	return page.Visits
}

// learn finds out what the server calls each visit, by its patient and time.
func (h *house) learn() {
	h.t.Helper()
	all := h.list()
	if len(all) != len(h.diary.all) {
		h.t.Fatalf("there are %d visits, and %d were made", len(all), len(h.diary.all))
	}
	for _, a := range h.diary.all {
		for _, v := range all {
			if v.StartsAt.Equal(a.starts) && v.invitation("patient", a.patient) != "" {
				a.id = v.ID
			}
		}
		if a.id == "" {
			h.t.Fatalf("there is no visit of %s at %s", a.patient, a.starts)
		}
	}
}

// invitation is that of somebody in a visit.
func (v listed) invitation(role, name string) string {
	for _, i := range v.Invitations {
		if i.Role == role && (name == "" || i.Name == name) {
			return i.ID
		}
	}
	return ""
}
