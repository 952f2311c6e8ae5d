package gate_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"housecall/platform/gate"
)

// ask sends a request on a connection that stays open, wants an answer, and waits until the server has noted that no more is asked for.
func (p *port) ask(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("answered %d, %v", response.StatusCode, err)
	}
	select {
	case <-p.idle:
	case <-time.After(within):
		t.Fatal("the connection is never idle")
	}
}

// TestIdleRequesters: those who ask once and stay make room for others: first those of one's own network, then whoever was idle for longest; who has a
// request under way, or a websocket, stays.
func TestIdleRequesters(t *testing.T) {
	p := open(t, false, gate.Config{MostServed: 30, MostServedFromOne: 10})
	p.serveHTTP(t)
	socket, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+p.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	busy, other := p.dialFrom(t, "127.0.0.1"), p.dialFrom(t, "127.0.0.9")
	if _, err := io.WriteString(busy, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\na"); err != nil {
		t.Fatal(err)
	}
	p.ask(t, other)
	var flood []net.Conn
	for range 40 {
		conn := p.dialFrom(t, "127.0.0.1")
		p.ask(t, conn)
		flood = append(flood, conn)
	}
	for _, conn := range flood[:31] {
		wantEnd(t, conn)
	}
	p.ask(t, flood[39])
	p.ask(t, other)
	for i := range 60 {
		p.ask(t, p.dialFrom(t, net.IPv4(127, 0, 3, byte(i+1)).String()))
	}
	wantEnd(t, other)
	if _, err := io.WriteString(busy, "b"); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, busy, []byte("HTTP/1.1 200 "))
	if err := socket.WriteMessage(websocket.TextMessage, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := socket.ReadMessage(); err != nil || string(got) != "still here" {
		t.Errorf("the websocket: %q, %v", got, err)
	}
}

// TestRequestersBehindAProxy are not counted as one.
func TestRequestersBehindAProxy(t *testing.T) {
	p := open(t, true, gate.Config{MostServedFromOne: 2, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/24")}})
	p.serveHTTP(t)
	var all []net.Conn
	for range 10 {
		conn := p.dialTLS(t, "http/1.1")
		p.ask(t, conn)
		all = append(all, conn)
	}
	for _, conn := range all {
		p.ask(t, conn)
	}
}

// exhausted is a listener whose process may have three sockets.
type exhausted struct {
	net.Listener
	open *atomic.Int64
}

func (l exhausted) Accept() (net.Conn, error) {
	if l.open.Load() == 3 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &counted{Conn: conn, open: l.open}, nil
}

// counted is one of them.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestNoSocketLeftButIdleOnes: those who ask for nothing now make room.
func TestNoSocketLeftButIdleOnes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &port{gate: gate.New(exhausted{listener, new(atomic.Int64)}, gate.Config{Patience: time.Hour}), addr: listener.Addr().String(),
		idle: make(chan struct{}, 100)}
	t.Cleanup(func() {
		if err := p.gate.Close(); err != nil {
			t.Error(err)
		}
	})
	p.serveHTTP(t)
	first, second := p.dial(t), p.dial(t)
	p.ask(t, first)
	p.ask(t, second)
	p.ask(t, p.dial(t))
	wantEnd(t, first)
	p.ask(t, second)
}
