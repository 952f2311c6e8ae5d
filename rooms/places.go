package rooms

import (
	"fmt"
	"math"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// join gives an arrival a seat. A session that is here already is replaced in its place.
func (r *Room) join(a Arrival, l lines) (*Seat, error) {
	if r.leaving() {
		return nil, ErrMoved
	}
	if a.Checked < r.removed[a.Invitation] {
		return nil, ErrRemoved
	}
	m := newMember(a, l)
	old := r.member(a.Session)
	if r.mayComeIn(m) {
		m.place = Visit
	} else {
		m.place = Waiting
		if !r.makesWay(m) {
			return nil, ErrCrowded
		}
	}
	if r.count(m.place, m) >= r.limit(m.place) {
		return nil, ErrFull
	}
	m.since = r.now()
	if old != nil {
		r.takeOut(old, Replaced)
		if old.place == m.place {
			m.since = old.since
		}
	}
	if m.place == Visit {
		r.settleIn(m, "")
		m.peer.BeginAfresh()
	}
	r.members = append(r.members, m)
	r.empty = time.Time{}
	noScreen := r.takesScreenAway(m)
	r.send(m, Joined{You: m.person(), Position: r.position(m)})
	if noScreen {
		r.switchOff(m)
	}
	r.announce(m)
	r.arrived(m)
	return &Seat{room: r, member: m}, nil
}

// admit lets a waiting member into the visit. Somebody who is in already stays: two may press at once.
func (r *Room) admit(by *member, id string) error {
	if !by.may(auth.VisitAdmit) {
		return fault.NotAllowed
	}
	m := r.member(id)
	if m == nil {
		return fmt.Errorf("admitting a member: %w", fault.NotFound)
	}
	if m.place == Visit {
		return nil
	}
	if r.host.isCutOff() {
		return fmt.Errorf("admitting a member: %w", ErrCutOff)
	}
	if r.refusesInPrivate(m) {
		return fmt.Errorf("admitting a member: %w", ErrPrivate)
	}
	return r.moveIn(m, by.invitation)
}

// moveIn moves a waiting member into the visit. by is the invitation of whoever admitted; empty: nobody had to.
func (r *Room) moveIn(m *member, by string) error {
	if r.count(Visit, m) >= r.limits.InVisit {
		return ErrFull
	}
	r.settleIn(m, by)
	r.members = append(slices.DeleteFunc(r.members, func(o *member) bool { return o == m }), m)
	m.place, m.since = Visit, r.now()
	m.peer.BeginAfresh()
	r.send(m, Moved{r.position(m)})
	r.announce(m)
	r.arrived(m)
	return nil
}

// settleIn makes the visit the place of the member's session, and of no other session of the same invitation: a person is in the
// visit once, and an older device that was left behind, or lent, has to wait again. It comes before the member is there, who is told
// nothing of it.
func (r *Room) settleIn(m *member, by string) {
	for _, other := range slices.Clone(r.members) {
		if other != m && other.place == Visit && other.invitation == m.invitation {
			r.takeOut(other, Replaced)
			r.announceLeft(other)
		}
	}
	r.forget(func(a admission) bool { return a.session != m.id && a.invitation == m.invitation })
	r.keepCheck(m)
	r.forgetWaiter(m.id)
	if a := r.admission(m.id); a != nil {
		a.cameBack(m)
		r.remember()
		return
	}
	if r.started.IsZero() && !m.rights[auth.VisitEnter] {
		r.started = r.now()
	}
	r.admitted = append(r.admitted, admission{session: m.id, invitation: m.invitation, role: m.role, checked: m.checked})
	r.remember()
	r.emit(Event{Kind: EventAdmitted, Session: m.id, Invitation: m.invitation, Role: m.role, By: by})
}

// detach marks a member's connection as lost.
func (r *Room) detach(m *member) {
	if m.isAway() {
		return
	}
	m.away, m.slow = r.now(), false
	if !r.leaving() {
		r.announce(m)
	}
}

// attach gives a member another outbox and tells it everything as it is now: what it missed is in there, and what was on the way to the old
// one is nowhere else.
func (r *Room) attach(m *member, outbox Outbox) {
	was := m.isAway()
	m.outbox, m.away, m.slow = outbox, time.Time{}, false
	m.asked, m.untold = Need{}, m.place == Visit
	r.send(m, Resumed{You: m.person(), Position: r.position(m)})
	if m.place == Visit {
		r.pointAll()
		r.send(m, r.speaking())
	} else {
		r.send(m, m.slotsNow())
	}
	if m.switched {
		r.switchOff(m)
	}
	if r.leaving() {
		r.send(m, Relocated{})
	} else if was {
		r.announce(m)
	}
}

// arrived points slots at and for somebody who came into the visit, and tells who speaks.
func (r *Room) arrived(m *member) {
	if m.place != Visit {
		return
	}
	r.pointAll()
	if speaking := r.speaking(); len(speaking) > 0 {
		r.send(m, speaking)
	}
}

// mayComeIn says whether the member needs nobody to be let into the visit: its session was admitted before, or it enters unasked.
func (r *Room) mayComeIn(m *member) bool {
	return !r.walls(m) && (r.admission(m.id) != nil || r.entersUnasked(m))
}

// entersUnasked says whether the member may enter without being admitted: by right, and unless the person's admission on another
// device keeps this one out, since a link can fall into other hands.
func (r *Room) entersUnasked(m *member) bool {
	return m.rights[auth.VisitEnter] && !r.host.isCutOff() && !r.keptOut(m)
}

// keptOut says whether the same person is in the visit on another device, or expected back there.
func (r *Room) keptOut(m *member) bool {
	return slices.ContainsFunc(r.admitted, func(a admission) bool {
		return a.invitation == m.invitation && a.session != m.id && a.keepsOut(r.now())
	})
}

// makesWay says whether one more session of the newcomer's invitation may wait: one link, in however many hands, must not fill the waiting room,
// and whoever opens it once more must not push out who waits already. A place goes to the newcomer where the device that has it is away; and who
// was admitted before waits for private time to end, whoever else does.
func (r *Room) makesWay(newcomer *member) bool {
	if r.admission(newcomer.id) != nil {
		return true
	}
	waiting := 0
	var gone *member
	for _, m := range r.members {
		if m.place != Waiting || m.invitation != newcomer.invitation || m.id == newcomer.id || r.admission(m.id) != nil {
			continue
		}
		waiting++
		if m.isAway() && (gone == nil || m.away.Before(gone.away)) {
			gone = m
		}
	}
	if waiting < r.limits.WaitingEach {
		return true
	}
	if gone == nil {
		return false
	}
	r.remove(gone, Replaced)
	return true
}

// remove takes a member out of the room for good and tells the others.
func (r *Room) remove(m *member, reason Reason) {
	r.takeOut(m, reason)
	if r.leaving() { // nobody has left the visit, which goes on elsewhere
		r.over = len(r.members) == 0
		return
	}
	r.announceLeft(m)
	if m.place == Visit || r.admission(m.id) != nil { // or was moved out for private time
		r.wentAway(m)
		r.emit(Event{Kind: EventLeft, Session: m.id, Invitation: m.invitation, Role: m.role})
	}
	if m.place == Visit {
		r.pointAll()
		r.letIn()
	}
	if len(r.members) == 0 {
		r.empty = r.now()
	}
}

// letIn lets those in who waited only because the same person was in the visit on another device, or because leases were away: with
// nobody left there who could admit, they would wait for ever. And those who were moved out for private time, once it is over.
func (r *Room) letIn() {
	if r.leaving() {
		return
	}
	for _, m := range slices.Clone(r.members) {
		if m.place == Waiting && r.mayComeIn(m) {
			_ = r.moveIn(m, "") // the next tick tries again when the visit is full
		}
	}
}

// takeOut takes a member out of the room, in silence. Whoever calls tells the others and points their slots anew.
func (r *Room) takeOut(m *member, reason Reason) {
	r.keepCheck(m)
	r.members = slices.DeleteFunc(r.members, func(o *member) bool { return o == m })
	m.showNothing()
	if reason != 0 {
		m.outbox.Close(reason)
	}
}

// forGood is above every number of a removal: the invitation of somebody who is shown out gets no new link.
const forGood = math.MaxInt64

// withdraw removes everybody who came by an invitation before the removal of that number, and forgets that they were admitted. Whoever was
// checked later holds a new link and stays.
func (r *Room) withdraw(invitation string, number int64) {
	r.removed[invitation] = max(number, r.removed[invitation])
	r.forget(func(a admission) bool { return a.invitation == invitation && a.checked < number })
	// First those who wait: nobody of them may be let in because the person's other device goes.
	for _, place := range []Place{Waiting, Visit} {
		for _, m := range slices.Clone(r.members) {
			if m.place == place && m.invitation == invitation && m.checked < number {
				r.remove(m, Removed)
			}
		}
	}
	r.letIn()
}

func (r *Room) member(id string) *member {
	for _, m := range r.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// seated says whether the member still holds its seat.
func (r *Room) seated(m *member) bool { return slices.Contains(r.members, m) }

// count says how many are in a place, leaving out the newcomer, its older connection and, in the visit, the person's other device:
// all of these make room for it.
func (r *Room) count(place Place, newcomer *member) int {
	n := 0
	for _, m := range r.members {
		if m.place == place && m.id != newcomer.id && (place == Waiting || m.invitation != newcomer.invitation) {
			n++
		}
	}
	return n
}

func (r *Room) limit(place Place) int {
	if place == Waiting {
		return r.limits.Waiting
	}
	return r.limits.InVisit
}
