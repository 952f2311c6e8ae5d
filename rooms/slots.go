package rooms

import "housecall/sfu"

// spareSlots is how many slots of each kind a new offer should carry beyond those needed at once, so that the next
// person's arrival needs none.
const spareSlots = 2

// sent is one publication that somebody in the visit sends now. The zero value stands for nothing.
type sent struct {
	member      string
	source      Source
	publication *sfu.Publication
}

// pointed is one of a viewer's slots and what it shows.
type pointed struct {
	kind  sfu.Kind
	shows sent
}

// point decides what each of a viewer's slots shows next, given everything that is sent in the visit. A viewer who is not in the visit
// is given no publications. Nobody is shown their own. A slot keeps what it shows for as long as that is sent; what is
// shown nowhere yet takes the first free slot of its kind, in the order of sends. short is how many slots of each
// kind are missing.
func point(viewer string, slots []pointed, sends []sent) (next []sent, short Need) {
	next = make([]sent, len(slots))
	placed := make(map[sent]bool, len(sends))
	wanted := make(map[sent]bool, len(sends))
	for _, s := range sends {
		wanted[s] = s.member != viewer
	}
	for i, slot := range slots {
		if wanted[slot.shows] && !placed[slot.shows] && slot.kind == slot.shows.source.Kind() {
			next[i] = slot.shows
			placed[slot.shows] = true
		}
	}
	for _, s := range sends {
		if !wanted[s] || placed[s] {
			continue
		}
		placed[s] = true
		if i := freeSlot(slots, next, s.source.Kind()); i >= 0 {
			next[i] = s
		} else if s.source.Kind() == sfu.Audio {
			short.Audio++
		} else {
			short.Video++
		}
	}
	return next, short
}

// freeSlot finds the first slot of a kind that is to show nothing so far; -1: none.
func freeSlot(slots []pointed, next []sent, kind sfu.Kind) int {
	for i, slot := range slots {
		if slot.kind == kind && next[i] == (sent{}) {
			return i
		}
	}
	return -1
}

// pointAll points every member's slots at what is sent in the visit now, and tells whom it concerns.
func (r *Room) pointAll() {
	var sends []sent
	for _, m := range r.members {
		sends = append(sends, m.sends()...)
	}
	for _, m := range r.members {
		if m.place == Visit {
			r.pointMember(m, sends)
		}
	}
}

// pointMember points the slots of one member, who is in the visit.
func (r *Room) pointMember(m *member, sends []sent) {
	slots := make([]pointed, len(m.lines.slots))
	have := Need{}
	for i, slot := range m.lines.slots {
		slots[i] = pointed{kind: slot.Kind(), shows: m.shown[i]}
		if slot.Kind() == sfu.Audio {
			have.Audio++
		} else {
			have.Video++
		}
	}
	next, short := point(m.id, slots, sends)
	if m.isAway() {
		keepShown(m.shown, next)
		short = Need{}
	}
	changed := m.untold && !m.isAway()
	for i, slot := range m.lines.slots {
		if next[i] != m.shown[i] {
			changed = true
			m.shown[i] = next[i]
			slot.Show(next[i].publication)
		}
	}
	if changed {
		m.untold = false
		r.send(m, m.slotsNow())
	}
	r.askForSlots(m, have, short)
}

// keepShown leaves out of what slots show next whatever they do not show yet: who is away could not be told, and would take one person for
// another.
func keepShown(shown, next []sent) {
	for i := range next {
		if next[i] != shown[i] {
			next[i] = sent{}
		}
	}
}

// askForSlots asks for a new offer when slots are missing; once for each number, so that a client
// that doesn't comply is not asked for ever.
func (r *Room) askForSlots(m *member, have, short Need) {
	if short == (Need{}) {
		return
	}
	need := have
	if short.Audio > 0 {
		need.Audio = min(have.Audio+short.Audio+spareSlots, max(r.limits.InVisit-1, have.Audio+short.Audio))
	}
	if short.Video > 0 {
		need.Video = min(have.Video+short.Video+spareSlots, max(r.limits.InVisit-1, have.Video+short.Video))
	}
	if need.Audio > m.asked.Audio || need.Video > m.asked.Video {
		m.asked = need
		r.send(m, need)
	}
}

// slotsNow lists what the member's slots show.
func (m *member) slotsNow() Slots {
	list := Slots{}
	for i, s := range m.shown {
		if s != (sent{}) {
			list = append(list, Shown{MID: m.lines.slots[i].MID(), Member: s.member, Source: s.source})
		}
	}
	return list
}
