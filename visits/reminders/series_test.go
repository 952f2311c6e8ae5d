package reminders_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
)

// series makes weekly visits of a patient, and has nobody told yet.
func (h *house) series(p people.Patient, count int, change func(*visits.Request)) (all []visits.Visit) {
	h.t.Helper()
	made, err := h.CreateSeries(h.t.Context(), h.scheduler, request(p, change), visits.Repeat{Weeks: 1, Count: count})
	h.must(err)
	for _, m := range made {
		all = append(all, m.Visit)
	}
	return all
}

// of are the parts of a visit's day and time that an English letter of a series has.
func of(starts time.Time) string {
	local := starts.In(must(time.LoadLocation("America/New_York")))
	return local.Format("Monday 2 January 2006 at 15:04")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var dated = regexp.MustCompile(`(?m)^(.*) <https://visits\.example/v#([\w-]{22})>\r?$`)

// TestSeriesInOne: everybody gets one letter about all visits of a series, whose links and events are each visit's own. Later each visit is told of by itself.
func TestSeriesInOne(t *testing.T) {
	h := plainHouse(t)
	all := h.series(h.patient(false), 10, nil)
	h.due()
	h.wantSubjects(guardianMail, "Visitas por video con Example Children's Hospital a partir del miércoles")
	h.wantSubjects(doctorMail, "Video visits")
	child := h.wantSubjects(childMail, "Video visits with Example Children's Hospital from Wednesday 4 November 2026")[0]
	if len(h.sms) != 0 {
		t.Errorf("SMS to who has the letter: %q", h.sms)
	}
	lines := dated.FindAllStringSubmatch(child.text, -1)
	if len(lines) != len(all) {
		t.Fatalf("%d dates in\n%s", len(lines), child.text)
	}
	for n, v := range all {
		if lines[n][1] != of(v.StartsAt) {
			t.Errorf("date %d is %q, want %q", n, lines[n][1], of(v.StartsAt))
		}
		if _, err := h.Redeem(t.Context(), visits.Redemption{Code: lines[n][2], BirthDate: v.BirthDate, Check: true}); err != nil || !strings.HasSuffix(h.LinkToSend(v, v.Invitations[0]), lines[n][2]) {
			t.Errorf("the link of visit %d: %v", n, err)
		}
	}
	events := h.calendar([]letter{child})
	if len(events) != len(all) || child.method != "PUBLISH" {
		t.Errorf("%d events, %s", len(events), child.method)
	}
	for n, e := range events {
		if v := all[n]; e.UID != v.ID || e.Sequence != 0 || e.Starts != v.StartsAt.Format("2006-01-02T15:04:05.000Z") || !strings.HasSuffix(e.URL, lines[n][2]) {
			t.Errorf("event %d: %+v", n, e)
		}
	}
	for _, l := range h.mail.Letters() {
		raw := string(l.Raw)
		if strings.Contains(raw, "Childname") || strings.Contains(raw, "Servicename") || strings.Count(raw, "Content-Type: text/calendar") != 1 {
			t.Errorf("a name, or not one calendar, in\n%s", raw)
		}
		if l.To[0] == doctorMail && strings.Contains(raw, "/v#") {
			t.Error("a link that asks for nothing stands in a message")
		}
	}

	_, err := h.Move(t.Context(), h.scheduler, all[3].ID, visits.Move{StartsAt: all[3].StartsAt.Add(time.Hour)})
	h.must(err)
	h.must(h.Cancel(t.Context(), h.scheduler, all[4].ID))
	_, err = h.Resend(t.Context(), h.scheduler, all[5].ID, all[5].Invitations[0].ID, true)
	h.must(err)
	h.due()
	letters := h.mailbox(childMail)
	var subjects []string
	for _, l := range letters[1:] {
		subject, _, _ := strings.Cut(l.subject, ":")
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects)
	if !slices.Equal(subjects, []string{"Cancelled", "New link", "New time"}) || len(h.sms[guardianCell]) != 2 {
		t.Errorf("afterwards: %q, %q", subjects, h.sms)
	}
	for n, e := range h.calendar(letters) {
		want := map[int]string{3: "CONFIRMED 1", 4: "CANCELLED 1"}[n]
		if got := fmt.Sprint(e.Status, " ", e.Sequence); e.UID != all[n].ID || want != "" && got != want || want == "" && got != "CONFIRMED 0" {
			t.Errorf("event %d after changes: %+v", n, e)
		}
	}
	h.until(starts)
	if reminders := h.mailbox(childMail)[len(letters):]; len(reminders) != 3 || !strings.Contains(reminders[2].text, lines[0][2]) {
		t.Errorf("reminders of the first visit: %+v", reminders)
	}
	if n := len(h.sms[guardianCell]); n != 5 {
		t.Errorf("%d SMS, want three reminders", n)
	}
}

// TestSeriesAsItIs: what changes before the letter is sent is told as it is then, in the same letter, also while no mail goes out.
func TestSeriesAsItIs(t *testing.T) {
	h := plainHouse(t)
	h.away.Store(true)
	all := h.series(h.patient(false), 6, nil)
	move := func(n int) {
		t.Helper()
		all[n].StartsAt = all[n].StartsAt.Add(time.Hour)
		_, err := h.Move(t.Context(), h.scheduler, all[n].ID, visits.Move{StartsAt: all[n].StartsAt})
		h.must(err)
	}
	move(1)
	h.must(h.Cancel(t.Context(), h.scheduler, all[2].ID))
	h.due()
	move(3)
	h.must(h.Cancel(t.Context(), h.scheduler, all[4].ID))
	h.due()
	if n := len(h.mail.Letters()); n != 0 {
		t.Fatalf("%d letters while no mail goes out", n)
	}
	h.away.Store(false)
	h.until(noon.Add(2 * time.Hour))
	letters := h.wantSubjects(childMail, "Video visits")
	h.wantSubjects(doctorMail, "Video visits")
	lines := dated.FindAllStringSubmatch(letters[0].text, -1)
	for n, i := range []int{0, 1, 3, 5} {
		if len(lines) != 4 || lines[n][1] != of(all[i].StartsAt) {
			t.Errorf("dates %q, want %s", lines, of(all[i].StartsAt))
		}
	}
	if e := h.calendar(letters); len(e) != 4 || e[1].Sequence != 1 || e[2].Sequence != 1 {
		t.Errorf("a calendar: %+v", e)
	}
	for n, v := range all {
		statuses, err := h.outbox.About(t.Context(), v.ID)
		if want := map[int]int{2: 0, 4: 0}; err != nil || len(statuses) != 3 && len(statuses) != want[n] {
			t.Errorf("messages about visit %d: %+v, %v", n, statuses, err)
		}
	}
}

// TestSeriesMeanwhile: what is called off or moved while somebody decides who is told of the series is not told, so nobody hears of its end or of another time.
func TestSeriesMeanwhile(t *testing.T) {
	h := plainHouse(t)
	h.away.Store(true)
	all := h.series(h.patient(false), 4, nil)
	h.asked.meanwhile = func() {
		h.must(h.Cancel(t.Context(), h.scheduler, all[2].ID))
		_, err := h.Move(t.Context(), h.scheduler, all[3].ID, visits.Move{StartsAt: all[3].StartsAt.Add(time.Hour)})
		h.must(err)
	}
	h.due()
	h.away.Store(false)
	h.until(noon.Add(2 * time.Hour))
	h.wantSubjects(doctorMail, "Video visits")
	if letters := h.wantSubjects(childMail, "Video visits"); len(dated.FindAllString(letters[0].text, -1)) != 3 {
		t.Errorf("told %q", letters[0].text)
	}
}

// TestSeriesByOthers: who can't hear of one of the visits reads of the others; who is invited later, or to one alone, is told of that as of any visit.
func TestSeriesByOthers(t *testing.T) {
	h := plainHouse(t)
	p := h.patient(true)
	all := h.series(p, 4, nil)
	confidential := true
	h.must(h.Withdraw(t.Context(), h.scheduler, all[2].ID, all[2].Invitations[1].ID))
	_, err := h.Edit(t.Context(), h.scheduler, all[2].ID, visits.Edit{Confidential: &confidential})
	h.must(err)
	for _, n := range []int{1, 3} {
		_, err := h.Invite(t.Context(), h.scheduler, all[n].ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "aunt@example.org", Language: "en"})
		h.must(err)
		_, err = h.Invite(t.Context(), h.scheduler, all[n].ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "aunt@example.org", Language: "en"})
		h.must(err)
	}
	h.due()
	for address, want := range map[string]int{childMail: 4, guardianMail: 3} {
		if letters := h.mailbox(address); len(letters) != 1 || len(dated.FindAllString(letters[0].text, -1)) != want {
			t.Errorf("%s: %+v", address, letters)
		}
	}
	aunt := h.wantSubjects("aunt@example.org", "Video visits", "Video visits") // two people of one name and address
	if aunt[0].text == aunt[1].text || len(dated.FindAllString(aunt[0].text, -1)) != 2 {
		t.Errorf("the two read %q", aunt)
	}
	_, err = h.Invite(t.Context(), h.scheduler, all[0].ID, visits.Person{Name: "Sample Aunt", Role: auth.Guest, Email: "aunt@example.org", Phone: "+12025550199", Language: "en"})
	h.must(err)
	h.due()
	if letters := h.wantSubjects("aunt@example.org", "Video visits", "Video visits", "Video visit with"); len(letters) == 3 && letters[2].method != "REQUEST" {
		t.Errorf("told of one visit with %s", letters[2].method)
	}
	if len(h.sms["+12025550199"]) != 1 {
		t.Errorf("SMS: %q", h.sms)
	}
}

// TestSeriesBySMS: who has but a phone gets one SMS with all dates and the first link, and one more for a visit that no reminder comes before.
func TestSeriesBySMS(t *testing.T) {
	h := plainHouse(t)
	p := h.patient(false)
	p.Contacts[0].Email = ""
	p, err := h.people.Update(t.Context(), h.scheduler, p)
	h.must(err)
	all := h.series(p, 5, func(r *visits.Request) { r.StartsAt = noon.Add(30 * time.Minute) })
	_, err = h.Move(t.Context(), h.scheduler, all[1].ID, visits.Move{StartsAt: noon.Add(90 * time.Minute), AllowOverlap: true})
	h.must(err)
	h.due()
	sms := h.sms[guardianCell]
	if len(sms) != 2 {
		t.Fatalf("SMS: %q", sms)
	}
	slices.SortFunc(sms, func(a, b string) int { return strings.Index(a, "visitas") - strings.Index(b, "visitas") })
	if strings.Count(sms[1], "/v#") != 1 || !strings.Contains(sms[1], h.LinkToSend(all[0], all[0].Invitations[1])) || !strings.Contains(sms[1], "\n13 de octubre de 2026 12:30\n27 de octubre 12:30\n3 de noviembre 12:30\n") {
		t.Errorf("of the series: %q", sms[1])
	}
	if !strings.Contains(sms[0], h.LinkToSend(all[1], all[1].Invitations[1])) || strings.Contains(sms[0], "visitas") {
		t.Errorf("of the visit before which nobody is reminded: %q", sms[0])
	}
	if letters := h.mailbox(childMail); len(letters) != 1 || len(dated.FindAllString(letters[0].text, -1)) != 5 {
		t.Errorf("the letter: %+v", letters)
	}
}

// TestSeriesUndelivered: where the letter of a series can't be delivered, schedulers see that with each of its visits, and the telephone is used with the next reminder at the latest.
func TestSeriesUndelivered(t *testing.T) {
	h := plainHouse(t)
	h.refused.Store(true)
	all := h.series(h.patient(false), 3, nil)
	h.due()
	h.refused.Store(false)
	ask := h.desk(auth.Scheduler)
	_, _, list := ask("/desk/messages", nil)
	if strings.Count(list, "<h2>Series planned</h2>") != 3 || strings.Count(list, "/desk/visits/"+all[0].ID+"/messages") != 3 {
		t.Errorf("the list: %s", list)
	}
	path := "/desk/visits/" + all[2].ID + "/messages"
	_, _, body := ask(path, nil)
	forms := againForm.FindAllStringSubmatch(body, -1)
	if len(forms) != 3 || !strings.Contains(body, "Series planned") {
		t.Fatalf("%d messages to send again: %s", len(forms), body)
	}
	doctor := slices.IndexFunc(must(h.outbox.About(t.Context(), all[2].ID)), func(s notify.Status) bool { return strings.Contains(s.Key, all[2].Invitations[2].ID) })
	if status, to, _ := ask(forms[doctor][1], map[string][]string{}); status != 303 || to != path+"?done=again" {
		t.Errorf("again: %d to %q", status, to)
	}
	h.until(starts.Add(-70 * time.Hour))
	h.wantSubjects(childMail, "Reminder")
	if sms := strings.Join(h.sms[guardianCell], "\n"); strings.Count(sms, "Sus visitas por video") != 1 {
		t.Errorf("by telephone: %q", sms)
	}
}

// TestSeriesNewAddress: who has another address before the letter goes out is told there; nothing goes to where it was to go.
func TestSeriesNewAddress(t *testing.T) {
	h := plainHouse(t)
	h.away.Store(true)
	p := h.patient(false)
	h.series(p, 3, nil)
	h.due()
	p.Contacts[1].Email = "new@example.org"
	_, err := h.people.Update(t.Context(), h.scheduler, p)
	h.must(err)
	h.away.Store(false)
	h.until(noon.Add(2 * time.Hour))
	h.wantSubjects(childMail)
	h.wantSubjects("new@example.org", "Video visits")
}

// TestSeriesLeftOut: a visit that somebody can't be told of when their letter goes out is not in it, and they are told of it when they can be.
func TestSeriesLeftOut(t *testing.T) {
	h := plainHouse(t)
	h.away.Store(true)
	p := h.patient(true)
	all := h.series(p, 3, nil)
	confidential := true
	h.must(h.Withdraw(t.Context(), h.scheduler, all[1].ID, all[1].Invitations[1].ID))
	_, err := h.Edit(t.Context(), h.scheduler, all[1].ID, visits.Edit{Confidential: &confidential})
	h.must(err)
	h.due()
	private := func(is bool) { // the patient's own address
		t.Helper()
		p.Contacts[1].Confidential = is
		p, err = h.people.Update(t.Context(), h.scheduler, p)
		h.must(err)
	}
	private(false)
	h.away.Store(false)
	h.until(noon.Add(2 * time.Hour))
	if letters := h.wantSubjects(childMail, "Video visits"); len(dated.FindAllString(letters[0].text, -1)) != 2 {
		t.Errorf("told %q", letters[0].text)
	}
	private(true)
	h.until(all[1].StartsAt.Add(-74 * time.Hour))
	h.wantSubjects(childMail, "Video visits", "Video visit with", "Reminder", "Reminder", "Reminder")
}

// TestSeriesInAllLanguages: each language says it, and an SMS of a whole year is no longer than gateways take.
func TestSeriesInAllLanguages(t *testing.T) {
	h := plainHouse(t)
	for n, tag := range []string{"en", "es", "pt", "ar", "ht", "zh-Hans"} {
		count := 3
		if tag == "es" { // the longest
			count = visits.MaxRepeats
		}
		address, cell := strings.ToLower(tag)+"@example.org", fmt.Sprintf("+1202555015%d", n)
		_, err := h.CreateSeries(t.Context(), h.scheduler, visits.Request{Service: serviceName, StartsAt: starts, Minutes: 30, AskBirthDate: true, BirthDate: "2012-05-31", AllowOverlap: true,
			People: []visits.Person{{Role: auth.Patient, Name: "Sample Patient", Email: phi.Text(address), Language: tag}, {Role: auth.Guardian, Name: "Sample Guardian", Phone: phi.Text(cell), Language: tag},
				{Role: auth.Clinician, Name: "Sample Clinician"}}}, visits.Repeat{Weeks: 1, Count: count})
		h.must(err)
		h.due()
		letters, sms := h.mailbox(address), h.sms[cell]
		if len(letters) != 1 || len(dated.FindAllString(letters[0].text, -1)) != count || len(sms) != 1 {
			t.Fatalf("%s: %d letters, %d SMS", tag, len(letters), len(sms))
		}
		if length := len([]rune(sms[0])); length > 1600 || strings.Count(sms[0], "15:00") != count {
			t.Errorf("%s: an SMS of %d characters: %s", tag, length, sms[0])
		}
		if said := letters[0].subject + letters[0].text + sms[0]; strings.ContainsAny(said, "{}") || strings.Contains(said, "reminders.") || tag != "en" && strings.Contains(said, "visits with") {
			t.Errorf("%s: %s", tag, said)
		}
	}
}

// TestSeriesForgotten: messages about a series go with the last of its visits.
func TestSeriesForgotten(t *testing.T) {
	h := newHouse(t)
	all := h.series(h.patient(false), 3, nil)
	h.due()
	for n, v := range all {
		h.must(h.db.Tx(t.Context(), func(tx *store.Tx) error { return h.outbox.Forget(t.Context(), tx, v.ID) }))
		var messages, parts int
		h.must(h.db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM notify_messages), (SELECT COUNT(*) FROM notify_parts)`).Scan(&messages, &parts))
		if want := 3 * (2 - n); parts != want || messages != min(3, want) {
			t.Errorf("%d messages with %d parts after %d visits", messages, parts, n+1)
		}
	}
	if err := h.Cancel(t.Context(), h.scheduler, all[0].ID); fault.CodeOf(err) != "" {
		t.Error(err)
	}
}
