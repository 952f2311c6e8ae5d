package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/pion/stun/v4"

	"housecall/cmd/housecall/server"
	"housecall/platform/certs"
	"housecall/visits"
)

// options are whether the server would start with them, as far as that needs no other part.
func options(c server.Config) []Finding {
	if err := c.Check(); err != nil {
		return []Finding{bad("options", err, "change the options: docs/operating.md has each")}
	}
	if c.Consent != "" {
		if _, err := visits.ReadConsent(c.ConsentFolder()); err != nil {
			return []Finding{bad("consent", err, "mend the texts in --consent "+c.Consent+": the server does not start without")}
		}
	}
	return nil
}

// certificateFiles looks at what --tls-cert and --tls-key name.
func certificateFiles(_ context.Context, c server.Config) []Finding {
	if c.TLS.Cert == "" {
		return nil
	}
	files, err := certs.OpenFiles(c.TLS.Cert, c.TLS.Key, nil, nil)
	if err != nil {
		return []Finding{bad("certificate", err, "name the certificate with its chain and its own private key, both PEM, that the server's user may read")}
	}
	pair, err := files.Certificate(nil)
	if err != nil {
		return []Finding{bad("certificate", err, "name a certificate in --tls-cert")}
	}
	return []Finding{certificate(pair.Leaf)}
}

// theRelay goes the way of a browser whose network lets out TLS alone.
func theRelay(ctx context.Context, c server.Config) []Finding {
	public := c.Public()
	if public == "" {
		return nil
	}
	var list []Finding
	for _, address := range c.RelayURLs(public) {
		list = append(list, relayAt(ctx, c, address))
	}
	return list
}

func relayAt(ctx context.Context, c server.Config, address string) Finding {
	uri, err := stun.ParseURI(address)
	if err != nil {
		return bad("relay", err, "write --relay-address as HOST:PORT")
	}
	where := net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port))
	err = askRelay(ctx, where, uri.Scheme == stun.SchemeTypeTURNS)
	f := good("relay", "%s answers", where)
	switch {
	case err == nil:
		return f
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Remedy = "start the server; when it runs, lead the address here, or name another with --relay-address"
	case uri.Scheme == stun.SchemeTypeTURNS && !c.TLS.Given():
		f.Remedy = "browsers ask for the relay inside of TLS, as for the pages, and this server has no certificate: give it one (--tls-cert), and its name in --relay-address"
	default:
		f.Remedy = "lead it to this server's own TCP port, past every proxy that knows pages alone, or name that port with --relay-address"
	}
	f.State, f.Found = Weak, where+" is no relay: "+err.Error()+". People whose network lets out TLS alone can't join"
	return f
}

// askRelay sends a binding request (RFC 8489), which needs no name.
func askRelay(ctx context.Context, where string, encrypted bool) error {
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	if encrypted {
		dialer = &tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}
	}
	conn, err := dialer.DialContext(ctx, "tcp", where)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request.Raw); err != nil {
		return err
	}
	answer := make([]byte, len(request.Raw))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return fmt.Errorf("no answer to STUN: %w", err)
	}
	if !stun.IsMessage(answer) {
		return errors.New("it does not speak STUN")
	}
	return nil
}
