package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what an Engine needs from outside.
type Config struct {
	Conn      net.PacketConn   // the one UDP media socket; the engine closes it
	TCP       net.Listener     // for media over TCP, where UDP is blocked; nil: none; the engine closes it
	TCPPort   uint16           // that clients reach TCP at; 0: the listener's own
	Addresses []netip.Addr     // addresses put into answers; empty: those of the machine's interfaces, loopback included
	Silence   time.Duration    // without a packet, after which a peer is given up; 0: 40 s
	Logger    *slog.Logger     // nil: nothing is logged
	Now       func() time.Time // nil: time.Now
}

// Engine owns the media socket and makes peers on it.
type Engine struct {
	log       *slog.Logger
	time      func() time.Time
	start     time.Time
	addresses []netip.AddrPort                 // our own
	announced atomic.Pointer[[]netip.AddrPort] // those and what Announce added
	tcpPort   uint16                           // 0: no media over TCP
	pion      *pionEngine

	mu       sync.Mutex
	closed   bool
	peers    map[*Peer]struct{}
	finished Totals // of peers that have ended: its traffic alone counts
}

// socketBuffer is how much the kernel may hold in each direction, in bytes: a key frame for everybody in many rooms at once. The
// kernel gives less where its own limit is lower.
const socketBuffer = 8 << 20

// NewEngine starts forwarding on the socket.
func NewEngine(c Config) (*Engine, error) {
	if c.Conn == nil {
		return nil, errors.New("sfu: no media socket")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Silence == 0 {
		c.Silence = silentFor
	}
	local, ok := c.Conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("sfu: media socket is %T, not UDP", c.Conn.LocalAddr())
	}
	addresses, err := listed(c.Addresses, local)
	if err != nil {
		return nil, err
	}
	if sized, ok := c.Conn.(interface {
		SetReadBuffer(int) error
		SetWriteBuffer(int) error
	}); ok {
		if err := errors.Join(sized.SetReadBuffer(socketBuffer), sized.SetWriteBuffer(socketBuffer)); err != nil {
			c.Logger.Warn("media socket keeps its small buffers", "err", err)
		}
	}
	e := &Engine{log: c.Logger, time: c.Now, start: c.Now(), addresses: addresses, peers: map[*Peer]struct{}{}}
	e.announced.Store(&addresses)
	if c.TCP != nil {
		if e.tcpPort = c.TCPPort; e.tcpPort == 0 {
			own, ok := addrPortOf(c.TCP.Addr())
			if !ok {
				return nil, fmt.Errorf("sfu: media listener is at %T, not TCP", c.TCP.Addr())
			}
			e.tcpPort = own.Port()
		}
	}
	if e.pion, err = newPionEngine(c, addresses); err != nil {
		return nil, err
	}
	return e, nil
}

// Announce adds addresses that clients reach the media port at, by the same number, to those that answers list from now on, in place of what it
// added before.
func (e *Engine) Announce(found []netip.Addr) {
	all := slices.Clone(e.addresses)
	for _, a := range found {
		if a := netip.AddrPortFrom(a.Unmap().WithZone(""), e.addresses[0].Port()); !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	e.announced.Store(&all)
}

// listed is what answers say at first: the given addresses, or the machine's own that the socket listens on, with its port.
func listed(given []netip.Addr, local *net.UDPAddr) ([]netip.AddrPort, error) {
	if len(given) == 0 {
		if bound := local.AddrPort().Addr().Unmap(); !bound.IsUnspecified() {
			given = []netip.Addr{bound}
		} else {
			own, err := machineAddresses(local.IP.To4() != nil)
			if err != nil {
				return nil, err
			}
			given = own
		}
	}
	var all []netip.AddrPort
	for _, a := range given {
		all = append(all, netip.AddrPortFrom(a.Unmap().WithZone(""), local.AddrPort().Port()))
	}
	if len(all) == 0 {
		return nil, errors.New("sfu: this machine has no address to announce")
	}
	return all, nil
}

// machineAddresses of this host's interfaces, loopback last. Link-local ones of IPv6 are of no use in an answer: they need a zone.
func machineAddresses(onlyIPv4 bool) ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("sfu: list the machine's addresses: %w", err)
	}
	var own []netip.Addr
	for _, n := range nets {
		ip, ok := n.(*net.IPNet)
		if !ok {
			continue
		}
		a, ok := netip.AddrFromSlice(ip.IP)
		if a = a.Unmap(); !ok || a.IsLinkLocalUnicast() || onlyIPv4 && !a.Is4() {
			continue
		}
		own = append(own, a)
	}
	slices.SortStableFunc(own, func(a, b netip.Addr) int {
		switch {
		case a.IsLoopback() == b.IsLoopback():
			return 0
		case a.IsLoopback():
			return 1
		}
		return -1
	})
	return own, nil
}

// clock is the time since the engine's start in ns, plus an hour so that zero can mean never.
func (e *Engine) clock() int64 { return int64(e.time().Sub(e.start) + time.Hour) }

// NewPeer makes a peer that waits for its first offer.
func (e *Engine) NewPeer(events PeerEvents) (*Peer, error) {
	p := newPeer(e, events)
	carrier, err := e.pion.newTransport(p, e.time())
	if err != nil {
		return nil, err
	}
	p.transport = carrier
	if !e.remember(p) {
		_ = carrier.close()
		return nil, fmt.Errorf("sfu: new peer: engine: %w", ErrClosed)
	}
	return p, nil
}

// remember starts the peer, so that Close ends it; false: the engine is closed.
func (e *Engine) remember(p *Peer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.peers[p] = struct{}{}
	p.running.Go(p.report)
	return true
}

func (e *Engine) forget(p *Peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.peers, p)
	e.finished.add(p.Stats())
}

// Close ends every peer and closes the socket. Calling it again does nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	var peers []*Peer
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()
	var closing sync.WaitGroup
	for _, p := range peers {
		closing.Go(func() { _ = p.Close() }) // each waits for its own goroutines
	}
	closing.Wait()
	return e.pion.close()
}
