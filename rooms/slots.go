package rooms

import (
	"slices"

	"housecall/sfu"
)

// spareSlots is how many slots of each kind a new offer should carry beyond those needed at once, so that the next
// person's arrival needs none.
const spareSlots = 2

// sent is one publication that somebody in the visit sends now. The zero value stands for nothing.
type sent struct {
	member      string
	source      Source
	publication *sfu.Publication
}

// rank says what goes first when slots are short; lower goes first.
type rank uint8

const (
	rankFirst  rank = iota // an interpreter's sound, and the hands of one who signs: without it somebody understands nothing
	rankScreen             // a shared screen and its sound
	rankOther
)

// wish is something sent that a viewer is to be shown.
type wish struct {
	sent
	rank rank
}

// pointed is one of a viewer's slots and what it shows.
type pointed struct {
	kind  sfu.Kind
	shows sent
}

// point decides what each of a viewer's slots shows next, given what is sent in the visit for them to see. A viewer who is not in the visit is
// given no publications. Nobody is shown their own. When slots of a kind are short, those of a lower rank go first, and among equals
// those shown already, then those that come first in wishes. A slot keeps what it shows; what is shown nowhere yet takes
// the first free slot of its kind, in the order of wishes. short is how many slots of each kind are missing.
func point(viewer string, slots []pointed, wishes []wish) (next []sent, short Need) {
	next = make([]sent, len(slots))
	chosen := choose(viewer, slots, wishes, &short)
	for i, slot := range slots {
		if chosen[slot.shows] && slot.kind == slot.shows.source.Kind() {
			next[i] = slot.shows
			delete(chosen, slot.shows)
		}
	}
	for _, w := range wishes {
		if chosen[w.sent] {
			next[freeSlot(slots, next, w.source.Kind())] = w.sent
			delete(chosen, w.sent)
		}
	}
	return next, short
}

// choose picks as many wishes of each kind as there are slots, and counts those it had to leave out.
func choose(viewer string, slots []pointed, wishes []wish, short *Need) map[sent]bool {
	room := map[sfu.Kind]int{}
	shown := map[sent]bool{}
	for _, slot := range slots {
		room[slot.kind]++
		if slot.shows.publication != nil && slot.kind == slot.shows.source.Kind() {
			shown[slot.shows] = true
		}
	}
	inOrder := slices.Clone(wishes)
	slices.SortStableFunc(inOrder, func(a, b wish) int {
		if a.rank != b.rank || shown[a.sent] == shown[b.sent] {
			return int(a.rank) - int(b.rank)
		}
		if shown[a.sent] {
			return -1
		}
		return 1
	})
	chosen := map[sent]bool{}
	for _, w := range inOrder {
		kind := w.source.Kind()
		switch {
		case w.member == viewer || chosen[w.sent]:
		case room[kind] > 0:
			chosen[w.sent] = true
			room[kind]--
		case kind == sfu.Audio:
			short.Audio++
		default:
			short.Video++
		}
	}
	return chosen
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
	sends := r.sends()
	for _, m := range r.members {
		if m.place == Visit {
			r.pointMember(m, r.wishes(m, sends))
		}
	}
}

// pointMember points the slots of one member, who is in the visit.
func (r *Room) pointMember(m *member, wishes []wish) {
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
	next, short := point(m.id, slots, wishes)
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
