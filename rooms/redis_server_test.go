package rooms

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"housecall/platform/testkit"

	"github.com/redis/go-redis/v9"
)

// redisLog is what the Redis client says for itself.
type redisLog struct {
	mu   sync.Mutex
	said []string
}

// redisSaid has every word of the client, from any test of this package.
var redisSaid redisLog

func init() { redis.SetLogger(&redisSaid) }

func (l *redisLog) Printf(_ context.Context, format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, fmt.Sprintf(format, v...))
}

// tells says whether any word so far has the text in it.
func (l *redisLog) tells(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.said, func(s string) bool { return strings.Contains(s, text) })
}

// redisServer is a real redis-server of one test, on a loopback port, with nothing kept on disk.
type redisServer struct {
	t       *testing.T
	setUp   redisSetUp
	port    int
	process *exec.Cmd
	ended   <-chan struct{} // closed when process has ended
}

// redisSetUp is how a server is started.
type redisSetUp struct {
	args    func(port int) []string // options; nil: a plain server at the port
	env     []string                // beside our own
	ready   string                  // what its log says once it serves
	address string                  // of clients, with PORT for the port
}

// plainRedis are the options of a server that listens at the port, and keeps nothing.
func plainRedis(t *testing.T, more ...string) func(port int) []string {
	dir := t.TempDir()
	return func(port int) []string {
		return append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir}, more...)
	}
}

// startRedis starts a server that ends with the test.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	return startRedisAs(t, redisSetUp{args: plainRedis(t), ready: redisReady, address: "redis://127.0.0.1:PORT/0"})
}

// redisReady is what the log of a server says once it serves, and of none that found its port taken.
const redisReady = "Ready to accept connections"

func startRedisAs(t *testing.T, setUp redisSetUp) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("this test needs redis-server: apt-get install redis-server")
	}
	s := &redisServer{t: t, setUp: setUp}
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

// freePort finds a port that is free now, and whose neighbour by which a cluster's nodes speak to each other exists.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port+10000 < 1<<16 {
			return port
		}
	}
}

// start runs the server on its port and waits until it serves. False: it has ended at once.
func (s *redisServer) start() bool {
	s.t.Helper()
	watch := &logWatch{text: s.setUp.ready, seen: make(chan struct{})}
	s.process = exec.Command("redis-server", s.setUp.args(s.port)...)
	s.process.Env = append(s.process.Environ(), s.setUp.env...)
	s.process.Stdout, s.process.Stderr = watch, watch
	var err error
	if s.ended, err = testkit.Start(s.process); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-watch.seen:
		return true
	case <-s.ended:
		s.t.Log(watch.String())
		return false
	case <-time.After(soon):
		s.kill()
		s.t.Fatalf("redis-server does not serve: %s", watch)
		return false
	}
}

// logWatch waits for a text in what a process writes.
type logWatch struct {
	text string
	seen chan struct{} // closed when it was written

	mu    sync.Mutex
	found bool
	all   bytes.Buffer
}

func (w *logWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.all.Write(p)
	if !w.found && bytes.Contains(w.all.Bytes(), []byte(w.text)) {
		w.found = true
		close(w.seen)
	}
	return n, err
}

func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func (s *redisServer) host() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// address is what clients open.
func (s *redisServer) address() string {
	return strings.ReplaceAll(s.setUp.address, "PORT", strconv.Itoa(s.port))
}

// addressAt is what clients open who come another way.
func (s *redisServer) addressAt(way net.Addr) string {
	return strings.ReplaceAll(s.setUp.address, "127.0.0.1:PORT", way.String())
}

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

// restart starts the server anew, with nothing in it.
func (s *redisServer) restart() {
	s.t.Helper()
	eventually(s.t, "the server has its port back", pollPause, s.start)
}

// open connects to the server until the test ends.
func (s *redisServer) open(patience time.Duration) *Redis {
	s.t.Helper()
	return openTestRedis(s.t, s.address(), patience)
}

// openTestRedis connects to an address until the test ends.
func openTestRedis(t *testing.T, address string, patience time.Duration) *Redis {
	t.Helper()
	r, err := openRedis(address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
