package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
)

var full = flag.Bool("full", false, "write as many notes while the server is killed as is promised")

// What the server that is to be killed gets by its environment.
const (
	childDatabase = "SERVER_CHILD_DATABASE"
	childData     = "SERVER_CHILD_DATA"
	childListen   = "SERVER_CHILD_LISTEN"
)

// serveUntilKilled is that server.
func serveUntilKilled() error {
	s, err := server.New(context.Background(), server.Config{Listen: os.Getenv(childListen), Data: os.Getenv(childData), Database: os.Getenv(childDatabase), Staff: server.Staff{Cost: cheap}})
	if err != nil {
		return err
	}
	return <-s.Failed()
}

// mortal is a server in a process of its own, started anew after each kill.
type mortal struct {
	t                   *testing.T
	data, database, url string
	env                 []string
	cmd                 *exec.Cmd
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0") // the port stays the same, as it does for a server that is started again
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	m := &mortal{t: t, data: t.TempDir(), database: storetest.URL(t), url: "http://" + address}
	m.env = append(os.Environ(), childDatabase+"="+m.database, childData+"="+m.data, childListen+"="+address)
	t.Cleanup(m.kill)
	return m
}

func (m *mortal) start() {
	m.t.Helper()
	m.cmd = exec.CommandContext(context.WithoutCancel(m.t.Context()), os.Args[0])
	m.cmd.Env, m.cmd.Stderr = m.env, os.Stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for {
		response, err := http.Get(m.url + "/livez")
		if err == nil {
			response.Body.Close()
			return
		}
		if m.t.Context().Err() != nil {
			m.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *mortal) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill() // SIGKILL
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// scribe is a clinician's browser that writes a note: a line at a time, each sent until it is acknowledged.
type scribe struct {
	t         *testing.T
	http      *http.Client
	url       string
	base      int
	text      strings.Builder
	unheard   int // writes that no answer came to, and were sent again
	confirmed *atomic.Int64
}

func newScribe(t *testing.T, m *mortal, link visits.Link, confirmed *atomic.Int64) *scribe {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &scribe{t: t, http: &http.Client{Jar: jar, Transport: &http.Transport{}}, url: m.url + "/v/" + link.Invitation.VisitID + "/note", confirmed: confirmed}
	t.Cleanup(s.http.CloseIdleConnections)
	_, code, _ := strings.Cut(link.URL, "#")
	response, err := s.http.Post(m.url+"/api/v1/join", "application/json", strings.NewReader(`{"code":"`+code+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("join: %s", response.Status)
	}
	return s
}

// line writes one more line, and returns when it is acknowledged.
func (s *scribe) line(text string) error {
	s.text.WriteString(text + "\n")
	body, err := json.Marshal(map[string]any{"key": store.NewID(), "base": s.base, "text": s.text.String()})
	if err != nil {
		return err
	}
	for s.t.Context().Err() == nil {
		answer, status, err := s.call(http.MethodPut, body)
		if err != nil || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
			s.unheard++
			time.Sleep(5 * time.Millisecond)
			continue
		}
		var saved struct{ Revision int }
		if err := json.Unmarshal(answer, &saved); status != http.StatusOK || err != nil {
			return fmt.Errorf("%d: %s", status, answer)
		}
		s.base = saved.Revision
		s.confirmed.Add(1)
		return nil
	}
	return s.t.Context().Err()
}

func (s *scribe) call(method string, body []byte) (answer []byte, status int, err error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	response, err := s.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return answer, response.StatusCode, err
}

// TestNotesSurviveKills: the server is killed again and again while ten clinicians write notes. Whatever it acknowledged is there, once, and so is what it saved
// and could not acknowledge, for each line was sent until it was.
func TestNotesSurviveKills(t *testing.T) {
	const scribes = 10
	lines, kills := 20, 3
	if *full {
		lines, kills = 100, 12
	}
	m := newMortal(t)
	links := m.clinicians(scribes)
	m.start()
	var confirmed atomic.Int64
	all := make([]*scribe, scribes)
	for i, link := range links {
		all[i] = newScribe(t, m, link, &confirmed)
	}
	var work sync.WaitGroup
	for i, s := range all {
		work.Go(func() {
			for n := range lines {
				if err := s.line(fmt.Sprintf("scribe %d line %d", i, n)); err != nil {
					t.Errorf("line %d: %v", n, err)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) // any seed will do
	for k := range kills {
		// Somewhere within its share of the writes, wherever the server is with them then.
		for due := int64(scribes * lines * (k + 1) / (kills + 2)); confirmed.Load() < due && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		m.kill()
		m.start()
	}
	work.Wait()
	m.kill()
	m.start()
	unheard := 0
	for i, s := range all {
		unheard += s.unheard
		answer, status, err := s.call(http.MethodGet, nil)
		var kept struct {
			Revision int
			Text     string
		}
		if err == nil {
			err = json.Unmarshal(answer, &kept)
		}
		if err != nil || status != http.StatusOK || kept.Text != s.text.String() || kept.Revision != lines {
			t.Errorf("note %d: %d, %v, revision %d, and not what was acknowledged", i, status, err, kept.Revision)
		}
	}
	t.Logf("%d writes acknowledged, %d kills, %d tries unheard", confirmed.Load(), kills, unheard)
	if unheard == 0 {
		t.Error("no kill came in the way of a write")
	}
}

// clinicians makes visits that are open now, and returns the links of their clinicians.
func (m *mortal) clinicians(n int) (links []visits.Link) {
	m.t.Helper()
	s, err := server.New(m.t.Context(), server.Config{Listen: "127.0.0.1:0", Data: m.data, Database: m.database, Staff: server.Staff{Cost: cheap}})
	if err != nil {
		m.t.Fatal(err)
	}
	for range n {
		_, all, err := s.Visits.Create(m.t.Context(), auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 30,
			People: []visits.Person{{Name: "Sample", Role: auth.Clinician}, {Name: "Sample", Role: auth.Patient}}})
		if err != nil {
			m.t.Fatal(err)
		}
		links = append(links, all[0])
	}
	if err := s.Close(); err != nil {
		m.t.Fatal(err)
	}
	return links
}
