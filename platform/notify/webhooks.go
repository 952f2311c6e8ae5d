package notify

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/store"
)

const (
	// eventsFor is how long events are kept, and so how far back they can be replayed.
	eventsFor = 30 * 24 * time.Hour
	// oldSecretFor is how long a secret goes on to sign beside the one that has taken its place.
	oldSecretFor = 24 * time.Hour
	// secretSize is in bytes; the specification would have 24 to 64.
	secretSize = 32

	maxURL, maxAbout = 2000, 200 // bytes

	webhookJob = "notify.webhook"
)

// webhookPolicy has a delivery tried for about two days: after 5 seconds, and then twice as long each time, up to six hours.
var webhookPolicy = jobs.Policy{Tries: 20, First: 5 * time.Second, Most: 6 * time.Hour}

// Event is something that happened, for other programs. It holds no health data: Data is made of ids, times (RFC 3339) and fixed words.
type Event struct {
	Type string // "visit.created", …
	At   time.Time
	Data map[string]string
}

// EventKind is what events there are of a type. It is what programs are told of them, too.
type EventKind struct {
	Type  string // "visit.created", …
	Means string // when it happens, in words
	Data  []api.Value
}

// check says what is wrong with an event of the kind.
func (k EventKind) check(e Event) error {
	known := 0
	for _, v := range k.Data {
		_, there := e.Data[v.Name]
		if v.Always && !there {
			return fmt.Errorf("publish %s: it has no %s", e.Type, v.Name)
		}
		if there {
			known++
		}
	}
	if known < len(e.Data) {
		return fmt.Errorf("publish %s: it has more than is described", e.Type)
	}
	return nil
}

// Endpoint is where events are sent.
type Endpoint struct {
	ID       string
	URL      string
	About    string   // what it is for, as its administrator says
	Types    []string // of the events it gets; none: all
	Created  time.Time
	Disabled time.Time // zero: it is not
	Reason   string    // why it is disabled
}

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	ID, Event, Type string
	At              time.Time // of the event
	State           State     // Waiting, Sent or Failed
	Changed         time.Time
	Reason          string // why it is not sent
}

// WebhooksConfig is what webhooks need from outside.
type WebhooksConfig struct {
	DB     *store.DB
	Jobs   *jobs.Queue // of the same database; a handler is added to it
	Policy auth.Policy
	Vault  keys.Vault     // seals addresses and secrets
	Kinds  []EventKind    // of the events there are: no other can be published, nor asked for. nil: any can
	Allow  []netip.Prefix // networks that are not of the Internet, and may be sent to all the same
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // nil: crypto/rand
}

// Webhooks sends events by the Standard Webhooks specification (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): at least once,
// with an id by which receivers tell that they have one already. Safe for use by many goroutines.
type Webhooks struct {
	WebhooksConfig
	networks networks
	client   *http.Client

	mu    sync.Mutex
	ended map[State]int64
}

// NewWebhooks brings the tables up to date and gives the queue its handler.
func NewWebhooks(ctx context.Context, c WebhooksConfig) (*Webhooks, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "notify", Migrations()); err != nil {
		return nil, fmt.Errorf("migrate notify: %w", err)
	}
	n := newNetworks(c.Allow)
	w := &Webhooks{WebhooksConfig: c, networks: n, client: guarded(n), ended: map[State]int64{}}
	c.Jobs.HandleWith(webhookJob, webhookPolicy, w.deliver)
	return w, nil
}

// kind is the place of a type in Kinds; -1: it has none.
func (w *Webhooks) kind(eventType string) int {
	return slices.IndexFunc(w.Kinds, func(k EventKind) bool { return k.Type == eventType })
}

// What an event may hold: ids, times, numbers and words of ours.
var (
	eventType  = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*$`)
	eventValue = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d{1,9}|[a-z_]{1,32})$`)
)

// Publish has an event sent to all who asked for its type, once tx has committed.
func (w *Webhooks) Publish(ctx context.Context, tx *store.Tx, e Event) error {
	if !eventType.MatchString(e.Type) || e.At.IsZero() {
		return errors.New("publish an event: its type or time is none")
	}
	for name, value := range e.Data {
		if !eventType.MatchString(name) || !eventValue.MatchString(value) {
			return fmt.Errorf("publish %s: %s is no id, time, number or fixed word", e.Type, name)
		}
	}
	if at := w.kind(e.Type); at >= 0 {
		if err := w.Kinds[at].check(e); err != nil {
			return err
		}
	} else if w.Kinds != nil {
		return fmt.Errorf("publish %s: there is no such event", e.Type)
	}
	endpoints, err := store.Collect(ctx, tx, scanEndpoint, selectEndpoint+` WHERE disabled_at IS NULL`)
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	endpoints = slices.DeleteFunc(endpoints, func(p endpoint) bool { return !p.wants(e.Type) })
	if len(endpoints) == 0 {
		return nil
	}
	body, err := json.Marshal(struct {
		Type      string            `json:"type"`
		Timestamp time.Time         `json:"timestamp"`
		Data      map[string]string `json:"data"`
	}{e.Type, e.At.UTC().Truncate(time.Millisecond), e.Data})
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	now, id := w.Now(), store.NewID()
	if _, err := tx.ExecContext(ctx, `DELETE FROM notify_events WHERE at < ?`, store.Millis(now.Add(-eventsFor))); err != nil {
		return fmt.Errorf("forget old events: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO notify_events (id, type, at, body) VALUES (?, ?, ?, ?)`, id, e.Type, store.Millis(e.At), string(body)); err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	for _, p := range endpoints {
		if err := w.queue(ctx, tx, id, p.ID, now); err != nil {
			return err
		}
	}
	return nil
}

// queue has an event sent to an endpoint, be it once more.
func (w *Webhooks) queue(ctx context.Context, tx *store.Tx, event, endpoint string, now time.Time) error {
	var id string
	err := tx.QueryRowContext(ctx, `INSERT INTO notify_deliveries (id, event_id, endpoint_id, state, changed_at, reason) VALUES (?, ?, ?, 'waiting', ?, '')
		ON CONFLICT (endpoint_id, event_id) DO UPDATE SET state = 'waiting', changed_at = excluded.changed_at, reason = '' RETURNING id`,
		store.NewID(), event, endpoint, store.Millis(now)).Scan(&id)
	if err != nil {
		return fmt.Errorf("have an event delivered: %w", err)
	}
	return w.Jobs.Put(ctx, tx, jobs.Job{Kind: webhookJob, Key: id, At: now})
}

// act runs f for somebody who manages webhooks, and audits it, in one transaction; also that it was refused.
func (w *Webhooks) act(ctx context.Context, actor auth.Actor, action, id string, f func(*store.Tx) error) error {
	act := store.Act{At: w.Now(), Actor: actor, Action: action, Subject: store.About("webhook", id)}
	return w.DB.Do(ctx, act, w.Policy.Allows(actor, ManageWebhooks), func(tx *store.Tx, _ *store.Act) error { return f(tx) })
}

// changed runs a statement that must change the row of an endpoint or delivery.
func changed(ctx context.Context, tx *store.Tx, query string, args ...any) error {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fault.NotFound, err)
	}
	return nil
}

// Replay sends an endpoint every event since then, of the types it asks for, that it has not taken, and says how many. Errors: fault.NotFound.
func (w *Webhooks) Replay(ctx context.Context, actor auth.Actor, id string, since time.Time) (n int, err error) {
	err = w.act(ctx, actor, "webhook.replay", id, func(tx *store.Tx) error {
		endpoints, err := store.Collect(ctx, tx, scanEndpoint, selectEndpoint+` WHERE id = ? AND disabled_at IS NULL`, id)
		if err != nil || len(endpoints) == 0 {
			return errors.Join(fault.NotFound, err)
		}
		events, err := store.Collect(ctx, tx, func(r *sql.Rows) (e [2]string, err error) {
			err = r.Scan(&e[0], &e[1])
			return e, err
		}, `SELECT id, type FROM notify_events WHERE at >= ? AND NOT EXISTS
			(SELECT 1 FROM notify_deliveries d WHERE d.event_id = notify_events.id AND d.endpoint_id = ? AND d.state = 'sent') ORDER BY id`, store.Millis(since), id)
		if err != nil {
			return err
		}
		for _, e := range events {
			if !endpoints[0].wants(e[1]) {
				continue
			}
			if err := w.queue(ctx, tx, e[0], id, w.Now()); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Redeliver sends one event once more, taken or not. Errors: fault.NotFound.
func (w *Webhooks) Redeliver(ctx context.Context, actor auth.Actor, delivery string) error {
	return w.act(ctx, actor, "webhook.redeliver", delivery, func(tx *store.Tx) error {
		if err := changed(ctx, tx, `UPDATE notify_deliveries SET state = 'waiting', changed_at = ?, reason = '' WHERE id = ?`, store.Millis(w.Now()), delivery); err != nil {
			return err
		}
		return w.Jobs.Put(ctx, tx, jobs.Job{Kind: webhookJob, Key: delivery, At: w.Now()})
	})
}

// Deliveries lists up to limit deliveries to an endpoint, the latest event first.
func (w *Webhooks) Deliveries(ctx context.Context, endpoint string, limit int) ([]Delivery, error) {
	all, err := store.Collect(ctx, w.DB, func(r *sql.Rows) (d Delivery, err error) {
		var at, changed int64
		err = r.Scan(&d.ID, &d.Event, &d.Type, &at, &d.State, &changed, &d.Reason)
		d.At, d.Changed = store.Time(at), store.Time(changed)
		return d, err
	}, `SELECT d.id, e.id, e.type, e.at, d.state, d.changed_at, d.reason FROM notify_deliveries d JOIN notify_events e ON e.id = d.event_id
		WHERE d.endpoint_id = ? ORDER BY e.at DESC, e.id DESC LIMIT ?`, endpoint, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

// Totals counts the deliveries that this process has ended, since it began.
func (w *Webhooks) Totals() map[State]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.ended)
}
