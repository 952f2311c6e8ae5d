package store_test

import (
	"bytes"
	"context"
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
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// onPostgres is for what is a matter of PostgreSQL alone: it runs test when the package's tests run on that.
func onPostgres(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	if url := storetest.URL(t); storetest.OnPostgres() {
		test(t, url)
	}
}

// TestPostgresErrors raises the errors of a real server, each by its code.
func TestPostgresErrors(t *testing.T) { onPostgres(t, postgresErrors) }

func postgresErrors(t *testing.T, url string) {
	db := storetest.Open(t, url, store.Options{})
	for code, passes := range map[string]bool{
		"53100": true, "53200": true, "53300": true, "57014": true, "57P01": true, "57P02": true, "57P03": true, "55P03": true, "25006": true,
		"40001": true, "40P01": true, "58030": true, "08006": true,
		"23505": false, "23503": false, "42P01": false, "42601": false, "22001": false, "42501": false, "XX001": false,
	} {
		_, err := db.ExecContext(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '`+code+`'; END $$`)
		if err == nil || !strings.Contains(err.Error(), code) || errors.Is(err, fault.TryAgain) != passes || (fault.CodeOf(err) == fault.CodeTryLater) != passes {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestPostgresSettings: what our promises rest on does not depend on the settings of the server, the database or the role.
func TestPostgresSettings(t *testing.T) { onPostgres(t, postgresSettings) }

func postgresSettings(t *testing.T, url string) {
	name := strings.TrimPrefix(strings.SplitN(url, "?", 2)[0], "postgres://postgres@/")
	admin := storetest.Open(t, url, store.Options{})
	for _, setting := range []string{"default_transaction_isolation = 'repeatable read'", "synchronous_commit = off", "default_transaction_read_only = off",
		"statement_timeout = 1", "lock_timeout = 1"} {
		if _, err := admin.ExecContext(t.Context(), `ALTER DATABASE `+name+` SET `+setting); err != nil {
			t.Fatal(err)
		}
	}
	db := storetest.Open(t, url, store.Options{BusyTimeout: 77 * time.Second})
	for _, c := range []struct{ setting, write, read string }{
		{"transaction_isolation", "read committed", "read committed"},
		{"transaction_read_only", "off", "on"},
		{"synchronous_commit", "on", "on"},
		{"lock_timeout", "77s", "2min"}, // the latter from the address
		{"statement_timeout", "2min", "2min"},
		{"application_name", "housecall", "housecall"},
	} {
		var write, read string
		err := errors.Join(db.QueryRowContext(t.Context(), `SELECT current_setting(?)`, c.setting).Scan(&read), db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRowContext(t.Context(), `SELECT current_setting(?)`, c.setting).Scan(&write)
		}))
		if err != nil || write != c.write || read != c.read {
			t.Errorf("%s is %q for writing and %q for reading, want %q and %q; %v", c.setting, write, read, c.write, c.read, err)
		}
	}
}

// TestPostgresRefuses: what can't work is said at the start, in words, without the password.
func TestPostgresRefuses(t *testing.T) { onPostgres(t, postgresRefuses) }

func postgresRefuses(t *testing.T, url string) {
	db := storetest.Open(t, url, store.Options{})
	if strings.Contains(db.String(), "?") && !strings.Contains(db.String(), "?host=/") || !strings.HasPrefix(db.String(), "postgres://postgres@/test_") {
		t.Errorf("shown as %s", db)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	const secret = "Canary%21Secret"
	for name, c := range map[string]struct{ url, want string }{
		"nobody listens":    {"postgres://u:" + secret + "@" + nobody.Addr().String() + "/d", "connect"},
		"no such database":  {strings.Replace(url, "postgres@/test_", "postgres:"+secret+"@/none_", 1), "does not exist"},
		"no such role":      {strings.Replace(url, "postgres@/", "nobody:"+secret+"@/", 1), "does not exist"},
		"no such sslmode":   {"postgres://u:" + secret + "@localhost/d?sslmode=perhaps", "sslmode"},
		"no such port":      {"postgres://u:" + secret + "@localhost:port/d", "can't be read"},
		"a bare percent":    {"postgres://u:Canary%Secret@localhost/d", "can't be read"},
		"an at too many":    {"postgres://u:Canary@Secret@localhost/d", "can't be read"},
		"a slash":           {"postgres://u:Canary/Secret@localhost:1/d", "can't be read"},
		"a hash":            {"postgres://u:Canary#Secret@localhost:1/d", "can't be read"},
		"no file":           {"postgres://u:" + secret + "@localhost/d?sslmode=verify-ca&sslrootcert=/none", "/none"},
		"lock timeout":      {"postgres://u:" + secret + "@localhost/d?lock_timeout=soon", "lock_timeout"},
		"password as query": {"postgres://u@localhost:1/d?password=" + secret + "&sslmode=perhaps", "sslmode"},
	} {
		db, err := store.Open(t.Context(), c.url, store.Options{BusyTimeout: time.Second})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = db.Close()
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Canary") || strings.Contains(err.Error(), "Secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ascii := storetest.NewCluster(t, "fsync=off")
	url = ascii.URL(t)
	ascii.Exec(t, url, `CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0`)
	if _, err := store.Open(t.Context(), strings.Replace(url, "/test_1", "/ascii", 1), store.Options{}); err == nil || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
		t.Errorf("another encoding: %v", err)
	}
}

// TestPostgresTLS speaks to a server that has a certificate and wants a password.
func TestPostgresTLS(t *testing.T) { onPostgres(t, postgresTLS) }

func postgresTLS(t *testing.T, _ string) {
	dir := t.TempDir()
	crt, key := certificate(t, "localhost")
	root := filepath.Join(dir, "root.crt")
	if err := os.WriteFile(root, crt, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	c := storetest.NewCluster(t, "fsync=off", "listen_addresses=127.0.0.1", "port="+strconv.Itoa(port))
	socket := c.URL(t)
	c.Secure(t, crt, key)
	c.Exec(t, socket, `CREATE ROLE app LOGIN PASSWORD 'Canary 50% @ /#'`)
	c.Exec(t, socket, `GRANT CREATE ON SCHEMA public TO app`)
	address := func(host, query string) string {
		return fmt.Sprintf("postgres://app:Canary%%2050%%25%%20%%40%%20%%2F%%23@%s/test_1?%s", net.JoinHostPort(host, strconv.Itoa(port)), query)
	}
	for name, c := range map[string]struct {
		url string
		tls bool   // the server sees TLS
		err string // or it does not open
	}{
		"nobody says":            {url: address("localhost", ""), tls: true},
		"disable":                {url: address("localhost", "sslmode=disable"), err: "no encryption"},
		"require":                {url: address("127.0.0.1", "sslmode=require"), tls: true},
		"verified":               {url: address("localhost", "sslmode=verify-full&sslrootcert="+root), tls: true},
		"an authority of ours":   {url: address("localhost", "sslmode=verify-full"), err: "certificate"},
		"another name":           {url: address("127.0.0.1", "sslmode=verify-full&sslrootcert="+root), err: "certificate"},
		"another name, only CA":  {url: address("127.0.0.1", "sslmode=verify-ca&sslrootcert="+root), tls: true},
		"with another password":  {url: strings.Replace(address("localhost", ""), "Canary", "Canaries", 1), err: "password authentication failed"},
		"without one whatsoever": {url: fmt.Sprintf("postgres://app@localhost:%d/test_1", port), err: "password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", dir) // no ~/.pgpass of whoever runs this
			db, err := store.Open(t.Context(), c.url, store.Options{})
			if err != nil {
				if c.err == "" || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "Canar") {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			defer db.Close()
			var tls bool
			if err := db.QueryRowContext(t.Context(), `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&tls); err != nil || tls != c.tls || c.err != "" {
				t.Errorf("TLS %v, %v; want %v, %q", tls, err, c.tls, c.err)
			}
			if err := insertAudit(t.Context(), db); err != nil {
				t.Error(err)
			}
			if strings.Contains(db.String(), "Canary") {
				t.Errorf("shown as %s", db)
			}
		})
	}
}

func insertAudit(ctx context.Context, db *store.DB) error {
	return db.Tx(ctx, func(tx *store.Tx) error { return store.Audit(ctx, tx, act()) })
}

// certificate makes one that signs itself.
func certificate(t *testing.T, host string) (crt, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: signed}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
