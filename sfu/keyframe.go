package sfu

import "time"

// keyFrameRequests coalesces what many receivers ask of one encoding: a first request goes out at once, an unanswered one again after
// half a second, and never more than two in any second.
type keyFrameRequests struct {
	wanted bool
	open   bool     // asked, and no key frame came since
	asked  [2]int64 // when the last two went out, ns, older first; 0: never
}

const (
	keyFrameAskAgain = 500 * time.Millisecond
	keyFramePeriod   = time.Second // in which at most len(asked) go out
)

// want notes that a receiver needs a key frame; true: nobody wanted one before.
func (k *keyFrameRequests) want() (first bool) {
	first = !k.wanted
	k.wanted = true
	return first
}

// arrived notes the beginning of a key frame, which serves everybody who wanted one.
func (k *keyFrameRequests) arrived() { k.wanted, k.open = false, false }

// due says whether to ask now, and when to call again (ns; 0: when somebody wants one). A yes counts as asked.
func (k *keyFrameRequests) due(now int64) (ask bool, next int64) {
	if !k.wanted {
		return false, 0
	}
	var at int64
	if k.asked[0] != 0 {
		at = k.asked[0] + int64(keyFramePeriod)
	}
	if k.open {
		at = max(at, k.asked[1]+int64(keyFrameAskAgain))
	}
	if now < at {
		return false, at
	}
	k.asked[0], k.asked[1] = k.asked[1], now
	k.open = true
	return true, now + int64(keyFrameAskAgain)
}
