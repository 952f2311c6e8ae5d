package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"housecall/rooms"
	"housecall/sfu"
)

const (
	// unreadPings is how many pings go out, ahead of their time, while a client leaves as many messages unread as it may: their
	// answers tell how far it has read.
	unreadPings = 4
	// closeWithin is how long a closing handshake may take.
	closeWithin = time.Second
	// offerCost is how many other messages an offer weighs, when a client sends faster than it may.
	offerCost = 20
)

// Session is one connection. run reads, write writes; the room reaches it by Send and Close, and nobody ever waits for the client.
type Session struct {
	handler *Handler
	conn    *websocket.Conn // read by run alone, written by write alone (control frames apart, which gorilla guards)
	visit   string
	network string // where it comes from
	log     *slog.Logger

	ctx     context.Context // over when the connection is to close
	shut    func(closing)   // ends ctx; the first call decides how the connection closes; any goroutine
	closing closing         // set before ctx is over

	queue   chan ToClient // to write
	queued  atomic.Int64  // messages ever put into queue
	written atomic.Int64  // messages ever written
	read    atomic.Int64  // messages the client has read for certain: it answered a ping that was written after them

	pinging sync.Mutex
	pings   []int64 // what unanswered pings carried, oldest first; guarded by pinging

	// used by run alone
	answer string // to the first offer; set before the room knows the session
	peer   *sfu.Peer
	seat   *rooms.Seat
}

var _ rooms.Outbox = (*Session)(nil)

func newSession(h *Handler, conn *websocket.Conn, visit, network string) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		handler: h, conn: conn, visit: visit, network: network, ctx: ctx,
		log:   h.config.Logger.With("visit", visit),
		queue: make(chan ToClient, h.config.Limits.Unread),
	}
	var once sync.Once
	s.shut = func(c closing) {
		once.Do(func() {
			s.closing = c
			cancel()
		})
	}
	return s
}

// Send implements rooms.Outbox.
func (s *Session) Send(u rooms.Update) bool { return s.push(messageOf(u, s.answer)) }

// Close implements rooms.Outbox.
func (s *Session) Close(r rooms.Reason) { s.shut(closingFor(r)) }

// push queues a message; false when the client has left too many unread. What is in the kernel's buffers counts as unread too, until a
// ping sent after it was answered.
func (s *Session) push(m ToClient) bool {
	if s.ctx.Err() != nil {
		return true // nothing is written any more, and the room will hear of it
	}
	if s.queued.Add(1)-s.read.Load() > int64(s.handler.config.Limits.Unread) {
		return false
	}
	s.queue <- m // never blocks: fewer than Unread are queued
	return true
}

// run serves the connection until it is over.
func (s *Session) run() {
	var writer sync.WaitGroup
	writer.Go(s.write)
	err := s.serve()
	switch {
	case s.seat == nil:
	case errors.Is(err, errBye):
		s.seat.Leave()
	default:
		s.seat.Lost()
	}
	s.shut(closingOfSession(err))
	if s.peer != nil {
		if err := s.peer.Close(); err != nil {
			s.log.Warn("closing a peer", "error", err)
		}
	}
	writer.Wait()
	s.drain(err)
	_ = s.conn.Close() // nothing is left to be lost
	s.log.Info("connection over", "code", s.closing.code, "cause", err)
}

// How a session ends by itself.
var (
	errBye    = errors.New("said bye")
	errSilent = errors.New("no sign of life")
)

// closingOfSession says how a connection closes after what ended its reading.
func closingOfSession(err error) closing {
	var ended *websocket.CloseError
	switch {
	case errors.Is(err, errBye):
		return closeBye
	case errors.Is(err, websocket.ErrReadLimit):
		return closeTooLarge
	case errors.As(err, &ended):
		return closeBye
	case errors.Is(err, errSilent):
		return closeSilent
	}
	return closingOf(err)
}

// serve joins and then does what the client asks, until the connection ends.
func (s *Session) serve() error {
	s.conn.SetReadLimit(MaxFrame)
	if err := s.conn.SetReadDeadline(s.deadline(s.handler.config.Limits.JoinWithin)); err != nil {
		return fmt.Errorf("before join: %w", err)
	}
	first, err := s.next()
	if err != nil {
		return err
	}
	join, ok := first.(Join)
	if !ok {
		return refuse("the first message is not join")
	}
	if err := s.join(join); err != nil {
		return err
	}
	s.conn.SetReadLimit(maxOfferFrame)
	s.conn.SetPongHandler(s.ponged)
	if err := s.conn.SetReadDeadline(s.deadline(s.handler.config.Limits.SilentFor)); err != nil {
		return fmt.Errorf("after join: %w", err)
	}
	perSecond := s.handler.config.Limits.MessagesPerSec
	pace := rate.NewLimiter(rate.Limit(perSecond), max(int(3*perSecond), offerCost))
	for {
		m, err := s.next()
		if err != nil {
			return err
		}
		cost := 1
		if _, ok := m.(Offer); ok {
			cost = offerCost
		}
		if err := pace.WaitN(s.ctx, cost); err != nil {
			return fmt.Errorf("closed: %w", err)
		}
		if err := s.do(m); err != nil {
			return err
		}
	}
}

// next reads one message.
func (s *Session) next() (FromClient, error) {
	kind, b, err := s.conn.ReadMessage()
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return nil, errSilent
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if kind != websocket.TextMessage {
		return nil, refuse("a binary frame")
	}
	return Decode(b)
}

// offer answers another offer. The answer is queued before the room points the new slots, so the client knows them when it hears.
func (s *Session) offer(m Offer) error {
	if err := sfu.CheckOffer(m.Offer); err != nil {
		return fmt.Errorf("another offer: %w", err)
	}
	answer, err := s.peer.Answer(s.ctx, m.Offer)
	if err != nil {
		return fmt.Errorf("answering another offer: %w", err)
	}
	if !s.push(Answer{answer}) {
		s.shut(closeSlow)
		return nil
	}
	return s.seat.Offered(s.ctx, m.Sources)
}

// write writes what is queued and pings, until the connection is to close; then it says why.
func (s *Session) write() {
	ticker := time.NewTicker(s.handler.config.Limits.PingEvery)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-s.ctx.Done():
			s.sayGoodbye()
			return
		case m := <-s.queue:
			err = s.writeMessage(m)
		case <-ticker.C:
			err = s.ping()
		}
		if err != nil {
			s.shut(closeSlow)
			// A frame may be half written, so no close frame can follow. This wakes run too.
			_ = s.conn.Close()
			return
		}
	}
}

func (s *Session) writeMessage(m ToClient) error {
	b, err := Encode(m)
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(s.deadline(s.handler.config.Limits.WriteWithin)); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if s.written.Add(1)%max(1, int64(s.handler.config.Limits.Unread/unreadPings)) == 0 {
		return s.ping()
	}
	return nil
}

// ping asks for a sign of life. It carries how many messages were written before it: whoever answers has read those.
func (s *Session) ping() error {
	count := s.written.Load()
	s.pinging.Lock()
	s.pings = append(s.pings, count)
	s.pinging.Unlock()
	payload := strconv.AppendInt(nil, count, 10)
	if err := s.conn.WriteControl(websocket.PingMessage, payload, s.deadline(s.handler.config.Limits.WriteWithin)); err != nil {
		return fmt.Errorf("pinging: %w", err)
	}
	return nil
}

// ponged takes the answer to a ping. A client that sends but doesn't read answers none, so nothing else counts as a sign of life.
func (s *Session) ponged(payload string) error {
	count, err := strconv.ParseInt(payload, 10, 64)
	if err != nil || !s.answered(count) {
		return nil // not the answer to a ping of ours: RFC 6455, section 5.5.3, allows it and it means nothing
	}
	s.read.Store(count)
	if s.ctx.Err() != nil {
		return nil // closing has a deadline of its own
	}
	return s.conn.SetReadDeadline(s.deadline(s.handler.config.Limits.SilentFor))
}

// answered takes a ping, and those before it, which a client may leave out, from the unanswered ones; false when there is none like it.
func (s *Session) answered(count int64) bool {
	s.pinging.Lock()
	defer s.pinging.Unlock()
	i := slices.Index(s.pings, count)
	if i >= 0 {
		s.pings = slices.Delete(s.pings, 0, i+1)
	}
	return i >= 0
}

// sayGoodbye sends the close frame and gives the client a moment to answer it.
func (s *Session) sayGoodbye() {
	text := websocket.FormatCloseMessage(s.closing.code, s.closing.text)
	_ = s.conn.WriteControl(websocket.CloseMessage, text, s.deadline(closeWithin)) // whoever is gone needs no goodbye
	_ = s.conn.NetConn().SetReadDeadline(s.deadline(closeWithin))                  // wakes run, if the client doesn't
}

// refuse closes a connection that is not served at all.
func (s *Session) refuse(c closing) {
	s.shut(c)
	s.sayGoodbye()
	_ = s.conn.Close()
}

// drain reads what still comes until the client has answered the close frame, or its time is up: with bytes unread, the kernel
// would reset the connection, and the client might never see why it was closed.
func (s *Session) drain(err error) {
	if errors.Is(err, websocket.ErrReadLimit) {
		_, _ = io.CopyN(io.Discard, s.conn.NetConn(), 4*maxOfferFrame)
		return
	}
	for {
		if _, _, err := s.conn.NextReader(); err != nil {
			return
		}
	}
}

// deadline is a point in time for the network, whose clock is the machine's whatever clock the house goes by.
func (s *Session) deadline(d time.Duration) time.Time { return time.Now().Add(d) }
