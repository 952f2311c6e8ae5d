// Package certs has the TLS certificates of the server: from files that are read again when they change, from an authority by ACME, or made by
// itself to try the server on a local network.
// Files belong to the operator and are only read; what ACME brings is owned by the database, sealed, and this package keeps a copy in memory.
// It must never write a private key in the clear anywhere but into a file that its owner alone may read, and never take a certificate that works away for
// one that does not.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Source finds the certificate for a handshake. It is called by many goroutines at once.
type Source interface {
	Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

// protoChallenge is named by an authority alone that looks whether a host is ours (RFC 8737).
const protoChallenge = "acme-tls/1"

// Config is what a listener needs to encrypt with the certificates of s. TLS 1.2 is the oldest that is spoken: every browser that can hold a visit knows it.
func Config(s Source) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.Certificate}
	if _, challenged := s.(*ACME); challenged {
		c.NextProtos = []string{protoChallenge}
	}
	return c
}

// newKey makes the private key of a certificate or of an account.
func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a private key: %w", err)
	}
	return key, nil
}

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)

// keyPEM writes a private key as PKCS #8.
func keyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

// readKeyPEM reads what keyPEM wrote.
func readKeyPEM(b []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != pemKey {
		return nil, errors.New("read a private key: there is none")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read a private key: a %T signs nothing", key)
	}
	return signer, nil
}

// pairPEM writes a certificate with its chain and its private key as one text.
func pairPEM(c *tls.Certificate) ([]byte, error) {
	key, err := keyPEM(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, der := range c.Certificate {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})...)
	}
	return append(b, key...), nil
}

// readPairPEM reads what pairPEM wrote.
func readPairPEM(b []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	return &c, nil
}
