package rooms

import (
	"slices"

	"housecall/auth"
	"housecall/sfu"
)

// sends lists what is sent in the visit, by rank and then in the order of those who send it.
func (r *Room) sends() []wish {
	var all []wish
	for _, m := range r.members {
		if !m.may(auth.VisitPublish) {
			continue
		}
		for _, source := range Sources() {
			if p := m.lines.publications[source]; p != nil && m.media.on(source) {
				all = append(all, wish{sent{member: m.id, source: source, publication: p}, r.rank(m, source)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b wish) int { return int(a.rank) - int(b.rank) })
	return all
}

// rank says how much something that the member sends matters.
func (r *Room) rank(m *member, source Source) rank {
	switch {
	case source == Microphone && m.role == auth.Interpreter, source == Camera && r.signing(m):
		return rankFirst
	case source == Screen, source == ScreenAudio:
		return rankScreen
	}
	return rankOther
}

// wishes are what one viewer is to be shown of what is sent: all that can be heard, and the pictures they want.
func (r *Room) wishes(viewer *member, sends []wish) []wish {
	if viewer.view == ViewAll {
		return sends
	}
	var one sent
	if viewer.view == ViewOne {
		one = r.onePicture(viewer, sends)
	}
	return slices.DeleteFunc(slices.Clone(sends), func(w wish) bool { return w.source.Kind() == sfu.Video && w.sent != one })
}

// onePicture picks the picture for somebody who wants no more than one: whoever signs, then the screen, then who speaks, then whoever is shown
// already, so that the picture doesn't jump whenever somebody falls silent, then the first.
func (r *Room) onePicture(viewer *member, sends []wish) sent {
	var pictures []wish
	for _, w := range sends {
		if w.source.Kind() == sfu.Video && w.member != viewer.id {
			pictures = append(pictures, w)
		}
	}
	if len(pictures) == 0 {
		return sent{}
	}
	if pictures[0].rank < rankOther {
		return pictures[0].sent
	}
	for _, speaker := range r.floor.order {
		if i := slices.IndexFunc(pictures, func(w wish) bool { return w.member == speaker }); i >= 0 {
			return pictures[i].sent
		}
	}
	for _, w := range pictures {
		if slices.Contains(viewer.shown, w.sent) {
			return w.sent
		}
	}
	return pictures[0].sent
}

// setView takes in which pictures a member wants.
func (r *Room) setView(m *member, view View) {
	m.view = view
	if m.place == Visit {
		r.pointMember(m, r.wishes(m, r.sends()))
	}
}
