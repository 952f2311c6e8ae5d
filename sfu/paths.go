package sfu

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// Limits of what comes in beside the UDP socket.
const (
	mostPacket  = 2048 // bytes of one packet; media and handshakes keep within a frame of Ethernet
	mostPaths   = 16   // ways to one peer at once: a browser tries each of its addresses with each of ours
	mostWaiting = 64   // packets of a peer that Pion has not read yet; then whoever sends waits, which TCP tells the client
)

// path is a way to a client that is no address on the UDP socket: a TCP connection (RFC 6544), or a relayed transport address (RFC 8656).
type path struct {
	remote netip.AddrPort           // what Pion takes for the client's address
	send   func(packet []byte) bool // must neither block nor keep the packet; false: it was dropped
	orphan func()                   // called when the peer it led to is gone; nil: nothing
	done   chan struct{}            // closed: it is no more
	inlet  atomic.Pointer[inlet]    // of the peer that its last connectivity check named; nil: none yet
	relay  bool                     // it is a relayed transport address
}

// Way is how packets travel between a peer and the engine. Empty: not known yet.
type Way string

// The ways.
const (
	WayUDP   Way = "udp"
	WayTCP   Way = "tcp"   // RFC 6544
	WayRelay Way = "relay" // by our own TURN server
)

// pathMux is what Pion takes for its TCP mux. It finds the peer of a packet by the path it came on, and that by the user name of connectivity
// checks, so that TCP and relays work for a peer in the same way.
type pathMux struct {
	local   *net.TCPAddr
	relayed atomic.Uint32 // counts relayed addresses

	mu     sync.Mutex
	closed bool
	inlets map[inletKey]*inlet
	paths  map[netip.AddrPort]*path
}

// inletKey names an ICE agent's end of a family: Pion pairs candidates within one.
type inletKey struct {
	ufrag string
	six   bool
}

func newPathMux(port uint16) *pathMux {
	return &pathMux{local: &net.TCPAddr{Port: int(port)}, inlets: map[inletKey]*inlet{}, paths: map[netip.AddrPort]*path{}}
}

var errPathTaken = errors.New("sfu: another path has this address")

// add makes a path known; its address must be nobody else's.
func (m *pathMux) add(p *path) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.paths[p.remote] != nil {
		return errPathTaken
	}
	m.paths[p.remote] = p
	return nil
}

// remove forgets a path; nothing that comes on it from now on reaches anybody.
func (m *pathMux) remove(p *path) {
	m.mu.Lock()
	if m.paths[p.remote] == p {
		delete(m.paths, p.remote)
	}
	m.mu.Unlock()
	if in := p.inlet.Load(); in != nil {
		in.detach(p)
	}
}

// isRelayed says whether the path of an address is a relayed one.
func (m *pathMux) isRelayed(at netip.AddrPort) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.paths[at]
	return p != nil && p.relay
}

// receive hands a packet to the peer that the path leads to; false: to none. It waits while the peer has enough to do.
func (m *pathMux) receive(p *path, packet []byte) bool {
	if len(packet) > mostPacket {
		return false
	}
	if ufrag, ok := checked(packet); ok {
		m.mu.Lock()
		in := m.inlets[inletKey{ufrag, p.remote.Addr().Is6()}]
		m.mu.Unlock()
		if in == nil || !in.attach(p) {
			return false
		}
		if before := p.inlet.Swap(in); before != nil && before != in {
			before.detach(p)
		}
	}
	in := p.inlet.Load()
	return in != nil && in.put(p, packet)
}

// checked is the name of the agent that a connectivity check is for (RFC 8445 section 7.2.2); false: the packet is none.
func checked(packet []byte) (ufrag string, ok bool) {
	if len(packet) < 20 || packet[0] != 0 || packet[1] != 1 || !stun.IsMessage(packet) {
		return "", false
	}
	m := stun.Message{Raw: packet}
	if m.Decode() != nil {
		return "", false
	}
	name, err := m.Get(stun.AttrUsername)
	if err != nil {
		return "", false
	}
	for i, b := range name {
		if b == ':' {
			return string(name[:i]), true
		}
	}
	return "", false
}

// GetConnByUfrag implements ice.TCPMux: it gives an agent its end.
func (m *pathMux) GetConnByUfrag(ufrag string, isIPv6 bool, _ net.IP) (net.PacketConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := inletKey{ufrag, isIPv6}
	if m.closed || m.inlets[key] != nil {
		return nil, io.ErrClosedPipe
	}
	in := &inlet{mux: m, key: key, packets: make(chan pathPacket, mostWaiting), done: make(chan struct{}), paths: map[netip.AddrPort]*path{}}
	m.inlets[key] = in
	return in, nil
}

// RemoveConnByUfrag implements ice.TCPMux: the agent is gone, or has another name from now on.
func (m *pathMux) RemoveConnByUfrag(ufrag string) {
	for _, six := range []bool{false, true} {
		m.mu.Lock()
		in := m.inlets[inletKey{ufrag, six}]
		m.mu.Unlock()
		if in != nil {
			_ = in.Close()
		}
	}
}

// Close implements ice.TCPMux.
func (m *pathMux) Close() error {
	m.mu.Lock()
	m.closed = true
	var all []*inlet
	for _, in := range m.inlets {
		all = append(all, in)
	}
	m.mu.Unlock()
	for _, in := range all {
		_ = in.Close()
	}
	return nil
}

// inlet is an agent's end of its paths of one family: to Pion, a socket. Pion reads it on one goroutine.
type inlet struct {
	mux     *pathMux
	key     inletKey
	packets chan pathPacket
	done    chan struct{}
	once    sync.Once

	mu    sync.Mutex
	paths map[netip.AddrPort]*path
}

type pathPacket struct {
	from netip.AddrPort
	buf  *[]byte // of pathBuffers
}

var pathBuffers = sync.Pool{New: func() any {
	buf := make([]byte, 0, mostPacket)
	return &buf
}}

// attach has the agent answer on a path; false: it has too many, or is gone.
func (in *inlet) attach(p *path) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.isClosed() || in.paths[p.remote] == nil && len(in.paths) == mostPaths {
		return false
	}
	in.paths[p.remote] = p
	return true
}

func (in *inlet) detach(p *path) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.paths[p.remote] == p {
		delete(in.paths, p.remote)
	}
}

func (in *inlet) isClosed() bool {
	select {
	case <-in.done:
		return true
	default:
		return false
	}
}

func (in *inlet) put(p *path, packet []byte) bool {
	buf := pathBuffers.Get().(*[]byte)
	*buf = append((*buf)[:0], packet...)
	select {
	case in.packets <- pathPacket{p.remote, buf}:
		return true
	case <-in.done:
	case <-p.done:
	}
	pathBuffers.Put(buf)
	return false
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (in *inlet) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case packet := <-in.packets:
		n := copy(b, *packet.buf)
		pathBuffers.Put(packet.buf)
		return n, packet.from, nil
	case <-in.done:
		return 0, netip.AddrPort{}, io.EOF
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter. What finds no room, or no path, is lost as it would be on a network.
func (in *inlet) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = unmapped(to)
	in.mu.Lock()
	p := in.paths[to]
	in.mu.Unlock()
	if p != nil {
		p.send(b)
	}
	return len(b), nil
}

func (in *inlet) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := in.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.TCPAddrFromAddrPort(from), nil
}

func (in *inlet) WriteTo(b []byte, to net.Addr) (int, error) {
	address, ok := addrPortOf(to)
	if !ok {
		return len(b), nil
	}
	return in.WriteToAddrPort(b, address)
}

// Close ends the agent's end; paths that led to it lead nowhere.
func (in *inlet) Close() error {
	in.once.Do(func() {
		close(in.done)
		in.mux.mu.Lock()
		delete(in.mux.inlets, in.key)
		in.mux.mu.Unlock()
		in.mu.Lock()
		var all []*path
		for _, p := range in.paths {
			all = append(all, p)
		}
		clear(in.paths)
		in.mu.Unlock()
		for _, p := range all {
			if p.inlet.CompareAndSwap(in, nil) && p.orphan != nil {
				p.orphan()
			}
		}
	})
	return nil
}

func (in *inlet) LocalAddr() net.Addr              { return in.mux.local }
func (in *inlet) SetDeadline(time.Time) error      { return nil } // Close ends what waits
func (in *inlet) SetReadDeadline(time.Time) error  { return nil }
func (in *inlet) SetWriteDeadline(time.Time) error { return nil }

// addrPortOf is an address of UDP or TCP in the one spelling that is compared.
func addrPortOf(a net.Addr) (netip.AddrPort, bool) {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmapped(a.AddrPort()), a.AddrPort().IsValid()
	case *net.TCPAddr:
		return unmapped(a.AddrPort()), a.AddrPort().IsValid()
	}
	return netip.AddrPort{}, false
}

// unmapped is an address without its second spelling as IPv4 in IPv6, and without a zone.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
