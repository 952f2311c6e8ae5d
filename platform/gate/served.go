package gate

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// How many connections an HTTP server may have at once, those not counted that a websocket took over. A browser needs one by HTTP/2 and six by HTTP/1,
// and a whole hospital may come from one address.
const (
	mostServed        = 16384
	mostServedFromOne = 1024
)

// served are the connections that an HTTP server has, bounded: else strangers who ask for something once and stay leave no socket for anybody.
type served struct {
	most, mostOfOne int

	mu      sync.Mutex
	clients map[net.Conn]*client
	busy    waiting // with a request
	idle    waiting // between requests: these go first
}

// client is a connection that an HTTP server has.
type client struct {
	entrant
	in *waiting
}

func newServed(most, mostOfOne int) *served {
	return &served{most: most, mostOfOne: mostOfOne, clients: map[net.Conn]*client{},
		busy: waiting{networks: map[netip.Prefix]*list.List{}}, idle: waiting{networks: map[netip.Prefix]*list.List{}}}
}

// ConnState is for the field of that name of the http.Server that accepts from HTTP: by it the connections of that server are bounded.
func (g *Gate) ConnState(conn net.Conn, state http.ConnState) {
	s := g.served
	s.mu.Lock()
	c := s.clients[conn]
	if c != nil {
		c.in.remove(&c.entrant)
	}
	if state == http.StateClosed || state == http.StateHijacked {
		delete(s.clients, conn)
		s.mu.Unlock()
		return
	}
	if c == nil {
		c = &client{entrant: entrant{conn: accepted(conn), end: func() {}, network: g.network(conn)}}
		s.clients[conn] = c
	}
	gone := s.excess(c.network)
	c.in = &s.busy
	if state == http.StateIdle {
		c.in = &s.idle
	}
	c.in.put(&c.entrant)
	s.mu.Unlock()
	drop(gone)
}

// excess takes those out that have to go for one more of a network. The caller holds mu.
func (s *served) excess(network netip.Prefix) []*entrant {
	var gone []*entrant
	if network.IsValid() && s.idle.from(network)+s.busy.from(network) >= s.mostOfOne {
		gone = append(gone, s.oldestFrom(network))
	}
	if s.idle.all.Len()+s.busy.all.Len() >= s.most {
		gone = append(gone, s.oldest())
	}
	return gone
}

// oldestFrom takes the connection of a network out that has been idle for longest, or else busy. There must be one. The caller holds mu.
func (s *served) oldestFrom(network netip.Prefix) *entrant {
	if own := s.idle.networks[network]; own != nil {
		return s.idle.oldest(own)
	}
	return s.busy.oldest(s.busy.networks[network])
}

// oldest does that for all networks; nil: there is none. The caller holds mu.
func (s *served) oldest() *entrant {
	if e := s.idle.oldest(&s.idle.all); e != nil {
		return e
	}
	return s.busy.oldest(&s.busy.all)
}

// spareIdle takes the connection out that has been idle for longest; nil: none is.
func (s *served) spareIdle() *entrant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle.oldest(&s.idle.all)
}

// spareAny does the same with those that have a request, where none is idle.
func (s *served) spareAny() *entrant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldest()
}

// accepted is a connection as the listener gave it, without TLS around it: closing that waits for nobody.
func accepted(conn net.Conn) net.Conn {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = outer.NetConn()
	}
}
