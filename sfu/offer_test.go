package sfu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"housecall/sfu/sfutest"
)

// clientOffer is a whole offer as a client makes it.
func clientOffer(t testing.TB, o sfutest.Options) string {
	t.Helper()
	client, err := sfutest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offer, err := client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

func newTestEngine(t testing.TB) *Engine {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(Config{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestCheckOffer(t *testing.T) {
	line := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
	for _, c := range []struct {
		name, sdp string
		ok        bool
	}{
		{"one line", line, true},
		{"nothing", "", false},
		{"no m= line", "v=0\r\n", false},
		{"as large as allowed", line + "a=x:" + strings.Repeat("x", mostOfferBytes-len(line)-6) + "\r\n", true},
		{"too large", line + strings.Repeat("x", mostOfferBytes), false},
		{"32 lines", strings.Repeat(line, 32), true},
		{"33 lines", strings.Repeat(line, 33), false},
		{"64 candidates", line + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 64), true},
		{"65 candidates", line + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 65), false},
		{"3 rids on each", strings.Repeat(line+strings.Repeat("a=rid:h send\r\n", 3), 2), true},
		{"4 rids", line + strings.Repeat("a=rid:h send\r\n", 4), false},
		{"data channels", line + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", false},
		{"data channels behind a lone return", line + "a=x\rm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", false},
		{"data channels in capitals", line + "m=APPLICATION 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", false},
		{"text", "m=text 9 RTP/AVP 96\r\n", false},
		{"an empty m= line", "m=\r\n", false},
		{"too many formats", "m=video 9 UDP/TLS/RTP/SAVPF" + strings.Repeat(" 96", 129) + "\r\n", false},
		{"too many sources", line + strings.Repeat("a=ssrc:1 cname:x\r\n", 65), false},
		{"too many attributes", line + strings.Repeat("a=x\r\n", 513), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckOffer(c.sdp); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrOffer) {
				t.Error(err)
			}
		})
	}
	if err := CheckOffer(clientOffer(t, sfutest.Options{Microphones: 1, Cameras: 2, AudioSlots: 12, VideoSlots: 12})); err != nil {
		t.Error(err)
	}
}

func TestAnswerRefuses(t *testing.T) {
	e := newTestEngine(t)
	good := clientOffer(t, sfutest.Options{Microphones: 1, VideoSlots: 1})
	without := func(prefix string) string {
		var b strings.Builder
		for line := range strings.Lines(good) {
			if !strings.HasPrefix(line, prefix) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	for _, c := range []struct{ name, offer string }{
		{"nonsense", "m=audio"},
		{"data channels", good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"},
		{"no mids", without("a=mid")},
		{"a mid too long", strings.ReplaceAll(good, "a=mid:0", "a=mid:"+strings.Repeat("0", 33))},
		{"a mid that is no token", strings.ReplaceAll(good, "a=mid:0", "a=mid:0 1")},
		{"a mid twice", strings.ReplaceAll(good, "a=mid:1", "a=mid:0")},
		{"both directions", strings.ReplaceAll(good, "a=sendonly", "a=sendrecv")},
		{"no direction", without("a=sendonly")},
		{"no fingerprint", without("a=fingerprint")},
		{"no credentials", without("a=ice-")},
		{"no codec of ours", strings.ReplaceAll(good, "VP8", "H265")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := e.NewPeer(PeerEvents{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if answer, err := p.Answer(t.Context(), c.offer); !errors.Is(err, ErrOffer) {
				t.Errorf("%v\n%s", err, answer)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := e.NewPeer(PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Answer(ended, good); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAnswer(t *testing.T) {
	e := newTestEngine(t)
	offer := clientOffer(t, sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1})
	offer = strings.Replace(offer, "a=mid:1\r\n", "a=mid:1\r\na=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\na=extmap:13 urn:3gpp:video-orientation\r\n"+
		"a=candidate:1 1 udp 2130706431 192.0.2.7 5000 typ host\r\n", 1)
	p, err := e.NewPeer(PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Answer(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	port := e.addresses[0].Port()
	for _, want := range []string{
		fmt.Sprintf("a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\na=end-of-candidates\r\n", port),
		"a=setup:passive", "a=rtcp-fb:120 nack pli\r\n", "a=rtcp-fb:120 ccm fir\r\n", "a=rtcp-fb:120 transport-cc\r\n",
		"a=rtcp-fb:109 nack\r\n", "a=rtpmap:121 rtx/90000", "a=fmtp:121 apt=120",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, unwanted := range []string{"a=rid", "a=simulcast", "video-orientation", "192.0.2.7", "m=application"} {
		if strings.Contains(answer, unwanted) {
			t.Errorf("%q", unwanted)
		}
	}
	if strings.Count(answer, "a=candidate") != 1 {
		t.Errorf("candidates:\n%s", answer)
	}
	if t.Failed() {
		t.Log(answer)
	}
	d := read(answer)
	for i, want := range []string{"recvonly", "recvonly", "sendonly", "sendonly"} {
		if d.media[i].direction != want {
			t.Errorf("line %d is %s", i, d.media[i].direction)
		}
	}
	if agreed := p.negotiated.Load(); agreed.codecs[120] != codecVP8 || agreed.codecs[121] != codecRepair || agreed.codecs[109] != codecOpus ||
		agreed.mid == 0 || agreed.level == 0 || agreed.transportCC == 0 {
		t.Errorf("%+v", agreed)
	}
	for i, mid := range []string{"2", "3"} {
		s := p.Slots()[i]
		if s.MID() != mid || s.out.ssrc != d.media[2+i].ssrc || s.out.repairSSRC != d.media[2+i].repair || (s.levelID != 0) != (i == 0) {
			t.Errorf("slot %d: %q %+v, want %+v", i, s.MID(), s.out, d.media[2+i])
		}
	}
}

func TestOffersMayRenameAFewStreams(t *testing.T) {
	e := newTestEngine(t)
	p, err := e.NewPeer(PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	offer := clientOffer(t, sfutest.Options{Microphones: 1, Cameras: 1})
	microphone := fmt.Sprint(read(offer).media[0].ssrc)
	repair := fmt.Sprint(read(offer).media[1].repair)
	for i := range mostRenamed + 1 {
		for range 2 { // the same names again cost nothing
			again := strings.ReplaceAll(offer, microphone, fmt.Sprint(1000+i))
			if _, err := p.Answer(t.Context(), strings.ReplaceAll(again, repair, fmt.Sprint(2000+i))); err != nil {
				t.Fatalf("offer %d: %v", i, err)
			}
		}
	}
	if len(p.streams) != 3 {
		t.Errorf("%d streams are remembered", len(p.streams))
	}
	if _, err := p.Answer(t.Context(), offer); !errors.Is(err, ErrOffer) {
		t.Errorf("one more: %v", err)
	}
}

func TestAnnouncedAddresses(t *testing.T) {
	bound := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	got, err := listed(nil, bound)
	if err != nil || len(got) != 1 || got[0] != netip.MustParseAddrPort("127.0.0.1:7") {
		t.Errorf("%v %v", got, err)
	}
	got, err = listed([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, bound)
	if err != nil || len(got) != 2 || got[1] != netip.MustParseAddrPort("[2001:db8::1]:7") {
		t.Errorf("%v %v", got, err)
	}
	for _, everywhere := range []*net.UDPAddr{{IP: net.IPv4zero.To4(), Port: 7}, {IP: net.IPv6unspecified, Port: 7}} {
		got, err = listed(nil, everywhere)
		if err != nil || len(got) == 0 {
			t.Fatalf("%v %v", got, err)
		}
		if last := got[len(got)-1]; !last.Addr().IsLoopback() {
			t.Errorf("loopback isn't last: %v", got)
		}
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	e := newTestEngine(t)
	now := time.Now()
	first, err := e.pion.current(now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := e.pion.current(now.Add(certificateAge - time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	third, err := e.pion.current(now.Add(certificateAge))
	if err != nil {
		t.Fatal(err)
	}
	if !first.Equals(second) || first.Equals(third) {
		t.Error("not one certificate for a week")
	}
	if left := first.Expires().Sub(now.Add(certificateAge)); left < certificateAge {
		t.Errorf("expires %v after its last peer", left)
	}
}

func FuzzOffer(f *testing.F) {
	f.Add(clientOffer(f, sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1}))
	f.Add("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n")
	f.Add("m=video 9 X 96\rm=audio")
	e := newTestEngine(f)
	f.Fuzz(func(t *testing.T, offer string) {
		if CheckOffer(offer) != nil {
			return
		}
		var parsed sdp.SessionDescription
		if parsed.UnmarshalString(offer) == nil { // what is counted without parsing must be what parsing finds
			candidates := 0
			for _, m := range parsed.MediaDescriptions {
				if m.MediaName.Media != "audio" && m.MediaName.Media != "video" {
					t.Fatalf("m=%s", m.MediaName.Media)
				}
				for _, a := range m.Attributes {
					if a.Key == "candidate" {
						candidates++
					}
				}
			}
			if len(parsed.MediaDescriptions) > mostLines || candidates > mostCandidates {
				t.Fatal("over a limit")
			}
		}
		p, err := e.NewPeer(PeerEvents{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if answer, err := p.Answer(ctx, offer); err == nil && parsed.UnmarshalString(answer) != nil {
			t.Fatalf("an answer nobody can read:\n%s", answer)
		}
	})
}

func FuzzPackets(f *testing.F) {
	f.Add(packetBytes(cameraSSRC, typeVP8, 1, 2, picture(3, true, 20)), uint8(0))
	f.Add(packetBytes(repairSSRC, typeRepair, 1, 2, append([]byte{0, 9}, picture(3, true, 20)...)), uint8(1))
	f.Add(packetBytes(speechSSRC, typeOpus, 1, 2, []byte{1}), uint8(2))
	f.Add([]byte{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, slotSSRC, 0, 1, 0xFF, 0xFF}, uint8(3))
	b := newBench(f, 1, false)
	b.video[0].peer.addSlots([]*Slot{b.video[0]})
	rtcpSink, ownRTCP := b.video[0].peer.openRTCP(slotSSRC), b.publisher.openRTCP(cameraSSRC)
	f.Fuzz(func(t *testing.T, buf []byte, to uint8) {
		b.video[0].Show(b.camera)
		b.audio[0].Show(b.speech)
		b.now = b.now.Add(10 * time.Millisecond)
		switch to % 6 {
		case 0:
			b.in[Video].receive(buf)
		case 1:
			b.repairs.receive(buf)
		case 2:
			b.in[Audio].receive(buf)
		case 3:
			rtcpSink.receive(buf)
		case 4:
			ownRTCP.receive(buf)
		case 5:
			(&rtpSink{peer: b.publisher, ssrc: 99}).receive(buf)
		}
		for _, e := range *b.camera.encodings.Load() {
			e.requests(b.engine.clock(), 0)
			e.receptionReport(b.engine.clock())
		}
		b.video[0].senderReport(b.engine.clock())
		b.publisher.feedback.packets(reportingSSRC)
	})
}

// TestAnnounce: what was found last stands beside our own addresses, once each, and counts as the media port's.
func TestAnnounce(t *testing.T) {
	own := netip.MustParseAddrPort("192.0.2.1:443")
	e := &Engine{addresses: []netip.AddrPort{own}}
	for _, found := range []string{"203.0.113.7", "203.0.113.8"} {
		e.Announce([]netip.Addr{own.Addr(), netip.MustParseAddr("::ffff:" + found)})
		public := netip.AddrPortFrom(netip.MustParseAddr(found), own.Port())
		if got := e.Announced(); !slices.Equal(got, []netip.AddrPort{own, public}) {
			t.Errorf("announced %v", got)
		}
		if !e.IsMedia(public) || !e.IsMedia(own) {
			t.Errorf("%v is not the media port", public)
		}
	}
	if e.IsMedia(netip.MustParseAddrPort("203.0.113.7:443")) {
		t.Error("an address of before still counts")
	}
}
