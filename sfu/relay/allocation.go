package relay

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"housecall/sfu"
)

// generator gives Pion relayed addresses: those of the engine.
type generator struct{ relay *Relay }

var errNotOffered = errors.New("relay: only datagrams are relayed")

func (generator) Validate() error { return nil }

// AllocateListener refuses TCP allocations (RFC 6062).
func (generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNotOffered
}

// AllocateConn refuses connections to peers (RFC 6062).
func (generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNotOffered }

// AllocatePacketConn makes an allocation for the connection whose request is being handled. Pion also asks without a user, for pairs of ports; those
// are not offered.
func (g generator) AllocatePacketConn(wanted turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	r := g.relay
	id, _, _ := strings.Cut(wanted.UserID, "|")
	r.mu.Lock()
	c := r.users[id]
	r.mu.Unlock()
	if c == nil {
		return nil, nil, errNotOffered
	}
	relayed, err := r.config.Engine.NewRelayed(strings.HasSuffix(wanted.Network, "6"))
	if err != nil {
		return nil, nil, err
	}
	a := &allocation{Relayed: relayed, conn: c, user: c.request.user}
	if err := r.enter(a); err != nil {
		return nil, nil, errors.Join(err, relayed.Close())
	}
	return a, relayed.LocalAddr(), nil
}

// allocation is a relayed address in use; to Pion, a socket.
type allocation struct {
	*sfu.Relayed
	conn *conn
	once sync.Once

	person *person     // set by enter
	user   User        // guarded by the relay's mu
	ending *time.Timer // when the name it was made or refreshed with is out of date
}

// enter counts an allocation, within the limits.
func (r *Relay) enter(a *allocation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.persons[a.user.Person]
	if p == nil {
		p = &person{in: rate.NewLimiter(bytesPerSecond, bytesAtOnce), out: rate.NewLimiter(bytesPerSecond, bytesAtOnce)}
	}
	switch {
	case r.closed || a.conn.allocated != nil || r.conns[a.conn.remote] != a.conn:
		return net.ErrClosed
	case p.allocations >= mostAllocations || r.total >= mostTogether:
		return errors.New("relay: too many allocations")
	}
	r.persons[a.user.Person] = p
	p.allocations++
	r.total++
	a.person = p
	a.conn.allocated = a
	a.conn.patience.Stop()
	r.settle(a.conn)
	a.ending = time.AfterFunc(a.user.ExpiresAt.Sub(r.config.Now()), func() { _ = a.Close() })
	return nil
}

// Close gives the relayed address back. Pion, which reads it, then forgets the allocation.
func (a *allocation) Close() error {
	a.once.Do(func() {
		r := a.conn.relay
		r.mu.Lock()
		defer r.mu.Unlock()
		a.ending.Stop()
		r.total--
		if a.person.allocations--; a.person.allocations == 0 {
			delete(r.persons, a.user.Person)
		}
		if a.conn.allocated == a {
			a.conn.allocated = nil
			a.conn.patience.Reset(idleWithin)
		}
	})
	return a.Relayed.Close()
}

// WriteTo takes what the client sends to the engine.
func (a *allocation) WriteTo(packet []byte, to net.Addr) (int, error) {
	if !a.person.in.AllowN(time.Now(), len(packet)) {
		return len(packet), nil
	}
	return a.Relayed.WriteTo(packet, to)
}

// ReadFrom gives what the engine sends to the client.
func (a *allocation) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := a.Relayed.ReadFrom(b)
		if err != nil || a.person.out.AllowN(time.Now(), n) {
			return n, from, err
		}
	}
}
