package rooms

import (
	"fmt"

	"housecall/auth"
	"housecall/platform/fault"
)

// moveBack moves somebody from the visit back to waiting: they have to be admitted again. Somebody who waits already stays. Whoever may enter by
// right would be in again at once, so they cannot be moved.
func (r *Room) moveBack(by *member, id string) error {
	if !by.may(auth.VisitReturn) {
		return fmt.Errorf("moving a member back: %w", fault.NotAllowed)
	}
	m := r.member(id)
	switch {
	case m == nil:
		return fmt.Errorf("moving a member back: %w", fault.NotFound)
	case m.place == Waiting:
		return nil
	case m.rights[auth.VisitEnter]:
		return fmt.Errorf("moving a member back who may enter: %w", fault.NotAllowed)
	}
	r.forget(func(a admission) bool { return a.session == m.id })
	r.waiterOf(m.id).returned = true
	r.moveOut(m)
	r.emitAbout(EventReturned, m, by)
	return nil
}

// decline sends somebody away who waits. They may knock again, and have to be admitted then whatever they were before.
func (r *Room) decline(by *member, id string) error {
	if !by.may(auth.VisitRemove) {
		return fmt.Errorf("declining a member: %w", fault.NotAllowed)
	}
	m := r.member(id)
	if m == nil || m.place != Waiting {
		return fmt.Errorf("declining a member: %w", fault.NotFound)
	}
	r.forget(func(a admission) bool { return a.session == m.id })
	r.emitAbout(EventDeclined, m, by)
	r.remove(m, Declined)
	return nil
}

// showOut removes somebody, and everybody else who came by the same invitation: it counts as withdrawn from now on, here at once and in SQL as
// soon as the event has come there. Nobody can show out themselves.
func (r *Room) showOut(by *member, id string) error {
	if !by.may(auth.VisitRemove) {
		return fmt.Errorf("removing a member: %w", fault.NotAllowed)
	}
	m := r.member(id)
	switch {
	case m == nil:
		return fmt.Errorf("removing a member: %w", fault.NotFound)
	case m.invitation == by.invitation:
		return fmt.Errorf("removing oneself: %w", fault.NotAllowed)
	}
	r.emitAbout(EventRemoved, m, by)
	r.withdraw(m.invitation, r.now())
	return nil
}

// sign notes whether an interpreter signs now. Interpreters say so of themselves alone.
func (r *Room) sign(by *member, id string, on bool) error {
	m := r.member(id)
	switch {
	case !by.may(auth.VisitSign), by.role == auth.Interpreter && by != m:
		return fmt.Errorf("saying who signs: %w", fault.NotAllowed)
	case m == nil || m.place != Visit:
		return fmt.Errorf("saying who signs: %w", fault.NotFound)
	case m.role != auth.Interpreter:
		return fmt.Errorf("saying that somebody signs who is no interpreter: %w", fault.NotAllowed)
	}
	if a := r.admission(m.id); a != nil && a.signing != on {
		a.signing = on
		r.announceChanges()
		r.pointAll()
	}
	return nil
}

// signing says whether the member signs now.
func (r *Room) signing(m *member) bool {
	a := r.admission(m.id)
	return m.place == Visit && a != nil && a.signing
}

// emitAbout tells that somebody did something to a member.
func (r *Room) emitAbout(kind EventKind, m, by *member) {
	r.emit(Event{Kind: kind, Session: m.id, Invitation: m.invitation, Role: m.role, By: by.invitation})
}
