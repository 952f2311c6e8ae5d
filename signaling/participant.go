package signaling

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"housecall/rooms"
	"housecall/sfu"
)

// participant is somebody in a room: their peer and their seat, which outlive a connection that is lost for as long as it may be resumed.
type participant struct {
	handler *Handler
	visit   string
	log     *slog.Logger
	pace    *rate.Limiter // of their messages, however many connections they come by

	// set by join
	peer   *sfu.Peer
	answer string        // to the first offer
	seat   *rooms.Seat   // nil: the room took nobody in
	seated chan struct{} // closed when seat is known

	// guarded by the handler's mu
	session *Session    // the connection now; nil: it is lost
	token   tokenHash   // of the token that takes the connection up
	former  tokenHash   // of the one that took it up last, which does so again until the client has read what came after it
	expiry  *time.Timer // runs while the connection is lost
	onLeave bool        // they said bye
	over    bool
}

// tokenBytes is the size of a token: 128 bits that nobody guesses.
const tokenBytes = 16

// tokenHash is what the handler knows of a token. How long it takes to find one tells of its hash at most, and so nothing of any token.
type tokenHash [sha256.Size]byte

func hashToken(token string) tokenHash { return sha256.Sum256([]byte(token)) }

func newToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// begin makes a participant who comes by this connection; false when the handler is closed. What it began ends with end.
func (h *Handler) begin(s *Session) (*participant, bool) {
	perSecond := h.config.Limits.MessagesPerSec
	p := &participant{
		handler: h, visit: s.visit, log: s.log, session: s, seated: make(chan struct{}),
		pace: rate.NewLimiter(rate.Limit(perSecond), max(int(3*perSecond), offerCost)),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, false
	}
	h.work.Add(1)
	h.participants[p] = struct{}{}
	h.renew(p, s)
	return p, true
}

// renew gives the participant's connection another token. The caller holds mu.
func (h *Handler) renew(p *participant, s *Session) {
	s.token = newToken()
	p.token = hashToken(s.token)
	h.tokens[p.token] = p
}

// heard ends the token that took this connection up: its client has the one that came with it.
func (p *participant) heard(s *Session) {
	h := p.handler
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.session == s {
		delete(h.tokens, p.former)
	}
}

// errNothing says that a token takes nothing up: it was used before, its time is over, or it never was one.
var errNothing = errors.New("nothing to resume")

// resume takes up a connection that was lost, or that this client at least has given up. It asks neither SQL nor any shared store.
func (s *Session) resume(m Resume) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.JoinWithin)
	defer cancel()
	p, old := s.handler.takeUp(s, m.Token)
	if p == nil {
		return errNothing
	}
	s.participant, s.log = p, p.log
	if old != nil {
		old.abandon()
		select {
		case <-old.served: // what came by it is done before what comes by this one
		case <-ctx.Done():
			return fmt.Errorf("resuming: %w", ctx.Err())
		}
	}
	<-p.seated // what seats them has a deadline
	if p.seat == nil {
		return errNothing
	}
	if err := p.pace.WaitN(ctx, resumeCost); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	err := p.seat.Attach(ctx, s)
	if errors.Is(err, rooms.ErrClosed) {
		return fmt.Errorf("%w: %w", errNothing, err)
	}
	if err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	s.log.Info("connection resumed")
	return nil
}

// takeUp gives the participant of a token another connection, and says which one it had. Every other token of theirs is spent by it, and this one
// as soon as the client is known to have its next: the answer may be lost on the way. Nil: the token takes nothing up.
func (h *Handler) takeUp(s *Session, token string) (p *participant, old *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	used := hashToken(token)
	p = h.tokens[used]
	if p == nil || p.visit != s.visit || h.closed {
		return nil, nil
	}
	old, p.session = p.session, s
	if p.expiry != nil {
		p.expiry.Stop()
		p.expiry = nil
	}
	for _, token := range []tokenHash{p.token, p.former} {
		if token != used {
			delete(h.tokens, token)
		}
	}
	p.former = used
	h.renew(p, s)
	h.forgetStranger(s)
	return p, old
}

// letGo is what becomes of a participant whose connection ends like this: who lost it keeps the seat for a while.
func (p *participant) letGo(s *Session, c closing, leaves bool) {
	<-p.seated
	if p.keep(s, c, leaves) {
		p.seat.Detach(s)
	}
}

// keep says whether the participant of a connection that has ended may come back by another; whoever may not is ended.
func (p *participant) keep(s *Session, c closing, leaves bool) bool {
	h := p.handler
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.over || p.session != s {
		return false
	}
	if p.seat == nil || !c.resumable() {
		p.onLeave = leaves
		h.end(p, c)
		return false
	}
	p.session = nil
	p.expiry = time.AfterFunc(h.config.Limits.ResumeWithin, p.expire)
	return true
}

// mediaEnded ends a participant whose sound and pictures have ended for good, though not at once: whoever leaves ends them too, and what they say
// last, perhaps to hand the visit over, comes by another way and may be slower.
func (p *participant) mediaEnded() {
	time.AfterFunc(p.handler.config.Limits.ByeWithin, func() { p.end(closeSilent) })
}

// expire ends a participant who did not come back in time.
func (p *participant) expire() {
	p.handler.mu.Lock()
	defer p.handler.mu.Unlock()
	if p.session == nil {
		p.handler.end(p, closeSilent)
	}
}

// end ends a participant, whoever holds the connection by now.
func (p *participant) end(c closing) {
	p.handler.mu.Lock()
	defer p.handler.mu.Unlock()
	p.handler.end(p, c)
}

// end closes a participant's connection, forgets the token, gives up the seat and closes the peer: the latter two on a goroutine of their
// own, since the room itself may call. The caller holds mu.
func (h *Handler) end(p *participant, c closing) {
	if p.over {
		return
	}
	p.over = true
	delete(h.tokens, p.token)
	delete(h.tokens, p.former)
	delete(h.participants, p)
	if p.expiry != nil {
		p.expiry.Stop()
	}
	if p.session != nil {
		p.session.shut(c)
	}
	onPurpose := p.onLeave
	go func() {
		defer h.work.Done()
		<-p.seated
		switch {
		case p.seat == nil:
		case onPurpose:
			p.seat.Leave()
		default:
			p.seat.Lost()
		}
		if p.peer == nil {
			return
		}
		if err := p.peer.Close(); err != nil {
			p.log.Warn("closing a peer", "error", err)
		}
	}()
}
