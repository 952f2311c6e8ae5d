package signaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/gorilla/websocket"

	"housecall/rooms"
	"housecall/sfu"
)

// How many other messages an offer weighs, and a resumed connection, of which all others are told, when a client sends faster than it may.
const (
	offerCost  = 20
	resumeCost = 5
)

// Session is one connection: run reads what the client asks and does it. The room reaches the client by Send and Close. Behind it is a
// participant, who may come back by another connection when this one is lost.
type Session struct {
	*socket
	handler *Handler
	visit   string
	network string // where it comes from
	log     *slog.Logger
	served  chan struct{} // closed when nothing is done any more that came by it

	participant *participant // set by run, before the room knows the session; nil: of nobody yet
	token       string       // takes this connection up; set with participant
}

var _ rooms.Outbox = (*Session)(nil)

func newSession(h *Handler, conn *websocket.Conn, visit, network string) *Session {
	return &Session{
		socket: newSocket(conn, h.config.Limits), handler: h, visit: visit, network: network,
		log: h.config.Logger.With("visit", visit), served: make(chan struct{}),
	}
}

// Send implements rooms.Outbox.
func (s *Session) Send(u rooms.Update) bool {
	return s.push(messageOf(u, credentials{answer: s.participant.answer, token: s.token}))
}

// Close implements rooms.Outbox. Who read too slowly may come back to the seat; for every other reason there is none any more.
func (s *Session) Close(r rooms.Reason) {
	s.shut(closingFor(r))
	if r != rooms.Slow {
		s.participant.end(closingFor(r))
	}
}

// run serves the connection until it is over.
func (s *Session) run() {
	var writer sync.WaitGroup
	writer.Go(s.write)
	err := s.serve()
	close(s.served)
	c := closingOfSession(err)
	if s.ctx.Err() != nil {
		c = s.closing // it was closed before, which ended the reading
	}
	if s.participant != nil {
		s.participant.letGo(s, c, errors.Is(err, errBye)) // before the client can know
	}
	s.shut(c)
	writer.Wait()
	s.drain(err)
	_ = s.conn.Close() // nothing is left to be lost
	s.log.Info("connection over", "code", s.closing.code, "cause", err)
}

// How a session ends by itself.
var (
	errBye    = errors.New("said bye")
	errSilent = errors.New("no sign of life")
	errCut    = errors.New("the network is gone")
)

// serve joins or resumes, and then does what the client asks, until the connection ends.
func (s *Session) serve() error {
	s.conn.SetReadLimit(MaxFrame)
	if err := s.conn.SetReadDeadline(deadline(s.limits.JoinWithin)); err != nil {
		return fmt.Errorf("before join: %w", err)
	}
	first, err := s.next()
	if err != nil {
		return err
	}
	switch m := first.(type) {
	case Join:
		err = s.join(m)
	case Resume:
		err = s.resume(m)
	default:
		err = refuse("the first message is neither join nor resume")
	}
	if err != nil {
		return err
	}
	s.conn.SetReadLimit(maxOfferFrame)
	s.conn.SetPongHandler(func(payload string) error {
		if err := s.ponged(payload); err != nil || s.read.Load() == 0 {
			return err
		}
		s.participant.heard(s) // what it has read begins with its token
		return nil
	})
	if err := s.extend(); err != nil {
		return fmt.Errorf("after join: %w", err)
	}
	for s.ctx.Err() == nil {
		m, err := s.next()
		if err != nil {
			return err
		}
		cost := 1
		if _, ok := m.(Offer); ok {
			cost = offerCost
		}
		if err := s.participant.pace.WaitN(s.ctx, cost); err != nil {
			return fmt.Errorf("closed: %w", err)
		}
		if err := s.do(m); err != nil {
			return err
		}
	}
	return fmt.Errorf("closed: %w", s.ctx.Err())
}

// offer answers another offer. The answer is queued before the room points the new slots, so the client knows them when it hears. A connection that
// is lost meanwhile doesn't leave the peer half negotiated: the client sends the same offer again over its next.
func (s *Session) offer(m Offer) error {
	if err := sfu.CheckOffer(m.Offer); err != nil {
		return fmt.Errorf("another offer: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.limits.JoinWithin)
	defer cancel()
	answer, err := s.participant.peer.Answer(ctx, m.Offer)
	if err != nil {
		return fmt.Errorf("answering another offer: %w", err)
	}
	if !s.push(Answer{answer}) {
		s.shut(closeSlow)
		return nil
	}
	return s.participant.seat.Offered(s.ctx, m.Sources)
}
