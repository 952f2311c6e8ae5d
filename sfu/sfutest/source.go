package sfutest

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// source sends synthetic media on one send-only line.
type source struct {
	client      *Client
	kind        webrtc.RTPCodecType
	track       *webrtc.TrackLocalStaticRTP
	transceiver *webrtc.RTPTransceiver
	sending     atomic.Bool
	started     atomic.Bool // its goroutine runs
	keyFrame    atomic.Bool // the next frame is one
	requests    atomic.Uint64

	// The sending goroutine's.
	header  rtp.Header
	picture uint16
	layer   uint8
}

func newSource(c *Client, kind webrtc.RTPCodecType, index int) (*source, error) {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}
	if kind == webrtc.RTPCodecTypeVideo {
		capability = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}
	}
	name := fmt.Sprintf("%s-%d", kind, index)
	track, err := webrtc.NewTrackLocalStaticRTP(capability, name, name)
	if err != nil {
		return nil, fmt.Errorf("sfutest: %s track: %w", kind, err)
	}
	s := &source{client: c, kind: kind, track: track}
	s.header = rtp.Header{Version: 2, SequenceNumber: 65_500, Timestamp: 1<<32 - 30_000} // both wrap soon
	s.picture = 0x7FF0
	return s, nil
}

func (s *source) send(on bool) {
	if on && !s.sending.Load() {
		s.keyFrame.Store(true)
	}
	s.sending.Store(on)
	if on && s.started.CompareAndSwap(false, true) {
		s.client.running.Go(s.run)
	}
}

// run sends packet after packet in real time.
func (s *source) run() {
	each := 20 * time.Millisecond
	if s.kind == webrtc.RTPCodecTypeVideo {
		each = orElse(s.client.options.Frame, 33*time.Millisecond)
	}
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	for {
		if s.sending.Load() {
			if s.kind == webrtc.RTPCodecTypeVideo {
				s.frame()
			} else {
				s.sound()
			}
		}
		s.header.Timestamp += uint32(each * time.Duration(s.track.Codec().ClockRate) / time.Second) //nolint:gosec // a few thousand
		select {
		case <-s.client.done:
			return
		case <-ticker.C:
		}
	}
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// sound is one packet of Opus, loud enough for speech (RFC 6464).
func (s *source) sound() {
	s.write(make([]byte, 80), false, map[string][]byte{levelURI: {0x80 | 30}})
}

// packetSize is how much of a frame goes into one packet, in bytes.
const packetSize = 1100

// frame is one VP8 frame: the descriptor and the first bytes are VP8's, the rest is filling.
func (s *source) frame() {
	key := s.keyFrame.Swap(false)
	size := orElse(s.client.options.FrameSize, 4000)
	if key {
		size = orElse(s.client.options.KeyFrameSize, 12_000)
	}
	for sent := 0; sent < size; sent += packetSize {
		count := min(packetSize, size-sent)
		payload := make([]byte, 5+count)
		payload[0] = 0x80 // X
		if sent == 0 {
			payload[0] |= 0x10 // S
		}
		payload[1] = 0xC0 // I, L
		binary.BigEndian.PutUint16(payload[2:], s.picture|0x8000)
		payload[4] = s.layer
		if sent == 0 && !key {
			payload[5] = 1 // P: not a key frame
		}
		if count > 8 {
			binary.BigEndian.PutUint32(payload[9:], uint32(s.picture)<<16|uint32(sent)) //nolint:gosec // small
		}
		s.write(payload, sent+count == size, nil)
	}
	s.picture = (s.picture + 1) & 0x7FFF
	s.layer++
}

// write sends a packet; what can't be sent is lost, as on any network.
func (s *source) write(payload []byte, marker bool, extensions map[string][]byte) {
	h := s.header
	h.Marker = marker
	for _, x := range s.transceiver.Sender().GetParameters().HeaderExtensions {
		value := extensions[x.URI]
		if x.URI == midURI && s.client.options.HideSources {
			value = []byte(s.transceiver.Mid())
		}
		if value != nil {
			_ = h.SetExtension(uint8(x.ID), value) //nolint:gosec // 1 to 14
		}
	}
	_ = s.track.WriteRTP(&rtp.Packet{Header: h, Payload: payload})
	s.header.SequenceNumber++
}

// listen reads the server's RTCP about this line.
func (s *source) listen() {
	for {
		packets, _, err := s.transceiver.Sender().ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				s.requests.Add(1)
				s.keyFrame.Store(true)
			}
		}
	}
}
