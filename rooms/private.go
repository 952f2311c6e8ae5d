package rooms

import (
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// setPrivate begins or ends private time. Doing so twice changes nothing.
func (r *Room) setPrivate(by *member, on bool) error {
	if !by.may(auth.VisitPrivate) {
		return fmt.Errorf("private time: %w", fault.NotAllowed)
	}
	if on != r.private.IsZero() {
		return nil
	}
	if on {
		r.beginPrivate(by)
	} else {
		r.endPrivate(by)
	}
	return nil
}

// beginPrivate moves everybody out who may not stay. Their admissions still count, so that they come back when it ends.
func (r *Room) beginPrivate(by *member) {
	r.private = r.now()
	r.remember()
	var out []*member
	for _, m := range r.members {
		if m.place == Visit && r.walls(m) {
			out = append(out, m)
		}
	}
	r.moveOut(out...)
	r.sendVisit(Private{r.private})
	r.emit(Event{Kind: EventPrivateStarted, By: by.invitation})
}

// endPrivate lets those back in who had been admitted. What was said meanwhile was not said to them.
func (r *Room) endPrivate(by *member) {
	for i := range r.admitted {
		r.admitted[i].hearing = ""
	}
	r.private = time.Time{}
	r.remember()
	r.sendVisit(Private{})
	r.emit(Event{Kind: EventPrivateEnded, By: by.invitation})
	r.letIn()
}

// walls says whether private time keeps the member out of the visit.
func (r *Room) walls(m *member) bool { return !r.private.IsZero() && !m.rights[auth.VisitConfide] }

// hears says whether what is said in the visit now is meant for a session that was admitted: private time leaves out whoever may not stay, and
// whoever came before this node took over and has not been back, whose role nobody here knows.
func (r *Room) hears(a admission) bool {
	return r.private.IsZero() || auth.May(a.role, auth.VisitConfide)
}

// refusesInPrivate says whether nobody may let the member in because of private time: it is walled, or it is another device of somebody who
// is in the visit, or expected back. A link can be in other hands, a child's in a parent's above all.
func (r *Room) refusesInPrivate(m *member) bool {
	return r.walls(m) || !r.private.IsZero() && r.keptOut(m)
}

// moveOut moves members from the visit back to waiting. Nothing is told to any of them before all are out.
func (r *Room) moveOut(out ...*member) {
	for _, m := range out {
		if m.media.Screen {
			r.switchOff(m)
		}
		m.showNothing()
		m.place, m.since = Waiting, r.now()
	}
	r.members = append(slices.DeleteFunc(r.members, func(m *member) bool { return slices.Contains(out, m) }), out...)
	for _, m := range out {
		r.send(m, Moved{r.position(m)})
		r.announceOut(m)
	}
	r.pointAll()
}

// hear takes in a patient's answer to whether anybody can hear them.
func (r *Room) hear(m *member, answer Hearing) error {
	a := r.admission(m.id)
	if !m.may(auth.VisitHearing) || r.private.IsZero() || a == nil {
		return fmt.Errorf("saying who can hear: %w", fault.NotAllowed)
	}
	a.hearing = answer
	return nil
}
