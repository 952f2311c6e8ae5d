package rooms

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"housecall/auth"
	"housecall/sfu"
)

// Present is somebody in a room, for whoever is not there. It carries no name: SQL has it.
type Present struct {
	Session    string
	Invitation string
	Role       auth.Role
	Place      Place
	Since      time.Time // when they came to that place
	Away       bool      // the connection is lost, and they are expected back
	Way        sfu.Way   // by which their packets travel; empty: not known yet
	Check      *Check    // of somebody waiting alone; nil: none was made. Never changed.
}

// Presence is everybody in a visit's room, in the order of their arrival in their place.
type Presence struct {
	Visit  string
	Epoch  int64 // of the room's host
	People []Present
}

// presence is who was in a room after its last command, for whoever is not its goroutine.
type presence struct {
	people atomic.Pointer[[]Present]
	lines  atomic.Pointer[[]memberLine]
}

// notice keeps who is here, and tells when that is another than before.
func (r *Room) notice() {
	r.noticeLines()
	var known []Present
	if p := r.present.people.Load(); p != nil {
		known = *p
	}
	if len(known) == len(r.members) && !slices.ContainsFunc(r.members, func(m *member) bool { return !slices.Contains(known, r.presentOf(m)) }) {
		return
	}
	people := make([]Present, len(r.members))
	for i, m := range r.members {
		people[i] = r.presentOf(m)
	}
	r.present.people.Store(&people)
	r.host.config.Changed()
}

func (r *Room) presentOf(m *member) Present {
	p := Present{Session: m.id, Invitation: m.invitation, Role: m.role, Place: m.place, Since: m.since, Away: m.isAway(), Way: m.peer.Way()}
	if w := r.waiter(m.id); w != nil && m.place == Waiting {
		p.Check = w.check
	}
	return p
}

// Present gives everybody in the rooms that this node hosts. It asks no room, so it never waits.
func (h *Host) Present() []Presence {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Presence
	for visit, entry := range h.rooms {
		if r := entry.room; r != nil {
			if people := r.present.people.Load(); people != nil && len(*people) > 0 {
				all = append(all, Presence{Visit: visit, Epoch: r.epoch, People: *people})
			}
		}
	}
	return all
}

// InVisit says whether a session is in the visit now, and not just waiting, as far as this node hosts it. Errors: those of a room that is
// asked, of kind fault.TryAgain.
func (h *Host) InVisit(ctx context.Context, visit, session string) (bool, error) {
	r := h.hostedRoom(visit)
	if r == nil {
		return false, nil
	}
	return ask(ctx, r, func() (bool, error) {
		return slices.ContainsFunc(r.members, func(m *member) bool { return m.id == session && m.place == Visit }), nil
	})
}
