package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
	"housecall/e2e/stage"
)

// site is the name that people in these tests know the server by; each browser is told where it is.
const site = "visits.example.org"

// certificate is the server's, made for these tests; trusted is what browsers are told of it.
type certificate struct {
	cert, key string // files
	pair      tls.Certificate
	trusted   string
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{site},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(public)
	c := certificate{cert: filepath.Join(t.TempDir(), "cert.pem"), trusted: base64.StdEncoding.EncodeToString(hash[:]),
		pair: tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}}
	c.key = c.cert + ".key"
	err = errors.Join(os.WriteFile(c.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o600),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openToTheWorld starts a server as an operator would who has a name, a certificate and one port.
func openToTheWorld(t *testing.T) (*House, certificate) {
	t.Helper()
	c := newCertificate(t)
	h := openHouse(t, func(config *server.Config) {
		config.Listen, config.PublicURL, config.UDPOnly = ":443", "https://"+site, false
		config.TLS = server.TLS{Cert: c.cert, Key: c.key}
		config.MediaAddresses = []netip.Addr{stage.Service4, stage.Service6}
	})
	return h, c
}

// network makes one that ends with the test.
func network(t *testing.T, only6 bool, rules ...string) *stage.Network {
	t.Helper()
	n, err := stage.NewNetwork(only6, rules...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// hurried is the witness, in a page for which seven minutes are five seconds: it fetches what opens the relay anew so often.
var hurried = `(report) => {
	const {setTimeout} = window;
	window.setTimeout = (call, ms, ...more) => setTimeout(call, ms === 420_000 ? 5000 : ms, ...more);
	return (` + witness + `)(report);
}`

// seat seats somebody at a Chromium in a network, where the site has an address.
func (c certificate) seat(t *testing.T, who int, name string, s bidi.Screen, n *stage.Network, at netip.Addr) *Person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	browser, err := bidi.Chromium(ctx, bidi.Options{
		Dir: t.TempDir(), Env: world.sound.Env(), Preload: hurried, Camera: world.cameras[who], Tone: world.microphones[who],
		Network: n.Name, Control: n.Inside, Hosts: "MAP " + site + " " + bracketed(at), Trusted: c.trusted,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := browser.Close(); err != nil {
			t.Error(err)
		}
	})
	page, err := browser.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return sit(t, &Person{who: who, name: name, page: page, screen: s})
}

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// way is the pair of candidates that somebody's media goes by.
type way struct {
	Type, Protocol, Relay, Address string // of ours
	Decoded                        int    // frames of all others' pictures
}

// wayOf gives it once so many frames of others are decoded.
const wayOf = `async (frames) => {
	const stats = await witness.peers.at(-1)?.getStats();
	const all = [...(stats?.values() ?? [])];
	const pair = stats?.get(all.find((each) => each.type === "transport")?.selectedCandidatePairId);
	if (!pair) return null;
	const local = stats.get(pair.localCandidateId);
	const decoded = all.filter((each) => each.type === "inbound-rtp" && each.kind === "video").reduce((sum, each) => sum + each.framesDecoded, 0);
	return decoded >= frames && {Type: local.candidateType, Protocol: local.protocol, Relay: local.relayProtocol ?? "", Address: local.address ?? "", Decoded: decoded};
}`

// way waits until so many more frames of others are decoded, and tells by which way they came.
func (p *Person) way(more int) way {
	p.t.Helper()
	var w way
	for _, frames := range []int{1, more} {
		p.within("decode "+strconv.Itoa(frames)+" frames", func(ctx context.Context) error {
			return p.page.Await(ctx, &w, wayOf, w.Decoded+frames)
		})
	}
	return w
}

// proxyPort is where the proxies of these tests listen; connections to port 443 of a network's gateway get there.
const proxyPort = 8443

// proxy listens at a network's gateway.
func proxy(t *testing.T, n *stage.Network) net.Listener {
	t.Helper()
	if err := n.Redirect(443, proxyPort); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(n.Gateway.String(), strconv.Itoa(proxyPort)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// passTLS lets connections through to the server that begin with TLS, and looks no further into them.
func passTLS(t *testing.T, n *stage.Network) {
	t.Helper()
	l := proxy(t, n)
	var working sync.WaitGroup
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(func() {
		end()
		_ = l.Close()
		working.Wait()
	})
	pass := func(conn net.Conn) {
		defer conn.Close()
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err != nil || first[0] != 0x16 {
			return
		}
		onward, err := net.Dial("tcp", net.JoinHostPort(stage.Service4.String(), "443"))
		if err != nil {
			return
		}
		defer onward.Close()
		defer context.AfterFunc(ctx, func() { _, _ = conn.Close(), onward.Close() })()
		if _, err := onward.Write(first); err != nil {
			return
		}
		back := make(chan struct{})
		go func() {
			defer close(back)
			_, _ = io.Copy(conn, onward)
			_ = conn.Close()
		}()
		_, _ = io.Copy(onward, conn)
		_ = onward.Close()
		<-back
	}
	working.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			working.Go(func() { pass(conn) })
		}
	})
}

// passPages lets pages and websockets through to the server, and nothing else: it speaks HTTPS itself, as a company's proxy does.
func (c certificate) passPages(t *testing.T, n *stage.Network) {
	t.Helper()
	onward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: site})
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // of this test's own server
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(stage.Service4.String(), "443"))
		},
	}
	onward.Transport = transport
	onward.ErrorLog = log.New(io.Discard, "", 0)
	s := &http.Server{Handler: onward, TLSConfig: &tls.Config{Certificates: []tls.Certificate{c.pair}, NextProtos: []string{"http/1.1"}},
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	l := proxy(t, n)
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
		transport.CloseIdleConnections()
	})
}

// A visit connects out of every kind of network, and each time by the way that it leaves: sound and picture go both ways. No other test may
// run meanwhile, and none after it in browsers that were there: they break off what they load when the machine gets or loses a network, and send media by any
// that they see. Hence this is the last of the files.
func TestNetworks(t *testing.T) {
	house, c := openToTheWorld(t)
	open := network(t, false)
	for _, each := range []struct {
		name  string
		only6 bool
		rules []string // of the firewall; GATEWAY is the network's own end
		pass  func(*testing.T, *stage.Network)
		want  way
		told  string // at the device check, for whoever looks after the network
	}{
		{name: "only 443 by TCP", rules: []string{"tcp dport 443 accept"}, want: way{Protocol: "tcp"},
			told: "only by TCP. That works, but they stop more easily. Please allow UDP to port 443 of " + stage.Service4.String()},
		{name: "only TLS by a proxy", rules: []string{"ip daddr GATEWAY tcp dport 443 accept"}, pass: passTLS,
			want: way{Type: "relay", Relay: "tls"}, told: "only inside encrypted web traffic (TLS)"},
		{name: "only 443 by UDP, and pages", rules: []string{"ip daddr " + stage.Service4.String() + " udp dport 443 accept", "ip daddr GATEWAY tcp dport 443 accept"}, pass: c.passPages, want: way{Protocol: "udp"}},
		{name: "only IPv6", only6: true, want: way{Protocol: "udp", Address: "fd78:"}},
	} {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			h := house.of(t)
			n, at := network(t, each.only6, each.rules...), stage.Service4
			switch {
			case each.pass != nil:
				each.pass(t, n)
				at = n.Gateway
			case each.only6:
				at = stage.Service6
			}
			var visit Booked
			h.command(&visit, "visit", "create", "--service", "Cardiology", "--start", time.Now().Format(time.RFC3339), "--clinician", drAda,
				"--patient", robin, "--public-url", "https://"+site)
			doctor := c.seat(t, 1, drAda, bidi.Laptop, open, stage.Service4)
			family := c.seat(t, 0, robin, bidi.Phone, n, at)
			doctor.arrives(visit.link(t, drAda), "visit")
			family.goTo(visit.link(t, robin))
			family.reaches("check")
			if each.told != "" {
				family.await("be told what to allow", `(told) => [...document.querySelectorAll("details")].some((each) => !each.open && each.textContent.includes(told))`, each.told)
			}
			family.joins("waiting")
			doctor.press("button", "Admit "+robin)
			family.reaches("visit")
			family.meets(doctor)
			doctor.meets(family)
			got := family.way(20)
			t.Logf("the way: %+v", got)
			if each.want.Type != "" && got.Type != each.want.Type || each.want.Relay != "" && got.Relay != each.want.Relay ||
				each.want.Protocol != "" && got.Protocol != each.want.Protocol || !strings.HasPrefix(got.Address, each.want.Address) {
				t.Errorf("the way is %+v, want %+v", got, each.want)
			}
			// What opens the relay is renewed, twice at least (the device check asks for it too), and only who goes by it finds the way again.
			asked := `() => performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/ice")).length > 3`
			family.await("have what opens the relay renewed", asked)
			doctor.await("have what opens the relay renewed", asked)
			if got.Type == "relay" {
				family.until("find the way again", func() bool { return family.said("offer") > 1 })
			} else if n := family.said("offer"); n != 0 {
				t.Errorf("%d offers though nothing was wrong", n)
			}
			if again := family.way(20); again.Type != got.Type || again.Protocol != got.Protocol || again.Relay != got.Relay {
				t.Errorf("after renewal the way is %+v, was %+v", again, got)
			}
			family.meets(doctor)
			doctor.meets(family)
			if w := doctor.way(20); w.Protocol != "udp" || w.Type == "relay" {
				t.Errorf("where nothing is in the way, it is %+v", w)
			}
		})
	}
}
