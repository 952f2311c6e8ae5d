package sfu

// sequence extends the 16-bit sequence numbers of one RTP stream to 64 bits that never wrap, so that they can be compared and
// subtracted. The rules for jumps are those of RFC 3550 appendix A.1.
type sequence struct {
	started bool
	highest uint64
	suspect uint16 // would be next after a number too far away to believe; see extend
	doubted bool
}

// believable is how far a number may be from the highest seen: further means that the sender started anew.
const believable = 3000

// extend gives seq its 64-bit number. restarted: the sender started anew, and numbers before this one say nothing any more.
// Not ok: too far away to believe, until a second packet follows the first.
func (s *sequence) extend(seq uint16) (ext uint64, restarted, ok bool) {
	if !s.started {
		s.started = true
		s.highest = 1<<16 + uint64(seq) // room below for packets that come late
		return s.highest, false, true
	}
	distance := int16(seq - uint16(s.highest)) //nolint:gosec // wraps on purpose
	if distance > believable || distance < -believable {
		if !s.doubted || seq != s.suspect {
			s.doubted, s.suspect = true, seq+1
			return 0, false, false
		}
		s.doubted = false
		s.highest = (s.highest>>16+2)<<16 + uint64(seq)
		return s.highest, true, true
	}
	s.doubted = false
	ext = s.highest + uint64(int64(distance)) //nolint:gosec // wraps on purpose
	if distance > 0 {
		s.highest = ext
	}
	return ext, false, true
}

// near gives the number of a packet that repeats one already sent; false: nothing like it was sent.
func (s *sequence) near(seq uint16) (ext uint64, ok bool) {
	distance := int16(seq - uint16(s.highest)) //nolint:gosec // wraps on purpose
	if !s.started || distance > 0 || distance < -believable {
		return 0, false
	}
	return s.highest + uint64(int64(distance)), true //nolint:gosec // wraps on purpose
}
