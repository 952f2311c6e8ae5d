package gate_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"housecall/platform/gate"
	"housecall/platform/testkit"
)

// Where the proxy of these tests calls from; clients have other addresses of the loopback.
const proxyAddress = "127.0.0.1"

// openProxied is a gate that believes the proxy.
func openProxied(t *testing.T, encrypted bool, c gate.Config) *port {
	t.Helper()
	c.Proxied, c.Trusted = true, []netip.Prefix{netip.MustParsePrefix(proxyAddress + "/32")}
	return open(t, encrypted, c)
}

// behind starts a real HAProxy that passes TCP on to the gate, and returns the port as clients see it.
func (p *port) behind(t *testing.T, send string) *port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &port{gate: p.gate, addr: l.Addr().String(), roots: p.roots}
	socket, err := l.(*net.TCPListener).File() // HAProxy gets it as it is: nobody else can take the port meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	err = os.WriteFile(config, fmt.Appendf(nil, `defaults
  mode tcp
  timeout connect 30s
  timeout client 1h
  timeout server 1h
listen gate
  bind fd@3
  server gate %s source %s %s
`, p.addr, proxyAddress, send), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command("haproxy", "-db", "-f", config)
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{socket}, &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("HAProxy: %s", said.String())
		}
	})
	return front
}

// caller answers requests with the address that they come from.
func (p *port) caller(t *testing.T) {
	t.Helper()
	server := &http.Server{ReadHeaderTimeout: within, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = io.WriteString(w, host)
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(p.gate.HTTP()) })
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
}

// asked is what a request over a connection is answered with: the status, and the body.
func asked(t *testing.T, conn net.Conn, before string) (int, string) {
	t.Helper()
	if _, err := io.WriteString(conn, before+"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body) // a refusal may end with a reset, since not all was read
	return response.StatusCode, string(body)
}

// TestBehindAProxy: of either version, all kinds of connection come through, and are their clients' own.
func TestBehindAProxy(t *testing.T) {
	for _, send := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"} {
		t.Run(send, func(t *testing.T) {
			front := openProxied(t, true, gate.Config{}).behind(t, send)
			front.serve(t)
			front.wantService(t)
			plain := openProxied(t, false, gate.Config{}).behind(t, send)
			plain.caller(t)
			for _, client := range []string{"127.0.0.2", "127.0.0.3"} {
				if status, from := asked(t, plain.dialFrom(t, client), ""); status != http.StatusOK || from != client {
					t.Errorf("%s was answered %d, %q", client, status, from)
				}
			}
		})
	}
}

// TestLimitsBehindAProxy: who comes by the proxy and floods pushes out their own, and nobody else.
func TestLimitsBehindAProxy(t *testing.T) {
	front := openProxied(t, true, gate.Config{Patience: time.Hour, MostFromOne: 3}).behind(t, "send-proxy-v2")
	front.serve(t)
	slow := front.dialFrom(t, "127.0.0.2")
	if _, err := slow.Write(framed[:5]); err != nil {
		t.Fatal(err)
	}
	const many, most = 20, 3
	var flood []net.Conn
	ends := make(chan error, many) // in whatever order the proxy passed them on
	for range many {
		conn := front.dialFrom(t, "127.0.0.3")
		flood = append(flood, conn)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			ends <- err
		}()
	}
	for range many - most {
		if err := <-ends; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("more wait than may")
		}
	}
	wantEchoRest(t, slow)
	for _, conn := range flood {
		_ = conn.Close()
	}
	for range most {
		if err := <-ends; !errors.Is(err, net.ErrClosed) {
			t.Errorf("fewer wait than may: %v", err)
		}
	}
}

// TestSpoofedHeader: from anybody but the proxy a header is not believed, and refused.
func TestSpoofedHeader(t *testing.T) {
	p := openProxied(t, false, gate.Config{})
	p.caller(t)
	for name, header := range headers(t) {
		if status, from := asked(t, p.dialFrom(t, "127.0.0.2"), header); status == http.StatusOK || strings.Contains(from, "192.0.2.7") {
			t.Errorf("%s from a stranger was answered %d, %q", name, status, from)
		}
		if status, from := asked(t, p.dialFrom(t, proxyAddress), header); status != http.StatusOK || from != "192.0.2.7" {
			t.Errorf("%s from the proxy was answered %d, %q", name, status, from)
		}
	}
	if status, from := asked(t, p.dialFrom(t, "127.0.0.2"), ""); status != http.StatusOK || from != "127.0.0.2" {
		t.Errorf("a stranger without a header was answered %d, %q", status, from)
	}
}

// headers are of either version, for a connection of 192.0.2.7.
func headers(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for version := byte(1); version <= 2; version++ {
		var b bytes.Buffer
		_, err := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 7}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}).WriteTo(&b)
		if err != nil {
			t.Fatal(err)
		}
		all["version "+strconv.Itoa(int(version))] = b.String()
	}
	return all
}

// TestProxyWithoutAHeader: what a proxy passes on without saying whose it is, is refused, and said in the log; a look at the port is not. What the
// proxy does itself is its own.
func TestProxyWithoutAHeader(t *testing.T) {
	var log testkit.Log
	p := openProxied(t, false, gate.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	p.caller(t)
	looks := p.dialFrom(t, proxyAddress)
	if err := looks.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, looks)
	if said := log.String(); said != "" {
		t.Errorf("a look at the port is logged: %s", said)
	}
	for name, header := range map[string]string{"nothing": "", "half a header": "PROXY TCP4 192.0.2.7\r\n", "a name for an address": "PROXY TCP4 a b 1 2\r\n",
		"another version": "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00"} {
		if status, from := asked(t, p.dialFrom(t, proxyAddress), header); status != 0 {
			t.Errorf("%s was answered %d, %q", name, status, from)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("the log says %d times in a minute:\n%s", n, log.String())
	}
	for name, header := range map[string]string{"a check of the proxy's": "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "one of version 1": "PROXY UNKNOWN\r\n"} {
		if status, from := asked(t, p.dialFrom(t, proxyAddress), header); status != http.StatusOK || from != proxyAddress {
			t.Errorf("%s was answered %d, %q", name, status, from)
		}
	}
}
