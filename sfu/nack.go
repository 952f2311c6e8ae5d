package sfu

import "time"

// missing keeps which packets of an encoding never came, to ask the publisher for them: soon, again after a round trip, a few times.
type missing struct {
	lost  []lostPacket // oldest first
	given uint64       // how many were given up or too many to remember
}

type lostPacket struct {
	ext   uint64
	since int64 // when the gap was seen, ns
	asked int64 // when it was last asked for, ns; 0: not yet
	tries int
}

const (
	mostMissing   = 256                   // packets remembered as missing at once
	mostAsks      = 8                     // times one packet is asked for
	reorderWait   = 8 * time.Millisecond  // a packet this late may only have been overtaken
	leastAskAgain = 20 * time.Millisecond // between two asks for one packet
	mostAskAgain  = 400 * time.Millisecond
	missingAge    = 1500 * time.Millisecond // later, no receiver waits for it any more
)

// gap notes that the packets from..to, both included, haven't come; true: the list was empty before.
func (m *missing) gap(from, to uint64, now int64) (first bool) {
	if m.lost == nil {
		m.lost = make([]lostPacket, 0, mostMissing)
	}
	first = len(m.lost) == 0
	if count := to - from + 1; count > mostMissing {
		m.given += count - mostMissing
		from = to - mostMissing + 1
	}
	if over := len(m.lost) + int(to-from+1) - mostMissing; over > 0 { //nolint:gosec // at most mostMissing
		m.given += uint64(over)
		m.lost = append(m.lost[:0], m.lost[over:]...)
	}
	for ext := from; ext <= to; ext++ {
		m.lost = append(m.lost, lostPacket{ext: ext, since: now})
	}
	return first
}

// came notes that a packet came after all.
func (m *missing) came(ext uint64) {
	for i := range m.lost {
		if m.lost[i].ext == ext {
			m.lost = append(m.lost[:i], m.lost[i+1:]...)
			return
		}
	}
}

// clear forgets everything, as after a restart of the stream.
func (m *missing) clear() { m.lost = m.lost[:0] }

// due appends to ask the packets to ask for now and says when to call again (ns; 0: when there is a gap again).
func (m *missing) due(now int64, roundTrip time.Duration, ask []uint16) (_ []uint16, next int64) {
	again := int64(min(max(roundTrip+roundTrip/4, leastAskAgain), mostAskAgain))
	kept := m.lost[:0]
	for _, l := range m.lost {
		at := l.since + int64(reorderWait)
		if l.tries > 0 {
			at = l.asked + again
		}
		if now >= at {
			if l.tries == mostAsks || now-l.since > int64(missingAge) {
				m.given++
				continue
			}
			ask = append(ask, uint16(l.ext)) //nolint:gosec // the low 16 bits are what RTP carries
			l.asked, l.tries = now, l.tries+1
			at = now + again
		}
		if next == 0 || at < next {
			next = at
		}
		kept = append(kept, l)
	}
	m.lost = kept
	return ask, next
}

// resends bounds what one receiver may have sent again: each packet a few times and not faster than it can arrive, and all together
// a fixed share of what it was sent anyway, so that no storm of NACKs makes a flood.
type resends struct {
	recent [256]resent // by sequence number modulo the length
	credit int         // bytes that may be sent again now
	most   int         // bytes of the largest packet sent
}

type resent struct {
	seq   uint16
	times uint8
	at    int64
}

const (
	resendsEach      = 4                    // times one packet is sent again, each time after twice the wait
	repeatReserve    = 4                    // packets' worth of credit that only a first repair may use
	resendShare      = 5                    // one byte again for this many sent: egress stays below 1.2 ×
	resendMostCredit = 64 << 10             // bytes saved up
	leastResendAgain = 5 * time.Millisecond // between two resends of one packet
	mostResendAgain  = 200 * time.Millisecond
	resendOverhead   = 60 // bytes of headers, authentication and UDP that a packet has besides its payload
)

// earn notes a packet sent for the first time.
func (r *resends) earn(payload int) {
	r.most = max(r.most, payload+resendOverhead)
	r.credit = min(r.credit+(payload+resendOverhead)/resendShare, resendMostCredit)
}

// ready says whether the packet may be sent again now.
func (r *resends) ready(seq uint16, now int64, roundTrip time.Duration) bool {
	if r.credit < r.most {
		return false
	}
	c := &r.recent[int(seq)%len(r.recent)]
	if c.times == 0 || c.seq != seq || now-c.at > int64(ringMostWindow) { // when so old, the number came round again
		return true
	}
	wait := min(max(roundTrip-roundTrip/4, leastResendAgain)<<(c.times-1), mostResendAgain)
	return c.times < resendsEach && now-c.at >= int64(wait) && r.credit >= repeatReserve*r.most
}

// spend counts a packet sent again.
func (r *resends) spend(seq uint16, payload int, now int64) {
	c := &r.recent[int(seq)%len(r.recent)]
	if c.seq != seq || now-c.at > int64(ringMostWindow) {
		*c = resent{seq: seq}
	}
	c.times++
	c.at = now
	r.credit -= payload + resendOverhead
}
