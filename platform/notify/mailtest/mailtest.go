// Package mailtest is a mail server for tests: a real one (go-smtp), which keeps what it takes in mailboxes that tests read.
// A Server owns its port and its mailboxes and ends with its test. It must never pass anything on.
package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// TLS is how a server speaks it.
type TLS int

// The ways.
const (
	StartTLS TLS = iota
	Implicit     // from the first byte
	None
)

// Options of Start.
type Options struct {
	TLS            TLS
	User, Password string // empty: it takes mail from anybody

	// Sender, Recipient and Body say what the server thinks of a message at each step; nil: it takes everything. An *smtp.SMTPError is its answer. After Hangup
	// of the connection no answer comes through. Body is asked when the whole message has come, and Keep says whether it is kept then, whatever is answered.
	Sender, Recipient func(address string) error
	Begun             func(c *smtp.Conn) // the first bytes of a message have come, and no more are read until it returns
	Body              func(c *smtp.Conn, l Letter) (keep bool, err error)
}

// Letter is a message that was taken.
type Letter struct {
	From string
	To   []string
	Raw  []byte // as it came
}

// Server is a running mail server.
type Server struct {
	options  Options
	listener net.Listener
	server   *smtp.Server
	roots    string

	mu      sync.Mutex
	letters []Letter
}

// Start starts a mail server, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, roots: filepath.Join(t.TempDir(), "roots.pem")}
	certificate := certify(t, s.roots)
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	s.server.Domain, s.server.AllowInsecureAuth = "mail.example.org", o.TLS == None
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	listener := s.listener
	switch o.TLS {
	case StartTLS:
		s.server.TLSConfig = certificate
	case Implicit:
		listener = tls.NewListener(listener, certificate)
	case None:
	}
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(listener) }()
	t.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// certify makes a certificate for the server, and writes it where clients find whom to trust.
func certify(t testing.TB, path string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost", "mail.example.org"}, NotAfter: time.Now().Add(24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// URL is the server's address, as --smtp takes it.
func (s *Server) URL() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	u := url.URL{Scheme: "smtp", Host: net.JoinHostPort("localhost", port), RawQuery: url.Values{"ca": {s.roots}}.Encode()}
	switch s.options.TLS {
	case StartTLS:
	case Implicit:
		u.Scheme = "smtps"
	case None:
		u.RawQuery = "starttls=off"
	}
	if s.options.User != "" {
		u.User = url.UserPassword(s.options.User, s.options.Password)
	}
	return u.String()
}

// Letters are all that was taken, in order.
func (s *Server) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.letters)
}

// Mailbox is what was taken for an address, in order.
func (s *Server) Mailbox(address string) []Letter {
	return slices.DeleteFunc(s.Letters(), func(l Letter) bool { return !slices.Contains(l.To, address) })
}

// Hangup cuts a connection.
func Hangup(c *smtp.Conn) { _ = c.Conn().Close() }

// session implements smtp.AuthSession.
type session struct {
	server *Server
	conn   *smtp.Conn
	known  bool
	letter Letter
}

func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.letter = Letter{From: from}
	return asked(s.server.options.Sender, from)
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = append(s.letter.To, to)
	return asked(s.server.options.Recipient, to)
}

func asked(opinion func(string) error, address string) error {
	if opinion == nil {
		return nil
	}
	return opinion(address)
}

func (s *session) Data(r io.Reader) error {
	o := s.server.options
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		return err
	}
	if o.Begun != nil {
		o.Begun(s.conn)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.letter.Raw = bytes.Join([][]byte{first, rest}, nil)
	keep := true
	if o.Body != nil {
		keep, err = o.Body(s.conn, s.letter)
	}
	if keep {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.letters = append(s.server.letters, s.letter)
	}
	return err
}

func (s *session) Reset() { s.letter = Letter{} }

func (s *session) Logout() error { return nil }
