package server

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/module"
	"housecall/platform/staff"
	"housecall/platform/uploads"
	"housecall/visits"
	"housecall/visits/reminders"
)

// Config is what a server is started with. The zero value of a field takes the default of docs/operating.md.
type Config struct {
	Listen         string           // address and port of pages, API and websockets; port 0: any free one
	AdminListen    string           // address and port of metrics and profiles; "": nowhere
	MediaPort      int              // UDP; 0: the number of Listen's port
	MediaAddresses []netip.Addr     // that clients reach the media port at; none: the machine's own
	FindAddress    string           // host:port of a STUN server that says what other address they reach it at; "": none
	PublicURL      string           // the address people use
	RelayAddress   string           // host:port where clients reach this node's TCP port; "": that of PublicURL
	TLS            TLS              // certificates; zero: none, and pages come by plain HTTP
	Data           string           // folder of everything that lasts
	Database       string           // address of PostgreSQL, or a SQLite file
	KeyFile        string           // the master key
	Blobs          string           // where large files are: a folder, or an address s3://…
	Scanner        string           // who looks at files that people add: tcp://HOST:PORT, unix:/PATH, or none; "": no files are taken
	AuditFile      string           // checkpoints of the audit are appended to it
	Redis          string           // URL; "": leases and limits are kept in memory
	NodeListen     string           // address and port for other nodes; "": this node is alone
	NodeAddress    string           // host and port where they reach it; "": those of NodeListen
	DrainWithin    time.Duration    // how long visits may take to move to other nodes
	TrustedProxies []netip.Prefix   // reverse proxies in front, whose X-Forwarded-For is believed
	ProxyProtocol  bool             // they pass TCP on, and name the client by a header of the PROXY protocol
	SMTP           string           // URL of the mail server; "": no e-mail is sent
	MailFrom       string           // whom it is from
	SMS            string           // file that describes the gateway; "": no SMS is sent
	Reminders      []reminders.Step // when people are reminded of a visit; nil: as reminders.DefaultSteps
	WebhookAllow   []netip.Prefix   // networks beside the Internet that webhooks may be sent to
	Site           string           // the hospital's name
	Phone          string           // its number for when nothing else works; "": none
	Consent        string           // folder of texts that families are asked to consent to; "": they are asked nothing
	TimeZone       *time.Location   // the hospital's
	Window         visits.Window    // when links work, around the planned time
	AfterDays      int              // how many days families may read what comes after a visit; 0: 30
	Staff          Staff            // how people who work here sign in

	Modules []module.Module // services beside the visits

	Logger *slog.Logger
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time // when to look again for the address that FindAddress tells

	// JobsEvery is how often the server looks for what is due; 0: as jobs.Config does. Tests whose clock leaps want it done soon.
	JobsEvery time.Duration

	// UDPOnly leaves media no other way than UDP: tests that cut that off want to see what comes then.
	UDPOnly bool

	// WrapUDP stands between the media socket and the server: tests lose, delay and count packets with it.
	WrapUDP func(net.PacketConn) net.PacketConn
}

// Check refuses options that contradict each other, or lack another.
func (c Config) Check() error {
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		return errors.New("--proxy-protocol needs --trusted-proxy: from anybody else the header is not believed")
	}
	if c.AfterDays < 0 {
		return errors.New("--after-days can't be negative")
	}
	if _, err := uploads.ParseScanner(c.Scanner); err != nil {
		return fmt.Errorf("--scanner: %w", err)
	}
	return cmp.Or(c.checkNodes(), c.TLS.check(), c.Staff.check())
}

// ConsentFolder is where the texts of Consent are.
func (c Config) ConsentFolder() fs.FS { return os.DirFS(c.Consent) }

// Public is the address people use, as far as options say it; "": they don't.
func (c Config) Public() string {
	if c.PublicURL != "" || len(c.TLS.Domains) == 0 {
		return c.PublicURL
	}
	public := "https://" + c.TLS.Domains[0]
	if _, port, err := net.SplitHostPort(c.Listen); err == nil && port != strconv.Itoa(httpsPort) {
		public += ":" + port
	}
	return public
}

// Staff says how people who work here sign in. The zero value locks no page and asks nobody for a second factor.
type Staff struct {
	Idle          time.Duration // without anything done, until pages ask again who is there; 0: never
	KeyLife       time.Duration // the longest an API key may work, in whole days; 0: staff.DefaultKeyLife
	RequireSecond []auth.Role   // who must show a second factor
	SignOn        staff.SignOn  // the hospital's own sign-on; without an Issuer there is none
	Cost          staff.Cost    // of a hash of a password; zero: staff.DefaultCost. Tests in which nobody guesses passwords need not pay it
}

func (s Staff) check() error {
	if s.Idle < 0 {
		return errors.New("--idle-lock can't be negative")
	}
	if s.KeyLife < 0 || s.KeyLife%(24*time.Hour) != 0 {
		return errors.New("--api-key-life must be whole days, as in 2160h")
	}
	on := s.SignOn
	if on.Issuer == "" && on.ClientID == "" && on.Secret == "" && on.Roles == nil && on.Factor.Name == "" {
		return nil
	}
	if on.Issuer == "" || on.ClientID == "" || on.Roles == nil {
		return errors.New("the hospital's sign-on needs --oidc-issuer, --oidc-client-id and --oidc-roles")
	}
	return nil
}

// signOn is the hospital's own sign-on; nil: there is none.
func (s Staff) signOn() *staff.SignOn {
	if s.SignOn.Issuer == "" {
		return nil
	}
	return &s.SignOn
}

// WithDefaults fills in what is left open.
func (c Config) WithDefaults() Config {
	if c.Listen == "" {
		c.Listen = ":8080"
	}
	if c.Data == "" {
		c.Data = "housecall-data"
	}
	if c.Database == "" {
		c.Database = filepath.Join(c.Data, "housecall.db")
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.Data, "master.key")
	}
	if c.AuditFile == "" {
		c.AuditFile = AuditFile(c.Data)
	}
	if c.Blobs == "" {
		c.Blobs = filepath.Join(c.Data, "blobs")
	}
	if c.DrainWithin == 0 {
		c.DrainWithin = 30 * time.Second
	}
	if c.Site == "" {
		c.Site = "Housecall"
	}
	if c.TimeZone == nil {
		c.TimeZone = time.UTC
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.WrapUDP == nil {
		c.WrapUDP = func(conn net.PacketConn) net.PacketConn { return conn }
	}
	return c
}
