package rooms

import (
	"errors"
	"slices"
	"testing"
	"time"

	"housecall/auth"
)

// attach gives the guest another outbox, as a resumed connection does.
func (g *guest) attach(size int) {
	g.h.t.Helper()
	box := newInbox(size)
	if err := g.seat.Attach(g.h.ctx, box); err != nil {
		g.h.t.Fatalf("%s comes back: %v", g.id, err)
	}
	g.box = box
}

// detach loses the guest's connection.
func (g *guest) detach() {
	g.h.t.Helper()
	g.seat.Detach(g.box)
	g.h.settle()
}

// Whoever was away is told where everything stands, and nothing of how it came there.
func TestStateInsteadOfReplay(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	patient.detach()
	await(doctor, "the patient being away", func(u Changed) bool { return u.Member.ID == "patient" && u.Member.Away })
	lost := patient.box
	before, _, _ := lost.look()

	doctor.admit(patient)
	guest := h.join("guest", how{role: auth.Guest})
	doctor.admit(guest)
	for _, id := range []string{"1", "2"} {
		if err := doctor.seat.Chat(h.ctx, id, "x"); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	guest.seat.Leave()
	h.settle()
	if after, closed, _ := lost.look(); len(after) != len(before) || closed != 0 {
		t.Errorf("the lost connection was told %s, closed for reason %d", kinds(after[len(before):]), closed)
	}
	patient.attach(0)
	updates, _, _ := patient.box.look()
	if kinds(updates) != "[Resumed Slots Speaking]" {
		t.Errorf("told %s", kinds(updates))
	}
	if got := latest[Resumed](patient); got.Place != Visit || got.You.ID != "patient" || len(got.Chat) != 2 || !slices.Equal(ids(got.Members), []string{"doctor"}) {
		t.Errorf("resumed %+v", got)
	}
	await(doctor, "the patient being back", func(u Changed) bool { return u.Member.ID == "patient" && u.Member.Place == Visit && !u.Member.Away })
}

// The room may hear of the new connection before it hears that the old one is lost.
func TestBackBeforeLost(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, colleague := h.join("doctor", how{role: auth.Clinician}), h.join("colleague", how{role: auth.Clinician})
	lost := colleague.box
	colleague.attach(0)
	colleague.seat.Detach(lost) // late
	h.settle()
	if err := doctor.seat.Chat(h.ctx, "1", "x"); err != nil {
		t.Fatal(err)
	}
	await(colleague, "the line", func(u Said) bool { return u.ID == "1" })
	for _, u := range all[Changed](doctor) {
		if u.Member.Away {
			t.Error("was said to be away")
		}
	}
	if updates, _, _ := lost.look(); kinds(updates[len(updates)-1:]) == "[Said]" {
		t.Error("the old connection was told, too")
	}
}

// Whatever ends a seat ends it while its holder is away, too.
func TestEndWhileAway(t *testing.T) {
	for _, c := range []struct {
		name string
		ends func(h *house)
		want Reason
	}{
		{"joined again", func(h *house) { h.join("patient", how{role: auth.Patient}) }, Replaced},
		{"withdrawn", func(h *house) { h.host.Remove(visitID, "invitation-of-patient", h.removal()) }, Removed},
		{"declined", func(h *house) { must2(t, h.join("doctor", how{role: auth.Clinician}).seat.Decline(h.ctx, "patient")) }, Declined},
		{"shown out", func(h *house) { must2(t, h.join("doctor", how{role: auth.Clinician}).seat.Remove(h.ctx, "patient")) }, Removed},
		{"the visit ends", func(h *house) { h.host.End(visitID) }, Ended},
		{"the server stops", func(h *house) { h.closeHost(h.host) }, Stopping},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, Limits{})
			patient := h.join("patient", how{role: auth.Patient})
			patient.detach()
			c.ends(h)
			patient.awaitClosed(c.want)
			if err := patient.seat.Attach(h.ctx, newInbox(0)); !errors.Is(err, ErrClosed) {
				t.Errorf("taking the seat up: %v", err)
			}
		})
	}
}

// A clinician's other device waits while the first is away, and for two minutes from when its connection was lost.
func TestOtherDeviceWaitsWhileAway(t *testing.T) {
	h := newHouse(t, Limits{})
	clinician := how{role: auth.Clinician, invitation: "doctor"}
	desk := h.join("desk", clinician)
	tablet := h.join("tablet", clinician)
	desk.detach()
	h.clock.Pass(45 * time.Second)
	desk.seat.Lost()
	h.settle()
	h.clock.Pass(deviceGrace - 45*time.Second - 1)
	h.tick()
	if got := all[Moved](tablet); len(got) != 0 {
		t.Fatalf("the second device was moved to %s too early", got[0].Place)
	}
	h.clock.Pass(1)
	await(tablet, "the visit", func(u Moved) bool { return u.Place == Visit })
}
