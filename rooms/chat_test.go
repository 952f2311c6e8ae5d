package rooms

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
)

// heardBy lists the ids of the lines a guest was told as they were said.
func heardBy(g *guest) []string {
	var ids []string
	for _, s := range all[Said](g) {
		ids = append(ids, s.ID)
	}
	return ids
}

func idsOf(lines []Said) []string {
	var ids []string
	for _, s := range lines {
		ids = append(ids, s.ID)
	}
	return ids
}

// Nobody is told a line before it is kept, and the room goes on meanwhile.
func TestToldWhenKept(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	release := h.db.hold()
	must2(t, doctor.seat.Chat(h.ctx, "1", "x"), patient.seat.Chat(h.ctx, "1", "x"), doctor.seat.Chat(h.ctx, "1", "x"), doctor.seat.Chat(h.ctx, "2", "x"))
	must2(t, patient.seat.SetMedia(h.ctx, Media{Microphone: true}))
	await(doctor, "the microphone", func(u Changed) bool { return u.Member.Media.Microphone })
	if n := len(all[Said](doctor)) + len(all[Said](patient)); n != 0 {
		t.Errorf("%d lines were told before they were kept", n)
	}
	release()
	h.settle()
	for _, g := range []*guest{doctor, patient} {
		if got := heardBy(g); !slices.Equal(got, []string{"1", "1", "2"}) {
			t.Errorf("%s was told %v", g.id, got)
		}
	}
	if kept := h.db.kept(); len(kept) != 3 || kept[0].From.ID != "doctor" || kept[1].From.ID != "patient" {
		t.Errorf("kept %d lines", len(kept))
	}
}

// A line that cannot be kept is refused, and those behind it; sent again it is told once.
func TestRefusedWhenNotKept(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	h.db.goAway(true)
	release := h.db.hold()
	for i := range mostUnkept {
		must2(t, doctor.seat.Chat(h.ctx, fmt.Sprint(i), "x"))
	}
	if err := patient.seat.Chat(h.ctx, "1", "x"); !errors.Is(err, ErrNotKept) || !errors.Is(err, fault.TryAgain) {
		t.Errorf("one line too many: %v", err)
	}
	release()
	h.settle()
	refused := all[Refused](doctor)
	if len(refused) != mostUnkept || refused[0].About != "0" || refused[0].Action != auth.VisitChat || !errors.Is(refused[0].Err, ErrNotKept) {
		t.Errorf("%d lines of %d were refused, first %+v", len(refused), mostUnkept, refused)
	}
	if n := len(all[Said](doctor)) + len(all[Said](patient)); n != 0 {
		t.Errorf("%d lines were told", n)
	}
	h.db.goAway(false)
	for i := range mostUnkept {
		must2(t, doctor.seat.Chat(h.ctx, fmt.Sprint(i), "x"))
	}
	h.settle()
	if got := heardBy(patient); len(got) != mostUnkept || got[0] != "0" {
		t.Errorf("told %v", got)
	}
}

// A line of which nobody knew whether it was kept is told when it is sent again, to those it was said to.
func TestKeptWithoutAWord(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	h.db.lines = []Line{{Said{ID: "1", From: Person{ID: "doctor"}, Text: "first", At: h.clock.Now()}, []string{"doctor"}}}
	doctor.admit(patient)
	must2(t, doctor.seat.Chat(h.ctx, "1", "second"))
	h.settle()
	if got := all[Said](doctor); len(got) != 1 || got[0].Text != "first" {
		t.Errorf("the sender was told %d lines", len(got))
	}
	if got := all[Said](patient); len(got) != 0 {
		t.Error("somebody was told who was not there then")
	}
}

// After a restart everybody finds what was said to them, and nobody anything else.
func TestChatAfterARestart(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient, late := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient}), h.join("late", how{role: auth.Guest})
	say := func(g *guest, id string) {
		t.Helper()
		must2(t, g.seat.Chat(h.ctx, id, phi.Text("x")))
		h.settle()
	}
	say(doctor, "alone")
	doctor.admit(patient)
	say(patient, "two")
	patient.detach()
	say(doctor, "away")
	doctor.admit(late)
	say(late, "three")
	late.seat.Leave()
	h.settle()
	say(doctor, "gone")
	h.closeHost(h.host)
	h.leases = NewMemoryLeases(h.clock.Now) // has forgotten who was admitted
	h.clock.Pass(1000)
	h.host = h.newHost("node-2", Limits{})
	doctor, patient, late = h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient}), h.join("late", how{role: auth.Guest})
	stranger := h.join("stranger", how{role: auth.Guest})
	for _, g := range []*guest{patient, late, stranger} {
		if at := latest[Joined](g); at.Place != Waiting || len(at.Chat) != 0 {
			t.Errorf("%s came to %s with %d lines", g.id, at.Place, len(at.Chat))
		}
		doctor.admit(g)
	}
	for _, c := range []struct {
		g    *guest
		at   Position
		want []string
	}{
		{doctor, latest[Joined](doctor).Position, []string{"alone", "two", "away", "three", "gone"}},
		{patient, latest[Moved](patient).Position, []string{"two", "away", "three", "gone"}},
		{late, latest[Moved](late).Position, []string{"three"}},
		{stranger, latest[Moved](stranger).Position, nil},
	} {
		if got := idsOf(c.at.Chat); !slices.Equal(got, c.want) {
			t.Errorf("%s finds %v, want %v", c.g.id, got, c.want)
		}
	}
}

// While the transcript is away no room is opened, and its lease is free for others.
func TestNoRoomWithoutItsTranscript(t *testing.T) {
	h := newHouse(t, Limits{})
	h.db.goAway(true)
	if _, err := h.host.Room(h.ctx, visitID); !errors.Is(err, fault.TryAgain) {
		t.Errorf("opening a room: %v", err)
	}
	if _, err := h.leases.Acquire(h.ctx, "node-2", visitID, 0); err != nil {
		t.Errorf("the lease: %v", err)
	}
}

// An end that does not last is no end.
func TestEndWhenItLasts(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	h.db.goAway(true)
	must2(t, doctor.seat.End(h.ctx))
	h.settle()
	if got := all[Refused](doctor); len(got) != 1 || got[0].Action != auth.VisitEnd || !errors.Is(got[0].Err, ErrNotKept) {
		t.Errorf("refused %+v", got)
	}
	must2(t, doctor.seat.Chat(h.ctx, "1", "x")) // the visit goes on
	h.settle()
	h.db.goAway(false)
	release := h.db.hold()
	must2(t, doctor.seat.End(h.ctx), doctor.seat.End(h.ctx), patient.seat.SetMedia(h.ctx, allOn))
	if _, closed, _ := patient.box.look(); closed != 0 {
		t.Error("was told of the end before it lasts")
	}
	release()
	doctor.awaitClosed(Ended)
	patient.awaitClosed(Ended)
	if n := len(h.db.ends); n != 1 {
		t.Errorf("ended %d times", n)
	}
	if _, err := h.host.Room(h.ctx, visitID); !errors.Is(err, ErrEnded) {
		t.Errorf("the room after the end: %v", err)
	}
}
