package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/sfu"
)

// simFence is the database of a simulation: it refuses what comes of a host with a lower epoch, as visits does; and, apart from that, looks at what it
// let through.
type simFence struct {
	sim *simulation

	mu      sync.Mutex
	visits  map[string]*fencedVisit
	refused int // lines of former hosts
}

type fencedVisit struct {
	highest int64 // epoch of those who opened the room
	lines   []Line
	// What was let through.
	opened  int64 // the last epoch that opened the room
	taken   int   // how often another node than before wrote
	epoch   int64 // of the last who wrote
	writer  string
	written time.Time
}

func (f *simFence) visit(id string) *fencedVisit {
	v := f.visits[id]
	if v == nil {
		v = &fencedVisit{}
		f.visits[id] = v
	}
	return v
}

func (f *simFence) lastWritten(visit string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.visit(visit).written
}

func (f *simFence) open(visit, node string, epoch int64, latest int) (Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.visit(visit)
	if epoch <= v.highest {
		return Record{}, &EpochUsedError{v.highest}
	}
	v.highest = epoch
	if epoch <= v.opened {
		f.sim.fail("%s opened %s with epoch %d, after one with %d", node, visit, epoch, v.opened)
	}
	if f.sim.robs(node, visit) {
		f.sim.fail("%s took %s from a node that does well", node, visit)
	}
	v.opened = epoch
	return Record{Said: slices.Clone(v.lines[max(0, len(v.lines)-latest):])}, nil
}

func (f *simFence) keep(visit, node string, epoch int64, line Line) (Line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.visit(visit)
	if epoch < v.highest {
		f.refused++
		return Line{}, fmt.Errorf("%w: %w", ErrLost, errAway)
	}
	switch {
	case epoch < v.epoch:
		f.sim.fail("%s wrote in %s with epoch %d, after %s with %d", node, visit, epoch, v.writer, v.epoch)
	case epoch == v.epoch && node != v.writer:
		f.sim.fail("%s and %s both wrote in %s with epoch %d", node, v.writer, visit, epoch)
	}
	if v.writer != "" && v.writer != node {
		v.taken++
	}
	v.epoch, v.writer, v.written = epoch, node, time.Now()
	v.lines = append(v.lines, line)
	return line, nil
}

// simTranscript is the database as a node reaches it: always, but when it is frozen or dead.
type simTranscript struct{ node *simNode }

func (d *simTranscript) Open(_ context.Context, visit string, epoch int64, latest int) (record Record, err error) {
	if err := d.node.query(func() { record, err = d.node.sim.fence.open(visit, d.node.id, epoch, latest) }); err != nil {
		return Record{}, err
	}
	return record, err
}

func (d *simTranscript) Keep(_ context.Context, visit string, epoch int64, line Line) (kept Line, err error) {
	if err := d.node.query(func() { kept, err = d.node.sim.fence.keep(visit, d.node.id, epoch, line) }); err != nil {
		return Line{}, err
	}
	return kept, err
}

func (d *simTranscript) KeepTold(context.Context, string, int64, []Notice) error {
	return errAway // nobody tells anything here
}

// query asks the database.
func (n *simNode) query(do func()) error {
	time.Sleep(time.Duration(1+n.sim.intN(10)) * time.Millisecond)
	if !n.awake() {
		return errAway
	}
	do()
	if !n.awake() {
		return errAway
	}
	return nil
}

// awake waits while the node is frozen; false: it is dead.
func (n *simNode) awake() bool {
	for {
		n.sim.mu.Lock()
		frozen, dead := n.frozen, n.dead
		n.sim.mu.Unlock()
		if frozen == nil {
			return !dead
		}
		<-frozen
	}
}

// simLeases are the store as a node reaches it: an operation may be lost, its answer may, or it may be done long after it was given up.
type simLeases struct{ node *simNode }

type fate int

const (
	fateDone fate = iota
	fateLost
	fateUnanswered
	fateLate
)

// ask has the store do something; an error says that there was no answer in time.
func (l *simLeases) ask(do func(*MemoryLeases)) error {
	n, s := l.node, l.node.sim
	if !n.awake() {
		return errAway
	}
	f, delay := l.fate()
	run := func() {
		s.mu.Lock()
		store := s.store
		s.mu.Unlock()
		do(store)
	}
	switch f {
	case fateDone:
		time.Sleep(delay)
		run()
	case fateUnanswered:
		run()
	case fateLate:
		s.work.Go(func() {
			time.Sleep(delay)
			run()
		})
	}
	if f != fateDone {
		time.Sleep(redisPatience)
	}
	if !n.awake() || f != fateDone {
		return fault.Away(errors.New("no answer"))
	}
	return nil
}

// fate is what becomes of the next operation.
func (l *simLeases) fate() (fate, time.Duration) {
	s := l.node.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	dice := s.random.IntN(10)
	switch {
	case l.node.cut || s.away:
		if dice > 1 {
			return fateLost, 0
		}
	case s.slow:
		if dice > 3 {
			return fateDone, time.Duration(s.random.IntN(900)) * time.Millisecond
		}
	default:
		return fateDone, time.Duration(s.random.IntN(5)) * time.Millisecond
	}
	if dice%2 == 0 {
		return fateUnanswered, 0
	}
	return fateLate, redisPatience + time.Duration(s.random.IntN(5000))*time.Millisecond
}

func (l *simLeases) Beat(ctx context.Context, node Node) (bool, error) {
	type answer struct {
		known bool
		err   error
	}
	a, err := asked(l, func(m *MemoryLeases) (a answer) { a.known, a.err = m.Beat(ctx, node); return a })
	return a.known, firstError(err, a.err)
}

func (l *simLeases) Acquire(ctx context.Context, node, room string, above int64) (Lease, error) {
	type answer struct {
		lease Lease
		err   error
	}
	a, err := asked(l, func(m *MemoryLeases) (a answer) { a.lease, a.err = m.Acquire(ctx, node, room, above); return a })
	return a.lease, firstError(err, a.err)
}

func (l *simLeases) Renew(ctx context.Context, lease Lease) error {
	a, err := asked(l, func(m *MemoryLeases) error { return m.Renew(ctx, lease) })
	return firstError(err, a)
}

func (l *simLeases) Release(ctx context.Context, lease Lease) error {
	a, err := asked(l, func(m *MemoryLeases) error { return m.Release(ctx, lease) })
	return firstError(err, a)
}

// asked is ask with an answer; what comes too late is nobody's.
func asked[T any](l *simLeases, do func(*MemoryLeases) T) (T, error) {
	answer := make(chan T, 1)
	if err := l.ask(func(m *MemoryLeases) { answer <- do(m) }); err != nil {
		var none T
		return none, err
	}
	return <-answer, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// visitor comes to a visit, says something again and again, goes, and comes back; by whatever node answers.
func (s *simulation) visitor(session, visit string, peer *sfu.Peer) {
	for turn := s.intN(3); ; turn++ {
		select {
		case <-s.over:
			return
		case <-time.After(time.Duration(50+s.intN(300)) * time.Millisecond):
		}
		s.mu.Lock()
		n, closed := s.nodes[turn%len(s.nodes)], s.closed
		s.mu.Unlock()
		if closed {
			continue
		}
		came := make(chan *Seat, 1)
		box := newInbox(0)
		s.work.Go(func() { came <- n.takeIn(session, visit, peer, box) })
		select {
		case seat := <-came:
			if seat != nil {
				s.talk(seat, box, session)
			}
		case <-time.After(simPatience): // the request goes on, though its client has gone
			s.work.Go(func() {
				if seat := <-came; seat != nil {
					seat.Lost()
				}
			})
		}
	}
}

// takeIn gives a visitor a seat on the node, if it hosts the visit or may; else nil.
func (n *simNode) takeIn(session, visit string, peer *sfu.Peer, box *inbox) *Seat {
	ctx, cancel := context.WithTimeout(context.Background(), 2*simPatience)
	defer cancel()
	room, err := n.host.Room(ctx, visit)
	if err != nil {
		return nil
	}
	seat, err := room.Join(ctx, Arrival{Session: session, Invitation: "invitation-of-" + session, Role: auth.Clinician, Peer: peer, Outbox: box})
	if err != nil {
		return nil
	}
	return seat
}

// talk says some lines, as long as each comes back, and goes.
func (s *simulation) talk(seat *Seat, box *inbox, session string) {
	defer seat.Lost()
	for range 1 + s.intN(20) {
		id := fmt.Sprint(session, " at ", time.Now().UnixNano())
		if err := seat.Chat(context.Background(), id, phi.Text("Sample words.")); err != nil {
			return
		}
		if !s.heard(box, id) {
			return
		}
		select {
		case <-s.over:
			return
		case <-time.After(time.Duration(100+s.intN(500)) * time.Millisecond):
		}
	}
}

// heard waits for a line to come back; false: it did not, or the room lives elsewhere.
func (s *simulation) heard(box *inbox, id string) bool {
	limit := time.After(simPatience)
	for {
		updates, closed, changed := box.look()
		if closed != 0 {
			return false
		}
		for _, u := range updates {
			switch u := u.(type) {
			case Said:
				if u.ID == id {
					return true
				}
			case Refused, Relocated:
				return false
			}
		}
		select {
		case <-changed:
		case <-limit:
			return false
		}
	}
}
