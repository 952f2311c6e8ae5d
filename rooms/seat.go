package rooms

import (
	"context"

	"housecall/platform/phi"
)

// Seat is one member's hold on a room; it outlasts the connection it came by. When the session joins again, or the member is removed, the
// seat is void and its methods answer ErrClosed. A method that needs a right the member doesn't have answers fault.NotAllowed; one that acts on
// the visit answers ErrMoved while the room lives elsewhere, or is about to.
type Seat struct {
	room   *Room
	member *member
}

// Join gives an arrival a seat: in the visit when its session was admitted before or its role needs nobody's leave, otherwise among
// those waiting. The first update in the outbox is Joined. Errors: ErrEnded, ErrFull, ErrCrowded, ErrRemoved, ErrClosed.
func (r *Room) Join(ctx context.Context, a Arrival) (*Seat, error) {
	l := linesOf(a.Peer, a.Sources)
	return ask(ctx, r, func() (*Seat, error) { return r.join(a, l) })
}

// Offered says that the peer has answered another offer, which carried these sources. Call it when the answer is on its way to
// the client: the slots are pointed at once.
func (s *Seat) Offered(ctx context.Context, sources map[string]Source) error {
	l := linesOf(s.member.peer, sources)
	return s.ask(ctx, func(r *Room, m *member) error {
		m.relines(l)
		r.pointAll()
		return nil
	})
}

// SetMedia says what the member sends now; what is off is not forwarded. Whoever begins to share a screen takes over from whoever does.
func (s *Seat) SetMedia(ctx context.Context, media Media) error {
	return s.ask(ctx, func(r *Room, m *member) error { return r.setMedia(m, media) })
}

// SetView says which pictures the member wants.
func (s *Seat) SetView(ctx context.Context, view View) error {
	return s.ask(ctx, func(r *Room, m *member) error {
		r.setView(m, view)
		return nil
	})
}

// SetLine says how the member's line does.
func (s *Seat) SetLine(ctx context.Context, line Quality) error {
	return s.ask(ctx, func(_ *Room, m *member) error {
		m.line = line
		return nil
	})
}

// SetCheck says how the device check of somebody who waits went.
func (s *Seat) SetCheck(ctx context.Context, check Check) error {
	return s.ask(ctx, func(r *Room, m *member) error {
		r.setCheck(m, check)
		return nil
	})
}

// Chat says something to everybody in the visit. The id is the sender's own; sent twice, it is told once. It is told when it is kept; when it
// cannot be, the outbox gets Refused. Errors: ErrNotKept.
func (s *Seat) Chat(ctx context.Context, id string, text phi.Text) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.say(m, id, text, false) })
}

// Confide is Chat in private time, for those who are in it and nobody else. Errors: ErrPrivateOver when it has ended, ErrNotKept.
func (s *Seat) Confide(ctx context.Context, id string, text phi.Text) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.say(m, id, text, true) })
}

// Admit lets a waiting member into the visit. Errors: fault.NotFound when nobody of that id is here, ErrFull, ErrCutOff, ErrPrivate.
func (s *Seat) Admit(ctx context.Context, id string) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.admit(m, id) })
}

// Return moves a member from the visit back to waiting. Errors: fault.NotFound.
func (s *Seat) Return(ctx context.Context, id string) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.moveBack(m, id) })
}

// Decline sends somebody away who waits. Errors: fault.NotFound when nobody of that id waits.
func (s *Seat) Decline(ctx context.Context, id string) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.decline(m, id) })
}

// Remove shows a member out and withdraws their invitation, when that lasts. Errors: fault.NotFound, ErrNotKept.
func (s *Seat) Remove(ctx context.Context, id string) error { return s.showOut(ctx, id) }

// SetPrivate begins or ends private time, when that lasts. Errors: ErrNotKept.
func (s *Seat) SetPrivate(ctx context.Context, on bool) error { return s.setPrivate(ctx, on) }

// SetHearing is the member's answer to whether anybody can hear them, in private time.
func (s *Seat) SetHearing(ctx context.Context, answer Hearing) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.hear(m, answer) })
}

// Tell says something to a member who waits, or to nobody in particular and so to all who wait, when that lasts. Errors: fault.NotFound when nobody
// is told, ErrNotKept.
func (s *Seat) Tell(ctx context.Context, to string, note Note) error {
	return s.tell(ctx, to, note)
}

// HandOver gives the lead of the visit to a member who may have it. Errors: fault.NotFound when nobody of that id is in the visit.
func (s *Seat) HandOver(ctx context.Context, id string) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.handOver(m, id) })
}

// Sign says whether an interpreter in the visit signs now. Errors: fault.NotFound when nobody of that id is in the visit.
func (s *Seat) Sign(ctx context.Context, id string, on bool) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.sign(m, id, on) })
}

// End ends the visit for everyone, when that lasts. When it cannot, the outbox gets Refused and the visit goes on.
func (s *Seat) End(ctx context.Context) error {
	return s.act(ctx, func(r *Room, m *member) error { return r.askEnd(m) })
}

// Detach says that the connection behind an outbox is lost. The member keeps its place and what it sends and sees; it is told nothing until
// Attach, and its slots show nothing new. Nothing happens when the member has another outbox by now.
func (s *Seat) Detach(lost Outbox) {
	s.room.tell(func() {
		if s.room.seated(s.member) && s.member.outbox == lost {
			s.room.detach(s.member)
		}
	})
}

// Attach puts another outbox in the place of the member's, which gets nothing more, not even a word of it. What comes first in the new one
// is Resumed. Errors: ErrClosed.
func (s *Seat) Attach(ctx context.Context, outbox Outbox) error {
	return s.ask(ctx, func(r *Room, m *member) error {
		r.attach(m, outbox)
		return nil
	})
}

// Leave gives the seat up on purpose: from now on another device of the person may enter by right. The outbox is not closed: whoever
// leaves closes it.
func (s *Seat) Leave() { s.giveUp(true) }

// Lost gives the seat of a lost connection up. It is Leave, but that the person is expected back: other devices go on waiting for a while.
func (s *Seat) Lost() { s.giveUp(false) }

func (s *Seat) giveUp(onPurpose bool) {
	s.room.tell(func() {
		if s.room.seated(s.member) {
			s.member.left = onPurpose
			s.room.remove(s.member, 0)
		}
	})
}

// act is ask for what the room has to remember: one that lives elsewhere, or is about to, does nothing of the kind.
func (s *Seat) act(ctx context.Context, do func(*Room, *member) error) error {
	return s.ask(ctx, func(r *Room, m *member) error {
		if r.leaving() {
			return ErrMoved
		}
		return do(r, m)
	})
}

// ask runs do on the room's goroutine while the seat is held.
func (s *Seat) ask(ctx context.Context, do func(*Room, *member) error) error {
	_, err := ask(ctx, s.room, func() (struct{}, error) {
		if !s.room.seated(s.member) {
			return struct{}{}, ErrClosed
		}
		return struct{}{}, do(s.room, s.member)
	})
	return err
}
