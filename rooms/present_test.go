package rooms

import (
	"testing"

	"housecall/auth"
)

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
