package rooms

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"housecall/platform/fault"
)

// onceStore is one kind of Once under the contract test, as two nodes see it.
type onceStore struct {
	nodes [2]Once
	now   func() time.Time
	pause func()
	flush func(*testing.T)      // empties the store; what goes on is in nodes
	turn  func(d time.Duration) // sets the store's clock
}

func onceStores(library string) map[string]func(*testing.T) *onceStore {
	return map[string]func(*testing.T) *onceStore{
		"memory": func(*testing.T) *onceStore {
			clock := newHandClock()
			once := NewMemoryOnce(clock.now)
			s := &onceStore{nodes: [2]Once{once, once}, now: clock.now, pause: func() { clock.turn(50 * time.Millisecond) }, turn: clock.turn}
			s.flush = func(*testing.T) {
				once := NewMemoryOnce(clock.now)
				s.nodes = [2]Once{once, once}
			}
			return s
		},
		"redis": func(t *testing.T) *onceStore {
			server, clock := startRedisWithClock(t, library)
			a, b := server.open(testPatience), server.open(testPatience)
			return &onceStore{nodes: [2]Once{NewRedisOnce(a, time.Now), NewRedisOnce(b, time.Now)}, now: time.Now, pause: pollPause, turn: clock.turn,
				flush: func(t *testing.T) {
					if err := a.client.FlushAll(t.Context()).Err(); err != nil {
						t.Fatal(err)
					}
				}}
		},
	}
}

func TestOnce(t *testing.T) {
	scenes := map[string]func(*testing.T, *onceStore){
		"spend":        sceneSpend,
		"spend race":   sceneSpendRace,
		"allow":        sceneAllow,
		"allow again":  sceneAllowAgain,
		"allow race":   sceneAllowRace,
		"give back":    sceneGiveBack,
		"another rule": sceneAnotherRule,
		"not valid":    sceneOnceNotValid,
		"flush":        sceneOnceFlush,
		"clock jumps":  sceneOnceClockJumps,
	}
	guardGoroutines(t)
	for kind, open := range onceStores(buildRedisClock(t)) {
		for name, play := range scenes {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				play(t, open(t))
			})
		}
	}
}

func sceneSpend(t *testing.T, s *onceStore) {
	for name, until := range map[string]time.Time{
		"valid": s.now().Add(time.Minute),
		"past":  s.now().Add(-time.Hour), // a pass within the leeway of the verifier is spent once like any other
	} {
		for i, want := range []bool{true, false, false} {
			first, err := s.nodes[i%2].Spend(t.Context(), name, until)
			if err != nil || first != want {
				t.Errorf("%s, time %d: %v, %v; want %v", name, i+1, first, err, want)
			}
		}
	}
}

func sceneSpendRace(t *testing.T, s *onceStore) {
	const tries, ids = 16, 4
	var told [ids]atomic.Int32
	var group sync.WaitGroup
	for i := range tries * ids {
		group.Go(func() {
			first, err := s.nodes[i%2].Spend(t.Context(), fmt.Sprint("pass-", i/tries), s.now().Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if first {
				told[i/tries].Add(1)
			}
		})
	}
	group.Wait()
	for i := range told {
		if n := told[i].Load(); n != 1 {
			t.Errorf("pass %d was spent first %d times", i, n)
		}
	}
}

func sceneAllow(t *testing.T, s *onceStore) {
	const limit, window = 3, time.Hour
	for try := 1; try <= 6; try++ {
		allowed, wait, err := s.nodes[try%2].Allow(t.Context(), "address", limit, window)
		if err != nil {
			t.Fatal(err)
		}
		if want := try <= limit; allowed != want {
			t.Errorf("try %d: allowed %v, want %v", try, allowed, want)
		}
		if allowed && wait != 0 || !allowed && (wait <= 0 || wait > window) {
			t.Errorf("try %d: allowed %v, yet wait %v", try, allowed, wait)
		}
	}
	if allowed, _, err := s.nodes[0].Allow(t.Context(), "other address", limit, window); err != nil || !allowed {
		t.Errorf("another key: %v, %v", allowed, err)
	}
	if first, err := s.nodes[0].Spend(t.Context(), "address", s.now().Add(window)); err != nil || !first {
		t.Errorf("an id like a key: %v, %v", first, err)
	}
}

// sceneAllowAgain: tries refused don't put off the end of the window.
func sceneAllowAgain(t *testing.T, s *onceStore) {
	try := func() bool {
		allowed, _, err := s.nodes[0].Allow(t.Context(), "address", 2, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return allowed
	}
	for range 2 {
		eventually(t, "the limit is reached", func() {}, func() bool { return !try() })
		eventually(t, "the window is over", s.pause, try)
	}
}

func sceneAllowRace(t *testing.T, s *onceStore) {
	const limit, tries = 10, 60
	var allowed atomic.Int32
	var group sync.WaitGroup
	for i := range tries {
		group.Go(func() {
			ok, _, err := s.nodes[i%2].Allow(t.Context(), "address", limit, time.Hour)
			if err != nil {
				t.Error(err)
			}
			if ok {
				allowed.Add(1)
			}
		})
	}
	group.Wait()
	if n := allowed.Load(); n != limit {
		t.Errorf("%d tries were allowed, want %d", n, limit)
	}
}

// sceneGiveBack: a try that is given back is there again, and no more than those that were counted are.
func sceneGiveBack(t *testing.T, s *onceStore) {
	const limit = 2
	giveBack := func(key string) {
		if err := s.nodes[1].GiveBack(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	allowed := func() (n int) {
		for range limit + 1 {
			ok, _, err := s.nodes[0].Allow(t.Context(), "address", limit, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				n++
			}
		}
		return n
	}
	giveBack("address")
	if n := allowed(); n != limit {
		t.Errorf("given back before there was one: %d", n)
	}
	giveBack("other address")
	if n := allowed(); n != 0 {
		t.Errorf("given back to another: %d", n)
	}
	giveBack("address")
	if n := allowed(); n != 1 {
		t.Errorf("one given back: %d", n)
	}
	for range limit + 1 {
		giveBack("address")
	}
	if n := allowed(); n != limit {
		t.Errorf("more given back than counted: %d", n)
	}
	if err := s.nodes[0].GiveBack(t.Context(), ""); !errors.Is(err, fault.NotValid) {
		t.Errorf("under no key: %v", err)
	}
}

// sceneAnotherRule: a server with other settings is not bound by windows begun under the old ones.
func sceneAnotherRule(t *testing.T, s *onceStore) {
	for range 2 {
		if _, _, err := s.nodes[0].Allow(t.Context(), "address", 1, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if allowed, wait, err := s.nodes[0].Allow(t.Context(), "address", 1, time.Hour); err != nil || !allowed {
		t.Errorf("under the new rule: %v, wait %v, %v", allowed, wait, err)
	}
	if allowed, wait, err := s.nodes[0].Allow(t.Context(), "address", 1, time.Hour); err != nil || allowed || wait > time.Hour {
		t.Errorf("under the new rule, second try: %v, wait %v, %v", allowed, wait, err)
	}
}

// sceneOnceFlush: a store that was emptied begins anew, and counts on.
func sceneOnceFlush(t *testing.T, s *onceStore) {
	for range 2 {
		for i, want := range []bool{true, false} {
			first, err := s.nodes[i].Spend(t.Context(), "pass", s.now().Add(time.Hour))
			allowed, _, failed := s.nodes[i].Allow(t.Context(), "address", 1, time.Hour)
			if err != nil || failed != nil || first != want || allowed != want {
				t.Errorf("time %d: %v, %v; %v, %v; want %v", i+1, first, err, allowed, failed, want)
			}
		}
		s.flush(t)
	}
}

// sceneOnceClockJumps: a clock set back frees no pass that was spent, and shuts nobody out for longer than the window; one set forward ends windows.
func sceneOnceClockJumps(t *testing.T, s *onceStore) {
	try := func() bool {
		allowed, _, err := s.nodes[0].Allow(t.Context(), "address", 1, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return allowed
	}
	spend := func() bool {
		first, err := s.nodes[1].Spend(t.Context(), "pass", s.now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	if !try() || try() || !spend() || spend() {
		t.Fatal("not once")
	}
	s.turn(-24 * time.Hour)
	if spend() {
		t.Error("a spent pass was good again when the clock was set back")
	}
	if !try() || try() {
		t.Error("a window from before the clock was set back holds for longer than it may")
	}
	s.turn(25 * time.Hour)
	if !try() || try() {
		t.Error("a window did not end when the clock was set forward")
	}
}

func sceneOnceNotValid(t *testing.T, s *onceStore) {
	once, ctx := s.nodes[0], t.Context()
	if first, err := once.Spend(ctx, "", s.now()); first || !errors.Is(err, fault.NotValid) {
		t.Errorf("no id: %v, %v", first, err)
	}
	for _, c := range []struct {
		key    string
		limit  int
		window time.Duration
	}{{"", 1, time.Minute}, {"key", 0, time.Minute}, {"key", 1, 0}, {"key", 1, time.Microsecond}} {
		if allowed, _, err := once.Allow(ctx, c.key, c.limit, c.window); allowed || !errors.Is(err, fault.NotValid) {
			t.Errorf("%+v: %v, %v", c, allowed, err)
		}
	}
}

func TestMemoryOnceRemembers(t *testing.T) {
	clock := newHandClock()
	m := NewMemoryOnce(clock.now)
	spend := func(id string) bool {
		first, err := m.Spend(t.Context(), id, clock.now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	spend("pass")
	clock.turn(time.Minute + spentSlack - time.Second)
	if spend("pass") {
		t.Error("a pass was good twice before its life and the slack were over")
	}
	clock.turn(sweepEvery)
	spend("another")
	if len(m.spent) != 1 {
		t.Errorf("%d ids remembered, want 1", len(m.spent))
	}
}

func TestMemoryOnceIsBounded(t *testing.T) {
	clock := newHandClock()
	m := NewMemoryOnce(clock.now)
	m.max = 10
	spend := func(id int) error {
		_, err := m.Spend(t.Context(), fmt.Sprint(id), clock.now().Add(time.Minute))
		return err
	}
	for i := range 30 {
		if allowed, _, err := m.Allow(t.Context(), fmt.Sprint(i), 1, time.Hour); err != nil || !allowed {
			t.Errorf("key %d: %v, %v", i, allowed, err)
		}
		if err := spend(i); (i >= m.max) != errors.Is(err, fault.TryAgain) {
			t.Errorf("id %d: %v", i, err)
		}
	}
	if len(m.windows) != m.max || len(m.spent) != m.max {
		t.Errorf("%d windows and %d ids remembered, want %d of each", len(m.windows), len(m.spent), m.max)
	}
	clock.turn(2*time.Minute + time.Second)
	if err := spend(100); err != nil {
		t.Errorf("when the old ones are forgotten: %v", err)
	}
	clock.turn(2 * time.Hour)
	if err := spend(101); err != nil || len(m.windows) != 0 || len(m.spent) != 1 {
		t.Errorf("hours later: %d windows, %d ids, %v", len(m.windows), len(m.spent), err)
	}
}
