package reminders_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/reminders"
)

type changes = []func(context.Context, *store.Tx, visits.Change) error

// wantSubjects fails unless a mailbox holds letters whose subjects begin so, in this order and no others.
func (h *house) wantSubjects(address string, want ...string) []letter {
	h.t.Helper()
	all := h.mailbox(address)
	var got []string
	for i, l := range all {
		got = append(got, l.subject)
		if i < len(want) && !strings.HasPrefix(l.subject, want[i]) {
			h.t.Errorf("letter %d to %s is %q, want %q", i, address, l.subject, want[i])
		}
	}
	if len(got) != len(want) {
		h.t.Errorf("%d letters to %s, want %d: %q", len(got), address, len(want), got)
	}
	return all
}

// TestOneVisit plays a visit that is made, moved, and takes place: each mailbox holds what it should, and a calendar one event.
func TestOneVisit(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	h.wantSubjects(guardianMail, "Visita por video con Example Children's Hospital el")
	h.wantSubjects(childMail, "Video visit with Example Children's Hospital on Wednesday 4 November 2026")
	h.wantSubjects(doctorMail, "Video visit")
	later := starts.Add(24*time.Hour + 30*time.Minute)
	_, err := h.Move(t.Context(), h.scheduler, v.ID, visits.Move{StartsAt: later})
	h.must(err)
	h.until(later)
	child := h.wantSubjects(childMail, "Video visit", "New time", "Reminder", "Reminder", "Reminder")
	guardian := h.wantSubjects(guardianMail, "Visita por video", "Nueva hora", "Recordatorio", "Recordatorio", "Recordatorio")
	doctor := h.wantSubjects(doctorMail, "Video visit", "New time")
	if n := len(h.sms[guardianCell]); n != 5 {
		t.Errorf("%d SMS, want 5: %q", n, h.sms)
	}
	for address, letters := range map[string][]letter{childMail: child, guardianMail: guardian, doctorMail: doctor} {
		events := h.calendar(letters)
		if len(events) != 1 || events[0].UID != v.ID || events[0].Sequence != 1 || events[0].Starts != later.Format("2006-01-02T15:04:05.000Z") || events[0].Status != "CONFIRMED" {
			t.Errorf("calendar of %s: %+v", address, events)
		}
		for _, l := range letters {
			if l.file != nil && l.method != "REQUEST" {
				t.Errorf("%s: a file with method %s", address, l.method)
			}
		}
	}
	own := map[string]bool{}
	for _, l := range slices.Concat(child, guardian) {
		_, after, found := strings.Cut(l.text, "https://visits.example/v#")
		if !found || !strings.Contains(l.text, "15:00") && !strings.Contains(l.text, "15:30") {
			t.Errorf("no link or time in %q", l.text)
			continue
		}
		own[after[:22]] = true
	}
	if len(own) != 2 {
		t.Errorf("%d links for two people", len(own))
	}
	for code := range own { // the link of the first message is that of the last
		if _, err := h.Redeem(t.Context(), visits.Redemption{Code: code}); fault.CodeOf(err) != fault.CodeBirthDateNeeded {
			t.Errorf("a link of a message: %v", err)
		}
	}
	for _, l := range doctor {
		if strings.Contains(l.text, "/v#") || strings.Contains(string(l.file), "/v#") {
			t.Error("a link that asks for nothing stands in a message")
		}
	}
	for _, l := range h.mail.Letters() {
		if raw := string(l.Raw); strings.Contains(raw, "Childname") || strings.Contains(raw, "Servicename") {
			t.Errorf("a name in\n%s", raw)
		}
	}
}

// TestTimes: reminders come when they should, in the zone of the site, and none at night.
func TestTimes(t *testing.T) {
	h := newHouse(t)
	early := time.Date(2026, 11, 4, 12, 30, 0, 0, time.UTC) // 7:30 in New York
	h.visit(h.patient(false), func(r *visits.Request) { r.StartsAt = early })
	for _, c := range []struct {
		at   time.Time
		want int // letters by then
	}{
		{time.Date(2026, 11, 1, 13, 45, 0, 0, time.UTC), 1}, // 8:45 on the day the clocks go back
		{time.Date(2026, 11, 1, 14, 0, 0, 0, time.UTC), 2},
		{time.Date(2026, 11, 3, 13, 45, 0, 0, time.UTC), 2},
		{time.Date(2026, 11, 3, 14, 0, 0, 0, time.UTC), 3},
		{early.Add(-75 * time.Minute), 3},
		{early.Add(-time.Hour), 4},
		{early.Add(time.Hour), 4},
	} {
		h.until(c.at)
		if n := len(h.mailbox(childMail)); n != c.want {
			t.Errorf("%d letters by %v, want %d", n, c.at, c.want)
		}
	}
	for n, l := range h.mailbox(childMail) { // a confirmation, two reminders of days before, one of the hour before
		if asks := strings.Contains(l.text, "test your camera"); asks != (n == 1 || n == 2) {
			t.Errorf("letter %d asks for a test of the devices: %v", n, asks)
		}
	}
}

// TestWhoHasTested: nobody is asked again for what they did, and whoever it did not go well for is.
func TestWhoHasTested(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	good := visits.DeviceCheck{Camera: "ok", Microphone: "ok", Speaker: "ok", Network: "ok", RTTMS: -1, LossPct: -1}
	bad := good
	bad.Camera = "fault"
	for n, check := range []visits.DeviceCheck{good, bad} {
		link := h.LinkToSend(v, v.Invitations[n])
		_, code, _ := strings.Cut(link, "#")
		e, err := h.Redeem(t.Context(), visits.Redemption{Code: code, BirthDate: v.BirthDate, Check: true})
		h.must(err)
		h.must(h.ReportCheck(t.Context(), v.ID, e.Token, check))
	}
	h.until(starts.Add(-20 * time.Hour))
	for _, c := range []struct {
		address string
		asked   bool
	}{{childMail, false}, {guardianMail, true}} {
		all := h.mailbox(c.address)
		if last := all[len(all)-1]; strings.Contains(last.text, "test your camera") != c.asked && strings.Contains(last.text, "pruebe su cámara") != c.asked {
			t.Errorf("%s is asked to test, or not: %q", c.address, last.text)
		}
	}
}

// TestLateComers: who is told of a visit shortly before is not reminded of what they have just read, and who is added later is told then.
func TestLateComers(t *testing.T) {
	h := newHouse(t)
	h.until(starts.Add(-80 * time.Minute))
	v := h.visit(h.patient(false), nil)
	h.until(starts.Add(-20 * time.Minute))
	h.wantSubjects(childMail, "Video visit")
	_, err := h.Invite(t.Context(), h.scheduler, v.ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "aunt@example.org", Language: "pt"})
	h.must(err)
	h.due()
	h.wantSubjects("aunt@example.org", "Consulta por vídeo")
	h.until(starts.Add(3 * time.Hour))
	h.wantSubjects("aunt@example.org", "Consulta por vídeo")
}

// TestCalledOff: who was told of a visit is told that it was called off, once, and their calendar takes it out. Who was not is told nothing.
func TestCalledOff(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, v.Invitations[1].ID))
	h.due()
	_, err := h.Move(t.Context(), h.scheduler, v.ID, visits.Move{StartsAt: starts.Add(time.Hour)})
	h.must(err)
	h.must(h.Cancel(t.Context(), h.scheduler, v.ID)) // before anything of the move went out
	h.must(h.Cancel(t.Context(), h.scheduler, v.ID))
	h.until(starts.Add(3 * time.Hour))
	child := h.wantSubjects(childMail, "Video visit", "Cancelled")
	guardian := h.wantSubjects(guardianMail, "Visita", "Ya sin invitación")
	if e := h.calendar(child); len(e) != 1 || e[0].Status != "CANCELLED" || e[0].Sequence != 4 {
		t.Errorf("a calendar after a cancellation: %+v", e)
	}
	if e := h.calendar(guardian); len(e) != 1 || e[0].Status != "UNINVITED" || e[0].Sequence != 1 {
		t.Errorf("a calendar after a withdrawal: %+v", e)
	}
	other, _, err := h.Create(t.Context(), h.scheduler, visits.Request{Service: serviceName, StartsAt: h.now().Add(48 * time.Hour), Minutes: 30, People: []visits.Person{
		{Role: auth.Patient, Name: "Sample Patient", Email: "other@example.org"}, {Role: auth.Clinician, Name: "Sample Clinician"}}})
	h.must(err)
	h.must(h.Cancel(t.Context(), h.scheduler, other.ID))
	h.due()
	h.wantSubjects("other@example.org")
}

// TestInvitedAgain: who is withdrawn and invited again has the visit in their calendar once more, in whatever order the letters come; nobody else is written to.
func TestInvitedAgain(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	again := visits.Person{Role: auth.Guardian, ContactID: v.Invitations[1].ContactID}
	gone := v.Invitations[1].ID
	for range 2 {
		h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, gone))
		h.due()
		link, err := h.Invite(t.Context(), h.scheduler, v.ID, again)
		h.must(err)
		h.due()
		gone = link.Invitation.ID
	}
	letters := h.wantSubjects(guardianMail, "Visita", "Ya sin invitación", "Visita", "Ya sin invitación", "Visita")
	for n, want := range []held{{Status: "CONFIRMED", Sequence: 0}, {Status: "UNINVITED", Sequence: 1}, {Status: "CONFIRMED", Sequence: 2}, {Status: "UNINVITED", Sequence: 3}, {Status: "CONFIRMED", Sequence: 4}} {
		if e := h.calendar(letters[:n+1]); len(e) != 1 || e[0].UID != v.ID || e[0].Status != want.Status || e[0].Sequence != want.Sequence {
			t.Errorf("after %d letters: %+v, want %+v", n+1, e, want)
		}
	}
	if e := h.calendar([]letter{letters[2], letters[4], letters[3], letters[1]}); len(e) != 1 || e[0].Status != "CONFIRMED" || e[0].Sequence != 4 {
		t.Errorf("in another order: %+v", e)
	}
	h.wantSubjects(childMail, "Video visit")
	moved, err := h.Move(t.Context(), h.scheduler, v.ID, visits.Move{StartsAt: starts.Add(time.Hour)})
	h.must(err)
	h.due()
	child := h.wantSubjects(childMail, "Video visit", "New time")
	if e := h.calendar(child); len(e) != 1 || e[0].Sequence != 5 || moved.Sequence != 1 {
		t.Errorf("moved: %+v, %d", e, moved.Sequence)
	}
}

// TestNewLink: who gets another link is sent it, since the old one works no more; where no link is sent, there is nothing to say.
func TestNewLink(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	for _, i := range v.Invitations {
		_, err := h.Resend(t.Context(), h.scheduler, v.ID, i.ID, true)
		h.must(err)
		_, err = h.Resend(t.Context(), h.scheduler, v.ID, i.ID, false)
		h.must(err)
	}
	h.due()
	child := h.wantSubjects(childMail, "Video visit", "New link")
	h.wantSubjects(guardianMail, "Visita", "Nuevo enlace")
	h.wantSubjects(doctorMail, "Video visit")
	if e := h.calendar(child); len(e) != 1 || e[0].Sequence != 0 || !strings.Contains(child[1].text, e[0].URL) {
		t.Errorf("a calendar after a new link: %+v", e)
	}
}

// TestMoveWhileMailIsAway: what could not be sent is not sent any more once it is wrong.
func TestMoveWhileMailIsAway(t *testing.T) {
	h := newHouse(t)
	h.away.Store(true)
	v := h.visit(h.patient(false), nil)
	_, err := h.Move(t.Context(), h.scheduler, v.ID, visits.Move{StartsAt: starts.Add(time.Hour)})
	h.must(err)
	h.due()
	h.away.Store(false)
	h.until(noon.Add(2 * time.Hour))
	letters := h.wantSubjects(childMail, "Video visit")
	if len(letters) == 1 && !strings.Contains(letters[0].text, "16:00") {
		t.Errorf("told %q", letters[0].text)
	}
}

// TestWithdrawnWhileMailIsAway: who never heard of a visit, or of a series, does not hear that they are out of it; whoever else waits for their letter gets it.
func TestWithdrawnWhileMailIsAway(t *testing.T) {
	for subject, plan := range map[string]func(h *house) []visits.Visit{
		"Video visit":  func(h *house) []visits.Visit { return []visits.Visit{h.visit(h.patient(false), nil)} },
		"Video visits": func(h *house) []visits.Visit { return h.series(h.patient(false), 3, nil) },
	} {
		h := plainHouse(t)
		h.away.Store(true)
		all := plan(h)
		h.due()
		for _, v := range all {
			guardian := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.Role == auth.Guardian })
			h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, v.Invitations[guardian].ID))
		}
		h.away.Store(false)
		h.until(noon.Add(2 * time.Hour))
		h.wantSubjects(guardianMail)
		h.wantSubjects(childMail, subject)
	}
}

// TestLanguages: each language says each kind of message, with nothing left to fill in.
func TestLanguages(t *testing.T) {
	h := newHouse(t)
	for _, tag := range []string{"en", "es", "pt", "ar", "ht", "zh-Hans"} {
		address := strings.ToLower(tag) + "@example.org"
		v, links, err := h.Create(t.Context(), h.scheduler, visits.Request{Service: serviceName, StartsAt: h.now().Add(2 * time.Hour), Minutes: 30, AskBirthDate: true, BirthDate: "2012-05-31", AllowOverlap: true,
			People: []visits.Person{{Role: auth.Patient, Name: "Sample Patient", Email: phi.Text("p" + address), Language: tag}, {Role: auth.Guardian, Name: "Sample Guardian", Email: phi.Text("g" + address), Language: tag}, {Role: auth.Clinician, Name: "Sample Clinician"}}})
		h.must(err)
		h.due()
		_, err = h.Resend(t.Context(), h.scheduler, v.ID, links[0].Invitation.ID, true)
		h.must(err)
		h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, links[1].Invitation.ID))
		h.due()
		_, err = h.reminders.Late(t.Context(), h.scheduler, v.ID, 15)
		h.must(err)
		h.until(v.StartsAt.Add(-time.Hour))
		_, err = h.Move(t.Context(), h.scheduler, v.ID, visits.Move{Minutes: 45})
		h.must(err)
		h.due()
		h.must(h.Cancel(t.Context(), h.scheduler, v.ID))
		h.due()
		letters := slices.Concat(h.mailbox("p"+address), h.mailbox("g"+address))
		if len(letters) != 8 {
			t.Errorf("%s: %d letters, want 8", tag, len(letters))
		}
		for _, l := range letters {
			if strings.ContainsAny(l.subject+l.text, "{}") || strings.Contains(l.subject+l.text, "reminders.") || tag != "en" && strings.Contains(l.text, "visit with") {
				t.Errorf("%s: %q\n%s", tag, l.subject, l.text)
			}
		}
	}
}

func TestSteps(t *testing.T) {
	for s, want := range map[string]string{"3d,1d,1h": "3d 1d 1h", " 30m , 90m": "30m 90m", "none": "", "2h": "2h", "": "!", "3": "!", "0d": "!", "-1d": "!", "61d": "!", "1d,1d": "!", "1d,": "!", "1h,2h,3h,4h,5h,6h,7h": "!"} {
		steps, err := reminders.ParseSteps(s)
		var got []string
		for _, step := range steps {
			got = append(got, step.String())
		}
		if joined := strings.Join(got, " "); (err != nil) != (want == "!") || err == nil && joined != want {
			t.Errorf("%q: %q, %v", s, joined, err)
		}
	}
}

// TestMendedAddress: who was written to at a wrong address is told at the right one; a new link comes along where links stand in messages, and reminders follow.
func TestMendedAddress(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	aunt, err := h.Invite(t.Context(), h.scheduler, v.ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "wrong@example.org", Language: "en"})
	h.must(err)
	h.due()
	h.wantSubjects("wrong@example.org", "Video visit")
	right := phi.Text("aunt@example.org")
	_, err = h.Mend(t.Context(), h.scheduler, v.ID, aunt.Invitation.ID, visits.Mend{Email: &right})
	h.must(err)
	h.due()
	h.wantSubjects("aunt@example.org", "New link")
	doctor := v.Invitations[slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.Role == auth.Clinician })]
	elsewhere := phi.Text("elsewhere@example.org")
	_, err = h.Mend(t.Context(), h.scheduler, v.ID, doctor.ID, visits.Mend{Email: &elsewhere})
	h.must(err)
	h.due()
	h.wantSubjects("elsewhere@example.org", "Video visit")
	h.until(starts.Add(-20 * time.Hour))
	h.wantSubjects("aunt@example.org", "New link", "Reminder", "Reminder")
	h.wantSubjects("wrong@example.org", "Video visit")
}

// TestDueWhilePlanned: a reminder whose time has come, and that is about to be tried again, is not put off by planning visits of before.
func TestDueWhilePlanned(t *testing.T) {
	h := newHouse(t)
	h.visit(h.patient(false), nil)
	due := starts.Add(-72 * time.Hour)
	h.until(due.Add(-time.Minute))
	h.mu.Lock()
	h.clock = due.Add(time.Minute)
	h.mu.Unlock()
	_, err := h.db.ExecContext(t.Context(), `UPDATE jobs SET next_at = ? WHERE kind = 'visits.remind'`, store.Millis(due.Add(2*time.Minute)))
	h.must(err)
	h.must(h.reminders.PlanBefore(t.Context()))
	h.due()
	h.wantSubjects(childMail, "Video visit")
	h.until(due.Add(5 * time.Minute))
	h.wantSubjects(childMail, "Video visit", "Reminder")
}
