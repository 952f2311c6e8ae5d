package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"housecall/platform/certs"
	"housecall/platform/gate"
	"housecall/platform/keys"
	"housecall/platform/store"
)

const httpsPort = 443

// TLS says where certificates come from: one way, or none for plain HTTP. LAN and the folder of everything that lasts are beside it.
type TLS struct {
	Cert, Key string   // files of PEM, read again when they change
	Domains   []string // as certs.Domain gives them: certificates come from an authority
	ACMEURL   string   // the authority's directory; "": Let's Encrypt
	ACMECA    string   // file with the roots of the directory's own certificate; "": the system's
	ACMEEmail string   // for the authority
	LAN       bool     // one that we signed ourselves, to try the server with a phone on the same network
}

// Given says whether pages come with TLS.
func (t TLS) Given() bool { return t.Cert != "" || len(t.Domains) > 0 || t.LAN }

// check refuses what contradicts itself.
func (t TLS) check() error {
	ways := 0
	for _, way := range []bool{t.Cert != "" || t.Key != "", len(t.Domains) > 0, t.LAN} {
		if way {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("--tls-cert with --tls-key, --domain and --lan are three ways to get a certificate: choose one")
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("--tls-cert and --tls-key belong together")
	case len(t.Domains) == 0 && (t.ACMEURL != "" || t.ACMECA != "" || t.ACMEEmail != ""):
		return errors.New("--acme-url, --acme-ca and --acme-email need --domain")
	}
	return nil
}

// listen takes the TCP port, where the gate tells apart what comes, and the UDP port of media, by default of the same number.
func (s *Server) listen(ctx context.Context, db *store.DB, ring *keys.Ring) (net.PacketConn, error) {
	listener, media, err := listenBoth(s.config.Listen, s.config.MediaPort)
	if err != nil {
		return nil, err
	}
	s.onClose(closed(listener))
	s.onClose(closed(media))
	addr, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("listening for pages: %v is no TCP address", listener.Addr())
	}
	source, host, err := s.certificates(ctx, db, ring, addr)
	if err != nil {
		return nil, err
	}
	if s.url, err = s.config.publicURL(addr, host); err != nil {
		return nil, err
	}
	c := gate.Config{Trusted: s.config.TrustedProxies, Proxied: s.config.ProxyProtocol, Logger: s.config.Logger}
	if source != nil {
		c.TLS = certs.Config(source)
	}
	s.gate = gate.New(listener, c)
	s.onClose(func(context.Context) error { return s.gate.Close() })
	return s.config.WrapUDP(media), nil
}

// listenBoth takes the TCP port of an address and the UDP port of media; 0: the same number. Where any port will do, it looks for one that is free for both.
func listenBoth(address string, mediaPort int) (net.Listener, *net.UDPConn, error) {
	for tries := 1; ; tries++ {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, nil, fmt.Errorf("listening for pages: %w", err)
		}
		addr, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, nil, errors.Join(fmt.Errorf("listening for pages: %v is no TCP address", listener.Addr()), listener.Close())
		}
		port := mediaPort
		if port == 0 {
			port = addr.Port
		}
		media, err := net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: port, Zone: addr.Zone})
		if err == nil {
			return listener, media, nil
		}
		err = errors.Join(fmt.Errorf("listening for media: %w", err), listener.Close())
		if _, asked, _ := net.SplitHostPort(address); asked != "0" || mediaPort != 0 || tries == 20 {
			return nil, nil, err
		}
	}
}

// certificates opens the way to certificates that was chosen, and tells the host that the first is for. A nil source: none.
func (s *Server) certificates(ctx context.Context, db *store.DB, ring *keys.Ring, addr *net.TCPAddr) (certs.Source, string, error) {
	t := s.config.TLS
	switch {
	case t.Cert != "":
		files, err := certs.OpenFiles(t.Cert, t.Key, s.config.Logger, s.config.Now)
		if err != nil {
			return nil, "", err
		}
		c, err := files.Certificate(nil)
		if err != nil {
			return nil, "", err
		}
		return files, nameIn(c.Leaf), nil
	case len(t.Domains) > 0:
		roots, err := readRoots(t.ACMECA)
		if err != nil {
			return nil, "", err
		}
		acme, err := certs.OpenACME(ctx, certs.ACMEConfig{Domains: t.Domains, Directory: t.ACMEURL, Roots: roots, Email: t.ACMEEmail,
			DB: db, Vault: ring.TLS(), Now: s.config.Now, Logger: s.config.Logger})
		if err != nil {
			return nil, "", err
		}
		s.onClose(func(context.Context) error { return acme.Close() })
		return acme, t.Domains[0], nil
	case t.LAN:
		addrs, err := lanAddresses(addr)
		if err != nil {
			return nil, "", err
		}
		local, err := certs.OpenLocal(s.config.Data, append(slices.Clone(addrs), netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})),
			[]string{"localhost"}, s.config.Now())
		if err != nil {
			return nil, "", err
		}
		return local, addrs[0].String(), nil
	}
	return nil, "", nil
}

// nameIn is the host that people would type for a certificate; "": it has none but patterns.
func nameIn(c *x509.Certificate) string {
	for _, name := range c.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	for _, ip := range c.IPAddresses {
		return ip.String()
	}
	return ""
}

// readRoots reads the certificates of authorities in a file; nil: those of the system.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--acme-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("--acme-ca: %s holds no certificate", path)
	}
	return roots, nil
}

// lanAddresses are those that other machines of the local network reach a listener at, first the one that packets leave this machine by.
func lanAddresses(listening *net.TCPAddr) ([]netip.Addr, error) {
	if bound := listening.AddrPort().Addr().Unmap(); !bound.IsUnspecified() {
		return []netip.Addr{bound}, nil
	}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing the machine's addresses: %w", err)
	}
	var all []netip.Addr
	for _, n := range nets {
		prefix, err := netip.ParsePrefix(n.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() {
			all = append(all, prefix.Addr())
		}
	}
	if len(all) == 0 {
		return nil, errors.New("--lan: this machine is on no network")
	}
	first := leavingBy()
	slices.SortStableFunc(all, func(a, b netip.Addr) int {
		rank := func(x netip.Addr) int {
			switch {
			case x == first:
				return 0
			case x.Is4():
				return 1
			}
			return 2
		}
		return rank(a) - rank(b)
	})
	return all, nil
}

// leavingBy is the address that packets to the world leave by; the zero one when there is no way. Nothing is sent.
func leavingBy() netip.Addr {
	conn, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return local.Addr()
}

// publicURL is PublicURL without a slash at its end, or what reaches a server that listens at addr: by the host of its certificate, or
// without one from this machine.
func (c Config) publicURL(addr *net.TCPAddr, certified string) (string, error) {
	encrypted := c.TLS.Given()
	if c.PublicURL == "" {
		scheme, host, port := "http", "localhost", ":"+strconv.Itoa(addr.Port)
		if !addr.IP.IsUnspecified() && !addr.IP.IsLoopback() {
			host = addr.IP.String()
		}
		if encrypted {
			scheme = "https"
			if certified != "" {
				host = certified
			}
			if addr.Port == httpsPort {
				port = ""
			}
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host + port, nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("public URL %q: want http(s)://HOST without a path", c.PublicURL)
	}
	if encrypted && u.Scheme != "https" {
		return "", fmt.Errorf("public URL %q: with a certificate it begins with https", c.PublicURL)
	}
	return u.Scheme + "://" + u.Host, nil
}
