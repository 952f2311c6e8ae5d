package nodes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

var secret = bytes.Repeat([]byte{7}, 32)

func identity(t *testing.T, secret []byte, id string) *Identity {
	t.Helper()
	i, err := NewIdentity(secret, id, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// serveAs answers "hello" to whoever gets through.
func serveAs(t *testing.T, i *Identity) (address string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.TLS = i.server()
	s.Config.ErrorLog = discardLog
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// hello asks by a TLS configuration and says whether it was answered.
func hello(ctx context.Context, c *tls.Config, address string) error {
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	// TLS 1.3 tells a client that it was refused only after its side of the handshake is done.
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(answer, []byte("hello")) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func TestNodesKnowEachOther(t *testing.T) {
	a, b := identity(t, secret, "node-a"), identity(t, secret, "node-b")
	if err := hello(t.Context(), b.client("node-a"), serveAs(t, a)); err != nil {
		t.Errorf("two nodes with one master key: %v", err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	a := identity(t, secret, "node-a")
	address := serveAs(t, a)
	foreign := identity(t, bytes.Repeat([]byte{8}, 32), "node-b")
	with := func(change func(*tls.Config)) *tls.Config {
		c := identity(t, secret, "node-b").client("node-a")
		change(c)
		return c
	}
	certificate := func(from *Identity) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return from.certificate() }
	}
	for name, c := range map[string]*tls.Config{
		"no certificate": with(func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
		}),
		"a stranger's certificate": with(func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return selfSigned(t) }
		}),
		"another master key": with(func(c *tls.Config) { c.GetClientCertificate = certificate(foreign) }),
		"an old version":     with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }),
		"the other way: a server of another master key": foreign.client("node-a"),
		"the other way: another node at the address":    identity(t, secret, "node-b").client("node-c"),
	} {
		if err := hello(t.Context(), c, address); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
}

// A certificate that is over is refused, and a node makes itself another long before.
func TestCertificatesAreRenewed(t *testing.T) {
	now := time.Now()
	i, err := NewIdentity(secret, "node-a", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	first, err := i.certificate()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := i.certificate(); err != nil || again != first {
		t.Errorf("another certificate at once: %v", err)
	}
	now = now.Add(leafRenew + time.Second)
	second, err := i.certificate()
	if err != nil || second == first {
		t.Errorf("no other certificate after a day: %v", err)
	}
	leaf, err := x509.ParseCertificate(first.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	late := x509.VerifyOptions{Roots: i.trust, CurrentTime: now.Add(leafLife), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := leaf.Verify(late); err == nil {
		t.Error("a certificate from long ago is good")
	}
	if _, err := NewIdentity(secret[:31], "node-a", time.Now); err == nil {
		t.Error("a short secret was taken")
	}
}

func selfSigned(t *testing.T) (*tls.Certificate, error) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Housecall nodes"}, DNSNames: []string{"node-b"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
