package visits_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
)

// folder makes a folder of texts.
func folder(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// asksConsent makes a hospital ask for consent.
func asksConsent(version string, languages ...string) func(*hospital) {
	return func(h *hospital) {
		h.consent = &visits.ConsentTexts{Version: version}
		for _, l := range languages {
			h.consent.Texts = append(h.consent.Texts, visits.ConsentText{Language: l, Text: "First in " + l + ".\n\nSecond.\n"})
		}
	}
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
	got, err := visits.ReadConsent(folder(map[string]string{"1/en.md": "\ufeffOne,\r\ntwo.\r\n\r\nThree.\r\n\r\n"}))
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
	h := newHospital(t)
	asksConsent("2", "en", "es")(h)
	h.Service = h.service(h.db)
	v, entries := h.everybody()
	for role, whom := range map[auth.Role]string{auth.Patient: "self patient", auth.Guardian: "patient", auth.Guest: "", auth.Interpreter: "", auth.Clinician: "", auth.Observer: ""} {
		e := entries[role]
		if e.ConsentNeeded != (whom != "") {
			t.Errorf("%s is told consent_needed %v", role, e.ConsentNeeded)
		}
		q, err := h.Consent(t.Context(), v.ID, e.Token, "es")
		if whom == "" {
			wantCode(t, err, fault.CodeNotFound, fault.NotFound)
			wantCode(t, h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "2", Language: "es", For: visits.ForPatient}), fault.CodeNotFound, fault.NotFound)
			if _, _, err := h.Pass(t.Context(), v.ID, e.Token); err != nil {
				t.Errorf("%s gets no pass: %v", role, err)
			}
			continue
		}
		if err != nil || q.Version != "2" || q.Language != "es" || q.Text != "First in es.\n\nSecond.\n" || strings.Join(q.Whom, " ") != whom {
			t.Errorf("%s is asked %+v, %v", role, q, err)
		}
		placed := len(h.placed)
		_, _, err = h.Pass(t.Context(), v.ID, e.Token)
		wantCode(t, err, fault.CodeConsentNeeded, fault.NotAllowed)
		if len(h.placed) != placed {
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
		if n := h.count(`consents c JOIN consent_texts t ON t.version = c.version AND t.language = c.language AND t.hash = c.hash
			WHERE c.visit_id = ? AND c.invitation_id = ? AND c.session_id = ? AND c.version = '2' AND c.language = 'es' AND c.given_for = 'patient' AND c.given_at = ? AND t.text LIKE 'First in es.%'`,
			v.ID, e.You.ID, e.Session, store.Millis(noon)); n != 1 {
			t.Errorf("%d records of %s", n, role)
		}
		if n := h.count(`audit WHERE action = 'consent.give' AND actor_id = ? AND subject_id = ? AND detail = 'version 2 in es for patient'`, e.You.ID, e.Session); n != 1 {
			t.Errorf("%d audit rows of %s", n, role)
		}
	}
	if h.audited("pass.issue", store.Refused) != 2 || h.count("consents") != 2 || h.audited("consent.read", store.Allowed) != 2 {
		t.Error("not audited")
	}
}

// TestConsentIsAskedOnceOfEachVersion: not of another browser, but of a new version.
func TestConsentIsAskedOnceOfEachVersion(t *testing.T) {
	h := newHospital(t)
	asksConsent("9", "en")(h)
	h.Service = h.service(h.db)
	v, links := h.visit()
	give := func(e visits.Entry, version string) error {
		return h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: version, Language: "en", For: visits.ForSelf})
	}
	phone := h.redeem(links[0], "")
	if err := give(phone, "9"); err != nil {
		t.Fatal(err)
	}
	tablet := h.redeem(links[0], "")
	if tablet.Session == phone.Session || tablet.ConsentNeeded {
		t.Error("another browser is asked again")
	}
	asksConsent("10", "en")(h)
	h.Service = h.service(h.db)
	if e := h.redeem(links[0], phone.Device); !e.ConsentNeeded {
		t.Error("the new version is not asked for")
	}
	wantCode(t, give(phone, "9"), fault.CodeConflict, fault.NotValid)
	if _, _, err := h.Pass(t.Context(), v.ID, phone.Token); fault.CodeOf(err) != fault.CodeConsentNeeded {
		t.Errorf("a pass: %v", err)
	}
	if err := give(phone, "10"); err != nil {
		t.Error(err)
	}
	if h.count("consents") != 2 || h.count("consent_texts") != 2 {
		t.Error("a record or a text is missing")
	}
	h.consent = nil // the site asks no more
	h.Service = h.service(h.db)
	if e := h.redeem(links[2], ""); e.ConsentNeeded {
		t.Error("consent is asked where the site has none")
	}
}

// TestATextOfConsentLasts: mended while nobody has consented to it, and after that never.
func TestATextOfConsentLasts(t *testing.T) {
	h := newHospital(t)
	asksConsent("1", "en", "es")(h)
	h.Service = h.service(h.db)
	change := func(text string) error {
		h.consent = &visits.ConsentTexts{Version: "1", Texts: []visits.ConsentText{{Language: "en", Text: text}, {Language: "es", Text: "Otro.\n"}}}
		_, err := visits.New(t.Context(), h.config(h.db))
		return err
	}
	if err := change("Mended.\n"); err != nil {
		t.Fatal(err)
	}
	v, links := h.visit()
	e := h.redeem(links[0], "")
	// This process still has the text from before it was mended: what it shows is not what SQL keeps.
	wantCode(t, h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "1", Language: "en", For: visits.ForSelf}), fault.CodeConflict, fault.NotValid)
	h.Service = h.service(h.db)
	if err := h.GiveConsent(t.Context(), v.ID, e.Token, visits.ConsentGiven{Version: "1", Language: "en", For: visits.ForSelf}); err != nil {
		t.Fatal(err)
	}
	if err := change("Changed.\n"); err == nil || !strings.Contains(err.Error(), "give the new text a new version") {
		t.Errorf("changed: %v", err)
	}
	if err := change("Mended.\n"); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	if got := h.column(`SELECT text FROM consent_texts WHERE language = 'en'`); len(got) != 1 || got[0] != "Mended.\n" {
		t.Errorf("kept %q", got)
	}
	if n := h.audited("consent.text", store.Allowed); n != 4 { // two, and both mended
		t.Errorf("%d texts audited", n)
	}
}

func TestConsentOverHTTP(t *testing.T) {
	f := newFront(t, "", asksConsent("2", "ar", "en", "pt-BR"))
	v, links := f.visit(func(r *visits.Request) { r.People[0].Language = "es" })
	in := f.do("POST", "/api/v1/join", `{"code":"`+codeOf(links[0])+`"}`)
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
	v, links = none.visit()
	e := none.redeem(links[0], "")
	wantProblem(t, "asked nothing", none.do("GET", "/v/"+v.ID+"/consent", "", withCookie("housecall_visit", e.Token)), 404, "not_found")
}

func TestConsentWithoutEnglish(t *testing.T) {
	h := newHospital(t)
	asksConsent("1", "ar", "es")(h)
	h.Service = h.service(h.db)
	v, links := h.visit()
	e := h.redeem(links[0], "")
	if q, err := h.Consent(t.Context(), v.ID, e.Token, "zh-Hans"); err != nil || q.Language != "ar" {
		t.Errorf("%+v, %v", q, err)
	}
}
