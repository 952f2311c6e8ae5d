package gate

import (
	"crypto/tls"
	"net"
	"sync"
)

// replayed is a connection some of whose bytes were read already: who reads it gets them first.
type replayed struct {
	net.Conn
	first []byte
}

func (c *replayed) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

// NetConn is the connection as it was accepted, as crypto/tls names it: for its options.
func (c *replayed) NetConn() net.Conn { return c.Conn }

// CloseWrite ends our direction alone; net/http asks for it so that its last answer is read before the connection is gone.
func (c *replayed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// replayedTLS is the same for what came inside of TLS; net/http finds the state of the encryption by its method ConnectionState.
type replayedTLS struct {
	*tls.Conn
	first []byte
}

func (c *replayedTLS) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

// outlet is the listener of one kind of connection. It has no queue: a connection waits at the gate, where all are counted, until it is accepted.
type outlet struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newOutlet(addr net.Addr) *outlet {
	return &outlet{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (o *outlet) Accept() (net.Conn, error) {
	select {
	case conn := <-o.conns:
		return conn, nil
	case <-o.closed:
		return nil, &net.OpError{Op: "accept", Net: o.addr.Network(), Addr: o.addr, Err: net.ErrClosed}
	}
}

// Close ends this listener alone: from now on connections of its kind are closed at once.
func (o *outlet) Close() error {
	o.close.Do(func() { close(o.closed) })
	return nil
}

func (o *outlet) Addr() net.Addr { return o.addr }
