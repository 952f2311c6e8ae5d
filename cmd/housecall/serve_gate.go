package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/pion/stun/v4"
	"rsc.io/qr"

	"housecall/cmd/housecall/server"
	"housecall/platform/certs"
)

// gateOptions are the options of the port's certificates and addresses.
func gateOptions(o *options, c *server.Config) {
	o.BoolVar(&c.ProxyProtocol, "proxy-protocol", false, "who comes from --trusted-proxy passes TCP on, and names the client by the PROXY protocol")
	t := &c.TLS
	o.StringVar(&t.Cert, "tls-cert", "", "`file` of the TLS certificate with its chain, in PEM; read again when it changes (default: none)")
	o.StringVar(&t.Key, "tls-key", "", "`file` of its private key, in PEM")
	o.Func("domain", "`hosts` to get TLS certificates for from an authority by ACME, whose terms are accepted, with commas between (default: none)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			domain, err := certs.Domain(part)
			if err != nil {
				return err
			}
			t.Domains = append(t.Domains, domain)
		}
		return nil
	})
	o.StringVar(&t.ACMEURL, "acme-url", "", "`URL` of the authority's directory (default: Let's Encrypt)")
	o.StringVar(&t.ACMECA, "acme-ca", "", "`file` of the roots, in PEM, that the directory's own certificate comes from (default: the system's)")
	o.StringVar(&t.ACMEEmail, "acme-email", "", "e-mail `address` that the authority may write to (default: none)")
	o.Func("find-address", "STUN `server`, as in stun:stun.example.org:3478, that says at which other address clients reach the media port (default: none)", func(s string) error {
		uri, err := stun.ParseURI(s)
		if err != nil || uri.Scheme != stun.SchemeTypeSTUN {
			return fmt.Errorf("%q is no STUN server: write it as in stun:stun.example.org:3478", s)
		}
		c.FindAddress = net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))
		return nil
	})
	o.BoolVar(&t.LAN, "lan", false, "serve with a TLS certificate that the server signs itself, to try it with a phone on the same network")
}

// showToPhone draws a link as a QR code for a phone's camera, where somebody looks at a terminal.
func showToPhone(w io.Writer, what, link string) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%s with a phone on the same network. Its browser warns once, since no authority knows this machine: go on.\n", what)
	return drawQR(w, link)
}

// quiet is the margin of a QR code in modules (ISO/IEC 18004).
const quiet = 4

// drawQR draws text as a QR code, two rows of it in one line, black on white whatever the terminal's colours are.
func drawQR(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("drawing a QR code: %w", err)
	}
	black := func(x, y int) bool { return x >= 0 && y >= 0 && code.Black(x, y) }
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := black(x, y), black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}
