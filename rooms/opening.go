package rooms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
)

// openWithin bounds the opening of a room's transcript.
const openWithin = 5 * time.Second

// acquire gets what it takes to open a room: the lease on it, and what lasts of it.
func (h *Host) acquire(ctx context.Context, visit string) (Lease, Record, error) {
	var above int64
	for {
		lease, err := h.config.Leases.Acquire(ctx, h.config.Node, visit, above)
		if err != nil {
			return Lease{}, Record{}, fmt.Errorf("opening a room: %w", err)
		}
		record, err := h.openTranscript(ctx, lease)
		if err == nil {
			return lease, record, nil
		}
		var used *EpochUsedError
		if above == 0 && errors.As(err, &used) {
			above = used.Highest // the store has forgotten it, and its clock is behind
			continue
		}
		h.giveBack(lease)
		return Lease{}, Record{}, fmt.Errorf("opening a room: %w", fault.Away(err))
	}
}

func (h *Host) openTranscript(ctx context.Context, lease Lease) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	return h.config.Transcript.Open(ctx, lease.Room, lease.Epoch, h.config.Limits.Chat)
}

// open starts the room of an entry that is this caller's to open.
func (h *Host) open(ctx context.Context, visit string, entry *hosted) (*Room, error) {
	lease, record, err := h.acquire(ctx, visit)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.forget(visit, entry)
		return nil, err
	}
	err = h.refuses(visit) // since the lease was asked for
	if h.draining {
		err = cmp.Or(err, error(ErrDraining))
	}
	if err != nil {
		h.mu.Unlock()
		h.giveBack(lease)
		h.mu.Lock()
		h.forget(visit, entry)
		return nil, err
	}
	room := newRoom(h, lease, record)
	entry.room, entry.lease = room, lease
	close(entry.settled)
	poke(h.hurry)
	h.work.Go(func() {
		room.emit(Event{Kind: EventOpened})
		room.run()
		h.retire(room)
	})
	return room, nil
}

// unlistIdle stops handing out a room that is empty since the given time, when nobody has asked for it since either; false: it stays.
func (h *Host) unlistIdle(r *Room, since time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	entry := h.rooms[r.visit]
	if entry == nil || entry.room != r {
		return false // it is leaving, and ends by itself
	}
	if entry.asked.After(since) {
		since = entry.asked
	}
	if h.config.Now().Sub(since) < h.config.Limits.Grace {
		return false
	}
	h.unlistLocked(r)
	return true
}

// unlist stops handing out a room.
func (h *Host) unlist(r *Room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unlistLocked(r)
}

// unlistLocked is unlist for a caller that holds mu. Until the room's lease is given back nobody opens it anew here, or the lease given
// back would be the new room's.
func (h *Host) unlistLocked(r *Room) {
	if entry := h.rooms[r.visit]; entry != nil && entry.room == r {
		entry.room, entry.settled = nil, make(chan struct{})
	}
}

// retire gives the lease of a finished room back; its snapshot stays for whoever opens the room next.
func (h *Host) retire(r *Room) {
	h.mu.Lock()
	if _, leaving := h.leaving[r]; leaving {
		delete(h.leaving, r)
		close(h.left)
		h.left = make(chan struct{})
		h.mu.Unlock()
		return
	}
	entry := h.rooms[r.visit]
	lease := entry.lease
	h.mu.Unlock()
	h.giveBack(lease)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(r.visit, entry)
}

// giveBack releases a lease. The store answers within two seconds, also when it is away, so this needs no context of its own.
func (h *Host) giveBack(lease Lease) {
	if err := h.config.Leases.Release(context.Background(), lease); err != nil {
		h.config.Logger.Warn("a room's lease was not given back", "visit", lease.Room, "error", err)
	}
}

// forget ends an entry's opening or closing. The caller holds mu.
func (h *Host) forget(visit string, entry *hosted) {
	delete(h.rooms, visit)
	close(entry.settled)
}
