package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// door stands between browsers and the server's port of pages and websockets. Every Chromium comes to an address of its own
// (bidi.Options.Localhost), and so can be cut off alone.
type door struct {
	listener net.Listener
	work     sync.WaitGroup

	mu       sync.Mutex
	server   string // address and port
	closed   bool
	passages map[*passage]struct{}
	held     map[netip.Addr]chan struct{} // closed when bytes may pass again
	refused  map[netip.Addr]bool          // whose connections are cut before they begin
	tears    map[netip.Addr]int           // how many bytes more may come from a browser, until all its connections are cut
}

// passage is one connection.
type passage struct {
	at             netip.Addr // where the client thinks the server is
	client, server net.Conn
	websocket      bool // accessed under the door's mu
}

// newDoor listens on a free port; open must follow.
func newDoor() (*door, error) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	return &door{listener: listener, passages: map[*passage]struct{}{}, held: map[netip.Addr]chan struct{}{}, refused: map[netip.Addr]bool{}, tears: map[netip.Addr]int{}}, nil
}

// url is where browsers find the server.
func (d *door) url() string {
	return fmt.Sprintf("http://localhost:%d", d.listener.Addr().(*net.TCPAddr).Port)
}

// open lets connections through to a server until close.
func (d *door) open(server string) {
	d.lead(server)
	d.work.Go(func() {
		for {
			client, err := d.listener.Accept()
			if err != nil {
				return // closed
			}
			d.work.Go(func() { d.pass(client) })
		}
	})
}

// lead lets connections through to another server from now on; those there are stay.
func (d *door) lead(server string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server = server
}

// close ends all connections and waits for them.
func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for at, gate := range d.held {
		delete(d.held, at)
		close(gate)
	}
	for each := range d.passages {
		each.end()
	}
	d.mu.Unlock()
	d.work.Wait()
}

// end is as if the line were cut: no farewell on either side, just a reset.
func (p *passage) end() {
	for _, conn := range []net.Conn{p.client, p.server} {
		if conn == nil {
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

func (d *door) pass(client net.Conn) {
	at, err := netip.ParseAddrPort(client.LocalAddr().String())
	if err != nil {
		client.Close()
		return
	}
	p := &passage{at: at.Addr().Unmap(), client: client}
	d.await(p.at)
	d.mu.Lock()
	server, refused := d.server, d.refused[p.at]
	d.mu.Unlock()
	if refused {
		p.end()
		return
	}
	if p.server, err = net.Dial("tcp", server); err != nil {
		client.Close()
		return
	}
	d.mu.Lock()
	if d.closed {
		p.end()
	}
	d.passages[p] = struct{}{}
	d.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { d.copy(p, p.server, p.client, true) })
	both.Go(func() { d.copy(p, p.client, p.server, false) })
	both.Wait()
	client.Close()
	p.server.Close()
	d.mu.Lock()
	delete(d.passages, p)
	d.mu.Unlock()
}

// copy carries one direction and hands on its end.
func (d *door) copy(p *passage, to, from net.Conn, up bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if up && isHandshake(buffer[:n]) {
			d.mu.Lock()
			p.websocket = true
			d.mu.Unlock()
		}
		d.await(p.at)
		if up && d.torn(p.at, n) {
			d.drop(p.at)
		}
		if n > 0 {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				_ = to.(*net.TCPConn).CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}

// isHandshake says whether a client's bytes begin with the request for a visit's websocket.
func isHandshake(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return bytes.HasPrefix(line, []byte("GET /v/")) && bytes.HasSuffix(line, []byte("/ws HTTP/1.1"))
}

// await returns when bytes to and from this address may pass.
func (d *door) await(at netip.Addr) {
	d.mu.Lock()
	gate := d.held[at]
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// cut cuts the websockets of one browser and says how many.
func (d *door) cut(at netip.Addr) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.passages {
		if p.at == at && p.websocket {
			p.end()
			n++
		}
	}
	return n
}

// drop cuts all connections of one browser.
func (d *door) drop(at netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.passages {
		if p.at == at {
			p.end()
		}
	}
}

// refuse cuts all connections of one browser, those that it makes too, until it is told otherwise.
func (d *door) refuse(at netip.Addr, refused bool) {
	d.mu.Lock()
	d.refused[at] = refused
	d.mu.Unlock()
	if refused {
		d.drop(at)
	}
}

// tear cuts all connections of one browser, once so many bytes more have come from it.
func (d *door) tear(at netip.Addr, after int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tears[at] = after
}

// torn counts bytes, and says whether they were the last of those that tear lets through.
func (d *door) torn(at netip.Addr, n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	left, tears := d.tears[at]
	if !tears || n == 0 {
		return false
	}
	if d.tears[at] = left - n; left > n {
		return false
	}
	delete(d.tears, at)
	return true
}

// isTorn says whether what tear said has happened.
func (d *door) isTorn(at netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, tears := d.tears[at]
	return !tears
}

// hold lets nothing through to and from one browser, closing nothing: its network is gone.
func (d *door) hold(at netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held[at] == nil && !d.closed {
		d.held[at] = make(chan struct{})
	}
}

// release lets through what came meanwhile, and all that comes.
func (d *door) release(at netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if gate := d.held[at]; gate != nil {
		delete(d.held, at)
		close(gate)
	}
}
