// Package gate lets everything that comes by TCP in through one port: pages and websockets, media by ICE-TCP, and STUN and TURN, with TLS
// around them or without. It tells them apart by their first bytes, and hands each to its own listener.
// A Gate owns its listener, and each connection until somebody accepts it.
// It must never let connections that say nothing, or no more, or an owner that accepts nothing, keep the others out.
package gate

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a connection may take until it is accepted by its owner: first bytes and TLS handshake.
	patience = 10 * time.Second
	// How many connections may be on their way at once. A phone on a slow line needs a second or so, so these are thousands of arrivals a
	// second from everywhere, and a hundred from one hospital's address.
	mostWaiting       = 4096
	mostFromOne       = 128
	tellAgainAfter    = time.Minute          // that connections had to be dropped
	acceptAgainBefore = time.Second          // after an error that passes, at the latest
	acceptAgainFirst  = 5 * time.Millisecond // and at first
)

// The protocols that clients may name in the handshake (ALPN). Those who name none, as browsers do for TURN, are told apart by what
// they send then; RFC 7443 has names for STUN and TURN.
const (
	protoHTTP2 = "h2"
	protoHTTP1 = "http/1.1"
	protoTURN  = "stun.turn"
	protoSTUN  = "stun.nat-discovery"
)

// Config is what a Gate needs from outside; zero values take the defaults.
type Config struct {
	TLS         *tls.Config    // nil: pages and TURN come without encryption. NextProtos are added to.
	Patience    time.Duration  // until a connection must have been accepted; 0: 10 s
	Most        int            // connections not accepted yet, the oldest goes; 0: 4096
	MostFromOne int            // of them from one IPv4 address or IPv6 /64; 0: 128
	Trusted     []netip.Prefix // reverse proxies: what is allowed of one network does not count for them
	// Proxied: who comes from Trusted passes TCP on, and begins with a header of the PROXY protocol (version 1 or 2) that names the client.
	Proxied bool
	// Connections that the HTTP server may have, if it tells ConnState: those idle for longest go. 0: 16384, or half of the files that the process may open
	MostServed        int
	MostServedFromOne int          // of them from one network; 0: 1024
	Logger            *slog.Logger // nil: nothing is logged
}

// Gate is one TCP port.
type Gate struct {
	listener        net.Listener
	config          Config
	http, ice, turn *outlet
	served          *served
	running         sync.WaitGroup
	ctx             context.Context // ends with the gate
	end             context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting waiting
	told    time.Time // when the log last said that connections had to be dropped
	missed  time.Time // when the log last said that a proxy named no client
}

// New starts letting connections in; it closes the listener in Close.
func New(listener net.Listener, c Config) *Gate {
	if c.Patience == 0 {
		c.Patience = patience
	}
	if c.Most == 0 {
		c.Most = mostWaiting
	}
	if c.MostFromOne == 0 {
		c.MostFromOne = mostFromOne
	}
	if c.MostServed == 0 {
		c.MostServed = mostServed
		var files syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur/2 < mostServed {
			c.MostServed = int(files.Cur / 2) //nolint:gosec // less than mostServed
		}
	}
	if c.MostServedFromOne == 0 {
		c.MostServedFromOne = mostServedFromOne
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		for _, proto := range []string{protoHTTP2, protoHTTP1, protoTURN, protoSTUN} {
			if !slices.Contains(c.TLS.NextProtos, proto) {
				c.TLS.NextProtos = append(c.TLS.NextProtos, proto)
			}
		}
	}
	g := &Gate{listener: listener, config: c, served: newServed(c.MostServed, c.MostServedFromOne),
		waiting: waiting{most: c.Most, mostOfOne: c.MostFromOne, networks: map[netip.Prefix]*list.List{}}}
	g.ctx, g.end = context.WithCancel(context.Background())
	for _, o := range []**outlet{&g.http, &g.ice, &g.turn} {
		*o = newOutlet(listener.Addr())
	}
	g.running.Go(g.accept)
	return g
}

// HTTP has the connections of HTTP/1.1 and HTTP/2. With TLS those are *tls.Conn where the client named the protocol, as net/http needs for
// HTTP/2; who comes without TLS then is told the address with https and never comes here.
func (g *Gate) HTTP() net.Listener { return g.http }

// ICE has the connections of ICE-TCP: STUN and media in the frames of RFC 4571, without TLS.
func (g *Gate) ICE() net.Listener { return g.ice }

// TURN has the connections of STUN and TURN, those that came inside of TLS too: what is read from them is decrypted.
func (g *Gate) TURN() net.Listener { return g.turn }

// Close ends the port, its three listeners, and every connection that nobody has accepted. Those accepted go on. A second call changes nothing.
func (g *Gate) Close() error {
	g.mu.Lock()
	var left []*entrant
	for e := g.waiting.oldest(&g.waiting.all); e != nil; e = g.waiting.oldest(&g.waiting.all) {
		left = append(left, e)
	}
	again := g.closed
	g.closed = true
	g.mu.Unlock()
	drop(left)
	var err error
	if !again {
		err = g.listener.Close()
	}
	g.end()
	g.running.Wait()
	return err
}

// accept takes connections in until the listener ends, and then ends the three listeners.
func (g *Gate) accept() {
	defer func() {
		for _, o := range []*outlet{g.http, g.ice, g.turn} {
			_ = o.Close()
		}
	}()
	pause := acceptAgainFirst
	for {
		conn, err := g.listener.Accept()
		if err == nil {
			pause = acceptAgainFirst
			g.enter(conn)
			continue
		}
		if !passes(err) {
			if !errors.Is(err, net.ErrClosed) {
				g.config.Logger.Error("the TCP port ended", "err", err)
			}
			return
		}
		g.config.Logger.Warn("no socket is left for another connection", "err", err)
		if spare := g.spare(); spare != nil {
			drop([]*entrant{spare})
		}
		select {
		case <-time.After(pause):
		case <-g.ctx.Done():
			return
		}
		pause = min(2*pause, acceptAgainBefore)
	}
}

// spare takes the connection out that is missed least when the process has all the sockets it may have: one that asks for nothing now, else one that has said
// nothing yet, else one with a request. nil: there is none.
func (g *Gate) spare() *entrant {
	if e := g.served.spareIdle(); e != nil {
		return e
	}
	g.mu.Lock()
	oldest := g.waiting.oldest(&g.waiting.all)
	g.mu.Unlock()
	if oldest != nil {
		return oldest
	}
	return g.served.spareAny()
}

// passes tells errors of Accept that have nothing to do with the listener.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// enter counts a connection among those on their way, and sees it to its owner on a goroutine of its own.
func (g *Gate) enter(conn net.Conn) {
	ctx, end := context.WithTimeout(g.ctx, g.config.Patience)
	e := &entrant{conn: conn, end: end, network: g.network(conn)}
	proxied := g.config.Proxied && within(networkOf(conn.RemoteAddr()), g.config.Trusted)
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		drop([]*entrant{e})
		return
	}
	gone := g.waiting.add(e)
	g.running.Go(func() {
		defer g.leave(e)
		g.see(ctx, e, proxied)
	})
	g.mu.Unlock()
	g.makeRoom(gone)
}

// makeRoom drops those that had to go for a newcomer.
func (g *Gate) makeRoom(gone []*entrant) {
	drop(gone)
	if len(gone) > 0 && g.mayTell(&g.told) {
		g.config.Logger.Warn("more connections than may wait: those that said nothing for longest are dropped", "most", g.config.Most,
			"from_one_network", g.config.MostFromOne)
	}
}

// mayTell says whether the log may say something again, as of now.
func (g *Gate) mayTell(last *time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(*last) < tellAgainAfter {
		return false
	}
	*last = time.Now()
	return true
}

func (g *Gate) leave(e *entrant) {
	e.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.remove(e)
}

func drop(gone []*entrant) {
	for _, e := range gone {
		e.end()
		_ = e.conn.Close()
	}
}

// network is what a connection is counted under; the zero one: under nothing, since many come through a proxy.
func (g *Gate) network(conn net.Conn) netip.Prefix {
	network := networkOf(conn.RemoteAddr())
	if within(network, g.config.Trusted) {
		return netip.Prefix{}
	}
	return network
}

func within(network netip.Prefix, trusted []netip.Prefix) bool {
	return network.IsValid() && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(network.Addr()) })
}

// see finds out what a connection is and hands it to its owner, or closes it. Of a proxied one it finds out first whose it is.
func (g *Gate) see(ctx context.Context, e *entrant, proxied bool) {
	conn := e.conn
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return
	}
	if proxied {
		var err error
		if conn, err = g.unwrap(e); err != nil {
			_ = e.conn.Close()
			return
		}
	}
	kind, first, err := sniff(conn)
	if err != nil {
		_ = conn.Close()
		return
	}
	raw := &replayed{Conn: conn, first: first}
	switch {
	case kind == kindICE:
		hand(ctx, g.ice, raw)
	case kind == kindTURN:
		hand(ctx, g.turn, raw)
	case kind == kindTLS && g.config.TLS != nil:
		g.seeInside(ctx, tls.Server(raw, g.config.TLS))
	case kind == kindHTTP && g.config.TLS == nil:
		hand(ctx, g.http, raw)
	case kind == kindHTTP:
		redirect(raw)
	default:
		_ = conn.Close() // TLS, and we have no certificate
	}
}

// seeInside does the same for what comes inside of TLS.
func (g *Gate) seeInside(ctx context.Context, conn *tls.Conn) {
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return
	}
	switch conn.ConnectionState().NegotiatedProtocol {
	case "":
	case protoHTTP2, protoHTTP1:
		hand(ctx, g.http, conn)
		return
	case protoTURN, protoSTUN:
		hand(ctx, g.turn, conn)
		return
	default:
		_ = conn.Close() // over with the handshake: the proof to an authority that this host is ours (RFC 8737)
		return
	}
	kind, first, err := sniff(conn)
	if err != nil {
		_ = conn.Close()
		return
	}
	switch kind {
	case kindTURN:
		hand(ctx, g.turn, &replayedTLS{Conn: conn, first: first})
	case kindHTTP:
		hand(ctx, g.http, &replayedTLS{Conn: conn, first: first})
	default:
		_ = conn.Close() // ICE-TCP knows no TLS, and nothing has TLS within TLS
	}
}

// sniff reads what a connection begins with until it is known what it is.
func sniff(conn net.Conn) (kind, []byte, error) {
	buf := make([]byte, decidedBy)
	for n := 0; ; {
		more, err := conn.Read(buf[n:])
		n += more
		if kind := kindOf(buf[:n]); kind != undecided {
			return kind, buf[:n], nil
		}
		if err != nil {
			return undecided, nil, err
		}
	}
}

// hand waits until the owner of a kind takes the connection, and closes it when that does not happen.
func hand(ctx context.Context, o *outlet, conn net.Conn) {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return
	}
	select {
	case o.conns <- conn:
		return
	case <-ctx.Done():
	case <-o.closed:
	}
	_ = conn.Close()
}
