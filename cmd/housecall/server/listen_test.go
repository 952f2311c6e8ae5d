package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"housecall/cmd/housecall/server"
	"housecall/platform/certs"
)

// files writes a certificate for localhost and its key into files, and gives the pool that trusts it.
func files(t *testing.T) (server.TLS, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	if _, err := certs.OpenLocal(dir, nil, []string{"localhost"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "lan.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return server.TLS{Cert: filepath.Join(dir, "lan.pem"), Key: filepath.Join(dir, "lan.pem")}, pool(t, b)
}

func pool(t *testing.T, b []byte) *x509.CertPool {
	t.Helper()
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return roots
}

// encrypted is a client that trusts roots and speaks HTTP/2 where it can.
func encrypted(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestServesWithTLS(t *testing.T) {
	way, roots := files(t)
	s := open(t, server.Config{TLS: way})
	address, ok := strings.CutPrefix(s.URL(), "https://localhost:")
	if !ok {
		t.Fatalf("it is reached at %s", s.URL())
	}
	client := encrypted(t, roots)
	response, err := client.Get(s.URL() + "/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %d, Strict-Transport-Security %q", response.Proto, response.StatusCode, response.Header.Get("Strict-Transport-Security"))
	}
	if response, err = client.Get("http://localhost:" + address + "/v?x=1"); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusPermanentRedirect || response.Header.Get("Location") != s.URL()+"/v?x=1" {
		t.Errorf("without TLS: %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	// A cookie that was set over TLS never goes anywhere without it.
	response, err = client.Post(s.URL()+"/language", "application/x-www-form-urlencoded", strings.NewReader("language=es"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if cookies := response.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("cookies %v", cookies)
	}
	// Websockets come over the same port by HTTP/1.1; this one has no pass.
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}, Subprotocols: []string{"housecall.v1"}}
	conn, answer, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(s.URL(), "https")+"/v/0193a1f0/ws", http.Header{"Origin": {s.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	conn.Close()
}

func TestServesOnTheLocalNetwork(t *testing.T) {
	data := t.TempDir()
	var first []byte
	for range 2 { // a restart later the certificate is the same
		s, err := server.New(t.Context(), server.Config{Listen: ":0", Data: data, TLS: server.TLS{LAN: true}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(data, "lan.pem"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := encrypted(t, pool(t, b)).Get(s.URL() + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
		response.Body.Close()
		// By IPv6 too, on the same port.
		port := s.URL()[strings.LastIndex(s.URL(), ":"):]
		if response, err = encrypted(t, pool(t, b)).Get("https://[::1]" + port + "/livez"); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if strings.Contains(s.URL(), "localhost") || strings.Contains(s.URL(), "127.0.0.1") {
			t.Errorf("a phone can't reach it at %s", s.URL())
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(b, first) {
			t.Error("a restart made another certificate")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStartsWithoutTheAuthority: nobody answers at the directory, and everything else works.
func TestStartsWithoutTheAuthority(t *testing.T) {
	s := open(t, server.Config{TLS: server.TLS{Domains: []string{"visits.example.org"}, ACMEURL: "https://127.0.0.1:1/directory"}})
	if want := "https://visits.example.org:"; !strings.HasPrefix(s.URL(), want) {
		t.Errorf("it is reached at %s", s.URL())
	}
	_, port, _ := strings.Cut(s.URL(), "org:")
	response, err := encrypted(t, nil).Get("http://127.0.0.1:" + port + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusPermanentRedirect {
		t.Errorf("without TLS: %d", response.StatusCode)
	}
}

func TestRefusesWrongCertificates(t *testing.T) {
	way, _ := files(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	domains := []string{"visits.example.org"}
	for name, c := range map[string]server.Config{
		"a key that is none":         {TLS: server.TLS{Cert: way.Cert, Key: empty}},
		"a certificate without key":  {TLS: server.TLS{Cert: way.Cert}},
		"a key without certificate":  {TLS: server.TLS{Key: way.Key}},
		"two ways at once":           {TLS: server.TLS{Cert: way.Cert, Key: way.Key, LAN: true}},
		"two other ways at once":     {TLS: server.TLS{Domains: domains, LAN: true}},
		"an address without domain":  {TLS: server.TLS{ACMEEmail: "operator@example.org"}},
		"no roots in the file":       {TLS: server.TLS{Domains: domains, ACMECA: empty}},
		"no such file of roots":      {TLS: server.TLS{Domains: domains, ACMECA: empty + ".not"}},
		"links that are not secured": {TLS: way, PublicURL: "http://visits.example.org"},
	} {
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		if s, err := server.New(context.Background(), c); err == nil {
			s.Close()
			t.Errorf("with %s it starts", name)
		}
	}
}
