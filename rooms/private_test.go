package rooms

import (
	"errors"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// adolescence is a visit with everybody who may be there.
type adolescence struct {
	*house
	doctor, teen, mother, guest, interpreter, observer *guest
}

func newAdolescence(t *testing.T) *adolescence {
	a := &adolescence{house: newHouse(t, Limits{})}
	a.doctor = a.join("doctor", how{role: auth.Clinician})
	for _, p := range []struct {
		at   **guest
		id   string
		role auth.Role
	}{{&a.teen, "teen", auth.Patient}, {&a.mother, "mother", auth.Guardian}, {&a.guest, "guest", auth.Guest},
		{&a.interpreter, "interpreter", auth.Interpreter}, {&a.observer, "observer", auth.Observer}} {
		*p.at = a.join(p.id, how{role: p.role})
		a.doctor.admit(*p.at)
	}
	return a
}

func (a *adolescence) private(on bool) {
	a.t.Helper()
	if err := a.doctor.seat.SetPrivate(a.ctx, on); err != nil {
		a.t.Fatal(err)
	}
}

// after returns what somebody was told since there were so many updates.
func after(g *guest, count int) []Update {
	updates, _, _ := g.box.look()
	return updates[count:]
}

func count(g *guest) int { return len(after(g, 0)) }

func TestPrivateTime(t *testing.T) {
	a := newAdolescence(t)
	began := a.clock.Now()
	a.private(true)
	for _, out := range []*guest{a.mother, a.guest} {
		got := latest[Moved](out)
		if got.Place != Waiting || got.Why != WhyPrivate || !got.Private.IsZero() || !got.Started.IsZero() || len(got.Members)+len(got.Chat)+len(got.May) != 0 {
			t.Errorf("%s was moved to %+v", out.id, got.Position)
		}
		if n := len(all[Private](out)); n != 0 {
			t.Errorf("%s was told of private time as those in the visit are", out.id)
		}
	}
	for _, in := range []*guest{a.doctor, a.teen, a.interpreter, a.observer} {
		if got := all[Private](in); len(got) != 1 || !got[0].Since.Equal(began) {
			t.Errorf("%s was told %v", in.id, got)
		}
		if got := latest[Moved](in); got.Place == Waiting {
			t.Errorf("%s was moved out", in.id)
		}
	}
	if got := all[Left](a.teen); !slices.Equal(got, []Left{{"mother"}, {"guest"}}) {
		t.Errorf("the teen saw %v leave", got)
	}
	a.private(true) // a second press changes nothing
	told := count(a.mother)
	a.clock.Pass(time.Minute)
	must2(t, a.teen.seat.Chat(a.ctx, "secret", "x"), a.teen.seat.SetMedia(a.ctx, allOn), a.doctor.seat.SetLine(a.ctx, QualityGood))
	a.settle()
	a.tick()
	if news := after(a.mother, told); len(news) > 0 {
		t.Errorf("meanwhile the guardian was told %s", kinds(news))
	}
	a.private(false)
	for _, back := range []*guest{a.mother, a.guest} {
		got := latest[Moved](back)
		if got.Place != Visit || got.Why != "" || !got.Private.IsZero() || len(got.Chat) != 0 || len(got.Members) < 4 {
			t.Errorf("%s came back to %+v", back.id, got.Position)
		}
	}
	if got := latest[Private](a.teen); !got.Since.IsZero() {
		t.Errorf("the teen was told %v", got)
	}
	if n := len(a.seenEvents(EventAdmitted)); n != 6 {
		t.Errorf("%d admissions, coming back is none", n)
	}
	for _, kind := range []EventKind{EventPrivateStarted, EventPrivateEnded} {
		if got := a.seenEvents(kind); len(got) != 1 || got[0].By != "invitation-of-doctor" || got[0].Invitation != "" {
			t.Errorf("events %+v", got)
		}
	}
}

func must2(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// What was written in private time and comes after its end, over a line that was cut, is for nobody: those it was kept from are back.
func TestPrivateTimeKeepsItsWords(t *testing.T) {
	a := newAdolescence(t)
	a.private(true)
	must2(t, a.teen.seat.Confide(a.ctx, "in time", "x"))
	a.settle()
	if got := all[Said](a.doctor); len(got) != 1 || got[0].ID != "in time" {
		t.Fatalf("in private time the clinician was told %v", got)
	}
	a.private(false)
	if err := a.teen.seat.Confide(a.ctx, "late", "x"); !errors.Is(err, ErrPrivateOver) || !errors.Is(err, fault.NotAllowed) {
		t.Errorf("too late: %v", err)
	}
	must2(t, a.teen.seat.Confide(a.ctx, "in time", "x")) // sent again, since the answer was lost
	a.settle()
	for _, in := range []*guest{a.doctor, a.teen, a.mother} {
		for _, said := range all[Said](in) {
			if said.ID != "in time" || in == a.mother {
				t.Errorf("%s was told %q", in.id, said.ID)
			}
		}
	}
}

// Whatever is tried while private time is on: by a reload, on a second device, with the teen's own link, by admission.
func TestPrivateTimeKeepsOut(t *testing.T) {
	a := newAdolescence(t)
	a.private(true)
	a.mother.seat.Lost()
	reloaded := a.join("mother", how{role: auth.Guardian})
	if got := latest[Joined](reloaded); got.Place != Waiting || got.Why != WhyPrivate || !got.Private.IsZero() {
		t.Errorf("after a reload: %+v", got.Position)
	}
	second := a.join("mother-2", how{role: auth.Guardian, invitation: "invitation-of-mother"})
	if got := latest[Joined](second); got.Place != Waiting || got.Why != "" {
		t.Errorf("on a second device: %+v", got.Position)
	}
	father := a.join("father", how{role: auth.Guardian})
	teens := how{role: auth.Patient, invitation: "invitation-of-teen"}
	stolen := a.join("stolen", teens)
	if got := latest[Joined](stolen).Place; got != Waiting {
		t.Errorf("with the teen's link: %s", got)
	}
	for _, m := range latest[Joined](a.join("doctor", how{role: auth.Clinician})).Members {
		if m.ID == "stolen" && !m.Device {
			t.Errorf("the clinician sees %+v", m)
		}
	}
	a.doctor = a.join("doctor", how{role: auth.Clinician})
	refused := func(when string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			if err := a.doctor.seat.Admit(a.ctx, id); !errors.Is(err, ErrPrivate) || !errors.Is(err, fault.NotAllowed) {
				t.Errorf("%s, admitting %s: %v", when, id, err)
			}
		}
	}
	refused("private time", "mother", "mother-2", "guest", "father", "stolen")
	a.teen.seat.Lost()
	a.settle()
	refused("with the teen expected back", "stolen")
	a.clock.Pass(deviceGrace)
	a.tick()
	refused("with the teen away for long", "mother", "mother-2", "father")
	if got := all[Moved](stolen); len(got) > 0 {
		t.Errorf("the teen's link came to %s by itself", got[0].Place)
	}
	a.teen = a.join("teen", how{role: auth.Patient})
	if got := latest[Joined](a.teen); got.Place != Visit || got.Private.IsZero() {
		t.Errorf("the teen came back to %+v", got.Position)
	}
	cousin := a.join("colleague", how{role: auth.Interpreter})
	a.doctor.admit(cousin) // others may come in
	if got := latest[Moved](cousin); got.Place != Visit || got.Private.IsZero() {
		t.Errorf("an interpreter came to %+v", got.Position)
	}
	a.private(false)
	if got := latest[Moved](reloaded).Place; got != Visit {
		t.Errorf("afterwards the guardian is in %q", got)
	}
	for _, g := range []*guest{second, father, stolen} {
		if got := all[Moved](g); len(got) > 0 {
			t.Errorf("%s came in by itself", g.id)
		}
	}
	a.doctor.admit(father)
	a.doctor.admit(stolen)
	a.teen.awaitClosed(Replaced)
}

// Whoever was moved out keeps a place among those who wait, however many others knock with the same link, and comes back when there is room.
func TestPrivateTimeKeepsThePlace(t *testing.T) {
	h := newHouse(t, Limits{InVisit: 3})
	doctor, teen, mother := h.join("doctor", how{role: auth.Clinician}), h.join("teen", how{role: auth.Patient}), h.join("mother", how{role: auth.Guardian})
	doctor.admit(teen)
	doctor.admit(mother)
	must2(t, doctor.seat.SetPrivate(h.ctx, true))
	copies := how{role: auth.Guardian, invitation: "invitation-of-mother"}
	for _, id := range []string{"copy-1", "copy-2", "copy-3"} {
		h.join(id, copies)
	}
	if _, err := h.arrive("copy-4", copies); !errors.Is(err, ErrCrowded) {
		t.Errorf("a fourth copy: %v", err)
	}
	interpreter := h.join("interpreter", how{role: auth.Interpreter})
	doctor.admit(interpreter)
	must2(t, doctor.seat.SetPrivate(h.ctx, false))
	if got := latest[Moved](mother); got.Place != Waiting {
		t.Fatalf("a fourth in a visit for three: %s", got.Place)
	}
	interpreter.seat.Leave()
	h.tick()
	if got := latest[Moved](mother); got.Place != Visit {
		t.Errorf("with room again, in %s", got.Place)
	}
}

func TestHearing(t *testing.T) {
	a := newAdolescence(t)
	if err := a.teen.seat.SetHearing(a.ctx, HearingNobody); !errors.Is(err, fault.NotAllowed) {
		t.Errorf("outside private time: %v", err)
	}
	a.private(true)
	told := []int{count(a.interpreter), count(a.observer), count(a.mother), count(a.teen)}
	must2(t, a.teen.seat.SetHearing(a.ctx, HearingSignal))
	if got := latest[Changed](a.doctor).Member; got.ID != "teen" || got.Hearing != HearingSignal {
		t.Errorf("the clinician sees %+v", got)
	}
	for i, g := range []*guest{a.interpreter, a.observer, a.mother, a.teen} {
		if news := after(g, told[i]); len(news) > 0 {
			t.Errorf("%s was told %s", g.id, kinds(news))
		}
	}
	for _, m := range latest[Joined](a.join("interpreter", how{role: auth.Interpreter})).Members {
		if m.Hearing != "" {
			t.Errorf("the interpreter sees %+v", m)
		}
	}
	a.teen.seat.Lost()
	a.teen = a.join("teen", how{role: auth.Patient})
	if got := latest[Changed](a.doctor).Member; got.Hearing != HearingSignal {
		t.Errorf("after a reload the clinician sees %+v", got)
	}
	a.private(false)
	for _, m := range latest[Joined](a.join("doctor", how{role: auth.Clinician})).Members {
		if m.Hearing != "" {
			t.Errorf("after private time the clinician sees %+v", m)
		}
	}
}

// Another node goes on with private time, and with everything else that must not be forgotten.
func TestPrivateTimeOutlivesTheNode(t *testing.T) {
	a := newAdolescence(t)
	began := a.clock.Now()
	other := a.join("colleague", how{role: auth.Clinician})
	a.private(true)
	must2(t, a.doctor.seat.HandOver(a.ctx, "colleague"))
	a.clock.Pass(time.Minute)
	a.closeHost(a.host)
	a.host = a.newHost("node-2", Limits{})
	mother := a.join("mother", how{role: auth.Guardian})
	if got := latest[Joined](mother); got.Place != Waiting || got.Why != WhyPrivate {
		t.Fatalf("the guardian came to %+v", got.Position)
	}
	teen := a.join("teen", how{role: auth.Patient})
	if got := latest[Joined](teen); got.Place != Visit || !got.Private.Equal(began) || !got.Started.Equal(began) {
		t.Errorf("the teen came to %+v", got.Position)
	}
	doctor := a.join("doctor", how{role: auth.Clinician})
	if err := doctor.seat.Admit(a.ctx, "mother"); !errors.Is(err, ErrPrivate) {
		t.Errorf("admitting the guardian: %v", err)
	}
	other = a.join(other.id, how{role: auth.Clinician})
	if got := latest[Changed](doctor).Member; got.ID != "colleague" || !got.Lead {
		t.Errorf("the lead was forgotten: %+v", got)
	}
	must2(t, other.seat.SetPrivate(a.ctx, false))
	if got := latest[Moved](mother).Place; got != Visit {
		t.Errorf("afterwards the guardian is in %q", got)
	}
	a.closeHost(a.host)
	a.host = a.newHost("node-3", Limits{})
	if got := latest[Joined](a.join("guest", how{role: auth.Guest})); got.Place != Visit || !got.Private.IsZero() {
		t.Errorf("on a third node: %+v", got.Position)
	}
}

// What a snapshot of another version has besides is left out.
func TestRecall(t *testing.T) {
	h := newHouse(t, Limits{})
	r := newRoom(h.host, Lease{Room: visitID, Admitted: []string{":unknown:x", ":started:1764000000000", "session:invitation:left", "other:invitation"}}, Record{})
	if r.started.UnixMilli() != 1764000000000 || len(r.admitted) != 2 || !r.admitted[0].left || r.admitted[1].session != "other" {
		t.Errorf("recalled %v %+v", r.started, r.admitted)
	}
}

// Private time begins and ends when that lasts, and not before; while the database is away it does neither, and whoever asked is told.
func TestPrivateTimeLasts(t *testing.T) {
	a := newAdolescence(t)
	a.db.goAway(true)
	if err := a.doctor.seat.SetPrivate(a.ctx, true); !errors.Is(err, ErrNotKept) {
		t.Errorf("with the database away: %v", err)
	}
	a.settle()
	if got := latest[Moved](a.mother); got.Place != Visit || len(all[Private](a.teen)) != 0 {
		t.Errorf("private time began all the same: the guardian is in %s", got.Place)
	}
	a.db.goAway(false)
	release := a.db.hold()
	began := make(chan error, 1)
	go func() { began <- a.doctor.seat.SetPrivate(a.ctx, true) }()
	awaitTurning(a)
	if err := a.doctor.seat.SetPrivate(a.ctx, true); !errors.Is(err, ErrNotKept) {
		t.Errorf("asked twice at once: %v", err)
	}
	if got := latest[Moved](a.mother).Place; got != Visit {
		t.Errorf("before it lasts the guardian is in %s", got)
	}
	release()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	a.settle()
	if got := latest[Moved](a.mother).Place; got != Waiting {
		t.Errorf("when it lasts the guardian is in %s", got)
	}
	a.db.goAway(true)
	if err := a.doctor.seat.SetPrivate(a.ctx, false); !errors.Is(err, ErrNotKept) {
		t.Errorf("ending it with the database away: %v", err)
	}
	a.settle()
	if got := latest[Moved](a.mother).Place; got != Waiting {
		t.Errorf("it ended all the same: the guardian is in %s", got)
	}
}

// awaitTurning waits until the room has asked for private time to last.
func awaitTurning(a *adolescence) {
	a.t.Helper()
	for {
		turning, err := ask(a.ctx, a.doctor.seat.room, func() (bool, error) { return a.doctor.seat.room.turning, nil })
		if err != nil {
			a.t.Fatal(err)
		}
		if turning {
			return
		}
	}
}
