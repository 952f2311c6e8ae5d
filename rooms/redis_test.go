package rooms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/platform/fault"
)

const (
	// soon bounds every wait for a condition: far more than any of them needs, since machines may be busy.
	soon = time.Minute
	// testPatience replaces redisPatience where a busy machine must not look like Redis being away.
	testPatience = time.Minute
)

// redisServer is a real redis-server of one test, on a loopback port, with nothing kept on disk.
type redisServer struct {
	t       *testing.T
	port    int
	process *exec.Cmd
	ended   chan struct{} // closed when process has ended
}

// startRedis starts a server that ends with the test.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("this test needs redis-server: apt-get install redis-server")
	}
	s := &redisServer{t: t}
	// Between finding a free port and listening on it somebody else may take it: then the server ends, and we try another.
	for range 20 {
		s.port = freePort(t)
		if s.start() {
			t.Cleanup(s.kill)
			return s
		}
	}
	t.Fatal("redis-server did not start")
	return nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs the server on its port and waits until it answers. False: it has ended at once.
func (s *redisServer) start() bool {
	s.t.Helper()
	s.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port),
		"--save", "", "--appendonly", "no", "--dir", s.t.TempDir(), "--loglevel", "warning")
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		_ = process.Wait() // it is always ended by a signal, or for a port that is taken
		close(ended)
	}(s.process, s.ended)
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); {
		if s.answers() {
			return true
		}
		select {
		case <-s.ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.kill()
	return false
}

// answers says whether this very process is serving the port.
func (s *redisServer) answers() bool {
	conn, err := net.DialTimeout("tcp", s.address(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 8192)
	n, _ := conn.Read(answer)
	return strings.Contains(string(answer[:n]), fmt.Sprintf("process_id:%d\r\n", s.process.Process.Pid))
}

func (s *redisServer) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// signal sends a signal to the server alone.
func (s *redisServer) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends the server and waits for its end. It may have ended before.
func (s *redisServer) kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// open connects to the server until the test ends.
func (s *redisServer) open(patience time.Duration) *Redis {
	s.t.Helper()
	r, err := OpenRedis("redis://" + s.address() + "/0")
	if err != nil {
		s.t.Fatal(err)
	}
	if patience > r.patience {
		options := r.client.Options()
		options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience, patience
	}
	r.patience = patience
	s.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return r
}

// guardGoroutines fails the test when goroutines outlive it. To be called first, so that its check comes last.
func guardGoroutines(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// eventually waits until the condition holds; pause lets time go by between two looks.
func eventually(t *testing.T, what string, pause func(), holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !holds(); pause() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func pollPause() { time.Sleep(10 * time.Millisecond) }

func TestRedisAway(t *testing.T) {
	guardGoroutines(t)
	for _, c := range []struct {
		name       string
		fail, heal func(*redisServer)
	}{
		{"hung", func(s *redisServer) { s.signal(syscall.SIGSTOP) }, func(s *redisServer) { s.signal(syscall.SIGCONT) }},
		{"gone", (*redisServer).kill, func(s *redisServer) {
			eventually(s.t, "the server has its port back", pollPause, s.start)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t)
			r := server.open(redisPatience)
			leases, once := NewRedisLeases(r), NewRedisOnce(r, time.Now)
			ctx := t.Context()
			calls := map[string]func() error{
				"Ping":    func() error { return r.Ping(ctx) },
				"Alive":   func() error { _, err := leases.Alive(ctx); return err },
				"HostOf":  func() error { _, _, err := leases.HostOf(ctx, "room"); return err },
				"Beat":    func() error { _, err := leases.Beat(ctx, Node{ID: "node"}); return err },
				"Acquire": func() error { _, err := leases.Acquire(ctx, "node", "room"); return err },
				"Renew":   func() error { return leases.Renew(ctx, Lease{Room: "other", Node: "node", Epoch: 1}) },
				"Release": func() error { return leases.Release(ctx, Lease{Room: "room", Node: "node", Epoch: 1}) },
				"Spend":   func() error { _, err := once.Spend(ctx, "id", time.Now()); return err },
				"Allow":   func() error { _, _, err := once.Allow(ctx, "key", 1000, time.Minute); return err },
			}
			works := func() bool {
				for _, call := range calls {
					if call() != nil {
						return false
					}
				}
				return true
			}
			eventually(t, "Redis answers", pollPause, works)

			c.fail(server)
			for name, call := range calls {
				begin := time.Now()
				if err := call(); !errors.Is(err, fault.TryAgain) {
					t.Errorf("%s while Redis is %s: %v, want fault.TryAgain", name, c.name, err)
				}
				// The promise is two seconds, for two operations; go-redis by itself would take twenty for one.
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("%s took %v while Redis is %s", name, took, c.name)
				}
			}

			c.heal(server)
			eventually(t, "Redis answers again", pollPause, works)
		})
	}
}

// TestRedisKeys looks at everything that is in Redis after all methods were used.
func TestRedisKeys(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	leases, once := NewRedisLeases(r), NewRedisOnce(r, time.Now)
	ctx := t.Context()
	const address, room, pass = "198.51.100.7", "0193-room", "0193-pass"

	lease, err := leases.Acquire(ctx, "node", room)
	if err != nil {
		t.Fatal(err)
	}
	lease.Admitted = []string{"0193-session"}
	if err := leases.Renew(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Acquire(ctx, "node", "0193-released"); err != nil {
		t.Fatal(err)
	}
	if err := leases.Release(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if _, err := once.Spend(ctx, pass, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := once.Allow(ctx, "join "+address, 5, time.Hour); err != nil {
		t.Fatal(err)
	}

	keys := allKeys(t, r)
	if len(keys) < 4 {
		t.Fatalf("only %d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "housecall:") {
			t.Errorf("key %q lacks the prefix", key)
		}
		if key == heartbeatsKey || key == nodesKey {
			continue // live two seconds: they may be gone by now
		}
		if life := r.client.PTTL(ctx, key).Val(); life <= 0 {
			t.Errorf("key %q lives %v: it would stay for ever", key, life)
		}
		for _, secret := range []string{address, room, pass} {
			if strings.Contains(key, secret) {
				t.Errorf("key %q holds %q readably", key, secret)
			}
		}
	}
	if life := r.client.PTTL(ctx, redisPrefix+"spent:"+digest(pass)).Val(); life <= time.Hour {
		t.Errorf("a pass good for an hour is remembered for %v, want some slack beyond", life)
	}
}

func TestHeartbeatsExpire(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	if _, err := NewRedisLeases(r).Beat(t.Context(), Node{ID: "node"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the heartbeats are gone", pollPause, func() bool { return len(allKeys(t, r)) == 0 })
}

func allKeys(t *testing.T, r *Redis) []string {
	t.Helper()
	keys, err := r.client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestOpenRedisHidesPassword(t *testing.T) {
	for _, address := range []string{"redis://:sesame@host:port:port", "http://:sesame@localhost", "redis://:sesame@localhost/base", "redis://:sesame%zz@localhost", "\x7f:sesame"} {
		r, err := OpenRedis(address)
		if err == nil {
			t.Errorf("%q was taken", address)
			_ = r.Close()
			continue
		}
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestRedisCallerGivesUp(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewRedisLeases(r).Beat(ctx, Node{ID: "node"}); !errors.Is(err, fault.TryAgain) || !errors.Is(err, context.Canceled) {
		t.Errorf("a beat nobody waits for: %v", err)
	}
}
