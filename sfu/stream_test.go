package sfu

import (
	"encoding/binary"
	"testing"
	"time"
)

// repair lets a retransmission of that camera packet in.
func (b *bench) repair(seq uint16, payload []byte) {
	payload = append(binary.BigEndian.AppendUint16(nil, seq), payload...)
	b.repairs.receive(packetBytes(repairSSRC, typeRepair, seq, uint32(seq)*3000, payload))
}

func TestWhatTheRingForgotIsNotTakenAgain(t *testing.T) {
	b := newBench(t, 1, true)
	b.video[0].Show(b.camera)
	last := uint16(1)
	b.frame(last, true)
	missing := uint16(205)
	for _, run := range []struct {
		packets int
		each    time.Duration
	}{
		{200, 5 * time.Millisecond},   // what is overwritten is old
		{130, 100 * time.Microsecond}, // what would be overwritten is young: the ring grows
	} {
		for range run.packets {
			b.now = b.now.Add(run.each)
			if last++; last != missing {
				b.frame(last, false)
			}
		}
	}
	e := (*b.camera.encodings.Load())[0]
	if len(e.ring.cells) <= ringLeastVideo {
		t.Fatalf("the ring has %d cells", len(e.ring.cells))
	}
	sent := map[uint16]bool{}
	for _, p := range b.wires[0].packets {
		sent[p.SequenceNumber] = true
	}
	before := len(b.wires[0].packets)
	for seq := last; seq > 0; seq-- {
		b.repair(seq, picture(seq, false, 900)) // not what was sent before
	}
	again := b.wires[0].packets[before:]
	if len(again) != 1 || again[0].SequenceNumber != missing || sent[missing] {
		t.Errorf("%d packets were sent after the repairs: %v", len(again), again)
	}
}

func TestManyHolesDontTurnTheCounterBack(t *testing.T) {
	b := newBench(t, 1, true)
	b.video[0].Show(b.camera)
	b.frame(1, true)
	seq := uint16(1)
	for range 14 { // each a jump that is believed, and padding: the slot writes nothing
		seq += believable
		padding := packetBytes(cameraSSRC, typeVP8, seq, 0, append(make([]byte, 200), 201))
		padding[0] |= 0x20
		b.in[Video].receive(padding)
	}
	b.frame(seq+1, false)
	p := b.wires[0].packets
	if len(p) != 2 || p[1].SequenceNumber-p[0].SequenceNumber > mostKept {
		t.Errorf("%v", p)
	}
}

// withMID is the packet with its m-line's name (one letter) as its only header extension.
func withMID(raw []byte, mid byte) []byte {
	var p packet
	p.parse(raw)
	named := append([]byte{raw[0] | 0x10}, raw[1:rtpHeaderSize]...)
	return append(append(named, 0xBE, 0xDE, 0, 1, 0x10, mid, 0, 0), p.payload...)
}

func TestStreamsThatWereReplacedAreForgotten(t *testing.T) {
	b := newBench(t, 1, true)
	p := b.publisher
	b.video[0].Show(b.camera)
	encodings := []*encoding{(*b.camera.encodings.Load())[0]}
	for i := range uint32(2 * mostTold) {
		b.now = b.now.Add(time.Duration(streamEach))
		if i%2 == 1 {
			p.openRTP(2000 + i).receive(withMID(packetBytes(2000+i, typeRepair, 1, 1, picture(1, false, 100)), 'v'))
			continue
		}
		sink := p.openRTP(1000 + i)
		for seq := range uint16(200) {
			sink.receive(withMID(packetBytes(1000+i, typeVP8, seq, 1, picture(seq, seq == 0, 100)), 'v'))
		}
		if e := (*b.camera.encodings.Load())[0]; e != encodings[len(encodings)-1] {
			encodings = append(encodings, e)
		}
		b.video[0].nack([]uint16{b.wires[0].packets[len(b.wires[0].packets)-1].SequenceNumber})
	}
	if len(encodings) != 1+mostTold/2 || p.told != mostTold {
		t.Errorf("%d encodings, %d streams were told of by packets", len(encodings), p.told)
	}
	for i, e := range encodings {
		last := i == len(encodings)-1
		if e.retired.Load() == last || (len(e.ring.cells) > 0) != last || e.missing.lost != nil {
			t.Errorf("encoding %d: retired %v, %d cells", i, e.retired.Load(), len(e.ring.cells))
		}
	}
	if len(p.streams) > 3 { // the camera, its repairs, the microphone
		t.Errorf("%d streams are remembered", len(p.streams))
	}
}
