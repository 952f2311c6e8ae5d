package rooms

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
)

// act is something a member may ask of a room that concerns others.
type act struct {
	name   string
	right  auth.Action // what it needs, in the visit
	before func(s *scene)
	do     func(s *scene) error
}

// scene is a visit in which somebody acts: a doctor, a guest and an interpreter are in it, another guest waits.
type scene struct {
	*house
	actor, doctor, in, waiting, interpreter *guest
}

func acts() []act {
	on := func(s *scene) { must(s, s.doctor.seat.SetPrivate(s.ctx, true)) }
	return []act{
		{"admit", auth.VisitAdmit, nil, func(s *scene) error { return s.actor.seat.Admit(s.ctx, "waiting") }},
		{"chat", auth.VisitChat, nil, func(s *scene) error { return s.actor.seat.Chat(s.ctx, "1", "x") }},
		{"end", auth.VisitEnd, nil, func(s *scene) error { return s.actor.seat.End(s.ctx) }},
		{"return", auth.VisitReturn, nil, func(s *scene) error { return s.actor.seat.Return(s.ctx, "in") }},
		{"decline", auth.VisitRemove, nil, func(s *scene) error { return s.actor.seat.Decline(s.ctx, "waiting") }},
		{"remove from the visit", auth.VisitRemove, nil, func(s *scene) error { return s.actor.seat.Remove(s.ctx, "in") }},
		{"remove from waiting", auth.VisitRemove, nil, func(s *scene) error { return s.actor.seat.Remove(s.ctx, "waiting") }},
		{"private", auth.VisitPrivate, nil, func(s *scene) error { return s.actor.seat.SetPrivate(s.ctx, true) }},
		{"end of private", auth.VisitPrivate, on, func(s *scene) error { return s.actor.seat.SetPrivate(s.ctx, false) }},
		{"hearing", auth.VisitHearing, on, func(s *scene) error { return s.actor.seat.SetHearing(s.ctx, HearingNobody) }},
		{"tell one", auth.VisitTell, nil, func(s *scene) error { return s.actor.seat.Tell(s.ctx, "waiting", Note{ID: "1", Text: "x"}) }},
		{"tell all", auth.VisitTell, nil, func(s *scene) error { return s.actor.seat.Tell(s.ctx, "", Note{ID: "1", Text: "x"}) }},
		{"lead", auth.VisitLead, nil, func(s *scene) error { return s.actor.seat.HandOver(s.ctx, "doctor") }},
		{"share", auth.VisitShare, nil, func(s *scene) error { return s.actor.seat.SetMedia(s.ctx, Media{Screen: true}) }},
	}
}

func must(s *scene, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// newScene lets somebody of a role come to a place. A clinician waits only on a second device.
func newScene(h *house, role auth.Role, place Place) *scene {
	s := &scene{house: h}
	s.doctor = h.join("doctor", how{role: auth.Clinician})
	s.in, s.interpreter = h.join("in", how{role: auth.Guest}), h.join("interpreter", how{role: auth.Interpreter})
	s.doctor.admit(s.in)
	s.doctor.admit(s.interpreter)
	s.waiting = h.join("waiting", how{role: auth.Guest})
	if role == auth.Clinician && place == Waiting {
		h.join("first-device", how{role: role, invitation: "actor"})
	}
	s.actor = h.join("actor", how{role: role, invitation: "actor"})
	if place == Visit {
		s.doctor.admit(s.actor)
	}
	return s
}

// Every act, by everybody, from everywhere: allowed by the table and in the visit, or refused without anybody noticing.
func TestWhoMayDoWhat(t *testing.T) {
	engine := newEngine(t)
	t.Cleanup(func() { _ = engine.Close() })
	for _, role := range auth.InvitedRoles() {
		for _, place := range []Place{Waiting, Visit} {
			for _, act := range acts() {
				t.Run(fmt.Sprint(role, " in ", place, "/", act.name), func(t *testing.T) {
					s := newScene(newHouseOn(t, engine, Limits{}), role, place)
					if act.before != nil {
						act.before(s)
					}
					here := place == Visit && (act.before == nil || auth.May(role, auth.VisitConfide))
					others := []*guest{s.doctor, s.in, s.waiting, s.interpreter}
					before := make([]int, len(others))
					for i, o := range others {
						updates, _, _ := o.box.look()
						before[i] = len(updates)
					}
					err := act.do(s)
					if allowed := here && auth.May(role, act.right); allowed != (err == nil) || !allowed && !errors.Is(err, fault.NotAllowed) {
						t.Fatalf("got %v", err)
					}
					for i, o := range others {
						if updates, closed, _ := o.box.look(); err != nil && (len(updates) != before[i] || closed != 0) {
							t.Errorf("%s noticed: %s", o.id, kinds(updates[before[i]:]))
						}
					}
				})
			}
		}
	}
}

// What everybody may say of themselves, wherever they are.
func TestWhatEverybodyMay(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	for _, place := range []Place{Waiting, Visit} {
		for _, role := range auth.InvitedRoles()[:4] {
			id := fmt.Sprint(role, "-", place)
			g := h.join(id, how{role: role})
			if place == Visit {
				doctor.admit(g)
			}
			if err := errors.Join(g.seat.SetView(h.ctx, ViewOne), g.seat.SetLine(h.ctx, QualityBad), g.seat.SetCheck(h.ctx, Check{RTTMS: 7}),
				g.seat.SetMedia(h.ctx, Media{Microphone: true})); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			seen := latest[Changed](doctor).Member
			if seen.ID != id || seen.Line != QualityBad || (seen.Check != nil) != (place == Waiting) || seen.Media.Microphone != (place == Visit) {
				t.Errorf("the clinician sees %+v", seen)
			}
		}
	}
}

func TestReturn(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Visit)
	must(s, s.doctor.seat.Chat(s.ctx, "1", "before"))
	s.settle()
	must(s, s.doctor.seat.Return(s.ctx, "actor"))
	if got := latest[Moved](s.actor); got.Place != Waiting || got.Why != WhyReturned || len(got.Members)+len(got.Chat)+len(got.May) != 0 {
		t.Fatalf("moved to %+v", got.Position)
	}
	if got := latest[Left](s.in).Member; got != "actor" {
		t.Errorf("the others saw %q leave", got)
	}
	if got := latest[Changed](s.doctor).Member; got.ID != "actor" || got.Place != Waiting {
		t.Errorf("the clinician sees %+v", got)
	}
	must(s, s.doctor.seat.Return(s.ctx, "actor")) // a second press changes nothing
	again := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	if got := latest[Joined](again); got.Place != Waiting || got.Why != WhyReturned {
		t.Errorf("after a reload: %+v", got.Position)
	}
	must(s, s.doctor.seat.Chat(s.ctx, "2", "meanwhile"))
	s.settle()
	s.doctor.admit(again)
	if got := latest[Moved](again); got.Place != Visit || got.Why != "" || !slices.Equal(idsOf(got.Chat), []string{"1"}) {
		t.Errorf("admitted again: %+v", got.Position)
	}
	if got := s.seenEvents(EventReturned); len(got) != 1 || got[0].Session != "actor" || got[0].By != "invitation-of-doctor" {
		t.Errorf("events %+v", got)
	}
	s.join("colleague", how{role: auth.Clinician})
	for id, want := range map[string]error{"colleague": fault.NotAllowed, "doctor": fault.NotAllowed, "nobody": fault.NotFound} {
		if err := s.doctor.seat.Return(s.ctx, id); !errors.Is(err, want) {
			t.Errorf("moving %s back: %v", id, err)
		}
	}
}

func TestDecline(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Waiting)
	must(s, s.doctor.seat.Decline(s.ctx, "actor"))
	s.actor.awaitClosed(Declined)
	if got := latest[Left](s.doctor).Member; got != "actor" {
		t.Errorf("the clinician saw %q leave", got)
	}
	if got := all[Left](s.in); len(got) != 0 {
		t.Errorf("another heard who was declined: %v", got)
	}
	again := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	if got := latest[Joined](again); got.Place != Waiting {
		t.Errorf("knocks again, in %s", got.Place)
	}
	s.doctor.admit(again)
	for _, id := range []string{"actor", "doctor", "nobody"} { // who is in the visit does not wait
		if err := s.doctor.seat.Decline(s.ctx, id); !errors.Is(err, fault.NotFound) {
			t.Errorf("declining %s: %v", id, err)
		}
	}
	if got := s.seenEvents(EventDeclined); len(got) != 1 || got[0].Invitation != "actor" || got[0].By != "invitation-of-doctor" {
		t.Errorf("events %+v", got)
	}
}

func TestShowOut(t *testing.T) {
	for _, place := range []Place{Waiting, Visit} {
		t.Run(string(place), func(t *testing.T) {
			s := newScene(newHouse(t, Limits{}), auth.Patient, place)
			tablet := s.join("tablet", how{role: auth.Patient, invitation: "actor"})
			must(s, s.doctor.seat.Remove(s.ctx, "actor"))
			s.actor.awaitClosed(Removed)
			tablet.awaitClosed(Removed)
			if got := s.seenEvents(EventRemoved); len(got) != 1 || got[0].Invitation != "actor" || got[0].By != "invitation-of-doctor" {
				t.Errorf("events %+v", got)
			}
			if _, err := s.arrive("actor", how{role: auth.Patient, invitation: "actor"}); !errors.Is(err, ErrRemoved) {
				t.Errorf("came back: %v", err)
			}
			other := s.join("doctor-2", how{role: auth.Clinician, invitation: "invitation-of-doctor"})
			for id, want := range map[string]error{"doctor": fault.NotAllowed, other.id: fault.NotAllowed, "nobody": fault.NotFound} {
				if err := s.doctor.seat.Remove(s.ctx, id); !errors.Is(err, want) {
					t.Errorf("removing %s: %v", id, err)
				}
			}
		})
	}
}

// Somebody is shown out when that lasts, and not before; while the database is away they stay, and whoever asked is told.
func TestShowOutLasts(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Visit)
	s.db.goAway(true)
	if err := s.doctor.seat.Remove(s.ctx, "actor"); !errors.Is(err, ErrNotKept) {
		t.Errorf("with the database away: %v", err)
	}
	s.settle()
	if _, reason, _ := s.actor.box.look(); reason != 0 || len(s.seenEvents(EventRemoved)) != 0 {
		t.Errorf("removed all the same, for reason %d", reason)
	}
	s.db.goAway(false)
	release := s.db.hold()
	removed := make(chan error, 1)
	go func() { removed <- s.doctor.seat.Remove(s.ctx, "actor") }()
	s.until("it is being written", func() bool { return s.db.waiting() == 1 })
	if _, reason, _ := s.actor.box.look(); reason != 0 {
		t.Errorf("before it lasts they are gone, for reason %d", reason)
	}
	s.removal()                                                              // of somebody else
	tablet := s.join("tablet", how{role: auth.Patient, invitation: "actor"}) // comes meanwhile
	release()
	if err := <-removed; err != nil {
		t.Fatal(err)
	}
	s.actor.awaitClosed(Removed)
	tablet.awaitClosed(Removed)
}

func TestSign(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Interpreter, Visit)
	absent := s.join("absent", how{role: auth.Interpreter})
	for _, c := range []struct {
		name string
		by   *guest
		who  string
		want error
	}{
		{"a clinician of an interpreter", s.doctor, "interpreter", nil},
		{"an interpreter of themself", s.interpreter, "interpreter", nil},
		{"an interpreter of another", s.actor, "interpreter", fault.NotAllowed},
		{"an interpreter who waits", absent, "absent", fault.NotAllowed},
		{"a guest", s.in, "in", fault.NotAllowed},
		{"a clinician of a guest", s.doctor, "in", fault.NotAllowed},
		{"a clinician of somebody who waits", s.doctor, "absent", fault.NotFound},
		{"a clinician of nobody", s.doctor, "nobody", fault.NotFound},
	} {
		if err := c.by.seat.Sign(s.ctx, c.who, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := latest[Changed](s.in).Member; got.ID != "interpreter" || !got.Signing {
		t.Errorf("a guest sees %+v", got)
	}
	if got := all[Signing](s.interpreter); len(got) != 1 || !got[0].On {
		t.Errorf("the interpreter was told %v", got)
	}
	s.interpreter.seat.Lost()
	again := s.join("interpreter", how{role: auth.Interpreter})
	if got := latest[Changed](s.in).Member; got.ID != "interpreter" || !got.Signing {
		t.Errorf("after a reload, a guest sees %+v", got)
	}
	if !latest[Joined](again).Signing {
		t.Error("after a reload, the interpreter does not know that they sign")
	}
	must(s, again.seat.Sign(s.ctx, "interpreter", false))
	if got := latest[Changed](s.in).Member; got.Signing {
		t.Errorf("still signs: %+v", got)
	}
	if got := latest[Signing](again); got.On {
		t.Error("the interpreter thinks that they still sign")
	}
}
