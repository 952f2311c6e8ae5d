package e2e

import (
	"net"
	"net/netip"
	"sync"
)

// tally counts the packets of media that one client was sent, or sent.
type tally struct{ rtp, rtcp int }

// wire stands between the server and its media socket and counts what passes, by the client's port: all clients share one address.
type wire struct {
	net.PacketConn

	mu       sync.Mutex
	to, from map[uint16]tally
}

func newWire(conn net.PacketConn) *wire {
	return &wire{PacketConn: conn, to: make(map[uint16]tally), from: make(map[uint16]tally)}
}

func (w *wire) WriteTo(b []byte, addr net.Addr) (int, error) {
	w.count(w.to, b, addr)
	return w.PacketConn.WriteTo(b, addr)
}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := w.PacketConn.ReadFrom(b)
	if err == nil {
		w.count(w.from, b[:n], addr)
	}
	return n, addr, err
}

// count tells media from STUN and DTLS by the first byte (RFC 7983), and RTCP from RTP by the second (RFC 5761, section 4).
// Both stand in the clear before the encrypted part, so padding counts too.
func (w *wire) count(tallies map[uint16]tally, b []byte, addr net.Addr) {
	if len(b) < 12 || b[0] < 128 || b[0] > 191 {
		return
	}
	client, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := tallies[client.Port()]
	if b[1] >= 192 && b[1] <= 223 {
		t.rtcp++
	} else {
		t.rtp++
	}
	tallies[client.Port()] = t
}

// sentTo and gotFrom are the counts so far for the client at this port.
func (w *wire) sentTo(port uint16) tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to[port]
}

func (w *wire) gotFrom(port uint16) tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.from[port]
}
