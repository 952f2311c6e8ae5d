// Package sfu forwards media between browsers: it owns the media socket, the peers, what they publish and the slots that show it.
// Every peer's state belongs to that peer and is guarded by small locks which are never held while calling out; callers decide who
// sees whom with Slot.Show. It must never know a person, a role or a room, and never import another package of this module.
package sfu

import "errors"

// ErrOffer is what every refusal of an offer wraps.
var ErrOffer = errors.New("offer refused")

// ErrClosed is wrapped by what calls on a closed engine or peer return.
var ErrClosed = errors.New("closed")

// Kind of media.
type Kind uint8

// The kinds of media.
const (
	Audio Kind = iota + 1
	Video
)

// String is "audio" or "video".
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}
