package rooms

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"housecall/platform/fault"
)

// answerWithin is how long any one call may take while Redis is away.
const answerWithin = 2 * time.Second

// everyCallWorks waits until all calls are answered.
func everyCallWorks(t *testing.T, r *Redis) {
	t.Helper()
	for name, call := range redisCalls(t, r) {
		eventually(t, name+" works", pollPause, func() bool { return call() == nil })
	}
}

// everyCallRefused has Redis fail, and expects that every call, made at one time with all others, is refused within answerWithin: each time, and at
// least once also by the clock of a machine that may stand still for a while.
func everyCallRefused(t *testing.T, r *Redis, fail func()) {
	t.Helper()
	fail()
	eventually(t, "all is refused in time", func() {}, func() bool {
		var group sync.WaitGroup
		begin := time.Now()
		for name, call := range redisCalls(t, r) {
			group.Go(func() {
				if err := call(); !errors.Is(err, fault.TryAgain) {
					t.Errorf("%s: %v, want fault.TryAgain", name, err)
				}
			})
		}
		group.Wait()
		return time.Since(begin) <= answerWithin
	})
}

// line is a TCP connection's way to a server, which a test can cut.
type line struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	state  lineState
	heal   chan struct{} // closed when what is silent speaks again
	conns  map[net.Conn]struct{}
	served sync.WaitGroup
}

type lineState uint8

const (
	lineUp     lineState = iota
	lineSilent           // everything is taken and nothing delivered, as behind a cable that was pulled
	lineCut              // connections are closed, and new ones too
)

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, to: to, heal: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	l.served.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(lineUp)
		l.closeAll()
		l.served.Wait()
	})
	return l
}

func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		cut := l.state == lineCut
		if !cut {
			l.conns[near], l.conns[far] = struct{}{}, struct{}{}
			l.served.Go(func() { l.carry(near, far) })
			l.served.Go(func() { l.carry(far, near) })
		}
		l.mu.Unlock()
		if cut {
			_, _ = near.Close(), far.Close()
		}
	}
}

// carry passes on what comes, while the line is up.
func (l *line) carry(from, to net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		silent, heal := l.state == lineSilent, l.heal
		l.mu.Unlock()
		if silent {
			<-heal
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil && !errors.Is(err, io.ErrShortBuffer) {
			return
		}
	}
}

// set says what the line does from now on.
func (l *line) set(state lineState) {
	l.mu.Lock()
	if l.state == lineSilent {
		close(l.heal)
		l.heal = make(chan struct{})
	}
	l.state = state
	l.mu.Unlock()
	if state == lineCut {
		l.closeAll()
	}
}

func (l *line) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}

// TestRedisAway: while Redis can't be reached, whatever the reason, everything is refused in time; and when it can, all is as before, without
// a new start here.
func TestRedisAway(t *testing.T) {
	guardGoroutines(t)
	certificates := testCertificates(t)
	outages := map[string]struct{ fail, heal func(*redisServer, *line) }{
		"hung":   {func(s *redisServer, _ *line) { s.signal(syscall.SIGSTOP) }, func(s *redisServer, _ *line) { s.signal(syscall.SIGCONT) }},
		"gone":   {func(s *redisServer, _ *line) { s.kill() }, func(s *redisServer, _ *line) { s.restart() }},
		"silent": {func(_ *redisServer, l *line) { l.set(lineSilent) }, func(_ *redisServer, l *line) { l.set(lineUp) }},
		"cut":    {func(_ *redisServer, l *line) { l.set(lineCut) }, func(_ *redisServer, l *line) { l.set(lineUp) }},
	}
	for name, outage := range outages {
		for _, secure := range []bool{false, true} {
			title := name
			if secure {
				title += ", by TLS"
			}
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				var server *redisServer
				if secure {
					server = startTLSRedis(t, certificates)
				} else {
					server = startRedis(t)
				}
				way := newLine(t, server.host())
				r := openTestRedis(t, server.addressAt(way.listener.Addr()), redisPatience)
				leases := NewRedisLeases(r)
				everyCallWorks(t, r)
				before, err := leases.Acquire(t.Context(), "node", "kept", 0)
				if err != nil {
					t.Fatal(err)
				}
				everyCallRefused(t, r, func() { outage.fail(server, way) })
				outage.heal(server, way)
				everyCallWorks(t, r)
				// The host has its room still: from Redis, or, where that was emptied, by writing it back.
				if err := leases.Renew(t.Context(), before); err != nil {
					t.Errorf("the host writes its lease: %v", err)
				}
				after, err := leases.Acquire(t.Context(), "node", "kept", 0)
				if err != nil || after.Epoch != before.Epoch {
					t.Errorf("afterwards %+v, %v; before %+v", after, err, before)
				}
			})
		}
	}
}
