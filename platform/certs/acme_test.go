package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"housecall/platform/certs"
	"housecall/platform/gate"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	// Pebble's validator has no end of its own.
	goleak.VerifyTestMain(storetest.Both(m), goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// within bounds what must happen, generously: no test waits this long unless something is broken.
const within = time.Minute

// authority is a real ACME server, Pebble, which believes that every name of a host is 127.0.0.1 and tries it at one port.
type authority struct {
	url    string
	roots  *x509.CertPool // of its directory
	issued *x509.CertPool // of the certificates it gives
	manage http.Handler
	away   atomic.Bool  // answers 503 to everything
	missed atomic.Int32 // requests while it was away
	asked  atomic.Int32 // for an order; more often than there are orders, since Pebble refuses some requests to see whether they come again
	orders atomic.Int32
	hold   chan struct{} // when set before it is asked: an order waits for its end
}

func newAuthority(t *testing.T, port int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	quiet := log.New(io.Discard, "", 0)
	data := db.NewMemoryStore()
	issuer := ca.New(quiet, data, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	front := wfe.New(quiet, data, va.New(quiet, 0, port, true, nameServer(t), data), issuer, []string{"authority.example"}, true, false, 0, 0)
	a := &authority{issued: x509.NewCertPool(), manage: front.ManagementHandler()}
	handler := front.Handler()
	var one sync.Mutex
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.away.Load() {
			a.missed.Add(1)
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			a.asked.Add(1)
			if a.hold != nil {
				<-a.hold
			}
			w = &orderCounter{w, &a.orders}
		}
		one.Lock() // Pebble has data races of its own between two requests
		defer one.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.url, a.roots = server.URL+wfe.DirectoryPath, x509.NewCertPool()
	a.roots.AddCert(server.Certificate())
	if !a.issued.AppendCertsFromPEM(issuer.GetRootCert(0).PEM()) {
		t.Fatal("the authority has no root")
	}
	return a
}

// orderCounter counts answers that say that something was made.
type orderCounter struct {
	http.ResponseWriter
	made *atomic.Int32
}

func (c *orderCounter) WriteHeader(status int) {
	if status == http.StatusCreated {
		c.made.Add(1)
	}
	c.ResponseWriter.WriteHeader(status)
}

// nameServer answers every question for an address with 127.0.0.1.
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if name := q.Question[0]; name.Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{Hdr: dns.RR_Header{Name: name.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(answer)
	})}
	ended := make(chan error, 1)
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return listener.Addr().String()
}

// house is the database of servers, and a clock for them.
type house struct {
	db    *store.DB
	url   string
	vault keys.Vault
	ahead atomic.Int64 // of the true time, in ns
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{url: storetest.URL(t)}
	h.db = storetest.Open(t, h.url, store.Options{})
	ring, err := keys.Open(t.Context(), h.db, filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	h.vault = ring.TLS()
	return h
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// open starts one server's certificates.
func (h *house) open(t *testing.T, a *authority, domains ...string) *certs.ACME {
	t.Helper()
	got, err := certs.OpenACME(t.Context(), certs.ACMEConfig{Domains: domains, Directory: a.url, Roots: a.roots, Email: "operator@example.org",
		DB: h.db, Vault: h.vault, Look: 20 * time.Millisecond, Retry: 20 * time.Millisecond, Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := got.Close(); err != nil {
			t.Error(err)
		}
	})
	return got
}

// port is a TCP port with nobody behind it yet.
func port(t *testing.T) (net.Listener, int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, listener.Addr().(*net.TCPAddr).Port
}

// serve answers TLS at the port as the server does: through the gate.
func serve(t *testing.T, listener net.Listener, source certs.Source) {
	t.Helper()
	g := gate.New(listener, gate.Config{TLS: certs.Config(source)})
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: within}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(g.HTTP())
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// shake is what a browser sees that goes to domain.
func shake(ctx context.Context, listener net.Listener, roots *x509.CertPool, domain string, now time.Time) (*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: domain, NextProtos: []string{"h2"}, Time: func() time.Time { return now }}}
	conn, err := d.DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// wantCertificate waits until a browser is content with domain, with a certificate that is not this one.
func (h *house) wantCertificate(t *testing.T, listener net.Listener, a *authority, domain string, not *big.Int) *x509.Certificate {
	t.Helper()
	var last error
	for begin := time.Now(); time.Since(begin) < within; time.Sleep(10 * time.Millisecond) {
		c, err := shake(t.Context(), listener, a.issued, domain, h.now())
		if err == nil && (not == nil || c.SerialNumber.Cmp(not) != 0) {
			return c
		}
		last = err
	}
	t.Fatalf("no new certificate for %s: %v", domain, last)
	return nil
}

func TestFromAnAuthority(t *testing.T) {
	listener, number := port(t)
	a, h := newAuthority(t, number), newHouse(t)
	const one, two = "visits.example.org", "video.example.org"
	first := h.open(t, a, one, two)
	serve(t, listener, first)
	c := h.wantCertificate(t, listener, a, one, nil)
	h.wantCertificate(t, listener, a, two, nil)
	for _, name := range []string{"", "other.example.org"} {
		if got, err := first.Certificate(&tls.ClientHelloInfo{ServerName: name}); err != nil || !got.Leaf.Equal(c) {
			t.Errorf("for %q: %v", name, err)
		}
	}
	if got, err := first.Certificate(&tls.ClientHelloInfo{ServerName: "VISITS.example.org."}); err != nil || !got.Leaf.Equal(c) {
		t.Errorf("written otherwise: %v", err)
	}
	challenger := tls.Dialer{Config: &tls.Config{ServerName: one, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true}}
	if conn, err := challenger.DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("there is an answer to a challenge that nobody waits for")
	}
	if b := storetest.OnDisk(t, h.url); bytes.Contains(b, []byte("PRIVATE KEY")) || bytes.Contains(b, c.Raw) {
		t.Error("the database shows what should be sealed")
	}

	// After a restart it is the same, without an order.
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	orders := a.orders.Load()
	if got, err := h.open(t, a, one, two).Certificate(&tls.ClientHelloInfo{ServerName: one}); err != nil || !got.Leaf.Equal(c) || a.orders.Load() != orders {
		t.Errorf("after a restart: %v, %d orders", err, a.orders.Load()-orders)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > within {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestRenewal: when two thirds of its life are over a certificate is replaced, and while the authority is away it stays.
func TestRenewal(t *testing.T) {
	listener, number := port(t)
	a, h := newAuthority(t, number), newHouse(t)
	const domain = "visits.example.org"
	serve(t, listener, h.open(t, a, domain))
	first := h.wantCertificate(t, listener, a, domain, nil)
	orders := a.orders.Load()

	a.away.Store(true)
	h.ahead.Store(int64(first.NotAfter.Sub(first.NotBefore) * 3 / 4))
	until(t, "several tries while the authority is away", func() bool { return a.missed.Load() > 3 })
	if c, err := shake(t.Context(), listener, a.issued, domain, h.now()); err != nil || !c.Equal(first) {
		t.Errorf("the certificate that is still good: %v", err)
	}
	if n := a.orders.Load() - orders; n != 0 {
		t.Errorf("%d orders while it is away", n)
	}
	a.away.Store(false)
	second := h.wantCertificate(t, listener, a, domain, first.SerialNumber)
	if bytes.Equal(first.RawSubjectPublicKeyInfo, second.RawSubjectPublicKeyInfo) {
		t.Error("the key is the one of before")
	}
}

// TestRenewalWhenTheAuthorityWantsIt: long before its time, as after a mistake of the authority's.
func TestRenewalWhenTheAuthorityWantsIt(t *testing.T) {
	listener, number := port(t)
	a, h := newAuthority(t, number), newHouse(t)
	const domain = "visits.example.org"
	serve(t, listener, h.open(t, a, domain))
	first := h.wantCertificate(t, listener, a, domain, nil)
	window, err := json.Marshal(map[string]any{"suggestedWindow": map[string]time.Time{"start": h.now().Add(-2 * time.Hour), "end": h.now().Add(-time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := json.Marshal(map[string]string{
		"Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: first.Raw})), "ARIResponse": string(window)})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/set-renewal-info/", bytes.NewReader(wanted))
	request.Header.Set("User-Agent", "test")
	answer := httptest.NewRecorder()
	if a.manage.ServeHTTP(answer, request); answer.Code != http.StatusOK {
		t.Fatalf("setting the time of renewal: %d %s", answer.Code, answer.Body)
	}
	h.ahead.Store(int64(7 * time.Hour)) // when it is asked again
	second := h.wantCertificate(t, listener, a, domain, first.SerialNumber)
	if n := a.orders.Load(); n != 2 {
		t.Errorf("%d orders", n)
	}
	if c, err := shake(t.Context(), listener, a.issued, domain, h.now()); err != nil || !c.Equal(second) {
		t.Errorf("after the renewal: %v", err)
	}
}

func TestAuthorityAwayAtTheStart(t *testing.T) {
	listener, number := port(t)
	a, h := newAuthority(t, number), newHouse(t)
	a.away.Store(true)
	const domain = "visits.example.org"
	got := h.open(t, a, domain)
	serve(t, listener, got)
	if _, err := shake(t.Context(), listener, a.issued, domain, h.now()); err == nil {
		t.Error("a handshake without a certificate")
	}
	if a.orders.Load() != 0 {
		t.Error("an order while it is away")
	}
	a.away.Store(false)
	h.wantCertificate(t, listener, a, domain, nil)
}

// TestTwoServers: one orders, the authority comes to the other for the proof, and both have the certificate.
func TestTwoServers(t *testing.T) {
	listener, number := port(t)
	a, h := newAuthority(t, number), newHouse(t)
	a.hold = make(chan struct{})
	const domain = "visits.example.org"
	orders := h.open(t, a, domain)
	until(t, "an order", func() bool { return a.asked.Load() > 0 })
	serve(t, listener, h.open(t, a, domain)) // alone at the port, and the other has the turn
	close(a.hold)
	c := h.wantCertificate(t, listener, a, domain, nil)
	until(t, "the server that ordered has it too", func() bool {
		got, err := orders.Certificate(&tls.ClientHelloInfo{ServerName: domain})
		return err == nil && got.Leaf.Equal(c)
	})
	if n := a.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestDomain(t *testing.T) {
	for s, want := range map[string]string{
		"visits.example.org": "visits.example.org", " Visits.Example.ORG. ": "visits.example.org", "bücher.example": "xn--bcher-kva.example",
		"localhost": "", "": "", "192.0.2.1": "", "*.example.org": "", "a b.example": "", "https://example.org": "", "example.org:443": "", "2001:db8::1": "",
	} {
		if got, err := certs.Domain(s); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	if _, err := certs.OpenACME(t.Context(), certs.ACMEConfig{}); err == nil {
		t.Error("no domain is enough")
	}
}
