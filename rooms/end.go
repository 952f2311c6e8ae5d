package rooms

import (
	"context"
	"fmt"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
)

// endWithin is how long the end of a visit may take to last before whoever asked for it is told that the visit goes on.
const endWithin = 5 * time.Second

// askEnd ends the visit once its end lasts, which is seen to outside this goroutine: nobody is told of an end that a crash might undo.
func (r *Room) askEnd(by *member) error {
	if !by.may(auth.VisitEnd) {
		return fmt.Errorf("ending the visit: %w", fault.NotAllowed)
	}
	if r.ending {
		return nil
	}
	r.ending = true
	e := r.event(Event{Kind: EventEnded, By: by.invitation})
	r.host.outside(endWithin, func(ctx context.Context) {
		err := r.host.write(ctx, r, e)
		r.tell(func() { r.mayEnd(by.id, err) })
	})
	return nil
}

// mayEnd ends the visit now that its end lasts, or tells whoever asked that it could not be.
func (r *Room) mayEnd(asked string, err error) {
	if err == nil {
		r.end()
		return
	}
	r.ending = false
	r.log.Warn("the visit cannot be ended", "cause", err)
	r.refuse(asked, Refused{Action: auth.VisitEnd, Err: ErrNotKept})
}

// endedElsewhere ends a visit that is over already where such things last.
func (r *Room) endedElsewhere() {
	if !r.ending { // else this is what was asked for here
		r.emit(Event{Kind: EventEnded})
	}
	r.end()
}

// end sends everybody away for good.
func (r *Room) end() {
	r.host.markEnded(r.visit)
	r.admitted, r.private, r.started, r.lead = nil, time.Time{}, time.Time{}, ""
	r.remember()
	r.closeAll(Ended)
}
