package notify_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		fmt.Fprintln(os.Stderr, send()) // until it is killed
		os.Exit(1)
	}
	trustTestServers()
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "notify", Files: notify.Migrations()}))
}

// trustTestServers has this process take httptest's certificate for a right one, as if an authority had signed it.
func trustTestServers() {
	server := httptest.NewTLSServer(nil)
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	server.Close()
	f, err := os.CreateTemp("", "roots-*.pem")
	if err == nil {
		_, err = f.Write(roots)
	}
	if err = errors.Join(err, f.Close(), os.Setenv("SSL_CERT_FILE", f.Name())); err == nil {
		_, err = x509.SystemCertPool() // read once a process
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		panic(err)
	}
}

const (
	address = "canary.family@example.org"
	text    = "Your visit begins soon.\n\nhttps://visits.example.org/v#CANARY"
	lease   = time.Minute
)

// office is an outbox with its queue, on a database that others may share.
type office struct {
	*notify.Outbox
	t     *testing.T
	url   string
	db    *store.DB
	queue *jobs.Queue
	clock *testkit.Clock
	log   *testkit.Log

	logger  *slog.Logger
	vault   keys.Vault
	compose func(notify.Message) (notify.Content, error) // nil: text
}

type ways struct {
	mail *notify.Mail
	sms  *notify.Gateway

	options store.Options
}

func newOffice(t *testing.T, w ways) *office {
	t.Helper()
	return openOffice(t, storetest.URL(t), filepath.Join(t.TempDir(), "master.key"), testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), w)
}

func openOffice(t *testing.T, url, master string, c *testkit.Clock, w ways) *office {
	t.Helper()
	o := &office{t: t, url: url, db: storetest.Open(t, url, w.options), clock: c, log: &testkit.Log{}}
	o.logger = slog.New(slog.NewJSONHandler(o.log, nil))
	ring, err := keys.Open(t.Context(), o.db, master)
	if err != nil {
		t.Fatal(err)
	}
	o.vault = ring.Mail()
	if o.queue, err = jobs.New(t.Context(), jobs.Config{DB: o.db, Lease: lease, Now: c.Now, Logger: o.logger, Look: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	o.Outbox, err = notify.New(t.Context(), notify.Config{DB: o.db, Jobs: o.queue, Vault: o.vault, Mail: w.mail, SMS: w.sms, Logger: o.logger, Now: c.Now, Tries: 3,
		Grace: time.Minute}) // on a busy machine too
	if err != nil {
		t.Fatal(err)
	}
	o.Compose("reminder", func(_ context.Context, m notify.Message) (notify.Content, error) {
		if o.compose != nil {
			return o.compose(m)
		}
		return notify.Content{Subject: "Your visit", Text: text}, nil
	})
	return o
}

func (o *office) message(key string) notify.Message {
	return notify.Message{Channel: notify.Email, To: phi.Text(address), Kind: "reminder", Key: key, Language: "en", About: "visit-" + key, At: o.clock.Now()}
}

func (o *office) tx(f func(*store.Tx) error) {
	o.t.Helper()
	if err := o.db.Tx(o.t.Context(), f); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) put(m notify.Message) {
	o.t.Helper()
	o.tx(func(tx *store.Tx) error { return o.Put(o.t.Context(), tx, m) })
}

func (o *office) stop(about string) {
	o.t.Helper()
	o.tx(func(tx *store.Tx) error { return o.Stop(o.t.Context(), tx, about) })
}

// due sends what is due.
func (o *office) due() { o.queue.RunDue(o.t.Context()) }

// status is what became of the message of that key.
func (o *office) status(key string) notify.Status {
	o.t.Helper()
	all, err := o.About(o.t.Context(), "visit-"+key)
	if err != nil || len(all) != 1 {
		o.t.Fatalf("messages about %s: %+v, %v", key, all, err)
	}
	return all[0]
}

func (o *office) expect(key string, want notify.State, reason string) {
	o.t.Helper()
	if s := o.status(key); s.State != want || s.Reason != reason {
		o.t.Errorf("%s is %s (%q), want %s (%q)", key, s.State, s.Reason, want, reason)
	}
}

func (o *office) count(query string, args ...any) (n int) {
	o.t.Helper()
	if err := o.db.QueryRowContext(o.t.Context(), query, args...).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}
