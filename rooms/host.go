package rooms

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"housecall/auth"
)

// Config is what a Host needs from outside.
type Config struct {
	Node    string // names this run of this process among all nodes
	Address string // where other nodes reach it, as in Node.Address
	Leases  Leases
	// Shared: other nodes use Leases too, and get the rooms of a host that is silent for longer than its heartbeat lives.
	Shared bool
	Now    func() time.Time
	Events func(Event) // must not block: it is called on rooms' goroutines
	// Changed is told that what Present gives is another now. It must not block: it is called on rooms' goroutines. nil: nobody is.
	Changed func()

	Transcript Transcript
	// Write makes what happened last, before anybody in the visit is told: its end, the beginning and end of private time, and that somebody is shown
	// out. It returns when it does, or when it can't now; ErrLost: a room of a higher epoch was opened.
	Write func(context.Context, Event) error

	Logger *slog.Logger
	Limits Limits
}

// Limits of a room; a zero field takes its default.
type Limits struct {
	InVisit     int           // people in the visit; 10
	Waiting     int           // people waiting; 20
	WaitingEach int           // browsers waiting with one invitation; 3
	Chat        int           // lines of chat remembered; 200
	Grace       time.Duration // how long an empty room stays open; a minute
	Tick        time.Duration // how often a room looks who speaks, and who need not wait any longer; 200 ms
	Linger      time.Duration // how long those stay connected whose room lives elsewhere by now; 15 s
}

func (l Limits) orDefault() Limits {
	if l.InVisit == 0 {
		l.InVisit = 10
	}
	if l.Waiting == 0 {
		l.Waiting = 20
	}
	if l.WaitingEach == 0 {
		l.WaitingEach = 3
	}
	if l.Chat == 0 {
		l.Chat = 200
	}
	if l.Grace == 0 {
		l.Grace = time.Minute
	}
	if l.Tick == 0 {
		l.Tick = 200 * time.Millisecond
	}
	if l.Linger == 0 {
		l.Linger = 15 * time.Second
	}
	return l
}

// EventKind says what happened in a room.
type EventKind uint8

// The kinds of event.
const (
	EventOpened         EventKind = iota + 1 // the room opened on this node
	EventAdmitted                            // a session came into the visit for the first time
	EventLeft                                // somebody left the visit
	EventEnded                               // the visit was ended for everyone
	EventPrivateStarted                      // private time began
	EventPrivateEnded                        // private time ended
	EventReturned                            // somebody was moved from the visit back to waiting
	EventDeclined                            // somebody who waited was sent away
	EventRemoved                             // somebody is shown out, and their invitation is to be withdrawn
	EventHandedOver                          // somebody was given the lead
	EventChecked                             // somebody waits no more whose devices were checked
)

// Event is something that moves an appointment along. It carries no names.
type Event struct {
	Kind       EventKind
	Visit      string
	Epoch      int64 // of the room's host
	At         time.Time
	Session    string    // whom it is about, with Invitation and Role; empty: the whole visit
	Invitation string    //
	Role       auth.Role //
	By         string    // the invitation of whoever did it; empty: by right, or from the desk
	Check      *Check    // of EventChecked, else nil. Never changed.
}

// endedMemory is how long an ended visit is remembered: longer than any link lives on after it.
const endedMemory = 24 * time.Hour

// Host keeps the rooms that live on this node. Its lock is held for moments only, never while anything is asked of a room or of Leases.
type Host struct {
	config Config
	cancel context.CancelFunc
	wake   chan struct{}  // to the keeper: a snapshot has changed, or the leases are in doubt
	hurry  chan struct{}  // to the heart: others are to know at once how this node does
	work   sync.WaitGroup // rooms and keepers
	pulse  pulse

	mu       sync.Mutex
	rooms    map[string]*hosted   // by visit
	leaving  map[*Room]struct{}   // their rooms live elsewhere by now, or may
	left     chan struct{}        // closed and made anew whenever a leaving room is over
	ended    map[string]time.Time // visits ended, and when
	draining bool
	closed   bool
}

// hosted is a visit this node hosts, or is about to, or was until just now. Host.mu guards its fields.
type hosted struct {
	room    *Room         // nil while the room opens or closes
	settled chan struct{} // closed when the opening or closing is over
	asked   time.Time     // when somebody last asked for the room
	lease   Lease         // with the latest snapshot
	dirty   bool          // the snapshot is not stored yet
}

// NewHost returns a host and starts its heartbeat. Close ends it.
func NewHost(c Config) *Host {
	if c.Transcript == nil || c.Write == nil {
		panic("rooms: a host without a transcript, or without a way to write, would lose what it acknowledges")
	}
	c.Limits = c.Limits.orDefault()
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{config: c, cancel: cancel, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), rooms: map[string]*hosted{},
		leaving: map[*Room]struct{}{}, left: make(chan struct{}), ended: map[string]time.Time{}}
	h.pulse.began.Store(time.Now().UnixNano())
	h.work.Go(func() { h.beat(ctx) })
	h.work.Go(func() { h.keep(ctx) })
	return h
}

// Place makes this node the host of the visit's room. Errors: those of Room.
func (h *Host) Place(ctx context.Context, visit string) error {
	_, err := h.Room(ctx, visit)
	return err
}

// Hosts says whether the visit's room is on this node, or about to be.
func (h *Host) Hosts(visit string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[visit] != nil
}

// Room returns the visit's room, opened if need be. Errors: ErrEnded; ErrHeld when another node hosts it; ErrDraining when this node takes no
// new ones; ErrClosed when it is stopping; fault.TryAgain when Leases is away.
func (h *Host) Room(ctx context.Context, visit string) (*Room, error) {
	for {
		h.mu.Lock()
		if err := h.refuses(visit); err != nil {
			h.mu.Unlock()
			return nil, err
		}
		entry := h.rooms[visit]
		if entry == nil && h.draining {
			h.mu.Unlock()
			return nil, ErrDraining
		}
		if entry == nil {
			entry = &hosted{settled: make(chan struct{})}
			h.rooms[visit] = entry
			h.mu.Unlock()
			return h.open(ctx, visit, entry)
		}
		room, settled := entry.room, entry.settled
		entry.asked = h.config.Now()
		h.mu.Unlock()
		if room != nil {
			return room, nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the room: %w", ctx.Err())
		}
	}
}

// refuses says why nobody may come in. The caller holds mu.
func (h *Host) refuses(visit string) error {
	if h.closed {
		return ErrClosed
	}
	if _, ended := h.ended[visit]; ended {
		return ErrEnded
	}
	return nil
}

// outside runs act apart from any room's goroutine, with so much time.
func (h *Host) outside(within time.Duration, act func(context.Context)) {
	h.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		act(ctx)
	})
}

// hostedRoom returns the visit's room when it is open.
func (h *Host) hostedRoom(visit string) *Room {
	h.mu.Lock()
	defer h.mu.Unlock()
	if entry := h.rooms[visit]; entry != nil {
		return entry.room
	}
	return nil
}

// roomsOf returns the visit's room when it is open, and those of its rooms that are leaving.
func (h *Host) roomsOf(visit string) []*Room {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Room
	if entry := h.rooms[visit]; entry != nil && entry.room != nil {
		list = append(list, entry.room)
	}
	for room := range h.leaving {
		if room.visit == visit {
			list = append(list, room)
		}
	}
	return list
}

// Remove sends away whoever came by the invitation and was checked before it was withdrawn, by the removal of that number: at once, and with
// no way back by what was checked before.
func (h *Host) Remove(visit, invitation string, number int64) {
	for _, r := range h.roomsOf(visit) {
		r.tell(func() { r.withdraw(invitation, number) })
	}
}

// End ends the visit for everyone who is in it: it is over already, by the desk's doing or another node's.
func (h *Host) End(visit string) {
	h.markEnded(visit)
	for _, r := range h.roomsOf(visit) {
		r.tell(r.endedElsewhere)
	}
}

// markEnded refuses everybody who wants into the visit from now on.
func (h *Host) markEnded(visit string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[visit] = h.config.Now()
}

// remember takes the snapshot of a room; the keeper stores it.
func (h *Host) remember(r *Room, admitted []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if entry := h.rooms[r.visit]; entry != nil && entry.room == r {
		entry.lease.Admitted, entry.dirty = admitted, true
		poke(h.wake)
	}
}

// poke wakes whoever waits for the channel, which holds one; if it is awake already, it will look again.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close sends everybody away to come back later, gives all leases back and returns when no goroutine is left, or with an error
// when the context is over before.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		for _, entry := range h.rooms {
			if entry.room != nil {
				entry.room.shut()
			}
		}
		for room := range h.leaving {
			room.shut()
		}
		h.cancel()
	}
	h.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		h.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing rooms: %w", context.Cause(ctx))
	}
}
