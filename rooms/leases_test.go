package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/platform/fault"
)

func TestLeases(t *testing.T) {
	scenes := map[string]func(*testing.T, *leaseStore){
		"first":            sceneFirst,
		"held":             sceneHeld,
		"kept by beats":    sceneKeptByBeats,
		"host dies":        sceneHostDies,
		"released":         sceneReleased,
		"above":            sceneAbove,
		"snapshot":         sceneSnapshot,
		"flush, host back": sceneFlushHostBack,
		"flush, other":     sceneFlushOther,
		"flush, both":      sceneFlushBoth,
		"clock set back":   sceneClockSetBack,
		"race":             sceneRace,
		"not valid":        sceneNotValid,
		"nodes":            sceneNodes,
		"nodes die":        sceneNodesDie,
		"hosts":            sceneHosts,
	}
	guardGoroutines(t)
	flushed := []string{"flush, host back", "flush, other", "flush, both", "nodes die"}
	for kind, open := range leaseStores(buildRedisClock(t)) {
		for name, play := range scenes {
			if kind == "redis that starts anew" && !slices.Contains(flushed, name) {
				continue // nothing else differs
			}
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel() // most of the time is spent waiting for heartbeats to end
				play(t, open(t))
			})
		}
	}
}

func sceneFirst(t *testing.T, s *leaseStore) {
	before := s.now().UnixMicro()
	lease, err := s.Acquire(t.Context(), "a", "room", 0)
	if err != nil {
		t.Fatal(err)
	}
	if lease.Room != "room" || lease.Node != "a" || len(lease.Admitted) != 0 {
		t.Errorf("lease %+v", lease)
	}
	if after := s.now().UnixMicro(); lease.Epoch < before || lease.Epoch > after {
		t.Errorf("epoch %d is not between %d and %d", lease.Epoch, before, after)
	}
	again, err := s.Acquire(t.Context(), "a", "room", 0)
	if err != nil || again.Epoch != lease.Epoch {
		t.Errorf("the host acquired again: %+v, %v; want epoch %d", again, err, lease.Epoch)
	}
	// Also a host that was silent for long, as long as nobody took the room.
	begin := s.now()
	eventually(t, "the heartbeat is gone", s.pause, func() bool { return s.now().Sub(begin) > 2*HeartbeatTTL })
	again, err = s.Acquire(t.Context(), "a", "room", 0)
	if err != nil || again.Epoch != lease.Epoch {
		t.Errorf("the host acquired after a silence: %+v, %v; want epoch %d", again, err, lease.Epoch)
	}
}

func sceneHeld(t *testing.T, s *leaseStore) {
	s.swiftly(t, func(room string) error {
		lease, err := s.Acquire(t.Context(), "a", room, 0)
		if err != nil {
			return err
		}
		held, err := s.Acquire(t.Context(), "b", room, 0)
		if !errors.Is(err, ErrHeld) || held.Node != "a" || held.Epoch != lease.Epoch || held.Room != room {
			return fmt.Errorf("the room of a living host went to another: %+v, %w", held, err)
		}
		other, err := s.Acquire(t.Context(), "b", room+"-other", 0)
		if err != nil || other.Node != "b" {
			return fmt.Errorf("another room: %+v, %w", other, err)
		}
		return s.Renew(t.Context(), lease)
	})
}

func sceneKeptByBeats(t *testing.T, s *leaseStore) {
	s.take(t, "a", "room")
	begin := s.now()
	for s.now().Sub(begin) < 2*HeartbeatTTL {
		beat := s.now()
		if _, err := s.Beat(t.Context(), Node{ID: "a"}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Acquire(t.Context(), "b", "room", 0)
		if errors.Is(err, ErrHeld) {
			s.pause()
			continue
		}
		if err != nil || s.now().Sub(beat) < HeartbeatTTL {
			t.Fatalf("%v after a beat the room went to another: %v", s.now().Sub(beat), err)
		}
		// The machine stood still between the beat and the try: begin again.
		s.take(t, "a", "room")
		begin = s.now()
	}
}

func sceneHostDies(t *testing.T, s *leaseStore) {
	first := s.take(t, "a", "room")
	first.Admitted = []string{"s1", "s2"}
	if err := s.Renew(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := s.take(t, "b", "room")
	if second.Epoch <= first.Epoch {
		t.Errorf("the epoch went from %d to %d", first.Epoch, second.Epoch)
	}
	if !slices.Equal(second.Admitted, first.Admitted) {
		t.Errorf("admitted %q, want %q", second.Admitted, first.Admitted)
	}
	first.Admitted = []string{"intruder"}
	if err := s.Renew(t.Context(), first); !errors.Is(err, ErrLost) {
		t.Errorf("the old host renewed: %v", err)
	}
	if err := s.Release(t.Context(), first); err != nil {
		t.Errorf("the old host released: %v", err)
	}
	if err := s.Renew(t.Context(), second); err != nil {
		t.Errorf("the new host lost the room by that: %v", err)
	}
	if third := s.take(t, "c", "room"); third.Epoch <= second.Epoch || !slices.Equal(third.Admitted, second.Admitted) {
		t.Errorf("third host: %+v after %+v", third, second)
	}
}

func sceneReleased(t *testing.T, s *leaseStore) {
	first := s.take(t, "a", "room")
	first.Admitted = []string{"s1"}
	for range 2 {
		if err := s.Release(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Renew(t.Context(), first); !errors.Is(err, ErrLost) {
		t.Errorf("a released lease was renewed: %v", err)
	}
	second, err := s.Acquire(t.Context(), "b", "room", 0) // at once, although a still lives
	if err != nil {
		t.Fatal(err)
	}
	if second.Epoch <= first.Epoch || !slices.Equal(second.Admitted, first.Admitted) {
		t.Errorf("second host: %+v after %+v", second, first)
	}
	if err := s.Release(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	third, err := s.Acquire(t.Context(), "b", "room", 0) // the same node again: another lease nevertheless
	if err != nil || third.Epoch <= second.Epoch {
		t.Errorf("acquired after releasing: %+v after %+v, %v", third, second, err)
	}
}

// sceneAbove: what lasts may know of higher epochs than the store.
func sceneAbove(t *testing.T, s *leaseStore) {
	s.swiftly(t, func(room string) error {
		far := s.now().Add(time.Hour).UnixMicro()
		first, err := s.Acquire(t.Context(), "a", room, far)
		if err != nil || first.Epoch <= far {
			return fmt.Errorf("above %d: %+v, %w", far, first, err)
		}
		first.Admitted = []string{"s1"}
		if err := s.Renew(t.Context(), first); err != nil {
			return err
		}
		if again, err := s.Acquire(t.Context(), "a", room, far); err != nil || again.Epoch != first.Epoch {
			return fmt.Errorf("the host again, above %d: %+v, %w", far, again, err)
		}
		if held, err := s.Acquire(t.Context(), "b", room, 2*far); !errors.Is(err, ErrHeld) || held.Epoch != first.Epoch {
			return fmt.Errorf("another node: %+v, %w", held, err)
		}
		second, err := s.Acquire(t.Context(), "a", room, first.Epoch)
		if err != nil || second.Epoch <= first.Epoch || !slices.Equal(second.Admitted, first.Admitted) {
			return fmt.Errorf("the host, above its own: %+v, %w", second, err)
		}
		if err := s.Renew(t.Context(), first); !errors.Is(err, ErrLost) {
			return fmt.Errorf("its lease of before was renewed: %w", err)
		}
		return s.Renew(t.Context(), second)
	})
}

func sceneSnapshot(t *testing.T, s *leaseStore) {
	lease := s.take(t, "a", "room")
	full := make([]string, MaxAdmitted)
	for i := range full {
		full[i] = fmt.Sprintf("0193fa2e-7c1b-7d00-8000-%012d", i)
	}
	for _, admitted := range [][]string{{"one"}, {"one", "two"}, full, {}, {"three"}} {
		lease.Admitted = slices.Clone(admitted)
		if err := s.Renew(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		clear(lease.Admitted) // what the caller does with its slice is its own affair
		kept := s.take(t, "a", "room")
		if !slices.Equal(kept.Admitted, admitted) {
			t.Errorf("kept %q, want %q", kept.Admitted, admitted)
		}
		clear(kept.Admitted)
	}
	if kept := s.take(t, "a", "room"); !slices.Equal(kept.Admitted, []string{"three"}) {
		t.Errorf("kept %q", kept.Admitted)
	}
}

func sceneFlushHostBack(t *testing.T, s *leaseStore) {
	s.swiftly(t, func(room string) error {
		lease := s.take(t, "a", room)
		lease.Admitted = []string{"s1"}
		s.flush(t)
		if err := s.Renew(t.Context(), lease); err != nil {
			return fmt.Errorf("the host writes its room back: %w", err)
		}
		if _, err := s.Beat(t.Context(), Node{ID: "a"}); err != nil {
			return err
		}
		held, err := s.Acquire(t.Context(), "b", room, 0)
		if !errors.Is(err, ErrHeld) || held.Epoch != lease.Epoch || !slices.Equal(held.Admitted, lease.Admitted) {
			return fmt.Errorf("after the host came back another got %+v, %w", held, err)
		}
		return nil
	})
	lease := s.take(t, "a", "again")
	s.flush(t)
	again := s.take(t, "a", "again")
	if again.Epoch <= lease.Epoch {
		t.Errorf("the epoch fell from %d to %d when the store was emptied", lease.Epoch, again.Epoch)
	}
	if err := s.Release(t.Context(), lease); err != nil {
		t.Error(err)
	}
	if err := s.Renew(t.Context(), again); err != nil {
		t.Errorf("releasing the lease from before took the room away: %v", err)
	}
}

func sceneFlushOther(t *testing.T, s *leaseStore) {
	first := s.take(t, "a", "room")
	s.flush(t)
	second, err := s.Acquire(t.Context(), "b", "room", 0)
	if err != nil {
		t.Fatal(err)
	}
	if second.Epoch <= first.Epoch {
		t.Errorf("the epoch fell from %d to %d when the store was emptied", first.Epoch, second.Epoch)
	}
	if err := s.Renew(t.Context(), first); !errors.Is(err, ErrLost) {
		t.Errorf("the first host was not told of the second: %v", err)
	}
	if err := s.Renew(t.Context(), second); err != nil {
		t.Error(err)
	}
}

// sceneFlushBoth: two nodes believe in their lease when the store forgets; the higher epoch stays, whoever writes first.
func sceneFlushBoth(t *testing.T, s *leaseStore) {
	first := s.take(t, "a", "room")
	second := s.take(t, "b", "room")
	s.flush(t)
	if err := s.Renew(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), second); err != nil {
		t.Errorf("the higher epoch was refused: %v", err)
	}
	if err := s.Renew(t.Context(), first); !errors.Is(err, ErrLost) {
		t.Errorf("the lower epoch was not told: %v", err)
	}
}

func sceneClockSetBack(t *testing.T, s *leaseStore) {
	before := s.take(t, "a", "room")
	s.setBack(t)
	// Node a is silent from now on. Its heartbeat from before must not hold the room for an hour.
	after := s.take(t, "b", "room")
	if after.Epoch <= before.Epoch {
		t.Errorf("the epoch fell from %d to %d with the clock", before.Epoch, after.Epoch)
	}
	third := s.take(t, "c", "room")
	if third.Epoch <= after.Epoch {
		t.Errorf("the epoch fell from %d to %d with the clock", after.Epoch, third.Epoch)
	}
}

func sceneRace(t *testing.T, s *leaseStore) {
	s.swiftly(t, func(room string) error {
		const nodes = 16
		var group sync.WaitGroup
		leases, errs := make([]Lease, nodes), make([]error, nodes)
		for i := range nodes {
			group.Go(func() { leases[i], errs[i] = s.Acquire(t.Context(), fmt.Sprint("node-", i), room, 0) })
		}
		group.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				return fmt.Errorf("both %+v and %+v host the room", leases[winner], leases[i])
			case err == nil:
				winner = i
			case !errors.Is(err, ErrHeld):
				return err
			}
		}
		for _, lease := range leases {
			if winner < 0 || lease.Node != leases[winner].Node || lease.Epoch != leases[winner].Epoch {
				return fmt.Errorf("told of %+v, winner is number %d", lease, winner)
			}
		}
		return nil
	})
}

func sceneNotValid(t *testing.T, s *leaseStore) {
	ctx := t.Context()
	good := s.take(t, "a", "room")
	with := func(change func(*Lease)) Lease {
		lease := good
		change(&lease)
		return lease
	}
	for name, lease := range map[string]Lease{
		"no node":          with(func(l *Lease) { l.Node = "" }),
		"no room":          with(func(l *Lease) { l.Room = "" }),
		"long room":        with(func(l *Lease) { l.Room = strings.Repeat("x", 129) }),
		"no epoch":         with(func(l *Lease) { l.Epoch = 0 }),
		"a person's name":  with(func(l *Lease) { l.Admitted = []string{"s1", "Sample Patient"} }),
		"an empty session": with(func(l *Lease) { l.Admitted = []string{""} }),
		"too many":         with(func(l *Lease) { l.Admitted = slices.Repeat([]string{"s1"}, MaxAdmitted+1) }),
	} {
		for method, call := range map[string]func(context.Context, Lease) error{"Renew": s.Renew, "Release": s.Release} {
			err := call(ctx, lease)
			if !errors.Is(err, fault.NotValid) {
				t.Errorf("%s: %s: %v, want fault.NotValid", name, method, err)
			} else if strings.Contains(err.Error(), "Patient") {
				t.Errorf("%s: %s: the error repeats it: %v", name, method, err)
			}
		}
	}
	if _, err := s.Beat(ctx, Node{ID: "a b"}); !errors.Is(err, fault.NotValid) {
		t.Errorf("Beat: %v", err)
	}
	for _, pair := range [][2]string{{"", "room"}, {"a", ""}, {"a", "Sample Patient"}} {
		if _, err := s.Acquire(ctx, pair[0], pair[1], 0); !errors.Is(err, fault.NotValid) {
			t.Errorf("Acquire %q: %v", pair, err)
		}
	}
	if err := s.Renew(ctx, good); err != nil {
		t.Errorf("the lease did not survive that: %v", err)
	}
}

func TestMemoryLeasesForget(t *testing.T) {
	clock := newHandClock()
	m := NewMemoryLeases(clock.now)
	for i := range 100 {
		if _, err := m.Acquire(t.Context(), fmt.Sprint("node-", i), fmt.Sprint("room-", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	clock.turn(LeaseMemory / 2)
	if _, err := m.Beat(t.Context(), Node{ID: "node-0"}); err != nil {
		t.Fatal(err)
	}
	if len(m.beats) != 1 || len(m.rooms) != 100 {
		t.Errorf("after half a day: %d heartbeats, %d rooms; want 1 and 100", len(m.beats), len(m.rooms))
	}
	clock.turn(LeaseMemory/2 + time.Minute)
	if _, err := m.Beat(t.Context(), Node{ID: "node-0"}); err != nil {
		t.Fatal(err)
	}
	if len(m.beats) != 1 || len(m.rooms) != 0 {
		t.Errorf("after a day: %d heartbeats, %d rooms; want 1 and 0", len(m.beats), len(m.rooms))
	}
}
