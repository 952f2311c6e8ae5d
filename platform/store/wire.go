package store

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// dialer makes connections on which no wait for the other side lasts longer than within (0: any wait may), so that a server that
// hangs, or a network that swallows everything, is noticed whatever the driver is doing.
func dialer(within time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil || within == 0 {
			return conn, err
		}
		return &boundedConn{Conn: conn, within: within}, nil
	}
}

// boundedConn gives each Read and Write a deadline of its own, besides the one it is given.
type boundedConn struct {
	net.Conn
	within time.Duration

	mu          sync.Mutex
	read, write time.Time // the deadlines given; zero: none
}

// due is the earlier of a deadline given and our own.
func (c *boundedConn) due(given time.Time) time.Time {
	own := time.Now().Add(c.within)
	if !given.IsZero() && given.Before(own) {
		return given
	}
	return own
}

func (c *boundedConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	err := c.Conn.SetReadDeadline(c.due(c.read)) // under the lock: a deadline given meanwhile must not be written over
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *boundedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	err := c.Conn.SetWriteDeadline(c.due(c.write))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *boundedConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return c.Conn.SetDeadline(t)
}

func (c *boundedConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

func (c *boundedConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

// silent says whether nothing came on an idle connection, not even its end: then it can be used as it is. The driver would rather ask the
// server and wait for its answer, which costs a round trip, and seconds where the server hangs.
func silent(conn net.Conn) bool {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if bounded, ok := conn.(*boundedConn); ok {
		conn = bounded.Conn
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	// Not raw.Read, which waits its turn: after a write that was slow to go out the driver goes on reading in the background, and would be waited for.
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}
