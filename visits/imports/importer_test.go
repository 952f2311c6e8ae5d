package imports_test

import (
	"bytes"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/imports"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// clinic is a hospital with a service, a clinician and a patient, and its pages behind a guard that lets in an actor by the rules.
type clinic struct {
	t       testing.TB
	db      *store.DB
	people  *people.Service
	visits  *visits.Service
	patient people.Patient
	actor   auth.Actor
	handler http.Handler
	now     time.Time
}

var book = sync.OnceValues(func() (*words.Book, error) {
	return words.Load(static.Locales(), web.Locales(), people.Locales(), visits.Locales(), desk.Locales(), imports.Locales())
})

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	ctx := t.Context()
	c := &clinic{t: t, db: storetest.Open(t, storetest.URL(t), store.Options{}), actor: auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}, now: noon}
	now := func() time.Time { return c.now }
	policy := must[auth.Policy](t)(auth.NewPolicy(sites.Rules, people.Rules))
	zone := must[*time.Location](t)(time.LoadLocation("America/New_York"))
	languages := []string{"en", "es"}
	house := must[*sites.House](t)(sites.New(ctx, sites.Config{DB: c.db, Policy: policy, Languages: languages, Now: now,
		First: sites.Site{Name: "Example Children's Hospital", Country: "US", Calendar: sites.Calendar{Zone: zone}}}))
	first := must[sites.Site](t)(house.Default(ctx))
	for _, s := range []sites.Service{{Name: "Cardiology", Minutes: 40}, {Name: "Adolescents", Minutes: 20, Confidential: true}, {Name: "Dermatology", Minutes: 20, AskBirthDate: true}} {
		s.SiteID, s.Active = first.ID, true
		must[sites.Service](t)(house.CreateService(ctx, auth.Operator(), s))
	}
	c.people = must[*people.Service](t)(people.New(ctx, people.Config{DB: c.db, Policy: policy, Sites: house, Languages: languages, Now: now}))
	c.patient = must[people.Patient](t)(c.people.Create(ctx, c.actor, people.Patient{Name: "Canary Patientname", BirthDate: "2012-05-31", Number: "MRN-1", Contacts: []people.Contact{
		{Kind: people.Self, Phone: "202 555 0100", Confidential: true}, {Kind: people.Guardian, Name: "Canary Guardianname", Email: "guardian@example.org"}}}))
	accounts := must[*staff.Accounts](t)(staff.New(ctx, staff.Config{DB: c.db, Policy: policy, Now: now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}))
	must[staff.Account](t)(accounts.Create(ctx, auth.Operator(), staff.NewAccount{Name: "Canary Clinicianname", Email: "c@example.org", Password: "wobbly-green-teapot", Role: auth.Clinician}))
	ring := must[*keys.Ring](t)(keys.Open(ctx, c.db, filepath.Join(t.TempDir(), "master.key")))
	c.visits = must[*visits.Service](t)(visits.New(ctx, visits.Config{DB: c.db, LinkKey: ring.Link(), PublicURL: "https://visits.example", Languages: languages, Sites: house,
		Patients: c.people, Colleagues: accounts, Now: now}))
	importer := must[*imports.Importer](t)(imports.New(ctx, imports.Config{DB: c.db, Visits: c.visits, Patients: c.people, Sites: house, Vault: ring.Staff(),
		Key: ring.Link(), Languages: must[*words.Book](t)(book()).All(), Now: now}))
	pages := must[*web.Pages](t)(web.NewPages("Example", must[*words.Book](t)(book()), nil))
	desk := must[*imports.Desk](t)(imports.NewDesk(importer, pages))
	routes := web.NewRoutes(web.Guards{Staff: func(action auth.Action, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !c.actor.May(action) {
				web.NotFound(w, r)
				return
			}
			h.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), c.actor)))
		})
	}})
	desk.Routes(routes)
	c.handler = must[http.Handler](t)(web.New(routes, web.Options{Pages: pages, Now: now}))
	return c
}

func (c *clinic) send(r *http.Request) *httptest.ResponseRecorder {
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

// upload sends a file.
func (c *clinic) upload(file string) *httptest.ResponseRecorder {
	c.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part := must[interface{ Write([]byte) (int, error) }](c.t)(form.CreateFormFile("file", "visits.csv"))
	if _, err := part.Write([]byte(file)); err != nil {
		c.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		c.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/desk/import", &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return c.send(r)
}

var sealed = regexp.MustCompile(`name="sealed" value="([^"]+)"`)

// confirm makes what a page shows; ticked are boxes on it.
func (c *clinic) confirm(page *httptest.ResponseRecorder, ticked ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	m := sealed.FindStringSubmatch(page.Body.String())
	if m == nil {
		c.t.Fatalf("nothing to confirm: %d %s", page.Code, read(page))
	}
	form := url.Values{"sealed": {html.UnescapeString(m[1])}}
	for _, box := range ticked {
		form.Set(box, "yes")
	}
	r := httptest.NewRequest(http.MethodPost, "/desk/import/make", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.send(r)
}

var tags = regexp.MustCompile(`(?s)<[^>]*>`)

func read(w *httptest.ResponseRecorder) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(w.Body.String(), " "))), " ")
}

func wantWords(t testing.TB, w *httptest.ResponseRecorder, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(read(w), s) {
			t.Errorf("the page lacks %q:\n%d %s", s, w.Code, read(w))
		}
	}
}

func (c *clinic) count(query string) (n int) {
	c.t.Helper()
	if err := c.db.QueryRowContext(c.t.Context(), `SELECT COUNT(*) FROM `+query).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

const columns = "patient_number,patient_name,birth_date,language,patient_phone,guardian_name,guardian_email,service,clinician,date,time,confidential,interpreter_language\n"

// TestImport: patients are found or added once, everything is made at once, and the same file is noticed.
func TestImport(t *testing.T) {
	c := newClinic(t)
	file := columns +
		"mrn 1,Canary Patientname,2012-05-31,,,,,cardiology,canary clinicianname,2026-12-01,09:00,,ase\n" +
		",Patientname Canary,2012-05-31,,,,,Adolescents,Canary Clinicianname,2026-12-01,10:00,,\n" +
		"MRN-2,Canary Newname,2015-01-02,es,,\"Canary Other\nname\",other@example.org,Cardiology,Canary Clinicianname,2026-12-01,11:00,no,\n"
	wantWords(t, c.upload(file), "Line 4", "Nothing is made. Mend the file", "Guardian name: The name must be one line of plain text")
	file = strings.ReplaceAll(file, "Other\nname", "Othername") +
		"MRN-2,Canary Newname,2015-01-02,es,,Canary Othername,other@example.org,Cardiology,Canary Clinicianname,2026-12-08,11:00,no,\n"
	page := c.upload(file)
	wantWords(t, page, "4 visits. 1 patient is new. Nothing is made yet.", "Line 2 Canary Patientname Cardiology Tuesday 1 December 2026 at 09:00", "Canary Newname New patient")
	if c.count(`visits`) != 0 || c.count(`patients`) != 1 {
		t.Error("something was made before anybody said so")
	}
	if body := page.Body.String(); strings.Contains(sealed.FindString(body), "Canary") {
		t.Error("the file is not sealed")
	}
	made := c.confirm(page)
	if made.Code != http.StatusSeeOther || c.count(`visits`) != 4 || c.count(`patients`) != 2 || c.count(`visit_imports`) != 1 {
		t.Fatalf("%d %s: %d visits, %d patients", made.Code, read(made), c.count(`visits`), c.count(`patients`))
	}
	wantWords(t, c.send(httptest.NewRequest(http.MethodGet, made.Header().Get("Location"), nil)), "4 visits are made.")
	all := must[visits.Page](t)(c.visits.List(t.Context(), c.actor, visits.Query{})).Visits
	var got []string
	for _, v := range all {
		var by []string
		for _, i := range v.Invitations {
			switch {
			case i.ContactID == "":
				by = append(by, string(i.Role))
			default:
				by = append(by, string(i.Role)+"!")
			}
		}
		got = append(got, fmt.Sprintf("%s %v %s %t", v.StartsAt.Format("15:04"), v.EndsAt.Sub(v.StartsAt), strings.Join(by, " "), v.Confidential))
	}
	want := []string{"14:00 40m0s patient! clinician guardian! false", "15:00 20m0s patient! clinician true", "16:00 40m0s patient clinician guardian! false", "16:00 40m0s patient clinician guardian! false"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("made\n%s", strings.Join(got, "\n"))
	}
	if all[0].Interpreter != visits.InterpreterRequested || all[0].PatientID != c.patient.ID || all[1].PatientID != c.patient.ID || all[2].PatientID != all[3].PatientID {
		t.Errorf("made %+v", all)
	}
	if c.count(`audit WHERE action = 'visit.create'`) != 4 || c.count(`audit WHERE action = 'visit.import'`) != 1 || c.count(`audit WHERE detail LIKE '%Canary%'`) != 0 {
		t.Error("not audited, or with a name")
	}

	// The same file, and the same times.
	again := c.upload(file)
	wantWords(t, again, "Visits were made of this very file on ", "In marked lines the clinician or the patient has another visit")
	wantWords(t, c.confirm(again, "allow_overlap"), "There is a problem", "Make them once more")
	wantWords(t, c.confirm(again, "again"), "There is a problem", "Plan it all the same")
	if c.count(`visits`) != 4 {
		t.Error("they were made although nobody said so")
	}
	c.now = c.now.Add(2 * time.Hour)
	wantWords(t, c.confirm(again, "again", "allow_overlap"), "You looked at the file too long ago.")
	if w := c.confirm(c.upload(file), "again", "allow_overlap"); w.Code != http.StatusSeeOther || c.count(`visits`) != 8 || c.count(`patients`) != 2 {
		t.Errorf("%d %s", w.Code, read(w))
	}
	// Of another reader's page nothing is made.
	page = c.upload(file)
	c.actor.ID = store.NewID()
	wantWords(t, c.confirm(page, "again", "allow_overlap"), "You looked at the file too long ago.")
	c.actor.Role = auth.Coordinator
	if w := c.upload(file); w.Code != http.StatusNotFound {
		t.Errorf("who may not plan gets %d", w.Code)
	}
}

// TestImportSaysWhatIsClosed: the preview says of a line that the site does not work on its day, and its visit is made all the same.
func TestImportSaysWhatIsClosed(t *testing.T) {
	c := newClinic(t)
	line := "mrn 1,Canary Patientname,2012-05-31,,,,,cardiology,canary clinicianname,%s,09:00,,\n"
	page := c.upload(columns + fmt.Sprintf(line, "2026-12-04") + fmt.Sprintf(line, "2026-12-05"))
	wantWords(t, page, "Friday 4 December 2026 at 09:00", "Saturday 5 December 2026 at 09:00")
	if got := read(page); strings.Count(got, "Weekend") != 1 || strings.Index(got, "Weekend") < strings.Index(got, "Saturday") {
		t.Errorf("the preview: %s", got)
	}
	if made := c.confirm(page); made.Code != http.StatusSeeOther || c.count(`visits`) != 2 {
		t.Errorf("%d %s", made.Code, read(made))
	}
}

// TestImportKnowsTheFamilysLanguage: a guardian who is no contact of a known patient reads the language of the line.
func TestImportKnowsTheFamilysLanguage(t *testing.T) {
	c := newClinic(t)
	c.confirm(c.upload(columns + "MRN-1,Canary Patientname,2012-05-31,es,,Canary Othername,other@example.org,Cardiology,Canary Clinicianname,2026-12-01,09:00,,\n"))
	all := must[visits.Page](t)(c.visits.List(t.Context(), c.actor, visits.Query{})).Visits
	if len(all) != 1 {
		t.Fatalf("made %+v", all)
	}
	for _, i := range all[0].Invitations {
		if want := map[auth.Role]string{auth.Patient: "es", auth.Guardian: "es"}[i.Role]; i.Language != want {
			t.Errorf("the %s reads %q, want %q", i.Role, i.Language, want)
		}
	}
}

// TestImportSaysWhatIsWrong: each error stands by its line and its column, all of them at once.
func TestImportSaysWhatIsWrong(t *testing.T) {
	c := newClinic(t)
	line := func(change map[int]string) string {
		cells := []string{"", "Canary Newname", "2015-01-02", "es", "", "", "", "Cardiology", "Canary Clinicianname", "2026-12-01", "09:00", "", ""}
		for i, s := range change {
			cells[i] = s
		}
		return strings.Join(cells, ",") + "\n"
	}
	var file strings.Builder
	file.WriteString(columns)
	var want []string
	for _, bad := range []struct {
		change map[int]string
		want   string
	}{
		{map[int]string{0: "MRN-1"}, "Patient number: Another patient has this number"},
		{map[int]string{1: ""}, "Patient name: Enter the patient’s name"},
		{map[int]string{2: "31.5.2012"}, "Birth date: Enter a real date of birth as in 2012-05-31"},
		{map[int]string{2: "", 7: "Dermatology"}, "Birth date: Enter the patient’s date of birth: links of this service ask for it"},
		{map[int]string{3: "klingon"}, "Language: Choose one of the languages"},
		{map[int]string{4: "12"}, "Patient phone: Enter a telephone number"},
		{map[int]string{5: "Somebody"}, "Guardian email: Enter a telephone number or an email address"},
		{map[int]string{6: "x@example.org"}, "Guardian name: Enter the name of the parent or guardian"},
		{map[int]string{7: "Astrology"}, "Service: The site has no service of this name"},
		{map[int]string{8: "Nobody"}, "Clinician: No clinician here has an account of this name"},
		{map[int]string{9: "1.12.2026"}, "Date: Enter a real date, as in"},
		{map[int]string{9: "2026-11-01"}, "Date: The start is so long ago"},
		{map[int]string{10: "9 am"}, "Time: Enter the time as in"},
		{map[int]string{9: "2027-03-14", 10: "02:30"}, "Time: There is no such time on this day"},
		{map[int]string{11: "maybe"}, "Confidential: Enter yes or no"},
		{map[int]string{5: "Somebody", 6: "x@example.org", 11: "yes"}, "Guardian name: Parents and guardians get no message about a confidential visit"},
		{map[int]string{12: "??"}, "Interpreter language: Enter the tag of a language"},
	} {
		file.WriteString(line(bad.change))
		want = append(want, bad.want)
	}
	w := c.upload(file.String())
	if w.Code != http.StatusUnprocessableEntity || sealed.MatchString(w.Body.String()) {
		t.Errorf("%d", w.Code)
	}
	rows := strings.Split(w.Body.String(), `<li class="desk-row" id="line-`)
	for i, s := range want {
		row := httptest.NewRecorder()
		row.Body.WriteString("<" + rows[i+1])
		wantWords(t, row, s)
		if n := strings.Count(rows[i+1], "error-message"); n != 1 {
			t.Errorf("%s: %d errors of the line, want 1", s, n)
		}
		if strings.Contains(s, "no such time") && strings.Contains(rows[i+1], "03:00") {
			t.Error("a time that nobody wrote is shown")
		}
	}
	wantWords(t, w, "Tuesday 1 December 2026 at 09:00, New York time")
	wantWords(t, c.upload("PK\x00"), "This is no CSV file that can be read.")
	wantWords(t, c.upload(columns+strings.Repeat(",", imports.MaxBytes)), "The file is too large. It may have 512 kilobytes")
	wantWords(t, c.send(httptest.NewRequest(http.MethodGet, "/desk/import", nil)), "Patient name patient_name The patient’s whole name. Needed", "Up to 1000 visits and 512 kilobytes.")
	template := httptest.NewRequest(http.MethodGet, "/desk/import/template.csv", nil)
	template.Header.Set("Accept-Language", "es")
	if w := c.send(template); !strings.HasPrefix(w.Body.String(), "\ufeffNúmero del paciente,Nombre del paciente,") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if c.count(`visits`) != 0 || c.count(`patients`) != 1 {
		t.Error("something was made")
	}
}

// TestImportSaysAllOfALine: what the rules of visits find in a line stands beside what could not be read in it, and nothing that only follows from that.
func TestImportSaysAllOfALine(t *testing.T) {
	c := newClinic(t)
	file := columns +
		"MRN-2,Canary Newname,2015-01-02,es,,,,Cardiology,Nobody,2026-11-01,09:00,,??\n" +
		"MRN-1,Canary Newname,2015-01-02,es,,,,Cardiology,Canary Clinicianname,2026-11-01,09:00,,??\n" +
		"MRN-3,Canary Othername,2015-01-02,es,,,,Astrology,Canary Clinicianname,2026-11-01,9 am,maybe,??\n"
	rows := strings.Split(c.upload(file).Body.String(), `<li class="desk-row" id="line-`)[1:]
	for i, want := range [][]string{
		{"Clinician: No clinician here", "Date: The start is so long ago", "Interpreter language: Enter the tag"},
		{"Patient number: Another patient has this number", "Date: The start is so long ago", "Interpreter language: Enter the tag"},
		{"Service: The site has no service", "Time: Enter the time as in", "Confidential: Enter yes or no", "Interpreter language: Enter the tag"},
	} {
		row := httptest.NewRecorder()
		row.Body.WriteString("<" + rows[i])
		wantWords(t, row, want...)
		if n := strings.Count(rows[i], "error-message"); n != len(want) {
			t.Errorf("%d errors of line %d, want %d: %s", n, i+2, len(want), read(row))
		}
	}
}

// TestImportSaysWhomItWouldReach: an address that is not the hospital's own and a confidential visit of which nobody could be told are said before visits are made,
// and an address at which nobody may be told of a confidential visit is wrong.
func TestImportSaysWhomItWouldReach(t *testing.T) {
	c := newClinic(t)
	const elsewhere, unreached = "Another telephone or email than we have", "Confidential: we can write to nobody"
	line := func(number, name, phone, guardian, email, service string, hour int, confidential string) string {
		return fmt.Sprintf("%s,%s,2012-05-31,,%s,%s,%s,%s,Canary Clinicianname,2026-12-01,%02d:00,%s,\n", number, name, phone, guardian, email, service, hour, confidential)
	}
	rows := func(w *httptest.ResponseRecorder) []string {
		return strings.Split(w.Body.String(), `<li class="desk-row" id="line-`)[1:]
	}
	file := columns +
		line("MRN-1", "Canary Patientname", "", "Canary Guardianname", "other@example.org", "Cardiology", 8, "") +
		line("MRN-1", "Canary Patientname", "202 555 0188", "", "", "Cardiology", 9, "") +
		line("MRN-1", "Canary Patientname", "202 555 0100", "Canary Guardianname", "Guardian@example.org", "Cardiology", 10, "") +
		line("MRN-1", "Canary Patientname", "", "Canary Father", "father@example.org", "Cardiology", 11, "") +
		line("MRN-1", "Canary Patientname", "", "", "", "Adolescents", 12, "") +
		line("MRN-2", "Canary Newname", "", "", "", "Cardiology", 13, "yes") +
		line("MRN-3", "Canary Othername", "202 555 0177", "", "", "Adolescents", 14, "")
	all := rows(c.upload(file))
	for i, want := range []string{elsewhere, elsewhere, "", "", "", unreached, ""} {
		for _, said := range []string{elsewhere, unreached} {
			if strings.Contains(all[i], said) != (said == want) {
				t.Errorf("line %d: %s, want %q", i+2, all[i], want)
			}
		}
	}
	w := c.upload(columns + line("MRN-1", "Canary Patientname", "202 555 0188", "", "", "Adolescents", 8, ""))
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", w.Code)
	}
	wantWords(t, w, "We write to the patient about a confidential visit only by their confidential contact")
}

// TestImportNamesOneGuardian: who is named without a telephone and an address comes as the contact of that name, and nobody is written to in place of another guardian.
func TestImportNamesOneGuardian(t *testing.T) {
	c := newClinic(t)
	p := c.patient
	for _, name := range []string{"Canary Mothername", "Canary Mothername Other"} {
		p.Contacts = append(p.Contacts, people.Contact{Kind: people.Guardian, Name: phi.Text(name), Email: "family@example.org"})
	}
	p = must[people.Patient](t)(c.people.Update(t.Context(), c.actor, p))
	file := columns
	cases := []struct {
		name, email string
		contact     int // among the patient's; 0: none
	}{
		{"Canary Guardianname", "", 1},
		{"canary mothername", "", 2},
		{"Canary Mothername Other", "", 3},
		{"Canary", "", 0}, // which of them nobody knows
		{"Canary Stranger", "", 0},
		{"Canary Mothername Other", "family@example.org", 3},
		{"Canary Stranger", "family@example.org", 2},
	}
	for n, one := range cases {
		file += fmt.Sprintf("MRN-1,Canary Patientname,2012-05-31,,,%s,%s,Cardiology,Canary Clinicianname,2026-12-01,%02d:00,,\n", one.name, one.email, 8+n)
	}
	if w := c.confirm(c.upload(file)); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, read(w))
	}
	page := must[visits.Page](t)(c.visits.List(t.Context(), c.actor, visits.Query{}))
	for n, one := range cases {
		want := ""
		if one.contact > 0 {
			want = p.Contacts[one.contact].ID
		}
		at := slices.IndexFunc(page.Visits[n].Invitations, func(i visits.Invitation) bool { return i.Role == auth.Guardian })
		if got := page.Visits[n].Invitations[at]; got.ContactID != want || got.Name != phi.Text(one.name) {
			t.Errorf("%q %s: contact %q, want %q", one.name, one.email, got.ContactID, want)
		}
	}
}

// BenchmarkImport previews and makes 1,000 visits of 1,000 new patients.
func BenchmarkImport(b *testing.B) {
	c := newClinic(b)
	for n := 0; b.Loop(); n++ {
		var file strings.Builder
		file.WriteString(columns)
		for i := range imports.MaxRows {
			fmt.Fprintf(&file, "N%d-%d,Sample %c%c Patient%d,2015-01-02,es,,Sample Guardian,g%d@example.org,Cardiology,Canary Clinicianname,2026-12-%02d,%02d:00,,\n",
				n, i, 'A'+i%26, 'a'+i/26%26, n, i, i%28+1, i/28%24)
		}
		begin := time.Now()
		page := c.upload(file.String())
		shown := time.Now()
		if w := c.confirm(page, "allow_overlap"); w.Code != http.StatusSeeOther {
			b.Fatal(w.Code, read(w))
		}
		b.ReportMetric(shown.Sub(begin).Seconds(), "s-preview")
		b.ReportMetric(time.Since(shown).Seconds(), "s-make")
	}
}
