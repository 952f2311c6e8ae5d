package certs

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// localFile is where the certificate made here is kept, with its private key.
	localFile = "lan.pem"
	// localLife is how long it is good: the longest that iPhones accept of a certificate that no authority signed.
	localLife = 825 * 24 * time.Hour
	// localSpare is what must be left of that when it is used again.
	localSpare = 24 * time.Hour
)

// Local is a certificate that the server signed itself, for trying it on a local network: browsers warn of it once.
type Local struct{ pair *tls.Certificate }

// OpenLocal takes the certificate from folder, where it stays so that a phone that has accepted it isn't asked again. It is made anew when there is none,
// when it ends, and when an address or name is not in it; then it has those of before too.
func OpenLocal(folder string, addrs []netip.Addr, names []string, now time.Time) (*Local, error) {
	path := filepath.Join(folder, localFile)
	var old *x509.Certificate
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		pair, err := readPairPEM(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		old = pair.Leaf
		if now.Add(localSpare).Before(old.NotAfter) && now.After(old.NotBefore) && covers(old, addrs, names) {
			return &Local{pair}, nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the certificate of the local network: %w", err)
	}
	pair, err := signOwn(old, addrs, names, now)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the local network: %w", err)
	}
	if b, err = pairPEM(pair); err != nil {
		return nil, err
	}
	if err := writeFile(path, b); err != nil {
		return nil, fmt.Errorf("keep the certificate of the local network: %w", err)
	}
	return &Local{pair}, nil
}

// Certificate is the one there is, whatever name is asked for.
func (l *Local) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.pair, nil }

func covers(c *x509.Certificate, addrs []netip.Addr, names []string) bool {
	for _, a := range addrs {
		if !slices.ContainsFunc(c.IPAddresses, net.IP(a.AsSlice()).Equal) {
			return false
		}
	}
	for _, n := range names {
		if !slices.Contains(c.DNSNames, n) {
			return false
		}
	}
	return true
}

// signOwn makes a certificate for addresses and names, and for those of old, which may be nil.
func signOwn(old *x509.Certificate, addrs []netip.Addr, names []string, now time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Housecall on the local network"},
		NotBefore:             now.Add(-time.Hour), // phones whose clock is behind
		NotAfter:              now.Add(localLife - time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              slices.Clone(names),
	}
	for _, a := range addrs {
		c.IPAddresses = append(c.IPAddresses, a.AsSlice())
	}
	if old != nil {
		for _, n := range old.DNSNames {
			if !slices.Contains(c.DNSNames, n) {
				c.DNSNames = append(c.DNSNames, n)
			}
		}
		for _, ip := range old.IPAddresses {
			if !slices.ContainsFunc(c.IPAddresses, ip.Equal) {
				c.IPAddresses = append(c.IPAddresses, ip)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// writeFile puts a file that its owner alone may read into its place at once, so that a crash leaves the old one or the new one.
func writeFile(path string, b []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".pem-*") // 0600 by itself
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
