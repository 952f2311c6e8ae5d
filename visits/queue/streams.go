package queue

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/visits"
)

const (
	eventsPath  = Path + "/events"
	mostStreams = 2000             // of a node
	mostEach    = 5                // of an account: browsers keep six connections to one server at most, and pages need one
	writeWithin = 10 * time.Second // of an event
	busyFor     = 30 * time.Second // until whoever has too many streams may try again
)

// Bell wakes the streams of a node. The zero Bell is ready. Safe for use by many goroutines; neither method that rings it blocks.
type Bell struct {
	changes atomic.Int64 // of visits
	rooms   atomic.Int64 // who is in them

	mu   sync.Mutex
	rung chan struct{} // closed by the next ring; nil: nobody listens
}

// Room says that who is in a room is another now.
func (b *Bell) Room() {
	b.rooms.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// Visit says that a visit changes. Streams look at their next turn, when what changed it is committed, most likely.
func (b *Bell) Visit() { b.changes.Add(1) }

// next is closed when a room has changed since it was asked for.
func (b *Bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

// streams are those that are open on this node, and what they share.
type streams struct {
	over  chan struct{} // closed: all end, and none begins
	close func()

	mu   sync.Mutex
	all  int
	each map[string]int // by account

	asking  sync.Mutex // one asks the rooms for all
	asked   time.Time
	ring    int64 // how often the bell had rung then
	present map[string][]Present
	unknown error
}

func (s *streams) begin() {
	s.over, s.each = make(chan struct{}), map[string]int{}
	s.close = sync.OnceFunc(func() { close(s.over) })
}

// enter counts one more stream of an account, until leave.
func (s *streams) enter(account string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return nil, fault.Away(errors.New("the queue's streams go elsewhere"))
	default:
	}
	if s.all >= mostStreams || s.each[account] >= mostEach {
		return nil, fault.TooOften(busyFor)
	}
	s.all++
	s.each[account]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.each[account]--; s.each[account] == 0 {
			delete(s.each, account)
		}
	}, nil
}

// Close ends all streams, and lets none begin: browsers come back to another node, or to this one when it is there again.
func (q *Queue) Close(context.Context) error {
	q.streams.close()
	return nil
}

// who is in the rooms, as known for so long at most, and since the bell rang last.
func (q *Queue) who(ctx context.Context) (map[string][]Present, bool) {
	s := &q.streams
	s.asking.Lock()
	defer s.asking.Unlock()
	ring := q.config.Bell.rooms.Load()
	if now := time.Now(); s.asked.IsZero() || ring != s.ring || now.Sub(s.asked) >= q.config.Every/lookEach {
		s.present, s.unknown = q.config.Rooms.Present(ctx)
		s.asked, s.ring = now, ring
	}
	return s.present, s.unknown != nil
}

// lookEach is how many times streams look who is in the rooms of other nodes each time that they look at everything.
const lookEach = 5

// events keeps a page right: it tells which version of the page would be drawn now, at once and whenever that is another, and how many people wait. It
// carries nothing else: the page is fetched by the same rules as ever.
func (q *Queue) events(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") { // somebody opened its address
		q.toQueue(w, r)
		return
	}
	actor := web.Actor(r.Context())
	leave, err := q.streams.enter(actor.ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	defer leave()
	s := stream{queue: q, request: r, actor: actor, w: w, control: http.NewResponseController(w)}
	_ = s.control.SetReadDeadline(time.Time{}) // or the server takes the client for gone when a request would have to have been read
	if err := s.look(r.Context()); err != nil {
		web.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s.run(r.Context())
}

// stream is one page that is kept right.
type stream struct {
	queue   *Queue
	request *http.Request
	actor   auth.Actor
	w       http.ResponseWriter
	control *http.ResponseController

	asked   asked
	visits  []visits.Visit
	changes int64  // of visits, when they were read
	sent    string // the version
}

// look reads everything anew.
func (s *stream) look(ctx context.Context) (err error) {
	s.changes = s.queue.config.Bell.changes.Load()
	if s.asked, err = s.queue.ask(ctx, s.request); err != nil {
		return err
	}
	s.visits, err = s.queue.read(ctx, s.queue.config.DB, s.asked)
	return err
}

// run tells what changes until the reader is gone, may not read any more, or the node has its streams go elsewhere.
func (s *stream) run(ctx context.Context) {
	q := s.queue
	tick := time.NewTicker(q.config.Every / lookEach)
	defer tick.Stop()
	for turn := 0; ; {
		rung := q.config.Bell.next()
		if s.tell(ctx) != nil {
			return
		}
		select {
		case <-rung:
			continue
		case <-tick.C:
			turn++
		case <-ctx.Done():
			return
		case <-q.streams.over:
			return
		}
		whole := turn%lookEach == 0
		if whole && !q.config.Sessions.Holds(s.request, Read) {
			return
		}
		if whole && s.write(": here\n\n") != nil {
			return
		}
		if whole || q.config.Bell.changes.Load() != s.changes {
			if err := s.look(ctx); err != nil {
				return // the browser comes back
			}
		}
	}
}

// tell sends the version of the page, if it is another than the one sent last.
func (s *stream) tell(ctx context.Context) error {
	present, stale := s.queue.who(ctx)
	d := s.queue.draw(s.asked, s.visits, present, stale)
	if d.Version == s.sent {
		return nil
	}
	b, err := json.Marshal(struct {
		Version string `json:"version"`
		Waiting int    `json:"waiting"`
	}{d.Version, d.Waiting})
	if err != nil {
		return err
	}
	s.sent = d.Version
	return s.write("event: queue\ndata: " + string(b) + "\n\n")
}

func (s *stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}
