package sfu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Limits of media over TCP.
const (
	// A client that reads slowly gets what is new and misses what found no room: waiting for it would delay all that comes after.
	mostPendingMedia = 64 << 10         // bytes that wait to be written, of media
	mostPending      = 80 << 10         // and of all, so that checks and feedback still find room
	writeWithin      = 10 * time.Second // a socket that takes nothing for so long is closed
	// provenWithin is how long a connection may take until a peer knows it, and mostUnproven how many may be about to at once.
	provenWithin = 10 * time.Second
	mostUnproven = 512
	acceptAgain  = 50 * time.Millisecond // after a failure to accept, as when no file is left
)

// tcpPaths takes media over TCP (RFC 6544): connections that clients open to us, with packets framed as in RFC 4571.
type tcpPaths struct {
	listener net.Listener
	mux      *pathMux
	running  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[*tcpConn]struct{}
	unproven []*tcpConn // oldest first
}

func newTCPPaths(l net.Listener, mux *pathMux) *tcpPaths {
	t := &tcpPaths{listener: l, mux: mux, conns: map[*tcpConn]struct{}{}}
	t.running.Go(t.accept)
	return t
}

func (t *tcpPaths) accept() {
	for {
		conn, err := t.listener.Accept()
		switch {
		case err == nil:
			t.start(conn)
		case errors.Is(err, net.ErrClosed) || t.isClosed():
			return
		default:
			time.Sleep(acceptAgain)
		}
	}
}

func (t *tcpPaths) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// start serves a connection, on two goroutines of its own.
func (t *tcpPaths) start(conn net.Conn) {
	remote, ok := addrPortOf(conn.RemoteAddr())
	if !ok {
		_ = conn.Close()
		return
	}
	LowDelay(conn)
	c := &tcpConn{paths: t, conn: conn, wake: make(chan struct{}, 1)}
	c.path = &path{remote: remote, send: c.send, orphan: c.close, done: make(chan struct{})}
	var oldest *tcpConn
	t.mu.Lock()
	if t.closed || t.mux.add(c.path) != nil {
		t.mu.Unlock()
		_ = conn.Close()
		return
	}
	t.conns[c] = struct{}{}
	if t.unproven = append(t.unproven, c); len(t.unproven) > mostUnproven {
		oldest = t.unproven[0]
		t.unproven = t.unproven[1:]
	}
	c.patience = time.AfterFunc(provenWithin, c.close)
	t.running.Go(c.read)
	t.running.Go(c.write)
	t.mu.Unlock()
	if oldest != nil {
		oldest.close()
	}
}

// prove notes that a peer answered on the connection.
func (t *tcpPaths) prove(c *tcpConn) {
	c.patience.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(c)
}

// settle takes a connection off the unproven ones. Called with mu held.
func (t *tcpPaths) settle(c *tcpConn) {
	for i, other := range t.unproven {
		if other == c {
			t.unproven = append(t.unproven[:i:i], t.unproven[i+1:]...)
			return
		}
	}
}

func (t *tcpPaths) forget(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	t.settle(c)
}

// close ends every connection and waits for its goroutines.
func (t *tcpPaths) close() error {
	t.mu.Lock()
	t.closed = true
	var all []*tcpConn
	for c := range t.conns {
		all = append(all, c)
	}
	t.mu.Unlock()
	err := t.listener.Close()
	for _, c := range all {
		c.close()
	}
	t.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// tcpConn is one client's connection.
type tcpConn struct {
	paths    *tcpPaths
	conn     net.Conn
	path     *path
	patience *time.Timer
	once     struct{ closed, proven sync.Once }
	wake     chan struct{} // something is pending; holds one

	mu      sync.Mutex
	pending []byte // framed, to be written
}

func (c *tcpConn) close() {
	c.once.closed.Do(func() {
		close(c.path.done)
		_ = c.conn.Close()
		c.patience.Stop()
		c.paths.mux.remove(c.path)
		c.paths.forget(c)
	})
}

// send queues a packet, or drops it where the client is slow.
func (c *tcpConn) send(packet []byte) bool {
	c.once.proven.Do(func() { c.paths.prove(c) })
	c.mu.Lock()
	defer c.mu.Unlock()
	room := mostPending
	if len(packet) > 1 && packet[0] >= 128 && packet[0] < 192 && (packet[1] < 192 || packet[1] > 223) { // RTP (RFC 7983 section 7, RFC 5761 section 4)
		room = mostPendingMedia
	}
	if len(packet) > mostPacket || len(c.pending)+2+len(packet) > room {
		return false
	}
	c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(len(packet))) //nolint:gosec // bounded
	c.pending = append(c.pending, packet...)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// write writes what is pending, all of it at once.
func (c *tcpConn) write() {
	defer c.close()
	var writing []byte
	for {
		select {
		case <-c.wake:
		case <-c.path.done:
			return
		}
		c.mu.Lock()
		writing, c.pending = c.pending, writing[:0]
		c.mu.Unlock()
		if err := c.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
			return
		}
		if _, err := c.conn.Write(writing); err != nil {
			return
		}
	}
}

// read takes what the client sends. Whoever sends what is no packet is cut off.
func (c *tcpConn) read() {
	defer c.close()
	in := bufio.NewReaderSize(c.conn, 2+mostPacket)
	packet := make([]byte, mostPacket)
	for {
		var length [2]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n == 0 || n > mostPacket {
			return
		}
		if _, err := io.ReadFull(in, packet[:n]); err != nil {
			return
		}
		c.paths.mux.receive(c.path, packet[:n])
	}
}
