package rooms

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

func TestEmptyRoomClosesAndRemembers(t *testing.T) {
	h := newHouse(t, Limits{Grace: time.Minute})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	room := h.room()
	patient.seat.Leave()
	doctor.seat.Leave()
	h.settle()
	h.clock.Pass(59 * time.Second)
	if h.room() != room { // asking keeps it open
		t.Fatal("closed too early")
	}
	h.clock.Pass(time.Minute)
	<-room.done
	again := h.join("patient", how{role: auth.Patient})
	if h.room() == room {
		t.Fatal("the room did not close")
	}
	if got := latest[Joined](again).Place; got != Visit {
		t.Errorf("came back to %s", got)
	}
	if n := len(h.seenEvents(EventOpened)); n != 2 {
		t.Errorf("opened %d times", n)
	}
}

func TestAnotherNodeRemembers(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	elsewhere := h.newHost("node-2", Limits{})
	if _, err := elsewhere.Room(h.ctx, visitID); !errors.Is(err, ErrHeld) {
		t.Fatalf("another node opened the room too: %v", err)
	}
	h.closeHost(h.host)
	doctor.awaitClosed(Stopping)
	patient.awaitClosed(Stopping)
	if _, err := h.host.Room(h.ctx, visitID); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed host: %v", err)
	}
	h.host = elsewhere
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})).Place; got != Visit {
		t.Errorf("came back to %s", got)
	}
	if got := latest[Joined](h.join("stranger", how{role: auth.Patient})).Place; got != Waiting {
		t.Errorf("a stranger came to %s", got)
	}
	tablet := h.join("tablet", how{role: auth.Clinician, invitation: "invitation-of-doctor"})
	if got := latest[Joined](tablet).Place; got != Waiting {
		t.Errorf("before the clinician is back, their second device came to %s", got)
	}
	if got := latest[Joined](h.join("doctor", how{role: auth.Clinician})).Place; got != Visit {
		t.Errorf("the clinician came back to %s", got)
	}
}

func TestSnapshotTellsWhoLeft(t *testing.T) {
	h := newHouse(t, Limits{})
	h.join("doctor", how{role: auth.Clinician}).seat.Leave()
	h.settle()
	h.closeHost(h.host)
	h.host = h.newHost("node-2", Limits{})
	if got := latest[Joined](h.join("tablet", how{role: auth.Clinician, invitation: "invitation-of-doctor"})).Place; got != Visit {
		t.Errorf("the second device came to %s", got)
	}
	if got := latest[Joined](h.join("doctor", how{role: auth.Clinician})).Place; got != Waiting {
		t.Errorf("the first device came back to %s", got)
	}
}

// cuttable leases answer nothing but errors while away, as Redis does when it is gone.
type cuttable struct {
	Leases
	away atomic.Bool
}

func (c *cuttable) Acquire(ctx context.Context, node, room string, above int64) (Lease, error) {
	if c.away.Load() {
		return Lease{}, fault.Away(errors.New("gone"))
	}
	return c.Leases.Acquire(ctx, node, room, above)
}

func (c *cuttable) Release(ctx context.Context, lease Lease) error {
	if c.away.Load() {
		return fault.Away(errors.New("gone"))
	}
	return c.Leases.Release(ctx, lease)
}

func (c *cuttable) Beat(ctx context.Context, node Node) (bool, error) {
	if c.away.Load() {
		return false, fault.Away(errors.New("gone"))
	}
	return c.Leases.Beat(ctx, node)
}

func TestLeasesAway(t *testing.T) {
	h := newHouse(t, Limits{})
	leases := &cuttable{Leases: h.leases}
	h.leases = leases
	h.host = h.newHost("node-2", Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	waiting := h.join("waiting", how{role: auth.Guest})
	leases.away.Store(true)
	if _, err := h.host.Room(h.ctx, "another-visit"); !errors.Is(err, fault.TryAgain) {
		t.Errorf("opening a room: %v", err)
	}
	h.until("a missed beat", h.host.isCutOff)
	if err := doctor.seat.Admit(h.ctx, "waiting"); !errors.Is(err, ErrCutOff) {
		t.Errorf("admitting somebody new: %v", err)
	}
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})).Place; got != Visit {
		t.Errorf("who was admitted came back to %s", got)
	}
	colleague := h.join("colleague", how{role: auth.Clinician})
	if got := latest[Joined](colleague).Place; got != Waiting {
		t.Errorf("a clinician who was not here before came to %s", got)
	}
	leases.away.Store(false)
	await(colleague, "the visit", func(u Moved) bool { return u.Place == Visit })
	doctor.admit(waiting)
}

// holding leases answer no Renew, when on, before hold is closed.
type holding struct {
	Leases
	on   atomic.Bool
	hold chan struct{}
}

func (s *holding) Renew(ctx context.Context, lease Lease) error {
	if s.on.Load() {
		<-s.hold
	}
	return s.Leases.Renew(ctx, lease)
}

// A store that has forgotten what it gave, and whose clock is behind, keeps nobody out: what lasts says how high to go.
func TestEpochsGoOnAboveWhatLasts(t *testing.T) {
	h := newHouse(t, Limits{})
	before := h.clock.Now().Add(time.Hour).UnixMicro()
	h.db.epoch = before
	doctor := h.join("doctor", how{role: auth.Clinician})
	if got := h.host.hostedRoom(visitID).epoch; got != before+1 {
		t.Errorf("epoch %d after %d", got, before)
	}
	if err := doctor.seat.Chat(h.ctx, "1", "x"); err != nil {
		t.Error(err)
	}
	await(doctor, "the line", func(u Said) bool { return u.ID == "1" })
}
