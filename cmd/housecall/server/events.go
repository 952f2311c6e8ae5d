package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/rooms"
	"housecall/visits"
)

// eventRetry is how long to wait before an event is written again while the database is away.
const eventRetry = time.Second

// eventQueue carries what happens in rooms to visits, in order. Rooms must not wait for SQL, and no event may be lost while the
// database is away; they are few and small, so the queue has no bound.
type eventQueue struct {
	log     *slog.Logger
	wake    chan struct{}      // something was queued, or nothing more will be
	over    chan struct{}      // closed: nothing more will be queued, and nothing is tried twice
	ctx     context.Context    // of what is being written
	abandon context.CancelFunc // ends ctx
	written sync.WaitGroup     // the goroutine of start

	pending atomic.Int64 // events not written yet

	mu     sync.Mutex
	queued []rooms.Event
}

func newEventQueue(log *slog.Logger) *eventQueue {
	q := &eventQueue{log: log, wake: make(chan struct{}, 1), over: make(chan struct{})}
	q.ctx, q.abandon = context.WithCancel(context.Background())
	return q
}

// put queues an event. It never blocks.
func (q *eventQueue) put(e rooms.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queued = append(q.queued, e)
	q.pending.Add(1)
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (q *eventQueue) take() []rooms.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.queued
	q.queued = nil
	return taken
}

// length is how many events wait or are being written.
func (q *eventQueue) length() int { return int(q.pending.Load()) }

// start writes events until close.
func (q *eventQueue) start(service *visits.Service) {
	q.written.Go(func() {
		for over := false; !over; {
			select {
			case <-q.wake:
			case <-q.over:
				over = true // after what is queued now: rooms are closed
			}
			for _, e := range q.take() {
				q.write(service, e)
				q.pending.Add(-1)
			}
		}
	})
}

// close writes what is queued, each event in one try, until ctx is done; what is not written by then is logged. Call it once, when no
// room is left.
func (q *eventQueue) close(ctx context.Context) error {
	defer q.abandon()
	defer context.AfterFunc(ctx, q.abandon)()
	close(q.over)
	q.written.Wait()
	return nil
}

// write hands one event over, again and again while the database is away, but only once after close.
func (q *eventQueue) write(service *visits.Service, e rooms.Event) {
	for {
		err := write(q.ctx, service, e)
		if err == nil {
			return
		}
		if !errors.Is(err, fault.TryAgain) || q.isOver() {
			q.log.Error("what happened in a room could not be written", "visit", e.Visit, "kind", cmp.Or(kinds[e.Kind], "checked"), "error", err)
			return
		}
		select {
		case <-time.After(eventRetry):
		case <-q.over:
		}
	}
}

func write(ctx context.Context, service *visits.Service, e rooms.Event) error {
	if e.Kind == rooms.EventChecked {
		c := *checkOf(e.Check)
		c.At = e.At
		return service.KeepCheck(ctx, e.Visit, auth.Actor{Kind: auth.KindInvitation, ID: e.Invitation, Role: e.Role}, c)
	}
	return service.OnRoomEvent(ctx, eventOf(e))
}

func (q *eventQueue) isOver() bool {
	select {
	case <-q.over:
		return true
	default:
		return false
	}
}

// eventOf is a room's event as visits know it.
func eventOf(e rooms.Event) visits.RoomEvent {
	return visits.RoomEvent{Kind: kinds[e.Kind], Visit: e.Visit, Epoch: e.Epoch, At: e.At, Invitation: e.Invitation, Role: e.Role, By: e.By}
}

// kinds gives visits' name of a room's event.
var kinds = map[rooms.EventKind]visits.RoomEventKind{
	rooms.EventOpened:         visits.RoomOpened,
	rooms.EventAdmitted:       visits.RoomAdmitted,
	rooms.EventLeft:           visits.RoomLeft,
	rooms.EventEnded:          visits.RoomEnded,
	rooms.EventPrivateStarted: visits.RoomPrivateStarted,
	rooms.EventPrivateEnded:   visits.RoomPrivateEnded,
	rooms.EventReturned:       visits.RoomReturned,
	rooms.EventDeclined:       visits.RoomDeclined,
	rooms.EventRemoved:        visits.RoomRemoved,
	rooms.EventHandedOver:     visits.RoomHandedOver,
}
