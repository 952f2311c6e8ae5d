package rooms

import (
	"context"
	"fmt"
	"sync"
	"time"

	"housecall/platform/fault"
)

// maxOnce is the most ids, and the most keys, that are remembered at a time: about 20 MB when both are full.
const maxOnce = 100_000

// MemoryOnce is Once within one process.
type MemoryOnce struct {
	now func() time.Time
	max int // of spent and of windows each

	mu      sync.Mutex
	spent   map[string]time.Time  // id's digest → when it may be forgotten
	windows map[string]*tryWindow // key's digest → its current window
	swept   time.Time
}

// tryWindow counts the tries under one key.
type tryWindow struct {
	tries int
	ends  time.Time
}

// NewMemoryOnce returns a Once that lives as long as the process. now is the clock of windows and of forgetting.
func NewMemoryOnce(now func() time.Time) *MemoryOnce {
	return &MemoryOnce{now: now, max: maxOnce, spent: map[string]time.Time{}, windows: map[string]*tryWindow{}, swept: now()}
}

// Spend implements Once. Spent ids are never dropped early, since that would let a pass be used twice: when there is no room
// for another, the answer is fault.TryAgain. Passes are few, because only people invited get them.
func (m *MemoryOnce) Spend(_ context.Context, id string, until time.Time) (bool, error) {
	if err := checkSpend(id); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now, false)
	key := digest(id)
	if forget, ok := m.spent[key]; ok && now.Before(forget) {
		return false, nil
	}
	if len(m.spent) >= m.max {
		if m.sweep(now, true); len(m.spent) >= m.max {
			return false, fault.Away(fmt.Errorf("spend an id: %d are remembered already", m.max))
		}
	}
	m.spent[key] = later(now, until).Add(spentSlack)
	return true, nil
}

// Allow implements Once. Keys come from anybody, so when there are too many some window is forgotten early: a few
// tries more for one address are better than none for everybody.
func (m *MemoryOnce) Allow(_ context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	if err := checkAllow(key, limit, window); err != nil {
		return false, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now, false)
	key = digest(key)
	w := m.windows[key]
	// A window that ends later than a whole window from now is from before the clock was set back.
	if w == nil || !now.Before(w.ends) || w.ends.Sub(now) > window {
		if w == nil && len(m.windows) >= m.max {
			m.dropOne()
		}
		w = &tryWindow{ends: now.Add(window)}
		m.windows[key] = w
	}
	if w.tries >= limit {
		return false, w.ends.Sub(now), nil
	}
	w.tries++
	return true, 0, nil
}

// GiveBack implements Once.
func (m *MemoryOnce) GiveBack(_ context.Context, key string) error {
	if err := checkGiveBack(key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.windows[digest(key)]; w != nil && w.tries > 0 {
		w.tries--
	}
	return nil
}

// dropOne forgets one window, whichever the map yields first. The caller holds mu.
func (m *MemoryOnce) dropOne() {
	for key := range m.windows {
		delete(m.windows, key)
		return
	}
}

// sweep forgets what has expired, once in sweepEvery or at once. The caller holds mu.
func (m *MemoryOnce) sweep(now time.Time, atOnce bool) {
	if since := now.Sub(m.swept); !atOnce && 0 <= since && since < sweepEvery {
		return
	}
	m.swept = now
	for id, forget := range m.spent {
		if !now.Before(forget) {
			delete(m.spent, id)
		}
	}
	for key, w := range m.windows {
		if !now.Before(w.ends) {
			delete(m.windows, key)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
