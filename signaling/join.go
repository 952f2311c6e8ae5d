package signaling

import (
	"context"
	"errors"
	"fmt"

	"housecall/platform/fault"
	"housecall/rooms"
	"housecall/sfu"
)

// join turns a valid pass and an offer into a seat in the visit's room. Everything slow or dangerous (signatures, SQL, parsing
// SDP) happens here, on the session's goroutine and not on the room's.
func (s *Session) join(m Join) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.JoinWithin)
	defer cancel()
	arrival, room, err := s.identify(ctx, m.Pass)
	if err != nil {
		return err
	}
	s.log = s.log.With("session", arrival.Session)
	if err := sfu.CheckOffer(m.Offer); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	p, ok := s.handler.begin(s)
	if !ok {
		return fmt.Errorf("joining: %w", rooms.ErrClosed)
	}
	s.participant = p
	defer close(p.seated)
	p.peer, err = s.handler.config.Engine.NewPeer(sfu.PeerEvents{Lost: p.mediaEnded})
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	p.answer, err = p.peer.Answer(ctx, m.Offer)
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	arrival.Peer, arrival.Sources, arrival.Media, arrival.Outbox = p.peer, m.Sources, rooms.Media(m.Media), s
	p.seat, err = room.Join(ctx, arrival)
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	return nil
}

// identify says who holds a pass, and opens the room. The pass says which session; who that is comes from SQL, where a link may have been
// withdrawn since the pass was made. The room is opened first: from then on it hears of withdrawals itself.
func (s *Session) identify(ctx context.Context, pass string) (rooms.Arrival, *rooms.Room, error) {
	c := s.handler.config
	claims, err := c.Verifier.Verify(pass)
	if err != nil {
		return rooms.Arrival{}, nil, fmt.Errorf("%w: %w", errPass, err)
	}
	if claims.Visit != s.visit {
		return rooms.Arrival{}, nil, fmt.Errorf("%w: for another visit", errPass)
	}
	first, err := c.Once.Spend(ctx, claims.ID, claims.ExpiresAt)
	if err != nil {
		return rooms.Arrival{}, nil, fmt.Errorf("spending a pass: %w", err)
	}
	if !first {
		return rooms.Arrival{}, nil, fmt.Errorf("%w: spent before", errPass)
	}
	s.handler.known(s)
	room, err := c.Rooms.Room(ctx, s.visit)
	if err != nil {
		return rooms.Arrival{}, nil, fmt.Errorf("joining: %w", err)
	}
	person, err := c.People.Person(ctx, s.visit, claims.Session)
	if errors.Is(err, fault.NotFound) || errors.Is(err, fault.NotAllowed) {
		return rooms.Arrival{}, nil, fmt.Errorf("%w: %w", errPass, err)
	}
	if err != nil {
		return rooms.Arrival{}, nil, fmt.Errorf("looking a session up: %w", err)
	}
	if person.Invitation != claims.Invitation {
		return rooms.Arrival{}, nil, fmt.Errorf("%w: for another invitation", errPass)
	}
	return rooms.Arrival{
		Session: claims.Session, Invitation: person.Invitation, Name: person.Name, Role: person.Role, Checked: person.Checked,
	}, room, nil
}
