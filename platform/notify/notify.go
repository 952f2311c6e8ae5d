// Package notify tells people and programs outside of what happens here, by e-mail, SMS and webhooks, from an outbox that lasts.
// Its tables own what is to be sent and what became of it; jobs (package jobs) carry it out. A message's text is made when it is sent, by a Composer that
// reads what holds then, so that nobody is told what was. That a message is on its way is written before it can't be taken back; who dies between leaves
// it unsure, and people decide whether it goes out once more.
// It must never log an address or a text, never keep an address that is not sealed, and never send by itself what may have been sent already.
package notify

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Channel is a way to reach people.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// State is what became of a message.
type State string

// The states.
const (
	Waiting State = "waiting" // for its time, or for the next try
	Sending State = "sending" // can't be taken back, and nobody has said yet whether it arrived
	Sent    State = "sent"    // taken by the mail server or the gateway
	Unsure  State = "unsure"  // may have been sent; not sent again unless somebody says so
	Failed  State = "failed"  // for sure not sent, and not tried again by itself
	Stopped State = "stopped" // not needed any more
)

// Message is something to tell somebody. Channel, Kind and Key name it for ever: it is sent once, and what shall be told once more needs another key.
type Message struct {
	ID       string   // made by Put
	Channel  Channel  // Email or SMS
	To       phi.Text // an e-mail address, or a telephone number in E.164
	Kind     string   // whose text it is: see Outbox.Compose
	Key      string   // tells it from others of its kind
	Language string   // the reader's, BCP 47
	About    string   // the id of what it is about, as a visit's
	Parts    []Part   // what it tells in one; nil: one thing, About
	At       time.Time
}

// Content is what a message says.
type Content struct {
	Subject     phi.Text     // of an e-mail, in one line
	Text        phi.Text     // paragraphs with an empty line between; a link stands in a line of its own, or in angle brackets behind words that lead to it
	Attachments []Attachment // of an e-mail
	Tells       []string     // the keys of those of its message's parts that it tells; nil: all
}

// Attachment is a file that goes with an e-mail. One of type text/calendar stands beside the text too, where mail programs look for invitations, unless its method
// is PUBLISH: then it is no invitation, but for keeping.
type Attachment struct {
	Name string // of the file
	Type string // its MIME type, as in text/calendar; method=REQUEST; charset=utf-8
	Body []byte
}

// Composer makes a message's text when it is about to be sent, from what holds then. ErrNotNeeded: it need not be sent any more.
type Composer func(context.Context, Message) (Content, error)

// ErrNotNeeded says that a message need not be sent any more.
var ErrNotNeeded = errors.New("the message is not needed any more")

// outgoing is a message with its text.
type outgoing struct {
	Message
	Content
	At    time.Time     // now
	Grace time.Duration // Config.Grace
}

// transport hands a message to the world.
type transport interface {
	// send calls begin once, right before the message can't be taken back, and sends nothing when that fails. Before begin every error means that nothing
	// was sent; after it a *refusal says so, and a *doubt why nobody knows.
	send(ctx context.Context, m outgoing, begin func() error) error
}

// refusal is an answer by which a message was not taken, for sure.
type refusal struct {
	reason    string        // fixed words and codes
	permanent bool          // no further try would mend it
	wait      time.Duration // what the answer asks to wait; 0: nothing
}

func (r *refusal) Error() string { return r.reason }

// doubt is why nobody knows whether a message was taken.
type doubt struct{ reason string } // in fixed words and codes

func (d *doubt) Error() string { return d.reason }

// Config is what an outbox needs from outside.
type Config struct {
	DB     *store.DB
	Jobs   *jobs.Queue // of the same database; handlers are added to it
	Vault  keys.Vault  // seals addresses
	Mail   *Mail       // nil: no e-mail can be sent
	SMS    *Gateway    // nil: no SMS can be sent
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
	Tries  int              // of a message; zero: 45, which takes about five hours
	Grace  time.Duration    // how long an answer is waited for once a message can't be taken back, when the server stops meanwhile; zero: five seconds
}

// Outbox is the messages of a database. Safe for use by many goroutines once all composers are in.
type Outbox struct {
	Config
	composers map[string]Composer
	ways      map[Channel]transport

	mu    sync.Mutex
	ended map[Ended]int64
}

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// New brings the tables up to date and gives the queue its handlers.
func New(ctx context.Context, c Config) (*Outbox, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Tries == 0 {
		c.Tries = 45
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	if err := c.DB.Migrate(ctx, "notify", Migrations()); err != nil {
		return nil, fmt.Errorf("migrate notify: %w", err)
	}
	o := &Outbox{Config: c, composers: map[string]Composer{}, ways: map[Channel]transport{}, ended: map[Ended]int64{}}
	if c.Mail != nil {
		o.ways[Email] = c.Mail
	}
	if c.SMS != nil {
		o.ways[SMS] = c.SMS
	}
	for _, channel := range []Channel{Email, SMS} {
		// The outbox ends a message after its tries; what the queue counts beyond are nodes that died over it.
		// None waits for long: when a mail server is back, so are reminders.
		c.Jobs.HandleWith(jobKind(channel), jobs.Policy{Tries: c.Tries + 50, Most: 10 * time.Minute}, o.deliver)
	}
	return o, nil
}

func jobKind(c Channel) string { return "notify." + string(c) }

// Compose names who makes the texts of a kind of message, before the queue runs.
func (o *Outbox) Compose(kind string, c Composer) { o.composers[kind] = c }

// Sends says whether there is a way to send by a channel.
func (o *Outbox) Sends(c Channel) bool { return o.ways[c] != nil }

// Put has a message sent at its time, once tx has committed. One that waits, has failed or was stopped is put anew with what m says; one that was sent, or may
// have been, stays as it is. What another message has told of its parts is left out, and what another waits to tell is told by this one instead.
func (o *Outbox) Put(ctx context.Context, tx *store.Tx, m Message) error {
	if (m.Channel != Email && m.Channel != SMS) || m.To == "" || m.Kind == "" || m.Key == "" || m.About == "" {
		return fmt.Errorf("put a message: it is not complete: %w", fault.NotValid)
	}
	m.ID = store.NewID()
	state := Waiting
	err := tx.QueryRowContext(ctx, `SELECT id, state FROM notify_messages WHERE channel = ? AND kind = ? AND key = ?`, string(m.Channel), m.Kind, m.Key).Scan(&m.ID, &state)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return fmt.Errorf("put a message: %w", err)
	}
	if state == Sending || state == Sent || state == Unsure {
		return nil
	}
	left, err := o.untold(ctx, tx, m)
	if err != nil || len(left) == 0 {
		return err
	}
	to, err := o.Vault.Seal(m.To.Reveal(), place(m.ID))
	if err != nil {
		return fmt.Errorf("put a message: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO notify_messages (id, channel, kind, key, language, about, recipient, put_at, state, changed_at, reason, version, attempt)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, '', 0, 0)
		ON CONFLICT (id) DO UPDATE SET language = excluded.language, about = excluded.about, recipient = excluded.recipient, put_at = excluded.put_at,
			state = 'waiting', changed_at = excluded.changed_at, reason = '', version = notify_messages.version + 1`,
		m.ID, string(m.Channel), m.Kind, m.Key, m.Language, m.About, to, store.Millis(m.At), store.Millis(o.Now()))
	if err != nil {
		return fmt.Errorf("put a message: %w", err)
	}
	if len(m.Parts) == 0 {
		left = nil
	}
	if err := putParts(ctx, tx, m.ID, left); err != nil {
		return err
	}
	return o.Jobs.Put(ctx, tx, jobs.Job{Kind: jobKind(m.Channel), Key: m.ID, At: m.At})
}

// place is where an address is sealed for.
func place(id string) string { return "message|" + id + "|recipient" }

// Stop has nothing more sent that is about something, once tx has committed: a message that tells other things too tells but these. What is on its way can't be
// stopped.
func (o *Outbox) Stop(ctx context.Context, tx *store.Tx, about string) error {
	return o.StopKeys(ctx, tx, about, "")
}

// StopKeys is Stop of what has a key that begins so.
func (o *Outbox) StopKeys(ctx context.Context, tx *store.Tx, about, prefix string) error {
	all, err := store.Collect(ctx, tx, scanStored, selectStored+` WHERE about = ? AND substr(key, 1, ?) = ? AND state IN ('waiting', 'failed')`, about, len(prefix), prefix)
	if err != nil {
		return fmt.Errorf("stop messages: %w", err)
	}
	for _, m := range all {
		if _, err := tx.ExecContext(ctx, `UPDATE notify_messages SET state = 'stopped', recipient = '', changed_at = ? WHERE id = ?`, store.Millis(o.Now()), m.ID); err != nil {
			return fmt.Errorf("stop messages: %w", err)
		}
		if err := o.Jobs.Cancel(ctx, tx, jobKind(m.Channel), m.ID); err != nil {
			return err
		}
	}
	return o.stopParts(ctx, tx, about, prefix)
}

// Forget stops what is not sent yet and deletes what is known of all messages about something, once tx has committed. One that is on its way stays.
func (o *Outbox) Forget(ctx context.Context, tx *store.Tx, about string) error {
	if err := o.Stop(ctx, tx, about); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM notify_messages WHERE about = ? AND state <> 'sending'`, about); err != nil {
		return fmt.Errorf("forget messages: %w", err)
	}
	return forgetParts(ctx, tx, about)
}
