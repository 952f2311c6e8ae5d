package gate_test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"housecall/platform/gate"
)

// dialFrom opens a connection from one of the machine's loopback addresses.
func (p *port) dialFrom(t *testing.T, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wantService wants every kind of client to be answered.
func (p *port) wantService(t *testing.T) {
	t.Helper()
	if got := get(t, p.client(t, true), "https://"+p.addr+"/"); got != "HTTP/2.0 encrypted hello" {
		t.Errorf("answered %q", got)
	}
	wantEcho(t, p.dial(t), "ice", framed)
	wantEcho(t, p.dialTLS(t), "turn", binding)
}

// TestIdleFlood: thousands of sockets that say nothing, or half of something, from one address and from many. Real clients are served, from the
// same address too; what is kept stays within its bounds, and the oldest are closed.
func TestIdleFlood(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour, Most: 400, MostFromOne: 100})
	p.serve(t)
	halves := [][]byte{nil, {0x16, 3, 1}, binding[:7], framed[:9], {0}}
	var idle []net.Conn
	for i := range 2000 {
		from := "127.0.0.1"
		if i%2 == 1 {
			from = net.IPv4(127, 0, 1, byte(i/8)).String()
		}
		conn := p.dialFrom(t, from)
		if _, err := conn.Write(halves[i%len(halves)]); err != nil {
			continue // one of ours that had to go already
		}
		idle = append(idle, conn)
	}
	p.wantService(t)
	if n := runtime.NumGoroutine(); n > 800 {
		t.Errorf("%d goroutines for 400 connections that may wait", n)
	}
	for _, conn := range idle[:1000] {
		wantEnd(t, conn)
	}
}

// TestOneAddressDoesNotPushOthersOut: whoever floods from one address pushes out their own.
func TestOneAddressDoesNotPushOthersOut(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour, Most: 50, MostFromOne: 10})
	p.serve(t)
	slow := p.dial(t)
	if _, err := slow.Write(framed[:5]); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		p.dialFrom(t, "127.0.0.9")
	}
	wantEchoRest(t, slow)
}

func wantEchoRest(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write(framed[5:]); err != nil {
		t.Fatal(err)
	}
	want := append([]byte("ice"), framed...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
}

// TestTrustedProxies: a proxy may have more on their way than a stranger.
func TestTrustedProxies(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour, MostFromOne: 2, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/24")}})
	p.serve(t)
	slow := p.dial(t)
	if _, err := slow.Write(framed[:5]); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		p.dial(t)
	}
	wantEchoRest(t, slow)
}

// shortPatience is far more than a handshake takes here, however busy the machine.
const shortPatience = 10 * time.Second

// TestPatience: who does not get on is closed, wherever it stops.
func TestPatience(t *testing.T) {
	t.Parallel()
	p := open(t, true, gate.Config{Patience: shortPatience})
	p.serveHTTP(t)
	p.echo(t, p.gate.ICE(), "ice") // and nobody accepts TURN
	stuck := map[string]net.Conn{"nothing inside TLS": p.dialTLS(t)}
	for name, said := range map[string][]byte{
		"nothing": nil, "half a frame": framed[:5], "half a handshake": {0x16, 3, 1, 0, 200}, "half a request": []byte("GET / HT"),
		"TURN that nobody accepts": binding,
	} {
		stuck[name] = p.dial(t)
		if _, err := stuck[name].Write(said); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, conn := range stuck {
		wantEnd(t, conn)
	}
}

// TestPatienceIsForTheWayIn: once a connection is accepted, it may be as slow as its owner lets it.
func TestPatienceIsForTheWayIn(t *testing.T) {
	t.Parallel()
	p := open(t, true, gate.Config{Patience: shortPatience})
	p.serve(t)
	conn, ice := p.dialTLS(t, "http/1.1"), p.dial(t)
	wantEcho(t, ice, "ice", framed)
	wantEnd(t, p.dial(t)) // came after them, said nothing, and its patience is over
	if _, err := ice.Write(framed); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ice, make([]byte, len(framed))); err != nil {
		t.Errorf("ICE: %v", err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, conn, []byte("HTTP/1.1 200 "))
}

// TestAnOwnerWhoAcceptsNothing keeps nobody else out, however many come for it.
func TestAnOwnerWhoAcceptsNothing(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour, Most: 40, MostFromOne: 20})
	p.serveHTTP(t)
	p.echo(t, p.gate.ICE(), "ice")
	for i := range 200 {
		conn := p.dialFrom(t, net.IPv4(127, 0, 2, byte(1+i%100)).String())
		if _, err := conn.Write(binding); err != nil {
			continue // one of ours that had to go already
		}
	}
	if got := get(t, p.client(t, true), "https://"+p.addr+"/"); got != "HTTP/2.0 encrypted hello" {
		t.Errorf("answered %q", got)
	}
	wantEcho(t, p.dial(t), "ice", framed)
}

// tired is a listener whose process has no socket left for the second connection, at first.
type tired struct {
	net.Listener
	turn int
}

func (l *tired) Accept() (net.Conn, error) {
	if l.turn++; l.turn == 2 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestNoSocketLeft: the port goes on, and whoever has said nothing for longest makes room.
func TestNoSocketLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &port{gate: gate.New(&tired{Listener: listener}, gate.Config{Patience: time.Hour}), addr: listener.Addr().String()}
	t.Cleanup(func() {
		if err := p.gate.Close(); err != nil {
			t.Error(err)
		}
	})
	p.echo(t, p.gate.ICE(), "ice")
	silent := p.dial(t)
	wantEcho(t, p.dial(t), "ice", framed)
	wantEnd(t, silent)
}

// TestOneListenerClosed: its kind is closed at once, the others go on.
func TestOneListenerClosed(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour})
	p.serveHTTP(t)
	p.echo(t, p.gate.TURN(), "turn")
	if err := p.gate.ICE().Close(); err != nil {
		t.Fatal(err)
	}
	conn := p.dial(t)
	if _, err := conn.Write(framed); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
	wantEcho(t, p.dial(t), "turn", binding)
	if _, err := p.gate.ICE().Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
}

// TestClose ends everything that nobody has accepted, and leaves alone what was.
func TestClose(t *testing.T) {
	p := open(t, true, gate.Config{Patience: time.Hour})
	p.echo(t, p.gate.ICE(), "ice")
	accepted := p.dial(t)
	wantEcho(t, accepted, "ice", framed)
	silent, unwanted := p.dial(t), p.dial(t)
	if _, err := unwanted.Write(binding); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.gate.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantEnd(t, silent)
	wantEnd(t, unwanted)
	if _, err := p.gate.HTTP().Accept(); err == nil {
		t.Error("it accepts after Close")
	}
	if _, err := accepted.Write(framed); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(accepted, make([]byte, len(framed))); err != nil {
		t.Errorf("an accepted connection: %v", err)
	}
	_ = accepted.Close()
}
