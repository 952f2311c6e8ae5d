package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestParsePacket(t *testing.T) {
	whole := rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: 7, Timestamp: 9, SSRC: 5, CSRC: []uint32{1, 2}}, Payload: []byte{1, 2, 3}}
	if err := whole.SetExtension(3, []byte{0xAA}); err != nil {
		t.Fatal(err)
	}
	if err := whole.SetExtension(4, []byte("mid")); err != nil {
		t.Fatal(err)
	}
	oneByte, err := whole.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	long := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 5}, Payload: []byte{1}}
	if err := long.SetExtension(20, bytes.Repeat([]byte{7}, 40)); err != nil {
		t.Fatal(err)
	}
	twoByte, err := long.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var p packet
	if !p.parse(oneByte) {
		t.Fatal("refused")
	}
	if p.ssrc != 5 || p.seq != 7 || p.timestamp != 9 || !p.marker || p.payloadType != 96 || !bytes.Equal(p.payload, []byte{1, 2, 3}) {
		t.Errorf("%+v", p)
	}
	if !bytes.Equal(p.extension(3), []byte{0xAA}) || string(p.extension(4)) != "mid" || p.extension(5) != nil || p.extension(0) != nil {
		t.Errorf("extensions: % x", p.extensions)
	}
	if !p.parse(twoByte) || len(p.extension(20)) != 40 || p.marker {
		t.Errorf("two-byte form: %+v", p)
	}
	header := func(first byte, rest ...byte) []byte {
		return append([]byte{first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, rest...)
	}
	for _, c := range []struct {
		name    string
		buf     []byte
		ok      bool
		payload int
	}{
		{"empty", nil, false, 0},
		{"eleven bytes", header(0x80)[:11], false, 0},
		{"version 1", header(0x40), false, 0},
		{"no payload", header(0x80), true, 0},
		{"sources cut off", header(0x81, 1, 2), false, 0},
		{"extension header cut off", header(0x90, 0xBE, 0xDE), false, 0},
		{"extension cut off", header(0x90, 0xBE, 0xDE, 0, 1, 1), false, 0},
		{"padding only", header(0xA0, 0, 0, 3), true, 0},
		{"padding and payload", header(0xA0, 9, 9, 0, 2), true, 2},
		{"padding longer than the packet", header(0xA0, 0, 0, 9), false, 0},
		{"padding of zero", header(0xA0, 9, 0), false, 0},
		{"padding without room", header(0xA0), false, 0},
		{"unknown profile", header(0x90, 1, 1, 0, 1, 0x10, 1, 2, 3, 5), true, 1},
		{"extension longer than the rest", header(0x90, 0xBE, 0xDE, 0, 1, 0x1F, 1, 2, 3), true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p packet
			if ok := p.parse(c.buf); ok != c.ok || ok && len(p.payload) != c.payload {
				t.Errorf("ok %v, payload %d", ok, len(p.payload))
			}
			if c.ok && p.extension(1) != nil {
				t.Error("found an extension that isn't whole")
			}
		})
	}
}

func TestDecapsulate(t *testing.T) {
	p := packet{ssrc: 1, seq: 9, payloadType: 97, payload: []byte{0x12, 0x34, 7}}
	if !p.decapsulate(5, 96) || p.ssrc != 5 || p.seq != 0x1234 || p.payloadType != 96 || !bytes.Equal(p.payload, []byte{7}) {
		t.Errorf("%+v", p)
	}
	p.payload = []byte{1}
	if p.decapsulate(5, 96) {
		t.Error("a retransmission of nothing was taken")
	}
}

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint16
		want []int64 // relative to the first; -1: not taken
	}{
		{"in order", []uint16{5, 6, 7}, []int64{0, 1, 2}},
		{"wraps", []uint16{65534, 65535, 0, 1}, []int64{0, 1, 2, 3}},
		{"overtaken", []uint16{65535, 1, 0, 2}, []int64{0, 2, 1, 3}},
		{"before the first", []uint16{0, 65535}, []int64{0, -1 + 0}},
		{"a gap", []uint16{10, 2010}, []int64{0, 2000}},
		{"one stray packet", []uint16{10, 30000, 11}, []int64{0, -1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sequence
			var first uint64
			for i, seq := range c.in {
				ext, restarted, ok := s.extend(seq)
				if restarted {
					t.Fatal("restarted")
				}
				if i == 0 {
					first = ext
				}
				if c.name == "before the first" && i == 1 {
					if !ok || first-ext != 1 {
						t.Errorf("%d: %d", i, ext)
					}
					continue
				}
				if ok != (c.want[i] >= 0) || ok && int64(ext-first) != c.want[i] {
					t.Errorf("%d: %d, %v", i, int64(ext-first), ok)
				}
			}
		})
	}
	var s sequence
	s.extend(10)
	s.extend(40000)
	ext, restarted, ok := s.extend(40001)
	if !ok || !restarted || uint16(ext) != 40001 || ext < 1<<16+10 {
		t.Errorf("a restart: %d %v %v", ext, restarted, ok)
	}
	if _, ok := s.near(40002); ok {
		t.Error("a repair of what was never sent was taken")
	}
	if got, ok := s.near(39999); !ok || got != ext-2 {
		t.Errorf("near: %d %v", got, ok)
	}
}

func TestRing(t *testing.T) {
	ms := int64(time.Millisecond)
	r := newRing(Audio)
	put := func(ext uint64, at int64) {
		r.put(ext, at, &packet{timestamp: uint32(ext), payload: []byte{byte(ext)}}, 0)
	}
	for i := range uint64(200) {
		put(i, int64(i)*20*ms)
	}
	if len(r.cells) != ringLeastAudio {
		t.Errorf("grew to %d though what it overwrites is old", len(r.cells))
	}
	if r.get(199) == nil || r.get(199-ringLeastAudio) != nil || r.get(200) != nil {
		t.Error("doesn't hold the newest")
	}
	for i := uint64(200); i < 600; i++ {
		put(i, 4000*ms+int64(i)*ms) // a packet each millisecond: 500 are young
	}
	if len(r.cells) != ringMostAudio {
		t.Errorf("%d cells for 500 young packets", len(r.cells))
	}
	for i := uint64(600); i < 9000; i++ {
		put(i, 4000*ms+int64(i)*ms/10)
	}
	if len(r.cells) != ringMostAudio {
		t.Errorf("grew to %d beyond its limit", len(r.cells))
	}
	for i := uint64(9000 - ringMostAudio); i < 9000; i++ {
		if c := r.get(i); c == nil || c.ext != i || c.payload[0] != byte(i) {
			t.Fatalf("lost %d", i)
		}
	}
	r.widen(time.Second)
	if r.window != ringMostWindow {
		t.Errorf("window %v", r.window)
	}
	r.widen(time.Millisecond)
	if r.window != ringMostWindow {
		t.Error("the window became narrower")
	}
}

func TestMissing(t *testing.T) {
	ms := int64(time.Millisecond)
	var m missing
	if !m.gap(10, 12, 0) || m.gap(20, 20, 0) {
		t.Error("first")
	}
	ask, next := m.due(ms, 0, nil)
	if len(ask) != 0 || next != int64(reorderWait) {
		t.Errorf("asks for what may only be overtaken: %v %d", ask, next)
	}
	m.came(11)
	if ask, _ = m.due(8*ms, 0, nil); len(ask) != 3 || ask[0] != 10 || ask[1] != 12 || ask[2] != 20 {
		t.Errorf("%v", ask)
	}
	if ask, next = m.due(9*ms, 100*time.Millisecond, nil); len(ask) != 0 || next != 8*ms+125*ms {
		t.Errorf("asks again before an answer can come: %v %d", ask, next)
	}
	asks := 1
	for now := int64(10); now < 3000; now++ {
		if ask, next = m.due(now*ms, 0, nil); len(ask) > 0 {
			asks++
		}
	}
	if asks != mostAsks || next != 0 || m.given != 3 || len(m.lost) != 0 {
		t.Errorf("asked %d times, next %d, gave up %d", asks, next, m.given)
	}
	m.gap(100, 100+1000, 0)
	if len(m.lost) != mostMissing || m.lost[0].ext != 1101-mostMissing {
		t.Errorf("remembers %d from %d", len(m.lost), m.lost[0].ext)
	}
	m.gap(2000, 2001, 0)
	if len(m.lost) != mostMissing || m.lost[mostMissing-1].ext != 2001 {
		t.Errorf("remembers %d", len(m.lost))
	}
	m.clear()
	if m.came(5); len(m.lost) != 0 {
		t.Error("not clear")
	}
}

func TestResends(t *testing.T) {
	ms := int64(time.Millisecond)
	var r resends
	if r.ready(1, 0, 0) && r.most > 0 {
		t.Error("no credit, and ready")
	}
	for range 100 {
		r.earn(1000)
	}
	if r.credit != 100*1060/resendShare {
		t.Errorf("credit %d", r.credit)
	}
	sent := 0
	for now := range int64(1900) {
		if r.ready(7, now*ms+1, 40*time.Millisecond) {
			r.spend(7, 1000, now*ms+1)
			sent++
		}
	}
	if sent != resendsEach {
		t.Errorf("one packet was sent again %d times", sent)
	}
	if !r.ready(7, 10_000*ms, 0) || !r.ready(7+256, 1900*ms, 0) {
		t.Error("another packet of the same place isn't ready")
	}
	for seq := uint16(1000); r.ready(seq, 5000*ms, 0); seq++ {
		r.spend(seq, 1000, 5000*ms)
		sent++
	}
	if sent*1060 > 100*1060/resendShare {
		t.Errorf("%d resends of 100 packets", sent)
	}
	for range 10_000 {
		r.earn(1000)
	}
	if r.credit != resendMostCredit {
		t.Errorf("saved up %d", r.credit)
	}
}

func TestKeyFrameRequests(t *testing.T) {
	ms := int64(time.Millisecond)
	var k keyFrameRequests
	if ask, next := k.due(5000 * ms); ask || next != 0 {
		t.Error("asks though nobody wants")
	}
	if !k.want() || k.want() {
		t.Error("first")
	}
	var asked []int64
	now := 5000 * ms
	for ; now < 9000*ms; now += ms { // never answered
		if ask, _ := k.due(now); ask {
			asked = append(asked, now/ms)
		}
	}
	if len(asked) != 8 || asked[0] != 5000 || asked[1] != 5500 || asked[2] != 6000 {
		t.Errorf("asked at %v", asked)
	}
	asked = nil
	for ; now < 13_000*ms; now += ms { // answered at once, wanted at once
		if ask, _ := k.due(now); ask {
			asked = append(asked, now)
			k.arrived()
		}
		k.want()
	}
	for i := 2; i < len(asked); i++ {
		if asked[i]-asked[i-2] < int64(time.Second) {
			t.Errorf("three within a second: %v", asked)
		}
	}
	if len(asked) < 7 {
		t.Errorf("asked at %v", asked)
	}
	k.arrived()
	if ask, next := k.due(now); ask || next != 0 {
		t.Error("asks after the key frame came")
	}
}

func TestReception(t *testing.T) {
	second := int64(time.Second)
	r := reception{clock: 90_000}
	for i := range uint64(100) {
		if i%10 == 5 {
			continue // a tenth is lost
		}
		r.packet(1000+i, uint32(i*3000), int64(i)*second/30)
	}
	b := r.block(7, 4*second)
	if b.SSRC != 7 || b.FractionLost != 25 || b.TotalLost != 10 || b.LastSequenceNumber != 1099 || b.Jitter > 2 || b.LastSenderReport != 0 {
		t.Errorf("%+v", b)
	}
	r.report = senderReport{known: true, ntp: 0x11112222_33334444, at: 4 * second}
	for i := uint64(100); i < 200; i++ {
		r.packet(1000+i, uint32(i*3000), int64(i)*second/30+int64(i%2)*second/100)
	}
	if b = r.block(7, 5*second); b.FractionLost != 0 || b.TotalLost != 10 || b.LastSenderReport != 0x22223333 || b.Delay != 1<<16 || b.Jitter < 500 {
		t.Errorf("%+v", b)
	}
	at := time.Unix(1_800_000_000, 500_000_000)
	if got := ntpTime(at); got>>32 != 1_800_000_000+ntpEpoch || uint32(got) != 1<<31 {
		t.Errorf("ntp %x", got)
	}
	b.LastSenderReport = uint32(ntpTime(at.Add(-150*time.Millisecond)) >> 16)
	b.Delay = ntpShort(int64(100 * time.Millisecond))
	if trip := roundTrip(b, at); trip < 49*time.Millisecond || trip > 51*time.Millisecond {
		t.Errorf("round trip %v", trip)
	}
	b.Delay = 1 << 20
	if roundTrip(b, at) != 0 {
		t.Error("a round trip below zero")
	}
	r.restart()
	if r.clock != 90_000 || r.received != 0 {
		t.Errorf("%+v", r)
	}
}

func TestLoudness(t *testing.T) {
	ms := int64(time.Millisecond)
	var l loudness
	now := 1000 * ms
	say := func(below uint8, packets int) (uint8, bool) {
		for range packets {
			l.note(below, now)
			now += 20 * ms
		}
		return l.now(now)
	}
	if below, speaks := say(30, 30); !speaks || below > 32 {
		t.Errorf("speech: %d %v", below, speaks)
	}
	if below, speaks := say(90, 60); speaks || below < 85 {
		t.Errorf("quiet: %d %v", below, speaks)
	}
	if _, speaks := say(20, 1); speaks {
		t.Error("one click is no speech")
	}
	if _, speaks := say(20, 10); !speaks {
		t.Error("speech isn't noticed")
	}
	if below, speaks := l.now(now + 2000*ms); speaks || below != silence {
		t.Errorf("nothing comes: %d %v", below, speaks)
	}
}
