package rooms

import (
	"slices"
	"strings"
	"time"

	"housecall/auth"
)

// deviceGrace is how long somebody who entered by right and lost the connection keeps their other devices waiting: long enough to
// come back by oneself, so that a link in other hands gains nothing; short enough for whoever changed device.
const deviceGrace = 2 * time.Minute

// admission remembers that a session was admitted.
type admission struct {
	session    string
	invitation string
	role       auth.Role // empty when known from a snapshot alone
	checked    int64     // as in Arrival, when the session last came; zero when known from a snapshot alone
	away       time.Time // since when the session is not here; zero while it is
	left       bool      // the session left on purpose
	signing    bool      // an interpreter who signs
	hearing    Hearing   // a patient's answer in private time
}

// leftMark ends the note of a session that left on purpose.
const leftMark = "left"

// note is an admission as a snapshot has it.
func (a admission) note() string {
	note := a.session + ":" + a.invitation
	if a.left {
		note += ":" + leftMark
	}
	return note
}

// admissionOf reads a note. Since when a session is away no snapshot tells, so it counts from now.
func admissionOf(note string, now time.Time) admission {
	session, rest, _ := strings.Cut(note, ":")
	invitation, mark, _ := strings.Cut(rest, ":")
	return admission{session: session, invitation: invitation, away: now, left: mark == leftMark}
}

// keepsOut says whether the admission makes other sessions of its invitation wait.
func (a admission) keepsOut(now time.Time) bool {
	return a.away.IsZero() || !a.left && now.Sub(a.away) < deviceGrace
}

// admission returns what is remembered of a session's admission; nil: it was never admitted, or has to wait again.
func (r *Room) admission(session string) *admission {
	if i := slices.IndexFunc(r.admitted, func(a admission) bool { return a.session == session }); i >= 0 {
		return &r.admitted[i]
	}
	return nil
}

// forget drops the admissions that fit.
func (r *Room) forget(fits func(admission) bool) {
	known := len(r.admitted)
	r.admitted = slices.DeleteFunc(r.admitted, fits)
	if len(r.admitted) != known {
		r.remember()
	}
}

// wentAway marks the admission of somebody who has gone out of the visit, unless it is forgotten.
func (r *Room) wentAway(m *member) {
	if a := r.admission(m.id); a != nil {
		a.away, a.left = r.now(), m.left
		if m.isAway() && !m.left {
			a.away = m.away
		}
		r.remember()
	}
}

// cameBack marks that the session is here again.
func (a *admission) cameBack(m *member) {
	a.invitation, a.role, a.checked, a.away, a.left = m.invitation, m.role, m.checked, time.Time{}, false
}
