package firstday

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The authority that gives certificates, in the place of Let's Encrypt, and where it is.
const (
	authority  = "authority.example.net"
	directory  = "https://" + authority + ":14000/dir"
	management = "https://" + authority + ":15000"
)

// openAuthority starts Pebble, and returns files: the roots of its own address, and of the certificates it gives.
func openAuthority(t *testing.T) (own, issued string) {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	roots := writeCertificate(t, at("cert.pem"), at("key.pem"))
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{"listenAddress": ":14000", "managementListenAddress": ":15000",
		"certificate": at("cert.pem"), "privateKey": at("key.pem"), "httpPort": 80, "tlsPort": 443, "keyAlgorithm": "ecdsa"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("go", "build", "-o", at("pebble"), "github.com/letsencrypt/pebble/v2/cmd/pebble").CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v\n%s", err, said)
	}
	// Without these it waits a while before it looks, and refuses some requests to see whether they come again.
	p := newTerminal(t, "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0").serve(at("pebble") + " -config " + at("config.json") + " -strict")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	p.until("the authority answers", func() bool { return fetch(client, directory) != nil })
	p.until("the authority tells its root", func() bool {
		root := fetch(client, management+"/roots/0")
		return root != nil && os.WriteFile(at("issued.pem"), root, 0o600) == nil
	})
	return at("cert.pem"), at("issued.pem")
}

// fetch reads a page; nil: there is none.
func fetch(client *http.Client, url string) []byte {
	response, err := client.Get(url)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	return page
}

// writeCertificate makes the certificate of the authority's own address, which it signs itself.
func writeCertificate(t *testing.T, certificate, private string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{authority}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	err = errors.Join(os.WriteFile(certificate, public, 0o600), os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(public)
	return roots
}
