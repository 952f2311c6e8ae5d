package rooms

import (
	"fmt"
	"slices"

	"housecall/auth"
	"housecall/platform/fault"
)

const (
	// maxTold is how many messages a waiting person is told again when they come back.
	maxTold = 10
	// maxWaiters is of how many sessions that wait, or waited, a room remembers something: more than can wait at once.
	maxWaiters = 64
)

// waiter is what a room remembers of a session until it comes into the visit, also while it is gone for a moment.
type waiter struct {
	session  string
	told     []notice // oldest first
	returned bool     // was moved back from the visit
	check    *Check   // nil: none came
}

// notice is something a waiting person was told, and the session that said it.
type notice struct {
	Told
	by string
}

// waiter returns what is remembered of a session that waits; nil: nothing.
func (r *Room) waiter(session string) *waiter {
	if i := slices.IndexFunc(r.waiters, func(w *waiter) bool { return w.session == session }); i >= 0 {
		return r.waiters[i]
	}
	return nil
}

// waiterOf is waiter, but it remembers the session if it was not. Then those that are gone make room, oldest first.
func (r *Room) waiterOf(session string) *waiter {
	if w := r.waiter(session); w != nil {
		return w
	}
	if len(r.waiters) >= maxWaiters {
		gone := slices.IndexFunc(r.waiters, func(w *waiter) bool { return r.member(w.session) == nil })
		r.waiters = slices.Delete(r.waiters, max(gone, 0), max(gone, 0)+1)
	}
	w := &waiter{session: session}
	r.waiters = append(r.waiters, w)
	return w
}

// forgetWaiter drops what was remembered of a session that came into the visit.
func (r *Room) forgetWaiter(session string) {
	r.waiters = slices.DeleteFunc(r.waiters, func(w *waiter) bool { return w.session == session })
}

// tellWaiting says something to somebody who waits, with nobody named to all who wait. Whoever is told learns no name. The sender gets it
// too, for an answer. Sent again with the same id, it is told once.
func (r *Room) tellWaiting(by *member, to string, note Note) error {
	if !by.may(auth.VisitTell) {
		return fmt.Errorf("telling who waits: %w", fault.NotAllowed)
	}
	found := false
	for _, m := range r.members {
		if m.place != Waiting || to != "" && m.id != to {
			continue
		}
		found = true
		w := r.waiterOf(m.id)
		if slices.ContainsFunc(w.told, func(n notice) bool { return n.ID == note.ID && n.by == by.id }) {
			continue
		}
		n := notice{Told{Note: note, Member: m.id, At: r.now()}, by.id}
		w.told = append(w.told[max(0, len(w.told)+1-maxTold):], n)
		r.send(m, n.Told)
		r.emitAbout(EventTold, m, by)
	}
	if !found {
		return fmt.Errorf("telling who waits: %w", fault.NotFound)
	}
	r.send(by, Told{Note: note, Member: to, At: r.now()})
	return nil
}

// toldBefore lists what a waiting session was told.
func (r *Room) toldBefore(session string) []Told {
	list := []Told{}
	if w := r.waiter(session); w != nil {
		for _, n := range w.told {
			list = append(list, n.Told)
		}
	}
	return list
}

// setCheck takes in how a member's device check went. It says something of those who wait alone.
func (r *Room) setCheck(m *member, check Check) {
	if m.place == Waiting {
		r.waiterOf(m.id).check = &check
	}
}
