package queue_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/queue"
)

// noteID is that of what a form tells.
var noteID = regexp.MustCompile(`name="note" value="([^"]+)"`)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()},
		storetest.Tables{Name: "staff", Files: staff.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()}))
}

func (c *clinic) audited(action, outcome string) (n int) {
	c.t.Helper()
	if err := c.db.QueryRowContext(c.t.Context(), `SELECT COUNT(*) FROM audit WHERE action = ? AND outcome = ?`, action, outcome).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestTheDay: whose visits a reader sees, in which part, and what is said of who waits.
func TestTheDay(t *testing.T) {
	c := newClinic(t)
	ada, ben := c.signIn("Ada Sample", auth.Clinician), c.signIn("Ben Sample", auth.Clinician)
	sam := c.signIn("Sam Sample", auth.Scheduler)
	soon := c.book(ada, 20, func(r *visits.Request) {
		r.Interpreter, r.InterpreterLanguage = visits.InterpreterConfirmed, "ase"
	})
	late := c.book(ada, -10)
	c.book(ada, 24*60) // another day
	his := c.book(ben, 40, func(r *visits.Request) { r.People[2].Name = "Lou Example" })
	skin := c.book(ben, 60, func(r *visits.Request) { r.ServiceID, r.People[2].Name = c.skin.ID, "Max Example" })
	over := c.book(ada, 30)
	if err := c.Cancel(t.Context(), c.desk, over.ID); err != nil {
		t.Fatal(err)
	}

	if to := ada.get("/").Header.Get("Location"); to != queue.Path {
		t.Errorf("a clinician comes home to %q", to)
	}
	if to := sam.get("/").Header.Get("Location"); to != desk.Path {
		t.Errorf("a scheduler comes home to %q", to)
	}
	page := ada.get(queue.Path)
	g := page.groups()
	wants(t, g["waiting"], "Nobody is waiting.")
	wants(t, g["next"], "07:20–07:50", "Robin Example", "age 14", "Open", "Cardiology · Interpreter confirmed: American Sign Language", "Kim Example Parent or guardian · English Not here yet",
		"06:50–07:20", "Due", "Running late", "No-show : Robin Example")
	wants(t, g["over"], "Cancelled")
	wantsNot(t, g["over"], "Not here yet")
	wantsNot(t, page.body, "Lou Example", "Max Example", "Ada Sample</b>", "2025550", "202-555-0")
	wants(t, text(page.body), "Times are in New York time.")

	// Who waits longest comes first.
	guardian := soon.Invitations[2].ID
	c.comes(soon.ID, false, queue.Present{Session: "one", Invitation: guardian, Waiting: true, Since: noon.Add(-7 * time.Minute), Way: "relay", Check: &visits.DeviceCheck{Camera: "fault", Microphone: "ok", Speaker: "unknown", Network: "poor"}},
		queue.Present{Session: "two", Invitation: soon.Invitations[1].ID, Since: noon})
	c.comes(late.ID, false, queue.Present{Session: "three", Invitation: late.Invitations[0].ID, Waiting: true, Since: noon.Add(-9 * time.Minute), Check: &visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "unknown", Network: "unknown"}, Away: true})
	page = ada.get(queue.Path)
	g = page.groups()
	wants(t, g["waiting"], "Kim Example Parent or guardian · English Waiting since 06:53 7 min No camera Weak line Connected by relay", "Connection lost since 06:51 9 min Devices work", "Join and admit")
	if first, second := strings.Index(g["waiting"], "06:50"), strings.Index(g["waiting"], "07:20–"); first < 0 || second < first {
		t.Errorf("who waits longest does not come first: %s", g["waiting"])
	}
	wantsNot(t, g["waiting"], "No-show")
	wants(t, page.body, "<title>(2) Today")

	// On another device in the visit: nobody waits.
	c.comes(soon.ID, false, queue.Present{Session: "one", Invitation: guardian, Waiting: true, Since: noon}, queue.Present{Session: "four", Invitation: guardian, Since: noon})
	wants(t, ada.get(queue.Path).groups()["live"], "Kim Example", "In the visit")

	// Colleagues' visits: of one's own services alone, and there is nothing to press.
	all := ada.get(queue.Path + "?show=all")
	wants(t, all.body, "Lou Example", "Ben Sample")
	wantsNot(t, all.body, "Max Example", `id="join-`+his.ID, `id="call-`+his.ID, `id="hand-`+his.ID)
	wantsNot(t, ada.get(queue.Path+"?show="+c.skin.ID).body, "Max Example")
	wants(t, ada.get(queue.Path+"?show="+c.heart.ID).body, "Lou Example")
	wants(t, ben.get(queue.Path).body, "Lou Example", "Max Example")
	desk := sam.get(queue.Path)
	wants(t, desk.body, "Lou Example", "Max Example", "Kim Example", "Ada Sample")
	wantsNot(t, desk.body, `id="join-`, `id="call-`, "age 14")
	wantsNot(t, sam.get(queue.Path+"?show="+c.skin.ID).body, "Lou Example")
	_ = skin

	c.mu.Lock()
	c.unknown = errors.New("a node is silent")
	c.mu.Unlock()
	wants(t, text(ada.get(queue.Path).body), "Not everything could be asked just now.")
	if c.audited("queue.read", "allowed") < 10 {
		t.Error("the audit does not have who looked")
	}

	// Past midnight what goes on is still there, and what is over is not.
	c.at(noon.Add(19 * time.Hour))
	if page := ada.get(queue.Path); strings.Contains(page.body, "Cancelled") {
		t.Error("the day before is shown")
	}
}

// TestLastDeviceCheck: how somebody's devices did last stays in sight when they come anew, with when that was, until they try them again.
func TestLastDeviceCheck(t *testing.T) {
	c := newClinic(t)
	ada := c.signIn("Ada Sample", auth.Clinician)
	v := c.book(ada, 10)
	guardian := v.Invitations[2].ID
	of := auth.Actor{Kind: auth.KindInvitation, ID: guardian, Role: auth.Guardian}
	keep := func(d visits.DeviceCheck) {
		t.Helper()
		if err := c.KeepCheck(t.Context(), v.ID, of, d); err != nil {
			t.Fatal(err)
		}
	}
	unknown := visits.DeviceCheck{Camera: "unknown", Microphone: "unknown", Speaker: "unknown", Network: "unknown", RTTMS: -1, LossPct: -1, Browser: "Firefox 140, Android"}
	waits := func(own *visits.DeviceCheck) string {
		t.Helper()
		c.comes(v.ID, false, queue.Present{Session: store.NewID(), Invitation: guardian, Waiting: true, Since: noon, Check: own})
		return ada.get(queue.Path).groups()["waiting"]
	}
	wants(t, waits(nil), "Devices not checked")
	failed := unknown
	failed.Camera, failed.At = "fault", noon.Add(-4*time.Minute)
	keep(failed)
	unknown.At = noon
	keep(unknown) // found nothing out
	wants(t, waits(nil), "No camera tried 06:56")
	wants(t, waits(&unknown), "No camera tried 06:56")
	wantsNot(t, waits(&unknown), "Devices not checked", "Firefox")
	other := unknown
	other.Browser = "Chrome 126, Windows"
	wants(t, waits(&other), "No camera tried 06:56 · Firefox 140, Android")
	well := unknown
	well.Camera, well.Microphone = "ok", "ok"
	wants(t, waits(&well), "Devices work")
	wantsNot(t, waits(&well), "No camera", "tried")

	// On the same browser what was not looked for again stays, and on another nothing does.
	heard := unknown
	heard.Microphone = "ok"
	keep(heard)
	c.comes(v.ID, false)
	wants(t, ada.get(queue.Path).groups()["next"], "Not here yet No camera tried 07:00")
	for confidential, says := range []func(*testing.T, string, ...string){wants, wantsNot} { // of a confidential visit a guardian is not told
		if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET confidential = ? WHERE id = ?`, confidential, v.ID); err != nil {
			t.Fatal(err)
		}
		says(t, ada.get(queue.Path).groups()["next"], "No camera")
	}
	if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET confidential = 0 WHERE id = ?`, v.ID); err != nil {
		t.Fatal(err)
	}
	c.at(noon.Add(-24 * time.Hour))
	heard.Browser = other.Browser
	keep(heard)
	c.at(noon)
	wants(t, waits(&unknown), "Devices not checked")
	if n := c.audited("device_check.report", "allowed"); n != 3 {
		t.Errorf("%d reports in the audit", n)
	}
	err := c.KeepCheck(t.Context(), v.ID, auth.Actor{Kind: auth.KindInvitation, ID: store.NewID(), Role: auth.Guest}, failed)
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("a stranger's check: %v", err)
	}
}

// TestActs: what who leads a visit does from the queue, and that nobody else does.
func TestActs(t *testing.T) {
	c := newClinic(t)
	ada, ben := c.signIn("Ada Sample", auth.Clinician), c.signIn("Ben Sample", auth.Clinician)
	sam := c.signIn("Sam Sample", auth.Scheduler)
	v := c.book(ada, -10, func(r *visits.Request) { r.People[2].Phone = "+12025550102" })
	path := "/queue/visits/" + v.ID

	for _, other := range []staffer{ben, sam} {
		for _, act := range []string{"/numbers", "/no-show", "/came", "/hand-over", "/late", "/tell"} {
			if r := other.send(http.MethodPost, path+act, url.Values{"to": {ben.id}, "minutes": {"20"}}); r.StatusCode != http.StatusNotFound || strings.Contains(r.body, "Robin") {
				t.Errorf("POST %s by another: %d", act, r.StatusCode)
			}
		}
		if r := other.send(http.MethodPost, "/v/"+v.ID+"/enter", url.Values{}); r.StatusCode != http.StatusNotFound {
			t.Errorf("another comes in: %d", r.StatusCode)
		}
	}
	if c.audited("queue.numbers", "refused") != 1 || c.audited("visit.enter", "refused") != 1 {
		t.Error("the audit does not have what was refused")
	}

	numbers := ada.send(http.MethodPost, path+"/numbers", url.Values{})
	wants(t, numbers.body, `href="tel:&#43;12025550102"`, `href="tel:&#43;12025550101"`, `href="tel:&#43;12025550100"`, "202-555-0101")
	if c.audited("queue.numbers", "allowed") != 1 {
		t.Error("the audit does not have who saw the numbers")
	}
	secret := c.book(ada, 0, func(r *visits.Request) {
		yes := true
		r.Confidential, r.People = &yes, []visits.Person{{Role: auth.Patient}, {Role: auth.Clinician}, {Name: "Kim Example", Role: auth.Guardian}}
	})
	numbers = ada.send(http.MethodPost, "/queue/visits/"+secret.ID+"/numbers", url.Values{})
	wants(t, numbers.body, "12025550100")
	wantsNot(t, numbers.body, "12025550101", "12025550102")

	// A number of the patient's own, kept on the invitation, that has become a guardian's.
	secret = c.book(ada, 60, func(r *visits.Request) {
		yes := true
		r.Confidential, r.People = &yes, []visits.Person{{Role: auth.Patient}, {Role: auth.Clinician}}
	})
	if _, err := c.db.ExecContext(t.Context(), `UPDATE invitations SET phone = '+12025550101', contact_id = '' WHERE visit_id = ? AND role = 'patient'`, secret.ID); err != nil {
		t.Fatal(err)
	}
	numbers = ada.send(http.MethodPost, "/queue/visits/"+secret.ID+"/numbers", url.Values{})
	wants(t, numbers.body, "12025550100")
	wantsNot(t, numbers.body, "12025550101")

	// Into the visit, by one click.
	in := ada.send(http.MethodPost, "/v/"+v.ID+"/enter", url.Values{})
	if in.StatusCode != http.StatusSeeOther || in.Header.Get("Location") != "/v/"+v.ID+"/" || len(in.Cookies()) != 1 || in.Cookies()[0].Path != "/v/"+v.ID+"/" {
		t.Fatalf("led to %d %s with %v", in.StatusCode, in.Header.Get("Location"), in.Cookies())
	}

	// Nobody came, unless somebody waits. What is done has its own row, and no other that it was read; what is shown again has.
	seen := c.audited("queue.visit", "allowed")
	reads := func(more int) {
		t.Helper()
		if n := c.audited("queue.visit", "allowed"); n != seen+more {
			t.Errorf("read %d times, want %d", n-seen, more)
		}
		seen = c.audited("queue.visit", "allowed")
	}
	if r := ada.send(http.MethodPost, path+"/hand-over", url.Values{"to": {ben.id[:8]}}); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("handed to nobody: %d", r.StatusCode)
	}
	reads(1)
	wants(t, text(ada.get(path+"/no-show").body), "Did nobody come?", "Mark as no-show")
	c.comes(v.ID, false, queue.Present{Session: "one", Invitation: v.Invitations[0].ID, Waiting: true, Since: noon})
	if r := ada.send(http.MethodPost, path+"/no-show", url.Values{}); r.StatusCode != http.StatusConflict || !strings.Contains(r.body, "Somebody is waiting") {
		t.Errorf("no-show of who waits: %d", r.StatusCode)
	}
	c.comes(v.ID, false)
	seen = c.audited("queue.visit", "allowed")
	if r := ada.send(http.MethodPost, path+"/no-show", url.Values{}); r.Header.Get("Location") != queue.Path+"?done=no-show" {
		t.Fatalf("no-show: %d %s", r.StatusCode, text(r.body))
	}
	reads(0)
	page := ada.get(queue.Path + "?done=no-show")
	wants(t, page.groups()["over"], "No-show", "They came after all", "Call-back number")
	wants(t, text(page.body), "The visit is marked as a no-show.")
	if r := ada.send(http.MethodPost, path+"/came", url.Values{}); r.Header.Get("Location") != queue.Path+"?done=came" {
		t.Errorf("they came: %d", r.StatusCode)
	}

	// A message to who waits, until they don't.
	c.comes(v.ID, false, queue.Present{Session: "one", Invitation: v.Invitations[0].ID, Waiting: true, Since: noon})
	wants(t, ada.get(queue.Path).groups()["waiting"], "Send a message : Robin Example")
	form := ada.get(path + "/tell")
	wants(t, text(form.body), "Waiting Robin Example Patient · Español", "We’ll be with you in a few minutes.", "Your own words")
	wantsNot(t, text(form.body), "Kim Example")
	note := noteID.FindStringSubmatch(form.body)[1]
	wants(t, text(ada.send(http.MethodPost, path+"/tell", url.Values{"note": {note}, "text": {" "}}).body), "Write what they are to be told.")
	long := ada.send(http.MethodPost, path+"/tell", url.Values{"note": {note}, "text": {strings.Repeat("é", 501)}})
	if wants(t, text(long.body), "at most"); long.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(long.body, "ééé") {
		t.Errorf("too long: %d", long.StatusCode)
	}
	for _, typed := range []url.Values{{"note": {note}, "text": {"Please stay."}}, {"note": {note}, "text": {"\u202ePlease\u202c stay."}}, {"note": {note}, "ready": {"soon"}}} {
		if r := ada.send(http.MethodPost, path+"/tell", typed); r.Header.Get("Location") != queue.Path+"?done=told" {
			t.Errorf("%v: %d %s", typed, r.StatusCode, text(r.body))
		}
	}
	if len(c.told) != 3 || c.told[0] != c.told[1] || c.told[0].ID == c.told[2].ID {
		t.Fatalf("the same, and other words of one form: %+v", c.told)
	}
	want := []queue.Note{{ID: c.told[0].ID, Text: "Please stay."}, {ID: c.told[2].ID, Text: "We’ll be with you in a few minutes.", Ready: "soon"}}
	if !slices.Equal(c.told[1:], want) || c.by[0] != c.by[2] || !store.IsID(c.by[0]) {
		t.Errorf("told %+v by %v", c.told, c.by)
	}
	c.comes(v.ID, false)
	if r := ada.send(http.MethodPost, path+"/tell", url.Values{"note": {note}, "text": {"Too late"}}); r.StatusCode != http.StatusConflict || !strings.Contains(r.body, "Nobody waits any more") {
		t.Errorf("told nobody: %d", r.StatusCode)
	}
	if n, none := c.audited("visit.tell", "allowed"), c.audited("visit.tell", "refused"); n != 3 || none != 1 {
		t.Errorf("%d messages in the audit, want the three that were sent, and %d to nobody", n, none)
	}
	c.mu.Lock()
	c.tooMany = "speak:" + ada.id
	c.mu.Unlock()
	c.comes(v.ID, false, queue.Present{Session: "one", Invitation: v.Invitations[0].ID, Waiting: true, Since: noon})
	often := ada.send(http.MethodPost, path+"/tell", url.Values{"note": {note}, "text": {"Once more"}})
	wants(t, text(often.body), "Send this one in 2 minutes.", "Once more")
	if often.StatusCode != http.StatusTooManyRequests || often.Header.Get("Retry-After") != "90" || len(c.told) != 3 {
		t.Errorf("too many: %d, again after %q", often.StatusCode, often.Header.Get("Retry-After"))
	}
	c.comes(v.ID, false)

	// Late.
	wants(t, text(ada.get(path+"/late").body), "20 minutes", "Send messages")
	if r := ada.send(http.MethodPost, path+"/late", url.Values{"minutes": {"٢٠"}}); r.Header.Get("Location") != queue.Path+"?done=late" || len(c.late) != 1 || c.late[0] != 20 {
		t.Errorf("late: %d %v", r.StatusCode, c.late)
	}

	// Handed over, only where that is meant.
	wants(t, text(ada.get(path+"/hand-over").body), "Ben Sample", "I stay invited too")
	wants(t, text(ada.send(http.MethodPost, path+"/hand-over", url.Values{}).body), "Choose a colleague")
	c.book(ben, -5)
	wants(t, text(ada.send(http.MethodPost, path+"/hand-over", url.Values{"to": {ben.id}}).body), "This colleague has another visit at that time", "Hand over all the same")
	if r := ada.send(http.MethodPost, path+"/hand-over", url.Values{"to": {ben.id}, "allow_overlap": {"yes"}}); r.Header.Get("Location") != queue.Path+"?done=handed" {
		t.Fatalf("handed over: %d %s", r.StatusCode, text(r.body))
	}
	if mine, his := ada.get(queue.Path).body, ben.get(queue.Path).body; strings.Contains(mine, `id="join-`+v.ID) || !strings.Contains(his, `id="join-`+v.ID) {
		t.Error("the visit is not in the colleague's queue alone")
	}
	if r := ada.get(path); r.Header.Get("Location") != queue.Path {
		t.Errorf("a visit's address leads to %q", r.Header.Get("Location"))
	}
}

// TestStream: the stream tells at once and always which page would be drawn, whatever happened to the connection.
func TestStream(t *testing.T) {
	c := newClinic(t)
	ada := c.signIn("Ada Sample", auth.Clinician)
	v := c.book(ada, 5)
	page := func() string { return ada.get(queue.Path).version() }
	empty := page()
	l := ada.listen("/queue/events")
	l.tells(empty, 0)

	waits := queue.Present{Session: "one", Invitation: v.Invitations[0].ID, Waiting: true, Since: noon}
	c.comes(v.ID, true, waits)
	one := page()
	if one == empty {
		t.Fatal("the page is the same with somebody who waits")
	}
	l.tells(one, 1)
	// On another node, of which no bell tells; and from the desk.
	waits.Check = &visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok"}
	c.comes(v.ID, false, waits)
	l.tells(page(), 1)
	other := c.book(ada, 50)
	l.tells(page(), 1)

	// What happens while the line is cut is told by the next.
	l.cut()
	l.ends()
	c.comes(v.ID, true)
	if err := c.Cancel(t.Context(), c.desk, other.ID); err != nil {
		t.Fatal(err)
	}
	again := ada.listen("/queue/events")
	if e, ok := again.next(); !ok || e != (told{page(), 0}) {
		t.Errorf("told %+v after a lost connection", e)
	}
	// It lasts, however long the server lets others read and write, and no minute that somebody waits is a change.
	c.comes(v.ID, true, waits)
	again.tells(page(), 1)
	c.at(noon.Add(2 * time.Minute))
	for beats := time.Duration(0); beats < strictly/every+5; {
		line, ok := <-again.lines
		if !ok || strings.HasPrefix(line, "data:") {
			t.Fatalf("the stream told %q, or ended: %v", line, ok)
		}
		if strings.HasPrefix(line, ":") {
			beats++
		}
	}

	// Nothing of a person is in it, and no page but a script's opens it.
	if r := ada.get("/queue/events"); r.Header.Get("Location") != queue.Path {
		t.Errorf("its address opened by hand: %d", r.StatusCode)
	}
}

// TestStreamsEnd: a stream ends with the session, the account, the role, at the lock and when the node goes; nobody has too many.
func TestStreamsEnd(t *testing.T) {
	c := newClinic(t)
	set := func(s staffer, what string, value any) {
		t.Helper()
		if _, err := c.db.ExecContext(t.Context(), `UPDATE staff_accounts SET `+what+` = ? WHERE id = ?`, value, s.id); err != nil {
			t.Fatal(err)
		}
	}
	for name, end := range map[string]func(staffer){
		"signed out":   func(s staffer) { s.send(http.MethodPost, "/sign-out", url.Values{}) },
		"switched off": func(s staffer) { set(s, "disabled_at", 1) },
		"another role": func(s staffer) { set(s, "role", string(auth.Scheduler)) },
	} {
		s := c.signIn("Sample "+name, auth.Clinician)
		l := s.listen("/queue/events")
		if _, ok := l.next(); !ok {
			t.Fatalf("%s: no stream", name)
		}
		end(s)
		l.ends()
	}

	// Nobody is there by listening alone: the page locks, and with it the stream.
	ada := c.signIn("Ada Sample", auth.Clinician)
	l := ada.listen("/queue/events")
	l.next()
	c.at(noon.Add(31 * time.Minute))
	l.ends()
	if l := ada.listen("/queue/events"); l.status != http.StatusUnauthorized {
		t.Errorf("a locked page listens: %d", l.status)
	}
	c.at(noon)

	var open []*line
	for range 5 {
		l := ada.listen("/queue/events")
		l.next()
		open = append(open, l)
	}
	if l := ada.listen("/queue/events"); l.status != http.StatusTooManyRequests {
		t.Errorf("the sixth: %d", l.status)
	}
	open[0].cut()
	open[0].ends()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l := ada.listen("/queue/events")
		if l.status == http.StatusOK {
			open[0] = l
			break
		}
		if time.Now().After(end) {
			t.Fatal("a stream that ended leaves no room")
		}
	}
	if err := c.queue.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range open {
		l.ends()
	}
	if l := ada.listen("/queue/events"); l.status != http.StatusServiceUnavailable {
		t.Errorf("a node that goes: %d", l.status)
	}
}
