package sfu

// rewriter places the packets of changing sources in the one sequence that a receiver sees. A packet that comes late or repaired gets
// the number that was kept free for it. Example: source numbers 100 101 (102 lost) 103 begin at out number 7 and become 7 8 (9) 10;
// 104 is padding only and skipped; 105 becomes 11; 102, repaired, becomes 9.
type rewriter struct {
	clock    uint32 // ticks a second
	started  bool
	nextOut  uint64 // number after the highest one given or kept free
	lastOut  uint64 // highest number sent
	highest  uint64 // highest source number given or skipped
	lastTime uint32 // timestamp of the packet sent with lastOut as the receiver saw it
	lastAt   int64  // when that one came, ns of the engine's clock
	shift    uint32 // added to the source's timestamps
	spans    []span // oldest first; how source numbers become out numbers
}

// span says that source numbers from `from` on become out, out+1 and so on, until the next span.
type span struct{ from, out uint64 }

// rememberedSpans bounds what is kept of skipped packets; only repairs older than that are refused.
const rememberedSpans = 64

// mostKept is how many numbers are kept free in a row. From half of 2^16 on, the cipher would take the next number for one of the last round and use a
// nonce again (RFC 3711 section 3.3.1). One jump that is believed of a source is less.
const mostKept = 1 << 13

// begin joins a new source whose first packet has this number and timestamp and came at `at` (ns): its number follows the last one, and
// its time goes on from the last one by the time that really went by, at least step (ticks).
func (r *rewriter) begin(ext uint64, timestamp uint32, at int64, step uint32) {
	if r.spans == nil {
		r.spans = make([]span, 0, rememberedSpans)
	}
	if !r.started {
		r.started = true
		// Below 2^15, so that a receiver that loses the first packets doesn't guess the rollover counter wrong (RFC 3711 section 3.3.1).
		r.nextOut = 1<<16 + 1
		r.lastOut = r.nextOut - 1
		r.shift = 0
	} else {
		passed := uint32(ticks(max(0, at-r.lastAt), r.clock)) //nolint:gosec // wraps on purpose
		r.shift = r.lastTime + max(passed, step) - timestamp
	}
	r.spans = append(r.spans[:0], span{from: ext, out: r.nextOut})
	r.highest = ext - 1
}

// place gives the number of a source packet toward the receiver; false: it is older than the source's beginning, or was skipped.
func (r *rewriter) place(ext uint64) (out uint64, ok bool) {
	for i := len(r.spans) - 1; i >= 0; i-- {
		if r.spans[i].from > ext {
			continue
		}
		out = r.spans[i].out + ext - r.spans[i].from
		if i+1 < len(r.spans) && out >= r.spans[i+1].out {
			return 0, false
		}
		return out, true
	}
	return 0, false
}

// newest says whether the packet is newer than everything given or skipped until now.
func (r *rewriter) newest(ext uint64) bool { return ext > r.highest }

// bridge lets the newest packet follow what was sent when too many numbers are kept free before it: what is missing there won't be sent any more.
func (r *rewriter) bridge(ext uint64) {
	last := r.spans[len(r.spans)-1]
	if last.out+ext-last.from-r.lastOut > mostKept {
		r.spans = append(r.spans[:0], span{from: ext, out: r.lastOut + 1})
	}
}

// sent remembers that a packet went out; true: nothing with a higher number did.
func (r *rewriter) sent(ext, out uint64, timestamp uint32, at int64) (highest bool) {
	r.highest, r.nextOut = max(r.highest, ext), max(r.nextOut, out+1)
	if out <= r.lastOut {
		return false
	}
	r.lastOut, r.lastTime, r.lastAt = out, timestamp+r.shift, at
	return true
}

// skip leaves the newest packet out without a hole for the receiver.
func (r *rewriter) skip(ext uint64) {
	out, ok := r.place(ext)
	if !ok {
		return
	}
	r.highest, r.nextOut = ext, out
	last := &r.spans[len(r.spans)-1]
	switch {
	case last.from == ext:
		last.from = ext + 1
	case len(r.spans) == rememberedSpans:
		copy(r.spans, r.spans[1:])
		r.spans[len(r.spans)-1] = span{from: ext + 1, out: out}
	default:
		r.spans = append(r.spans, span{from: ext + 1, out: out})
	}
}

// origin is the reverse of place for a number the receiver asks for again.
func (r *rewriter) origin(seq uint16) (ext uint64, ok bool) {
	if len(r.spans) == 0 {
		return 0, false
	}
	last := r.nextOut - 1
	behind := uint16(last) - seq //nolint:gosec // wraps on purpose
	if behind >= 1<<15 {
		return 0, false // ahead of everything sent
	}
	out := last - uint64(behind)
	for i := len(r.spans) - 1; i >= 0; i-- {
		if r.spans[i].out <= out {
			return r.spans[i].from + out - r.spans[i].out, true
		}
	}
	return 0, false
}
