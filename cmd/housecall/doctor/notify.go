package doctor

import (
	"context"

	"housecall/cmd/housecall/server"
)

// mail goes the way of e-mail up to the message itself, and sends none.
func mail(ctx context.Context, c server.Config) []Finding {
	m, err := c.Mail()
	switch {
	case err != nil:
		return []Finding{bad("mail", err, "mend --smtp and --mail-from: see Mail and SMS in docs/operating.md")}
	case m == nil:
		return []Finding{good("mail", "not used: --smtp is not set")}
	}
	found, err := m.Check(ctx)
	if err != nil {
		return []Finding{bad("mail", err, "let this machine reach "+m.String()+"; check user and password, the certificate (?ca=FILE, ?server_name=NAME), "+
			"STARTTLS (?starttls=off for a server on this machine), and that the server takes mail from --mail-from")}
	}
	return []Finding{good("mail", "%s takes it: %s", m, found)}
}

// sms looks whether the gateway is there, and sends nothing.
func sms(ctx context.Context, c server.Config) []Finding {
	g, err := c.Gateway()
	switch {
	case err != nil:
		return []Finding{bad("sms", err, "mend the file of --sms: see Mail and SMS in docs/operating.md")}
	case g == nil:
		return []Finding{good("sms", "not used: --sms is not set")}
	}
	found, err := g.Check(ctx)
	if err != nil {
		return []Finding{bad("sms", err, "let this machine reach the gateway; check the url in the file of --sms")}
	}
	return []Finding{good("sms", "the gateway at %s answers; whether it takes the key, only a message shows", found)}
}
