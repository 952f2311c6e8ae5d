package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/loadtest"
	"housecall/platform/staff"
	"housecall/platform/store"
)

type object = map[string]any

// script puts health data in by the calls of programs, and by what people in a visit do.
func (p *probe) script() {
	secret, _, err := p.s.Accounts.CreateKey(p.t.Context(), auth.Operator(), staff.NewKey{Name: "Canary Program", Scopes: p.s.Accounts.Policy.Grantable()})
	if err != nil {
		p.t.Fatal(err)
	}
	p.program = who{name: "a program", client: &http.Client{CheckRedirect: unled.CheckRedirect}, key: secret}
	p.secrets = append(p.secrets, secret)
	p.practice()
	patient := p.patients()
	links := p.appointments(patient)
	p.live(links)
	p.fhir()
	p.imports()
	p.afterwards()
	p.emergency()
	p.form(p.as(auth.Admin), "/admin/audit", url.Values{"query": {"Canary"}})
	p.follow(p.as(auth.Admin), "/admin/retention/holds", url.Values{"address": {p.s.URL() + "/desk/patients/" + patient}, "reason": {"Canary case"}})
}

// practice has an administrator say where webhooks go, and what the site is called.
func (p *probe) practice() {
	a := p.form(p.as(auth.Admin), "/admin/webhooks", url.Values{"url": {p.o.hook + "?token=CanaryToken"}, "about": {"Canary Records"}})
	_, secret, there := strings.Cut(a.body, "whsec_")
	if !there {
		p.t.Fatalf("no webhook: %d", a.status)
	}
	end := strings.IndexAny(secret, `"< `)
	p.secrets = append(p.secrets, secret[:end])
	var made struct{ ID, Secret string }
	p.call(p.program, "POST", "/api/v1/webhooks", object{"url": p.o.hook + "?token=CanaryToken", "about": "Canary Archive", "types": []string{"visit.created"}}, &made)
	at := "/api/v1/webhooks/" + made.ID
	var rotated struct{ Secret string }
	p.call(p.program, "POST", at+"/secret", nil, &rotated)
	p.secrets = append(p.secrets, strings.TrimPrefix(made.Secret, "whsec_"), strings.TrimPrefix(rotated.Secret, "whsec_"))
	p.call(p.program, "POST", at+"/disable", nil, nil)
	var state struct {
		Webhooks   []object `json:"webhooks"`
		DisabledAt string   `json:"disabled_at"`
		Events     *int     `json:"events"`
	}
	if p.call(p.program, "GET", "/api/v1/webhooks", nil, &state); len(state.Webhooks) != 2 || state.Webhooks[1]["disabled_at"] == nil || state.Webhooks[1]["secret"] != nil {
		p.t.Errorf("webhooks: %v", state.Webhooks)
	}
	p.call(p.program, "POST", at+"/enable", nil, &state)
	p.call(p.program, "GET", at+"/deliveries", nil, nil)
	if p.call(p.program, "POST", at+"/replay", object{"since": time.Now().Add(-time.Hour)}, &state); state.DisabledAt != "" || state.Events == nil {
		p.t.Errorf("enabled and replayed: %v", state)
	}
	p.call(p.program, "DELETE", at, nil, nil)
	p.follow(p.as(auth.Admin), "/admin/sites/new", url.Values{"name": {"Canary Site"}, "zone": {"America/New_York"}, "country": {"US"}, "phone": {"+12125550100"}, "cut_off": {"16:00"},
		"languages": {"en", "es"}, "weekend": {"0", "6"}, "holidays": {"2027-07-05 Canary Day"}})
	site := p.column(`SELECT id FROM sites ORDER BY id`)[0]
	p.follow(p.as(auth.Admin), "/admin/services/new", url.Values{"site": {site}, "name": {"Canary Cardiology"}, "minutes": {"30"}, "active": {"yes"}})
}

// patients makes one, changes and finds them.
func (p *probe) patients() (id string) {
	question := object{"name": "Canary Patient", "birth_date": canaryBirth, "language": "es", "number": "CANARY-1", "contacts": []object{
		{"kind": "guardian", "name": "Canary Guardian", "relation": "canary aunt", "email": "canary.guardian@example.org", "phone": canaryPhone},
		{"kind": "self", "email": "canary.own@example.org", "confidential": true}}}
	var made struct {
		ID       string
		Version  int
		Contacts []struct{ ID string }
	}
	p.call(p.program, "POST", "/api/v1/patients", question, &made)
	p.call(p.program, "GET", "/api/v1/patients/"+made.ID, nil, nil)
	question["version"], question["name"] = made.Version, "Canary Patient Changed"
	p.call(p.program, "PUT", "/api/v1/patients/"+made.ID, question, nil)
	p.call(p.program, "POST", "/api/v1/patients/search", object{"query": "canary pat"}, nil)
	return made.ID
}

// appointments makes visits of a patient, and returns the links of the one that is now: of patient, clinician, guardian, interpreter.
func (p *probe) appointments(patient string) (links []string) {
	var made struct {
		ID          string
		Invitations []struct{ ID, Link string }
	}
	var series struct{ Visits []struct{ ID string } }
	question := object{"service": "Canary Cardiology", "starts_at": time.Now().UTC().Truncate(time.Second), "minutes": 60, "patient_id": patient, "allow_overlap": true,
		"interpreter": "confirmed", "interpreter_language": "es", "identifier": object{"system": "urn:sample", "value": "CANARY-VISIT-1"}, "people": []object{
			{"name": "Canary Patient", "role": "patient", "email": "canary.patient@example.org", "phone": canaryPhone},
			{"staff_id": p.accounts[auth.Clinician], "role": "clinician"},
			{"name": "Canary Father", "role": "guardian", "email": "canary.father@example.org"},
			{"name": "Canary Interpreter", "role": "interpreter", "email": "canary.interpreter@example.org"}}}
	once := p.program
	once.once = "Canary-key-1"
	p.call(once, "POST", "/api/v1/visits", question, &made)
	p.visits = append(p.visits, made.ID)
	for _, i := range made.Invitations {
		links = append(links, i.Link)
		_, code, _ := strings.Cut(i.Link, "#")
		p.secrets = append(p.secrets, code)
	}
	for n := range 4 { // later ones, for what can be done to a visit once
		delete(question, "identifier")
		question["starts_at"] = time.Now().UTC().Truncate(time.Hour).Add(time.Duration(24*(n+2)) * time.Hour)
		question["ask_birth_date"], question["birth_date"] = true, canaryBirth
		p.call(p.program, "POST", "/api/v1/visits", question, &made)
		p.visits = append(p.visits, made.ID)
	}
	question["starts_at"] = time.Now().UTC().Truncate(time.Second)
	p.call(p.program, "POST", "/api/v1/series", object{"visit": question, "repeat": object{"weeks": 1, "count": 2}}, &series)
	p.call(p.program, "POST", "/api/v1/visits", question, &made)
	p.call(p.program, "POST", "/api/v1/visits/"+made.ID+"/late", object{"minutes": 20}, nil)
	p.call(p.program, "POST", "/api/v1/visits/"+made.ID+"/no-show", nil, nil)
	question["starts_at"] = time.Now().UTC().Truncate(time.Hour).Add(20 * 24 * time.Hour)
	p.call(p.program, "POST", "/api/v1/visits", question, &made)
	last := "/api/v1/visits/" + made.ID
	p.visits = append(p.visits, series.Visits[0].ID)
	var guest struct{ ID string }
	for _, list := range []string{"visits", "colleagues", "sites", "services", "figures"} {
		p.call(p.program, "GET", "/api/v1/"+list, nil, nil)
	}
	p.call(p.program, "POST", "/api/v1/visits/search", object{"query": "canary pat"}, nil)
	p.call(p.program, "GET", last, nil, nil)
	p.call(p.program, "GET", last+"/messages", nil, nil)
	p.call(p.program, "PATCH", last, object{"minutes": 45, "allow_overlap": true}, nil)
	p.call(p.program, "POST", last+"/invitations", object{"name": "Canary Guest", "role": "guest", "email": "canary.guest@example.org"}, &guest)
	person := last + "/invitations/" + guest.ID
	p.call(p.program, "PATCH", last+"/booking", object{"service": "Canary Other Service"}, nil)
	p.call(p.program, "PATCH", person, object{"name": "Canary Renamed", "email": "canary.elsewhere@example.org"}, nil)
	p.call(p.program, "POST", person+"/resend", object{"new_link": true}, nil)
	p.call(p.program, "POST", last+"/hand-over", object{"to": p.accounts[auth.Clinician]}, nil)
	p.call(p.program, "DELETE", person, nil, nil)
	p.call(p.program, "DELETE", last, nil, nil)
	return links
}

// live has the people of a visit come, talk and write, by the addresses that their browsers use.
func (p *probe) live(links []string) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	base := "/v/" + p.visits[0]
	family, doctor := p.enter(links[0]), p.enter(links[1])
	p.family = family
	for _, w := range []who{family, p.enter(links[2])} {
		p.call(w, "POST", base+"/consent", object{"version": "1", "language": "en", "for": "patient"}, nil)
	}
	var clients []*loadtest.Client
	for i, w := range []who{family, doctor} {
		visitor, err := loadtest.Redeem(ctx, w.client, links[i], "")
		if err != nil {
			p.t.Fatal(err)
		}
		pass, err := visitor.Pass(ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		p.secrets = append(p.secrets, pass.Token)
		client, err := visitor.Join(ctx, pass, loadtest.Options{Sends: true, Light: true, Admits: true})
		if err != nil {
			p.t.Fatal(err)
		}
		clients = append(clients, client)
		if i == 0 {
			if _, err := client.Wait(ctx, func(s loadtest.State) bool { return s.Place == "waiting" }); err != nil {
				p.t.Fatal(err)
			}
			tell := "/queue/visits/" + p.visits[0] + "/tell"
			p.ask(p.as(auth.Clinician), "GET", tell, "", http.NoBody)
			p.follow(p.as(auth.Clinician), tell, url.Values{"note": {store.NewID()}, "text": {"Canary told while waiting"}})
		}
	}
	for i, c := range clients {
		if _, err := c.Wait(ctx, func(s loadtest.State) bool { return s.Place == "visit" && len(s.Received) > 0 }); err != nil {
			p.t.Fatal(err)
		}
		if err := c.Say(fmt.Sprint("line-", i), "Canary chat line"); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, c := range clients {
		if _, err := c.Wait(ctx, func(s loadtest.State) bool { return len(s.Lines) == 2 }); err != nil {
			p.t.Fatal(err)
		}
	}
	p.call(doctor, "PUT", base+"/note", object{"key": store.NewID(), "base": 0, "text": "Canary note"}, nil)
	p.call(doctor, "POST", base+"/invitations", object{"name": "Canary Grandmother", "role": "guest", "language": "es"}, nil)
	p.call(family, "POST", base+"/pass", object{}, nil)
	for _, path := range []string{"/session", "/calendar.ics", "/consent", "/ice", "/", "/after"} {
		if a := p.ask(family, "GET", base+path, "", http.NoBody); a.status >= http.StatusBadRequest {
			p.t.Errorf("%s: %d", path, a.status)
		}
	}
	p.ask(doctor, "GET", base+"/note", "", http.NoBody)
	for len(p.column(`SELECT ways FROM after_quality WHERE visit_id = ? AND ways = 'udp'`, p.visits[0])) < 2 { // written while they are there; the test ends by its deadline
		time.Sleep(10 * time.Millisecond)
	}
	for _, c := range clients {
		if err := c.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// follow sends a form that must succeed, and returns where it leads.
func (p *probe) follow(w who, path string, fields url.Values) (to string) {
	p.t.Helper()
	a := p.form(w, path, fields)
	if a.status != http.StatusSeeOther {
		p.t.Errorf("POST %s as %s: %d", path, w.name, a.status)
	}
	return strings.TrimPrefix(a.header.Get("Location"), p.s.URL())
}

// afterwards ends the visit, and has its people write what comes after it.
func (p *probe) afterwards() {
	visit, doctor := p.visits[0], p.as(auth.Clinician)
	p.call(p.program, "DELETE", "/api/v1/visits/"+visit, nil, nil)
	p.call(doctor, "PUT", "/desk/visits/"+visit+"/note", object{"key": store.NewID(), "base": 1, "text": "Canary note of the desk"}, nil)
	after := "/desk/visits/" + visit + "/after"
	p.follow(doctor, after+"/note", url.Values{"key": {store.NewID()}, "base": {"2"}, "text": {"Canary note, signed"}, "do": {"sign"}})
	p.follow(doctor, after+"/addendum", url.Values{"key": {store.NewID()}, "text": {"Canary addendum"}})
	p.given = p.file(doctor, after+"/files")
	p.follow(doctor, after+"/summary", url.Values{"base": {"0"}, "text": {"Canary summary"}, "language": {"en"}, "file": {p.given}})
	survey := url.Values{"worked": {"yes"}, "answered": {"no"}, "comment": {"Canary comment"}}
	p.follow(p.family, "/v/"+visit+"/after/survey", survey)
	p.call(p.program, "GET", "/api/v1/visits/"+visit+"/record", nil, nil)
	p.fetches(p.family, "/v/"+visit+"/after/files/"+p.given)
	p.consents()
	p.settle() // the letters about the summary are out
	for _, letter := range p.o.mail.Letters() {
		_, code, there := strings.Cut(string(letter.Raw), "/after#")
		if !there {
			continue
		}
		code = regexp.MustCompile(`^(=\r\n|[0-9A-Za-z_-])+`).FindString(code)
		code = strings.ReplaceAll(code, "=\r\n", "")
		reader := p.browser("who was sent a summary")
		p.secrets = append(p.secrets, code)
		fields := url.Values{"code": {code}, "day": {"13"}, "month": {"2"}, "year": {"2011"}}
		if to := p.follow(reader, "/after", fields); p.ask(reader, "GET", to, "", http.NoBody).status == http.StatusOK {
			p.follow(reader, "/after/visit/survey", survey)
			p.fetches(reader, "/after/visit/files/"+p.given)
			return
		}
	}
	p.t.Error("nobody was sent a summary")
}

// canaryFile is what stands in the file of a summary.
const canaryFile = "Canary content of a file"

// tus sends a request of the protocol by which files come.
func (p *probe) tus(w who, method, path, body string, headers ...string) asked {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := p.answer(w, r)
	if a.status >= http.StatusBadRequest {
		p.t.Errorf("%s %s: %d %.300s", method, path, a.status, a.body)
	}
	return a
}

// file has somebody add a file to a summary, and another that they remove. It returns the id of the first, once that was looked at.
func (p *probe) file(w who, path string) (id string) {
	p.t.Helper()
	begin := func() string {
		name := "filename " + base64.StdEncoding.EncodeToString([]byte("Canary file.txt"))
		return p.tus(w, "POST", path, "", "Upload-Length", strconv.Itoa(len(canaryFile)), "Upload-Metadata", name).header.Get("Location")
	}
	where := begin()
	p.tus(w, "HEAD", where, "")
	p.tus(w, "PATCH", where, canaryFile, "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
	p.tus(w, "DELETE", begin(), "")
	for a := (asked{}); !strings.Contains(a.body, `"clean"`); a = p.ask(w, "GET", path, "", http.NoBody) {
		time.Sleep(10 * time.Millisecond) // the test ends by its deadline
	}
	return where[strings.LastIndex(where, "/")+1:]
}

// fetches has somebody fetch the file.
func (p *probe) fetches(w who, path string) {
	p.t.Helper()
	if a := p.ask(w, "GET", path, "", http.NoBody); a.status != http.StatusOK || a.body != canaryFile {
		p.t.Errorf("GET %s: %d", path, a.status)
	}
}

// consents has a program read and publish what families are asked.
func (p *probe) consents() {
	path := "/api/v1/sites/" + p.column(`SELECT id FROM sites ORDER BY id`)[0] + "/consent"
	var asked struct {
		Now struct {
			Version string `json:"version"`
		} `json:"now"`
	}
	p.call(p.program, "GET", path, nil, &asked)
	p.call(p.program, "POST", path, object{"seen": asked.Now.Version, "texts": []object{{"language": "en", "text": "Sample text of a program"}}}, nil)
	p.call(p.program, "GET", "/api/v1/consents/"+asked.Now.Version, nil, nil)
}

// emergency has a clinician get emergency access, use it, and end it, and an administrator review it.
func (p *probe) emergency() {
	w := p.as(auth.Coordinator)
	file := "/emergency/visits/" + p.visits[0] + "/notes/files/" + p.given
	if a := p.ask(w, "GET", file, "", http.NoBody); a.status != http.StatusNotFound {
		p.t.Errorf("GET %s without emergency access: %d", file, a.status)
	}
	grant := p.follow(w, "/emergency", url.Values{"who": {"Canary Patient Changed"}, "birth_date": {canaryBirth}, "reason": {"Canary reason"}})
	p.ask(w, "GET", grant, "", http.NoBody)
	p.fetches(w, file)
	p.follow(p.as(auth.Admin), "/admin"+grant, url.Values{"verdict": {"questioned"}, "words": {"Canary question"}})
}

// enter opens a link in a new browser.
func (p *probe) enter(link string) who {
	_, code, _ := strings.Cut(link, "#")
	w := p.browser("who has a link")
	p.call(w, "POST", "/api/v1/join", object{"code": code, "birth_date": canaryBirth}, nil)
	return w
}

// fhir does by FHIR what another program of the hospital does.
func (p *probe) fhir() {
	const at = "/fhir/R4/"
	child := object{"resourceType": "Patient", "identifier": []object{{"system": "urn:sample", "value": "CANARY-2"}}, "birthDate": canaryBirth,
		"name": []object{{"family": "Canary", "given": []string{"Ana"}}}, "telecom": []object{{"system": "phone", "value": canaryPhone}},
		"contact": []object{{"relationship": []object{{"text": "canary mother"}}, "name": object{"text": "Canary Mother"}, "telecom": []object{{"system": "email", "value": "canary@example.org"}}}}}
	var made object
	p.call(p.program, "POST", at+"Patient", child, &made)
	patient := fmt.Sprint("Patient/", made["id"])
	p.call(p.program, "PUT", at+patient, made, nil)
	p.call(p.program, "GET", at+patient, nil, nil)
	starts := time.Now().UTC().Truncate(time.Hour).Add(30 * 24 * time.Hour)
	p.call(p.program, "POST", at+"Appointment", object{"resourceType": "Appointment", "status": "booked", "identifier": []object{{"system": "urn:sample", "value": "CANARY-VISIT-2"}},
		"serviceType": []object{{"text": "Canary Neurology"}}, "start": starts.Format(time.RFC3339), "end": starts.Add(30 * time.Minute).Format(time.RFC3339), "participant": []object{
			{"actor": object{"reference": patient}, "status": "accepted"}, {"actor": object{"reference": "Practitioner/" + p.accounts[auth.Clinician]}, "status": "accepted"}}}, &made)
	appointment := fmt.Sprint("Appointment/", made["id"])
	p.call(p.program, "GET", at+appointment, nil, &made)
	p.call(p.program, "PUT", at+appointment, made, nil)
	p.call(p.program, "GET", at+"Encounter/"+p.visits[0], nil, nil)
	p.call(p.program, "GET", at+"Practitioner/"+p.accounts[auth.Clinician], nil, nil)
	p.call(p.program, "GET", at+"metadata", nil, nil)
	for kind, query := range map[string]string{"Patient": "name=canary&birthdate=" + canaryBirth, "Appointment": "patient=" + patient, "Encounter": "patient=" + patient, "Practitioner": "name=Example"} {
		p.ask(p.program, "POST", at+kind+"/_search", "application/x-www-form-urlencoded", strings.NewReader(query))
		p.ask(p.program, "GET", at+kind+"?_id="+store.NewID(), "", http.NoBody)
	}
}

// imports makes visits of a file.
func (p *probe) imports() {
	w := p.as(auth.Scheduler)
	day := time.Now().Add(40 * 24 * time.Hour).Format(time.DateOnly)
	file := "patient_number,patient_name,birth_date,guardian_name,guardian_relation,guardian_phone,guardian_email,service,clinician,date,time,minutes\n" +
		"CANARY-3,Canary Row," + canaryBirth + ",Canary Rowguardian,canary uncle," + canaryPhone + ",canary.row@example.org,Canary Cardiology,Example clinician," + day + ",10:00,30\n"
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	part, err := parts.CreateFormFile("file", "Canary patients.csv")
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	if err != nil || parts.Close() != nil {
		p.t.Fatal(err)
	}
	a := p.ask(w, "POST", "/desk/import", parts.FormDataContentType(), &body)
	forms := formsOf(a.body)
	if a.status != http.StatusOK || len(forms) == 0 {
		p.t.Fatalf("import: %d %.6000s", a.status, a.body)
	}
	for _, f := range forms {
		if f.action == "/desk/import/make" {
			if made := p.form(w, f.action, f.fields); made.status != http.StatusSeeOther {
				p.t.Errorf("import: %d %.3000s", made.status, made.body)
			}
		}
	}
}
