package rooms

import (
	"context"
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
	session    string
	told       []Notice // oldest first
	returned   bool     // was moved back from the visit
	check      *Check   // nil: none came
	invitation string   // whose it is, where there is a check
	kept       *Check   // the check that whoever keeps the appointment was told of
}

// Notice is something a waiting person is told, and the session that says it.
type Notice struct {
	Told
	By string
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

// tell says something to somebody who waits, with nobody named to all who wait, once that lasts: the next host of the room tells it again to who
// comes back. Whoever is told learns no name. The sender gets it too, for an answer. Sent again with the same id, it is told once. It runs on the
// goroutine of whoever asks, and finishes what it began even when they go.
func (s *Seat) tell(ctx context.Context, to string, note Note) error {
	var notices []Notice
	err := s.act(ctx, func(r *Room, by *member) (err error) {
		if !by.may(auth.VisitTell) {
			return fmt.Errorf("telling who waits: %w", fault.NotAllowed)
		}
		notices, err = r.toTell(by.id, to, note)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.room.keepNotices(ctx, notices); err != nil {
		return err
	}
	_, err = ask(context.WithoutCancel(ctx), s.room, func() (struct{}, error) {
		s.room.tellWaiting(notices)
		s.room.answer(s.member, Told{Note: note, Member: to, At: s.room.now()})
		return struct{}{}, nil
	})
	return err
}

// Tell says something to all who wait in a visit, as far as this node hosts it, for somebody who is not there: by is a session of theirs, and whether they
// may is for the caller to judge. What is said lasts as what a Seat tells does. Errors: fault.NotFound when nobody waits; ErrNotHere and ErrMoved, after which
// another node may know better; ErrNotKept; those of a room that is asked, of kind fault.TryAgain.
func (h *Host) Tell(ctx context.Context, visit, by string, note Note) error {
	r := h.hostedRoom(visit)
	if r == nil {
		return fmt.Errorf("telling who waits: %w", ErrNotHere)
	}
	notices, err := ask(ctx, r, func() ([]Notice, error) {
		if r.leaving() {
			return nil, ErrMoved
		}
		return r.toTell(by, "", note)
	})
	if err != nil {
		return err
	}
	if err := r.keepNotices(ctx, notices); err != nil {
		return err
	}
	_, err = ask(context.WithoutCancel(ctx), r, func() (struct{}, error) {
		r.tellWaiting(notices)
		return struct{}{}, nil
	})
	return err
}

// keepNotices makes what people who wait are told last, even when whoever says it goes.
func (r *Room) keepNotices(ctx context.Context, notices []Notice) error {
	if len(notices) == 0 {
		return nil
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if err := r.host.keepTold(writing, r, notices); err != nil {
		return fmt.Errorf("telling who waits: %w: %w", ErrNotKept, err)
	}
	return nil
}

// toTell gives what has to last before those who wait are told; nothing when they were told already.
func (r *Room) toTell(by, to string, note Note) ([]Notice, error) {
	found := false
	var notices []Notice
	for _, m := range r.members {
		if m.place != Waiting || to != "" && m.id != to {
			continue
		}
		found = true
		n := Notice{Told{Note: note, Member: m.id, At: r.now()}, by}
		if w := r.waiter(m.id); w == nil || !w.was(n) {
			notices = append(notices, n)
		}
	}
	if !found {
		return nil, fmt.Errorf("telling who waits: %w", fault.NotFound)
	}
	return notices, nil
}

// was says whether the session was told this before.
func (w *waiter) was(n Notice) bool {
	return slices.ContainsFunc(w.told, func(o Notice) bool { return o.ID == n.ID && o.By == n.By })
}

// note remembers what the session is told.
func (w *waiter) note(n Notice) { w.told = append(w.told[max(0, len(w.told)+1-maxTold):], n) }

// tellWaiting tells what lasts by now. Who came into the visit meanwhile needs it no more; who lost the connection is told on coming back.
func (r *Room) tellWaiting(notices []Notice) {
	for _, n := range notices {
		m := r.member(n.Member)
		if m != nil && m.place != Waiting || m == nil && r.admission(n.Member) != nil {
			continue
		}
		w := r.waiterOf(n.Member)
		if w.was(n) {
			continue
		}
		w.note(n)
		if m != nil {
			r.send(m, n.Told)
		}
	}
}

// answer sends an update to a member that holds its seat still.
func (r *Room) answer(m *member, u Update) {
	if r.seated(m) {
		r.send(m, u)
	}
}

// recallTold takes in what people who wait were told by hosts before. Whoever came into the visit since needs it no more.
func (r *Room) recallTold(notices []Notice) {
	for _, n := range notices {
		if r.admission(n.Member) == nil {
			r.waiterOf(n.Member).note(n)
		}
	}
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

// setCheck takes in how a member's device check went. It says something of those who wait alone. What it does not know, since the page was loaded again or the
// link opened once more, is as it was found before.
func (r *Room) setCheck(m *member, check Check) {
	if m.place != Waiting {
		return
	}
	own := r.waiterOf(m.id)
	if own.check != nil {
		check = check.completedBy(*own.check)
	}
	for _, w := range slices.Backward(r.waiters) {
		if w != own && w.check != nil && w.invitation == m.invitation {
			check = check.completedBy(*w.check)
		}
	}
	if own.check == nil || *own.check != check {
		own.check = &check
	}
	own.invitation = m.invitation
}

// keepCheck tells whoever keeps the appointment what was found of a member that is about to wait no more: it may come back as another session.
func (r *Room) keepCheck(m *member) {
	w := r.waiter(m.id)
	if w == nil || w.check == nil || w.check == w.kept {
		return
	}
	w.kept = w.check
	r.emit(Event{Kind: EventChecked, Session: m.id, Invitation: m.invitation, Role: m.role, Check: w.check})
}
