package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/store"
)

// countWithin bounds how long metrics wait for the database.
const countWithin = 2 * time.Second

// post is what this server does later, and what it tells people and programs outside.
type post struct {
	queue    *jobs.Queue
	outbox   *notify.Outbox
	webhooks *notify.Webhooks
}

// openPost opens what lasts of it. Whoever adds handlers and texts does so before startPost.
func (s *Server) openPost(ctx context.Context, db *store.DB, ring *keys.Ring, policy auth.Policy) (*post, error) {
	c := s.config
	mail, err := c.Mail()
	if err != nil {
		return nil, err
	}
	gateway, err := c.Gateway()
	if err != nil {
		return nil, err
	}
	p := &post{}
	if p.queue, err = jobs.New(ctx, jobs.Config{DB: db, Logger: c.Logger, Look: c.JobsEvery, Now: c.Now}); err != nil {
		return nil, err
	}
	p.outbox, err = notify.New(ctx, notify.Config{DB: db, Jobs: p.queue, Vault: ring.Mail(), Mail: mail, SMS: gateway, Logger: c.Logger, Now: c.Now})
	if err != nil {
		return nil, err
	}
	p.webhooks, err = notify.NewWebhooks(ctx, notify.WebhooksConfig{DB: db, Jobs: p.queue, Policy: policy, Vault: ring.Mail(), Allow: c.WebhookAllow, Kinds: eventKinds(), Logger: c.Logger,
		Now: c.Now})
	return p, err
}

// Mail is the mail server of the options; nil: there is none.
func (c Config) Mail() (*notify.Mail, error) {
	switch {
	case c.SMTP == "" && c.MailFrom == "":
		return nil, nil
	case c.SMTP == "" || c.MailFrom == "":
		return nil, errors.New("--smtp and --mail-from need each other")
	}
	mail, err := notify.NewMail(c.SMTP, c.MailFrom)
	if err != nil {
		return nil, fmt.Errorf("reading --smtp and --mail-from: %w", err)
	}
	return mail, nil
}

// Gateway is the SMS gateway of the options; nil: there is none.
func (c Config) Gateway() (*notify.Gateway, error) {
	if c.SMS == "" {
		return nil, nil
	}
	return notify.ReadGateway(c.SMS)
}

// startPost does what is due, until Close.
func (s *Server) startPost(p *post) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.work.Go(func() {
		defer close(ended)
		p.queue.Run(ctx)
	})
	s.onClose(func(closing context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-closing.Done():
			return errors.New("jobs don't end")
		}
	})
}

var (
	descJobs        = describe("jobs", "Jobs on all nodes, by kind and state: waiting for their time, due, failed for good.", "kind", "state")
	descJobsOldest  = describe("jobs_oldest_seconds", "Since when the job that is late by most should be done, by kind.", "kind")
	descMessages    = describe("messages", "Messages on all nodes, by channel and state: waiting, unsure, failed.", "channel", "state")
	descOldest      = describe("messages_oldest_seconds", "Since when the message that is late by most should be sent, by channel.", "channel")
	descMessagesEnd = describe("messages_total", "Messages that this node has ended, by channel and state: sent, unsure, failed, stopped.", "channel", "state")
)

// Describe implements prometheus.Collector.
func (p *post) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descJobs, descJobsOldest, descMessages, descOldest, descMessagesEnd} {
		out <- d
	}
}

// Collect implements prometheus.Collector. While the database is away it tells what this node has counted, alone.
func (p *post) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if census, err := p.queue.Census(ctx); err == nil {
		for _, c := range census {
			for state, n := range map[string]int{"waiting": c.Waiting - c.Due, "due": c.Due, "failed": c.Failed} {
				gauge(descJobs, float64(n), c.Kind, state)
			}
			gauge(descJobsOldest, c.Oldest.Seconds(), c.Kind)
		}
	}
	if backlogs, err := p.outbox.Backlogs(ctx); err == nil {
		for _, b := range backlogs {
			for state, n := range map[string]int{"waiting": b.Waiting, "unsure": b.Unsure, "failed": b.Failed} {
				gauge(descMessages, float64(n), string(b.Channel), state)
			}
			gauge(descOldest, b.Oldest.Seconds(), string(b.Channel))
		}
	}
	total := func(channel string, state notify.State, n int64) {
		out <- prometheus.MustNewConstMetric(descMessagesEnd, prometheus.CounterValue, float64(n), channel, string(state))
	}
	ended := p.outbox.Totals()
	for _, channel := range []notify.Channel{notify.Email, notify.SMS} {
		for _, state := range []notify.State{notify.Sent, notify.Unsure, notify.Failed, notify.Stopped} {
			total(string(channel), state, ended[notify.Ended{Channel: channel, State: state}])
		}
	}
	delivered := p.webhooks.Totals()
	for _, state := range []notify.State{notify.Sent, notify.Failed} {
		total("webhook", state, delivered[state])
	}
}
