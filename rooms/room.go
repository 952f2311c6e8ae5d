// Package rooms runs live visits: who is here, who waits, who sees whom; and what nodes agree on about them.
// Each Room is owned by one goroutine, which alone touches its members and points their slots; whoever wants something of it puts a
// command into its one bounded mailbox.
// A room must never block on a client, on SQL or on a shared store, and never let anything of the visit reach somebody who waits.
package rooms

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"housecall/platform/fault"
)

// Errors a caller may meet. Each is of a kind of package fault.
var (
	// ErrEnded says that the visit was ended; the room takes nobody in any more.
	ErrEnded error = &fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed, Detail: "This visit has ended."}
	// ErrRemoved says that the invitation was withdrawn while its holder was on the way in.
	ErrRemoved = fmt.Errorf("the invitation was withdrawn: %w", fault.NotAllowed)
	// ErrFull says that the visit, or its waiting room, holds as many people as it may.
	ErrFull = fmt.Errorf("the room is full: %w", fault.TryAgain)
	// ErrCrowded says that as many browsers wait with the invitation as may.
	ErrCrowded = fmt.Errorf("as many wait with this invitation as may: %w", fault.TryAgain)
	// ErrCutOff says that nobody is admitted while Leases is away.
	ErrCutOff = fmt.Errorf("the store of leases is away: %w", fault.TryAgain)
	// ErrPrivate says that private time keeps somebody out.
	ErrPrivate = fmt.Errorf("private time is on: %w", fault.NotAllowed)
	// ErrPrivateOver says that what was written in private time came after its end, when it would reach those it was kept from.
	ErrPrivateOver = fmt.Errorf("private time is over: %w", fault.NotAllowed)
	// ErrNotKept says that what must last cannot be written now, and so did not happen.
	ErrNotKept = fmt.Errorf("what must last cannot be kept now: %w", fault.TryAgain)
	// ErrMoved says that the room lives on another node by now, or soon.
	ErrMoved = fmt.Errorf("the room lives elsewhere: %w", fault.TryAgain)
	// ErrNotHere says that this node hosts no room of the visit.
	ErrNotHere = fmt.Errorf("the room is not on this node: %w", fault.TryAgain)
	// ErrDraining says that this node takes no new rooms.
	ErrDraining = fmt.Errorf("the node takes no new rooms: %w", fault.TryAgain)
	// ErrClosed says that the room, or this seat in it, is closed.
	ErrClosed = fmt.Errorf("the room is closed: %w", fault.TryAgain)
)

// mailboxSize is how many commands may wait for a room. A session sends one at a time, so thirty people never fill it.
const mailboxSize = 64

// Room is one live visit. Its goroutine, run, owns every field under "owned by run"; all others reach them by a command.
type Room struct {
	visit  string
	epoch  int64 // of the lease
	host   *Host
	limits Limits
	now    func() time.Time
	log    *slog.Logger

	mailbox chan func()   // in: commands, run one after the other by run
	stop    chan struct{} // in: closed by shut
	shut    func()        // in: the host calls it when it stops or lost the lease; any number of times
	done    chan struct{} // out: closed when run takes no more commands
	counted tallied       // out: how many are in each place
	present presence      // out: who is here

	// owned by run
	members   []*member        // in the order of their arrival in their place
	admitted  []admission      // who may come back into the visit, oldest first
	removed   map[string]int64 // invitation → the number of its last removal
	said      []Line           // the last of the chat, oldest first; all kept
	unkept    []Line           // lines on their way to the transcript, the first under way
	ending    bool             // the visit's end is on its way to where it lasts
	floor     floor            // who speaks
	private   time.Time        // since when private time is on; zero: it is off
	turning   bool             // private time is about to begin or end, once that lasts
	started   time.Time        // when the first person came in who had to be admitted; zero: nobody did
	lead      string           // the invitation of whoever leads the visit; empty: nobody did yet
	waiters   []*waiter        // what is remembered of sessions that wait, oldest first
	slow      []*member        // whose outbox was full: cut off when the current command is done
	empty     time.Time        // since when nobody is here; zero when somebody is
	elsewhere time.Time        // since when the room lives elsewhere, or is about to; zero: it lives here
	over      bool             // run ends after the current command
}

// newRoom starts a room that goes on from the snapshot of its lease, and from what lasts.
func newRoom(h *Host, lease Lease, record Record) *Room {
	r := &Room{
		visit:   lease.Room,
		epoch:   lease.Epoch,
		host:    h,
		limits:  h.config.Limits,
		now:     h.config.Now,
		log:     h.config.Logger.With("visit", lease.Room),
		mailbox: make(chan func(), mailboxSize),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		removed: map[string]int64{},
		said:    record.Said,
		private: record.Private,
		empty:   h.config.Now(),
	}
	r.shut = sync.OnceFunc(func() { close(r.stop) })
	r.recall(lease.Admitted)
	r.recallTold(record.Told)
	return r
}

// run owns the room until it is over.
func (r *Room) run() {
	tick := time.NewTicker(r.limits.Tick)
	defer tick.Stop()
	for !r.over {
		select {
		case command := <-r.mailbox:
			command()
		case <-tick.C:
			r.tick()
		case <-r.stop:
			r.closeAll(Stopping)
		}
		r.announceChanges()
		r.dropSlow()
		r.tally()
		r.notice()
	}
	r.host.unlist(r)
	r.host.config.Changed()
	close(r.done)
}

// ask runs do on the room's goroutine and returns its answer. The context bounds the wait for a place in the mailbox; once there,
// the answer is near, because the room never blocks, and is waited for: so no seat is ever taken without its holder knowing.
func ask[T any](ctx context.Context, r *Room, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	reply := make(chan answer, 1)
	select {
	case r.mailbox <- func() {
		value, err := do()
		r.announceChanges() // before the answer, so that whoever asked finds everybody told
		reply <- answer{value, err}
	}:
	case <-r.done:
		return none, ErrClosed
	case <-ctx.Done():
		return none, fmt.Errorf("asking the room: %w", ctx.Err())
	}
	select {
	case a := <-reply:
		return a.value, a.err
	case <-r.done:
	}
	select {
	case a := <-reply: // it was the room's last command
		return a.value, a.err
	default:
		return none, ErrClosed
	}
}

// tell runs do on the room's goroutine, unless the room is over.
func (r *Room) tell(do func()) {
	select {
	case r.mailbox <- do:
	case <-r.done:
	}
}

// tick is the room's clock: it listens who speaks, lets those in who need not wait any longer, and closes a room that has been empty
// for long enough.
func (r *Room) tick() {
	r.listen()
	r.letIn()
	if r.leaving() && r.now().Sub(r.elsewhere) >= r.limits.Linger {
		r.closeAll(Stopping)
		return
	}
	if !r.empty.IsZero() && r.now().Sub(r.empty) >= r.limits.Grace {
		r.over = r.host.unlistIdle(r, r.empty)
	}
}

// closeAll sends everybody away and ends the room.
func (r *Room) closeAll(reason Reason) {
	members := r.members
	r.members = nil
	for _, m := range members {
		m.showNothing()
		m.outbox.Close(reason)
	}
	r.over = true
}

// emit tells whoever keeps the appointment what happened.
func (r *Room) emit(e Event) { r.host.config.Events(r.event(e)) }

// event is something that happens in this room now.
func (r *Room) event(e Event) Event {
	e.Visit, e.Epoch, e.At = r.visit, r.epoch, r.now()
	return e
}

// send puts an update into a member's outbox. A member whose outbox is full is cut off after the current command.
func (r *Room) send(m *member, u Update) {
	if !m.isAway() && !m.slow && !m.outbox.Send(u) {
		m.slow = true
		r.slow = append(r.slow, m)
	}
}

// dropSlow cuts off those who could not keep up, and who may come back to their seat; word of it may fill another's outbox, so it goes on
// until none is left.
func (r *Room) dropSlow() {
	for len(r.slow) > 0 {
		m := r.slow[0]
		r.slow = r.slow[1:]
		if r.seated(m) {
			r.log.Info("a member read too slowly", "session", m.id)
			m.outbox.Close(Slow)
			r.detach(m)
			r.announceChanges()
		}
	}
}
