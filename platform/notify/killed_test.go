package notify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
)

// What the process that is to be killed gets by its environment.
const (
	childDatabase = "NOTIFY_CHILD_DATABASE"
	childKey      = "NOTIFY_CHILD_KEY"
	childServer   = "NOTIFY_CHILD_SMTP"
)

// send is that process: it sends what is due until it is killed.
func send() error {
	ctx := context.Background()
	db, err := store.Open(ctx, os.Getenv(childDatabase), store.Options{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	ring, err := keys.Open(ctx, db, os.Getenv(childKey))
	if err != nil {
		return err
	}
	queue, err := jobs.New(ctx, jobs.Config{DB: db, Lease: 2 * time.Second, Look: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	mail, err := notify.NewMail(os.Getenv(childServer), from)
	if err != nil {
		return err
	}
	outbox, err := notify.New(ctx, notify.Config{DB: db, Jobs: queue, Vault: ring.Mail(), Mail: mail})
	if err != nil {
		return err
	}
	outbox.Compose("reminder", func(context.Context, notify.Message) (notify.Content, error) {
		return notify.Content{Subject: "Your visit", Text: text}, nil
	})
	queue.Run(ctx)
	return nil
}

// victim is the process, started anew after each kill.
type victim struct {
	t   *testing.T
	env []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	after int // kill it after that many steps of its mail server; 0: let it live
	kills map[string]int
	rng   *rand.Rand
}

// start starts the process; steps is how far it may come.
func (v *victim) start(steps int) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.after = steps
	v.cmd = exec.CommandContext(context.WithoutCancel(v.t.Context()), os.Args[0])
	v.cmd.Env, v.cmd.Stderr = append(os.Environ(), v.env...), os.Stderr
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
}

// step is a step of the mail server, in which the process may be killed.
func (v *victim) step(where string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.after == 0 {
		return
	}
	if v.after--; v.after == 0 {
		v.kills[where]++
		_ = v.cmd.Process.Kill() // SIGKILL
	}
}

// TestKilled: 300 reminders by a process that is killed again and again, at any step of its mail server. None is lost, none comes twice, and where nobody can know,
// it is said.
func TestKilled(t *testing.T) {
	const reminders, kills = 300, 8
	url, master := storetest.URL(t), filepath.Join(t.TempDir(), "master.key")
	v := &victim{t: t, kills: map[string]int{}, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))} // any seed will do
	server := mailtest.Start(t, mailtest.Options{
		Recipient: func(string) error { v.step("at the recipient"); return nil },
		Begun:     func(*smtp.Conn) { v.step("in the middle") },
		Body:      func(*smtp.Conn, mailtest.Letter) (bool, error) { v.step("at the end"); return true, nil },
	})
	v.env = []string{childDatabase + "=" + url, childKey + "=" + master, childServer + "=" + server.URL()}
	o := openOffice(t, url, master, testkit.NewClock(time.Now()), ways{})
	reminder := func(i int) (key, to string) { return fmt.Sprint(i), fmt.Sprintf("family%d@example.org", i) }
	o.tx(func(tx *store.Tx) error {
		for i := range reminders {
			m := o.message("")
			var to string
			m.Key, to = reminder(i)
			m.To, m.About = phi.Text(to), "visit-"+m.Key
			if err := o.Put(t.Context(), tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	for range kills {
		v.start(1 + v.rng.IntN(3*reminders/kills))
		_ = v.cmd.Wait() // killed
	}
	v.start(0)
	for o.count(`SELECT COUNT(*) FROM notify_messages WHERE state IN ('waiting', 'sending')`) > 0 {
		time.Sleep(20 * time.Millisecond)
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()

	states := map[notify.State]int{}
	arrived := 0
	for i := range reminders {
		key, to := reminder(i)
		s, letters := o.status(key), len(server.Mailbox(to))
		states[s.State]++
		arrived += letters
		if letters > 1 || (s.State == notify.Sent && letters != 1) || (s.State != notify.Sent && s.State != notify.Unsure) {
			t.Errorf("%s is %s (%s), and %d letters are there", key, s.State, s.Reason, letters)
		}
	}
	t.Logf("%d kills (%v): %d arrived, %v", kills, v.kills, arrived, states)
	if most := 4 * kills; states[notify.Unsure] > most {
		t.Errorf("%d are unsure: each kill can leave four, which are at most %d", states[notify.Unsure], most)
	}
	unsettled, err := o.Unsettled(t.Context(), reminders)
	if err != nil || len(unsettled) != states[notify.Unsure] {
		t.Errorf("%d are shown to be looked at, %v", len(unsettled), err)
	}
}
