package rooms

import (
	"slices"

	"housecall/auth"
)

const (
	// smoothing is how much of a new level counts: loudness jumps with every syllable, the order of faces must not.
	smoothing = 0.3
	// louderBy is how many dB louder somebody must be to pass in front of somebody who speaks already.
	louderBy = 6
)

// heard is what was heard of one member at a tick.
type heard struct {
	member string
	level  float64 // dB below the loudest possible: 0 is loudest, 127 silence (RFC 6464)
}

// floor keeps who speaks, loudest first.
type floor struct {
	levels map[string]float64 // smoothed
	order  []string
}

// hear takes in who speaks now and says whether the list or its order changed.
func (f *floor) hear(now []heard) bool {
	levels := make(map[string]float64, len(now))
	var order []string
	for _, h := range now {
		levels[h.member] = h.level
		if before, spoke := f.levels[h.member]; spoke {
			levels[h.member] = before + smoothing*(h.level-before)
		}
	}
	for _, member := range f.order {
		if _, speaks := levels[member]; speaks {
			order = append(order, member)
		}
	}
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && levels[order[j]]+louderBy <= levels[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	for _, h := range now {
		if slices.Contains(order, h.member) {
			continue
		}
		at := slices.IndexFunc(order, func(other string) bool { return levels[other] > levels[h.member] })
		if at < 0 {
			at = len(order)
		}
		order = slices.Insert(order, at, h.member)
	}
	changed := !slices.Equal(order, f.order)
	f.levels, f.order = levels, order
	return changed
}

// listen reads the levels of all open microphones in the visit and tells those in the visit when the list of who speaks changed.
func (r *Room) listen() {
	var now []heard
	for _, m := range r.members {
		p := m.lines.publications[Microphone]
		if p == nil || !m.media.Microphone || !m.may(auth.VisitPublish) {
			continue
		}
		if level, active := p.Level(); active {
			now = append(now, heard{member: m.id, level: float64(level)})
		}
	}
	if !r.floor.hear(now) {
		return
	}
	r.sendVisit(Speaking(slices.Clone(r.floor.order)))
	if slices.ContainsFunc(r.members, func(m *member) bool { return m.view == ViewOne }) {
		r.pointAll()
	}
}

// speaking lists who speaks, as of the last tick, of those who are still in the visit.
func (r *Room) speaking() Speaking {
	return slices.DeleteFunc(slices.Clone(r.floor.order), func(id string) bool {
		m := r.member(id)
		return m == nil || m.place != Visit
	})
}

// sendVisit sends an update to everybody in the visit.
func (r *Room) sendVisit(u Update) {
	for _, m := range r.members {
		if m.place == Visit {
			r.send(m, u)
		}
	}
}
