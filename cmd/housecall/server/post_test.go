package server_test

import (
	"path/filepath"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// TestPost: a server does what others have put into its database, and tells operators of what it could not.
func TestPost(t *testing.T) {
	mail := mailtest.Start(t, mailtest.Options{})
	c := server.Config{AdminListen: "127.0.0.1:0", Database: storetest.URL(t), KeyFile: filepath.Join(t.TempDir(), "master.key"), SMTP: mail.URL(), MailFrom: "visits@example.org"}
	s := open(t, c)
	db := storetest.Open(t, c.Database, store.Options{})
	ring, err := keys.Open(t.Context(), db, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	queue, err := jobs.New(t.Context(), jobs.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := notify.New(t.Context(), notify.Config{DB: db, Jobs: queue, Vault: ring.Mail()})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(tx *store.Tx) error {
		return outbox.Put(t.Context(), tx, notify.Message{Channel: notify.Email, To: "canary@example.org", Kind: "unheard of", Key: "a", Language: "en", About: "visit", At: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	const failed = `housecall_messages{channel="email",state="failed"}`
	series := scrape(t, s)
	for series[failed] == 0 || series[`housecall_jobs{kind="notify.email",state="waiting"}`] != 0 { // which are not read at one moment
		series = scrape(t, s)
	}
	for name, want := range map[string]float64{failed: 1, `housecall_messages{channel="email",state="waiting"}`: 0, `housecall_messages_total{channel="email",state="failed"}`: 1,
		`housecall_messages_total{channel="webhook",state="sent"}`: 0, `housecall_jobs{kind="notify.email",state="waiting"}`: 0} {
		if got, there := series[name]; got != want || !there {
			t.Errorf("%s is %v (%t), want %v", name, got, there, want)
		}
	}
	if len(mail.Letters()) != 0 {
		t.Error("a message without a text was sent")
	}
}

func TestPostOptions(t *testing.T) {
	for name, c := range map[string]server.Config{
		"a sender alone": {MailFrom: "visits@example.org"},
		"a server alone": {SMTP: "smtp://mail.example.org"},
		"no server":      {SMTP: "mail.example.org", MailFrom: "visits@example.org"},
		"no file":        {SMS: filepath.Join(t.TempDir(), "none.json")},
	} {
		c.Listen, c.Data, c.Database = "127.0.0.1:0", t.TempDir(), storetest.File(t)
		if s, err := server.New(t.Context(), c); err == nil {
			t.Errorf("%s: it starts", name)
			_ = s.Close()
		}
	}
}
