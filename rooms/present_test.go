package rooms

import (
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// TestPresent: who is in a room is known without asking it, and told when it changes.
func TestPresent(t *testing.T) {
	h := newHouse(t, Limits{})
	var changes atomic.Int64
	h.host.config.Changed = func() { changes.Add(1) } // before any room is there
	is := func(want ...Present) bool {
		all := h.host.Present()
		if len(want) == 0 {
			return len(all) == 0
		}
		if len(all) != 1 || all[0].Visit != visitID || all[0].Epoch == 0 || len(all[0].People) != len(want) {
			return false
		}
		for i, p := range all[0].People {
			p.Way = ""
			if p.Check != nil && want[i].Check != nil && *p.Check == *want[i].Check {
				p.Check = want[i].Check
			}
			if p != want[i] {
				return false
			}
		}
		return true
	}
	if !is() {
		t.Error("somebody is in a room that nobody opened")
	}
	came := h.clock.Now()
	doctor := h.join("doctor", how{role: auth.Clinician})
	h.clock.Pass(time.Minute)
	teen := h.join("teen", how{role: auth.Patient, lines: &sfutest.Options{Microphones: 1}})
	inVisit := Present{Session: "doctor", Invitation: "invitation-of-doctor", Role: auth.Clinician, Place: Visit, Since: came}
	waits := Present{Session: "teen", Invitation: "invitation-of-teen", Role: auth.Patient, Place: Waiting, Since: came.Add(time.Minute)}
	h.until("both are there", func() bool { return is(inVisit, waits) })
	if changes.Load() < 2 {
		t.Error("nobody was told")
	}
	h.until("who waits has no media in the visit", func() bool { all := h.host.Lines(); return len(all) == 1 && all[0].Alone })
	h.until("the way is known", func() bool { return h.host.Present()[0].People[1].Way == sfu.WayUDP })
	if err := teen.seat.SetCheck(h.ctx, Check{Camera: FindingFault}); err != nil {
		t.Fatal(err)
	}
	teen.seat.Detach(teen.box)
	waits.Away, waits.Check = true, &Check{Camera: FindingFault}
	h.until("the check is known, and the lost connection", func() bool { return is(inVisit, waits) })
	doctor.admit(teen)
	waits.Place, waits.Check = Visit, nil
	h.until("the teen is in the visit", func() bool { return is(inVisit, waits) })
	h.until("their media is known", func() bool {
		all := h.host.Lines()
		return len(all) == 2 && all[1].Visit == visitID && all[1].Session == "teen" && all[1].Away && !all[1].Alone && all[1].Way == sfu.WayUDP && all[1].Stats.Connected
	})
	before := changes.Load()
	h.settle()
	if changes.Load() != before {
		t.Error("told although nothing changed")
	}
	teen.seat.Leave()
	doctor.seat.Leave()
	h.until("nobody is there", func() bool { return is() })
	if changes.Load() == before {
		t.Error("nobody was told that all went")
	}
}

func TestInVisit(t *testing.T) {
	h := newHouse(t, Limits{})
	in := func(visit, session string) bool {
		t.Helper()
		here, err := h.host.InVisit(h.ctx, visit, session)
		if err != nil {
			t.Error(err)
		}
		return here
	}
	if in(visitID, "doctor") {
		t.Error("somebody is in a visit that nobody hosts")
	}
	doctor := h.join("doctor", how{role: auth.Clinician})
	other := h.join("doctor-2", how{role: auth.Clinician, invitation: "invitation-of-doctor"})
	teen := h.join("teen", how{role: auth.Patient})
	if !in(visitID, doctor.id) || in(visitID, other.id) || in(visitID, teen.id) || in("another", doctor.id) {
		t.Error("those who wait are in the visit, or who is in it is not")
	}
	doctor.admit(teen)
	if !in(visitID, teen.id) {
		t.Error("whoever was admitted is not in the visit")
	}
	teen.seat.Leave()
	h.settle()
	if in(visitID, teen.id) {
		t.Error("whoever left is in the visit")
	}
	h.closeHost(h.host)
	if in(visitID, doctor.id) {
		t.Error("somebody is in a closed room")
	}
}
