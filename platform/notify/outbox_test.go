package notify_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
)

// TestAnswers: what a mail server says about a message decides whether it is tried again, and a server that dies may have taken it only once it had all of it.
func TestAnswers(t *testing.T) {
	answer := func(code int, class int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, 1, 1}, Message: "no such mailbox: " + address}
	}
	large := bytes.Repeat([]byte("0123456789abcdef\n"), 8<<20/17) // in base64 more than sockets hold
	for name, c := range map[string]struct {
		options    func(first *atomic.Bool) mailtest.Options
		attachment []byte
		then       notify.State // after the first try
		reason     string
		last       notify.State // after all tries
		letters    int
	}{
		"the recipient, later": {func(first *atomic.Bool) mailtest.Options {
			return mailtest.Options{Recipient: func(string) error {
				if first.Swap(false) {
					return answer(450, 4)
				}
				return nil
			}}
		}, nil, notify.Waiting, "the mail server answered 450 4.1.1", notify.Sent, 1},
		"the recipient, never": {func(*atomic.Bool) mailtest.Options {
			return mailtest.Options{Recipient: func(string) error { return answer(550, 5) }}
		}, nil, notify.Failed, "the mail server answered 550 5.1.1", notify.Failed, 0},
		"the message, later": {func(first *atomic.Bool) mailtest.Options {
			return mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) {
				if first.Swap(false) {
					return false, answer(451, 4)
				}
				return true, nil
			}}
		}, nil, notify.Waiting, "the mail server answered 451 4.1.1", notify.Sent, 1},
		"the message, never": {func(*atomic.Bool) mailtest.Options {
			return mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) { return false, answer(554, 5) }}
		}, nil, notify.Failed, "the mail server answered 554 5.1.1", notify.Failed, 0},
		"the message, always later": {func(*atomic.Bool) mailtest.Options {
			return mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) { return false, answer(452, 4) }}
		}, nil, notify.Waiting, "the mail server answered 452 4.1.1", notify.Failed, 0},
		"a server that dies in the middle of it": {func(first *atomic.Bool) mailtest.Options {
			return mailtest.Options{Begun: func(c *smtp.Conn) {
				if first.Swap(false) {
					mailtest.Hangup(c)
				}
			}}
		}, large, notify.Waiting, "not reached", notify.Sent, 1},
		"a server that dies when it has all": {func(*atomic.Bool) mailtest.Options {
			return mailtest.Options{Body: func(c *smtp.Conn, _ mailtest.Letter) (bool, error) {
				mailtest.Hangup(c)
				return true, nil
			}}
		}, nil, notify.Unsure, "the connection was lost before the answer came", notify.Unsure, 1},
		"a server that loses it and dies": {func(*atomic.Bool) mailtest.Options {
			return mailtest.Options{Body: func(c *smtp.Conn, _ mailtest.Letter) (bool, error) {
				mailtest.Hangup(c)
				return false, nil
			}}
		}, nil, notify.Unsure, "the connection was lost before the answer came", notify.Unsure, 0},
	} {
		t.Run(name, func(t *testing.T) {
			first := &atomic.Bool{}
			first.Store(true)
			server := mailtest.Start(t, c.options(first))
			o := newOffice(t, ways{mail: newMail(t, server.URL())})
			o.compose = func(notify.Message) (notify.Content, error) {
				content := notify.Content{Subject: "Your visit", Text: text}
				if c.attachment != nil && first.Load() {
					content.Attachments = []notify.Attachment{{Name: "a.bin", Type: "application/octet-stream", Body: c.attachment}}
				}
				return content, nil
			}
			o.put(o.message("a"))
			o.due()
			o.expect("a", c.then, c.reason)
			for range 4 {
				o.clock.Pass(time.Hour)
				o.due()
			}
			if s := o.status("a"); s.State != c.last || len(server.Letters()) != c.letters {
				t.Errorf("in the end it is %s (%s), and %d letters are there", s.State, s.Reason, len(server.Letters()))
			}
			if s := o.log.String(); strings.Contains(s, "canary") || strings.Contains(s, "CANARY") {
				t.Errorf("logged: %s", s)
			}
			unsettled, err := o.Unsettled(t.Context(), 10)
			if want := c.last != notify.Sent; err != nil || (len(unsettled) == 1) != want {
				t.Errorf("to be looked at: %+v, %v", unsettled, err)
			}
		})
	}
}

// What may have been sent is sent again when somebody says so, and with the same id.
func TestAgain(t *testing.T) {
	dies := &atomic.Bool{}
	dies.Store(true)
	server := mailtest.Start(t, mailtest.Options{Body: func(c *smtp.Conn, _ mailtest.Letter) (bool, error) {
		if dies.Load() {
			mailtest.Hangup(c)
		}
		return true, nil
	}})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	o.put(o.message("a"))
	o.due()
	o.expect("a", notify.Unsure, "the connection was lost before the answer came")
	o.put(o.message("a")) // nor by putting it again
	o.stop("visit-a")     // nor is it forgotten
	o.due()
	o.expect("a", notify.Unsure, "the connection was lost before the answer came")
	dies.Store(false)
	if err := o.Again(t.Context(), auth.Operator(), true, "", o.status("a").ID); err != nil {
		t.Fatal(err)
	}
	o.due()
	o.expect("a", notify.Sent, "")
	id := []byte("\r\nMessage-ID: <" + o.status("a").ID + "@hospital.example.org>\r\n")
	if letters := server.Mailbox(address); len(letters) != 2 || !bytes.Contains(letters[0].Raw, id) || !bytes.Contains(letters[1].Raw, id) {
		t.Errorf("%d letters", len(letters))
	}
	if err := o.Again(t.Context(), auth.Operator(), true, "", o.status("a").ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("again what was sent: %v", err)
	}
	for _, outcome := range []store.Outcome{store.Allowed, store.Refused} {
		if n := o.count(`SELECT COUNT(*) FROM audit WHERE action = 'message.again' AND subject_id = ? AND outcome = ?`, o.status("a").ID, outcome); n != 1 {
			t.Errorf("%d rows of audit of what was %s", n, outcome)
		}
	}
	if got := o.Totals(); len(got) != 2 || got[notify.Ended{Channel: notify.Email, State: notify.Unsure}] != 1 || got[notify.Ended{Channel: notify.Email, State: notify.Sent}] != 1 {
		t.Errorf("counted %v", got)
	}
}

func TestOnce(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	m := o.message("a")
	m.At = o.clock.Now().Add(time.Hour)
	o.put(m)
	m.At = m.At.Add(time.Hour)
	o.put(m) // moved
	o.clock.Pass(time.Hour)
	o.due()
	o.expect("a", notify.Waiting, "")
	o.clock.Pass(time.Hour)
	if b, err := o.Backlogs(t.Context()); err != nil || len(b) != 2 || b[0] != (notify.Backlog{Channel: notify.Email, Waiting: 1}) {
		t.Errorf("backlog: %+v, %v", b, err)
	}
	o.clock.Pass(time.Minute)
	if b, err := o.Backlogs(t.Context()); err != nil || len(b) != 2 || b[0].Oldest != time.Minute || b[1] != (notify.Backlog{Channel: notify.SMS}) {
		t.Errorf("backlog: %+v, %v", b, err)
	}
	o.due()
	o.put(m)
	o.due()
	o.expect("a", notify.Sent, "")
	if len(server.Mailbox(address)) != 1 {
		t.Errorf("%d letters", len(server.Mailbox(address)))
	}
	for _, bad := range []notify.Message{{}, {Channel: "pigeon", To: "x", Kind: "reminder", Key: "k", About: "v"}, {Channel: notify.Email, Kind: "reminder", Key: "k", About: "v"}} {
		if err := o.db.Tx(t.Context(), func(tx *store.Tx) error { return o.Put(t.Context(), tx, bad) }); !errors.Is(err, fault.NotValid) {
			t.Errorf("put %+v: %v", bad, err)
		}
	}
}

// Nobody is told what was: a message is stopped, moved or found needless up to the last moment.
func TestNotNeeded(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	later := o.message("moved")
	later.At = o.clock.Now().Add(time.Hour)
	o.compose = func(m notify.Message) (notify.Content, error) {
		switch m.Key {
		case "needless":
			return notify.Content{}, notify.ErrNotNeeded
		case "stopped meanwhile":
			o.stop(m.About)
		case "moved":
			if o.clock.Now().Before(later.At) {
				o.put(later)
			}
		case "odd":
			return notify.Content{}, errors.New("no text")
		}
		return notify.Content{Subject: "Your visit", Text: text}, nil
	}
	for _, key := range []string{"needless", "stopped", "stopped meanwhile", "moved", "odd"} {
		o.put(o.message(key))
	}
	o.stop("visit-stopped")
	o.due()
	for key, want := range map[string]notify.State{"needless": notify.Stopped, "stopped": notify.Stopped, "stopped meanwhile": notify.Stopped, "moved": notify.Waiting, "odd": notify.Waiting} {
		if got := o.status(key).State; got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if len(server.Letters()) != 0 {
		t.Errorf("%d letters were sent", len(server.Letters()))
	}
	if n := o.count(`SELECT COUNT(*) FROM notify_messages WHERE state = 'stopped' AND recipient <> ''`); n != 0 {
		t.Error("an address is kept that nobody needs")
	}
	o.clock.Pass(time.Hour)
	o.put(o.message("stopped")) // needed after all
	o.due()
	o.expect("moved", notify.Sent, "")
	o.expect("stopped", notify.Sent, "")
	if len(server.Letters()) != 2 {
		t.Errorf("%d letters were sent", len(server.Letters()))
	}
}

// A node that sleeps while its message is on its way is taken for dead; when it learns that the message was sent after all, it says so.
func TestAsleepWhileSending(t *testing.T) {
	url, master := storetest.URL(t), filepath.Join(t.TempDir(), "master.key")
	var other *office
	server := mailtest.Start(t, mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) {
		other.clock.Pass(lease)
		other.due()
		other.expect("a", notify.Unsure, "the server stopped while it was sent")
		return true, nil
	}})
	o := openOffice(t, url, master, testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), ways{mail: newMail(t, server.URL())})
	other = openOffice(t, url, master, o.clock, ways{mail: newMail(t, server.URL())})
	o.put(o.message("a"))
	o.due()
	o.expect("a", notify.Sent, "")
	if len(server.Letters()) != 1 || o.count(`SELECT COUNT(*) FROM jobs`) != 0 {
		t.Errorf("%d letters", len(server.Letters()))
	}
}

// A server that is told to stop waits for the answer to what it has sent.
func TestStoppedWhileSending(t *testing.T) {
	var stop context.CancelFunc
	server := mailtest.Start(t, mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) {
		stop()
		return true, nil
	}})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	ctx, cancel := context.WithCancel(context.Background())
	stop = cancel
	o.put(o.message("a"))
	o.queue.Run(ctx)
	o.expect("a", notify.Sent, "")
}

// A server that is told to stop while a message's text is on its way has sent it or has not: nothing is in doubt.
func TestStoppedBeforeSending(t *testing.T) {
	var stop context.CancelFunc
	server := mailtest.Start(t, mailtest.Options{Begun: func(*smtp.Conn) { stop() }})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	o.compose = func(notify.Message) (notify.Content, error) {
		return notify.Content{Subject: "Your visit", Text: phi.Text(strings.Repeat(text+"\n", 200))}, nil // more than is held back until its end
	}
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		stop = cancel
		key := strconv.Itoa(i)
		o.put(o.message(key))
		o.queue.Run(ctx)
		o.due()
		o.expect(key, notify.Sent, "")
		if n := len(server.Letters()); n != i+1 {
			t.Fatalf("%d letters of %d", n, i+1)
		}
	}
}

// What became of a message is written when the database is back that was away when the answer came.
func TestDatabaseAwayWhileSending(t *testing.T) {
	var o *office
	server := mailtest.Start(t, mailtest.Options{Body: func(*smtp.Conn, mailtest.Letter) (bool, error) {
		release := storetest.Hold(t, o.url)
		time.AfterFunc(time.Second, release) // long after the first try was refused
		return true, nil
	}})
	impatient := ways{mail: newMail(t, server.URL()), options: store.Options{BusyTimeout: 50 * time.Millisecond}}
	o = openOffice(t, storetest.URL(t), filepath.Join(t.TempDir(), "master.key"), testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), impatient)
	o.put(o.message("a"))
	o.due()
	o.expect("a", notify.Sent, "")
	if len(server.Letters()) != 1 {
		t.Errorf("%d letters", len(server.Letters()))
	}
}

func TestNoWay(t *testing.T) {
	o := newOffice(t, ways{})
	if o.Sends(notify.Email) || o.Sends(notify.SMS) {
		t.Error("there is a way")
	}
	o.put(o.message("a"))
	o.due()
	o.expect("a", notify.Failed, "this server has no way to send it")
	o.put(o.message("a")) // once there is
	o.expect("a", notify.Waiting, "")
}

// Addresses are on the disk as nobody can read them, and gone once they have served.
func TestAddressesAreSealed(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	m := o.message("a")
	m.At = m.At.Add(time.Hour)
	o.put(m)
	o.put(o.message("b"))
	o.put(notify.Message{Channel: notify.Email, To: "no address at all, canary", Kind: "reminder", Key: "c", Language: "en", About: "visit-c", At: o.clock.Now()})
	o.due()
	o.expect("b", notify.Sent, "")
	o.expect("c", notify.Failed, "the address is none")
	if bytes.Contains(storetest.OnDisk(t, o.url), []byte("canary")) || strings.Contains(o.log.String(), "canary") {
		t.Error("an address is on the disk or in the log")
	}
	if n := o.count(`SELECT COUNT(*) FROM notify_messages WHERE recipient = ''`); n != 1 {
		t.Errorf("%d addresses are forgotten", n)
	}
	o.tx(func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE notify_messages SET recipient = 'damaged' WHERE key = 'a'`)
		return err
	})
	o.clock.Pass(time.Hour)
	o.due()
	o.expect("a", notify.Failed, "its address can't be read")
}
