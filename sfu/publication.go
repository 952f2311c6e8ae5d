package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Publication is one thing a peer sends: a microphone or a camera. It lives as long as its peer.
type Publication struct {
	peer *Peer
	mid  string
	kind Kind

	level      loudness    // written on the packet path
	repairable atomic.Bool // the publisher sends again what it is asked for

	// Copy-on-write lists: read on the packet path, replaced under mu.
	encodings atomic.Pointer[[]*encoding] // one today, the layers of simulcast later
	slots     atomic.Pointer[[]*Slot]

	mu      sync.Mutex
	closed  bool
	changed int64 // when its stream was last replaced by another that a packet told of, ns
}

func newPublication(peer *Peer, mid string, kind Kind) *Publication {
	p := &Publication{peer: peer, mid: mid, kind: kind}
	p.encodings.Store(&[]*encoding{})
	p.slots.Store(&[]*Slot{})
	return p
}

// MID is the m-line of the publisher's offer that this is sent on.
func (p *Publication) MID() string { return p.mid }

// Kind is audio or video.
func (p *Publication) Kind() Kind { return p.kind }

// Level is how loud an audio publication is now, in dB below full scale (0 loudest, 127 silence), and whether somebody spoke
// into it within the last half second. A publication of which nothing comes is silent.
func (p *Publication) Level() (below uint8, recentlyActive bool) {
	return p.level.now(p.peer.engine.clock())
}

// encoding gives the encoding with this stream, making one in the place of the last when the stream is new: a publisher whose
// source number changed goes on in the same publication.
func (p *Publication) encoding(ssrc uint32) *encoding {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range *p.encodings.Load() {
		if e.ssrc == ssrc {
			return e
		}
	}
	for _, e := range *p.encodings.Load() {
		e.retire()
	}
	e := newEncoding(p, ssrc)
	p.encodings.Store(&[]*encoding{e})
	return e
}

// streamEach is the least time (ns) between two changes of a publication's stream: each costs a new ring.
const streamEach = int64(1_000_000_000)

// told is the stream that only a packet of that codec told of, by its mid; none when the codec isn't the publication's, or the stream changed a
// moment ago.
func (p *Publication) told(ssrc uint32, kind codec, now int64) stream {
	if kind == codecRepair {
		if all := *p.encodings.Load(); len(all) > 0 && p.kind == Video {
			return stream{encoding: all[0], repairs: true}
		}
		return stream{}
	}
	if kind != codecOf(p.kind) || !p.mayChange(now) {
		return stream{}
	}
	return stream{encoding: p.encoding(ssrc)}
}

// mayChange says whether the last change was long enough ago, and counts this one if so.
func (p *Publication) mayChange(now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != 0 && now-p.changed < streamEach {
		return false
	}
	p.changed = now
	return true
}

// named says whether an offer that calls the publication's stream so would put another in its place.
func (p *Publication) named(ssrc uint32) (another bool) {
	all := *p.encodings.Load()
	return len(all) > 0 && all[0].ssrc != ssrc
}

// add makes the slot get what is sent from now on; false: the publication has ended.
func (p *Publication) add(s *Slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	next := append(slices.Clone(*p.slots.Load()), s)
	p.slots.Store(&next)
	return true
}

func (p *Publication) remove(s *Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*p.slots.Load()), func(other *Slot) bool { return other == s })
	p.slots.Store(&next)
}

// welcome sees to it that a new receiver, who is shown nothing that came before `since`, gets a key frame soon: from the ring, or by asking for one.
func (p *Publication) welcome(since int64) {
	if p.kind != Video {
		return
	}
	now := p.peer.engine.clock()
	for _, e := range *p.encodings.Load() {
		if _, ok := e.start(e.newest(), now, since); !ok {
			e.requestKeyFrame()
		}
	}
}

// requestKeyFrame asks the publisher for one, together with everybody else who wants one.
func (p *Publication) requestKeyFrame() {
	if p.kind != Video {
		return
	}
	for _, e := range *p.encodings.Load() {
		e.requestKeyFrame()
	}
}

// close takes the publication off every slot that shows it.
func (p *Publication) close() {
	p.mu.Lock()
	p.closed = true
	slots := *p.slots.Load()
	p.mu.Unlock()
	for _, s := range slots {
		s.leave(p)
	}
}

// loudness smooths the levels that a microphone's packets carry (RFC 6464). One goroutine notes, any reads.
type loudness struct {
	smoothed int64        // 1/16 dB below full scale; the noting goroutine's
	below    atomic.Int64 // dB below full scale
	noted    atomic.Int64 // when a packet came last, ns; 0: never
	active   atomic.Int64 // when somebody spoke last, ns; 0: never
}

const (
	audioLevelNone = 255 // a packet without a level
	silence        = 127
	speechBelow    = 50                     // dB below full scale; a quiet room is beyond 60
	recently       = int64(500 * 1_000_000) // ns
	loudnessUnits  = 16                     // of smoothed, in a dB
	loudnessWeight = 4                      // a new level counts a quarter
)

func (l *loudness) note(below uint8, now int64) {
	level := int64(min(below, silence)) * loudnessUnits
	if now-l.noted.Load() > recently {
		l.smoothed = silence * loudnessUnits // nothing came for a while: begin at silence
	}
	l.smoothed += (level - l.smoothed) / loudnessWeight
	l.below.Store(l.smoothed / loudnessUnits)
	if l.smoothed < speechBelow*loudnessUnits {
		l.active.Store(now)
	}
	l.noted.Store(now)
}

func (l *loudness) now(now int64) (below uint8, recentlyActive bool) {
	noted, active := l.noted.Load(), l.active.Load()
	if noted == 0 || now-noted > recently {
		return silence, false
	}
	return uint8(l.below.Load()), active != 0 && now-active <= recently //nolint:gosec // 0 to 127
}
