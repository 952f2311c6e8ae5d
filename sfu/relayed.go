package sfu

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// Ports of relayed addresses. They are names that no packet ever travels to; clients' own sockets have higher ones.
const (
	firstRelayedPort = 2048
	lastRelayedPort  = 32767
)

// ErrNotOurs is what writing to anything but the media address gives: nothing was sent anywhere.
var ErrNotOurs = errors.New("sfu: not an address of the media port")

// Relayed is a relayed transport address (RFC 8656) whose other side is this engine and nothing else: no socket is opened for it. What is
// written to the media address goes to the engine's peers as though it came from the relayed address; what they answer is read.
// It is a net.PacketConn, for a TURN server. A reader that is slow misses packets.
type Relayed struct {
	engine  *Engine
	address netip.AddrPort
	packets chan relayedPacket
	done    chan struct{}
	once    sync.Once

	mu    sync.Mutex
	paths map[netip.AddrPort]*path // by the address of ours that the client speaks to
}

type relayedPacket struct {
	from netip.AddrPort // ours
	buf  *[]byte        // of pathBuffers
}

// Announced is where clients reach the media port: the addresses that answers list.
func (e *Engine) Announced() []netip.AddrPort { return slices.Clone(*e.announced.Load()) }

// IsMedia says whether an address, in any spelling, is one that answers list for the media port.
func (e *Engine) IsMedia(a netip.AddrPort) bool {
	return slices.Contains(*e.announced.Load(), unmapped(a))
}

// NewRelayed makes a relayed address of IPv6, or of IPv4.
func (e *Engine) NewRelayed(six bool) (*Relayed, error) {
	i := slices.IndexFunc(e.addresses, func(a netip.AddrPort) bool { return a.Addr().Is6() == six })
	if i < 0 {
		return nil, errors.New("sfu: no address of that family to relay to")
	}
	r := &Relayed{engine: e, packets: make(chan relayedPacket, mostWaiting), done: make(chan struct{}), paths: map[netip.AddrPort]*path{}}
	p, err := r.open(e.addresses[i])
	if err != nil {
		return nil, err
	}
	r.address = p.remote
	return r, nil
}

// open makes the path by which the client speaks to one address of ours. Each has one of its own, so that an answer comes from where it was asked.
func (r *Relayed) open(ours netip.AddrPort) (*path, error) {
	const ports = lastRelayedPort - firstRelayedPort + 1
	p := &path{relay: true, done: r.done, send: func(packet []byte) bool { return r.give(ours, packet) }}
	for range ports {
		port := firstRelayedPort + r.engine.pion.paths.relayed.Add(1)%ports // in turn, so that none is soon used again
		p.remote = netip.AddrPortFrom(ours.Addr(), uint16(port))            //nolint:gosec // bounded
		if err := r.engine.pion.paths.add(p); err == nil {
			r.paths[ours] = p
			return p, nil
		} else if !errors.Is(err, errPathTaken) {
			return nil, fmt.Errorf("sfu: relayed address: %w", err)
		}
	}
	return nil, errors.New("sfu: every relayed address is taken")
}

// give queues what the engine sends, for ReadFrom.
func (r *Relayed) give(ours netip.AddrPort, packet []byte) bool {
	buf := pathBuffers.Get().(*[]byte)
	*buf = append((*buf)[:0], packet...)
	select {
	case r.packets <- relayedPacket{ours, buf}:
		return true
	default:
		pathBuffers.Put(buf)
		return false
	}
}

// ReadFrom waits for what the engine sends to the client.
func (r *Relayed) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case packet := <-r.packets:
		n := copy(b, *packet.buf)
		pathBuffers.Put(packet.buf)
		return n, net.UDPAddrFromAddrPort(packet.from), nil
	case <-r.done:
		return 0, nil, io.EOF
	}
}

// WriteTo takes what the client sends to the media address. Whatever is for any other is ErrNotOurs.
func (r *Relayed) WriteTo(packet []byte, to net.Addr) (int, error) {
	ours, ok := addrPortOf(to)
	if !ok || !r.engine.IsMedia(ours) || ours.Addr().Is6() != r.address.Addr().Is6() {
		return 0, ErrNotOurs
	}
	p, err := r.pathTo(ours)
	if err != nil {
		return 0, err
	}
	r.engine.pion.paths.receive(p, packet)
	return len(packet), nil
}

func (r *Relayed) pathTo(ours netip.AddrPort) (*path, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.paths[ours]; p != nil {
		return p, nil
	}
	select {
	case <-r.done:
		return nil, net.ErrClosed
	default:
	}
	return r.open(ours)
}

// Close gives the address back.
func (r *Relayed) Close() error {
	r.once.Do(func() {
		close(r.done)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, p := range r.paths {
			r.engine.pion.paths.remove(p)
		}
	})
	return nil
}

// LocalAddr is the relayed address, as *net.UDPAddr.
func (r *Relayed) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.address) }

// SetDeadline is not supported: Close ends whoever waits.
func (r *Relayed) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is not supported.
func (r *Relayed) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline is not supported: writing waits for nothing but the peer's own reader.
func (r *Relayed) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
