package people_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

// site is a server with the pages, and one reader.
type site struct {
	*desk
	server *httptest.Server
	log    bytes.Buffer
	reader auth.Actor
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{desk: newDesk(t, storetest.URL(t)), reader: scheduler}
	book, err := words.Load(static.Locales(), web.Locales(), people.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Children's Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), s.reader)))
		})
	}})
	d, err := people.NewDesk(s.Service, pages)
	if err != nil {
		t.Fatal(err)
	}
	d.Routes(routes)
	handler, err := web.New(routes, web.Options{Pages: pages, Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(handler)
	t.Cleanup(s.server.Close)
	return s
}

// ask sends a form, or with nil asks for a page. It follows no redirect: to is where one leads.
func (s *site) ask(t *testing.T, path string, form url.Values) (status int, to, body string) {
	t.Helper()
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, content = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, s.server.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := *s.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(b)
}

var sure = regexp.MustCompile(`name="sure" value="([^"]*)"`)

// wholeForm is a form filled with a patient who has all that a patient can have.
func wholeForm() url.Values {
	return url.Values{"name": {"Canary Patientname"}, "day": {"٣١"}, "month": {"٥"}, "year": {"2010"}, "number": {"MRN-0012345"}, "language": {"es"},
		"contact_kind": {"guardian", "self"}, "contact_id": {"", ""}, "contact_name": {"Canary Guardianname", ""}, "contact_relation": {"mother", ""},
		"contact_phone": {"(202) 555-0100", "202 555 0101"}, "contact_email": {"canary.guardian@example.org", ""}, "contact_language": {"ar", ""}, "contact_confidential": {"1"}}
}

// TestPagesFindAges: a patient's age is that of the day where they are treated, which may have begun elsewhere only.
func TestPagesFindAges(t *testing.T) {
	s := newSite(t)
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	far, err := s.house.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Example Hospital South", Country: "NZ", Languages: []string{"en"}, Calendar: sites.Calendar{Zone: zone}})
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := people.Patient{Name: "Canary Patientname", BirthDate: "2016-11-25"} // at noon in UTC it is this day in Auckland
	for site, want := range map[string]string{"": "9 years", far.ID: "10 years"} {
		tomorrow.SiteID = site
		id := s.add(t, tomorrow).ID
		_, _, body := s.ask(t, people.Path, url.Values{"query": {"patientname 25.11.2016"}})
		_, row, found := strings.Cut(body, people.Path+"/"+id)
		row, _, _ = strings.Cut(row, "</li>")
		if !found || !strings.Contains(row, want) {
			t.Errorf("a patient of the site %q is not %s old: %s", site, want, row)
		}
	}
}

// TestPagesOfAPatient adds a patient, finds, shows and changes them, as a scheduler does without a script.
func TestPagesOfAPatient(t *testing.T) {
	s := newSite(t)
	form := wholeForm()
	status, to, body := s.ask(t, people.Path+"/new", form)
	if status != http.StatusSeeOther || !strings.HasSuffix(to, "?done=made") {
		t.Fatalf("%d to %q: %s", status, to, body)
	}
	path := strings.TrimSuffix(to, "?done=made")
	_, _, body = s.ask(t, to, nil)
	for _, want := range []string{"The patient is added.", "Canary Patientname", "31 May 2010", "16 years", "MRN-0012345", "Español", "Canary Guardianname", "mother", "&#43;1 202-555-0100",
		`href="tel:&#43;12025550101"`, "canary.guardian@example.org", "Only this contact gets messages about confidential visits."} {
		if !strings.Contains(body, want) {
			t.Errorf("the patient's page lacks %q", want)
		}
	}
	_, _, body = s.ask(t, people.Path, url.Values{"query": {"patientn 31.5.2010"}})
	if !strings.Contains(body, `href="`+path+`"`) || !strings.Contains(body, "1 patient found") {
		t.Errorf("not found: %s", body)
	}
	_, _, body = s.ask(t, path+"/edit", nil)
	for _, want := range []string{`value="Canary Patientname"`, `value="MRN-0012345"`, `value="&#43;1 202-555-0101"`, `value="1" checked`} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	p, err := s.Patient(t.Context(), path[strings.LastIndex(path, "/")+1:])
	if err != nil {
		t.Fatal(err)
	}
	form.Set("version", "1")
	form["contact_id"] = []string{p.Contacts[0].ID, p.Contacts[1].ID}
	form["contact_confidential"] = nil
	if status, to, body = s.ask(t, path+"/edit", form); status != http.StatusSeeOther || !strings.HasSuffix(to, "?done=changed") {
		t.Errorf("a change: %d to %q: %s", status, to, body)
	}
	form.Set("version", "2")
	form["contact_email"][0] = "canary.moved@example.org"
	if status, to, _ = s.ask(t, path+"/edit", form); status != http.StatusSeeOther || !strings.HasSuffix(to, "?done=moved") {
		t.Errorf("another address: %d to %q", status, to)
	}
	if _, _, body = s.ask(t, to, nil); !strings.Contains(body, "that person now has a new link to each visit to come") {
		t.Errorf("the page does not say that links are new: %s", body)
	}
	if _, _, body = s.ask(t, to, nil); !strings.Contains(body, "nobody gets messages about confidential visits") {
		t.Error("the page does not say that nobody hears of confidential visits")
	}
	if status, _, body = s.ask(t, path+"/edit", form); status != http.StatusConflict || !strings.Contains(body, "Somebody else has changed this meanwhile") {
		t.Errorf("a change of what was read before: %d: %s", status, body)
	}

	s.reader = coordinator
	if _, _, body = s.ask(t, path, nil); !strings.Contains(body, "Canary Patientname") || strings.Contains(body, "/edit") {
		t.Error("a coordinator should see the patient, and no way to change one")
	}
	if _, _, body = s.ask(t, people.Path, nil); strings.Contains(body, "/new") {
		t.Error("a coordinator is shown a way to add a patient")
	}
	s.server.Close() // so that all is written
	for _, canary := range []string{"Canary", "canary", "Patientname", "patientn", "2010", "0012345", "5550100"} {
		if strings.Contains(s.log.String(), canary) {
			t.Errorf("the log holds %q", canary)
		}
	}
	if s.log.Len() == 0 {
		t.Error("nothing was logged, so this shows nothing")
	}
}

// TestWrongForms: what is wrong is said all at once, beside its fields, and nothing that was typed is lost.
func TestWrongForms(t *testing.T) {
	s := newSite(t)
	form := wholeForm()
	form.Set("name", " ")
	form.Set("day", "31")
	form.Set("month", "2")
	form["contact_phone"] = []string{"12", "(202) 555-0100"}
	form["contact_email"] = []string{"nobody", "Canary.Typed@"}
	form["contact_name"] = []string{"", ""}
	status, _, body := s.ask(t, people.Path+"/new", form)
	if status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
	at := 0
	for _, want := range []string{`href="#name"`, `href="#birth_date"`, `href="#contact_name_0"`, `href="#contact_phone_0"`, `href="#contact_email_0"`, `href="#contact_email_1"`,
		"Enter the patient’s name", `value="31"`, `value="12"`, `value="Canary.Typed@"`} {
		found := strings.Index(body, want)
		if found < 0 {
			t.Fatalf("the page lacks %s: %s", want, body)
		}
		if strings.HasPrefix(want, "href") && found < at {
			t.Errorf("%s comes too early in the summary", want)
		}
		at = found
	}
	if status, _, body := s.ask(t, people.Path, url.Values{"query": {"c"}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "at least two letters") {
		t.Errorf("a search of a letter: %d", status)
	}
	form = wholeForm()
	form.Set("number", "")
	s.add(t, whole())
	form.Set("number", "MRN0012345")
	form.Set("name", "Canary Other")
	if status, _, body := s.ask(t, people.Path+"/new", form); status != http.StatusUnprocessableEntity || !strings.Contains(body, "Another patient has this number") {
		t.Errorf("a number that is taken: %d", status)
	}
}

// TestRowsOfContacts: buttons add and remove contacts and keep what was typed; contacts in which nothing was typed are none.
func TestRowsOfContacts(t *testing.T) {
	s := newSite(t)
	form := wholeForm()
	form.Set("more", "guardian")
	if _, _, body := s.ask(t, people.Path+"/new", form); !strings.Contains(body, `id="contact_name_2"`) || !strings.Contains(body, "Canary Guardianname") {
		t.Error("no third contact")
	}
	form.Del("more")
	form.Set("less", "0")
	if _, _, body := s.ask(t, people.Path+"/new", form); strings.Contains(body, "Canary Guardianname") || !strings.Contains(body, "202 555 0101") {
		t.Error("the first contact is not the one that is gone")
	}
	form.Del("less")
	for field, empty := range map[string]string{"contact_kind": "guardian", "contact_id": "", "contact_name": "", "contact_relation": "", "contact_phone": " ", "contact_email": "", "contact_language": ""} {
		form.Add(field, empty)
	}
	status, to, body := s.ask(t, people.Path+"/new", form)
	if status != http.StatusSeeOther {
		t.Fatalf("%d: %s", status, body)
	}
	p, err := s.Patient(t.Context(), strings.TrimSuffix(to[strings.LastIndex(to, "/")+1:], "?done=made"))
	if err != nil || len(p.Contacts) != 2 {
		t.Errorf("%d contacts, %v", len(p.Contacts), err)
	}
}

// TestDoubtsAreAsked: what is doubtful is kept when it was shown and sent again, and only then.
func TestDoubtsAreAsked(t *testing.T) {
	s := newSite(t)
	s.add(t, people.Patient{Name: "Canary Patientname", BirthDate: "1990-05-31"})
	form := wholeForm()
	form.Set("year", "1990")
	status, _, body := s.ask(t, people.Path+"/new", form)
	if status != http.StatusOK || !strings.Contains(body, "36 years old") || !strings.Contains(body, "There is a patient with this name") || !strings.Contains(body, "Save anyway") {
		t.Fatalf("%d: %s", status, body)
	}
	form.Set("sure", sure.FindStringSubmatch(body)[1])
	s.add(t, people.Patient{Name: "Patientname Canary", BirthDate: "1990-05-31"})
	if status, _, body = s.ask(t, people.Path+"/new", form); status != http.StatusOK {
		t.Fatalf("kept, though there is one more like it: %d", status)
	}
	form.Set("sure", sure.FindStringSubmatch(body)[1])
	if status, _, body = s.ask(t, people.Path+"/new", form); status != http.StatusSeeOther {
		t.Errorf("not kept: %d: %s", status, body)
	}
}
