package rooms

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
)

// sesame is a password with everything that means something in a URL.
const sesame = "0pen:s@sa/me?#%&+,end"

// redisCalls are one call of every kind that is made of Redis.
func redisCalls(t *testing.T, r *Redis) map[string]func() error {
	leases, once, ctx := NewRedisLeases(r), NewRedisOnce(r, time.Now), t.Context()
	calls := map[string]func() error{
		"Ping":    func() error { return r.Ping(ctx) },
		"Ahead":   func() error { _, err := r.Ahead(ctx); return err },
		"Alive":   func() error { _, err := leases.Alive(ctx); return err },
		"HostOf":  func() error { _, _, err := leases.HostOf(ctx, "room"); return err },
		"Beat":    func() error { _, err := leases.Beat(ctx, Node{ID: "node"}); return err },
		"Acquire": func() error { _, err := leases.Acquire(ctx, "node", "room", 0); return err },
		"Renew":   func() error { return leases.Renew(ctx, Lease{Room: "other", Node: "node", Epoch: 1}) },
		"Release": func() error { return leases.Release(ctx, Lease{Room: "room", Node: "node", Epoch: 1}) },
	}
	for i := range 3 { // each key elsewhere in a cluster
		calls[fmt.Sprint("Spend ", i)] = func() error { _, err := once.Spend(ctx, fmt.Sprint("id ", i), time.Now()); return err }
		calls[fmt.Sprint("Allow ", i)] = func() error { _, _, err := once.Allow(ctx, fmt.Sprint("key ", i), 1000, time.Minute); return err }
	}
	return calls
}

// works expects that everything is answered.
func (r *Redis) works(t *testing.T) {
	t.Helper()
	for name, call := range redisCalls(t, r) {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refused expects that an address lets nobody in, and that no error tells the password.
func refused(t *testing.T, address string) {
	t.Helper()
	for name, call := range redisCalls(t, openTestRedis(t, address, redisPatience)) {
		err := call()
		if !errors.Is(err, fault.TryAgain) {
			t.Errorf("%s: %v, want fault.TryAgain", name, err)
		} else if strings.Contains(err.Error(), "s@sa") || strings.Contains(err.Error(), "wrong-one") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	if redisSaid.tells("s@sa") || redisSaid.tells("wrong-one") {
		t.Error("the client's log tells the password")
	}
}

// redisRights are what a user of ours needs, as docs/operating.md says.
const redisRights = "~housecall:* -@all +@connection +@scripting +@string +@hash +@sortedset +exists +pexpire +pttl +time"

func TestRedisPassword(t *testing.T) {
	guardGoroutines(t)
	args := plainRedis(t, append([]string{"--requirepass", sesame, "--user", "housecall", "on", ">" + sesame}, strings.Fields(redisRights)...)...)
	s := startRedisAs(t, redisSetUp{args: args, ready: redisReady, address: "redis://:" + url.QueryEscape(sesame) + "@127.0.0.1:PORT/0"})
	s.open(testPatience).works(t)
	openTestRedis(t, "redis://housecall:"+url.QueryEscape(sesame)+"@"+s.host(), testPatience).works(t)
	refused(t, "redis://"+s.host())
	refused(t, "redis://:wrong-one@"+s.host())
	refused(t, "redis://stranger:"+url.QueryEscape(sesame)+"@"+s.host())
}

// testCertificates makes an authority (ca.pem), and certificates it signed: of a server at 127.0.0.1 alias redis.example (server.pem), and of a
// client (client.pem); each with its key beside it (.key).
func testCertificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"redis.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}} // nodes of a cluster are clients of each other
	client := &x509.Certificate{SerialNumber: big.NewInt(3), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	var signer *ecdsa.PrivateKey
	for _, c := range []struct {
		name string
		*x509.Certificate
	}{{"ca", authority}, {"server", server}, {"client", client}} {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, c.Certificate, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, c.name+file), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// startTLSRedis starts a server that speaks TLS alone, and asks clients for certificates.
func startTLSRedis(t *testing.T, certificates string) *redisServer {
	t.Helper()
	file := func(name string) string { return filepath.Join(certificates, name) }
	more := plainRedis(t, "--tls-cert-file", file("server.pem"), "--tls-key-file", file("server.key"), "--tls-ca-cert-file", file("ca.pem"),
		"--tls-auth-clients", "yes")
	options := url.Values{"ca": {file("ca.pem")}, "cert": {file("client.pem")}, "key": {file("client.key")}}
	return startRedisAs(t, redisSetUp{ready: redisReady, address: "rediss://127.0.0.1:PORT?" + options.Encode(),
		args: func(port int) []string { return append(more(0), "--tls-port", strconv.Itoa(port)) }})
}

func TestRedisTLS(t *testing.T) {
	guardGoroutines(t)
	dir := testCertificates(t)
	s := startTLSRedis(t, dir)
	s.open(testPatience).works(t)
	openTestRedis(t, s.address()+"&server_name=redis.example", testPatience).works(t)
	refused(t, s.address()+"&server_name=other.example")
	refused(t, "redis://"+s.host())
	refused(t, "rediss://"+s.host())
	refused(t, "rediss://"+s.host()+"?ca="+url.QueryEscape(filepath.Join(dir, "ca.pem"))) // without a certificate of its own
}

func TestRedisAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"redis://host":                     "|[host:6379]|:|0",
		"redis://u:p@[2001:db8::1]:7000/3": "|[[2001:db8::1]:7000]|u:p|3",
		"redis+sentinel://u:p@a,b:7,[2001:db8::1]/2?master=visits&sentinel_user=x&sentinel_password=y": "sentinel|[a:26379 b:7 [2001:db8::1]:26379]|u:p|2",
		"redis+cluster://:p%40,@a,b:7":    "cluster|[a:6379 b:7]|:p@,|0",
		"unix://u:p@/run/redis.sock?db=4": "|[]|u:p|4",
	} {
		a, err := parseRedis(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := fmt.Sprint(a.kind, "|", a.hosts, "|", a.options.Username, ":", a.options.Password, "|", a.options.DB); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "redis", "http://a", "redis+other://a", "unix+sentinel:///a?master=b", "redis+sentinel://a", "redis+cluster://a/3",
		"redis://a?ca=/nowhere", "rediss://a?ca=/nowhere", "rediss://a?ca=/dev/null", "rediss://a?cert=/nowhere&key=/nowhere", "redis://a?unknown=1",
		"redis://a?master=b", "redis+cluster://a,b:c:d", "redis+sentinel://a,b/base?master=m"} {
		if a, err := parseRedis(address); err == nil {
			t.Errorf("%q was taken: %+v", address, a)
		}
	}
}

func TestOpenRedisHidesPassword(t *testing.T) {
	for _, address := range []string{"redis://:sesame@host:port:port", "http://:sesame@localhost", "redis://:sesame@localhost/base", "redis://:sesame%zz@localhost",
		"redis://:%sesame@localhost", "redis://:a/sesame@localhost", "redis://:1/sesame@localhost", "redis://:1?sesame@localhost", "\x7f:sesame",
		"redis+sentinel://:sesame@localhost", "redis+cluster://:a,sesame@a,b:b", "rediss://:sesame@a?ca=/nowhere", "redis+cluster://:sesame@a/1"} {
		r, err := OpenRedis(address)
		if err == nil {
			t.Errorf("%q was taken", address)
			_ = r.Close()
			continue
		}
		if strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "%se") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
