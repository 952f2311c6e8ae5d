package gate

import (
	"container/list"
	"context"
	"net"
	"net/netip"
)

// entrant is a connection that nobody has accepted yet.
type entrant struct {
	conn    net.Conn // as it came in
	end     context.CancelFunc
	network netip.Prefix // the zero one is of those that are not counted by network
	inAll   *list.Element
	inOwn   *list.Element
}

// waiting are the connections that nobody has accepted yet, in the order they came in, bounded by dropping the oldest. It has no lock of its own.
type waiting struct {
	most, mostOfOne int
	all             list.List // of *entrant
	networks        map[netip.Prefix]*list.List
}

// add takes e in and returns those that have to go for it.
func (w *waiting) add(e *entrant) []*entrant {
	var gone []*entrant
	if own := w.networks[e.network]; e.network.IsValid() && own != nil && own.Len() >= w.mostOfOne {
		gone = append(gone, w.oldest(own))
	}
	if w.all.Len() >= w.most {
		gone = append(gone, w.oldest(&w.all))
	}
	w.put(e)
	return gone
}

// put takes e in as the newest, however many there are.
func (w *waiting) put(e *entrant) {
	e.inAll = w.all.PushBack(e)
	w.addOwn(e)
}

// addOwn counts e under its network.
func (w *waiting) addOwn(e *entrant) {
	own := w.networks[e.network]
	if own == nil {
		own = list.New()
		w.networks[e.network] = own
	}
	e.inOwn = own.PushBack(e)
}

// from is how many there are of a network.
func (w *waiting) from(network netip.Prefix) int {
	if own := w.networks[network]; own != nil {
		return own.Len()
	}
	return 0
}

// rename counts e, if it is in, under another network from now on, and returns who has to go for it.
func (w *waiting) rename(e *entrant, network netip.Prefix) []*entrant {
	if e.inAll == nil {
		return nil
	}
	w.removeOwn(e)
	e.network = network
	var gone []*entrant
	if own := w.networks[network]; network.IsValid() && own != nil && own.Len() >= w.mostOfOne {
		gone = append(gone, w.oldest(own))
	}
	w.addOwn(e)
	return gone
}

// oldest takes the first of a list out; nil: the list is empty.
func (w *waiting) oldest(l *list.List) *entrant {
	front := l.Front()
	if front == nil {
		return nil
	}
	e := front.Value.(*entrant)
	w.remove(e)
	return e
}

// remove takes e out, if it is in.
func (w *waiting) remove(e *entrant) {
	if e.inAll == nil {
		return
	}
	w.all.Remove(e.inAll)
	e.inAll = nil
	w.removeOwn(e)
}

// removeOwn counts e no more under its network.
func (w *waiting) removeOwn(e *entrant) {
	own := w.networks[e.network]
	own.Remove(e.inOwn)
	if own.Len() == 0 {
		delete(w.networks, e.network)
	}
	e.inOwn = nil
}

// networkOf is what a connection is counted under: its IPv4 address, or the /64 of its IPv6 one, since one household has them all.
func networkOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
