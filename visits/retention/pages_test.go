package retention_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/retention"
)

// ask gives what an administrator's browser is answered.
func (h *house) ask(t *testing.T, method, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.front.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestHoldOfAVisit: a visit is held, and let go, from its own page, which says so to those who may, with its reason nowhere but there.
func TestHoldOfAVisit(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 400*day)
	path := retention.Path + "/visits/" + v.id
	note := func(role auth.Role) desk.Note {
		t.Helper()
		note, err := h.Note(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}, v.id, h.words)
		if err != nil {
			t.Fatal(err)
		}
		return note
	}
	if n := note(auth.Scheduler); n != (desk.Note{}) {
		t.Errorf("a scheduler is told %+v", n)
	}
	if n := note(auth.Admin); n.Text != "" || n.Path != path || n.Button != "Hold it from deletion" {
		t.Errorf("before it is held: %+v", n)
	}
	if code, page := h.ask(t, "POST", path, url.Values{"reason": {" "}}); code != 422 || !strings.Contains(page, `id="reason-wrong"`) {
		t.Errorf("for no reason: %d %s", code, page)
	}
	if code, _ := h.ask(t, "POST", path, url.Values{"reason": {"Case 7"}}); code != http.StatusSeeOther {
		t.Errorf("held: %d", code)
	}
	if code, page := h.ask(t, "GET", path+"?done=held", nil); code != 200 || !strings.Contains(page, "Case 7") || !strings.Contains(page, "It is held") || strings.Contains(page, `name="reason"`) {
		t.Errorf("its page: %d %s", code, page)
	}
	if code, _ := h.ask(t, "POST", path, url.Values{"reason": {" Case 7 "}}); code != http.StatusSeeOther { // sent twice
		t.Errorf("held twice for one reason: %d", code)
	}
	code, page := h.ask(t, "POST", path, url.Values{"reason": {"Case 9"}})
	if code != http.StatusConflict || !strings.Contains(page, "It is held already since 28 November 2026, for this reason: Case 7.") || !strings.Contains(page, "You typed: Case 9") {
		t.Errorf("held for another reason: %d %s", code, page)
	}
	code, page = h.ask(t, "POST", retention.Path+"/holds", url.Values{"address": {"/desk/visits/" + v.id}, "reason": {"Case 9"}})
	if code != http.StatusConflict || !strings.Contains(page, "for this reason: Case 7.") || !strings.Contains(page, `value="Case 9"`) {
		t.Errorf("held for another reason by its address: %d %s", code, page)
	}
	if err := h.Hold(t.Context(), admin, store.About("visit", v.id), "Case 9"); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("held for another reason: %v", err)
	}
	if n := note(auth.Admin); !strings.HasPrefix(n.Text, "This visit is held since 28 November 2026") || strings.Contains(n.Text+n.Button, "Case") {
		t.Errorf("while it is held: %+v", n)
	}
	h.keep(t, map[string]int{retention.KindVisits: 365})
	h.nightly(t)
	if found, _ := h.rows(t, v.id); found["visits"] != 1 {
		t.Error("it was deleted all the same")
	}
	for range 2 { // a second time changes nothing
		if code, _ := h.ask(t, "POST", path+"/release", nil); code != http.StatusSeeOther {
			t.Errorf("let go: %d", code)
		}
	}
	if err := h.Hold(t.Context(), admin, store.About("patient", v.patient), "Case 8"); err != nil {
		t.Fatal(err)
	}
	if n := note(auth.Admin); !strings.HasPrefix(n.Text, "All visits of the patient are held") || n.Button != "Hold it from deletion" {
		t.Errorf("while its patient is held: %+v", n)
	}
	if _, page := h.ask(t, "GET", path, nil); !strings.Contains(page, "All visits of the patient are held") || !strings.Contains(page, `name="reason"`) || strings.Contains(page, "Case") {
		t.Errorf("its page then: %s", page)
	}
	for _, method := range []string{"GET", "POST"} {
		if code, _ := h.ask(t, method, retention.Path+"/visits/"+store.NewID(), url.Values{"reason": {"x"}}); code != http.StatusNotFound {
			t.Errorf("%s of no visit: %d", method, code)
		}
	}
	var held, released int
	err := h.db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM audit WHERE action = 'retention.hold' AND outcome = 'allowed' AND subject_id = ?),
		(SELECT COUNT(*) FROM audit WHERE action = 'retention.release' AND outcome = 'allowed' AND subject_id = ?)`, v.id, v.id).Scan(&held, &released)
	if err != nil || held != 2 || released != 1 {
		t.Errorf("audited %d and %d times, %v", held, released, err)
	}
}

func TestPage(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 400*day)
	ask := func(method, path string, form url.Values) (int, string) {
		t.Helper()
		return h.ask(t, method, path, form)
	}
	const first = "visits 0, patients 0, chat 0, checks 400, messages 400"
	if code, page := ask("GET", retention.Path, nil); code != 200 || !strings.Contains(page, `name="messages" inputmode="numeric" dir="ltr" value="400"`) || strings.Contains(page, "Would be deleted") ||
		!strings.Contains(page, `name="seen" value="`+first+`"`) {
		t.Errorf("as it is at first: %d %s", code, page)
	}
	form := url.Values{"site": {h.site}, "seen": {first}, "visits": {"365"}, "patients": {""}, "chat": {""}, "checks": {"30"}, "messages": {"30"}}
	form.Set("preview", "yes")
	if code, page := ask("POST", retention.Path, form); code != 200 || !strings.Contains(page, "Would be deleted now: of 1 visit") ||
		!strings.Contains(page, `name="seen" value="`+first+`"`) {
		t.Errorf("preview: %d %s", code, page)
	}
	if days, err := h.Days(t.Context(), h.db, h.site); err != nil || days["visits"] != 0 {
		t.Errorf("a preview set %v, %v", days, err)
	}
	form.Del("preview")
	if code, _ := ask("POST", retention.Path, form); code != http.StatusSeeOther {
		t.Errorf("set: %d", code)
	}
	stale := maps.Clone(form)
	stale.Set("chat", "31")
	if code, page := ask("POST", retention.Path, stale); code != http.StatusConflict || !strings.Contains(page, "What you typed was not saved") || strings.Contains(page, `value="31"`) ||
		!strings.Contains(page, `name="seen" value="visits 365, patients 0, chat 0, checks 30, messages 30"`) || !strings.Contains(page, `name="visits" inputmode="numeric" dir="ltr" value="365"`) {
		t.Errorf("a page of before: %d %s", code, page)
	}
	form.Set("seen", "visits 365, patients 0, chat 0, checks 30, messages 30")
	cut := maps.Clone(form)
	cut.Del("visits")
	if code, page := ask("POST", retention.Path, cut); code != 422 || !strings.Contains(page, `id="visits-wrong"`) {
		t.Errorf("a form without visits: %d %s", code, page)
	}
	if days, err := h.Days(t.Context(), h.db, h.site); err != nil || retention.Version(days) != form.Get("seen") {
		t.Errorf("a stale form, or half of one, set %v, %v", days, err)
	}
	form.Set("visits", "never")
	if code, page := ask("POST", retention.Path, form); code != 422 || !strings.Contains(page, `id="visits-wrong"`) || !strings.Contains(page, `value="never"`) {
		t.Errorf("no number: %d %s", code, page)
	}
	hold := url.Values{"address": {"https://visits.example/desk/visits/" + v.id + "?done=x"}, "reason": {"Case <7>"}}
	if code, _ := ask("POST", retention.Path+"/holds", hold); code != http.StatusSeeOther {
		t.Errorf("hold: %d", code)
	}
	if code, page := ask("GET", retention.Path+"?done=held", nil); code != 200 || !strings.Contains(page, "/desk/visits/"+v.id+`"`) || !strings.Contains(page, "Case &lt;7&gt;") ||
		!strings.Contains(page, "Nothing would be deleted now") {
		t.Errorf("what is held: %d %s", code, page)
	}
	if code, page := ask("POST", retention.Path+"/holds", url.Values{"address": {"https://visits.example/desk"}}); code != 422 || !strings.Contains(page, `id="address-wrong"`) {
		t.Errorf("hold nothing: %d", code)
	}
	for range 2 { // again changes nothing
		if code, _ := ask("POST", retention.Path+"/release", url.Values{"kind": {"visit"}, "id": {v.id}}); code != http.StatusSeeOther {
			t.Errorf("release: %d", code)
		}
	}
}

// TestHoldOfAPatient: a patient is held, and let go, from a page that their own leads to, and the list of what is held names them.
func TestHoldOfAPatient(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 400*day)
	path := retention.Path + "/patients/" + v.patient
	note := func(role auth.Role) people.Note {
		t.Helper()
		note, err := h.PatientNote(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}, v.patient, h.words)
		if err != nil {
			t.Fatal(err)
		}
		return note
	}
	if n := note(auth.Scheduler); !reflect.DeepEqual(n, people.Note{}) {
		t.Errorf("a scheduler is told %+v", n)
	}
	if n := note(auth.Admin); n.Text != "" || n.Path != path || n.Button != "Hold it from deletion" {
		t.Errorf("before they are held: %+v", n)
	}
	if code, page := h.ask(t, "GET", path, nil); code != 200 || !strings.Contains(page, "Hold this patient from deletion") || !strings.Contains(page, `href="/desk/patients/`+v.patient+`"`) {
		t.Errorf("its page: %d %s", code, page)
	}
	if code, _ := h.ask(t, "POST", path, url.Values{"reason": {"Case 7"}}); code != http.StatusSeeOther {
		t.Errorf("held: %d", code)
	}
	if err := h.Hold(t.Context(), admin, store.About("visit", v.id), "Case 8"); err != nil {
		t.Fatal(err)
	}
	if n := note(auth.Admin); !strings.HasPrefix(n.Text, "All visits of the patient are held since 28 November 2026") || n.Button != "Why it is held, or let it go" {
		t.Errorf("while they are held: %+v", n)
	}
	_, page := h.ask(t, "GET", retention.Path, nil)
	for _, want := range []string{`<a href="/desk/patients/` + v.patient + `"><bdi>Robin Example</bdi></a>`, "31 May 2012", `<a href="/desk/visits/` + v.id + `"><bdi dir="ltr">…` + v.id[len(v.id)-12:] + `</bdi></a>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the list of what is held lacks %s", want)
		}
	}
	if len(h.asked) != 1 || len(h.asked[0]) != 2 {
		t.Errorf("names were asked for by %v: want all at once", h.asked)
	}
	if code, _ := h.ask(t, "POST", path+"/release", nil); code != http.StatusSeeOther {
		t.Errorf("let go: %d", code)
	}
	if n := note(auth.Admin); n.Text != "" {
		t.Errorf("afterwards: %+v", n)
	}
}

// TestWrongDaysAreNamed: the summary of errors says which fields are wrong, so that no two of its lines are the same.
func TestWrongDaysAreNamed(t *testing.T) {
	h := newHouse(t)
	code, page := h.ask(t, "POST", retention.Path, url.Values{"site": {h.site}, "visits": {"3"}, "patients": {"3"}, "chat": {"30"}, "checks": {"30"}, "messages": {"30"}})
	_, summary, _ := strings.Cut(page, `summary"`)
	summary, _, _ = strings.Cut(summary, "</ul>")
	if code != http.StatusUnprocessableEntity || !strings.Contains(summary, "Visits, with everything in them: days. Enter") || !strings.Contains(summary, "Patients who have no visits left: days. Enter") {
		t.Errorf("%d, and the summary is %s", code, summary)
	}
}
