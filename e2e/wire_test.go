package e2e

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// tally counts the packets of media that one client was sent, or sent.
type tally struct {
	rtp, rtcp int
	types     [128]int      // RTP by its payload type
	last      time.Time     // of RTP; zero: never
	pause     time.Duration // longest between two packets of RTP since the last call of listen
}

// longest is the longest time without RTP since the last call of listen, the present one included.
func (t tally) longest() time.Duration { return max(t.pause, time.Since(t.last)) }

// wire stands between the server and its media socket, counts what passes, by the client's port (all clients share one address), and
// can drop what some clients send and are sent, or be a bad line to them.
type wire struct {
	net.PacketConn

	mu           sync.Mutex
	to, from     map[uint16]tally
	spared       []uint16 // ports that nothing is dropped of
	dropping     bool
	firstDropped time.Time
	delay        time.Duration // of what is sent to clients that are not spared
	every        int           // which packet of RTP to and from them is lost: each so manieth; 0: none
	passed       int           // packets of RTP of theirs, since every was set
}

func newWire(conn net.PacketConn) *wire {
	return &wire{PacketConn: conn, to: make(map[uint16]tally), from: make(map[uint16]tally)}
}

func (w *wire) WriteTo(b []byte, addr net.Addr) (int, error) {
	if w.drops(w.to, b, addr) {
		return len(b), nil
	}
	if delay := w.delays(addr); delay > 0 {
		late := slices.Clone(b)
		time.AfterFunc(delay, func() { _, _ = w.PacketConn.WriteTo(late, addr) }) // like any network: nobody hears of what is lost
		return len(b), nil
	}
	return w.PacketConn.WriteTo(b, addr)
}

// delays says how late a packet to a client is to be.
func (w *wire) delays(addr net.Addr) time.Duration {
	client, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.spared, client.Port()) {
		return 0
	}
	return w.delay
}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := w.PacketConn.ReadFrom(b)
		if err != nil || !w.drops(w.from, b[:n], addr) {
			return n, addr, err
		}
	}
}

// drops counts a packet or says that it must go no further.
func (w *wire) drops(tallies map[uint16]tally, b []byte, addr net.Addr) bool {
	client, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dropping && !slices.Contains(w.spared, client.Port()) {
		if w.firstDropped.IsZero() {
			w.firstDropped = time.Now()
		}
		return true
	}
	t := tallies[client.Port()]
	switch {
	case !isMedia(b):
		return false
	case b[1] >= 192 && b[1] <= 223:
		t.rtcp++
	case w.loses(client.Port()):
		return true
	default:
		t.types[b[1]&0x7f]++
		now := time.Now()
		if !t.last.IsZero() {
			t.pause = max(t.pause, now.Sub(t.last))
		}
		t.rtp++
		t.last = now
	}
	tallies[client.Port()] = t
	return false
}

// loses says whether this packet of RTP is one that a bad line loses. The caller holds mu.
func (w *wire) loses(port uint16) bool {
	if w.every == 0 || slices.Contains(w.spared, port) {
		return false
	}
	w.passed++
	return w.passed%w.every == 0
}

// isMedia tells media from STUN and DTLS by the first byte (RFC 7983); RTCP differs from RTP in the second (RFC 5761, section 4).
// Both stand in the clear before the encrypted part, so padding counts too.
func isMedia(b []byte) bool { return len(b) >= 12 && b[0] >= 128 && b[0] <= 191 }

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

// besides is how many packets of RTP went to and came from clients at any ports but these.
func (w *wire) besides(ports ...uint16) (to, from int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for port, t := range w.to {
		if !slices.Contains(ports, port) {
			to += t.rtp
		}
	}
	for port, t := range w.from {
		if !slices.Contains(ports, port) {
			from += t.rtp
		}
	}
	return to, from
}

// listen begins to look for the longest time without RTP anew.
func (w *wire) listen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, tallies := range []map[uint16]tally{w.to, w.from} {
		for port, t := range tallies {
			t.pause = 0
			tallies[port] = t
		}
	}
}

// drop lets nothing through any more but to and from clients at these ports. Whoever is cut off may open as many new ports as it likes.
func (w *wire) drop(besides ...uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropping, w.spared, w.firstDropped = true, besides, time.Time{}
}

// worsen makes the wire a bad line to everybody but the clients at these ports: what they are sent is late, and each so manieth packet of RTP is
// lost, either way.
func (w *wire) worsen(delay time.Duration, every int, besides ...uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay, w.every, w.passed, w.spared = delay, every, 0, besides
}

// mend lets everything through again and returns when the first packet was dropped.
func (w *wire) mend() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropping, w.delay, w.every = false, 0, 0
	return w.firstDropped
}
