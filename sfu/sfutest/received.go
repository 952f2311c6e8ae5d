package sfutest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"
)

// Received counts what arrived on one slot.
type Received struct {
	Packets, Bytes uint64 // media packets as read, repaired ones included; bytes of payload
	Raw            uint64 // every RTP packet off the wire: padding and retransmissions too
	KeyFrames      uint64
	FirstKeyFrame  time.Time // zero: none yet
}

// counters of a client, by mid and, for what comes off the wire, by SSRC.
type counters struct {
	mu     sync.Mutex
	slots  map[string]*Received
	wire   map[uint32]*atomic.Uint64
	owners map[uint32]string // mid by SSRC
}

func (c *counters) init() {
	c.slots, c.wire, c.owners = map[string]*Received{}, map[uint32]*atomic.Uint64{}, map[uint32]string{}
}

// raw gives the counter of a SSRC.
func (c *counters) raw(ssrc uint32) *atomic.Uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.wire[ssrc]
	if !ok {
		n = &atomic.Uint64{}
		c.wire[ssrc] = n
	}
	return n
}

// learn reads from an answer which SSRC belongs to which line.
func (c *counters) learn(answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mid := ""
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "a=mid:"); ok {
			mid = value
		}
		if value, ok := strings.CutPrefix(line, "a=ssrc:"); ok {
			number, _, _ := strings.Cut(value, " ")
			if ssrc, err := strconv.ParseUint(number, 10, 32); err == nil {
				c.owners[uint32(ssrc)] = mid
			}
		}
	}
}

func (c *counters) update(mid string, change func(*Received)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.slots[mid]
	if !ok {
		r = &Received{}
		c.slots[mid] = r
	}
	change(r)
}

// countingBuffer is Pion's queue with a counter before it, so that packets nobody reads are counted too.
type countingBuffer struct {
	*packetio.Buffer
	raw *atomic.Uint64 // nil: RTCP
}

func (b countingBuffer) Write(buf []byte) (int, error) {
	if b.raw != nil {
		b.raw.Add(1)
	}
	return b.Buffer.Write(buf, nil)
}

func (b countingBuffer) Read(buf []byte) (int, error) {
	n, _, err := b.Buffer.Read(buf, nil)
	return n, err
}

// take reads a track until it ends. Pion calls it on a goroutine of its own.
func (c *Client) take(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := receiver.RTPTransceiver().Mid()
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		key := false
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			var vp8 codecs.VP8Packet
			frame, err := vp8.Unmarshal(packet.Payload)
			key = err == nil && vp8.S == 1 && vp8.PID == 0 && len(frame) > 0 && frame[0]&1 == 0
		}
		c.received.update(mid, func(r *Received) {
			r.Packets++
			r.Bytes += uint64(len(packet.Payload))
			if key {
				r.KeyFrames++
				if r.FirstKeyFrame.IsZero() {
					r.FirstKeyFrame = time.Now()
				}
			}
		})
		if c.options.OnRTP != nil {
			c.options.OnRTP(mid, packet)
		}
	}
}

// Received says what arrived on a slot.
func (c *Client) Received(mid string) Received {
	c.received.mu.Lock()
	defer c.received.mu.Unlock()
	var r Received
	if counted, ok := c.received.slots[mid]; ok {
		r = *counted
	}
	for ssrc, owner := range c.received.owners {
		if n, ok := c.received.wire[ssrc]; ok && owner == mid {
			r.Raw += n.Load()
		}
	}
	return r
}

// RawPackets counts every RTP packet that came off the wire, whomever it is for.
func (c *Client) RawPackets() uint64 {
	c.received.mu.Lock()
	defer c.received.mu.Unlock()
	var all uint64
	for _, n := range c.received.wire {
		all += n.Load()
	}
	return all
}

// WaitReceived waits for this many media packets more than now on a slot.
func (c *Client) WaitReceived(ctx context.Context, mid string, packets uint64) error {
	want := c.Received(mid).Packets + packets
	return c.wait(ctx, mid, "packets", func(r Received) bool { return r.Packets >= want })
}

// WaitKeyFrames waits until so many key frames came on a slot in all.
func (c *Client) WaitKeyFrames(ctx context.Context, mid string, keyFrames uint64) error {
	return c.wait(ctx, mid, "a key frame", func(r Received) bool { return r.KeyFrames >= keyFrames })
}

func (c *Client) wait(ctx context.Context, mid, what string, met func(Received) bool) error {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !met(c.Received(mid)) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("sfutest: wait for %s on %q, have %+v: %w", what, mid, c.Received(mid), ctx.Err())
		case <-look.C:
		}
	}
	return nil
}
