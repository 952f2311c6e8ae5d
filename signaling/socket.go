package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// unreadPings is how many pings go out, ahead of their time, while a client leaves as many messages unread as it may: their
	// answers tell how far it has read.
	unreadPings = 4
	// closeWithin is how long a closing handshake may take.
	closeWithin = time.Second
)

// socket is a websocket with one goroutine that reads, the caller of next, and one that writes, write. Anybody may push and shut, and
// nobody ever waits for the client.
type socket struct {
	limits Limits
	conn   *websocket.Conn // read by next alone, written by write alone (control frames apart, which gorilla guards)

	ctx     context.Context // over when the connection is to close
	shut    func(closing)   // ends ctx; the first call decides how the connection closes; any goroutine
	closing closing         // set before ctx is over

	queue   chan ToClient // to write
	queued  atomic.Int64  // messages ever put into queue
	written atomic.Int64  // messages ever written
	read    atomic.Int64  // messages the client has read for certain: it answered a ping that was written after them

	pinging sync.Mutex
	pings   []int64 // what unanswered pings carried, oldest first; guarded by pinging
}

func newSocket(conn *websocket.Conn, limits Limits) *socket {
	ctx, cancel := context.WithCancel(context.Background())
	s := &socket{limits: limits, conn: conn, ctx: ctx, queue: make(chan ToClient, limits.Unread)}
	var once sync.Once
	s.shut = func(c closing) {
		once.Do(func() {
			s.closing = c
			cancel()
		})
	}
	return s
}

// push queues a message; false when the client has left too many unread. What is in the kernel's buffers counts as unread too, until a
// ping sent after it was answered.
func (s *socket) push(m ToClient) bool {
	if s.ctx.Err() != nil {
		return true // nothing is written any more, and the room will hear of it
	}
	if s.queued.Add(1)-s.read.Load() > int64(s.limits.Unread) {
		return false
	}
	s.queue <- m // never blocks: fewer than Unread are queued
	return true
}

// next reads one message.
func (s *socket) next() (FromClient, error) {
	kind, b, err := s.conn.ReadMessage()
	if err != nil {
		return nil, readingFailed(err)
	}
	if kind != websocket.TextMessage {
		return nil, refuse("a binary frame")
	}
	return Decode(b)
}

// readingFailed tells apart what ends a connection: silence, the client's own close frame, too large a frame; all else is a lost network.
func readingFailed(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errSilent
	}
	if said := new(websocket.CloseError); errors.As(err, &said) && said.Code != websocket.CloseAbnormalClosure || errors.Is(err, websocket.ErrReadLimit) {
		return fmt.Errorf("reading: %w", err)
	}
	return fmt.Errorf("reading: %w: %w", errCut, err)
}

// write writes what is queued and pings, until the connection is to close; then it says why.
func (s *socket) write() {
	ticker := time.NewTicker(s.limits.PingEvery)
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
			// A frame may be half written, so no close frame can follow. This wakes whoever reads, too.
			_ = s.conn.Close()
			return
		}
	}
}

func (s *socket) writeMessage(m ToClient) error {
	b, err := Encode(m)
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(deadline(s.limits.WriteWithin)); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if s.written.Add(1)%max(1, int64(s.limits.Unread/unreadPings)) == 0 {
		return s.ping()
	}
	return nil
}

// ping asks for a sign of life. It carries how many messages were written before it: whoever answers has read those.
func (s *socket) ping() error {
	count := s.written.Load()
	s.pinging.Lock()
	s.pings = append(s.pings, count)
	s.pinging.Unlock()
	payload := strconv.AppendInt(nil, count, 10)
	if err := s.conn.WriteControl(websocket.PingMessage, payload, deadline(s.limits.WriteWithin)); err != nil {
		return fmt.Errorf("pinging: %w", err)
	}
	return nil
}

// ponged takes the answer to a ping. A client that sends but doesn't read answers none, so nothing else counts as a sign of life.
func (s *socket) ponged(payload string) error {
	count, err := strconv.ParseInt(payload, 10, 64)
	if err != nil || !s.answered(count) {
		return nil // not the answer to a ping of ours: RFC 6455, section 5.5.3, allows it and it means nothing
	}
	s.read.Store(count)
	return s.extend()
}

// extend gives the client time for the next sign of life. Closing has a deadline of its own, also when it began in this very moment.
func (s *socket) extend() error {
	if s.ctx.Err() != nil {
		return nil
	}
	if err := s.conn.SetReadDeadline(deadline(s.limits.SilentFor)); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return s.conn.SetReadDeadline(deadline(closeWithin))
	}
	return nil
}

// answered takes a ping, and those before it, which a client may leave out, from the unanswered ones; false when there is none like it.
func (s *socket) answered(count int64) bool {
	s.pinging.Lock()
	defer s.pinging.Unlock()
	i := slices.Index(s.pings, count)
	if i >= 0 {
		s.pings = slices.Delete(s.pings, 0, i+1)
	}
	return i >= 0
}

// sayGoodbye sends the close frame and gives the client a moment to answer it.
func (s *socket) sayGoodbye() {
	text := websocket.FormatCloseMessage(s.closing.code, s.closing.text)
	_ = s.conn.WriteControl(websocket.CloseMessage, text, deadline(closeWithin)) // whoever is gone needs no goodbye
	_ = s.conn.NetConn().SetReadDeadline(deadline(closeWithin))                  // wakes whoever reads, if the client doesn't
}

// abandon closes the connection in favour of another of the same client, which hears nothing on this one any more.
func (s *socket) abandon() {
	s.shut(closeSilent)
	_ = s.conn.NetConn().SetReadDeadline(time.Now())
}

// refuse closes a connection that is not served at all.
func (s *socket) refuse(c closing) {
	s.shut(c)
	s.sayGoodbye()
	_ = s.conn.Close()
}

// drain reads what still comes until the client has answered the close frame, or its time is up: with bytes unread, the kernel
// would reset the connection, and the client might never see why it was closed.
func (s *socket) drain(err error) {
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
func deadline(d time.Duration) time.Time { return time.Now().Add(d) }
