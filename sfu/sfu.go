// Package sfu forwards media between browsers: it owns the media socket, the peers, what they publish and the slots that show it.
// Every peer's state belongs to that peer and is guarded by small locks which are never held while calling out; callers decide who
// sees whom with Slot.Show. It must never know a person, a role or a room, and never import another package of this module.
package sfu

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Config is what an Engine needs from outside.
type Config struct {
	Conn      net.PacketConn   // the one UDP media socket; the engine closes it
	Addresses []netip.Addr     // addresses put into answers; empty: those of the machine's interfaces, loopback included
	Logger    *slog.Logger     // nil: nothing is logged
	Now       func() time.Time // nil: time.Now
}

// ErrOffer is what every refusal of an offer wraps.
var ErrOffer = errors.New("offer refused")

// ErrClosed is returned by calls on an engine or a peer that was closed.
var ErrClosed = errors.New("closed")

// Kind of media.
type Kind uint8

const (
	Audio Kind = iota + 1
	Video
)

// String is "audio" or "video".
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// PeerEvents are called at most once each, in a goroutine of their own order, with no lock of this package held.
// Lost means that the peer ended by itself (network, remote close); it is not called after Close.
type PeerEvents struct{ Connected, Lost func() }

type Engine struct{}

func NewEngine(Config) (*Engine, error)           { return &Engine{}, nil }
func (*Engine) Close() error                      { return nil }
func (*Engine) NewPeer(PeerEvents) (*Peer, error) { return &Peer{}, nil }
func CheckOffer(sdp string) error                 { return nil }

type Peer struct{}

func (*Peer) Answer(ctx context.Context, offer string) (string, error) { return "", nil }
func (*Peer) Publications() []*Publication                             { return nil }
func (*Peer) Slots() []*Slot                                           { return nil }
func (*Peer) Close() error                                             { return nil }
func (*Peer) Stats() Stats                                             { return Stats{} }

type Publication struct{}

func (*Publication) MID() string { return "" }
func (*Publication) Kind() Kind  { return Audio }

// Level is the loudness of an audio publication in dB below full scale (0 loudest, 127 silence) and whether its
// microphone was heard within the last half second.
func (*Publication) Level() (loudness uint8, recentlyActive bool) { return 127, false }

type Slot struct{}

func (*Slot) MID() string           { return "" }
func (*Slot) Kind() Kind            { return Audio }
func (*Slot) Show(*Publication)     {}
func (*Slot) Showing() *Publication { return nil }

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
	Lost             uint64 // never came, nor were repaired
	Repaired         uint64 // came by retransmission
	NacksSent        uint64 // sequence numbers asked for again
	KeyFrames        uint64
	KeyFrameRequests uint64 // sent upstream
}

// SlotStats count what went to a receiver.
type SlotStats struct {
	MID                string
	Kind               Kind
	Packets, Bytes     uint64 // sent for the first time; bytes of payload
	NacksReceived      uint64 // sequence numbers the receiver asked for again
	Retransmissions    uint64
	RetransmittedBytes uint64
	KeyFrameRequests   uint64 // asked by the receiver
	FractionLost       uint8  // of 256, as the receiver last reported
}
