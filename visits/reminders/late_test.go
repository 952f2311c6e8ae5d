package reminders_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/reminders"
)

// TestLateWhileMailIsAway: of several that wait only the one that was said last is sent, to each by each way.
func TestLateWhileMailIsAway(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	h.until(starts.Add(-5 * time.Minute))
	before := len(h.mailbox(childMail))
	h.away.Store(true)
	for _, minutes := range []int{40, 20, 30, 20} {
		if n, err := h.reminders.Late(t.Context(), h.scheduler, v.ID, minutes); err != nil || n != 3 {
			t.Fatalf("%d messages, %v", n, err)
		}
		h.due()
	}
	h.away.Store(false)
	h.until(starts.Add(15 * time.Minute))
	if child := h.mailbox(childMail)[before:]; len(child) != 1 || !strings.Contains(child[0].text, "20 minutes") {
		t.Errorf("told %+v", child)
	}
	if sms := h.sms[guardianCell]; !strings.Contains(sms[len(sms)-2], "30 minutos") || !strings.Contains(sms[len(sms)-1], "20 minutos") {
		t.Errorf("told by the way that was there %q", sms)
	}
}

// TestLateOfWhatIsCalledOff: a visit that is called off while somebody says that it is late is not late.
func TestLateOfWhatIsCalledOff(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	h.until(starts.Add(-5 * time.Minute))
	asked := make(chan struct{})
	h.onNow = sync.OnceFunc(func() { close(asked) }) // before its transaction begins
	ended := make(chan error, 1)
	h.must(h.db.Tx(t.Context(), func(tx *store.Tx) error {
		go func() {
			_, err := h.reminders.Late(t.Context(), h.scheduler, v.ID, 20)
			ended <- err
		}()
		<-asked
		_, err := tx.ExecContext(t.Context(), `UPDATE visits SET state = 'cancelled' WHERE id = ?`, v.ID)
		return err
	}))
	if err := <-ended; fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("late all the same: %v", err)
	}
}

// TestLate: people are told once for each time that somebody says so, and nobody of the hospital.
func TestLate(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	clinician := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	scheduler := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	if _, err := h.reminders.Late(t.Context(), scheduler, v.ID, 20); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("three weeks before: %v", err)
	}
	h.until(starts.Add(-5 * time.Minute))
	before := len(h.mailbox(childMail))
	for _, minutes := range []int{20, 45} {
		if n, err := h.reminders.Late(t.Context(), scheduler, v.ID, minutes); err != nil || n != 3 {
			t.Errorf("%d messages, %v", n, err)
		}
		h.due()
	}
	child := h.mailbox(childMail)[before:]
	if len(child) != 2 || !strings.Contains(child[0].text, "20 minutes") || !strings.Contains(child[1].text, "45 minutes") || child[0].file != nil {
		t.Errorf("told %+v", child)
	}
	if sms := h.sms[guardianCell]; !strings.Contains(sms[len(sms)-1], "45 minutos") {
		t.Errorf("told %q", sms)
	}
	h.wantSubjects(doctorMail, "Video visit")
	for _, minutes := range []int{4, 181} {
		if _, err := h.reminders.Late(t.Context(), scheduler, v.ID, minutes); !errors.Is(err, fault.NotValid) {
			t.Errorf("%d minutes: %v", minutes, err)
		}
	}
	if _, err := h.reminders.Late(t.Context(), auth.Actor{Kind: auth.KindKey, ID: store.NewID(), Role: auth.Coordinator}, v.ID, 20); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("a coordinator: %v", err)
	}
	if _, err := h.reminders.Late(t.Context(), clinician, v.ID, 20); !errors.Is(err, fault.NotFound) {
		t.Errorf("a clinician of other visits: %v", err)
	}
	if _, err := h.reminders.Late(t.Context(), scheduler, store.NewID(), 20); !errors.Is(err, fault.NotFound) {
		t.Errorf("nothing is late: %v", err)
	}
	if err := h.reminders.Again(t.Context(), clinician, v.ID, store.NewID()); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("a clinician sends again: %v", err)
	}
	for action, want := range map[string]int{string(reminders.Late): 3, "message.again": 1} {
		var refused int
		if err := h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = ? AND outcome = 'refused'`, action).Scan(&refused); err != nil || refused != want {
			t.Errorf("%s: %d refusals in the audit, %v", action, refused, err)
		}
	}
}

// TestLateTwice: the same minutes within a few are the same notice; other minutes, and the same ones later, are told anew.
func TestLateTwice(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	h.until(starts.Add(-time.Hour))
	before := len(h.mailbox(childMail))
	for i, c := range []struct {
		after         time.Duration
		minutes, told int // letters in all
	}{{0, 20, 1}, {3 * time.Second, 20, 1}, {4 * time.Minute, 20, 1}, {0, 30, 2}, {0, 20, 3}, {6 * time.Minute, 20, 4}} {
		h.until(h.now().Add(c.after))
		if n, err := h.reminders.Late(t.Context(), h.scheduler, v.ID, c.minutes); err != nil || n != 3 {
			t.Errorf("%d: %d messages, %v", i, n, err)
		}
		h.due()
		if told := len(h.mailbox(childMail)) - before; told != c.told {
			t.Errorf("%d: %d letters, want %d", i, told, c.told)
		}
	}
	// Somebody else can be told meanwhile, by the same notice.
	_, err := h.Invite(t.Context(), h.scheduler, v.ID, visits.Person{Role: auth.Guest, Name: "Sample Guest", Email: "guest@example.org"})
	h.must(err)
	h.due()
	before, guest := len(h.mailbox(childMail)), len(h.mailbox("guest@example.org"))
	if n, err := h.reminders.Late(t.Context(), h.scheduler, v.ID, 20); err != nil || n != 4 {
		t.Errorf("with somebody new: %d messages, %v", n, err)
	}
	h.due()
	if child, other := len(h.mailbox(childMail))-before, len(h.mailbox("guest@example.org"))-guest; child != 0 || other != 1 {
		t.Errorf("told %d times who knew, and %d times who did not", child, other)
	}
}
