package rooms

import (
	"context"
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
	r.waiterOf(m.id).returned = true
	r.forget(func(a admission) bool { return a.session == m.id })
	r.moveOut(m)
	r.letIn() // whoever waited for their place
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

// showOut removes somebody, and everybody else who came by the same invitation, once its withdrawal lasts: whoever is told that somebody is gone
// must not see them come back by the same link after a crash. Nobody can show out themselves. It runs on the goroutine of whoever asks, and
// finishes what it began even when they go.
func (s *Seat) showOut(ctx context.Context, id string) error {
	var removed Event
	err := s.act(ctx, func(r *Room, by *member) (err error) {
		removed, err = r.askShowOut(by, id)
		return err
	})
	if err != nil {
		return err
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if err := s.room.host.write(writing, s.room, removed); err != nil {
		return fmt.Errorf("removing a member: %w: %w", ErrNotKept, err)
	}
	_, err = ask(context.WithoutCancel(ctx), s.room, func() (struct{}, error) {
		s.room.withdraw(removed.Invitation, forGood) // whoever was checked while it was written goes, too
		return struct{}{}, nil
	})
	return err
}

// askShowOut gives what has to last before somebody is removed.
func (r *Room) askShowOut(by *member, id string) (Event, error) {
	if !by.may(auth.VisitRemove) {
		return Event{}, fmt.Errorf("removing a member: %w", fault.NotAllowed)
	}
	m := r.member(id)
	switch {
	case m == nil:
		return Event{}, fmt.Errorf("removing a member: %w", fault.NotFound)
	case m.invitation == by.invitation:
		return Event{}, fmt.Errorf("removing oneself: %w", fault.NotAllowed)
	}
	return r.event(about(EventRemoved, m, by)), nil
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
		r.send(m, Signing{on})
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
func (r *Room) emitAbout(kind EventKind, m, by *member) { r.emit(about(kind, m, by)) }

// about is something that somebody did to a member.
func about(kind EventKind, m, by *member) Event {
	return Event{Kind: kind, Session: m.id, Invitation: m.invitation, Role: m.role, By: by.invitation}
}
