package sfu

import (
	"context"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// transport is how one peer's packets come in and go out: the seam behind which Pion's stock path stands today, and behind which a reader
// of our own with batched egress can stand later. A transport hands what comes in to its intake.
type transport interface {
	// answer negotiates: it applies an offer that CheckOffer let through and whose candidates are gone, attaches an outlet to each of the
	// slots (new receive-only lines, in order), and gives the answer without candidates. One call at a time.
	answer(ctx context.Context, offer string, slots []*Slot) (string, error)
	// writeRTCP sends one compound packet.
	writeRTCP(packets []rtcp.Packet) error
	// roundTrip to the peer as connectivity checks measured it; 0: not yet.
	roundTrip() time.Duration
	// way by which packets travel now; empty: none yet.
	way() Way
	// close ends it and waits for its goroutines; nothing reaches the intake afterwards.
	close() error
}

// intake is what a transport calls. Packets of one peer come from one goroutine for RTP and one for RTCP; the buffers are the
// transport's again when a call returns.
type intake interface {
	openRTP(ssrc uint32) packetSink  // once for each SSRC, before its first packet
	openRTCP(ssrc uint32) packetSink // once for each SSRC that RTCP is about; packets about several come once for each
	connected()
	lost()
}

// packetSink takes the decrypted packets of one SSRC.
type packetSink interface{ receive(buf []byte) }

// rtpWriter encrypts and sends one packet; it keeps neither argument.
type rtpWriter interface {
	WriteRTP(header *rtp.Header, payload []byte) (int, error)
}

// outlet is where a slot's packets go, in the numbers this receiver negotiated.
type outlet struct {
	writer                 rtpWriter // nil: not attached
	ssrc, repairSSRC       uint32    // repairSSRC is 0 when the receiver takes no retransmission streams
	payload, repairPayload uint8     // payload types
	clock                  uint32    // ticks a second
}
