package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
)

func TestWaitingThenAdmitted(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	if got := latest[Joined](doctor); got.Place != Visit || !slices.Equal(got.May, shownActions()) {
		t.Fatalf("the clinician: %+v", got)
	}
	h.clock.Pass(time.Minute)
	patient := h.join("patient", how{role: auth.Patient, media: allOn})
	if got := latest[Joined](patient); got.Place != Waiting || len(got.May)+len(got.Members)+len(got.Chat) != 0 || got.You.ID != "patient" {
		t.Fatalf("the patient: %+v", got)
	}
	seen := await(doctor, "the patient waiting", func(u Changed) bool { return u.Member.ID == "patient" })
	if seen.Member.Place != Waiting || seen.Member.Media != (Media{}) || !seen.Member.Since.Equal(h.clock.Now()) || seen.Member.Name.Reveal() != "Name of patient" {
		t.Fatalf("the clinician sees %+v", seen.Member)
	}
	if err := doctor.seat.Chat(h.ctx, "1", "before"); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.clock.Pass(time.Minute)
	doctor.admit(patient)
	moved := latest[Moved](patient)
	if moved.Place != Visit || !slices.Equal(ids(moved.Members), []string{"doctor"}) || len(moved.Chat) != 0 || !slices.Equal(moved.May, []auth.Action{auth.VisitChat, auth.VisitInvite, auth.VisitShare}) {
		t.Fatalf("admitted: %+v", moved)
	}
	seen = await(doctor, "the patient in the visit", func(u Changed) bool { return u.Member.Place == Visit })
	if seen.Member.Media != allOn || !seen.Member.Since.Equal(h.clock.Now()) {
		t.Fatalf("the clinician sees %+v", seen.Member)
	}
	doctor.admit(patient) // a second press changes nothing
	if n := len(all[Moved](patient)); n != 1 {
		t.Fatalf("moved %d times", n)
	}
	if got := h.seenEvents(EventAdmitted); len(got) != 2 || got[0].By != "" || got[1].By != "invitation-of-doctor" || got[1].Session != "patient" {
		t.Fatalf("events %+v", got)
	}
}

func TestWhatOneMayNot(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	observer := h.join("observer", how{role: auth.Observer, media: allOn})
	waiting := h.join("waiting", how{role: auth.Guest})
	doctor.admit(patient)
	doctor.admit(observer)
	for _, c := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a patient admits", func() error { return patient.seat.Admit(h.ctx, "waiting") }, fault.NotAllowed},
		{"a patient ends", func() error { return patient.seat.End(h.ctx) }, fault.NotAllowed},
		{"an observer says something", func() error { return observer.seat.Chat(h.ctx, "1", "x") }, fault.NotAllowed},
		{"an observer sends", func() error { return observer.seat.SetMedia(h.ctx, Media{Camera: true}) }, fault.NotAllowed},
		{"somebody waiting says something", func() error { return waiting.seat.Chat(h.ctx, "1", "x") }, fault.NotAllowed},
		{"somebody waiting admits", func() error { return waiting.seat.Admit(h.ctx, "waiting") }, fault.NotAllowed},
		{"somebody waiting ends", func() error { return waiting.seat.End(h.ctx) }, fault.NotAllowed},
		{"admitting nobody", func() error { return doctor.seat.Admit(h.ctx, "nobody") }, fault.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if got := all[Said](patient); len(got) != 0 {
		t.Error("something was said")
	}
	for _, u := range all[Changed](patient) {
		if u.Member.Media != (Media{}) || u.Member.ID == "waiting" {
			t.Errorf("the patient saw %+v", u.Member)
		}
	}
}

func TestChat(t *testing.T) {
	h := newHouse(t, Limits{Chat: 3})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	say := func(g *guest, id, text string) {
		t.Helper()
		if err := g.seat.Chat(h.ctx, id, phi.Text(text)); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	say(doctor, "1", "alone")
	doctor.admit(patient)
	say(patient, "1", "the same id from another")
	say(patient, "1", "sent again")
	said := all[Said](doctor)
	if len(said) != 2 || said[1].From.ID != "patient" || said[1].Text.Reveal() != "the same id from another" || said[1].From.Name.Reveal() != "Name of patient" {
		t.Fatalf("said %+v", said)
	}
	for i := range 3 {
		say(doctor, fmt.Sprint("more-", i), "more")
	}
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})).Chat; len(got) != 3 {
		t.Errorf("remembers %d lines, want 3", len(got))
	}
	late := h.join("late", how{role: auth.Guest})
	doctor.admit(late)
	say(doctor, "for-late", "since")
	late.seat.Leave()
	late = h.join("late", how{role: auth.Guest})
	if got := latest[Joined](late).Chat; len(got) != 1 || got[0].ID != "for-late" {
		t.Errorf("who came late is told %d lines", len(got))
	}
}

func TestSameSessionAgain(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	first := h.join("patient", how{role: auth.Patient})
	since := latest[Joined](first).Since
	h.clock.Pass(time.Minute)
	second := h.join("patient", how{role: auth.Patient})
	first.awaitClosed(Replaced)
	if got := latest[Joined](second); got.Place != Waiting || !got.Since.Equal(since) {
		t.Fatalf("waits %+v, since %v before", got, since)
	}
	doctor.admit(second)
	third := h.join("patient", how{role: auth.Patient})
	second.awaitClosed(Replaced)
	if got := latest[Joined](third); got.Place != Visit {
		t.Fatalf("came back to %s", got.Place)
	}
	if err := second.seat.Chat(h.ctx, "1", "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("a replaced seat: %v", err)
	}
	second.seat.Leave() // of a seat long void: must not take the third's
	if err := third.seat.Chat(h.ctx, "2", "still here"); err != nil {
		t.Error(err)
	}
	if got := all[Left](doctor); len(got) != 0 {
		t.Errorf("the clinician saw %v leave", got)
	}
	third.seat.Leave()
	await(doctor, "the patient leaving", func(u Left) bool { return u.Member == "patient" })
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})); got.Place != Visit {
		t.Errorf("after leaving, came back to %s", got.Place)
	}
	if n := len(h.seenEvents(EventAdmitted)); n != 2 {
		t.Errorf("%d admissions", n)
	}
}

func TestAnotherDeviceTakesOver(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	phone := h.join("phone", how{role: auth.Patient, invitation: "family"})
	doctor.admit(phone)
	laptop := h.join("laptop", how{role: auth.Patient, invitation: "family"})
	if got := latest[Joined](laptop).Place; got != Waiting {
		t.Fatalf("the second device came to %s", got)
	}
	doctor.admit(laptop)
	phone.awaitClosed(Replaced)
	await(doctor, "the phone leaving", func(u Left) bool { return u.Member == "phone" })
	if got := latest[Joined](h.join("phone", how{role: auth.Patient, invitation: "family"})).Place; got != Waiting {
		t.Errorf("the older device came back to %s", got)
	}
	if got := latest[Joined](h.join("laptop", how{role: auth.Patient, invitation: "family"})).Place; got != Visit {
		t.Errorf("the newer device came back to %s", got)
	}
}

// A link in other hands gains nothing by the clinician's connection being lost, however often.
func TestClinicianComesBackBeforeOthers(t *testing.T) {
	h := newHouse(t, Limits{})
	clinician := how{role: auth.Clinician, invitation: "doctor"}
	desk := h.join("desk", clinician)
	desk.admit(h.join("child", how{role: auth.Patient}))
	stranger := h.join("stranger", clinician)
	if got := latest[Joined](stranger); got.Place != Waiting || len(got.Members) != 0 {
		t.Fatalf("the second device: %+v", got)
	}
	for range 3 {
		h.clock.Pass(deviceGrace)
		desk.seat.Lost()
		h.clock.Pass(deviceGrace - 1)
		later := h.join("stranger", clinician)
		if got := latest[Joined](later).Place; got != Waiting {
			t.Fatalf("while the clinician was cut off, the second device came to %s", got)
		}
		h.tick()
		desk = h.join("desk", clinician)
		if got := latest[Joined](desk).Place; got != Visit {
			t.Fatalf("the clinician came back to %s", got)
		}
		if got := all[Moved](later); len(got) != 0 {
			t.Fatalf("the second device was moved to %s", got[0].Place)
		}
	}
}

func TestClinicianOnAnotherDevice(t *testing.T) {
	clinician := how{role: auth.Clinician, invitation: "doctor"}
	for _, c := range []struct {
		name string
		goes func(h *house, desk *guest)
	}{
		{"after leaving on purpose", func(_ *house, desk *guest) { desk.seat.Leave() }},
		{"after being away for long", func(h *house, desk *guest) {
			desk.seat.Lost()
			h.settle()
			h.clock.Pass(deviceGrace)
		}},
		{"admitted by a colleague", func(h *house, desk *guest) {
			desk.seat.Lost()
			h.join("colleague", how{role: auth.Clinician}).admit(&guest{h: h, id: "tablet"})
		}},
		{"admitted from the first", func(h *house, desk *guest) { desk.admit(&guest{h: h, id: "tablet"}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, Limits{})
			desk := h.join("desk", clinician)
			tablet := h.join("tablet", clinician)
			c.goes(h, desk)
			await(tablet, "the visit", func(u Moved) bool { return u.Place == Visit })
			if got := latest[Joined](h.join("desk", clinician)).Place; got != Waiting {
				t.Errorf("the first device came back to %s", got)
			}
			if got := latest[Joined](h.join("tablet", clinician)).Place; got != Visit {
				t.Errorf("the second device came back to %s", got)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	h := newHouse(t, Limits{InVisit: 3, Waiting: 2})
	doctor := h.join("doctor", how{role: auth.Clinician})
	one, two := h.join("one", how{role: auth.Patient}), h.join("two", how{role: auth.Guardian})
	if _, err := h.arrive("three", how{role: auth.Guest}); !errors.Is(err, ErrFull) {
		t.Fatalf("a third waits: %v", err)
	}
	h.join("two", how{role: auth.Guardian}) // again: takes nobody's place
	doctor.admit(one)
	doctor.admit(two)
	three := h.join("three", how{role: auth.Guest})
	if err := doctor.seat.Admit(h.ctx, "three"); !errors.Is(err, ErrFull) {
		t.Fatalf("a fourth in the visit: %v", err)
	}
	if _, err := h.arrive("colleague", how{role: auth.Clinician}); !errors.Is(err, ErrFull) {
		t.Fatalf("a fourth who needs nobody's leave: %v", err)
	}
	h.join("one", how{role: auth.Patient}) // reloads
	other := h.join("other", how{role: auth.Patient, invitation: "invitation-of-one"})
	doctor.admit(other) // takes over: still three
	other.seat.Leave()
	doctor.admit(three)
}

func TestOneLinkWaitsThreeTimesAtMost(t *testing.T) {
	h := newHouse(t, Limits{Waiting: 5})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	family := how{role: auth.Patient, invitation: "family"}
	var copies []*guest
	for i := range 3 {
		copies = append(copies, h.join(fmt.Sprint("copy-", i), family))
	}
	copies[2] = h.join("copy-2", family) // again: takes nobody's place
	if _, err := h.arrive("one too many", family); !errors.Is(err, ErrCrowded) {
		t.Errorf("one too many: %v", err)
	}
	for _, g := range copies {
		if _, reason, _ := g.box.look(); reason != 0 {
			t.Errorf("%s was sent away for %d", g.id, reason)
		}
	}

	copies[1].seat.Detach(copies[1].box) // that phone's battery is empty
	await(doctor, "that a device is away", func(u Changed) bool { return u.Member.ID == "copy-1" && u.Member.Away })
	other := h.join("another phone", family)
	await(doctor, "the device that was away leaving", func(u Left) bool { return u.Member == "copy-1" })
	if _, err := h.arrive("one too many again", family); !errors.Is(err, ErrCrowded) {
		t.Errorf("one too many again: %v", err)
	}

	doctor.admit(copies[0])
	h.join("copy-0", family) // who is admitted comes back, whoever waits
	doctor.admit(other)
	doctor.admit(patient)
}

func TestEndForEveryone(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	patient, waiting := h.join("patient", how{role: auth.Patient}), h.join("waiting", how{role: auth.Guest})
	doctor.admit(patient)
	room := h.room()
	if err := doctor.seat.End(h.ctx); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*guest{doctor, patient, waiting} {
		g.awaitClosed(Ended)
	}
	if ends, events := h.db.ends, h.seenEvents(EventEnded); len(ends) != 1 || ends[0].By != "invitation-of-doctor" || ends[0].Visit != visitID || len(events) != 0 {
		t.Errorf("ended by %+v, and events of it %+v", ends, events)
	}
	if _, err := h.host.Room(h.ctx, visitID); !errors.Is(err, ErrEnded) {
		t.Errorf("the room after the end: %v", err)
	}
	if err := h.host.Place(h.ctx, visitID); !errors.Is(err, fault.NotAllowed) || fault.CodeOf(err) != fault.CodeOver {
		t.Errorf("placing it: %v", err)
	}
	if _, err := room.Join(h.ctx, Arrival{Session: "late", Role: auth.Clinician, Peer: doctor.peer, Outbox: newInbox(0)}); !errors.Is(err, ErrClosed) {
		t.Errorf("joining what is over: %v", err)
	}
	h.host = h.newHost("node-2", Limits{}) // has not heard of the end
	h.until("the lease is given back", func() bool {
		_, err := h.host.Room(h.ctx, visitID)
		return err == nil
	})
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})).Place; got != Waiting {
		t.Errorf("on another node, somebody came back to %s", got)
	}
}

func TestEndFromTheDesk(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	h.host.End(visitID)
	doctor.awaitClosed(Ended)
	h.host.End("another-visit") // hosted by nobody
	if _, err := h.host.Room(h.ctx, "another-visit"); !errors.Is(err, ErrEnded) {
		t.Errorf("a visit ended before anybody came: %v", err)
	}
}

func TestWithdrawnInvitation(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	phone := h.join("phone", how{role: auth.Patient, invitation: "family"})
	laptop := h.join("laptop", how{role: auth.Patient, invitation: "family"})
	doctor.admit(phone)
	before := h.removals
	h.host.Remove(visitID, "family", h.removal())
	phone.awaitClosed(Removed)
	laptop.awaitClosed(Removed)
	for _, id := range []string{"phone", "laptop"} {
		await(doctor, id+" leaving", func(u Left) bool { return u.Member == id })
	}
	h.removals = before // checked against SQL just before
	h.clock.Pass(time.Hour)
	if _, err := h.arrive("phone", how{role: auth.Patient, invitation: "family"}); !errors.Is(err, ErrRemoved) {
		t.Errorf("an arrival checked before: %v", err)
	}
	h.removals++             // the link was sent anew
	h.clock.Pass(-time.Hour) // whatever time it is
	if got := latest[Joined](h.join("phone", how{role: auth.Patient, invitation: "family"})).Place; got != Waiting {
		t.Errorf("with a new link, came back to %s", got)
	}
}

// Word of a withdrawal may come when the holder of the new link is here already.
func TestWithdrawalNoticedLate(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	old := h.join("old-link", how{role: auth.Patient, invitation: "family"})
	withdrawn := h.removal()
	phone := h.join("phone", how{role: auth.Patient, invitation: "family"})
	doctor.admit(phone)
	laptop := h.join("laptop", how{role: auth.Patient, invitation: "family"})
	h.host.Remove(visitID, "family", withdrawn)
	h.host.Remove(visitID, "family", withdrawn-1) // another, noticed later still
	old.awaitClosed(Removed)
	h.settle()
	for _, g := range []*guest{phone, laptop} {
		if _, closed, _ := g.box.look(); closed != 0 {
			t.Errorf("%s was closed for reason %d", g.id, closed)
		}
	}
	phone.seat.Lost()
	if got := latest[Joined](h.join("phone", how{role: auth.Patient, invitation: "family"})).Place; got != Visit {
		t.Errorf("came back to %s", got)
	}
}

// When the link in the visit is withdrawn, nobody with the same link gets in, but whoever holds the new one does.
func TestWithdrawnClinician(t *testing.T) {
	h := newHouse(t, Limits{})
	clinician := how{role: auth.Clinician, invitation: "doctor"}
	desk, stranger := h.join("desk", clinician), h.join("stranger", clinician)
	withdrawn := h.removal()
	tablet := h.join("tablet", clinician)
	if got := latest[Joined](tablet).Place; got != Waiting {
		t.Fatalf("the second device came to %s", got)
	}
	h.host.Remove(visitID, "doctor", withdrawn)
	desk.awaitClosed(Removed)
	stranger.awaitClosed(Removed)
	await(tablet, "the visit", func(u Moved) bool { return u.Place == Visit })
	if got := all[Moved](stranger); len(got) != 0 {
		t.Errorf("the withdrawn link was moved to %s first", got[0].Place)
	}
}

func TestSlowMember(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	slow := h.join("slow", how{role: auth.Patient, boxSize: 5})
	other := h.join("other", how{role: auth.Guardian})
	doctor.admit(slow)
	doctor.admit(other)
	for i := range 10 {
		if err := doctor.seat.Chat(h.ctx, fmt.Sprint(i), "x"); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	slow.awaitClosed(Slow)
	await(other, "the slow one being away", func(u Changed) bool { return u.Member.ID == "slow" && u.Member.Away })
	if n := len(all[Said](other)); n != 10 {
		t.Errorf("the other heard %d lines of 10", n)
	}
	slow.attach(0)
	if got := latest[Resumed](slow); got.Place != Visit || len(got.Chat) != 10 {
		t.Errorf("the slow one came back to %s and %d lines of 10", got.Place, len(got.Chat))
	}
}

func TestAllSlowAtOnce(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	var slow []*guest
	for i := range 5 {
		g := h.join(fmt.Sprint("slow-", i), how{role: auth.Guest, boxSize: 8})
		doctor.admit(g)
		slow = append(slow, g)
	}
	for i := range 10 {
		if err := doctor.seat.Chat(h.ctx, fmt.Sprint(i), "x"); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	for _, g := range slow {
		g.awaitClosed(Slow)
	}
	late := h.join("late", how{role: auth.Guest})
	doctor.admit(late)
	for _, m := range latest[Moved](late).Members {
		if m.Away != (m.ID != "doctor") {
			t.Errorf("%s is away: %v", m.ID, m.Away)
		}
	}
	if n := len(latest[Moved](late).Members); n != 6 {
		t.Errorf("%d are here", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	h := newHouse(t, Limits{InVisit: 30, Waiting: 30})
	doctor := h.join("doctor", how{role: auth.Clinician})
	done := make(chan error)
	for i := range 20 {
		go func() {
			done <- func() error {
				room, err := h.host.Room(h.ctx, visitID)
				if err != nil {
					return err
				}
				id := fmt.Sprint("guest-", i)
				for range 20 {
					seat, err := room.Join(h.ctx, Arrival{Session: id, Invitation: id, Role: auth.Guest, Peer: doctor.peer, Outbox: newInbox(0)})
					if err != nil {
						return err
					}
					if err := doctor.seat.Admit(h.ctx, id); err != nil {
						return err
					}
					if err := errors.Join(seat.Chat(h.ctx, "1", "x"), seat.SetMedia(h.ctx, allOn)); err != nil {
						return err
					}
					seat.Leave()
				}
				return nil
			}()
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	h.settle()
	if got := latest[Joined](h.join("doctor", how{role: auth.Clinician})); len(got.Members) != 0 {
		t.Errorf("still here: %v", ids(got.Members))
	}
}

func TestNothingPrivatePrints(t *testing.T) {
	text := fmt.Sprintf("%v %+v", Joined{You: Person{Name: "Canary"}}, Said{Text: "Canary", From: Person{Name: "Canary"}})
	if strings.Contains(text, "Canary") {
		t.Error(text)
	}
}
