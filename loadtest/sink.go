package loadtest

import (
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// sink counts what arrives on one slot.
type sink struct {
	packets, bytes, frames, keyFrames atomic.Uint64

	watch frameWatch // used by the slot's reader alone
}

// take counts a packet and says whether it completes a key frame.
func (s *sink) take(packet *rtp.Packet, video bool) (key bool) {
	s.packets.Add(1)
	s.bytes.Add(uint64(len(packet.Payload)))
	if !video {
		return false
	}
	whole, key := s.watch.take(packet)
	if whole {
		s.frames.Add(1)
	}
	if key {
		s.keyFrames.Add(1)
	}
	return key
}

// frameWatch notices when a VP8 frame is there as a whole: every packet from its first to its marker, in order.
type frameWatch struct {
	vp8  codecs.VP8Packet
	in   bool   // within a frame of which nothing is missing
	key  bool   // that frame is a key frame
	next uint16 // sequence number expected
}

func (w *frameWatch) take(packet *rtp.Packet) (whole, key bool) {
	payload, err := w.vp8.Unmarshal(packet.Payload)
	if err != nil || len(payload) == 0 {
		w.in = false
		return false, false
	}
	switch {
	case w.vp8.S == 1 && w.vp8.PID == 0:
		w.in, w.key = true, payload[0]&1 == 0
	case packet.SequenceNumber != w.next:
		w.in = false
	}
	w.next = packet.SequenceNumber + 1
	if !packet.Marker || !w.in {
		return false, false
	}
	w.in = false
	return true, w.key
}
