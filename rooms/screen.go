package rooms

import (
	"fmt"

	"housecall/auth"
	"housecall/platform/fault"
)

// setMedia takes in what a member sends.
func (r *Room) setMedia(m *member, media Media) error {
	if media != (Media{}) && !m.rights[auth.VisitPublish] || media.Screen && !m.may(auth.VisitShare) {
		return fmt.Errorf("sending media: %w", fault.NotAllowed)
	}
	m.switched = false
	if media == m.media {
		return nil
	}
	if media.Screen && !m.media.Screen {
		r.stopSharing()
	}
	m.media = media
	if m.place == Visit {
		r.announce(m)
		r.pointAll()
	}
	return nil
}

// stopSharing takes the screen from whoever shares one: there is one in a visit.
func (r *Room) stopSharing() {
	for _, m := range r.members {
		if m.media.Screen {
			r.switchOff(m)
			r.announce(m)
		}
	}
}

// switchOff ends a member's sharing of its screen and tells it; over another connection it is told again, until it has said what it sends now.
func (r *Room) switchOff(m *member) {
	m.media.Screen, m.switched = false, true
	r.send(m, Switched{m.media})
}

// takesScreenAway ends what an arrival may not go on sharing and says whether it did: nobody shares a screen while waiting, and whoever comes
// back takes nobody's place who shares meanwhile.
func (r *Room) takesScreenAway(m *member) bool {
	if !m.media.Screen {
		return false
	}
	m.media.Screen = m.may(auth.VisitShare)
	for _, other := range r.members {
		if other != m && other.media.Screen {
			m.media.Screen = false
		}
	}
	return !m.media.Screen
}
