package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// reception counts one incoming stream for the receiver reports its sender gets (RFC 3550 section 6.4.1 and appendix A).
type reception struct {
	clock         uint32 // ticks a second
	first         uint64 // extended number of the first packet
	highest       uint64
	received      uint64 // as sent, without repairs, so that the sender sees what its network loses
	expectedPrior uint64
	receivedPrior uint64
	jitter        float64 // ticks
	transit       int64   // ticks
	report        senderReport
}

// senderReport is the newest a publisher sent about a stream: its wall clock and its media clock at one moment.
type senderReport struct {
	known     bool
	ntp       uint64
	timestamp uint32
	at        int64 // when it came, ns of the engine's clock
}

// packet counts one that came as sent.
func (r *reception) packet(ext uint64, timestamp uint32, at int64) {
	transit := ticks(at, r.clock) - int64(timestamp)
	if r.received == 0 {
		r.first, r.highest = ext, ext
	} else if d := int64(int32(transit - r.transit)); d >= 0 { //nolint:gosec // timestamps wrap
		r.jitter += (float64(d) - r.jitter) / 16
	} else {
		r.jitter += (float64(-d) - r.jitter) / 16
	}
	r.transit = transit
	r.received++
	r.highest = max(r.highest, ext)
}

// restart forgets the counts when the sender starts anew; its clocks stay known until it reports again.
func (r *reception) restart() { *r = reception{clock: r.clock} }

// block makes the report on the stream; call it once an interval.
func (r *reception) block(ssrc uint32, now int64) rtcp.ReceptionReport {
	expected := r.highest - r.first + 1
	lost := min(max(int64(expected)-int64(r.received), -1<<23), 1<<23-1)                              //nolint:gosec // far below
	interval, got := int64(expected)-int64(r.expectedPrior), int64(r.received)-int64(r.receivedPrior) //nolint:gosec // far below
	r.expectedPrior, r.receivedPrior = expected, r.received
	var fraction uint8
	if interval > 0 && interval > got {
		fraction = uint8(min((interval-got)<<8/interval, 255)) //nolint:gosec // bounded
	}
	b := rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: fraction, TotalLost: uint32(lost) & 0xFFFFFF, //nolint:gosec // 24 bits, signed
		LastSequenceNumber: uint32(r.highest), Jitter: uint32(r.jitter), //nolint:gosec // the low bits are what RTCP carries
	}
	if r.report.known {
		b.LastSenderReport = uint32(r.report.ntp >> 16) //nolint:gosec // the middle 32 bits
		b.Delay = ntpShort(now - r.report.at)
	}
	return b
}

// ticks is how far a clock of that rate (ticks a second) goes in a time span (ns, up to years).
func ticks(span int64, rate uint32) int64 {
	return span / int64(time.Microsecond) * int64(rate) / int64(time.Second/time.Microsecond)
}

// ntpEpoch is 1900, from which NTP counts, in seconds before Unix's.
const ntpEpoch = 2208988800

// ntpTime is t in NTP's 32.32 fixed point (RFC 3550 section 4).
func ntpTime(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpEpoch)                 //nolint:gosec // after 1900
	fraction := uint64(t.Nanosecond()) << 32 / uint64(1e9) //nolint:gosec // below a second
	return seconds<<32 | fraction
}

// ntpShort is a time span (ns) in units of 1/65536 s.
func ntpShort(span int64) uint32 {
	return uint32(ticks(max(0, span), 1<<16)) //nolint:gosec // hours at most
}

// roundTrip is what a report on our stream says about the way to its receiver and back (RFC 3550 section 6.4.1); 0: nothing.
func roundTrip(b rtcp.ReceptionReport, now time.Time) time.Duration {
	if b.LastSenderReport == 0 {
		return 0
	}
	passed := int32(uint32(ntpTime(now)>>16) - b.LastSenderReport - b.Delay) //nolint:gosec // wraps on purpose
	if passed < 0 {
		return 0
	}
	return time.Duration(passed) * time.Second >> 16
}
