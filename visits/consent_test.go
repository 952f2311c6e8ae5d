package visits_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// folder makes a folder of texts.
func folder(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func TestReadConsent(t *testing.T) {
	long := strings.Repeat("x", 32<<10)
	for name, c := range map[string]struct {
		files map[string]string
		want  string // version and languages, or part of the error after "!"
	}{
		"one":                  {map[string]string{"1/en.md": "Text"}, "1 en"},
		"several":              {map[string]string{"1/en.md": "x", "2/es.txt": "x", "2/ar.md": "x", "2/zh-Hans.md": "x", "README.md": "x", ".git/x": "x", "2/.hidden": "x"}, "2 ar es zh-Hans"},
		"ten after nine":       {map[string]string{"9/en.md": "x", "10/en.md": "x"}, "10 en"},
		"months":               {map[string]string{"2026-9/en.md": "x", "2026-10/en.md": "x", "2025-12/en.md": "x"}, "2026-10 en"},
		"parts":                {map[string]string{"v1.9/en.md": "x", "v1.10/en.md": "x", "v1/en.md": "x"}, "v1.10 en"},
		"more is higher":       {map[string]string{"2/en.md": "x", "2b/en.md": "x"}, "2b en"},
		"zeros before":         {map[string]string{"007/en.md": "x", "8/en.md": "x"}, "8 en"},
		"as long as may be":    {map[string]string{"1/en.md": long}, "1 en"},
		"nothing":              {nil, "!no folder of a version"},
		"files alone":          {map[string]string{"en.md": "x"}, "!no folder of a version"},
		"no text":              {map[string]string{"1/en.md": "x", "2/.keep": ""}, "!version 2 has no text"},
		"an odd version":       {map[string]string{"my version/en.md": "x"}, "!cannot be a version"},
		"no language":          {map[string]string{"1/english.md": "x"}, "!1/english.md is no text"},
		"another kind of file": {map[string]string{"1/en.docx": "x"}, "!1/en.docx is no text"},
		"a folder":             {map[string]string{"1/en/a.md": "x"}, "!1/en is no text"},
		"one language twice":   {map[string]string{"1/en.md": "x", "1/en.txt": "x"}, "!two texts in en"},
		"also in capitals":     {map[string]string{"1/EN.md": "x", "1/en.txt": "x"}, "!two texts in en"},
		"an empty text":        {map[string]string{"1/en.md": "\ufeff \n"}, "!1/en.md is empty"},
		"too long":             {map[string]string{"1/en.md": long + "x"}, "!too long"},
		"no UTF-8":             {map[string]string{"1/en.md": "a\xff"}, "!not plain text"},
		"control characters":   {map[string]string{"1/en.md": "a\x00"}, "!not plain text"},
	} {
		got, err := visits.ReadConsent(folder(c.files))
		if want, wrong := strings.CutPrefix(c.want, "!"); wrong {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %+v, %v; want an error that says %q", name, got, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read := got.Version
		for _, text := range got.Texts {
			read += " " + text.Language
		}
		if read != c.want {
			t.Errorf("%s: %s, want %s", name, read, c.want)
		}
	}
	got, err := visits.ReadConsent(folder(map[string]string{"1/en.md": "\ufeff\u202eOne,\u202c\r\ntwo.\r\n\r\nThree.\r\n\r\n"}))
	if err != nil || got.Texts[0].Text != "One,\ntwo.\n\nThree.\n" {
		t.Errorf("read %+v, %v", got, err)
	}
	dir := t.TempDir() // on a real folder the errors are the same
	if err := os.MkdirAll(filepath.Join(dir, "1", "en.md"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, filepath.Join(dir, "gone")} {
		if _, err := visits.ReadConsent(os.DirFS(at)); err == nil {
			t.Errorf("%s is read", at)
		}
	}
}

func TestConsentComesBeforeThePass(t *testing.T) {
	h := visitstest.NewHospital(t)
	visitstest.AsksConsent("2", "en", "es")(h)
	h.Service = h.ServiceOn(h.DB)
	v, entries := h.Everybody()
	for role, whom := range map[auth.Role]string{auth.Patient: "self patient", auth.Guardian: "patient", auth.Guest: "", auth.Interpreter: "", auth.Clinician: "", auth.Observer: ""} {
		e := entries[role]
		if e.ConsentNeeded != (whom != "") {
			t.Errorf("%s is told consent_needed %v", role, e.ConsentNeeded)
		}
		q, err := h.Consent(t.Context(), v.ID, e.Token, "es")
		if whom == "" {
			visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
			visitstest.WantCode(t, h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "2", Language: "es", For: visits.ForPatient}), fault.CodeNotFound, fault.NotFound)
			if _, _, err := h.Pass(t.Context(), v.ID, e.Token); err != nil {
				t.Errorf("%s gets no pass: %v", role, err)
			}
			continue
		}
		if err != nil || q.Version != "2" || q.Language != "es" || q.Text != "First in es.\n\nSecond.\n" || strings.Join(q.Whom, " ") != whom {
			t.Errorf("%s is asked %+v, %v", role, q, err)
		}
		placed := len(h.Placed)
		_, _, err = h.Pass(t.Context(), v.ID, e.Token)
		visitstest.WantCode(t, err, fault.CodeConsentNeeded, fault.NotAllowed)
		if len(h.Placed) != placed {
			t.Error("a room was placed before consent")
		}
		for range 2 { // twice changes nothing
			if err := h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "2", Language: "es", For: visits.ForPatient}); err != nil {
				t.Errorf("%s: %v", role, err)
			}
		}
		if _, _, err := h.Pass(t.Context(), v.ID, e.Token); err != nil {
			t.Errorf("%s gets no pass after consent: %v", role, err)
		}
		if got, err := h.Session(t.Context(), v.ID, e.Token); err != nil || got.ConsentNeeded {
			t.Errorf("%s is asked again: %v, %v", role, got.ConsentNeeded, err)
		}
		if n := h.Count(`consents c JOIN consent_texts t ON t.version = c.version AND t.language = c.language AND t.hash = c.hash
			WHERE c.visit_id = ? AND c.invitation_id = ? AND c.session_id = ? AND c.version = '2' AND c.language = 'es' AND c.given_for = 'patient' AND c.given_at = ? AND t.text LIKE 'First in es.%'`,
			v.ID, e.You.ID, e.Session, store.Millis(visitstest.Noon)); n != 1 {
			t.Errorf("%d records of %s", n, role)
		}
		if n := h.Count(`audit WHERE action = 'consent.give' AND actor_id = ? AND subject_id = ? AND detail = 'version 2 in es for patient'`, e.You.ID, e.Session); n != 1 {
			t.Errorf("%d audit rows of %s", n, role)
		}
	}
	if h.Audited("pass.issue", store.Refused) != 2 || h.Count("consents") != 2 || h.Audited("consent.read", store.Allowed) != 2 {
		t.Error("not audited")
	}
}

// TestConsentIsAskedOnceOfEachVersion: not of another browser, but of a new version.
func TestConsentIsAskedOnceOfEachVersion(t *testing.T) {
	h := visitstest.NewHospital(t)
	visitstest.AsksConsent("9", "en")(h)
	h.Service = h.ServiceOn(h.DB)
	v, links := h.Plan()
	give := func(e visits.Entry, version string) error {
		return h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: version, Language: "en", For: visits.ForSelf})
	}
	phone := h.Follow(links[0], "")
	if err := give(phone, "9"); err != nil {
		t.Fatal(err)
	}
	tablet := h.Follow(links[0], "")
	if tablet.Session == phone.Session || tablet.ConsentNeeded {
		t.Error("another browser is asked again")
	}
	visitstest.AsksConsent("10", "en")(h)
	h.Service = h.ServiceOn(h.DB)
	if e := h.Follow(links[0], phone.Device); !e.ConsentNeeded {
		t.Error("the new version is not asked for")
	}
	visitstest.WantCode(t, give(phone, "9"), fault.CodeConflict, fault.NotValid)
	if _, _, err := h.Pass(t.Context(), v.ID, phone.Token); fault.CodeOf(err) != fault.CodeConsentNeeded {
		t.Errorf("a pass: %v", err)
	}
	if err := give(phone, "10"); err != nil {
		t.Error(err)
	}
	if h.Count("consents") != 2 || h.Count("consent_texts") != 2 {
		t.Error("a record or a text is missing")
	}
	h.Texts = nil // the site asks no more
	h.Service = h.ServiceOn(h.DB)
	if e := h.Follow(links[2], ""); e.ConsentNeeded {
		t.Error("consent is asked where the site has none")
	}
}

// TestATextOfConsentLasts: mended while nobody has consented to it, and after that never.
func TestATextOfConsentLasts(t *testing.T) {
	h := visitstest.NewHospital(t)
	visitstest.AsksConsent("1", "en", "es")(h)
	h.Service = h.ServiceOn(h.DB)
	change := func(text string) error {
		h.Texts = &visits.ConsentTexts{Version: "1", Texts: []visits.ConsentText{{Language: "en", Text: text}, {Language: "es", Text: "Otro.\n"}}}
		_, err := visits.New(t.Context(), h.Config(h.DB))
		return err
	}
	if err := change("Mended.\n"); err != nil {
		t.Fatal(err)
	}
	v, links := h.Plan()
	e := h.Follow(links[0], "")
	// This process still has the text from before it was mended: what it shows is not what SQL keeps.
	visitstest.WantCode(t, h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "1", Language: "en", For: visits.ForSelf}), fault.CodeConflict, fault.NotValid)
	h.Service = h.ServiceOn(h.DB)
	if err := h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "1", Language: "en", For: visits.ForSelf}); err != nil {
		t.Fatal(err)
	}
	if err := change("Changed.\n"); err == nil || !strings.Contains(err.Error(), "give the new text a new version") {
		t.Errorf("changed: %v", err)
	}
	if err := change("Mended.\n"); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	if got := h.Column(`SELECT text FROM consent_texts WHERE language = 'en'`); len(got) != 1 || got[0] != "Mended.\n" {
		t.Errorf("kept %q", got)
	}
	if n := h.Audited("consent.text", store.Allowed); n != 4 { // two, and both mended
		t.Errorf("%d texts audited", n)
	}
}

func TestConsentOverHTTP(t *testing.T) {
	f := newFront(t, "", visitstest.AsksConsent("2", "ar", "en", "pt-BR"))
	v, links := f.Plan(func(r *visits.Request) { r.People[0].Language = "es" })
	in := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(links[0])+`"}`)
	if in.json(t)["consent_needed"] != true || in.json(t)["language"] != "es" {
		t.Errorf("join: %s", in.body)
	}
	session := in.cookie("housecall_visit")
	cookie := withCookie(session.Name, session.Value)
	path := "/v/" + v.ID + "/consent"
	for asked, want := range map[string]string{"ar": "ar", "pt-BR": "pt-BR", "PT-br": "pt-BR", "pt": "pt-BR", "pt-PT": "pt-BR", "ar-EG": "ar", "es": "en", "": "en", "en-US": "en", "%22": "en"} {
		r := f.do("GET", path+"?language="+asked, "", cookie)
		if r.StatusCode != 200 || r.json(t)["language"] != want || r.json(t)["text"] != "First in "+want+".\n\nSecond.\n" {
			t.Errorf("in %q: %d %s", asked, r.StatusCode, r.body)
		}
	}
	wantProblem(t, "a pass before", f.do("POST", "/v/"+v.ID+"/pass", "", cookie), 403, "consent_needed")
	give := func(body string) reply { return f.do("POST", path, body, cookie) }
	for name, body := range map[string]string{"for nobody": `{"version":"2","language":"en","for":""}`, "for a friend": `{"version":"2","language":"en","for":"friend"}`,
		"in no language": `{"version":"2","language":"es","for":"self"}`, "nothing": `{}{}`, "another field": `{"version":"2","language":"en","for":"self","x":1}`} {
		wantProblem(t, name, give(body), 422, "not_valid")
	}
	wantProblem(t, "an old version", give(`{"version":"1","language":"en","for":"self"}`), 409, "conflict")
	if r := give(`{"version":"2","language":"en","for":"self"}`); r.StatusCode != 204 || r.body != "" {
		t.Errorf("given: %d %s", r.StatusCode, r.body)
	}
	if r := f.do("POST", "/v/"+v.ID+"/pass", "", cookie); r.StatusCode != 200 {
		t.Errorf("a pass after: %d %s", r.StatusCode, r.body)
	}
	if r := f.do("GET", "/v/"+v.ID+"/session", "", cookie); r.json(t)["consent_needed"] != false {
		t.Errorf("session: %s", r.body)
	}
	for name, r := range map[string]reply{"read by nobody": f.do("GET", path, ""), "given by nobody": f.do("POST", path, `{"version":"2","language":"en","for":"self"}`),
		"read by a guest of another visit": f.do("GET", "/v/"+store.NewID()+"/consent", "", cookie)} {
		wantProblem(t, name, r, 404, "not_found")
	}
	none := newFront(t, "")
	v, links = none.Plan()
	e := none.Follow(links[0], "")
	wantProblem(t, "asked nothing", none.do("GET", "/v/"+v.ID+"/consent", "", withCookie("housecall_visit", e.Token)), 404, "not_found")
}

func TestConsentWithoutEnglish(t *testing.T) {
	h := visitstest.NewHospital(t)
	visitstest.AsksConsent("1", "ar", "es")(h)
	h.Service = h.ServiceOn(h.DB)
	v, links := h.Plan()
	e := h.Follow(links[0], "")
	if q, err := h.Consent(t.Context(), v.ID, e.Token, "zh-Hans"); err != nil || q.Language != "ar" {
		t.Errorf("%+v, %v", q, err)
	}
}

// TestPublishedConsent: what is published for a site counts from then on, also before what a folder has; a visit that people are in keeps what somebody
// has consented to; nothing that was published changes.
func TestPublishedConsent(t *testing.T) {
	h := visitstest.NewPractice(t)
	visitstest.AsksConsent("7", "en")(h.Hospital)
	h.Service = h.ServiceOn(h.DB)
	admin := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}
	site, err := h.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publish := func(seen string, texts ...visits.ConsentText) (string, error) {
		return h.Publish(t.Context(), admin, site.ID, seen, texts)
	}
	asked := func(v visits.Visit, e visits.Entry, want string) {
		t.Helper()
		if q, err := h.Consent(t.Context(), v.ID, e.Token, "es"); err != nil || q.Version+" "+q.Language != want {
			t.Errorf("asked %q %q, %v; want %s", q.Version, q.Language, err, want)
		}
	}
	v, entries := h.Everybody()
	patient, guardian := entries[auth.Patient], entries[auth.Guardian]
	asked(v, patient, "7 en")
	for name, c := range map[string]struct {
		seen string
		text visits.ConsentText
		code string
	}{
		"somebody was faster": {"", visits.ConsentText{Language: "en", Text: "x"}, fault.CodeConflict},
		"too long":            {"7", visits.ConsentText{Language: "en", Text: strings.Repeat("x", visits.MaxConsentText+1)}, fault.CodeNotValid},
		"no plain text":       {"7", visits.ConsentText{Language: "en", Text: "a\x00"}, fault.CodeNotValid},
		"no language":         {"7", visits.ConsentText{Language: "tlh", Text: "x"}, fault.CodeNotValid},
	} {
		if _, err := publish(c.seen, c.text); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	first, err := publish("7", visits.ConsentText{Language: "en", Text: "One.\r\n"}, visits.ConsentText{Language: "es", Text: "Uno."}, visits.ConsentText{Language: "ar", Text: " \n"})
	if err != nil || first != visitstest.Noon.Format(time.DateOnly)+".1" {
		t.Fatalf("published as %q, %v", first, err)
	}
	asked(v, patient, first+" es")
	if err := h.GiveConsent(t.Context(), v.ID, patient.Token, visits.ConsentGiven{Version: first, Language: "es", For: visits.ForSelf}); err != nil {
		t.Fatal(err)
	}
	second, err := publish(first, visits.ConsentText{Language: "en", Text: "Two.\n"})
	if err != nil || second == first {
		t.Fatalf("published as %q, %v", second, err)
	}
	asked(v, guardian, second+" en") // nobody is in the visit yet
	if _, err := h.DB.ExecContext(t.Context(), `UPDATE visits SET state = 'in_progress' WHERE id = ?`, v.ID); err != nil {
		t.Fatal(err)
	}
	asked(v, guardian, first+" es")
	if _, _, err := h.Pass(t.Context(), v.ID, patient.Token); err != nil {
		t.Errorf("who had consented comes back: %v", err)
	}
	if n := h.Count(`consents WHERE version = ? AND language = 'es' AND hash = ?`, first, visits.ConsentText{Text: "Uno.\n"}.Hash()); n != 1 {
		t.Error("the consent does not name the text that was read")
	}
	now, all, err := h.ConsentOf(t.Context(), admin, site.ID)
	if err != nil || now.Version != second || len(all) != 3 || all[0].Version != second || all[1].Version != first || all[1].Given != 1 || all[2].Version != "7" || !all[2].Published.IsZero() {
		t.Errorf("now %q, %+v, %v", now.Version, all, err)
	}
	if old, err := h.ConsentVersion(t.Context(), admin, first); err != nil || len(old.Texts) != 2 || old.Texts[0].Text != "One.\n" {
		t.Errorf("the first reads %+v, %v", old, err)
	}
	if _, err := publish(second); err != nil { // nothing is asked any more
		t.Fatal(err)
	}
	if e, err := h.Session(t.Context(), v.ID, guardian.Token); err != nil || e.ConsentNeeded {
		t.Errorf("asked all the same: %v", err)
	}
	scheduler := h.Scheduler
	_, err = h.Publish(t.Context(), scheduler, site.ID, "", nil)
	visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
	_, _, err = h.ConsentOf(t.Context(), scheduler, site.ID)
	visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
	_, err = h.ConsentVersion(t.Context(), scheduler, first)
	visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
	visitstest.AsksConsent(first, "en")(h.Hospital) // a folder of that name
	if _, err := visits.New(t.Context(), h.Config(h.DB)); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("a folder with a name that was published: %v", err)
	}
}
