package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// relocated waits until a guest is told that the room lives elsewhere.
func (g *guest) relocated() {
	g.h.t.Helper()
	await(g, "word of the other node", func(Relocated) bool { return true })
}

// snapshot waits until the store has this snapshot, and returns the lease.
func (h *house) snapshot(node string, want ...string) Lease {
	h.t.Helper()
	var lease Lease
	h.until("the snapshot stored", func() bool {
		var err error
		if lease, err = h.leases.Acquire(h.ctx, node, visitID, 0); err != nil {
			h.t.Fatal(err)
		}
		return slices.Equal(lease.Admitted, want)
	})
	return lease
}

// A host that meets a higher epoch sends its people there, admits nobody and says nothing of who goes.
func TestLostLeaseMovesEverybody(t *testing.T) {
	h := newHouse(t, Limits{Linger: time.Minute})
	doctor := h.join("doctor", how{role: auth.Clinician})
	nurse := h.join("nurse", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	lease := h.snapshot("node-1", ":lead:invitation-of-doctor", "doctor:invitation-of-doctor", "nurse:invitation-of-nurse")
	room := h.host.hostedRoom(visitID)
	lease.Epoch, lease.Node = lease.Epoch+1, "node-2"
	if err := h.leases.Renew(h.ctx, lease); err != nil { // as if node-1 had been cut off for a while
		t.Fatal(err)
	}
	// The next snapshot meets the higher epoch, if the lease was not renewed just before.
	if err := doctor.seat.Admit(h.ctx, "patient"); err != nil && !errors.Is(err, ErrMoved) {
		t.Fatal(err)
	}
	for _, g := range []*guest{doctor, nurse, patient} {
		g.relocated()
	}
	for what, act := range map[string]func() error{
		"admitting":    func() error { return doctor.seat.Admit(h.ctx, "patient") },
		"private time": func() error { return doctor.seat.SetPrivate(h.ctx, true) },
		"chat":         func() error { return doctor.seat.Chat(h.ctx, "1", "x") },
		"the end":      func() error { return doctor.seat.End(h.ctx) },
	} {
		if err := act(); !errors.Is(err, ErrMoved) {
			t.Errorf("%s where the room lives no more: %v", what, err)
		}
	}
	if h.host.Hosts(visitID) {
		t.Error("the room counts as hosted here")
	}
	if _, err := h.host.Room(h.ctx, visitID); !errors.Is(err, ErrHeld) && err != nil {
		t.Errorf("asking for the room: %v", err)
	}

	left := len(h.seenEvents(EventLeft))
	doctor.seat.Lost()
	patient.seat.Lost()
	nurse.seat.Detach(nurse.box)
	again := newInbox(0)
	if err := nurse.seat.Attach(h.ctx, again); err != nil {
		t.Fatal(err)
	}
	updates, _, _ := again.look()
	if len(updates) == 0 || updates[len(updates)-1] != (Relocated{}) {
		t.Errorf("a connection taken up again was told %s", kinds(updates))
	}
	if n := len(all[Left](nurse)); n != 0 {
		t.Errorf("%d were told to have left", n)
	}
	nurse.seat.Lost()
	<-room.done
	if n := len(h.seenEvents(EventLeft)); n != left {
		t.Errorf("%d events of people leaving", n-left)
	}
}

// What lasts may know of a higher epoch first: what was said is refused, and everybody goes to where the room lives.
func TestHigherEpochInTheTranscript(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	if _, err := h.db.Open(h.ctx, visitID, h.host.hostedRoom(visitID).epoch+1, 1); err != nil { // as another host does
		t.Fatal(err)
	}
	if err := doctor.seat.Chat(h.ctx, "1", "x"); err != nil {
		t.Fatal(err)
	}
	doctor.relocated()
	await(doctor, "the refusal", func(r Refused) bool { return r.About == "1" && errors.Is(r.Err, ErrNotKept) })
	if n := len(h.db.kept()); n != 0 {
		t.Errorf("%d lines were kept", n)
	}
	if got := latest[Joined](h.join("doctor", how{role: auth.Clinician})).Place; got != Visit { // with a lease of a higher epoch
		t.Errorf("came back to %s", got)
	}
}

// Whoever does not go is sent away in the end, and at once when the link is withdrawn.
func TestLingeringIsBounded(t *testing.T) {
	h := newHouse(t, Limits{Linger: time.Minute})
	doctor := h.join("doctor", how{role: auth.Clinician})
	nurse := h.join("nurse", how{role: auth.Clinician})
	room := h.host.hostedRoom(visitID)
	h.host.mu.Lock()
	h.host.lose(room)
	h.host.mu.Unlock()
	doctor.relocated()
	h.host.Remove(visitID, "invitation-of-nurse", h.removal())
	nurse.awaitClosed(Removed)
	h.clock.Pass(time.Minute)
	doctor.awaitClosed(Stopping)
	<-room.done
}

// A node that drains hands its rooms over with everything the next host has to know, before anybody is told to go there.
func TestDrain(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	drained := make(chan error, 1)
	go func() { drained <- h.host.Drain(h.ctx) }()
	for _, g := range []*guest{doctor, patient} {
		g.relocated()
	}
	if _, err := h.host.Room(h.ctx, "another-visit"); !errors.Is(err, ErrDraining) || !errors.Is(err, fault.TryAgain) {
		t.Errorf("a new room on a node that drains: %v", err)
	}
	nodes, err := h.leases.(Nodes).Alive(h.ctx)
	if err != nil || len(nodes) != 1 || !nodes[0].Draining {
		t.Errorf("others see %+v, %v", nodes, err)
	}

	old := h.host
	h.host = h.newHost("node-2", Limits{})
	for session, role := range map[string]auth.Role{"doctor": auth.Clinician, "patient": auth.Patient} {
		if got := latest[Joined](h.join(session, how{role: role})).Place; got != Visit {
			t.Errorf("%s came to %s on the next node", session, got)
		}
	}
	select {
	case err := <-drained:
		t.Fatalf("drained before everybody had gone: %v", err)
	default:
	}
	doctor.seat.Lost()
	patient.seat.Lost()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	h.closeHost(old)
}

// While the store is away nothing can be handed over: everybody stays until the time is up.
func TestDrainWhileLeasesAreAway(t *testing.T) {
	h := newHouse(t, Limits{})
	leases := &cuttable{Leases: h.leases}
	h.leases = leases
	h.host = h.newHost("node-2", Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	leases.away.Store(true)
	ctx, cancel := context.WithCancel(h.ctx)
	drained := make(chan error, 1)
	go func() { drained <- h.host.Drain(ctx) }()
	h.until("the room is about to go", func() bool { return errors.Is(doctor.seat.Chat(h.ctx, "1", "x"), ErrMoved) })
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("drained: %v", err)
	}
	if n := len(all[Relocated](doctor)); n != 0 {
		t.Error("sent away with nowhere to go")
	}
	h.closeHost(h.host)
	doctor.awaitClosed(Stopping)
}

// A host that the store has forgotten, or that was silent for too long, looks whether its rooms are still its own before it admits anybody.
func TestForgottenHostLooksFirst(t *testing.T) {
	h := newHouse(t, Limits{})
	leases := NewMemoryLeases(h.clock.Now)
	held := &holding{Leases: leases, hold: make(chan struct{})}
	h.leases = held
	host := NewHost(Config{Node: "node-3", Leases: held, Shared: true, Now: h.clock.Now, Logger: h.host.config.Logger, Transcript: h.db,
		Write: h.db.write, Limits: h.host.config.Limits, Events: h.note})
	t.Cleanup(func() { h.closeHost(host) })
	h.host = host
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	h.until("beating", func() bool { return !host.isCutOff() })
	held.on.Store(true)
	h.clock.Pass(time.Hour) // the heartbeat is long gone when the next beat comes
	h.until("in doubt", host.isCutOff)
	if err := doctor.seat.Admit(h.ctx, "patient"); !errors.Is(err, ErrCutOff) {
		t.Errorf("admitting in doubt: %v", err)
	}
	close(held.hold)
	h.until("sure again", func() bool { return !host.isCutOff() })
	doctor.admit(patient)
}

// A host whose room was opened with a higher epoch gives it up as soon as what lasts says so, even if the store, which was emptied since, thinks that
// it is the host: else everything would be refused for as long as it lives.
func TestOutrunHostGivesUp(t *testing.T) {
	for name, act := range map[string]func(*house, *guest) error{
		"chat":         func(h *house, g *guest) error { return g.seat.Chat(h.ctx, "1", "x") },
		"private time": func(h *house, g *guest) error { return g.seat.SetPrivate(h.ctx, true) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Limits{})
			doctor := h.join("doctor", how{role: auth.Clinician})
			h.db.mu.Lock()
			h.db.epoch++
			h.db.mu.Unlock()
			if err := act(h, doctor); err != nil && !errors.Is(err, ErrNotKept) {
				t.Fatal(err)
			}
			doctor.relocated()
			again := h.join("doctor", how{role: auth.Clinician})
			if again.seat.room == doctor.seat.room {
				t.Fatal("came back to the same room")
			}
			if err := act(h, again); err != nil {
				t.Error(err)
			}
			h.settle()
			if n := len(all[Refused](again)); n != 0 {
				t.Errorf("%d refused by the room that was opened anew", n)
			}
		})
	}
}
