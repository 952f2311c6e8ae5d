package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/sites"
	"housecall/visits"
)

func serveCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return exitStatus("serve", serve(ctx, args, stdout, stderr), stderr)
}

// phoneNumber is a number as people write it: what a page can turn into something to tap.
var phoneNumber = regexp.MustCompile(`^\+?[0-9(][0-9 ()./-]{1,28}[0-9]( ?(ext\.?|x) ?[0-9]{1,6})?$`)

// serveOptions are the options of `housecall serve`; docs/operating.md describes each.
func serveOptions(c *server.Config, demo *bool, stderr io.Writer) *options {
	o := newOptions("serve", stderr)
	o.BoolVar(demo, "demo", false, "make a visit that starts now and print its links")
	o.StringVar(&c.Listen, "listen", ":8080", "`address` and port of pages, API and websockets")
	o.StringVar(&c.AdminListen, "admin-listen", "", "`address` and port of metrics and profiles, for operators alone (default: nowhere)")
	o.IntVar(&c.MediaPort, "media-port", 0, "UDP `port` of picture and sound (default: the port of --listen)")
	o.Func("media-address", "`addresses` that clients reach the media port at, with commas between (default: the machine's own)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			addr, err := netip.ParseAddr(strings.TrimSpace(part))
			if err != nil {
				return fmt.Errorf("%q is no IP address", part)
			}
			c.MediaAddresses = append(c.MediaAddresses, addr)
		}
		return nil
	})
	o.StringVar(&c.PublicURL, "public-url", "", "the `address` people use; it stands in every link (default: http://localhost:PORT)")
	o.StringVar(&c.Data, "data", "housecall-data", "`folder` of everything that lasts")
	o.StringVar(&c.Database, "database", "", "`address` of PostgreSQL, postgres://USER@HOST/NAME, or a SQLite file (default: housecall.db in --data)")
	o.StringVar(&c.KeyFile, "key-file", "", "`file` of the master key (default: master.key in --data)")
	o.StringVar(&c.Blobs, "blobs", "", blobsAbout)
	o.StringVar(&c.Scanner, "scanner", "", "`address` of the virus scanner (clamd) that looks at files people add: tcp://HOST:PORT or unix:/PATH; none: nobody looks (default: no files can be added)")
	o.StringVar(&c.AuditFile, "audit-checkpoints", "", "`file` that signed checkpoints of the audit are appended to (default: audit-checkpoints in --data)")
	o.StringVar(&c.Redis, "redis", "", "`address` of Redis for leases, spent passes and limits, as in redis://USER:PASSWORD@HOST:6379/0 (default: this node's memory)")
	o.Func("trusted-proxy", "`networks` of reverse proxies whose X-Forwarded-For is believed, with commas between (default: none)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			prefix, err := parsePrefix(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			c.TrustedProxies = append(c.TrustedProxies, prefix)
		}
		return nil
	})
	o.StringVar(&c.Site, "site", "Housecall", "the hospital's `name`, as people see it")
	o.Func("phone", "the hospital's telephone `number`, shown where nothing else helps (default: none)", func(s string) error {
		if c.Phone = strings.TrimSpace(s); !phoneNumber.MatchString(c.Phone) {
			return fmt.Errorf("%q is no telephone number: write it as in +1 617 555 0100, and an extension as in ext. 12", s)
		}
		return nil
	})
	o.StringVar(&c.Consent, "consent", "", "`folder` of texts VERSION/LANGUAGE.md that families are asked to consent to (default: they are asked nothing)")
	nodeOptions(o, c)
	relayOptions(o, c)
	gateOptions(o, c)
	staffOptions(o, c)
	notifyOptions(o, c)
	c.Window = visits.DefaultWindow()
	o.DurationVar(&c.Window.OpensBefore, "opens-before", c.Window.OpensBefore, "how long before its start a visit's links begin to work")
	o.DurationVar(&c.Window.ClosesAfter, "closes-after", c.Window.ClosesAfter, "how long after its planned end they stop")
	o.IntVar(&c.AfterDays, "after-days", 30, "how many `days` families may read the summary of a visit, and say how it went")
	o.Func("time-zone", "the hospital's time `zone`, as in America/New_York (default: UTC)", func(s string) error {
		zone, err := time.LoadLocation(s)
		if err != nil || s == "" || !sites.OfPlace(zone) {
			return fmt.Errorf("%q is no place's time zone, as in America/New_York, nor UTC", s)
		}
		c.TimeZone = zone
		return nil
	})
	return o
}

// blobsAbout describes --blobs.
const blobsAbout = "`place` of large files, which are encrypted: a folder, or s3://BUCKET/FOLDER?region=…&endpoint=… (default: blobs in --data)"

// parsePrefix reads a network, as in 10.0.0.0/8, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network and no IP address", s)
	}
	return addr.Prefix(addr.BitLen())
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	config := server.Config{Logger: slog.New(slog.NewJSONHandler(stderr, nil)), Modules: modules}
	var demo bool
	o := serveOptions(&config, &demo, stderr)
	if err := o.parse(args, os.Getenv); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if o.NArg() > 0 {
		return o.wrong(fmt.Errorf("there is no argument %q: options begin with --", o.Arg(0)))
	}
	if config.Window.OpensBefore < 0 || config.Window.ClosesAfter < 0 {
		return o.wrong(errors.New("--opens-before and --closes-after can't be negative"))
	}
	redis.SetLogger(redisLog{config.Logger})
	s, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	if err := greet(ctx, s, demo, config.TLS.LAN, stdout); err != nil {
		return errors.Join(err, s.Close())
	}
	select {
	case <-ctx.Done():
		s.Drain()
		return s.Close()
	case err := <-s.Failed():
		return errors.Join(err, s.Close())
	}
}

// greet tells whoever started the server where it is, how to set up the first account, and the links of a demo.
func greet(ctx context.Context, s *server.Server, demo, lan bool, stdout io.Writer) error {
	fmt.Fprintf(stdout, "Housecall serves at %s\n", s.URL())
	code, needed, err := s.Accounts.EnsureSetup(ctx)
	if err != nil {
		return fmt.Errorf("looking for accounts: %w", err)
	}
	if needed {
		fmt.Fprintf(stdout, "Set up the first account: %s/setup#%s\n", s.URL(), code)
	}
	if !demo && lan {
		return showToPhone(stdout, "Open it", s.URL())
	}
	if !demo {
		return nil
	}
	_, links, err := s.Visits.Create(ctx, auth.Operator(), visits.Request{
		Service: "Demo clinic", StartsAt: time.Now().UTC().Truncate(time.Second), Minutes: 60,
		People: []visits.Person{{Name: "Dr. Demo Clinician", Role: auth.Clinician}, {Name: "Demo Patient", Role: auth.Patient}},
	})
	if err != nil {
		return fmt.Errorf("making the demo visit: %w", err)
	}
	fmt.Fprintf(stdout, "\nA demo visit starts now. Open each link in a window of its own:\nClinician: %s\nPatient:   %s\n", links[0].URL, links[1].URL)
	if lan {
		return showToPhone(stdout, "Open the patient's link", links[1].URL)
	}
	return nil
}

// redisLog has the Redis client's own words in our log, for whoever looks closely: what matters, rooms says once. The client knows one
// logger a process, so it is set here and not in rooms.
type redisLog struct{ *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}
