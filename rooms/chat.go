package rooms

import (
	"fmt"
	"slices"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
)

// say takes a line of chat and tells it to everybody in the visit, the sender too. A line with an id the sender has
// used before was sent twice, and is told once.
func (r *Room) say(m *member, id string, text phi.Text) error {
	if !m.may(auth.VisitChat) {
		return fmt.Errorf("saying something: %w", fault.NotAllowed)
	}
	if slices.ContainsFunc(r.said, func(s Said) bool { return s.ID == id && s.From.ID == m.id }) {
		return nil
	}
	line := Said{ID: id, From: m.person(), Text: text, At: r.now()}
	r.said = append(r.said, line)
	r.saidAll++
	if len(r.said) > r.limits.Chat {
		r.said = slices.Delete(r.said, 0, len(r.said)-r.limits.Chat)
	}
	r.sendVisit(line)
	return nil
}

// saidSince returns what was said since the session was first admitted, as far as it is remembered.
func (r *Room) saidSince(session string) []Said {
	a := r.admission(session)
	if a == nil {
		return nil
	}
	oldest := r.saidAll - len(r.said) // number of the first line remembered
	return r.said[min(max(0, a.heardFrom-oldest), len(r.said)):]
}
