package rooms

import (
	"context"
	"errors"
	"time"

	"housecall/platform/fault"
)

// renewEvery is how often every lease is written back, so that a store that was emptied knows its rooms again soon.
const renewEvery = 5 * time.Second

// beat keeps this node's heart beating. It is apart from keep, so that no store that hangs on one room delays it.
func (h *Host) beat(ctx context.Context) {
	ticker := time.NewTicker(HeartbeatEvery)
	defer ticker.Stop()
	away := false
	for {
		err := h.config.Leases.Beat(ctx, h.config.Node)
		if ctx.Err() != nil {
			return
		}
		h.cutOff.Store(err != nil)
		if (err != nil) != away { // said once, not twice a second
			away = err != nil
			h.config.Logger.Warn("the store of leases", "away", away, "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
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
		for _, r := range h.unsaved(all) {
			if !h.renew(ctx, r) {
				break // the store is away: all would wait in vain; the ticker tries again
			}
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
		h.config.Logger.Warn("a room is hosted elsewhere now", "visit", r.visit)
		r.shut()
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
