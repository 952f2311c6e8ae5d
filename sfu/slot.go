package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// Slot is one m-line toward a peer: it shows a publication, another one later, or nothing, and its receiver sees one continuous stream.
type Slot struct {
	peer    *Peer
	mid     string
	kind    Kind
	levelID uint8 // the receiver's number for the audio-level extension; 0: it takes none

	showing atomic.Pointer[Publication]

	show   sync.Mutex // one Show at a time; never held on the packet path
	closed bool       // guarded by show

	// Below: guarded by mu, held while a packet is written. Under it only an encoding's mu may be taken.
	mu      sync.Mutex
	out     outlet
	pub     *Publication // whose packets go out; nil: nothing does
	enc     *encoding    // whose packets went out last
	epoch   uint32
	live    bool   // the source has begun: by its first packet, or a key frame
	first   uint64 // number of the packet the source began with
	rewrite rewriter
	vp8     pictures
	resends resends
	repairs uint16 // sequence number of the last retransmission
	header  rtp.Header
	level   [1]byte // what the header's audio-level extension points at
	scratch [2 + maxPayload]byte
	sent    uint64 // packets and bytes of payload, for sender reports
	bytes   uint64
	stats   SlotStats
}

func newSlot(peer *Peer, mid string, kind Kind, levelID uint8) *Slot {
	return &Slot{peer: peer, mid: mid, kind: kind, levelID: levelID, stats: SlotStats{MID: mid, Kind: kind}}
}

// MID is the m-line of the receiver's offer that this is.
func (s *Slot) MID() string { return s.mid }

// Kind is audio or video.
func (s *Slot) Kind() Kind { return s.kind }

// Showing is the publication shown now; nil: nothing.
func (s *Slot) Showing() *Publication { return s.showing.Load() }

// Show points the slot at a publication of its kind; nil, another kind and a publication that has ended all show nothing.
// Once Show returns nothing more of the former publication is written. Video starts at the new source's next key frame, which is asked
// for. It never waits for the network's answer and may be called from any goroutine.
func (s *Slot) Show(pub *Publication) {
	s.show.Lock()
	defer s.show.Unlock()
	s.point(pub)
}

// leave shows nothing if the slot shows this publication.
func (s *Slot) leave(pub *Publication) {
	s.show.Lock()
	defer s.show.Unlock()
	if s.showing.Load() == pub {
		s.point(nil)
	}
}

// point does what Show says, with show held.
func (s *Slot) point(pub *Publication) {
	if pub != nil && (s.closed || pub.kind != s.kind) {
		pub = nil
	}
	old := s.showing.Load()
	if old == pub {
		return
	}
	if old != nil {
		old.remove(s)
	}
	s.source(pub)
	if pub != nil && !pub.add(s) {
		s.source(nil)
		pub = nil
	}
	s.showing.Store(pub)
	if pub != nil {
		pub.welcome(s.since(pub))
	}
}

// source makes the packet path take packets of this publication only.
func (s *Slot) source(pub *Publication) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pub, s.enc, s.live = pub, nil, false
}

// close ends the slot for good.
func (s *Slot) close() {
	s.show.Lock()
	defer s.show.Unlock()
	s.closed = true
	s.point(nil)
	s.detach()
}

// attach says where packets go; the slot's stream begins anew there.
func (s *Slot) attach(out outlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.live = out, false
	if s.rewrite.clock != 0 {
		return // numbers go on: none may be used twice under one key
	}
	s.rewrite.clock = out.clock
	s.header.Version = 2
	if s.levelID != 0 {
		// The extension keeps pointing at s.level, which each packet sets: no allocation on the way.
		if err := s.header.SetExtension(s.levelID, s.level[:]); err != nil {
			s.levelID = 0
		}
	}
}

// detach ends writing.
func (s *Slot) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.writer = nil
}

// forward sends a packet on, if the slot shows the encoding it belongs to. It runs on the publisher's goroutine.
func (s *Slot) forward(e *encoding, a *arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pub != e.pub {
		return
	}
	if s.out.writer == nil || !s.peer.isConnected() {
		s.live = false // what is left out here isn't missing
		return
	}
	if s.enc != e || s.epoch != a.epoch {
		s.enc, s.epoch, s.live = e, a.epoch, false
	}
	if s.live {
		s.send(a)
		return
	}
	switch {
	case s.kind == Audio:
		if a.newest && len(a.payload) > 0 {
			s.begin(a)
			s.send(a)
		}
	case a.vp8.keyFrame && (a.newest || e.allSince(a.ext+1, s.since(e.pub))):
		s.begin(a)
		s.send(a)
		if !a.newest { // a repaired beginning: what followed it is in the ring
			s.replay(a.ext+1, e.newest())
		}
	case a.newest:
		if first, ok := e.start(a.ext, a.at, s.since(e.pub)); ok {
			s.replay(first, a.ext)
		} else {
			e.requestKeyFrame()
		}
	}
}

// since is when the later of the two came in, whoever sends and whoever receives: nothing from before is shown.
func (s *Slot) since(pub *Publication) int64 { return max(s.peer.fresh.Load(), pub.peer.fresh.Load()) }

// begin joins the source to what the receiver saw before. Called with mu held.
func (s *Slot) begin(a *arrival) {
	step := s.out.clock / 30 // one frame
	if s.kind == Audio {
		step = s.out.clock / 50
	}
	s.live, s.first = true, a.ext
	s.rewrite.begin(a.ext, a.timestamp, a.at, step)
	if s.kind == Video {
		s.vp8.begin(a.vp8)
	}
}

// replay sends packets of the ring from one number to another, as far as they are there, beginning with a key frame if the source has not
// begun. Called with mu held.
func (s *Slot) replay(from, to uint64) {
	for ext := from; ext <= to; ext++ {
		a, ok := s.enc.copy(ext, s.epoch, s.scratch[2:])
		if !ok {
			continue // missing still; its number is kept for it
		}
		if !s.live {
			s.begin(&a)
		}
		s.send(&a)
	}
}

// send rewrites one packet of the live source and writes it. Called with mu held.
func (s *Slot) send(a *arrival) {
	newest := s.rewrite.newest(a.ext)
	if newest {
		s.rewrite.bridge(a.ext)
	}
	out, ok := s.rewrite.place(a.ext)
	if !ok {
		return
	}
	if len(a.payload) == 0 && newest {
		s.rewrite.skip(a.ext) // padding is the publisher's probing of its own way to us
		return
	}
	if s.rewrite.sent(a.ext, out, a.timestamp, a.at) && s.kind == Video {
		s.vp8.sent(a.vp8)
	}
	payload := s.rewritten(a)
	s.fill(a, out)
	if _, err := s.out.writer.WriteRTP(&s.header, payload); err != nil {
		return // the peer is going away, and says so by itself
	}
	s.sent++
	s.bytes += uint64(len(payload))
	s.stats.Packets++
	s.stats.Bytes += uint64(len(payload))
	if s.kind == Video {
		s.countPicture(a)
	}
	s.resends.earn(len(payload))
}

// countPicture notes what a packet of video says of the picture. VP8 changes its size at key frames alone. Called with mu held.
func (s *Slot) countPicture(a *arrival) {
	if a.marker {
		s.stats.Frames++
	}
	if a.vp8.width > 0 && a.vp8.height > 0 {
		s.stats.Width, s.stats.Height = a.vp8.width, a.vp8.height
	}
}

// rewritten is the payload as this receiver must see it: in scratch when anything changes, since the packet's own buffer serves others too.
func (s *Slot) rewritten(a *arrival) []byte {
	if len(a.payload) == 0 || s.kind != Video || !s.vp8.changes(a.vp8) {
		return a.payload
	}
	payload := append(s.scratch[2:2], a.payload...)
	s.vp8.rewrite(a.vp8, payload)
	return payload
}

// fill sets the header for a packet sent under this number. A packet sent again under the same number must be the same to the last bit:
// the cipher's nonce is made of the number.
func (s *Slot) fill(a *arrival, out uint64) {
	h := &s.header
	h.PayloadType, h.SSRC = s.out.payload, s.out.ssrc
	h.SequenceNumber = uint16(out) //nolint:gosec // the low 16 bits are what RTP carries
	h.Timestamp = a.timestamp + s.rewrite.shift
	h.Marker = a.marker || s.kind == Audio && a.ext == s.first
	h.Extension = s.levelID != 0 && a.level != audioLevelNone
	s.level[0] = a.level
}

// mostNacked is how many packets one NACK is heard for: more are lost only when repair is hopeless.
const mostNacked = 512

// nack sends again what the receiver misses, within the bounds of resends. It runs on the receiver's RTCP goroutine.
func (s *Slot) nack(seqs []uint16) {
	now, roundTrip := s.peer.engine.clock(), s.peer.roundTrip()
	for _, seq := range seqs[:min(len(seqs), mostNacked)] {
		s.resend(seq, now, roundTrip) // locks for each, so that a flood of NACKs doesn't hold up the packet path
	}
}

func (s *Slot) resend(seq uint16, now int64, roundTrip time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.NacksReceived++
	if s.out.writer == nil || !s.live || !s.resends.ready(seq, now, roundTrip) {
		return
	}
	ext, ok := s.rewrite.origin(seq)
	if !ok {
		return
	}
	out, ok := s.rewrite.place(ext)
	if !ok {
		return
	}
	a, ok := s.enc.copy(ext, s.epoch, s.scratch[2:])
	if !ok {
		return
	}
	if len(a.payload) > 0 && s.kind == Video {
		s.vp8.rewrite(a.vp8, a.payload)
	}
	s.fill(&a, out)
	payload := a.payload
	if s.out.repairSSRC != 0 { // RFC 4588: a stream of its own, the original number before the payload
		s.repairs++
		s.header.PayloadType, s.header.SSRC, s.header.SequenceNumber = s.out.repairPayload, s.out.repairSSRC, s.repairs
		s.scratch[0], s.scratch[1] = byte(seq>>8), byte(seq)
		payload = s.scratch[:2+len(a.payload)]
	}
	s.resends.spend(seq, len(payload), now)
	if _, err := s.out.writer.WriteRTP(&s.header, payload); err != nil {
		return
	}
	s.stats.Retransmissions++
	s.stats.RetransmittedBytes += uint64(len(payload))
}

// keyFrame passes a receiver's wish on.
func (s *Slot) keyFrame() {
	s.mu.Lock()
	pub := s.pub
	s.stats.KeyFrameRequests++
	s.mu.Unlock()
	if pub != nil {
		pub.requestKeyFrame()
	}
}
