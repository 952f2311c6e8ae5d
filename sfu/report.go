package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// How often what is reported.
const (
	reportEach   = time.Second           // sender and receiver reports
	feedbackEach = 50 * time.Millisecond // transport-wide feedback while packets come
	leastWait    = 2 * time.Millisecond  // between two rounds of reporting
)

// reportingSSRC is who our RTCP says it is from; it sends no media.
const reportingSSRC = 1

// report is the one goroutine that sends this peer's RTCP: it sleeps until something is due or the packet path wakes it.
func (p *Peer) report() {
	timer := time.NewTimer(reportEach)
	defer timer.Stop()
	var due struct{ reports, feedback int64 }
	for {
		select {
		case <-p.done:
			return
		case <-p.waking:
		case <-timer.C:
		}
		now := p.engine.clock()
		if !p.isConnected() {
			timer.Reset(reportEach)
			continue
		}
		if now >= due.reports {
			p.sendReports(now)
			due.reports = now + int64(reportEach)
		}
		if now >= due.feedback && p.feedback.waiting() {
			for _, packet := range p.feedback.packets(reportingSSRC) {
				p.send(packet)
			}
			due.feedback = now + int64(feedbackEach)
		}
		next := min(due.reports, p.sendRequests(now))
		if p.feedback.waiting() {
			next = min(next, due.feedback)
		}
		timer.Reset(max(time.Duration(next-now), leastWait))
	}
}

// send writes RTCP; an error means that the peer is going away, which it says by itself.
func (p *Peer) send(packets ...rtcp.Packet) {
	_ = p.transport.writeRTCP(packets)
}

// sendRequests asks for missing packets and key frames, and says when to look again (ns).
func (p *Peer) sendRequests(now int64) (next int64) {
	next = now + int64(reportEach)
	for _, pub := range p.Publications() {
		for _, e := range *pub.encodings.Load() {
			packets, at := e.requests(now, p.roundTrip())
			if len(packets) > 0 {
				p.send(packets...)
			}
			if at != 0 {
				next = min(next, at)
			}
		}
	}
	return next
}

// requests are what is to be asked of the publisher now; next: when to call again (ns; 0: when woken).
func (e *encoding) requests(now int64, roundTrip time.Duration) (packets []rtcp.Packet, next int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.missing.lost) > 0 {
		var ask [mostMissing]uint16
		seqs, at := e.missing.due(now, roundTrip, ask[:0])
		if len(seqs) > 0 {
			e.stats.NacksSent += uint64(len(seqs))
			packets = append(packets, &rtcp.TransportLayerNack{
				SenderSSRC: reportingSSRC, MediaSSRC: e.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
			})
		}
		next = at
	}
	if e.idle(now) {
		return packets, next // nobody is there to make a key frame; the next packet wakes us
	}
	ask, at := e.keys.due(now)
	if ask {
		e.stats.KeyFrameRequests++
		packets = append(packets, &rtcp.PictureLossIndication{SenderSSRC: reportingSSRC, MediaSSRC: e.ssrc})
	}
	if at != 0 && (next == 0 || at < next) {
		next = at
	}
	return packets, next
}

// sendReports tells publishers how their streams arrive, and receivers which moment their streams' clocks show.
func (p *Peer) sendReports(now int64) {
	p.way.Store(new(p.transport.way()))
	if trip := p.transport.roundTrip(); trip > 0 {
		p.measured(trip)
	}
	var packets []rtcp.Packet
	for _, s := range p.Slots() {
		if r := s.senderReport(now); r != nil {
			packets = append(packets, r)
		}
	}
	var blocks []rtcp.ReceptionReport
	for _, pub := range p.Publications() {
		for _, e := range *pub.encodings.Load() {
			if b, ok := e.receptionReport(now); ok {
				blocks = append(blocks, b)
			}
		}
	}
	for len(blocks) > 0 {
		n := min(len(blocks), 31) // the count has five bits
		packets = append(packets, &rtcp.ReceiverReport{SSRC: reportingSSRC, Reports: blocks[:n]})
		blocks = blocks[n:]
	}
	const inOne = 30 // keeps a compound packet of sender reports within one frame of Ethernet
	for len(packets) > 0 {
		n := min(len(packets), inOne)
		p.send(packets[:n]...)
		packets = packets[n:]
	}
}

// receptionReport says how the stream arrives; false: nothing came since the last.
func (e *encoding) receptionReport(now int64) (rtcp.ReceptionReport, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reception.received == e.reception.receivedPrior {
		return rtcp.ReceptionReport{}, false
	}
	return e.reception.block(e.ssrc, now), true
}

// senderReport says which moment the slot's clock shows; nil: it shows nothing, so nothing is sent.
func (s *Slot) senderReport(now int64) *rtcp.SenderReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || s.sent == 0 {
		return nil
	}
	timestamp, ok := s.enc.mediaTime(now)
	if !ok {
		return nil
	}
	return &rtcp.SenderReport{
		SSRC: s.out.ssrc, NTPTime: ntpTime(s.peer.engine.time()), RTPTime: timestamp + s.rewrite.shift,
		PacketCount: uint32(s.sent), OctetCount: uint32(s.bytes), //nolint:gosec // both wrap
	}
}

// report reads what the receiver says about the slot's stream.
func (s *Slot) report(b rtcp.ReceptionReport) {
	if trip := roundTrip(b, s.peer.engine.time()); trip > 0 {
		s.peer.measured(trip)
	}
	s.mu.Lock()
	s.stats.FractionLost = b.FractionLost
	pub := s.pub
	s.mu.Unlock()
	if pub != nil {
		for _, e := range *pub.encodings.Load() {
			e.widen(s.peer.roundTrip())
		}
	}
}

// measured smooths the round trip.
func (p *Peer) measured(trip time.Duration) {
	if old := p.roundTrip(); old > 0 {
		trip = (7*old + trip) / 8
	}
	p.trip.Store(int64(trip))
}

func (p *Publication) stats() PublicationStats {
	s := PublicationStats{MID: p.mid, Kind: p.kind}
	for _, e := range *p.encodings.Load() {
		e.mu.Lock()
		one := e.stats
		one.GivenUp = e.missing.given
		e.mu.Unlock()
		s.add(one)
	}
	return s
}

func (s *Slot) statistics() SlotStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// sources are the SSRCs the slot sends with.
func (s *Slot) sources() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.repairSSRC != 0 {
		return []uint32{s.out.ssrc, s.out.repairSSRC}
	}
	return []uint32{s.out.ssrc}
}
