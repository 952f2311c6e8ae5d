package gate_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"housecall/platform/gate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds what must happen, generously: no test waits this long unless something is broken.
const within = 30 * time.Second

// binding is a STUN binding request, and framed the same in a frame of RFC 4571.
var (
	binding = append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "twelve bytes"...)
	framed  = append(binary.BigEndian.AppendUint16(nil, uint16(len(binding))), binding...)
)

// port is a gate whose three listeners are served: HTTP by a real server, the others by one that answers its name and then what it reads.
type port struct {
	gate  *gate.Gate
	addr  string
	roots *x509.CertPool
	idle  chan struct{} // gets one for each connection that the HTTP server has noted as idle, as long as there is room
}

func open(t *testing.T, encrypted bool, c gate.Config) *port {
	t.Helper()
	p := &port{idle: make(chan struct{}, 100)}
	if encrypted {
		// httptest has a certificate for 127.0.0.1 and example.com of its own.
		source := httptest.NewTLSServer(nil)
		source.Close()
		c.TLS = &tls.Config{Certificates: source.TLS.Certificates, MinVersion: tls.VersionTLS12}
		p.roots = x509.NewCertPool()
		p.roots.AddCert(source.Certificate())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.gate, p.addr = gate.New(listener, c), listener.Addr().String()
	t.Cleanup(func() {
		if err := p.gate.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// serve answers what comes to the three listeners until the test ends.
func (p *port) serve(t *testing.T) {
	t.Helper()
	p.serveHTTP(t)
	p.echo(t, p.gate.ICE(), "ice")
	p.echo(t, p.gate.TURN(), "turn")
}

func (p *port) serveHTTP(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil || conn.WriteMessage(kind, message) != nil {
				return
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		encrypted := "plain"
		if r.TLS != nil {
			encrypted = "encrypted"
		}
		_, _ = io.WriteString(w, r.Proto+" "+encrypted+" "+string(body))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: within, ConnState: func(conn net.Conn, state http.ConnState) {
		p.gate.ConnState(conn, state)
		if state == http.StateIdle {
			select {
			case p.idle <- struct{}{}:
			default:
			}
		}
	}}
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(p.gate.HTTP()); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serving: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
}

// echo answers name and then everything that is read.
func (p *port) echo(t *testing.T, listener net.Listener, name string) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := io.WriteString(conn, name); err == nil {
					_, _ = io.Copy(conn, conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
}

func (p *port) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (p *port) dialTLS(t *testing.T, protos ...string) *tls.Conn {
	t.Helper()
	conn := tls.Client(p.dial(t), &tls.Config{RootCAs: p.roots, ServerName: "example.com", NextProtos: protos})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// client speaks HTTP/1.1, or HTTP/2 where http2 is set.
func (p *port) client(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: within, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	response, err := c.Post(url, "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// wantEcho sends message and wants the listener's name and the message back.
func wantEcho(t *testing.T, conn net.Conn, name string, message []byte) {
	t.Helper()
	if _, err := conn.Write(message); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := append([]byte(name), message...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %q, %v; want %q", name, got, err, want)
	}
}

func TestWithoutTLS(t *testing.T) {
	p := open(t, false, gate.Config{})
	p.serve(t)
	if got := get(t, p.client(t, false), "http://"+p.addr+"/"); got != "HTTP/1.1 plain hello" {
		t.Errorf("answered %q", got)
	}
	wantEcho(t, p.dial(t), "ice", framed)
	wantEcho(t, p.dial(t), "turn", binding)
	speak(t, &websocket.Dialer{}, "ws://"+p.addr+"/ws")

	conn := p.dial(t)
	if err := tls.Client(conn, &tls.Config{ServerName: "example.com"}).HandshakeContext(t.Context()); err == nil {
		t.Error("a handshake without a certificate")
	}
}

func TestWithTLS(t *testing.T) {
	p := open(t, true, gate.Config{})
	p.serve(t)
	if got := get(t, p.client(t, false), "https://"+p.addr+"/"); got != "HTTP/1.1 encrypted hello" {
		t.Errorf("answered %q", got)
	}
	if got := get(t, p.client(t, true), "https://"+p.addr+"/"); got != "HTTP/2.0 encrypted hello" {
		t.Errorf("answered %q", got)
	}
	speak(t, &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: p.roots}}, "wss://"+p.addr+"/ws")
	wantEcho(t, p.dial(t), "ice", framed)
	wantEcho(t, p.dial(t), "turn", binding)
	wantEcho(t, p.dialTLS(t), "turn", binding)
	wantEcho(t, p.dialTLS(t, "stun.turn"), "turn", binding)
	wantEcho(t, p.dialTLS(t, "stun.nat-discovery"), "turn", binding)

	// A client of HTTP that names no protocol.
	conn := p.dialTLS(t)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !bytes.Contains(got, []byte("HTTP/1.1 encrypted ")) {
		t.Errorf("answered %q, %v", got, err)
	}
	// ICE-TCP knows no TLS.
	conn = p.dialTLS(t)
	if _, err := conn.Write(framed); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
}

func speak(t *testing.T, d *websocket.Dialer, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	conn, response, err := d.DialContext(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = response.Body.Close()
	for _, said := range []string{"one", strings.Repeat("long ", 20_000)} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(said)); err != nil {
			t.Fatal(err)
		}
		if _, heard, err := conn.ReadMessage(); err != nil || string(heard) != said {
			t.Fatalf("heard %d bytes, %v", len(heard), err)
		}
	}
}

// wantEnd wants the server to close the connection.
func wantEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection was not closed")
	}
}

func TestWhoComesWithoutTLSIsSentThere(t *testing.T) {
	p := open(t, true, gate.Config{})
	p.serve(t)
	client := p.client(t, false)
	for _, c := range []struct {
		method, path, body string
		status             int
		location           string
	}{
		{"GET", "/v?a=%20b", "", 308, "https://" + p.addr + "/v?a=%20b"},
		{"GET", "//example.com/%2e", "", 308, "https://" + p.addr + "//example.com/%2e"},
		{"HEAD", "/", "", 308, "https://" + p.addr + "/"},
		{"POST", "/api/v1/join", "secret", 400, ""},
		{"POST", "/upload", strings.Repeat("long ", 10_000), 400, ""},
		{"DELETE", "/x", "", 400, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+p.addr+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status || response.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q, want %d to %q", c.method, c.path, response.StatusCode, response.Header.Get("Location"), c.status, c.location)
		}
	}
	for _, request := range []string{"GET / HTTP/1.0\r\n\r\n", "nonsense\r\n\r\n", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\r\n\r\n", "GET /" + strings.Repeat("x", 20_000)} {
		conn := p.dial(t)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.20q: %v", request, err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q: %d", request, response.StatusCode)
		}
	}
}

// TestSentInTwo sends what each kind begins with in two parts, cut at every byte.
func TestSentInTwo(t *testing.T) {
	p := open(t, true, gate.Config{})
	p.serve(t)
	for i := 1; i < len(framed); i++ {
		conn := p.dial(t)
		sendInTwo(t, conn, framed, i)
		wantAnswer(t, conn, append([]byte("ice"), framed...))
	}
	for i := 1; i < len(binding); i++ {
		conn := p.dial(t)
		sendInTwo(t, conn, binding, i)
		wantAnswer(t, conn, append([]byte("turn"), binding...))
		inside := p.dialTLS(t)
		sendInTwo(t, inside, binding, i)
		wantAnswer(t, inside, append([]byte("turn"), binding...))
	}
	request := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for i := 1; i < len(request); i++ {
		conn := p.dial(t)
		sendInTwo(t, conn, request, i)
		wantAnswer(t, conn, []byte("HTTP/1.1 308 "))
		inside := p.dialTLS(t)
		sendInTwo(t, inside, request, i)
		wantAnswer(t, inside, []byte("HTTP/1.1 200 "))
	}
	var hello bytes.Buffer
	recording := tls.Client(&halfConn{Writer: &hello}, &tls.Config{RootCAs: p.roots, ServerName: "example.com"})
	if err := recording.HandshakeContext(t.Context()); err == nil {
		t.Fatal("a handshake with nobody")
	}
	for i := 1; i < hello.Len(); i += 1 + i/16 { // past the first bytes ever further apart
		conn := p.dial(t)
		sendInTwo(t, conn, hello.Bytes(), i)
		wantAnswer(t, conn, []byte{0x16, 3, 3}) // the server's hello
	}
}

// halfConn is where a client's hello goes, with nobody at the other end.
type halfConn struct {
	net.Conn
	io.Writer
}

func (c *halfConn) Write(b []byte) (int, error)      { return c.Writer.Write(b) }
func (c *halfConn) Read([]byte) (int, error)         { return 0, io.EOF }
func (c *halfConn) Close() error                     { return nil }
func (c *halfConn) SetWriteDeadline(time.Time) error { return nil }

func sendInTwo(t *testing.T, conn net.Conn, message []byte, cut int) {
	t.Helper()
	for _, part := range [][]byte{message[:cut], message[cut:]} {
		if _, err := conn.Write(part); err != nil {
			t.Fatal(err)
		}
	}
}

func wantAnswer(t *testing.T, conn net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("answered %q, %v; want %q", got, err, want)
	}
	_ = conn.Close()
}
