package visits_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// lineOf is a line of somebody, said to these.
func lineOf(h *visitstest.Hospital, e visits.Entry, id, text string, to ...visits.Entry) visits.ChatLine {
	line := visits.ChatLine{Visit: e.Visit.ID, Session: e.Session, ID: id, Text: phi.Text(text), At: h.Now(), Audience: []string{e.Session}}
	for _, other := range to {
		line.Audience = append(line.Audience, other.Session)
	}
	return line
}

func keep(h *visitstest.Hospital, epoch int64, line visits.ChatLine) visits.ChatLine {
	h.T.Helper()
	kept, err := h.KeepLine(h.T.Context(), epoch, line)
	if err != nil {
		h.T.Fatal(err)
	}
	return kept
}

// openChat gives the ids of the lines a host finds.
func openChat(h *visitstest.Hospital, s *visits.Service, visit string, epoch int64, latest int) []visits.ChatLine {
	h.T.Helper()
	lines, _, err := s.OpenRoom(h.T.Context(), visit, epoch, latest)
	if err != nil {
		h.T.Fatal(err)
	}
	return lines
}

func TestChatLasts(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	patient, clinician, guardian := people[auth.Patient], people[auth.Clinician], people[auth.Guardian]
	if got := openChat(h, h.Service, v.ID, 7, 10); len(got) != 0 {
		t.Fatalf("a new visit has %d lines", len(got))
	}
	keep(h, 7, lineOf(h, clinician, "1", "Canary first"))
	keep(h, 7, lineOf(h, patient, "1", "Canary second", clinician)) // another's id may be the same
	h.At(visitstest.Noon.Add(time.Minute))
	keep(h, 7, lineOf(h, clinician, "2|3", "Canary third", patient, guardian))

	after := h.ServiceOn(h.Open()) // a restart
	lines := openChat(h, after, v.ID, 8, 10)
	if len(lines) != 3 {
		t.Fatalf("%d lines of 3", len(lines))
	}
	for i, want := range []visits.ChatLine{lineOf(h, clinician, "1", "Canary first"), lineOf(h, patient, "1", "Canary second", clinician),
		lineOf(h, clinician, "2|3", "Canary third", patient, guardian)} {
		got := lines[i]
		if got.ID != want.ID || got.Session != want.Session || got.Text != want.Text || !slices.Equal(got.Audience, want.Audience) {
			t.Errorf("line %d is %+v", i, got)
		}
		if got.Name != "Sample" || i == 1 && got.Role != auth.Patient || i == 2 && !got.At.Equal(visitstest.Noon.Add(time.Minute)) {
			t.Errorf("line %d is %+v", i, got)
		}
	}
	if last := openChat(h, after, v.ID, 9, 2); len(last) != 2 || last[1].ID != "2|3" {
		t.Errorf("the last two are %+v", last)
	}

	if n := h.Audited("chat.say", store.Allowed); n != 3 {
		t.Errorf("%d audit rows of 3", n)
	}
	if got := h.Column(`SELECT actor_kind || ' ' || actor_id || ' ' || actor_role || ' ' || subject_id || ' ' || detail FROM audit WHERE action = 'chat.say' ORDER BY id`); got[1] != "invitation "+patient.You.ID+" patient "+v.ID+" line 2" {
		t.Errorf("audited %q", got[1])
	}
	disk := string(storetest.OnDisk(t, h.URL))
	for _, said := range []string{"Canary first", "Canary second", "Canary third"} {
		if strings.Contains(disk, said) {
			t.Errorf("the disk has %q", said)
		}
	}
	if !strings.Contains(disk, v.ID) {
		t.Error("the disk has nothing of the visit")
	}
	if strings.Contains(h.Logs.String(), "Canary") {
		t.Error("what was said is in the log")
	}
}

// However often a line is sent, it is kept once, as it was first.
func TestChatOnce(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	patient, guardian := people[auth.Patient], people[auth.Guardian]
	first := keep(h, 1, lineOf(h, patient, "1", "first"))
	h.At(visitstest.Noon.Add(time.Hour))
	again := keep(h, 1, lineOf(h, patient, "1", "second", guardian))
	if again.Text != "first" || !again.At.Equal(first.At) || !slices.Equal(again.Audience, first.Audience) {
		t.Errorf("sent again, it is kept as %+v", again)
	}
	var at sync.WaitGroup
	for range 8 {
		at.Go(func() {
			if _, err := h.KeepLine(t.Context(), 1, lineOf(h, patient, "2", "at once")); err != nil {
				t.Error(err)
			}
		})
	}
	at.Wait()
	if n, audited := h.Count(`visit_chat WHERE visit_id = ?`, v.ID), h.Audited("chat.say", store.Allowed); n != 2 || audited != 2 {
		t.Errorf("%d lines and %d audit rows of 2", n, audited)
	}
}

func TestChatRefuses(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	other, _ := h.Plan()
	patient := people[auth.Patient]
	openChat(h, h.Service, v.ID, 20, 10)
	for name, c := range map[string]struct {
		epoch  int64
		change func(*visits.ChatLine)
		want   error
	}{
		"a host of before":          {19, func(*visits.ChatLine) {}, visits.ErrNotHost},
		"nobody's session":          {20, func(l *visits.ChatLine) { l.Session = store.NewID() }, fault.NotFound},
		"a session of another":      {20, func(l *visits.ChatLine) { l.Visit = other.ID }, fault.NotFound},
		"a visit that never was":    {20, func(l *visits.ChatLine) { l.Visit = store.NewID() }, fault.NotFound},
		"the control: a good one":   {20, func(*visits.ChatLine) {}, nil},
		"a host that is newer, too": {21, func(l *visits.ChatLine) { l.ID = "2" }, nil},
	} {
		line := lineOf(h, patient, "1", "x")
		c.change(&line)
		if _, err := h.KeepLine(t.Context(), c.epoch, line); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := h.OpenRoom(t.Context(), v.ID, 19, 10); !errors.Is(err, visits.ErrNotHost) || !errors.Is(err, fault.TryAgain) {
		t.Errorf("opening behind another host: %v", err)
	}
	for _, epoch := range []int64{19, 20} { // also with its own epoch: another may have been given the same by a store that forgot
		var used *visits.EpochUsedError
		if _, _, err := h.OpenRoom(t.Context(), v.ID, epoch, 10); !errors.As(err, &used) || used.Highest != 20 {
			t.Errorf("opening with epoch %d after 20: %v", epoch, err)
		}
	}
	if err := h.Cancel(t.Context(), h.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.KeepLine(t.Context(), 20, lineOf(h, patient, "3", "x")); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("after the end: %v", err)
	}
	if n, audited := h.Count(`visit_chat`), h.Audited("chat.say", store.Allowed); n != 2 || audited != 2 {
		t.Errorf("%d lines and %d audit rows of 2", n, audited)
	}
}

// While another process holds the database a line is refused, and nothing of it is left; sent again later, it is kept once.
func TestChatWhileTheDatabaseIsAway(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	patient := people[auth.Patient]
	impatient := h.ServiceOn(storetest.Open(t, h.URL, store.Options{BusyTimeout: 20 * time.Millisecond}))
	for n := range 3 {
		release := storetest.Hold(t, h.URL)
		line := lineOf(h, patient, fmt.Sprint(n), "x")
		if _, err := impatient.KeepLine(t.Context(), 1, line); !errors.Is(err, fault.TryAgain) {
			t.Errorf("while it is locked: %v", err)
		}
		if _, _, err := impatient.OpenRoom(t.Context(), v.ID, 1, 10); !errors.Is(err, fault.TryAgain) {
			t.Errorf("opening while it is locked: %v", err)
		}
		release()
		for range 2 {
			if _, err := impatient.KeepLine(t.Context(), 1, line); err != nil {
				t.Error(err)
			}
		}
	}
	if n, audited := h.Count(`visit_chat`), h.Audited("chat.say", store.Allowed); n != 3 || audited != 3 {
		t.Errorf("%d lines and %d audit rows of 3", n, audited)
	}
}

// A line that cannot be opened any more is left out, and is no reason not to hold the visit.
func TestDamagedChat(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	for _, id := range []string{"1", "2", "3"} {
		keep(h, 1, lineOf(h, people[auth.Patient], id, "Canary "+id))
	}
	// The text of one line in the place of another.
	if _, err := h.DB.ExecContext(t.Context(), `UPDATE visit_chat SET text = (SELECT text FROM visit_chat WHERE seq = 1) WHERE seq = 2`); err != nil {
		t.Fatal(err)
	}
	lines := openChat(h, h.Service, v.ID, 2, 10)
	if len(lines) != 2 || lines[0].ID != "1" || lines[1].ID != "3" {
		t.Errorf("%d lines", len(lines))
	}
	if logs := h.Logs.String(); !strings.Contains(logs, "left out") || strings.Contains(logs, "Canary") {
		t.Error("the log doesn't say that a line is left out, or says what it was")
	}
}

// Private time is known to whoever hosts the room next, and turned by nobody who hosted it before.
func TestPrivateTimeLasts(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, _ := h.Everybody()
	turn := func(kind visits.RoomEventKind, epoch int64) error {
		return h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: kind, Visit: v.ID, Epoch: epoch, At: visitstest.Noon})
	}
	open := func(epoch int64) time.Time {
		t.Helper()
		_, since, err := h.OpenRoom(t.Context(), v.ID, epoch, 10)
		if err != nil {
			t.Fatal(err)
		}
		return since
	}
	if since := open(10); !since.IsZero() {
		t.Errorf("private time is on since %v before anybody asked", since)
	}
	began := visitstest.Noon
	if err := turn(visits.RoomPrivateStarted, 10); err != nil {
		t.Fatal(err)
	}
	if since := open(20); !since.Equal(began) {
		t.Errorf("the next host finds private time on since %v", since)
	}
	if err := turn(visits.RoomPrivateEnded, 10); !errors.Is(err, visits.ErrNotHost) {
		t.Errorf("ended by the host before: %v", err)
	}
	if err := turn(visits.RoomPrivateEnded, 20); err != nil {
		t.Fatal(err)
	}
	if since := open(30); !since.IsZero() {
		t.Errorf("after its end private time is on since %v", since)
	}
}
