package nodes

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"
)

const (
	// A node makes itself a certificate for leafLife and another when leafRenew of it has gone by. It begins a day before, since nodes' clocks differ.
	leafLife  = 7 * 24 * time.Hour
	leafRenew = 24 * time.Hour
	leafSlack = 24 * time.Hour
)

// Identity is how a node shows other nodes who it is, and knows them: by certificates of an authority that every node makes for itself from the
// secret they share. So there is nothing to hand out, and whoever has the master key is a node.
type Identity struct {
	id     string // of this node, and the name in its certificate
	now    func() time.Time
	key    ed25519.PrivateKey // of the authority
	ca     *x509.Certificate
	trust  *x509.CertPool
	mu     sync.Mutex
	leaf   *tls.Certificate // guarded by mu
	leafAt time.Time        // when it was made; guarded by mu
}

// NewIdentity returns the identity of the node of this id, among those with the same secret of 32 bytes.
func NewIdentity(secret []byte, id string, now func() time.Time) (*Identity, error) {
	if len(secret) != ed25519.SeedSize {
		return nil, fmt.Errorf("identity of a node: a secret of %d bytes, want %d", len(secret), ed25519.SeedSize)
	}
	i := &Identity{id: id, now: now, key: ed25519.NewKeyFromSeed(secret), trust: x509.NewCertPool()}
	// Nodes never see each other's copy of this certificate: its key and its name are all that has to be equal.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Housecall nodes"}, KeyUsage: x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	if err != nil {
		return nil, fmt.Errorf("identity of a node: %w", err)
	}
	if i.ca, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("identity of a node: %w", err)
	}
	i.trust.AddCert(i.ca)
	return i, nil
}

// server lets nodes in and nobody else.
func (i *Identity) server() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		ClientAuth:     tls.RequireAndVerifyClientCert,
		ClientCAs:      i.trust,
		Time:           i.now,
		NextProtos:     []string{"http/1.1"}, // a websocket's upgrade is none in HTTP/2
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.certificate() },
	}
}

// client speaks to the node of this id and to none other: at the address of one that is gone another may answer by now.
func (i *Identity) client(id string) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		RootCAs:              i.trust,
		ServerName:           id,
		NextProtos:           []string{"http/1.1"},
		Time:                 i.now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.certificate() },
	}
}

// certificate is this node's own, with a key that never leaves its memory.
func (i *Identity) certificate() (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.leaf != nil && now.Sub(i.leafAt) < leafRenew && !now.Before(i.leafAt) {
		return i.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate of a node: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate of a node: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: i.id}, DNSNames: []string{i.id},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: now.Add(-leafSlack), NotAfter: now.Add(leafLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.ca, key.Public(), i.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of a node: %w", err)
	}
	i.leaf, i.leafAt = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, now
	return i.leaf, nil
}
