package rooms

import (
	"slices"

	"housecall/auth"
)

// view is the member as whoever may see most of it sees it.
func (r *Room) view(m *member) Member {
	v := Member{Person: m.person(), Place: m.place, Since: m.since, Line: m.line, Away: m.isAway()}
	if m.place == Waiting {
		v.Device = slices.ContainsFunc(r.members, func(o *member) bool { return o.place == Visit && o.invitation == m.invitation })
		if w := r.waiter(m.id); w != nil {
			v.Check = w.check
		}
		return v
	}
	v.Media = m.media
	v.Lead = m.rights[auth.VisitLead] && m.invitation == r.lead
	v.Signing = r.signing(m)
	if a := r.admission(m.id); a != nil {
		v.Hearing = a.hearing
	}
	return v
}

// seenBy leaves out of a view what the viewer may not see.
func (v Member) seenBy(viewer *member) Member {
	if !viewer.rights[auth.VisitPrivate] {
		v.Hearing = ""
	}
	return v
}

// announce tells everybody who may know of the member that it came or changed.
func (r *Room) announce(m *member) {
	m.told = r.view(m)
	for _, viewer := range r.members {
		if viewer != m && viewer.sees(m) {
			r.send(viewer, Changed{m.told.seenBy(viewer)})
		}
	}
}

// announceOut tells everybody in the visit that the member was moved out: to those who may not see who waits, it went.
func (r *Room) announceOut(m *member) {
	r.announce(m)
	for _, viewer := range r.members {
		if viewer.place == Visit && !viewer.sees(m) {
			r.send(viewer, Left{m.id})
		}
	}
}

// announceLeft tells everybody who knew of the member that it went.
func (r *Room) announceLeft(m *member) {
	for _, viewer := range r.members {
		if viewer != m && viewer.sees(m) {
			r.send(viewer, Left{m.id})
		}
	}
}

// announceChanges tells of all that has changed about members since they were last announced; to nobody what they may not see.
func (r *Room) announceChanges() {
	if r.leaving() {
		return // those who went are expected elsewhere
	}
	r.passLead()
	for _, m := range r.members {
		before, now := m.told, r.view(m)
		if before == now {
			continue
		}
		m.told = now
		for _, viewer := range r.members {
			if viewer != m && viewer.sees(m) && before.seenBy(viewer) != now.seenBy(viewer) {
				r.send(viewer, Changed{now.seenBy(viewer)})
			}
		}
	}
}

// position is where a member is and what it may see from there.
func (r *Room) position(m *member) Position {
	p := Position{Place: m.place, Since: m.since, May: m.mayDo(), Members: []Member{}, Chat: []Said{}, Told: []Told{}}
	if m.place != Visit {
		p.Why, p.Told = r.why(m), r.toldBefore(m.id)
		return p
	}
	for _, other := range r.members {
		if other != m && m.sees(other) {
			p.Members = append(p.Members, r.view(other).seenBy(m))
		}
	}
	p.Chat = append(p.Chat, r.saidTo(m.id)...)
	p.Private, p.Started, p.Signing = r.private, r.started, r.signing(m)
	return p
}

// why says why somebody waits.
func (r *Room) why(m *member) Why {
	if r.walls(m) && r.admission(m.id) != nil {
		return WhyPrivate
	}
	if w := r.waiter(m.id); w != nil && w.returned {
		return WhyReturned
	}
	return ""
}
