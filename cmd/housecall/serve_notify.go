package main

import (
	"strings"

	"housecall/cmd/housecall/server"
	"housecall/visits/reminders"
)

// notifyOptions are those of mail, SMS and webhooks.
func notifyOptions(o *options, c *server.Config) {
	o.StringVar(&c.SMTP, "smtp", "", "`address` of the mail server, as in smtp://USER:PASSWORD@HOST:587 (default: no e-mail is sent)")
	o.StringVar(&c.MailFrom, "mail-from", "", "`address` that e-mail is from, as in Example Hospital <visits@example.org>")
	o.StringVar(&c.SMS, "sms", "", "`file` that describes the HTTP gateway for SMS (default: no SMS is sent)")
	o.Func("reminders", "`times` before a visit at which people are reminded of it, with commas between, as in 3d,1d,1h; or none (default: 3d,1d,1h)", func(s string) (err error) {
		c.Reminders, err = reminders.ParseSteps(s)
		return err
	})
	o.Func("webhook-allow", "`networks` beside the Internet that webhooks may be sent to, with commas between (default: none)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			prefix, err := parsePrefix(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			c.WebhookAllow = append(c.WebhookAllow, prefix)
		}
		return nil
	})
}
