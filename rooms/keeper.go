package rooms

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"housecall/platform/fault"
)

// renewEvery is how often every lease is written back, so that a store that was emptied knows its rooms again soon.
const renewEvery = 5 * time.Second

// pulse is what a host knows of its own heart. Written by beat and keep.
type pulse struct {
	began  atomic.Int64 // when the last beat that came through was begun, by the machine's clock, which goes on while a process is frozen
	failed atomic.Bool  // the last beat did not come through
	// How often others may have got rooms of this node, and of these times, how many leases were looked at since.
	doubts, settled atomic.Int64
}

// isCutOff says whether another node may host the rooms by now, or soon: so nobody new is admitted here.
func (h *Host) isCutOff() bool {
	p := &h.pulse
	if p.failed.Load() || p.doubts.Load() != p.settled.Load() {
		return true
	}
	return h.config.Shared && time.Now().UnixNano()-p.began.Load() >= HeartbeatTTL.Nanoseconds()
}

// beat keeps this node's heart beating. It is apart from keep, so that no store that hangs on one room delays it.
func (h *Host) beat(ctx context.Context) {
	ticker := time.NewTicker(HeartbeatEvery)
	defer ticker.Stop()
	away := false
	for {
		began := time.Now()
		known, err := h.config.Leases.Beat(ctx, h.node())
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if h.config.Shared && !known && h.hostsAny() {
				h.pulse.doubts.Add(1)
			}
			h.pulse.began.Store(began.UnixNano())
		}
		h.pulse.failed.Store(err != nil)
		if h.pulse.doubts.Load() != h.pulse.settled.Load() {
			poke(h.wake)
		}
		if (err != nil) != away { // said once, not twice a second
			away = err != nil
			h.config.Logger.Warn("the store of leases", "away", away, "error", err)
		}
		select {
		case <-ticker.C:
		case <-h.hurry:
		case <-ctx.Done():
			return
		}
	}
}

// hostsAny says whether there is a room here that another node may have got.
func (h *Host) hostsAny() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rooms) > 0
}

// node is this node as it announces itself.
func (h *Host) node() Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := Node{ID: h.config.Node, Address: h.config.Address, Draining: h.draining}
	for _, entry := range h.rooms {
		people := 0
		if entry.room != nil {
			people = int(entry.room.counted.waiting.Load() + entry.room.counted.inVisit.Load())
		}
		n.Load += max(2, people)
	}
	return n
}

// keep stores snapshots as they change, and all leases again from time to time.
func (h *Host) keep(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		all := false
		select {
		case <-h.wake:
		case <-ticker.C:
			all = true
			h.forgetEnded()
		case <-ctx.Done():
			return
		}
		doubts, answers := h.pulse.doubts.Load(), true
		all = all || doubts != h.pulse.settled.Load()
		for _, r := range h.unsaved(all) {
			if answers = h.renew(ctx, r); !answers {
				break // the store is away: all would wait in vain; the ticker tries again
			}
		}
		if all && answers {
			h.pulse.settled.Store(doubts)
		}
	}
}

// unsaved lists the rooms whose lease is to be written.
func (h *Host) unsaved(all bool) []*Room {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Room
	for _, entry := range h.rooms {
		if entry.room != nil && (all || entry.dirty) {
			list = append(list, entry.room)
		}
	}
	return list
}

// renew writes one room's lease; false when the store is away.
func (h *Host) renew(ctx context.Context, r *Room) bool {
	h.mu.Lock()
	entry := h.rooms[r.visit]
	if entry == nil || entry.room != r {
		h.mu.Unlock()
		return true
	}
	lease := entry.lease
	entry.dirty = false
	h.mu.Unlock()

	err := h.config.Leases.Renew(ctx, lease)
	if err == nil {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if entry.room != r {
		return true // closed meanwhile, and its lease given back with the last snapshot
	}
	entry.dirty = true
	if errors.Is(err, ErrLost) {
		h.lose(r)
	}
	return !errors.Is(err, fault.TryAgain)
}

// forgetEnded drops visits ended long ago.
func (h *Host) forgetEnded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.config.Now()
	for visit, at := range h.ended {
		if now.Sub(at) > endedMemory {
			delete(h.ended, visit)
		}
	}
}
