package sfu

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// wire is a transport that keeps what is written, and lets packets in as a real one does.
type wire struct {
	packets []rtp.Packet
	keep    bool
	count   int
}

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.count++
	if w.keep {
		w.packets = append(w.packets, rtp.Packet{Header: h.Clone(), Payload: append([]byte(nil), payload...)})
	}
	return len(payload), nil
}

func (w *wire) answer(context.Context, string, []*Slot) (string, error) { return "", nil }
func (w *wire) writeRTCP([]rtcp.Packet) error                           { return nil }
func (w *wire) roundTrip() time.Duration                                { return 0 }
func (w *wire) way() Way                                                { return "" }
func (w *wire) close() error                                            { return nil }

// bench is a publisher with one camera and one microphone, and receivers of both, without a network.
type bench struct {
	engine    *Engine
	now       time.Time
	camera    *Publication
	speech    *Publication
	in        map[Kind]packetSink
	repairs   packetSink
	video     []*Slot
	audio     []*Slot
	wires     []*wire
	publisher *Peer
}

const (
	cameraSSRC, repairSSRC, speechSSRC = 11, 12, 13
	typeVP8, typeRepair, typeOpus      = 100, 101, 102
	slotSSRC, slotRepairSSRC           = 21, 22
)

func newBench(t testing.TB, receivers int, keep bool) *bench {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{now: time.Unix(1_800_000_000, 0), in: map[Kind]packetSink{}}
	b.engine, err = NewEngine(Config{Conn: conn, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.engine.Close() })
	p := newPeer(b.engine, PeerEvents{})
	p.transport = &wire{}
	b.publisher = p
	line := func(kind Kind, mid string, ssrc, repair uint32) mediaLine {
		m := mediaLine{kind: kind, mid: mid, direction: "sendonly", ssrc: ssrc, repair: repair,
			nack: true, extensions: map[string]uint8{extensionMID: 1, extensionLevel: 2, extensionTransportCC: 3}}
		m.codecs[typeVP8], m.codecs[typeRepair], m.codecs[typeOpus] = codecVP8, codecRepair, codecOpus
		return m
	}
	d := description{media: []mediaLine{line(Video, "v", cameraSSRC, repairSSRC), line(Audio, "a", speechSSRC, 0)}}
	p.learn(d, d)
	b.camera, b.speech = p.Publications()[0], p.Publications()[1]
	b.in[Video], b.in[Audio], b.repairs = p.openRTP(cameraSSRC), p.openRTP(speechSSRC), p.openRTP(repairSSRC)
	for range receivers {
		r := newPeer(b.engine, PeerEvents{})
		r.transport = &wire{}
		r.up.Store(true)
		w := &wire{keep: keep}
		v, a := newSlot(r, "0", Video, 0), newSlot(r, "1", Audio, 5)
		v.attach(outlet{writer: w, ssrc: slotSSRC, repairSSRC: slotRepairSSRC, payload: 120, repairPayload: 121, clock: 90_000})
		a.attach(outlet{writer: w, ssrc: slotSSRC + 10, payload: 109, clock: 48_000})
		b.video, b.audio, b.wires = append(b.video, v), append(b.audio, a), append(b.wires, w)
	}
	return b
}

// packetBytes is a packet as it comes from the network.
func packetBytes(ssrc uint32, payloadType uint8, seq uint16, timestamp uint32, payload []byte) []byte {
	h := rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: seq, Timestamp: timestamp, SSRC: ssrc}
	_ = h.SetExtension(3, []byte{byte(seq >> 8), byte(seq)})
	if payloadType == typeOpus {
		_ = h.SetExtension(2, []byte{0x80 | 25})
	}
	buf, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		panic(err)
	}
	return buf
}

// picture is one packet of VP8 with that picture id.
func picture(id uint16, key bool, size int) []byte {
	payload := make([]byte, max(size, 6))
	payload[0], payload[1] = 0x90, 0xC0
	binary.BigEndian.PutUint16(payload[2:], id|0x8000)
	payload[4] = byte(id)
	if !key {
		payload[5] = 1
	}
	return payload
}

func (b *bench) frame(seq uint16, key bool) {
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, seq, uint32(seq)*3000, picture(seq, key, 1000)))
}

func TestVideoBeginsAtAKeyFrame(t *testing.T) {
	b := newBench(t, 1, true)
	b.video[0].Show(b.camera)
	b.frame(10, false)
	b.frame(11, false)
	if n := len(b.wires[0].packets); n != 0 {
		t.Fatalf("%d packets before a key frame", n)
	}
	b.frame(12, true)
	b.frame(13, false)
	if n := len(b.wires[0].packets); n != 2 {
		t.Fatalf("%d packets", n)
	}
	for i, p := range b.wires[0].packets {
		if p.SSRC != slotSSRC || p.PayloadType != 120 || p.SequenceNumber != uint16(1+i) {
			t.Errorf("packet %d: %v", i, p)
		}
	}
}

// What a receiver is sent is known by the key frames that went to it, and counted by picture, not by packet.
func TestSizeOfThePicture(t *testing.T) {
	b := newBench(t, 1, true)
	slot := b.video[0]
	slot.Show(b.camera)
	packet := func(seq uint16, payload []byte, last bool) {
		p := rtp.Packet{}
		if err := p.Unmarshal(packetBytes(cameraSSRC, typeVP8, seq, uint32(seq/2)*3000, payload)); err != nil {
			t.Fatal(err)
		}
		p.Marker = last
		buf, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		b.in[Video].receive(buf)
	}
	key := func(id, width, height uint16) []byte {
		payload := picture(id, true, 1000)
		copy(payload[8:], []byte{0x9D, 0x01, 0x2A})
		binary.LittleEndian.PutUint16(payload[11:], width)
		binary.LittleEndian.PutUint16(payload[13:], height)
		return payload
	}
	more := picture(0, false, 500)
	more[0] = 0x80 // it begins no frame
	packet(10, key(1, 1280, 720), false)
	packet(11, more, true)
	packet(12, picture(2, false, 1000), true)
	if s := slot.statistics(); s.Width != 1280 || s.Height != 720 || s.Frames != 2 {
		t.Errorf("%d × %d, %d pictures", s.Width, s.Height, s.Frames)
	}
	packet(14, key(3, 320, 180), true)
	if s := slot.statistics(); s.Width != 320 || s.Height != 180 || s.Frames != 3 {
		t.Errorf("after a smaller key frame: %d × %d, %d pictures", s.Width, s.Height, s.Frames)
	}
}

func TestLateReceiverStartsFromTheRing(t *testing.T) {
	b := newBench(t, 1, true)
	b.frame(10, true)
	b.frame(11, false)
	b.video[0].Show(b.camera)
	b.frame(12, false)
	if n := len(b.wires[0].packets); n != 3 {
		t.Fatalf("%d packets, want the key frame and two more", n)
	}
	b.video[0].Show(nil)
	b.now = b.now.Add(2 * lateStartAge)
	b.video[0].Show(b.camera)
	b.frame(13, false)
	if n := len(b.wires[0].packets); n != 3 {
		t.Fatalf("%d packets: started from an old key frame", n)
	}
}

// Who comes in sees nothing of what came before, and nothing of theirs from before is seen, however it comes to be here: not from the ring, and not
// behind a key frame that was repaired.
func TestBeginAfresh(t *testing.T) {
	t.Run("receiver", func(t *testing.T) { testBeginAfresh(t, func(b *bench) *Peer { return b.video[0].peer }) })
	t.Run("publisher", func(t *testing.T) { testBeginAfresh(t, func(b *bench) *Peer { return b.publisher }) })
}

func testBeginAfresh(t *testing.T, who func(*bench) *Peer) {
	t.Helper()
	b := newBench(t, 1, true)
	newcomer := who(b)
	b.frame(10, true)
	b.frame(11, false)
	b.now = b.now.Add(time.Millisecond)
	newcomer.BeginAfresh()
	b.video[0].Show(b.camera)
	b.frame(12, false)
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, 14, 42_000, picture(14, false, 100)))
	if n := len(b.wires[0].packets); n != 0 {
		t.Fatalf("%d packets, of which some came before", n)
	}
	b.now = b.now.Add(time.Millisecond)
	newcomer.BeginAfresh()
	b.repairs.receive(packetBytes(repairSSRC, typeRepair, 1, 39_000, append([]byte{0, 13}, picture(13, true, 100)...)))
	b.frame(15, false)
	if n := len(b.wires[0].packets); n != 0 {
		t.Fatalf("%d packets, of which some came before", n)
	}
	b.frame(16, true)
	b.frame(17, false)
	if n := len(b.wires[0].packets); n != 2 {
		t.Errorf("%d packets since the key frame", n)
	}
}

func TestRepairedBeginningIsCaughtUp(t *testing.T) {
	b := newBench(t, 1, true)
	b.frame(9, false)
	b.video[0].Show(b.camera)
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, 11, 30_000, picture(10, false, 100)))
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, 12, 33_000, picture(11, false, 100)))
	original := picture(10, true, 100)
	b.repairs.receive(packetBytes(repairSSRC, typeRepair, 1, 30_000, append([]byte{0, 10}, original...)))
	packets := b.wires[0].packets
	if len(packets) != 3 {
		t.Fatalf("%d packets", len(packets))
	}
	for i, p := range packets {
		if p.SequenceNumber != uint16(1+i) {
			t.Errorf("packet %d has number %d", i, p.SequenceNumber)
		}
	}
	stats := b.publisher.Stats().Publications[0]
	if stats.Repaired != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestPaddingIsNotForwarded(t *testing.T) {
	b := newBench(t, 1, true)
	b.video[0].Show(b.camera)
	b.frame(10, true)
	padding := packetBytes(cameraSSRC, typeVP8, 11, 0, append(make([]byte, 200), 201))
	padding[0] |= 0x20
	b.in[Video].receive(padding)
	b.frame(12, false)
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, 13, 0, []byte{0x90, 0x80})) // no VP8 at all
	b.frame(14, false)
	packets := b.wires[0].packets
	if len(packets) != 3 || packets[1].SequenceNumber != 2 || packets[2].SequenceNumber != 3 {
		t.Fatalf("%v", packets)
	}
	b.in[Video].receive(packetBytes(cameraSSRC, typeVP8, 15, 0, picture(15, false, maxPayload+1)))
	if len(b.wires[0].packets) != 3 {
		t.Error("a packet that is too large was forwarded")
	}
}

func TestRestartedPublisherIsJoinedAtAKeyFrame(t *testing.T) {
	b := newBench(t, 1, true)
	b.video[0].Show(b.camera)
	b.frame(10, true)
	b.frame(11, false)
	b.frame(30_000, false)
	b.frame(30_001, false)
	if n := len(b.wires[0].packets); n != 2 {
		t.Fatalf("%d packets: goes on without a key frame", n)
	}
	b.frame(30_002, true)
	if p := b.wires[0].packets; len(p) != 3 || p[2].SequenceNumber != 3 {
		t.Fatalf("%v", p)
	}
}

func TestAudioSentAgainIsTheSameToTheLastBit(t *testing.T) {
	b := newBench(t, 1, true)
	b.audio[0].Show(b.speech)
	for seq := uint16(65_530); seq != 20; seq++ {
		b.in[Audio].receive(packetBytes(speechSSRC, typeOpus, seq, uint32(seq)*960, []byte{1, 2, byte(seq)}))
		b.now = b.now.Add(20 * time.Millisecond)
	}
	w := b.wires[0]
	first := append([]rtp.Packet(nil), w.packets...)
	if !first[0].Marker || first[1].Marker {
		t.Error("the marker isn't on the first packet alone")
	}
	if level := first[3].GetExtension(5); len(level) != 1 || level[0] != 0x80|25 {
		t.Errorf("level % x", level)
	}
	for i, p := range first {
		w.packets = w.packets[:0]
		b.audio[0].resends = resends{credit: resendMostCredit}
		b.audio[0].nack([]uint16{p.SequenceNumber})
		if len(w.packets) != 1 {
			t.Fatalf("packet %d: sent again %d times", i, len(w.packets))
		}
		was, _ := p.Marshal()
		is, _ := w.packets[0].Marshal()
		if string(was) != string(is) {
			t.Fatalf("packet %d: % x, was % x", i, is, was)
		}
	}
}

func TestVideoIsSentAgainOnItsOwnStream(t *testing.T) {
	b := newBench(t, 1, true)
	slot, w := b.video[0], b.wires[0]
	slot.Show(b.camera)
	b.frame(10, true)
	slot.Show(nil)
	slot.Show(b.camera)
	b.now = b.now.Add(time.Second)
	b.frame(500, true) // joined: picture ids are shifted
	for seq := uint16(501); seq < 520; seq++ {
		b.frame(seq, false)
	}
	want := w.packets[5]
	w.packets = w.packets[:0]
	slot.nack([]uint16{want.SequenceNumber, want.SequenceNumber, 5000, 1}) // 1 belongs to the former source
	if len(w.packets) != 1 {
		t.Fatalf("%d packets", len(w.packets))
	}
	p := w.packets[0]
	if p.SSRC != slotRepairSSRC || p.PayloadType != 121 || p.SequenceNumber != 1 || p.Timestamp != want.Timestamp {
		t.Errorf("%v", p)
	}
	if binary.BigEndian.Uint16(p.Payload) != want.SequenceNumber || string(p.Payload[2:]) != string(want.Payload) {
		t.Error("another packet was sent again")
	}
}

func TestNothingIsWrittenToASlotThatShowsNothing(t *testing.T) {
	b := newBench(t, 1, true)
	slot, w := b.video[0], b.wires[0]
	slot.Show(b.camera)
	b.frame(10, true)
	slot.Show(nil)
	w.packets = nil
	b.frame(11, true)
	slot.nack([]uint16{1})
	if r := slot.senderReport(b.engine.clock()); r != nil || len(w.packets) != 0 {
		t.Errorf("%v, %d packets", r, len(w.packets))
	}
	slot.keyFrame()
	slot.peer.up.Store(false)
	slot.Show(b.camera)
	b.frame(12, true)
	if len(w.packets) != 0 {
		t.Error("written before the peer is connected")
	}
}

func TestSenderReportsFollowThePublishersClock(t *testing.T) {
	b := newBench(t, 1, true)
	slot := b.video[0]
	slot.Show(b.camera)
	b.frame(10, true)
	if r := slot.senderReport(b.engine.clock()); r == nil || r.RTPTime != 30_000 || r.PacketCount != 1 {
		t.Fatalf("%v", r)
	}
	report, err := (&rtcp.SenderReport{SSRC: cameraSSRC, NTPTime: 1 << 40, RTPTime: 33_000}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.publisher.openRTCP(cameraSSRC).receive(report)
	b.now = b.now.Add(time.Second)
	if r := slot.senderReport(b.engine.clock()); r.RTPTime != 33_000+90_000 || r.NTPTime != ntpTime(b.now) {
		t.Errorf("%v", r)
	}
}

func TestRTCPOfASlot(t *testing.T) {
	b := newBench(t, 1, true)
	slot := b.video[0]
	receiver := slot.peer
	receiver.addSlots([]*Slot{slot})
	slot.Show(b.camera)
	b.frame(10, true)
	b.frame(11, false)
	sink := receiver.openRTCP(slotSSRC)
	lsr := uint32(ntpTime(b.now.Add(-50*time.Millisecond)) >> 16)
	for _, packet := range []rtcp.Packet{
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 99, FractionLost: 200}, {SSRC: slotSSRC, FractionLost: 64, LastSenderReport: lsr}}},
		&rtcp.PictureLossIndication{MediaSSRC: slotSSRC},
		&rtcp.PictureLossIndication{MediaSSRC: 99}, // about another
		&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: slotSSRC}}},
		&rtcp.TransportLayerNack{MediaSSRC: slotSSRC, Nacks: []rtcp.NackPair{{PacketID: 1}}},
	} {
		buf, err := packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		sink.receive(buf)
	}
	sink.receive([]byte{0x81, 201, 0, 9, 1})
	s := slot.statistics()
	if s.FractionLost != 64 || s.KeyFrameRequests != 2 || s.NacksReceived != 1 {
		t.Errorf("%+v", s)
	}
	if trip := receiver.roundTrip(); trip < 49*time.Millisecond || trip > 51*time.Millisecond {
		t.Errorf("round trip %v", trip)
	}
}

func TestPacketPathAllocatesNothing(t *testing.T) {
	b := newBench(t, 9, false)
	for i := range b.video {
		b.video[i].Show(b.camera)
		b.audio[i].Show(b.speech)
	}
	play := b.player()
	for range 20_000 {
		play() // until ring and lists are as large as they get
	}
	if n := testing.AllocsPerRun(5000, play); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if b.wires[8].count < 20_000 {
		t.Errorf("only %d packets were forwarded", b.wires[8].count)
	}
}

// player gives a function that lets the next packet in: mostly video, some sound, and padding now and then.
func (b *bench) player() func() {
	video := packetBytes(cameraSSRC, typeVP8, 0, 0, picture(0, false, 1100))
	sound := packetBytes(speechSSRC, typeOpus, 0, 0, make([]byte, 80))
	padding := packetBytes(cameraSSRC, typeVP8, 0, 0, append(make([]byte, 100), 101))
	padding[0] |= 0x20
	const pictureAt = 12 + 8 + 2 // header, extension, descriptor
	var n, videoSeq, soundSeq uint16
	return func() {
		n++
		b.now = b.now.Add(6 * time.Millisecond)
		buf, sink, seq := video, b.in[Video], &videoSeq
		switch {
		case n%4 == 0:
			buf, sink, seq = sound, b.in[Audio], &soundSeq
		case n%97 == 0:
			buf = padding
		}
		*seq++
		binary.BigEndian.PutUint16(buf[2:], *seq)
		binary.BigEndian.PutUint32(buf[4:], uint32(*seq)*960)
		if &buf[0] == &video[0] {
			binary.BigEndian.PutUint16(buf[pictureAt:], *seq|0x8000)
			video[pictureAt+3] = 1
			if *seq == 1 {
				video[pictureAt+3] = 0
			}
		}
		sink.receive(buf)
	}
}

func benchmarkForward(b *testing.B, receivers int) {
	s := newBench(b, receivers, false)
	for i := range s.video {
		s.video[i].Show(s.camera)
		s.audio[i].Show(s.speech)
	}
	play := s.player()
	for range 20_000 {
		play()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		play()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(receivers), "ns/forwarded")
}

func BenchmarkForwardToOne(b *testing.B)  { benchmarkForward(b, 1) }
func BenchmarkForwardToNine(b *testing.B) { benchmarkForward(b, 9) }
