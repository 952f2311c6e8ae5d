package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
)

// maxPayload is the most bytes of payload a packet may have that is stored and forwarded: what fits an Ethernet frame with our headers.
const maxPayload = 1400

// encoding is one RTP stream of a publication: its ring, what is missing of it, and who waits for its key frame.
// Its packets come on the publisher's one RTP goroutine.
type encoding struct {
	pub     *Publication
	ssrc    uint32
	retired atomic.Bool // another stream took its place; set under mu, and nothing is stored afterwards

	// Below: guarded by mu, which is a leaf: nothing else is locked or called under it.
	mu        sync.Mutex
	seq       sequence
	epoch     uint32 // how often the sender started anew
	ring      ring
	missing   missing
	reception reception
	keys      keyFrameRequests
	key       uint64 // number of the newest key frame's first packet
	keyAt     int64  // when it came, ns; 0: none
	lastAt    int64  // when a packet came last, ns; 0: never
	stats     PublicationStats
}

func newEncoding(pub *Publication, ssrc uint32) *encoding {
	return &encoding{
		pub: pub, ssrc: ssrc, ring: newRing(pub.kind),
		reception: reception{clock: clockRate(pub.kind)},
		stats:     PublicationStats{MID: pub.mid, Kind: pub.kind},
	}
}

// clockRate of the two codecs there are, in ticks a second.
func clockRate(k Kind) uint32 {
	if k == Video {
		return 90_000
	}
	return 48_000
}

// arrival is a packet that was accepted, as the slots see it. The payload is the transport's: copy before you rewrite.
type arrival struct {
	ext       uint64
	epoch     uint32
	timestamp uint32
	at        int64 // ns of the engine's clock
	marker    bool
	level     uint8
	newest    bool // nothing newer came before
	payload   []byte
	vp8       vp8Header
}

// receive takes a packet of this stream, repaired says by retransmission, and forwards it to each slot that shows the publication.
func (e *encoding) receive(p *packet, level uint8, repaired bool) {
	if e.retired.Load() || len(p.payload) > maxPayload {
		return
	}
	a := arrival{timestamp: p.timestamp, at: e.pub.peer.engine.clock(), marker: p.marker, level: level, payload: p.payload}
	if e.pub.kind == Video && len(p.payload) > 0 {
		var ok bool
		if a.vp8, ok = parseVP8(p.payload); !ok {
			a.payload, p.payload = nil, nil // keeps its place in the sequence, and goes no further
		}
	}
	if !e.accept(p, &a, repaired) {
		return
	}
	if level != audioLevelNone {
		e.pub.level.note(level&0x7F, a.at) // the top bit is the sender's own guess of speech
	}
	for _, s := range *e.pub.slots.Load() {
		s.forward(e, &a)
	}
}

// retire ends the encoding and gives its memory back at once: the transport keeps what it opened for a stream as long as the connection lives.
func (e *encoding) retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retired.Store(true)
	e.ring.release()
	e.missing = missing{}
}

// accept numbers, counts and stores the packet; false: it is a duplicate, or belongs nowhere.
func (e *encoding) accept(p *packet, a *arrival, repaired bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.retired.Load() {
		return false
	}
	before, started := e.seq.highest, e.seq.started
	var restarted, ok bool
	if repaired {
		a.ext, ok = e.seq.near(p.seq)
	} else {
		a.ext, restarted, ok = e.seq.extend(p.seq)
	}
	if !ok {
		return false
	}
	if restarted {
		e.epoch++
		e.missing.clear()
		e.reception.restart()
		e.keyAt = 0
	}
	if !repaired {
		e.reception.packet(a.ext, p.timestamp, a.at)
	}
	if e.ring.knows(a.ext, e.seq.highest) {
		return false
	}
	wake := false
	a.newest = !started || restarted || a.ext > before
	switch {
	case a.newest && started && !restarted && a.ext > before+1 && e.pub.repairable.Load():
		wake = e.missing.gap(before+1, a.ext-1, a.at)
	case !a.newest:
		e.missing.came(a.ext)
	}
	e.ring.put(a.ext, a.at, p, a.level)
	if a.vp8.keyFrame {
		if e.keyAt == 0 || a.ext > e.key {
			e.key, e.keyAt = a.ext, a.at
		}
		e.stats.KeyFrames++
		e.keys.arrived()
	}
	if e.keys.wanted && e.idle(a.at) {
		wake = true
	}
	a.epoch, e.lastAt = e.epoch, a.at
	e.stats.Packets++
	e.stats.Bytes += uint64(len(p.payload))
	if repaired {
		e.stats.Repaired++
	}
	if wake {
		e.pub.peer.wake()
	}
	return true
}

// idle says that nothing came for a while: then nobody is there to answer a key-frame request. Called with mu held.
func (e *encoding) idle(now int64) bool {
	return e.lastAt == 0 || now-e.lastAt > int64(time.Second)
}

// requestKeyFrame notes that a receiver needs one; the publisher's reporting goroutine sends it.
func (e *encoding) requestKeyFrame() {
	e.mu.Lock()
	first := e.keys.want()
	e.mu.Unlock()
	if first {
		e.pub.peer.wake()
	}
}

// lateStart is how old a key frame in the ring may be, and how many packets after it, for a new receiver to be started from it.
const (
	lateStartAge     = 400 * time.Millisecond
	lateStartPackets = 96
)

// start finds the key frame in the ring from which a receiver can start now with nothing missing up to packet `upTo`, the newest, and nothing that
// came before `since`.
func (e *encoding) start(upTo uint64, now, since int64) (first uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.keyAt == 0 || now-e.keyAt > int64(lateStartAge) || e.key > upTo || upTo-e.key >= lateStartPackets {
		return 0, false
	}
	for ext := e.key; ext <= upTo; ext++ {
		if c := e.ring.get(ext); c == nil || c.at < since {
			return 0, false
		}
	}
	return e.key, true
}

// allSince says whether no packet of the ring from this number on came before `since`.
func (e *encoding) allSince(from uint64, since int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for ext := from; ext <= e.seq.highest; ext++ {
		if c := e.ring.get(ext); c != nil && c.at < since {
			return false
		}
	}
	return true
}

// newest is the highest number that came.
func (e *encoding) newest() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seq.highest
}

// copy reads a packet of the ring, its payload into buf.
func (e *encoding) copy(ext uint64, epoch uint32, buf []byte) (a arrival, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.ring.get(ext)
	if c == nil || e.epoch != epoch {
		return a, false
	}
	a = arrival{
		ext: ext, epoch: epoch, timestamp: c.timestamp, at: c.at, marker: c.marker, level: c.level,
		payload: append(buf[:0], c.payload...),
	}
	if e.pub.kind == Video && len(a.payload) > 0 {
		a.vp8, ok = parseVP8(a.payload)
		return a, ok
	}
	return a, true
}

// senderReport notes the publisher's clocks.
func (e *encoding) senderReport(r *rtcp.SenderReport) {
	now := e.pub.peer.engine.clock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reception.report = senderReport{known: true, ntp: r.NTPTime, timestamp: r.RTPTime, at: now}
}

// mediaTime is what the publisher's media clock shows now; false: nothing is known of it.
func (e *encoding) mediaTime(now int64) (timestamp uint32, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.reception.report; r.known {
		return r.timestamp + uint32(ticks(now-r.at, e.reception.clock)), true //nolint:gosec // wraps on purpose
	}
	c := e.ring.get(e.seq.highest)
	if c == nil {
		return 0, false
	}
	return c.timestamp + uint32(ticks(now-c.at, e.reception.clock)), true //nolint:gosec // wraps on purpose
}

// widen keeps packets as long as a receiver with this round trip needs them.
func (e *encoding) widen(roundTrip time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.widen(roundTrip)
}
