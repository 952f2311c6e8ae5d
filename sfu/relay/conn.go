package relay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pion/stun/v4"

	"housecall/sfu"
)

// mostFrame bounds a message or a packet on a connection, in bytes.
const mostFrame = 2048

// listener gives Pion connections that are looked into on the way.
type listener struct {
	net.Listener
	relay *Relay
}

// acceptAgain is how long to wait after a failure to accept, as when no file is left.
const acceptAgain = 50 * time.Millisecond

func (l listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err == nil {
			if c := l.relay.start(raw); c != nil {
				return c, nil
			}
			_ = raw.Close()
			continue
		}
		l.relay.mu.Lock()
		closed := l.relay.closed
		l.relay.mu.Unlock()
		if closed || errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		time.Sleep(acceptAgain) // Pion would never accept again
	}
}

// conn is a client's connection. It reads whole frames, one each time, so that Pion handles each before it asks for the next: what is noted of a
// request holds until then.
type conn struct {
	net.Conn
	relay         *Relay
	id            string
	in            *bufio.Reader
	remote, local *net.TCPAddr
	once          struct{ shut, done sync.Once }

	request struct { // being handled; touched by the goroutine that reads alone
		user      User
		key       []byte // of its integrity
		forbidden bool   // it is for a peer that is not the media address
	}

	patience  *time.Timer // ends a connection without an allocation
	allocated *allocation // guarded by the relay's mu; nil: none
}

// start counts a connection; nil: the relay is closed.
func (r *Relay) start(raw net.Conn) *conn {
	from, ok := raw.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	sfu.LowDelay(raw)
	c := &conn{Conn: raw, relay: r, in: bufio.NewReaderSize(raw, mostFrame), remote: &net.TCPAddr{IP: from.IP, Port: from.Port, Zone: from.Zone}}
	c.local = r.localFor(raw)
	var oldest *conn
	r.mu.Lock()
	defer func() {
		r.mu.Unlock()
		if oldest != nil {
			oldest.shut()
		}
	}()
	if r.closed {
		return nil
	}
	r.last++
	c.id = strconv.FormatUint(r.last, 10)
	r.conns[c.remote], r.users[c.id] = c, c
	if r.idle = append(r.idle, c); len(r.idle) > mostIdle {
		oldest = r.idle[0]
		r.idle = r.idle[1:]
	}
	c.patience = time.AfterFunc(idleWithin, c.shut)
	r.serves.Add(1)
	return c
}

// localFor is the address a connection seems to have come to: where the client asks for no family of relayed addresses, it gets the one of this.
func (r *Relay) localFor(raw net.Conn) *net.TCPAddr {
	ours := r.config.Engine.Announced()
	at, _ := raw.LocalAddr().(*net.TCPAddr)
	i := slices.IndexFunc(ours, func(a netip.AddrPort) bool { return at != nil && a.Addr().Is6() == at.AddrPort().Addr().Unmap().Is6() })
	return net.TCPAddrFromAddrPort(ours[max(i, 0)])
}

// settle takes a connection off the idle ones. Called with mu held.
func (r *Relay) settle(c *conn) {
	if i := slices.Index(r.idle, c); i >= 0 {
		r.idle = slices.Delete(r.idle, i, i+1)
	}
}

// shut ends the connection; Pion, which reads it, then closes it and forgets its allocation.
func (c *conn) shut() {
	c.once.shut.Do(func() { _ = c.Conn.Close() })
}

// Close is Pion's word that it is done with the connection.
func (c *conn) Close() error {
	c.shut()
	c.once.done.Do(func() {
		r := c.relay
		r.mu.Lock()
		defer r.mu.Unlock()
		c.patience.Stop()
		delete(r.conns, c.remote)
		delete(r.users, c.id)
		r.settle(c)
		r.serves.Done()
	})
	return nil
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }
func (c *conn) LocalAddr() net.Addr  { return c.local }

// leastFrame is what Pion wants to see of a frame before it looks at it; a shorter one, of no use to media, would hold up what follows.
const leastFrame = 9

var errNoFrame = errors.New("relay: neither a message nor channel data")

// Read gives the next frame, whole. What is none ends the connection.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.frame(b)
		if err != nil {
			return 0, err
		}
		if n >= leastFrame {
			c.request.forbidden = c.forbids(b[:n])
			return n, nil
		}
	}
}

// frame reads one message (RFC 8489 section 5) or one channel's data with its padding (RFC 8656 section 12.5).
func (c *conn) frame(b []byte) (int, error) {
	head, err := c.in.Peek(4)
	if err != nil {
		return 0, err
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	switch {
	case head[0] < 0x40 && length%4 == 0:
		length += 20
	case head[0] >= 0x40 && head[0] < 0x80:
		length = 4 + (length+3)&^3
	default:
		return 0, errNoFrame
	}
	if length > min(len(b), mostFrame) {
		return 0, errNoFrame
	}
	return io.ReadFull(c.in, b[:length])
}

// forbids says whether a request asks for a peer that is not the media address, in whatever spelling: another host, or another port of ours.
func (c *conn) forbids(frame []byte) bool {
	m, ok := message(frame)
	if !ok || m.Type.Class != stun.ClassRequest {
		return false
	}
	switch m.Type.Method {
	case stun.MethodCreatePermission, stun.MethodChannelBind, stun.MethodConnect:
	default:
		return false
	}
	for _, attribute := range m.Attributes {
		if attribute.Type != stun.AttrXORPeerAddress {
			continue
		}
		var peer stun.XORMappedAddress
		one := stun.Message{TransactionID: m.TransactionID, Attributes: stun.Attributes{attribute}}
		if peer.GetFromAs(&one, stun.AttrXORPeerAddress) != nil {
			return true
		}
		address, ok := netip.AddrFromSlice(peer.IP)
		if !ok || !c.relay.config.Engine.IsMedia(netip.AddrPortFrom(address, uint16(peer.Port))) { //nolint:gosec // read from 16 bits
			return true
		}
	}
	return false
}

func message(frame []byte) (*stun.Message, bool) {
	m := &stun.Message{Raw: frame}
	return m, stun.IsMessage(frame) && m.Decode() == nil
}

// Write sends what Pion answers or relays. Whoever takes nothing for long is cut off.
func (c *conn) Write(b []byte) (int, error) {
	out := c.refusal(b)
	err := c.SetWriteDeadline(time.Now().Add(writeWithin))
	if err == nil {
		_, err = c.Conn.Write(out)
	}
	if err != nil {
		c.shut()
		return 0, err
	}
	return len(b), nil
}

// refusal is an answer as it is to be sent: Pion has other codes than 403 for some of the requests that were forbidden.
func (c *conn) refusal(answer []byte) []byte {
	if len(answer) < 20 || answer[0] != 1 || answer[1]&0xf0 != 0x10 || !c.request.forbidden { // errors are sent by the goroutine that reads
		return answer
	}
	m, ok := message(answer)
	if !ok || !m.Contains(stun.AttrMessageIntegrity) { // without: the request proved nothing, and is told so
		return answer
	}
	refused, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.NewType(m.Type.Method, stun.ClassErrorResponse),
		stun.CodeForbidden, stun.MessageIntegrity(c.request.key))
	if err != nil {
		return answer
	}
	return refused.Raw
}
