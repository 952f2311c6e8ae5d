package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/visits"
)

// TestEmergencyAccess: a clinician who is of no visit of a patient sees them for an hour and joins; administrators see a banner and review it; after the hour it is over,
// also for who is in the visit.
func TestEmergencyAccess(t *testing.T) {
	var ahead atomic.Int64
	s := open(t, server.Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	ctx, operator := t.Context(), auth.Operator()
	clinician, coordinator, admin := signedIn(t, s, auth.Clinician), signedIn(t, s, auth.Coordinator), signedIn(t, s, auth.Admin)
	patient, err := s.People.Create(ctx, operator, people.Patient{Name: "Canary Sample", BirthDate: "2012-05-31",
		Contacts: []people.Contact{{Kind: people.Guardian, Name: "Canary Parent", Phone: "+12125550123"}, {Kind: people.Self, Phone: "+12125550124"}}})
	if err != nil {
		t.Fatal(err)
	}
	visit, links, err := s.Visits.Create(ctx, operator, visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 120, PatientID: patient.ID,
		People: []visits.Person{{Name: "Canary Sample", Role: auth.Patient}, {Name: "Dr Sample", Role: auth.Clinician}}})
	if err != nil {
		t.Fatal(err)
	}
	writer := enter(t, s, links[1])
	if status := writer.do("PUT", "/v/"+visit.ID+"/note", map[string]any{"key": store.NewID(), "base": 0, "text": "Canary note"}, nil); status != http.StatusOK {
		t.Fatalf("a note: %d", status)
	}
	form := func(who, born, reason string) url.Values {
		return url.Values{"who": {who}, "birth_date": {born}, "reason": {reason}}
	}
	const reason = "The mother called: he collapsed, and nobody of his team answers"
	for what, f := range map[string]url.Values{
		"the wrong day": form("Canary Sample", "2012-05-30", reason), "no name": form("", "2012-05-31", reason), "no day": form("Canary Sample", "", reason), "no reason": form("Canary Sample", "2012-05-31", " "),
	} {
		if status := clinician.send(t, s, "/emergency", f); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", what, status)
		}
	}
	page := clinician.sent(t, s, "/emergency", form("sample canary", "2012-05-31", reason))
	if !strings.HasPrefix(page, "/emergency/") {
		t.Fatalf("led to %q", page)
	}
	if status, body := clinician.try(t, s, "GET "+page); status != http.StatusOK || !strings.Contains(body, "Canary Sample") || !strings.Contains(body, "31 May 2012") || !strings.Contains(body, "&#43;1 212-555-0123") || !strings.Contains(body, page+"/visits/"+visit.ID) {
		t.Errorf("%d %s", status, body)
	} else if !strings.Contains(body, `<dt>Patient</dt><dd><a href="tel:&#43;12125550124">`) {
		t.Errorf("nobody knows whose number it is: %s", body)
	}
	if status, _ := coordinator.try(t, s, "GET "+page); status != http.StatusNotFound {
		t.Errorf("somebody else's: %d", status)
	}
	// The visit's notes and its record, for as long as it lasts, and of no other visit.
	notes, record := "GET /emergency/visits/"+visit.ID+"/notes", "GET /desk/visits/"+visit.ID+"/record"
	other, _, err := s.Visits.Create(ctx, operator, visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 120,
		People: []visits.Person{{Name: "Somebody Sample", Role: auth.Patient}, {Name: "Dr Sample", Role: auth.Clinician}}})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := clinician.try(t, s, notes); status != http.StatusOK || !strings.Contains(body, "Canary note") {
		t.Errorf("notes: %d %s", status, body)
	}
	if status, _ := clinician.try(t, s, record); status != http.StatusOK {
		t.Errorf("record: %d", status)
	}
	for _, path := range []string{notes, record} {
		if status, _ := clinician.try(t, s, strings.Replace(path, visit.ID, other.ID, 1)); status != http.StatusNotFound {
			t.Errorf("%s of another visit: %d", path, status)
		}
	}
	ledToEmergency(t, s, clinician, admin, other.ID)
	if status, _ := coordinator.try(t, s, notes); status != http.StatusNotFound {
		t.Errorf("notes for who has no access: %d", status)
	}
	var used int
	if err := s.Accounts.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE action = 'emergency.use' AND (detail LIKE 'note.read by grant %' OR detail LIKE 'record.read by grant %')`).Scan(&used); err != nil || used != 2 {
		t.Errorf("the audit has %d uses, %v", used, err)
	}
	join := page + "/visits/" + visit.ID
	first, second := clinician.sent(t, s, join, nil), clinician.sent(t, s, join, nil)
	if !strings.HasPrefix(first, "/v#") || first != second {
		t.Errorf("joins by %q, then %q", first, second)
	}
	if status := clinician.send(t, s, page+"/visits/"+store.NewID(), nil); status != http.StatusNotFound {
		t.Errorf("another visit: %d", status)
	}
	if _, body := admin.try(t, s, "GET /admin/accounts"); !strings.Contains(body, `href="/admin/emergency">1 emergency access`) {
		t.Error("administrators see no banner")
	}
	if _, body := clinician.try(t, s, "GET /emergency"); strings.Contains(body, `href="/admin/emergency"`) {
		t.Error("clinicians see it too")
	}
	// Everybody is called Sam Example here: the reader, and in the title alone who had access.
	if _, body := admin.try(t, s, "GET /admin/emergency"); !strings.Contains(body, "he collapsed") || strings.Count(body, "Sam Example") != 2 || !strings.Contains(body, "<h2><bdi>Sam Example</bdi></h2>") {
		t.Errorf("to review: %s", body)
	}
	review := strings.Replace(page, "/emergency/", "/admin/emergency/", 1)
	if status := admin.send(t, s, review, url.Values{"verdict": {"questioned"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("a question without words: %d", status)
	}
	if status := admin.send(t, s, review, url.Values{"verdict": {"accepted"}}); status != http.StatusSeeOther {
		t.Errorf("reviewed: %d", status)
	}
	if _, body := admin.try(t, s, "GET /admin/accounts"); strings.Contains(body, "emergency access waits") {
		t.Error("the banner stays")
	}

	whoSaw(t, s, admin, coordinator, patient, visit)
	held(t, s, admin, patient, visit)

	ahead.Store(int64(61 * time.Minute))
	if _, body := clinician.try(t, s, "GET "+page); strings.Contains(body, "Canary") {
		t.Error("seen after the hour")
	}
	if status := clinician.send(t, s, join, nil); status == http.StatusSeeOther {
		t.Error("joined after the hour")
	}
	if status, _ := clinician.try(t, s, notes); status != http.StatusNotFound {
		t.Errorf("notes after the hour: %d", status)
	}
	for withdrawn := false; !withdrawn; { // by a job of the server; the test ends by its deadline
		v, err := s.Visits.Show(ctx, operator, visit.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range v.Invitations {
			withdrawn = withdrawn || i.StaffID != "" && i.Revoked()
		}
	}
}

// ledToEmergency has who may open emergency access led to it from the address of a visit or a patient that is not theirs, as from one that is not there at all.
func ledToEmergency(t *testing.T, s *server.Server, clinician, other caller, visit string) {
	t.Helper()
	for _, c := range []struct{ path, link string }{
		{"/desk/visits/%s/record", `href="/emergency?visit=%s"`}, {"/desk/visits/%s", `href="/emergency?visit=%s"`}, {"/desk/patients/%s", `<a href="/emergency">Emergency access</a></p>`},
	} {
		page := func(by caller, id string) string {
			t.Helper()
			status, body := by.try(t, s, "GET "+strings.Replace(c.path, "%s", id, 1))
			if status != http.StatusNotFound {
				t.Errorf("%s: %d", c.path, status)
			}
			return body
		}
		absent := store.NewID()
		forbidden, nothing := page(clinician, visit), page(clinician, absent)
		if !strings.Contains(forbidden, strings.Replace(c.link, "%s", visit, 1)) || !strings.Contains(forbidden, "and it cannot wait?") {
			t.Errorf("%s leads nowhere: %s", c.path, forbidden)
		}
		if forbidden != strings.ReplaceAll(nothing, absent, visit) {
			t.Errorf("%s tells what is not theirs from what is not there", c.path)
		}
		if body := page(other, absent); strings.Contains(body, "and it cannot wait?") {
			t.Errorf("%s leads those there who may not have it", c.path)
		}
	}
}

// held holds a patient and a visit from deletion: the list names both, and their pages say so.
func held(t *testing.T, s *server.Server, admin caller, patient people.Patient, visit visits.Visit) {
	t.Helper()
	for page, at := range map[string]string{"/desk/patients/" + patient.ID: "/admin/retention/patients/" + patient.ID, "/desk/visits/" + visit.ID: "/admin/retention/visits/" + visit.ID} {
		if _, body := admin.try(t, s, "GET "+page); !strings.Contains(body, `href="`+at+`">Hold it from deletion`) {
			t.Errorf("%s does not lead to %s", page, at)
		}
		if status := admin.send(t, s, at, url.Values{"reason": {"Case 7"}}); status != http.StatusSeeOther {
			t.Errorf("held at %s: %d", at, status)
		}
		if _, body := admin.try(t, s, "GET "+page); !strings.Contains(body, "held since") {
			t.Errorf("%s does not say that it is held", page)
		}
		_, body := admin.try(t, s, "GET /admin/retention")
		if want := `<a href="` + page + `"><bdi>Canary Sample</bdi></a>`; !strings.Contains(body, want) {
			t.Errorf("what is held lacks %s", want)
		}
	}
}

// whoSaw goes from the pages of a patient and a visit to who saw them, as those find it who may read that.
func whoSaw(t *testing.T, s *server.Server, admin, coordinator caller, patient people.Patient, visit visits.Visit) {
	t.Helper()
	for _, c := range []struct{ page, about, button, named string }{
		{"/desk/patients/" + patient.ID, "?id=" + patient.ID + "&kind=patient", "Who saw this patient", `href="/desk/patients/` + patient.ID + `"><bdi>Canary Sample</bdi></a> <span class="soft">31 May 2012`},
		{"/desk/visits/" + visit.ID, "?id=" + visit.ID + "&kind=visit", "Who saw this visit", `href="/desk/visits/` + visit.ID + `"><bdi>Cardiology</bdi>`},
	} {
		link := `href="/admin/audit` + strings.ReplaceAll(c.about, "&", "&amp;") + `">` + c.button
		if _, body := admin.try(t, s, "GET "+c.page); !strings.Contains(body, link) {
			t.Errorf("%s does not lead to who saw it: %s", c.page, body)
		}
		if _, body := coordinator.try(t, s, "GET "+c.page); strings.Contains(body, c.button) {
			t.Errorf("%s leads those there who may not read it", c.page)
		}
		status, body := admin.try(t, s, "GET /admin/audit"+c.about)
		if status != http.StatusOK || !strings.Contains(body, c.named) || !strings.Contains(body, "<code dir=\"ltr\">invitation.") {
			t.Errorf("%d: no %s in %s", status, c.named, body)
		}
	}
	if _, body := admin.try(t, s, "GET /admin/audit?kind=visit&id="+visit.ID); !strings.Contains(body, `see a visit<br><span class="small"><code dir="ltr">visit.read</code>`) {
		t.Errorf("acts are not in plain words: %s", body)
	}
	for page, link := range map[string]string{
		"/desk/patients/" + patient.ID: `href="/desk/new?patient_id=` + patient.ID + `">New visit`,
		"/desk/visits/" + visit.ID:     `<dt>Patient</dt><dd><a href="/desk/patients/` + patient.ID + `"><bdi>Canary Sample</bdi></a>`,
	} {
		if _, body := admin.try(t, s, "GET "+page); !strings.Contains(body, link) {
			t.Errorf("%s does not lead on by %s: %s", page, link, body)
		}
	}
	if _, body := coordinator.try(t, s, "GET /desk/patients/"+patient.ID); strings.Contains(body, "New visit") {
		t.Error("a visit is offered to who may not plan one")
	}
	if to := admin.sent(t, s, "/admin/audit", url.Values{"query": {"sample canary"}}); to != "/admin/audit?id="+patient.ID+"&kind=patient" {
		t.Errorf("a name leads to %q", to)
	}
	if status := admin.send(t, s, "/admin/audit", url.Values{"query": {"x"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("one letter: %d", status)
	}
	if status, body := admin.try(t, s, "GET /admin/audit?kind=patient&id="+store.NewID()); status != http.StatusOK || !strings.Contains(body, "Nothing was done") {
		t.Errorf("nobody: %d %s", status, body)
	}
	var searched int
	if err := s.Accounts.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'patient.found' AND actor_role = 'admin' AND subject_id = ?`, patient.ID).Scan(&searched); err != nil || searched != 1 {
		t.Errorf("the audit has %d searches, %v", searched, err)
	}
}

// sent sends a form and says where it leads.
func (c caller) sent(t *testing.T, s *server.Server, path string, form url.Values) (to string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(c.cookie)
	response, err := unled.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.Header.Get("Location")
}

// TestTimesByTheSites: emergency access shows each visit by the clocks of its own site, and its hour by those of the first, whatever --time-zone is; so do reviews, the nights in
// which things are deleted, and what the figures are of.
func TestTimesByTheSites(t *testing.T) {
	now := time.Date(2026, 11, 25, 2, 30, 0, 0, time.UTC) // in New York still the 24th
	s := open(t, server.Config{Now: func() time.Time { return now }})
	ctx, operator := t.Context(), auth.Operator()
	first, err := s.Sites.Default(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first.Zone = zone(t, "America/New_York")
	if first, err = s.Sites.UpdateSite(ctx, operator, first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.ID, second.Name, second.Zone = "", "Example Hospital Tokyo", zone(t, "Asia/Tokyo")
	if second, err = s.Sites.CreateSite(ctx, operator, second); err != nil {
		t.Fatal(err)
	}
	clinician, admin := signedIn(t, s, auth.Clinician), signedIn(t, s, auth.Admin)
	patient, err := s.People.Create(ctx, operator, people.Patient{Name: "Canary Sample", BirthDate: "2012-05-31", Contacts: []people.Contact{{Kind: people.Guardian, Name: "Canary Parent", Phone: "+12125550123"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{first.ID, second.ID} {
		if _, _, err := s.Visits.Create(ctx, operator, visits.Request{Service: "Cardiology", StartsAt: now.Add(30 * time.Minute), Minutes: 60, PatientID: patient.ID, SiteID: site, AllowOverlap: true,
			People: []visits.Person{{Name: "Canary Sample", Role: auth.Patient}, {Name: "Dr Sample", Role: auth.Clinician}}}); err != nil {
			t.Fatal(err)
		}
	}
	page := clinician.sent(t, s, "/emergency", url.Values{"who": {"Canary Sample"}, "birth_date": {"2012-05-31"}, "reason": {"The mother called: he collapsed"}})
	for _, c := range []struct {
		who  caller
		path string
		want []string
	}{
		{clinician, page, []string{"You have access until 22:30, New York time.", "24 November 2026 at 22:00, New York time", "25 November 2026 at 12:00, Tokyo time"}},
		{clinician, "/emergency", []string{"Since 24 November 2026 at 21:30, until 22:30, New York time"}},
		{admin, "/admin/emergency", []string{"24 November 2026 at 21:30, New York time"}},
		{admin, "/admin/retention", []string{"Nothing is deleted before 24 November 2026 at 22:30, New York time."}},
		{admin, "/admin/retention?site=" + second.ID, []string{"Nothing is deleted before 25 November 2026 at 12:30, Tokyo time."}},
		{admin, "/admin/audit", []string{"Times are in New York time.", "24 November 2026 21:30:00"}},
		{admin, "/account", []string{"Times are in New York time.", "24 November 2026 at 21:30"}},
		{admin, "/figures", []string{`value="2026-11-24"`}},
	} {
		_, body := c.who.try(t, s, "GET "+c.path)
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q in %s", c.path, want, body)
			}
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
