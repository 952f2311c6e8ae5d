package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

const (
	// connectWithin bounds the way to a mail server: connection, TLS, signing in, sender and recipient.
	connectWithin = 30 * time.Second
	// takeWithin bounds its answer to a whole message. RFC 5321, section 4.5.3.2.6, would have it ten minutes.
	takeWithin = 2 * time.Minute
)

// Mail sends e-mail by one mail server.
type Mail struct {
	host     string // for its name in certificates, and for the way to it
	port     int
	implicit bool // TLS from the first byte
	plain    bool // no TLS at all
	user     string
	password string
	tls      *tls.Config
	from     *netmail.Address
}

// errMailURL is told instead of an address that can't be read, since there may be a password in it.
var errMailURL = errors.New("the address of the mail server can't be read: write it as smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, and in the " +
	"password %25 for %, %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?")

// NewMail reads a mail server's address, as in smtp://USER:PASSWORD@HOST:587 (TLS by STARTTLS) or smtps://… (TLS from the first byte), and whom mail is from, as in
// "Example Hospital <visits@example.org>". After a ? it may say: starttls=off, for a server that can't; ca=FILE, the roots of its certificate in PEM;
// server_name=NAME, the name in it. No error shows the password.
func NewMail(address, from string) (*Mail, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, errMailURL
	}
	m := &Mail{host: u.Hostname(), port: 587, implicit: u.Scheme == "smtps", user: u.User.Username()}
	m.password, _ = u.User.Password()
	if m.implicit {
		m.port = 465
	}
	if u.Port() != "" {
		if m.port, err = strconv.Atoi(u.Port()); err != nil || m.port < 1 || m.port > 65535 {
			return nil, errMailURL
		}
	}
	m.tls = &tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12}
	if err := m.read(u.Query()); err != nil {
		return nil, err
	}
	if m.from, err = netmail.ParseAddress(from); err != nil {
		return nil, fmt.Errorf("%q is no address that mail can be from: write it as in Example Hospital <visits@example.org>", from)
	}
	return m, nil
}

// read takes what an address says after its ?.
func (m *Mail) read(query url.Values) error {
	for name, values := range query {
		value := values[len(values)-1]
		switch {
		case name == "starttls" && value == "off" && !m.implicit:
			m.plain = true
		case name == "server_name":
			m.tls.ServerName = value
		case name == "ca":
			roots, err := os.ReadFile(value)
			if err != nil {
				return fmt.Errorf("read the roots of the mail server's certificate: %w", err)
			}
			m.tls.RootCAs = x509.NewCertPool()
			if !m.tls.RootCAs.AppendCertsFromPEM(roots) {
				return fmt.Errorf("%s has no certificate in PEM", value)
			}
		default:
			return fmt.Errorf("the address of the mail server says %s, which means nothing here: there are starttls=off, ca=FILE and server_name=NAME", name)
		}
	}
	return nil
}

// String is the mail server for people to read, without a password.
func (m *Mail) String() string { return net.JoinHostPort(m.host, strconv.Itoa(m.port)) }

// session is a connection to the mail server. Its end leaves nothing behind of a message that was not taken by then.
type session struct {
	*smtp.Client
	raw    net.Conn
	detach func() bool // has the context of dial not end it any more
}

func (s *session) end() {
	if s.raw != nil {
		s.detach()
		_ = s.raw.Close()
	}
}

// dial connects to the mail server, with TLS, and signs in. The end of ctx ends the connection.
func (m *Mail) dial(ctx context.Context) (*session, error) {
	s := &session{}
	options := []mail.Option{mail.WithPort(m.port), mail.WithTimeout(connectWithin), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(m.tls),
		mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(dialing, network, address)
			if err != nil {
				return nil, err
			}
			s.raw, s.detach = raw, context.AfterFunc(ctx, func() { _ = raw.Close() })
			if !m.implicit {
				return raw, nil
			}
			secure := tls.Client(raw, m.tls)
			return secure, secure.HandshakeContext(dialing)
		})}
	if m.implicit || m.plain {
		options = append(options, mail.WithTLSPolicy(mail.NoTLS)) // TLS is there already, or shall not be
	}
	if m.user != "" {
		options = append(options, mail.WithUsername(m.user), mail.WithPassword(m.password), mail.WithOpportunisticSMTPAuth(
			mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	client, err := mail.NewClient(m.host, options...)
	if err != nil {
		return nil, fmt.Errorf("set up the way to the mail server: %w", err)
	}
	if s.Client, err = client.DialToSMTPClientWithContext(ctx); err != nil {
		s.end()
		return nil, said("connect to the mail server", err)
	}
	return s, nil
}

// enhanced is an enhanced status code (RFC 3463) at the beginning of an answer.
var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// codes are those of a mail server's answer; its words may hold the address.
func codes(answer *textproto.Error) string {
	s := "the mail server answered " + strconv.Itoa(answer.Code)
	if code := enhanced.FindString(answer.Msg); code != "" {
		s += " " + code
	}
	return s
}

// said is an error of doing something with a mail server, with the codes of its answer alone where there is one.
func said(doing string, err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%s: %s", doing, codes(answer))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// refused is an answer by which a message was not taken, or otherwise where err is no such answer.
func refused(err, otherwise error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 400 && answer.Code < 600 {
		return &refusal{reason: codes(answer), permanent: answer.Code >= 500}
	}
	return otherwise
}

// send implements transport. The message can't be taken back once the line with a dot alone is on its way.
func (m *Mail) send(ctx context.Context, o outgoing, begin func() error) error {
	letter, to, err := m.letter(o)
	if err != nil {
		return err
	}
	s, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.Mail("<" + m.from.Address + ">"); err != nil {
		return said("say whom mail is from", err) // whoever runs the server can mend that
	}
	if err := s.Rcpt("<" + to + ">"); err != nil {
		return refused(err, said("speak with the mail server", err))
	}
	w, err := s.Data()
	if err != nil {
		return refused(err, said("speak with the mail server", err))
	}
	if err := s.UpdateDeadline(takeWithin); err != nil {
		return said("speak with the mail server", err)
	}
	if _, err := w.Write(letter); err != nil {
		return said("speak with the mail server", err)
	}
	// From before begin on: a connection that a stopping server closes between begin and the dot would leave a message in doubt that nobody has.
	ctx, cancel := graceful(ctx, o.Grace)
	defer cancel()
	if !s.detach() {
		return errors.New("speak with the mail server: this server stops")
	}
	defer context.AfterFunc(ctx, s.end)()
	if err := begin(); err != nil {
		return err // and the connection's end without the dot has the server forget it all
	}
	if err := w.Close(); err != nil {
		return refused(err, &doubt{"the connection was lost before the answer came"})
	}
	_ = s.Text.PrintfLine("QUIT") // its answer would change nothing
	return nil
}

// Check does everything but send a message, and says how the mail server was reached.
func (m *Mail) Check(ctx context.Context) (found string, err error) {
	s, err := m.dial(ctx)
	if err != nil {
		return "", err
	}
	defer s.end()
	if err := s.Mail("<" + m.from.Address + ">"); err != nil {
		return "", said("say that mail is from "+m.from.Address, err)
	}
	found = "without TLS"
	if state, err := s.GetTLSConnectionState(); err == nil {
		found = tls.VersionName(state.Version)
	}
	if m.user != "" {
		found += ", signed in"
	}
	return found, nil
}
