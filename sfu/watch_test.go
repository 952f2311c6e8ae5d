package sfu_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// watch remembers what arrives on one client's slots, as a receiver sees it.
type watch struct {
	mu      sync.Mutex
	packets map[string][]seen
}

type seen struct {
	seq       uint16
	timestamp uint32
	marker    bool
	picture   uint16
	layer     uint8
	key       bool
	ssrc      uint32
}

func (w *watch) onRTP(mid string, packet *rtp.Packet) {
	s := seen{seq: packet.SequenceNumber, timestamp: packet.Timestamp, marker: packet.Marker, ssrc: packet.SSRC}
	var vp8 codecs.VP8Packet
	if frame, err := vp8.Unmarshal(packet.Payload); err == nil {
		s.picture, s.layer = vp8.PictureID, vp8.TL0PICIDX
		s.key = vp8.S == 1 && vp8.PID == 0 && len(frame) > 0 && frame[0]&1 == 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.packets == nil {
		w.packets = map[string][]seen{}
	}
	w.packets[mid] = append(w.packets[mid], s)
}

func (w *watch) on(mid string) []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.packets[mid]...)
}

// ordered sorts by sequence number, counting on from the first, and drops none.
func ordered(packets []seen) map[int64]seen {
	byNumber := map[int64]seen{}
	var highest int64
	for i, p := range packets {
		at := int64(p.seq)
		if i > 0 {
			at = highest + int64(int16(p.seq-uint16(highest)))
		}
		highest = max(highest, at)
		byNumber[at] = p
	}
	return byNumber
}

// missingShare is how many of the numbers between the first and the last (except the newest `tail`, whose repair may be under way) never came.
func missingShare(packets []seen, tail int64) (missing, all int64) {
	byNumber := ordered(packets)
	first, last := int64(1<<62), int64(0)
	for n := range byNumber {
		first, last = min(first, n), max(last, n)
	}
	for n := first; n <= last-tail; n++ {
		all++
		if _, ok := byNumber[n]; !ok {
			missing++
		}
	}
	return missing, all
}

// mostlyThere checks that packets come: a busy machine's sockets lose some, and what is lost for good there says nothing of us. That a slot leaves no
// hole of its own is checked to the packet where there are no sockets (TestStreamsStayContinuousByChance).
func mostlyThere(t *testing.T, packets []seen, tail int64) {
	t.Helper()
	if missing, all := missingShare(packets, tail); missing*4 > all {
		t.Errorf("%d of %d packets are missing", missing, all)
	}
}

// ticks of a media clock that may pass between two packets while a test waits.
func ticks(rate int64) int64 { return int64(patience/time.Second) * rate }

// mustFlow checks that video packets are one continuous stream: put in order, time and picture ids go on by one frame at a time.
func mustFlow(t *testing.T, packets []seen) (keyFrames int) {
	t.Helper()
	if len(packets) == 0 || !packets[0].key {
		t.Fatal("doesn't begin with a key frame")
	}
	mostlyThere(t, packets, 50)
	byNumber := ordered(packets)
	if len(byNumber) != len(packets) {
		t.Errorf("%d packets have %d numbers", len(packets), len(byNumber))
	}
	for n, p := range byNumber {
		if p.key {
			keyFrames++
		}
		last, ok := byNumber[n-1]
		if !ok {
			continue
		}
		if p.ssrc != last.ssrc {
			t.Fatalf("packet %d: another stream", n)
		}
		sameFrame := p.timestamp == last.timestamp
		if sameFrame == last.marker && !p.key { // a source that is left is cut off anywhere; the next begins with a key frame
			t.Fatalf("packet %d: a frame must end with its marker: %+v after %+v", n, p, last)
		}
		if step := int32(p.timestamp - last.timestamp); step < 0 || int64(step) > ticks(90_000) {
			t.Fatalf("packet %d: time goes by %d ticks", n, step)
		}
		wantPicture, wantLayer := last.picture, last.layer
		if !sameFrame {
			wantPicture, wantLayer = (last.picture+1)&0x7FFF, last.layer+1
		}
		if p.picture != wantPicture || p.layer != wantLayer {
			t.Fatalf("packet %d: picture %d layer %d, want %d and %d", n, p.picture, p.layer, wantPicture, wantLayer)
		}
	}
	return keyFrames
}
