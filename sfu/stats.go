package sfu

import "time"

// Stats of a peer since it was made.
type Stats struct {
	Connected    bool
	RoundTrip    time.Duration // as last measured with the peer; 0: not yet
	Publications []PublicationStats
	Slots        []SlotStats
}

// PublicationStats count what came from a publisher.
type PublicationStats struct {
	MID              string
	Kind             Kind
	Packets, Bytes   uint64 // received and new, repaired ones included; bytes of payload
	Repaired         uint64 // came by retransmission
	NacksSent        uint64 // sequence numbers asked for again
	GivenUp          uint64 // never came though asked for
	KeyFrames        uint64
	KeyFrameRequests uint64 // sent upstream
}

// add counts what another counted.
func (s *PublicationStats) add(o PublicationStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.Repaired += o.Repaired
	s.NacksSent += o.NacksSent
	s.GivenUp += o.GivenUp
	s.KeyFrames += o.KeyFrames
	s.KeyFrameRequests += o.KeyFrameRequests
}

// SlotStats count what went to a receiver.
type SlotStats struct {
	MID                string
	Kind               Kind
	Packets, Bytes     uint64 // sent for the first time; bytes of payload
	NacksReceived      uint64 // sequence numbers the receiver asked for again
	Retransmissions    uint64
	RetransmittedBytes uint64 // of payload
	KeyFrameRequests   uint64 // by the receiver
	FractionLost       uint8  // of 256, as the receiver last reported
	Frames             uint64 // pictures of which the last packet was sent; of sound none
	Width, Height      uint16 // of the picture that is sent, in pixels; 0: not known yet
}

// add counts what another counted; what was lost last, and how large a picture is, are no counts.
func (s *SlotStats) add(o SlotStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.NacksReceived += o.NacksReceived
	s.Retransmissions += o.Retransmissions
	s.RetransmittedBytes += o.RetransmittedBytes
	s.KeyFrameRequests += o.KeyFrameRequests
	s.Frames += o.Frames
}
