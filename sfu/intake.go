package sfu

import (
	"maps"
	"slices"

	"github.com/pion/rtcp"
)

// stream says what an incoming SSRC carries.
type stream struct {
	encoding *encoding
	repairs  bool // it retransmits the encoding (RFC 4588)
}

// mostStreams is how many SSRCs a peer may ever send from, or send RTCP about: a browser uses two a m-line. One that uses more is broken or
// hostile, and each costs memory that lives as long as the connection.
const mostStreams = 256

// mostTold is how many streams a peer may ever tell of by packets alone: one for each line it sends, and some for changes.
const mostTold = 32

// openRTP gives the sink for a new SSRC.
func (p *Peer) openRTP(ssrc uint32) packetSink {
	p.countStream()
	return &rtpSink{peer: p, ssrc: ssrc}
}

// openRTCP gives the sink for what RTCP says about an SSRC.
func (p *Peer) openRTCP(ssrc uint32) packetSink {
	p.countStream()
	return &rtcpSink{peer: p, ssrc: ssrc}
}

// countStream ends a peer that uses too many.
func (p *Peer) countStream() {
	p.mu.Lock()
	p.opened++
	over := p.opened == 2*mostStreams && !p.ended
	if over {
		p.running.Add(1)
	}
	p.mu.Unlock()
	if over {
		go func() { // not here: closing waits for the goroutine this runs on
			defer p.running.Done()
			p.engine.log.Warn("peer used too many streams and was cut off")
			_ = p.transport.close() // which says that the peer is lost
		}()
	}
}

// rtpSink takes the packets of one SSRC, on the peer's RTP goroutine.
type rtpSink struct {
	peer   *Peer
	ssrc   uint32
	stream stream // its encoding is nil until it is known
	packet packet
}

func (s *rtpSink) receive(buf []byte) {
	p := &s.packet
	if !p.parse(buf) || p.ssrc != s.ssrc {
		return
	}
	agreed := s.peer.negotiated.Load()
	kind := agreed.codecs[p.payloadType]
	if s.stream.encoding == nil || s.stream.encoding.retired.Load() {
		if s.stream = s.peer.find(p, agreed, kind); s.stream.encoding == nil {
			return
		}
	}
	if x := p.extension(agreed.transportCC); len(x) == 2 {
		if s.peer.feedback.note(p.ssrc, uint16(x[0])<<8|uint16(x[1]), s.peer.engine.clock()) {
			s.peer.wake()
		}
	}
	e := s.stream.encoding
	if s.stream.repairs {
		if kind == codecRepair && p.decapsulate(e.ssrc, 0) {
			e.receive(p, audioLevelNone, true)
		}
		return
	}
	if kind != codecOf(e.pub.kind) {
		return
	}
	level := uint8(audioLevelNone)
	if x := p.extension(agreed.level); len(x) == 1 && e.pub.kind == Audio {
		level = x[0]
	}
	e.receive(p, level, false)
}

func codecOf(k Kind) codec {
	if k == Video {
		return codecVP8
	}
	return codecOpus
}

// find says what an SSRC carries: by the offer, or by the mid on the packet itself (RFC 9143 section 9.2).
func (p *Peer) find(packet *packet, agreed *numbers, kind codec) stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.streams[packet.ssrc]; ok && !s.encoding.retired.Load() {
		return s
	}
	mid := packet.extension(agreed.mid)
	if mid == nil || kind == codecNone || p.ended || p.told == mostTold {
		return stream{}
	}
	i := slices.IndexFunc(p.publications, func(pub *Publication) bool { return pub.mid == string(mid) })
	if i < 0 {
		return stream{}
	}
	s := p.publications[i].told(packet.ssrc, kind, p.engine.clock())
	if s.encoding != nil {
		p.told++
		p.carry(packet.ssrc, s)
	}
	return s
}

// carry notes what an SSRC carries, and forgets the SSRC that carried it before and those of encodings that others took the place of. Called with
// mu held.
func (p *Peer) carry(ssrc uint32, s stream) {
	maps.DeleteFunc(p.streams, func(_ uint32, old stream) bool { return old == s || old.encoding.retired.Load() })
	p.streams[ssrc] = s
}

// rtcpSink takes what RTCP says about one SSRC, on the peer's RTCP goroutine. Each packet of a compound one comes by itself, once to the sink of each
// SSRC it is about; so each sink looks for its own only.
type rtcpSink struct {
	peer *Peer
	ssrc uint32
}

func (s *rtcpSink) receive(buf []byte) {
	packets, err := rtcp.Unmarshal(buf)
	if err != nil {
		return // FAULTS: garbage is dropped without a word
	}
	slot, encoding := s.peer.about(s.ssrc)
	for _, packet := range packets {
		switch r := packet.(type) {
		case *rtcp.SenderReport:
			if encoding != nil && r.SSRC == s.ssrc {
				encoding.senderReport(r)
			}
			s.reports(slot, r.Reports)
		case *rtcp.ReceiverReport:
			s.reports(slot, r.Reports)
		case *rtcp.TransportLayerNack:
			if slot != nil && r.MediaSSRC == s.ssrc {
				slot.nack(nacked(r.Nacks))
			}
		case *rtcp.PictureLossIndication:
			if slot != nil && r.MediaSSRC == s.ssrc {
				slot.keyFrame()
			}
		case *rtcp.FullIntraRequest:
			for _, entry := range r.FIR {
				if slot != nil && entry.SSRC == s.ssrc {
					slot.keyFrame()
					break
				}
			}
		}
	}
}

// reports reads what the receiver says about the slot's stream.
func (s *rtcpSink) reports(slot *Slot, blocks []rtcp.ReceptionReport) {
	if slot == nil {
		return
	}
	for _, b := range blocks {
		if b.SSRC == s.ssrc {
			slot.report(b)
		}
	}
}

// about finds what an SSRC is: a slot's, or an encoding's, or neither.
func (p *Peer) about(ssrc uint32) (*Slot, *encoding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.outgoing[ssrc]; ok {
		return s, nil
	}
	if s, ok := p.streams[ssrc]; ok && !s.repairs {
		return nil, s.encoding
	}
	return nil, nil
}

// nacked lists the numbers that a NACK asks for, no more than anybody listens to.
func nacked(pairs []rtcp.NackPair) []uint16 {
	var seqs []uint16
	for _, pair := range pairs {
		if len(seqs) >= mostNacked {
			break
		}
		seqs = append(seqs, pair.PacketList()...)
	}
	return seqs
}
