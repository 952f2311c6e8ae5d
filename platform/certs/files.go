package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgainAfter is how long a change of the files may go unseen.
const lookAgainAfter = 2 * time.Second

// Files are a certificate with its chain, and its private key, in two files of PEM. A change is seen at the first handshake after lookAgainAfter; files that
// are no pair leave the one before in use, as while the two are being replaced, and so does a certificate whose time is not now while the one before is good.
type Files struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]os.FileInfo // when the files were last read, well or not
	looked  time.Time
	begins  time.Time // when the certificate in the files, which is refused yet, begins to be good; zero: none is
}

// OpenFiles reads the pair. A nil logger logs nothing, a nil now is time.Now.
func OpenFiles(cert, key string, log *slog.Logger, now func() time.Time) (*Files, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	f := &Files{cert: cert, key: key, log: log, now: now, looked: now()}
	if _, err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Certificate is the pair as the files have it now, or as they last had a good one.
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= lookAgainAfter {
		f.looked = now
		changed, err := f.read()
		switch {
		case err != nil:
			f.log.Error("the changed TLS certificate can't be used: the one before stays", "err", err)
		case changed:
			f.log.Info("the TLS certificate was read anew", "until", f.current.Leaf.NotAfter)
		}
	}
	return f.current, nil
}

// read takes the pair from the files, unless they are those it last looked at. What was wrong with files is said once.
func (f *Files) read() (changed bool, err error) {
	var seen [2]os.FileInfo
	for i, path := range []string{f.cert, f.key} {
		// Before reading: what changes meanwhile is seen the next time.
		if seen[i], err = os.Stat(path); err != nil {
			seen[i] = nil
		}
	}
	begun := !f.begins.IsZero() && !f.now().Before(f.begins)
	if f.current != nil && !begun && same(seen[0], f.seen[0]) && same(seen[1], f.seen[1]) {
		return false, nil
	}
	f.seen, f.begins = seen, time.Time{}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return false, fmt.Errorf("TLS certificate %s with key %s: %w", f.cert, f.key, err)
	}
	if now := f.now(); f.current != nil && inTime(f.current.Leaf, now) && !inTime(pair.Leaf, now) {
		if now.Before(pair.Leaf.NotBefore) {
			f.begins = pair.Leaf.NotBefore
		}
		return false, fmt.Errorf("TLS certificate %s: good from %v to %v, which is not now", f.cert, pair.Leaf.NotBefore, pair.Leaf.NotAfter)
	}
	f.current = &pair
	return true, nil
}

// inTime says whether browsers take the certificate at that time.
func inTime(c *x509.Certificate, at time.Time) bool {
	return !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// same says whether a file is as it was: nil is one that is not there.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
