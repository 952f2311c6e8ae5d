package reminders_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/reminders"
)

// pages are those of a hospital, without any yet.
func (h *house) pages() *web.Pages {
	h.t.Helper()
	pages, err := web.NewPages("Example Children's Hospital", h.book, nil)
	h.must(err)
	return pages
}

// desk serves the pages of visits and of their messages to somebody of that role; its function sends a form, or with nil asks for a page.
func (h *house) desk(role auth.Role) func(path string, form url.Values) (status int, to, body string) {
	h.t.Helper()
	pages := h.pages()
	messages, err := reminders.NewDesk(h.reminders, pages, utc)
	h.must(err)
	routes := web.NewRoutes(web.Guards{Staff: func(action auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !h.policy.May(role, action) {
				web.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role})))
		})
	}})
	messages.Routes(routes)
	planning, err := desk.New(desk.Config{DB: h.db, Visits: h.Service, Sites: h.sites, Patients: h.people, Pages: pages, Now: h.now})
	h.must(err)
	planning.Hear(h.reminders.Hearers)
	planning.Wrote(h.reminders.Written)
	planning.Routes(routes)
	handler, err := web.New(routes, web.Options{PublicURL: "https://visits.example", Pages: pages, Now: h.now})
	h.must(err)
	return func(path string, form url.Values) (int, string, string) {
		r := httptest.NewRequest(http.MethodGet, "https://visits.example"+path, nil)
		if form != nil {
			r = httptest.NewRequest(http.MethodPost, "https://visits.example"+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", "https://visits.example")
		}
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code, w.Header().Get("Location"), w.Body.String()
	}
}

var againForm = regexp.MustCompile(`action="([^"]*/again)"`)

// TestPages: schedulers see what was sent to whom, without their addresses, send again what failed, and say that a visit runs late.
func TestPages(t *testing.T) {
	h := newHouse(t)
	h.refused.Store(true)
	v := h.visit(h.patient(false), nil)
	h.refused.Store(false)
	ask := h.desk(auth.Scheduler)
	path := "/desk/visits/" + v.ID + "/messages"
	status, _, body := ask(path, nil)
	if status != http.StatusOK || strings.Contains(body, guardianMail) || strings.Contains(body, guardianCell) {
		t.Fatalf("%d %s", status, body)
	}
	for _, want := range []string{"g…@example.org", "…143", guardianName, "Visit planned", "Text message", "Sent", "Not sent", "1 November 2026", "Send again"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(body, "Devices not tested yet"); n != 2 {
		t.Errorf("of %d people it says that they have not tested their devices, want 2", n)
	}
	for n, camera := range []string{"ok", "fault"} {
		_, code, _ := strings.Cut(h.LinkToSend(v, v.Invitations[n]), "#")
		e, err := h.Redeem(t.Context(), visits.Redemption{Code: code, BirthDate: v.BirthDate, Check: true})
		h.must(err)
		h.must(h.ReportCheck(t.Context(), v.ID, e.Token, visits.DeviceCheck{Camera: camera, Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1}))
	}
	if _, _, tested := ask(path, nil); !strings.Contains(tested, "Devices tested: fine") || !strings.Contains(tested, "Needs help with devices") || strings.Contains(tested, "Devices not tested yet") {
		t.Errorf("after their tests: %s", tested)
	}
	if strings.Contains(body, "Running late?") {
		t.Error("three weeks before somebody may say that it runs late")
	}
	forms := againForm.FindAllStringSubmatch(body, -1)
	if len(forms) != 3 {
		t.Fatalf("%d messages to send again, want 3", len(forms))
	}
	for _, f := range forms {
		if status, to, _ := ask(f[1], url.Values{}); status != http.StatusSeeOther || to != path+"?done=again" {
			t.Errorf("again: %d to %q", status, to)
		}
	}
	if status, _, _ := ask("/desk/visits/"+store.NewID()+"/messages/"+strings.Split(forms[0][1], "/")[5]+"/again", url.Values{}); status != http.StatusNotFound {
		t.Errorf("a message of another visit: %d", status)
	}
	h.due()
	h.wantSubjects(guardianMail, "Visita por video")
	if all, err := h.outbox.About(t.Context(), v.ID); err != nil || len(all) != 4 || all[0].State != notify.Sent {
		t.Errorf("messages %+v, %v", all, err)
	}

	h.until(starts)
	if _, _, body := ask(path, nil); !strings.Contains(body, "Running late?") || !strings.Contains(body, "No more reminders.") {
		t.Errorf("at its start: %s", body)
	}
	for minutes, want := range map[string]int{"20": http.StatusSeeOther, "4": http.StatusUnprocessableEntity, "soon": http.StatusUnprocessableEntity} {
		if status, _, _ := ask("/desk/visits/"+v.ID+"/late", url.Values{"minutes": {minutes}}); status != want {
			t.Errorf("%s minutes late: %d, want %d", minutes, status, want)
		}
	}
	h.due()
	if _, _, body := ask(path+"?done=late&messages=0", nil); !strings.Contains(body, `class="notice warn" role="status"`) {
		t.Errorf("nobody could be told, and the page does not warn: %s", body)
	}
	if _, _, body := ask(path+"?done=late&messages=3", nil); !strings.Contains(body, "3 messages go out now.") || !strings.Contains(body, "Running late") {
		t.Errorf("afterwards: %s", body)
	}
	coordinator := h.desk(auth.Coordinator)
	if status, _, body := coordinator(path, nil); status != http.StatusOK || strings.Contains(body, "Running late?") {
		t.Errorf("a coordinator: %d", status)
	}
}

// TestUnsettled: the desk says how many messages somebody must look at, and lists them with what they are about; each is sent again from there.
func TestUnsettled(t *testing.T) {
	h := newHouse(t)
	h.refused.Store(true)
	v := h.visit(h.patient(false), nil)
	h.refused.Store(false)
	ask := h.desk(auth.Scheduler)
	desk, err := reminders.NewDesk(h.reminders, h.pages(), utc)
	h.must(err)
	notice := func(role auth.Role) (string, string) {
		t.Helper()
		text, path, err := desk.Notice(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}, h.book.In("en"))
		h.must(err)
		return text, path
	}
	if text, path := notice(auth.Scheduler); text != "3 messages need a look" || path != reminders.UnsettledPath {
		t.Errorf("the desk says %q, %q", text, path)
	}
	if text, _ := notice(auth.Coordinator); text != "" {
		t.Errorf("a coordinator is told %q", text)
	}
	h.must(h.db.Tx(t.Context(), func(tx *store.Tx) error {
		return h.outbox.Put(t.Context(), tx, notify.Message{Channel: notify.Email, To: "canary@example.org", Kind: "unheard of", Key: "a", About: "no visit", At: h.now()})
	}))
	h.due()
	status, _, body := ask(reminders.UnsettledPath, nil)
	for _, want := range []string{"Visit planned", "Not sent", "Other message", " time</bdi></a>", "/desk/visits/" + v.ID + "/messages",
		`href="/desk/visits/` + v.ID + `"><bdi>` + guardianName + `</bdi></a> <span class="soft">` + h.book.In("en").T("role.guardian") + `</span>`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d, and the list lacks %q", status, want)
		}
	}
	if strings.Contains(body, "canary@") || strings.Contains(body, guardianMail) {
		t.Error("the list tells an address")
	}
	var audited string
	h.must(h.db.QueryRowContext(t.Context(), `SELECT detail FROM audit WHERE action = 'visit.list' AND outcome = 'allowed' ORDER BY id DESC LIMIT 1`).Scan(&audited))
	if audited != "visits 1" { // whose names it told
		t.Errorf("the audit has the list as %q", audited)
	}
	h.asked.n = 0
	if ask(reminders.UnsettledPath, nil); h.asked.n != 2 {
		t.Errorf("visits are asked %d times: for all of one list once, and once for their site", h.asked.n)
	}
	forms := againForm.FindAllStringSubmatch(body, -1)
	if len(forms) != 4 {
		t.Fatalf("%d messages to send again, want 4", len(forms))
	}
	for _, f := range forms {
		if status, to, _ := ask(f[1], url.Values{}); status != http.StatusSeeOther || to != reminders.UnsettledPath+"?done=again" {
			t.Errorf("again: %d to %q", status, to)
		}
	}
	if status, _, _ := ask(forms[0][1], url.Values{}); status != http.StatusNotFound {
		t.Errorf("one that waits: %d", status)
	}
	h.due()
	if text, _ := notice(auth.Scheduler); text != "1 message needs a look" { // the one that nobody can write
		t.Errorf("afterwards the desk says %q", text)
	}
	if status, _, _ := h.desk(auth.Coordinator)(reminders.UnsettledPath, nil); status != http.StatusNotFound {
		t.Errorf("a coordinator: %d", status)
	}
}

// TestPagesSayWhyNobodyWrites: a clinician who was booked by their account has the visit in the queue, and who is withdrawn is marked; neither is said to have no address.
func TestPagesSayWhyNobodyWrites(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), func(r *visits.Request) { r.People[2].Email = "" })
	const without, inQueue = "We can’t write to them. Please tell them yourself.", "They find the visit in their queue."
	path, ask := "/desk/visits/"+v.ID+"/messages", h.desk(auth.Scheduler)
	if _, _, body := ask(path, nil); strings.Count(body, without) != 1 || strings.Contains(body, inQueue) {
		t.Errorf("a clinician without an account: %s", body)
	}
	if _, err := h.db.ExecContext(t.Context(), `UPDATE invitations SET staff_id = ? WHERE id = ?`, store.NewID(), v.Invitations[2].ID); err != nil {
		t.Fatal(err)
	}
	if _, _, body := ask(path, nil); strings.Contains(body, without) || strings.Count(body, inQueue) != 1 {
		t.Errorf("a clinician with an account: %s", body)
	}
	h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, v.Invitations[1].ID))
	_, _, body := ask(path, nil)
	if strings.Count(body, `<section class="desk-day gone">`) != 1 || strings.Contains(body, without) || !strings.Contains(body, `<p class="soft">No longer invited</p>`) {
		t.Errorf("who is withdrawn: %s", body)
	}
}

// TestPagesOfConfidentialVisits: nobody is asked to tell a guardian of a confidential visit, whether the server sends messages or not.
func TestPagesOfConfidentialVisits(t *testing.T) {
	h := newHouse(t)
	yes := true
	v := h.visit(h.patient(true), func(r *visits.Request) {
		r.Confidential = &yes
		r.People[1] = visits.Person{Role: auth.Guardian, Name: guardianName}
	})
	const hidden, without = `<p class="soft">They are not told, since the visit is confidential.</p>`, "We can’t write to them."
	path := "/desk/visits/" + v.ID + "/messages"
	_, _, body := h.desk(auth.Scheduler)(path, nil)
	if strings.Count(body, hidden) != 1 || strings.Contains(body, without) || !strings.Contains(body, "This visit is confidential: of the family, we write only to the patient.") {
		t.Errorf("with messages: %s", body)
	}
	queue, err := jobs.New(t.Context(), jobs.Config{DB: h.db, Now: h.now})
	h.must(err)
	silent, err := notify.New(t.Context(), notify.Config{DB: h.db, Jobs: queue, Now: h.now})
	h.must(err)
	h.reminders = reminders.New(reminders.Config{DB: h.db, Jobs: queue, Outbox: silent, Visits: &h.asked, Policy: h.policy, Words: h.book, Now: h.now})
	_, _, body = h.desk(auth.Scheduler)(path, nil)
	if strings.Count(body, hidden) != 1 || strings.Count(body, without) != 2 || strings.Contains(body, "tell everybody") ||
		!strings.Contains(body, "This visit is confidential: of the family, please tell only the patient") {
		t.Errorf("without: %s", body)
	}
}

// TestPagesSayWhoHears: before and after a change the desk says who hears of it, as messages are sent.
func TestPagesSayWhoHears(t *testing.T) {
	const everybody, nobody, goingOn = "Everybody gets a message.", "Nobody gets a message. Please tell everybody yourself.", "No message goes out while the visit is going on."
	const guardianOnly = "A message goes to: " + guardianName + ". They get no message, so please tell them yourself: " + childName + " · Canary Doctorname."
	usual := func(*house) {}
	var h *house
	var v visits.Visit
	cancel := func() error { return h.Cancel(t.Context(), h.scheduler, v.ID) }
	move := func(m visits.Move) func() error {
		return func() error { _, err := h.Move(t.Context(), h.scheduler, v.ID, m); return err }
	}
	start := func() {
		_, err := h.db.ExecContext(t.Context(), `UPDATE visits SET state = 'in_progress' WHERE id = ?`, v.ID)
		h.must(err)
	}
	neverHeard := func() { // somebody whose invitation could not be sent
		h.refused.Store(true)
		_, err := h.Invite(h.t.Context(), h.scheduler, v.ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "aunt@example.org"})
		h.must(err)
		h.due()
		h.refused.Store(false)
	}
	for name, c := range map[string]struct {
		before func(*house)
		then   func()
		page   string
		change func() error
		done   string
		want   string
	}{
		"cancelled":                 {usual, nil, "/cancel", cancel, "cancelled", everybody},
		"moved":                     {usual, nil, "/move", move(visits.Move{StartsAt: starts.Add(time.Hour)}), "moved", everybody},
		"cancelled, never heard of": {func(h *house) { h.refused.Store(true) }, nil, "/cancel", cancel, "cancelled", guardianOnly},
		"cancelled, mail away":      {func(h *house) { h.away.Store(true) }, nil, "/cancel", cancel, "cancelled", guardianOnly},
		"moved, mail away":          {func(h *house) { h.away.Store(true) }, nil, "/move", move(visits.Move{StartsAt: starts.Add(time.Hour)}), "moved", everybody},
		"going on, another end":     {usual, func() { start() }, "/move", move(visits.Move{Minutes: 45}), "moved", goingOn},
		"going on, one never heard": {usual, func() { neverHeard(); start() }, "/move", move(visits.Move{Minutes: 45}), "moved",
			"A message goes to: Sample Aunt. Nobody else gets a message while the visit is going on."},
		"going on, cancelled":      {usual, func() { start() }, "/cancel", cancel, "cancelled", everybody},
		"after its end, cancelled": {usual, func() { h.until(starts.Add(30 * time.Minute)) }, "/cancel", cancel, "cancelled", nobody},
		"after its end, moved":     {usual, func() { h.until(starts.Add(30 * time.Minute)) }, "/move", move(visits.Move{StartsAt: starts.Add(time.Hour)}), "moved", everybody},
	} {
		t.Run(name, func(t *testing.T) {
			h = plainHouse(t)
			c.before(h)
			v = h.visit(h.patient(false), nil)
			if c.then != nil {
				c.then()
			}
			ask, path := h.desk(auth.Scheduler), "/desk/visits/"+v.ID
			wants := func(when, page string) {
				t.Helper()
				if _, _, body := ask(path+page, nil); !strings.Contains(body, c.want) {
					t.Errorf("%s the page lacks %q: %s", when, c.want, body)
				}
			}
			wants("before", c.page)
			h.must(c.change())
			wants("at once", "?done="+c.done)
			h.due()
			wants("later", "?done="+c.done)
		})
	}
}

// utc is the time zone of what is about no visit.
func utc(context.Context) (*time.Location, error) { return time.UTC, nil }
