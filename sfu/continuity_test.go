package sfu

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// judge is a transport that numbers packets as the cipher does, and checks what a receiver relies on: no number is used for two packets, and
// time and picture ids of a stream go on from one source to the next. Payloads begin as trace writes them.
type judge struct {
	t     testing.TB
	now   func() time.Time
	index map[uint32]uint64            // highest number of each SSRC, rollovers counted
	sent  map[uint32]map[uint64][]byte // by SSRC and number
	last  trace                        // of the highest packet of video
	video uint64                       // packets of video sent for the first time
	again uint64                       // packets sent again, on their own stream or under their own number
}

// trace is what a packet's payload says of itself, and how it was sent.
type trace struct {
	source, frame       uint16 // as the sender wrote them
	picture             uint16
	layer               uint8
	key                 bool
	timestamp, original uint32 // as sent, and as the sender wrote it
	number              uint64
	at                  time.Time
}

const traceSize = 15

// traced is one packet of VP8, which is one frame, that says where it is from.
func traced(source, frame uint16, timestamp uint32, key bool, size int, salt byte) []byte {
	payload := picture(frame, key, traceSize+size)
	payload[4] = byte(frame)
	binary.BigEndian.PutUint16(payload[6:], source)
	binary.BigEndian.PutUint16(payload[8:], frame)
	binary.BigEndian.PutUint32(payload[10:], timestamp)
	payload[14] = salt
	return payload
}

func readTrace(payload []byte) trace {
	return trace{
		source: binary.BigEndian.Uint16(payload[6:]), frame: binary.BigEndian.Uint16(payload[8:]),
		picture: binary.BigEndian.Uint16(payload[2:]) & 0x7FFF, layer: payload[4], key: payload[5]&1 == 0,
		original: binary.BigEndian.Uint32(payload[10:]),
	}
}

func newJudge(t testing.TB, now func() time.Time) *judge {
	return &judge{t: t, now: now, index: map[uint32]uint64{}, sent: map[uint32]map[uint64][]byte{}}
}

// number counts rollovers as the cipher does (RFC 3711 section 3.3.1, for the sender's own packets).
func (j *judge) number(h *rtp.Header) (number uint64, highest bool) {
	last, ok := j.index[h.SSRC]
	number = uint64(h.SequenceNumber)
	if ok {
		number = last + uint64(int64(int16(h.SequenceNumber-uint16(last))))
	}
	if !ok || number > last {
		j.index[h.SSRC] = number
		return number, true
	}
	return number, false
}

func (j *judge) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	whole, err := (&rtp.Packet{Header: *h, Payload: payload}).Marshal()
	if err != nil {
		j.t.Fatal(err)
	}
	number, highest := j.number(h)
	of := j.sent[h.SSRC]
	if of == nil {
		of = map[uint64][]byte{}
		j.sent[h.SSRC] = of
	}
	before, used := of[number]
	if used && !bytes.Equal(before, whole) {
		j.t.Fatalf("number %d of %d is used again:\n% x\n% x", number, h.SSRC, before, whole)
	}
	if behind := j.index[h.SSRC] - number; !used && behind > 2*mostKept {
		j.t.Fatalf("number %d of %d is %d behind: its counter was turned back", number, h.SSRC, behind)
	}
	of[number] = whole
	switch {
	case h.SSRC == slotRepairSSRC:
		j.repair(h, payload)
	case used:
		j.again++
	case len(payload) > 0 && h.SSRC == slotSSRC:
		j.video++
		if highest {
			j.follow(h, payload, number)
		}
	}
	return len(payload), nil
}

// repair checks that a retransmission is what was sent, to the last bit.
func (j *judge) repair(h *rtp.Header, payload []byte) {
	j.again++
	seq := binary.BigEndian.Uint16(payload)
	last := j.index[slotSSRC]
	whole, ok := j.sent[slotSSRC][last-uint64(uint16(last)-seq)]
	if !ok {
		return // it was missing when the newer ones went out, and comes this way first
	}
	var first rtp.Packet
	if err := first.Unmarshal(whole); err != nil {
		j.t.Fatal(err)
	}
	if first.Timestamp != h.Timestamp || first.Marker != h.Marker || !bytes.Equal(first.Payload, payload[2:]) {
		j.t.Fatalf("packet %d is sent again otherwise", seq)
	}
}

// follow checks a packet with a number higher than all before.
func (j *judge) follow(h *rtp.Header, payload []byte, number uint64) {
	is, was := readTrace(payload), j.last
	is.timestamp, is.number, is.at = h.Timestamp, number, j.now()
	j.last = is
	if was.number == 0 {
		if !is.key {
			j.t.Fatal("doesn't begin with a key frame")
		}
		return
	}
	if number-was.number > mostKept {
		j.t.Fatalf("number %d follows %d", number, was.number)
	}
	if is.timestamp-was.timestamp == is.original-was.original && is.source == was.source {
		if (is.picture-was.picture-is.frame+was.frame)&0x7FFF != 0 || is.layer-was.layer != uint8(is.frame-was.frame) {
			j.t.Fatalf("pictures of one source shift: %+v after %+v", is, was)
		}
		return
	}
	// A frame at least; and a source that was begun from the ring came a while before it was sent.
	passed := uint32((is.at.Sub(was.at)+lateStartAge)*90_000/time.Second) + 90_000/30
	if step := is.timestamp - was.timestamp; step == 0 || step > passed {
		j.t.Fatalf("another source goes on %d ticks later: %+v after %+v", step, is, was)
	}
	if !is.key || is.picture != (was.picture+1)&0x7FFF || is.layer != was.layer+1 {
		j.t.Fatalf("another source doesn't go on: %+v after %+v", is, was)
	}
}

// sender is a camera that a script drives.
type sender struct {
	ssrc      uint32
	sink      packetSink
	source    uint16 // another each time it starts anew
	seq       uint16
	frame     uint16
	timestamp uint32
	lost      []uint16 // newest numbers that weren't sent
}

// play lets a script of bytes, two a step, drive a camera, a slot with retransmissions of its own and one without. What comes out is judged as
// it is written; afterwards everything kept must be within its bounds.
func play(t testing.TB, b *bench, script []byte) *judge {
	judges := make([]*judge, len(b.video))
	for i, s := range b.video {
		judges[i] = newJudge(t, func() time.Time { return b.now })
		out := outlet{writer: judges[i], ssrc: slotSSRC, repairSSRC: slotRepairSSRC, payload: 120, repairPayload: 121, clock: 90_000}
		if i > 0 {
			out.repairSSRC, out.repairPayload = 0, 0
		}
		s.attach(out)
		s.Show(b.camera)
	}
	c := &sender{ssrc: cameraSSRC, sink: b.in[Video], seq: 65_000, frame: 0x7FF0, timestamp: 1<<32 - 90_000}
	for ; len(script) >= 2; script = script[2:] {
		c.step(b, script[0], int(script[1]))
		for i := range b.video {
			if n := len(b.video[i].rewrite.spans); n > rememberedSpans {
				t.Fatalf("%d spans are kept", n)
			}
		}
	}
	for _, e := range *b.camera.encodings.Load() {
		if len(e.ring.cells) > ringMostVideo || len(e.missing.lost) > mostMissing {
			t.Fatalf("%d cells, %d missing", len(e.ring.cells), len(e.missing.lost))
		}
	}
	if n := len(b.publisher.streams); n > 3 {
		t.Fatalf("%d streams are kept", n)
	}
	return judges[0]
}

// step is one thing that may happen to a stream, some of it only to that of a hostile sender.
func (c *sender) step(b *bench, what byte, how int) {
	switch what % 16 {
	default: // frames go on, slowly or in a burst that makes the ring grow
		for range 1 + how%32 {
			b.now = b.now.Add(time.Duration(1+how/32*5) * time.Millisecond)
			c.send(how%61 == 0)
		}
	case 4:
		c.send(true)
	case 5: // padding
		b.now = b.now.Add(time.Millisecond)
		c.next(1 + how*believable/256)
		buf := packetBytes(c.ssrc, typeVP8, c.seq, c.timestamp, append(make([]byte, 20), 21))
		buf[0] |= 0x20
		c.sink.receive(buf)
	case 6: // packets are lost
		for range 1 + how%16 {
			c.next(1)
			c.lost = append(c.lost, c.seq)
		}
	case 7, 8: // one of them comes late, or again
		if len(c.lost) > 0 {
			at := how % len(c.lost)
			b.repairs.receive(c.repeated(c.lost[at], how%8 == 0, 1))
			c.lost = append(c.lost[:at], c.lost[at+1:]...)
		}
	case 9: // a lie: what was sent long ago, as something else
		for n := range 16 {
			seq := c.seq - uint16(how+n*37)
			b.repairs.receive(c.repeated(seq, how%8 == 0, 2))
			c.sink.receive(c.packet(seq, how%8 == 1, 3))
		}
	case 10: // a jump that is believed
		c.next(how * believable / 255)
		c.send(how%2 == 0)
	case 11: // starts anew
		c.source, c.lost = c.source+1, nil
		c.seq += 20_000
		c.timestamp += uint32(how) << 20
		c.send(false)
		c.send(how%2 == 0)
	case 12: // goes on as another stream, as long as that is taken
		b.now = b.now.Add(time.Duration(streamEach))
		c.next(1)
		sink := b.publisher.openRTP(c.ssrc + 1000)
		next := sender{ssrc: c.ssrc + 1000, sink: sink, source: c.source + 1, seq: c.seq, frame: c.frame, timestamp: c.timestamp}
		sink.receive(withMID(next.packet(next.seq, how%2 == 0, 0), 'v'))
		if (*b.camera.encodings.Load())[0].ssrc != next.ssrc {
			return
		}
		*c = next
		b.repairs.receive(withMID(next.repeated(next.seq, false, 1), 'v'))
	case 13: // the slots show something else for a while, or nothing
		s := b.video[how%len(b.video)]
		s.Show(nil)
		b.now = b.now.Add(time.Duration(how) * time.Millisecond)
		s.Show(b.camera)
	case 14, 15: // receivers ask again, also for what never was
		for i, s := range b.video {
			newest := uint16(s.rewrite.nextOut)
			for n := range uint16(8) {
				s.nack([]uint16{newest - 1 - n*uint16(1+how)})
			}
			b.now = b.now.Add(time.Duration(i) * time.Millisecond)
		}
	}
}

// next is the number, frame and time of the packet that many on.
func (c *sender) next(on int) {
	c.seq += uint16(on)
	c.frame += uint16(on)
	c.timestamp += uint32(on) * 3000
}

// at gives the time and the payload of the packet with a number near the newest.
func (c *sender) at(seq uint16, key bool, salt byte) (timestamp uint32, payload []byte) {
	behind := c.seq - seq
	timestamp = c.timestamp - uint32(behind)*3000
	return timestamp, traced(c.source, c.frame-behind, timestamp, key, int(seq%50), salt)
}

func (c *sender) packet(seq uint16, key bool, salt byte) []byte {
	timestamp, payload := c.at(seq, key, salt)
	return packetBytes(c.ssrc, typeVP8, seq, timestamp, payload)
}

func (c *sender) repeated(seq uint16, key bool, salt byte) []byte {
	timestamp, payload := c.at(seq, key, salt)
	return packetBytes(repairSSRC, typeRepair, seq, timestamp, append(binary.BigEndian.AppendUint16(nil, seq), payload...))
}

func (c *sender) send(key bool) {
	c.next(1)
	c.sink.receive(c.packet(c.seq, key, 0))
}

func TestStreamsStayContinuousByChance(t *testing.T) {
	var video, again uint64
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 3))
		script := make([]byte, 1200)
		for i := range script {
			script[i] = byte(random.Uint())
		}
		j := play(t, newBench(t, 2, false), script)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		video, again = video+j.video, again+j.again
	}
	t.Logf("%d packets, %d sent again", video, again)
	if video < 50_000 || again < 1000 {
		t.Errorf("%d packets, %d sent again: hardly anything was tried", video, again)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add([]byte{4, 0, 0, 255, 6, 3, 0, 9, 7, 0, 14, 0, 13, 0, 0, 61, 11, 0, 12, 0, 14, 1})
	f.Add(slices.Concat([]byte{4, 0}, bytes.Repeat([]byte{5, 255}, 14), []byte{0, 1}))
	f.Add(slices.Concat([]byte{4, 0}, bytes.Repeat([]byte{0, 255}, 7), bytes.Repeat([]byte{0, 31}, 5), []byte{9, 0, 9, 9, 9, 17, 9, 25}))
	f.Fuzz(func(t *testing.T, script []byte) {
		play(t, newBench(t, 2, false), script[:min(len(script), 2000)])
	})
}
