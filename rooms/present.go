package rooms

import (
	"context"
	"slices"
)

// InVisit says whether a session is in the visit now, and not just waiting, as far as this node hosts it. Errors: those of a room that is
// asked, of kind fault.TryAgain.
func (h *Host) InVisit(ctx context.Context, visit, session string) (bool, error) {
	r := h.hostedRoom(visit)
	if r == nil {
		return false, nil
	}
	return ask(ctx, r, func() (bool, error) {
		return slices.ContainsFunc(r.members, func(m *member) bool { return m.id == session && m.place == Visit }), nil
	})
}
