package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"housecall/cmd/housecall/server"
)

// ports tries to take the two ports; whoever has them already should be our server.
func ports(ctx context.Context, c server.Config) []Finding {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return []Finding{{"ports", Bad, "--listen " + c.Listen + ": " + err.Error(), "write it as in :443 or 192.0.2.1:443"}}
	}
	media := port
	if c.MediaPort != 0 {
		media = strconv.Itoa(c.MediaPort)
	}
	var try net.ListenConfig
	pages, err := try.Listen(ctx, "tcp", c.Listen)
	if err == nil {
		err = pages.Close()
	}
	list := []Finding{taken("pages", "TCP", c.Listen, err)}
	address := net.JoinHostPort(host, media)
	packets, err := try.ListenPacket(ctx, "udp", address)
	if err == nil {
		err = packets.Close()
	}
	list = append(list, taken("media", "UDP", address, err))
	for thing, address := range map[string]string{"nodes": c.NodeListen, "metrics": c.AdminListen} {
		if address == "" {
			continue
		}
		listener, err := try.Listen(ctx, "tcp", address)
		if err == nil {
			err = listener.Close()
		}
		list = append(list, taken(thing, "TCP", address, err))
	}
	return list
}

func taken(thing, protocol, address string, err error) Finding {
	switch {
	case err == nil:
		return good(thing, "%s %s is free", protocol, address)
	case errors.Is(err, syscall.EADDRINUSE):
		return Finding{thing, Weak, protocol + " " + address + " is in use", "right if Housecall runs here now; else end what has it: ss -lnptu"}
	case errors.Is(err, syscall.EACCES):
		return Finding{thing, Bad, protocol + " " + address + ": not allowed", "ports below 1024 need a right: setcap cap_net_bind_service=+ep on the binary, or AmbientCapabilities as in deploy/systemd"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return Finding{thing, Bad, protocol + " " + address + ": this machine has no such address", "name one of its own in --listen, or none, as in :443"}
	}
	return bad(thing, err, "choose another address with --listen and --media-port")
}

// soonOver is how long before a certificate's end we speak: well after it should have been renewed.
const soonOver = 14 * 24 * time.Hour

// publicAddress goes the way people go: name, port, certificate, answer.
func publicAddress(ctx context.Context, c server.Config) []Finding {
	c.PublicURL = c.Public()
	if c.PublicURL == "" {
		return []Finding{{"public", Weak, "--public-url is not set: links lead to this machine alone", "set it to the address people use, as in https://visits.example.org"}}
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" {
		return []Finding{{"public", Bad, "--public-url is no address", "write it as in https://visits.example.org"}}
	}
	local := u.Hostname() == "localhost"
	if u.Scheme != "https" && !local {
		return []Finding{{"public", Bad, "--public-url does not begin with https", "browsers give no camera to it: see Certificates in docs/operating.md"}}
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil || len(addresses) == 0 {
		return []Finding{{"public", Bad, "the name " + u.Hostname() + " has no address", "make A and AAAA records for it that lead here"}}
	}
	list := []Finding{good("name", "%s is %s", u.Hostname(), joined(addresses))}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.PublicURL, "/")+"/livez", nil)
	if err != nil {
		return append(list, bad("public", err, "mend --public-url"))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return append(list, unreached(u, err))
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(io.LimitReader(response.Body, 64)); err != nil || response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		list = append(list, Finding{"public", Bad, fmt.Sprintf("somebody else answers at %s (status %d)", u.Host, response.StatusCode),
			"lead the name, and every proxy in front, to this server"})
	} else {
		list = append(list, good("public", "%s answers, as people reach it", c.PublicURL))
	}
	if response.TLS != nil {
		list = append(list, certificate(response.TLS.PeerCertificates[0]))
	}
	return list
}

func certificate(c *x509.Certificate) Finding {
	begins, ends := c.NotBefore, c.NotAfter
	left := time.Until(ends)
	f := good("certificate", "good until %s", ends.UTC().Format(time.DateOnly))
	switch {
	case time.Until(begins) > 0:
		f.State, f.Found, f.Remedy = Bad, "begins on "+begins.UTC().Format(time.DateOnly), "put one into its place that is good now: browsers refuse this one"
	case left <= 0:
		f.State, f.Found, f.Remedy = Bad, "ended on "+ends.UTC().Format(time.DateOnly), "put a new one into its place: browsers refuse this one"
	case left < soonOver:
		f.State, f.Remedy = Weak, "it should have been renewed by now: look for certificates in the log"
	}
	return f
}

func unreached(u *url.URL, err error) Finding {
	var wrong *tls.CertificateVerificationError
	switch {
	case errors.As(err, &wrong):
		return Finding{"certificate", Bad, wrong.Err.Error(), "browsers refuse it too: get one for this name, with its whole chain; see Certificates in docs/operating.md"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Finding{"public", Bad, "nobody listens at " + u.Host, "start the server; when it runs, lead the address here"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Finding{"public", Bad, u.Host + " does not answer", "open TCP port " + portOf(u) + " in every firewall on the way. Some networks don't lead back to themselves: try from outside as well"}
	}
	return Finding{"public", Bad, err.Error(), "try " + u.String() + " in a browser from outside"}
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// mediaAddresses looks whether what answers will say can be reached from where people are.
func mediaAddresses(ctx context.Context, c server.Config) []Finding {
	told := c.MediaAddresses
	if len(told) == 0 {
		own, err := net.InterfaceAddrs()
		if err != nil {
			return []Finding{bad("addresses", err, "name the public address in --media-address")}
		}
		for _, a := range own {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
				told = append(told, p.Addr())
			}
		}
	}
	public := 0
	for _, a := range told {
		if !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			public++
		}
	}
	u, err := url.Parse(c.PublicURL)
	inside := c.PublicURL == "" || err != nil || !reachesOutside(ctx, u.Hostname())
	switch {
	case len(told) == 0:
		return []Finding{{"addresses", Bad, "this machine has no address but loopback", "connect it, or name the address in --media-address"}}
	case public == 0 && !inside:
		return []Finding{{"addresses", Bad, "media would be announced at private addresses alone: " + joined(told),
			"set --media-address to the public address that the UDP port is led to from outside"}}
	}
	return []Finding{good("addresses", "media is announced at %s", joined(told))}
}

// reachesOutside says whether a name leads to a public address.
func reachesOutside(ctx context.Context, host string) bool {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if a = a.Unmap(); !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

func joined(addresses []netip.Addr) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.Unmap().String())
	}
	return strings.Join(all, ", ")
}

const (
	wantedFiles  = 4096    // open files: two a person, and what the engines hold
	wantedBuffer = 4 << 20 // bytes of the media socket's buffer: a key frame for everybody in many rooms at once
)

// limits are those of the system that a busy server would run into.
func limits(context.Context, server.Config) []Finding {
	var list []Finding
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		f := good("open files", "%d", files.Max)
		if files.Max < wantedFiles {
			f.State, f.Remedy = Weak, "raise it: LimitNOFILE=65536 in the systemd unit"
		}
		list = append(list, f)
	}
	for name, path := range map[string]string{"net.core.rmem_max": "/proc/sys/net/core/rmem_max", "net.core.wmem_max": "/proc/sys/net/core/wmem_max"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if size, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && size < wantedBuffer {
			list = append(list, Finding{"buffers", Weak, fmt.Sprintf("%s is %d bytes: packets may be lost when many pictures begin at once", name, size),
				"sysctl -w " + name + "=8388608, and a line of that in /etc/sysctl.d"})
		}
	}
	return list
}
