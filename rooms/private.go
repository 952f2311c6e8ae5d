package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// writeWithin is how long the beginning or the end of private time, or the withdrawal of an invitation, may take to last before whoever asked is
// told that it did not happen.
const writeWithin = 5 * time.Second

// setPrivate begins or ends private time, once that lasts: a wall that a crash undoes is none, and whoever hosts the room next has to know of
// it. Doing so twice changes nothing. It runs on the goroutine of whoever asks, and finishes what it began even when they go.
func (s *Seat) setPrivate(ctx context.Context, on bool) error {
	turn := Event{}
	err := s.act(ctx, func(r *Room, by *member) (err error) {
		turn, err = r.askPrivate(by, on)
		return err
	})
	if err != nil || turn.Kind == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	unwritten := s.room.host.write(ctx, s.room, turn)
	_, err = ask(context.WithoutCancel(ctx), s.room, func() (struct{}, error) { return struct{}{}, s.room.turnPrivate(turn, unwritten) })
	return err
}

// askPrivate gives what has to last before private time begins or ends; nothing when it is so already.
func (r *Room) askPrivate(by *member, on bool) (Event, error) {
	if !by.may(auth.VisitPrivate) {
		return Event{}, fmt.Errorf("private time: %w", fault.NotAllowed)
	}
	if r.turning {
		return Event{}, fmt.Errorf("private time, while somebody turns it: %w", ErrNotKept)
	}
	if on != r.private.IsZero() {
		return Event{}, nil
	}
	r.turning = true
	if on {
		return r.event(Event{Kind: EventPrivateStarted, By: by.invitation}), nil
	}
	return r.event(Event{Kind: EventPrivateEnded, By: by.invitation}), nil
}

// turnPrivate begins or ends private time now that it lasts.
func (r *Room) turnPrivate(turn Event, unwritten error) error {
	r.turning = false
	if unwritten != nil {
		return fmt.Errorf("private time: %w: %w", ErrNotKept, unwritten)
	}
	if turn.Kind == EventPrivateStarted {
		r.beginPrivate(turn.At)
	} else {
		r.endPrivate()
	}
	return nil
}

// beginPrivate moves everybody out who may not stay. Their admissions still count, so that they come back when it ends.
func (r *Room) beginPrivate(since time.Time) {
	r.private = since
	var out []*member
	for _, m := range r.members {
		if m.place == Visit && r.walls(m) {
			out = append(out, m)
		}
	}
	r.moveOut(out...)
	r.sendVisit(Private{r.private})
	r.letIn() // whoever waited for a place, and may stay
}

// endPrivate lets those back in who had been admitted. What was said meanwhile is not for them.
func (r *Room) endPrivate() {
	for i := range r.admitted {
		r.admitted[i].hearing = ""
	}
	r.private = time.Time{}
	r.sendVisit(Private{})
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
