package rooms

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// releaseAgain is how long to wait before a lease is given back again while the store is away.
const releaseAgain = 500 * time.Millisecond

// Drain makes this node take no new rooms and hands over those it has: their leases are given back with the latest snapshot, everybody in them is
// told to join anew elsewhere, and whoever has is missed by nobody here. It returns when no room is left, or with an error when the context is
// over before. Close comes after it.
func (h *Host) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	var open []*Room
	for _, entry := range h.rooms {
		if entry.room != nil {
			open = append(open, entry.room)
		}
	}
	h.mu.Unlock()
	// Others have to know before anybody asks them for a place. A store that is away will not hand anything over either.
	_, _ = h.config.Leases.Beat(ctx, h.node())
	var group sync.WaitGroup
	for _, r := range open {
		group.Go(func() { h.handOver(ctx, r) })
	}
	group.Wait()
	for {
		h.mu.Lock()
		left, rooms := h.left, len(h.leaving)
		h.mu.Unlock()
		if rooms == 0 {
			return nil
		}
		select {
		case <-left:
		case <-ctx.Done():
			return fmt.Errorf("draining: %d rooms are left: %w", rooms, context.Cause(ctx))
		}
	}
}

// handOver gives a room up to whichever node it is asked of next.
func (h *Host) handOver(ctx context.Context, r *Room) {
	_, err := ask(ctx, r, func() (struct{}, error) {
		r.elsewhere = r.now() // from here on no snapshot changes
		return struct{}{}, nil
	})
	if err != nil {
		return // it is over
	}
	lease, ok := h.giveUp(r)
	if !ok {
		return
	}
	for h.config.Leases.Release(ctx, lease) != nil {
		select {
		case <-time.After(releaseAgain):
		case <-ctx.Done():
			return
		}
	}
	r.tell(r.relocate)
}

// write makes what happened in a room last.
func (h *Host) write(ctx context.Context, r *Room, e Event) error {
	err := h.config.Write(ctx, e)
	h.heed(r, err)
	return err
}

// keepTold makes what people who wait are told last.
func (h *Host) keepTold(ctx context.Context, r *Room, notices []Notice) error {
	err := h.config.Transcript.KeepTold(ctx, r.visit, r.epoch, notices)
	h.heed(r, err)
	return err
}

// heed looks whether what a room wanted kept was refused because another node hosts it by now: SQL may know of a higher epoch before Leases tells.
func (h *Host) heed(r *Room, err error) {
	if errors.Is(err, ErrLost) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lose(r)
	}
}

// lose is what becomes of a room that another node hosts by now. The caller holds mu.
func (h *Host) lose(r *Room) {
	lease, ok := h.giveUpLocked(r)
	if !ok {
		return
	}
	h.config.Logger.Warn("a room is hosted elsewhere now", "visit", r.visit)
	h.work.Go(func() {
		h.giveBack(lease) // does nothing but where SQL alone knows of the other host
		r.tell(r.relocate)
	})
}

// giveUp takes a room out of those this node hosts and returns its lease; false: it was not among them.
func (h *Host) giveUp(r *Room) (Lease, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.giveUpLocked(r)
}

// giveUpLocked is giveUp for a caller that holds mu.
func (h *Host) giveUpLocked(r *Room) (Lease, bool) {
	entry := h.rooms[r.visit]
	if entry == nil || entry.room != r {
		return Lease{}, false
	}
	delete(h.rooms, r.visit)
	h.leaving[r] = struct{}{}
	return entry.lease, true
}

// leaving says whether the room lives elsewhere, or is about to: whoever is here still sees and hears, and nothing else happens.
func (r *Room) leaving() bool { return !r.elsewhere.IsZero() }

// relocate tells everybody that the room lives elsewhere.
func (r *Room) relocate() {
	r.elsewhere = r.now()
	for _, m := range r.members {
		r.send(m, Relocated{})
	}
	r.over = r.over || len(r.members) == 0
}
