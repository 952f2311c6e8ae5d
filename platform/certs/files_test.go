package certs_test

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/platform/certs"
)

// pair writes a certificate for host and its key into dir, by way of one signed by itself.
func pair(t *testing.T, dir, host string) (cert, key string) {
	t.Helper()
	return pairAt(t, dir, host, time.Now())
}

// pairAt is pair with a certificate that is good from about then on, for years.
func pairAt(t *testing.T, dir, host string, from time.Time) (cert, key string) {
	t.Helper()
	made := t.TempDir()
	if _, err := certs.OpenLocal(made, nil, []string{host}, from); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(made, "lan.pem"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("-----BEGIN PRIVATE KEY"))
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put(t, cert, b[:at])
	put(t, key, b[at:])
	return cert, key
}

// put replaces a file as tools for certificates do: by another one.
func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, "one.example")
	var log bytes.Buffer
	now := time.Now()
	files, err := certs.OpenFiles(cert, key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	want := func(host string, lines int, why string) {
		t.Helper()
		for range 3 { // however often it is asked
			now = now.Add(3 * time.Second)
			got, err := files.Certificate(nil)
			if err != nil || got.Leaf.VerifyHostname(host) != nil {
				t.Errorf("%s: certificate of %v, %v", why, got.Leaf.DNSNames, err)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != lines {
			t.Errorf("%s: %d lines in the log, want %d:\n%s", why, n, lines, &log)
		}
	}
	want("one.example", 0, "at first")
	pair(t, dir, "two.example")
	want("two.example", 1, "after a change")

	third := t.TempDir()
	newCert, newKey := pair(t, third, "three.example")
	move := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, b)
	}
	move(newCert, cert)
	want("two.example", 2, "while the key is still the old one")
	move(newKey, key)
	want("three.example", 3, "with its key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	want("three.example", 4, "without a key")
	put(t, key, []byte("nonsense"))
	want("three.example", 5, "with nonsense")
	pair(t, dir, "four.example")
	want("four.example", 6, "after all")
}

// A certificate whose time is over or has not come takes no good one's place; one that begins later is taken then.
func TestFilesOutOfTime(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cert, key := pair(t, dir, "good.example")
	files, err := certs.OpenFiles(cert, key, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	want := func(host string) {
		t.Helper()
		now = now.Add(3 * time.Second)
		if got, err := files.Certificate(nil); err != nil || got.Leaf.VerifyHostname(host) != nil {
			t.Errorf("certificate of %v, %v; want %s", got.Leaf.DNSNames, err, host)
		}
	}
	pairAt(t, dir, "over.example", now.AddDate(-20, 0, 0))
	want("good.example")
	pairAt(t, dir, "early.example", now.AddDate(0, 3, 0))
	want("good.example")
	now = now.AddDate(0, 3, 0)
	want("early.example")
	now = now.AddDate(20, 0, 0)
	pairAt(t, dir, "old.example", now.AddDate(-10, 0, 0)) // neither is good: the newer one is at least what the operator wants
	want("old.example")
}

func TestFilesThatAreNoPair(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, "one.example")
	_, other := pair(t, t.TempDir(), "two.example")
	for name, files := range map[string][2]string{"no key": {cert, dir + "/none"}, "another's key": {cert, other}, "swapped": {key, cert}} {
		if _, err := certs.OpenFiles(files[0], files[1], nil, nil); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestLocalStaysTheSame(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "data"), time.Now()
	home, work := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("fd00::7")
	leaf := func(at time.Time, addrs ...netip.Addr) *x509.Certificate {
		t.Helper()
		l, err := certs.OpenLocal(dir, addrs, []string{"localhost"}, at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	first := leaf(now, home)
	if err := first.VerifyHostname("192.168.1.7"); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "lan.pem")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", st.Mode(), err)
	}
	if again := leaf(now.Add(365*24*time.Hour), home); !again.Equal(first) {
		t.Error("a year later it is another")
	}
	second := leaf(now, work)
	if second.Equal(first) || second.VerifyHostname("fd00::7") != nil || second.VerifyHostname("192.168.1.7") != nil || second.VerifyHostname("localhost") != nil {
		t.Errorf("for another address: %v %v", second.DNSNames, second.IPAddresses)
	}
	if again := leaf(now, home); !again.Equal(second) {
		t.Error("back at home it is another")
	}
	if life := second.NotAfter.Sub(second.NotBefore); life > 825*24*time.Hour {
		t.Errorf("good for %v: iPhones refuse that", life)
	}
	if third := leaf(second.NotAfter.Add(-time.Hour), home); third.Equal(second) {
		t.Error("it is used until it ends")
	}
	if err := os.WriteFile(filepath.Join(dir, "lan.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.OpenLocal(dir, []netip.Addr{home}, nil, now); err == nil {
		t.Error("nonsense is a certificate")
	}
}
