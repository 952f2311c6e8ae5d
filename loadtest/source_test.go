package loadtest

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// packets plays frames of a picture as RTP.
func packets(source *picture, sequence *uint16, keys ...bool) (all []*rtp.Packet) {
	for _, key := range keys {
		source.frame(key, func(payload []byte, last bool) {
			*sequence++
			all = append(all, &rtp.Packet{
				Header:  rtp.Header{SequenceNumber: *sequence, Timestamp: uint32(source.pictureID), Marker: last},
				Payload: append([]byte(nil), payload...),
			})
		})
	}
	return all
}

func TestPicture(t *testing.T) {
	source, sequence := newPicture(), uint16(65_530)
	ids := map[uint16]bool{}
	const frames = 40 // the picture id and TL0PICIDX wrap within these
	for i := range frames {
		var vp8 codecs.VP8Packet
		var frame []byte
		all := packets(source, &sequence, i%10 == 0)
		for j, packet := range all {
			payload, err := vp8.Unmarshal(packet.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if len(packet.Payload) > packetSize {
				t.Errorf("packet of %d bytes", len(packet.Payload))
			}
			if (vp8.S == 1) != (j == 0) || vp8.PID != 0 || packet.Marker != (j == len(all)-1) {
				t.Errorf("frame %d, packet %d of %d: S %d, partition %d, marker %v", i, j, len(all), vp8.S, vp8.PID, packet.Marker)
			}
			frame = append(frame, payload...)
		}
		if vp8.I != 1 || vp8.L != 1 || vp8.T != 1 || ids[vp8.PictureID] {
			t.Errorf("frame %d: descriptor %+v", i, vp8)
		}
		ids[vp8.PictureID] = true
		want, key := frameSize, i%10 == 0
		if key {
			want = keyFrameSize
		}
		if len(frame) != want || (frame[0]&1 == 0) != key {
			t.Errorf("frame %d: %d bytes, first %#x; want %d, key frame %v", i, len(frame), frame[0], want, key)
		}
		if key && (frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a || int(frame[6])|int(frame[7])<<8 != width || int(frame[8])|int(frame[9])<<8 != height) {
			t.Errorf("frame %d: header % x", i, frame[:10])
		}
	}
	if !ids[0x7fff] || !ids[0] {
		t.Error("the picture id did not wrap")
	}
}

func TestFrameWatch(t *testing.T) {
	drop := func(all []*rtp.Packet, i int) []*rtp.Packet { return append(all[:i:i], all[i+1:]...) }
	source, sequence := newPicture(), uint16(65_530)
	late := packets(source, &sequence, true, false, false)
	late = append(drop(late, 3), late[3])
	for name, c := range map[string]struct {
		packets     []*rtp.Packet
		whole, keys int
	}{
		"key frame and two more": {packets(source, &sequence, true, false, false), 3, 1},
		"first packet lost":      {drop(packets(source, &sequence, true, false), 0), 1, 0},
		"middle packet lost":     {drop(packets(source, &sequence, true, true), 3), 1, 1},
		"last packet lost":       {drop(packets(source, &sequence, false, true), 4), 1, 1},
		"packet comes late":      {late, 3, 1},
		"packet comes twice":     {append(packets(source, &sequence, true), late[1], late[1]), 1, 1},
		"padding between frames": {append(append(packets(source, &sequence, false), &rtp.Packet{}), packets(source, &sequence, true)...), 2, 1},
		"rubbish":                {[]*rtp.Packet{{Payload: []byte{0x90}}, {Payload: []byte{0x10}}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, keys := &sink{}, 0
			for _, packet := range c.packets {
				if s.take(packet, true, time.Second) {
					keys++
				}
			}
			whole := int(s.frames.Load())
			if whole != c.whole || keys != c.keys || int(s.keyFrames.Load()) != c.keys || int(s.packets.Load()) != len(c.packets) {
				t.Errorf("%d whole frames, %d key frames of %d packets; want %d and %d", whole, keys, s.packets.Load(), c.whole, c.keys)
			}
		})
	}
}

// TestMustAsk: a receiver that gets pictures but no key frame asks for one, now and then.
func TestMustAsk(t *testing.T) {
	source, sequence := newPicture(), uint16(0)
	s := &sink{}
	var asked []time.Duration
	for at := time.Second; at < 2*time.Second; at += 50 * time.Millisecond {
		key := at == 1700*time.Millisecond
		for _, packet := range packets(source, &sequence, key) {
			s.take(packet, true, at)
		}
		if s.mustAsk(at) {
			asked = append(asked, at)
		}
	}
	if want := []time.Duration{1200 * time.Millisecond, 1400 * time.Millisecond, 1600 * time.Millisecond}; !slices.Equal(asked, want) {
		t.Errorf("asked at %v, want %v", asked, want)
	}
}
