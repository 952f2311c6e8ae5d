package rooms

import "sync/atomic"

// Census is how many rooms a Host has open, and how many people are in them.
type Census struct{ Rooms, Waiting, InVisit int }

// tallied is what a room counted last, for whoever is not its goroutine.
type tallied struct{ waiting, inVisit atomic.Int64 }

// tally counts who is in each place.
func (r *Room) tally() {
	waiting := 0
	for _, m := range r.members {
		if m.place == Waiting {
			waiting++
		}
	}
	r.counted.waiting.Store(int64(waiting))
	r.counted.inVisit.Store(int64(len(r.members) - waiting))
}

// Census counts. It asks no room, so it never waits.
func (h *Host) Census() Census {
	h.mu.Lock()
	defer h.mu.Unlock()
	var c Census
	for _, entry := range h.rooms {
		if r := entry.room; r != nil {
			c.Rooms++
			c.Waiting += int(r.counted.waiting.Load())
			c.InVisit += int(r.counted.inVisit.Load())
		}
	}
	return c
}
