package rooms

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// store is what one kind of store is to nodes.
type store interface {
	Leases
	Nodes
}

// leaseStore is one kind of store under the contract test.
type leaseStore struct {
	store
	now     func() time.Time // the clock by which heartbeats go by
	pause   func()           // lets some time go by
	flush   func(*testing.T) // empties the store
	setBack func(*testing.T) // sets the store's clock back by an hour
}

// leaseStores makes one fresh store of each kind. library is what buildRedisClock made.
func leaseStores(library string) map[string]func(*testing.T) *leaseStore {
	return map[string]func(*testing.T) *leaseStore{
		"memory": func(*testing.T) *leaseStore {
			clock := newHandClock()
			s := &leaseStore{store: NewMemoryLeases(clock.now), now: clock.now}
			s.pause = func() { clock.turn(100 * time.Millisecond) }
			s.flush = func(*testing.T) { s.store = NewMemoryLeases(clock.now) }
			s.setBack = func(*testing.T) { clock.turn(-time.Hour) }
			return s
		},
		"redis": func(t *testing.T) *leaseStore {
			server, clock := startRedisWithClock(t, library)
			r := server.open(testPatience)
			s := &leaseStore{store: NewRedisLeases(r), now: time.Now, pause: pollPause}
			s.flush = func(t *testing.T) {
				if err := r.client.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			s.setBack = func(*testing.T) { clock.turn(-time.Hour) }
			return s
		},
		"redis that starts anew": func(t *testing.T) *leaseStore {
			server, clock := startRedisWithClock(t, library)
			s := &leaseStore{store: NewRedisLeases(server.open(testPatience)), now: time.Now, pause: pollPause}
			s.flush = func(*testing.T) {
				server.kill()
				server.restart()
			}
			s.setBack = func(*testing.T) { clock.turn(-time.Hour) }
			return s
		},
	}
}

// handClock is a clock turned by hand. As a real one it shows another microsecond at every look.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func newHandClock() *handClock {
	return &handClock{at: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)}
}

func (c *handClock) now() time.Time {
	c.turn(time.Microsecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// swiftly plays a scene that is decided only while it takes less than a heartbeat's life. What comes of a scene that took
// longer, because the machine stood still, proves nothing: it is played again in another room.
func (s *leaseStore) swiftly(t *testing.T, play func(room string) error) {
	t.Helper()
	for i := range 50 {
		begin := s.now()
		err := play(fmt.Sprintf("room-%d", i))
		if s.now().Sub(begin) >= HeartbeatTTL {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the machine is too slow for this test")
}

// take acquires the room for the node once it is free.
func (s *leaseStore) take(t *testing.T, node, room string) Lease {
	t.Helper()
	var lease Lease
	eventually(t, "the room is free for "+node, s.pause, func() bool {
		var err error
		if lease, err = s.Acquire(t.Context(), node, room, 0); err != nil && !errors.Is(err, ErrHeld) {
			t.Fatal(err)
		}
		return err == nil
	})
	return lease
}
