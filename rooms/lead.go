package rooms

import (
	"fmt"
	"slices"

	"housecall/auth"
	"housecall/platform/fault"
)

// handOver gives the lead of the visit to another who may have it.
func (r *Room) handOver(by *member, id string) error {
	if !by.may(auth.VisitLead) {
		return fmt.Errorf("handing the visit over: %w", fault.NotAllowed)
	}
	m := r.member(id)
	switch {
	case m == nil || m.place != Visit:
		return fmt.Errorf("handing the visit over: %w", fault.NotFound)
	case !m.rights[auth.VisitLead]:
		return fmt.Errorf("handing the visit over: %w", fault.NotAllowed)
	}
	if r.lead != m.invitation {
		r.lead = m.invitation
		r.remember()
		r.emitAbout(EventHandedOver, m, by)
	}
	return nil
}

// passLead gives the lead to the first who may have it when nobody has it, or whoever did is gone for good. It belongs to a person, not to one of
// their devices.
func (r *Room) passLead() {
	leads := func(a admission) bool { return a.invitation == r.lead && a.keepsOut(r.now()) }
	if slices.ContainsFunc(r.admitted, leads) {
		return
	}
	for _, m := range r.members {
		if m.may(auth.VisitLead) {
			r.lead = m.invitation
			r.remember()
			return
		}
	}
}
