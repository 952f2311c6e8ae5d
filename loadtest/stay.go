package loadtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// How a client that lost its server tries again (docs/protocol.md, "When a visit moves").
	urgentFor   = 10 * time.Second
	urgentEvery = 500 * time.Millisecond // at most, and half as much at least
	calmEvery   = 4 * time.Second        // the same after urgentFor

	tryWithin  = 3 * time.Second  // for one try to join or to resume
	heldFor    = 45 * time.Second // for which a server holds the place of a lost websocket
	moveWithin = 3 * time.Second  // for the new link to bring what the old one brings

	// A link by which nothing comes for so long, though something should, is doubted; when its server doesn't answer either, it is given up.
	silentFor    = 2200 * time.Millisecond
	answerWithin = 2 * time.Second
	// sayEvery is how often what was not acknowledged is said again.
	sayEvery = 2 * time.Second
)

// Flow is somebody's sound or picture, whichever way it comes.
type Flow struct {
	Member string // id
	Source string
}

// Stay is a visitor in a visit over all that happens to connections and servers: what is lost is taken up or joined anew, and a visit that moves
// is followed while the old link plays on. It owns a goroutine and the clients it makes, until Leave.
type Stay struct {
	visitor *Visitor
	options Options
	cancel  context.CancelFunc
	ended   chan struct{} // closed when run is over

	mu      sync.Mutex
	client  *Client // the newest that has joined; nil: none has
	flows   map[Flow]*arrivals
	waiting []chatMessage // not acknowledged
	kept    map[string]bool
	joins   int
	waits   int // joins that ended in the waiting room
	moves   int
	doubted time.Time
	err     error // why it ended by itself
}

// arrivals is when packets of a flow came.
type arrivals struct {
	last time.Time
	gap  time.Duration // the longest so far
}

// Stay joins the visit and stays in it until Leave, or until the server sends it away for good.
func (v *Visitor) Stay(options Options) *Stay {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Stay{visitor: v, options: options, cancel: cancel, ended: make(chan struct{}), flows: map[Flow]*arrivals{}, kept: map[string]bool{}}
	s.options.arrived = func(slot Slot) {
		now := time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		flow := Flow{slot.Member, slot.Source}
		f := s.flows[flow]
		if f == nil {
			f = &arrivals{last: now}
			s.flows[flow] = f
		}
		f.gap, f.last = max(f.gap, now.Sub(f.last)), now
	}
	go func() {
		defer close(s.ended)
		var saying sync.WaitGroup
		defer saying.Wait()
		saying.Go(func() { s.keepSaying(ctx) })
		err := s.run(ctx)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if !errors.Is(err, context.Canceled) {
			s.err = err
		}
	}()
	return s
}

// Leave leaves the visit and ends everything.
func (s *Stay) Leave() error {
	s.cancel()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return s.err
	}
	return errors.Join(s.err, s.client.Close())
}

// Begin forgets how long flows halted until now.
func (s *Stay) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.flows {
		f.gap = 0
	}
}

// Gaps says how long each flow halted at most since Begin, or halts now.
func (s *Stay) Gaps() map[Flow]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gaps := map[Flow]time.Duration{}
	for flow, f := range s.flows {
		gaps[flow] = max(f.gap, time.Since(f.last))
	}
	return gaps
}

// Last says when the last packet of a flow came; the zero time: none did.
func (s *Stay) Last(flow Flow) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flows[flow]; f != nil {
		return f.last
	}
	return time.Time{}
}

// Journey is what became of a stay so far.
type Journey struct {
	Joins  int      // how often anything was joined
	Waits  int      // how many of these ended in the waiting room
	Moves  int      // how often the visit moved, and was followed
	Kept   []string // ids of what this visitor said and the server acknowledged, however long ago
	Unsaid int      // lines it has not acknowledged
}

// Journey tells what became of the stay so far.
func (s *Stay) Journey() Journey {
	s.heed()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Journey{Joins: s.joins, Waits: s.waits, Moves: s.moves, Kept: slices.Sorted(maps.Keys(s.kept)), Unsaid: len(s.waiting)}
}

// State is what the newest client knows; nothing before the first has joined.
func (s *Stay) State() State {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client == nil {
		return State{}
	}
	return client.State()
}

// Say says something until it is acknowledged.
func (s *Stay) Say(id, text string) {
	line := chatMessage{Type: "chat", ID: id, Text: text}
	s.mu.Lock()
	s.waiting = append(s.waiting, line)
	client := s.client
	s.mu.Unlock()
	if client != nil {
		_ = client.write(line) // or when it is back
	}
}

// heed takes in what was acknowledged.
func (s *Stay) heed() {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client == nil {
		return
	}
	state := client.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(l chatMessage) bool {
		if !slices.Contains(state.Lines, Line{l.ID, state.You}) {
			return false
		}
		s.kept[l.ID] = true
		return true
	})
}

// sayAgain sends what was not acknowledged.
func (s *Stay) sayAgain(client *Client) {
	s.heed()
	s.mu.Lock()
	waiting := slices.Clone(s.waiting)
	s.mu.Unlock()
	for _, line := range waiting {
		_ = client.write(line) // or when it is back
	}
}

// keepSaying says again, now and then, what was refused or lost.
func (s *Stay) keepSaying(ctx context.Context) {
	ticker := time.NewTicker(sayEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		client := s.client
		s.mu.Unlock()
		if client != nil {
			s.sayAgain(client)
		}
	}
}

// run joins, and joins again, until the context is over or the server says that it is no use.
func (s *Stay) run(ctx context.Context) error {
	lost, tries := time.Now(), 0
	for ; ; tries++ {
		if err := pause(ctx, lost, tries); err != nil {
			return err
		}
		client, err := s.join(ctx)
		if refused := (*Refused)(nil); errors.As(err, &refused) && refused.Status < 500 && refused.Status != 429 {
			return err
		}
		if err != nil {
			continue
		}
		moved, err := s.attend(ctx, client)
		if err != nil {
			return err
		}
		if lost, tries = time.Now(), -1; moved {
			s.mu.Lock()
			s.moves++
			s.mu.Unlock()
		}
	}
}

// pause waits before the nth try since the connection was lost: at once, then often, then less often.
func pause(ctx context.Context, lost time.Time, tries int) error {
	every := urgentEvery
	if time.Since(lost) >= urgentFor {
		every = calmEvery
	}
	wait := every/2 + rand.N(every/2) // #nosec G404 -- chance, not secrecy
	if tries == 0 {
		wait = rand.N(50 * time.Millisecond) // #nosec G404 -- chance, not secrecy
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join makes a new client, and has it take the place of the one there is once it brings as much.
func (s *Stay) join(ctx context.Context) (*Client, error) {
	within, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	pass, err := s.visitor.Pass(within)
	if err != nil {
		return nil, err
	}
	client, err := s.visitor.Join(within, pass, s.options)
	if err != nil {
		return nil, err
	}
	if _, err := client.Wait(within, func(state State) bool { return state.You != "" }); err != nil {
		return nil, errors.Join(err, client.drop())
	}
	s.mu.Lock()
	old := s.client
	s.client = client
	s.joins++
	if client.State().Came == placeWaiting {
		s.waits++
	}
	s.mu.Unlock()
	if old != nil {
		seen := old.State()
		follow, cancel := context.WithTimeout(ctx, moveWithin)
		_, _ = client.Wait(follow, func(state State) bool { return brings(state, seen) }) // or not: then some did not come along
		cancel()
		_ = old.drop() // its server may be gone
	}
	s.sayAgain(client)
	return client, nil
}

// brings says whether a client gets all that another was shown.
func brings(now, before State) bool {
	for _, slot := range before.Slots {
		if counts, shown := now.Shows(slot.Member, slot.Source); !shown || counts.Packets == 0 {
			return false
		}
	}
	return true
}

// attend stays with a client, whose websocket it takes up when that is lost, until the visit has moved or the place is gone. An error is the end.
func (s *Stay) attend(ctx context.Context, client *Client) (moved bool, err error) {
	for {
		state, err := client.Wait(ctx, func(state State) bool { return state.Messages["moved"] > 0 || s.silent(state) })
		if err == nil && state.Messages["moved"] > 0 {
			return true, nil
		}
		if err == nil {
			err = s.doubt(ctx, client)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		switch state.CloseCode {
		case 0, 1006, 4408, 4429:
		case 1001, 4401, 4404, 4503:
			return false, nil
		default:
			return false, fmt.Errorf("sent away with code %d", state.CloseCode)
		}
		held, err := s.resume(ctx, client)
		if err != nil || !held {
			return false, err
		}
		s.sayAgain(client)
	}
}

// silent says whether nothing comes any more of all that a client should get.
func (s *Stay) silent(state State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slot := range state.Slots {
		if f := s.flows[Flow{slot.Member, slot.Source}]; f == nil || time.Since(f.last) < silentFor {
			return false
		}
	}
	return len(state.Slots) > 0 && time.Since(s.doubted) > silentFor
}

// doubt asks for new ways through the network, and gives a websocket up that has no answer to that.
func (s *Stay) doubt(ctx context.Context, client *Client) error {
	before := client.State().Messages["answer"]
	err := client.Restart()
	if err == nil {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		_, err = client.Wait(within, func(state State) bool { return state.Messages["answer"] > before })
		cancel()
	}
	if err != nil {
		client.Cut()
	}
	s.mu.Lock()
	s.doubted = time.Now()
	s.mu.Unlock()
	return err
}

// resume takes a lost websocket up; false: the place is gone.
func (s *Stay) resume(ctx context.Context, client *Client) (held bool, err error) {
	lost := time.Now()
	for tries := 0; time.Since(lost) < heldFor; tries++ {
		if err := pause(ctx, lost, tries); err != nil {
			return false, err
		}
		within, cancel := context.WithTimeout(ctx, tryWithin)
		err := client.Resume(within)
		cancel()
		if err == nil {
			return true, nil
		}
		client.Cut()
		switch client.State().CloseCode {
		case 1001, 4404:
			return false, nil
		}
	}
	return false, nil
}
