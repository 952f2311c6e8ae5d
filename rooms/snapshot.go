package rooms

import (
	"strconv"
	"strings"
	"time"
)

// What a snapshot has besides admissions. No session's id begins with a colon, so none of these notes can be mistaken for an admission.
const (
	noteStarted = ":started:" // then since when, in milliseconds
	noteLead    = ":lead:"    // then whose invitation
	noteBack    = ":back:"    // then whose session: it waits since it was moved back from the visit
)

// remember hands what must outlive this node to the host, which stores it outside this goroutine: who is admitted, and what the room's next
// host has to know to keep everybody in their place.
func (r *Room) remember() {
	var notes []string
	if !r.started.IsZero() {
		notes = append(notes, noteStarted+strconv.FormatInt(r.started.UnixMilli(), 10))
	}
	if r.lead != "" {
		notes = append(notes, noteLead+r.lead)
	}
	for _, w := range r.waiters {
		if w.returned {
			notes = append(notes, noteBack+w.session)
		}
	}
	for _, a := range r.admitted[max(0, len(r.admitted)+len(notes)-MaxAdmitted):] {
		notes = append(notes, a.note())
	}
	r.host.remember(r, notes)
}

// recall takes in a snapshot. What it can't read it leaves out.
func (r *Room) recall(notes []string) {
	for _, note := range notes {
		if since, ok := strings.CutPrefix(note, noteStarted); ok {
			r.started = momentOf(since, r.now())
		} else if lead, ok := strings.CutPrefix(note, noteLead); ok {
			r.lead = lead
		} else if session, ok := strings.CutPrefix(note, noteBack); ok {
			r.waiterOf(session).returned = true
		} else if !strings.HasPrefix(note, ":") {
			r.admitted = append(r.admitted, admissionOf(note, r.now()))
		}
	}
}

func momentOf(millis string, otherwise time.Time) time.Time {
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return otherwise
	}
	return time.UnixMilli(n).UTC()
}
