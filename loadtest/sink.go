package loadtest

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// askAgain is how long a receiver waits for a key frame before it asks for one, about as browsers do.
const askAgain = 200 * time.Millisecond

// sink counts what arrives on one slot.
type sink struct {
	packets, bytes, frames, keyFrames atomic.Uint64
	numbers                           atomic.Uint64 // from the first to the newest
	firstPacket, firstKeyFrame        atomic.Int64  // time.Duration on the peer's clock; 0: none yet
	asked                             time.Duration // when a key frame was asked for last; used by the slot's reader alone

	newest uint16     // number; used by the slot's reader alone
	watch  frameWatch // used by the slot's reader alone
}

// take counts a packet that came at a time on the peer's clock, and says whether it completes a key frame.
func (s *sink) take(packet *rtp.Packet, video bool, at time.Duration) (key bool) {
	if s.packets.Add(1) == 1 {
		s.firstPacket.Store(int64(at))
		s.newest = packet.SequenceNumber - 1
	}
	if ahead := packet.SequenceNumber - s.newest; ahead < 1<<15 { // modulo 2^16
		s.numbers.Add(uint64(ahead))
		s.newest = packet.SequenceNumber
	}
	s.bytes.Add(uint64(len(packet.Payload)))
	if !video {
		return false
	}
	whole, key := s.watch.take(packet)
	if whole {
		s.frames.Add(1)
	}
	if key && s.keyFrames.Add(1) == 1 {
		s.firstKeyFrame.Store(int64(at))
	}
	return key
}

// mustAsk says whether a key frame is to be asked for: pictures come, and none can be shown for want of one. It is to be asked once in
// askAgain.
func (s *sink) mustAsk(at time.Duration) bool {
	if s.keyFrames.Load() > 0 || at-max(s.asked, time.Duration(s.firstPacket.Load())) < askAgain {
		return false
	}
	s.asked = at
	return true
}

func (s *sink) counts() Counts {
	packets, numbers := s.packets.Load(), s.numbers.Load()
	return Counts{
		Packets: packets, Missing: max(numbers, packets) - packets, Bytes: s.bytes.Load(), Frames: s.frames.Load(), KeyFrames: s.keyFrames.Load(),
		FirstPacket: time.Duration(s.firstPacket.Load()), FirstKeyFrame: time.Duration(s.firstKeyFrame.Load()),
	}
}

// framesWatched is how many frames may be incomplete at a time: packets that come later than that, repaired or not, are too late.
const framesWatched = 32

// frameWatch notices when a VP8 frame is there as a whole: every packet from its first to its marker, in whatever order.
type frameWatch struct {
	vp8    codecs.VP8Packet
	frames [framesWatched]frame // the latest ones; oldest is overwritten next
	oldest int
}

// frame is what came of one frame: packets of one RTP timestamp.
type frame struct {
	known       bool
	timestamp   uint32
	sequence    map[uint16]struct{}
	first, last int  // sequence numbers; -1: not seen yet
	key         bool // known with the first packet
	whole       bool
}

func (w *frameWatch) take(packet *rtp.Packet) (whole, key bool) {
	payload, err := w.vp8.Unmarshal(packet.Payload)
	if err != nil || len(payload) == 0 {
		return false, false // padding and rubbish belong to no frame
	}
	f := w.of(packet.Timestamp)
	f.sequence[packet.SequenceNumber] = struct{}{}
	if w.vp8.S == 1 && w.vp8.PID == 0 {
		f.first, f.key = int(packet.SequenceNumber), payload[0]&1 == 0
	}
	if packet.Marker {
		f.last = int(packet.SequenceNumber)
	}
	if f.whole || f.first < 0 || f.last < 0 || len(f.sequence) != int(uint16(f.last-f.first))+1 { //nolint:gosec // modulo 2^16
		return false, false
	}
	f.whole = true
	return true, f.key
}

// of returns the frame with this timestamp.
func (w *frameWatch) of(timestamp uint32) *frame {
	for i := range w.frames {
		if f := &w.frames[i]; f.known && f.timestamp == timestamp {
			return f
		}
	}
	f := &w.frames[w.oldest]
	w.oldest = (w.oldest + 1) % framesWatched
	*f = frame{known: true, timestamp: timestamp, sequence: map[uint16]struct{}{}, first: -1, last: -1}
	return f
}
