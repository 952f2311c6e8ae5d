// Package sfutest plays a browser against package sfu in tests and load: a Pion peer connection with send-only and receive-only
// lines, synthetic VP8 and Opus, and counters of what arrives.
// A Client owns its connection, its goroutines and its socket until Close.
// It must never be part of the server.
package sfutest

import (
	"context"
	"net"
	"time"

	"github.com/pion/rtp"
)

// Options of a Client; the zero value offers nothing.
type Options struct {
	Microphones, Cameras   int // send-only lines
	AudioSlots, VideoSlots int // receive-only lines of the first offer
	// Conn is the socket to use; nil: a new one on 127.0.0.1. The client closes it.
	Conn net.PacketConn
	// Frame is the time between video frames (nil: 33 ms); FrameSize and KeyFrameSize their payload in bytes (0: 4000 and 12000).
	Frame                   time.Duration
	FrameSize, KeyFrameSize int
	// OnRTP, when set, sees every media packet in order of arrival (repaired ones included) on the slot with this mid. It must not block.
	OnRTP func(mid string, packet *rtp.Packet)
}

// Received counts what arrived on one slot.
type Received struct {
	Packets, Bytes uint64 // media packets as read, repaired ones included
	Raw            uint64 // every RTP packet off the wire: padding and retransmissions too
	KeyFrames      uint64
	FirstKeyFrame  time.Time // zero: none yet
}

// Client is one Pion peer.
type Client struct{}

func New(Options) (*Client, error)                                                 { return &Client{}, nil }
func (*Client) Offer() (string, error)                                             { return "", nil } // a new offer, set as local description, without candidates
func (*Client) Accept(answer string) error                                         { return nil }
func (*Client) AddSlots(audio, video int) error                                    { return nil } // for the next offer
func (*Client) WaitConnected(context.Context) error                                { return nil }
func (*Client) MicrophoneMIDs() []string                                           { return nil } // valid after Offer
func (*Client) CameraMIDs() []string                                               { return nil }
func (*Client) AudioSlotMIDs() []string                                            { return nil }
func (*Client) VideoSlotMIDs() []string                                            { return nil }
func (*Client) Send(mid string, on bool)                                           {} // start or stop synthetic media on a send-only line; starts with a key frame
func (*Client) Received(mid string) Received                                       { return Received{} }
func (*Client) RawPackets() uint64                                                 { return 0 }   // every RTP packet that came off the wire, on all slots
func (*Client) WaitReceived(ctx context.Context, mid string, packets uint64) error { return nil } // this many more than now
func (*Client) WaitKeyFrame(ctx context.Context, mid string) error                 { return nil } // one more than now
func (*Client) KeyFrameRequests(mid string) uint64                                 { return 0 }   // PLI and FIR received for a send-only line
func (*Client) Close() error                                                       { return nil }
