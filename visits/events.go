package visits

import (
	"context"
	"fmt"
	"time"

	"housecall/auth"
	"housecall/platform/store"
)

// RoomEventKind says what happened in a visit's room.
type RoomEventKind string

// The kinds of event.
const (
	RoomOpened         RoomEventKind = "opened"
	RoomAdmitted       RoomEventKind = "admitted"        // a session came into the visit for the first time
	RoomLeft           RoomEventKind = "left"            // a session left the visit
	RoomEnded          RoomEventKind = "ended"           // somebody ended the visit for everyone
	RoomPrivateStarted RoomEventKind = "private_started" // private time began
	RoomPrivateEnded   RoomEventKind = "private_ended"   // private time ended
	RoomReturned       RoomEventKind = "returned"        // somebody was moved back to waiting
	RoomDeclined       RoomEventKind = "declined"        // somebody who waited was sent away
	RoomRemoved        RoomEventKind = "removed"         // somebody was shown out: their invitation is withdrawn
	RoomHandedOver     RoomEventKind = "handed_over"     // somebody was given the lead
)

// RoomEvent is something that happened in a visit's room.
type RoomEvent struct {
	Kind       RoomEventKind
	Visit      string
	Epoch      int64 // of the room's host
	At         time.Time
	Invitation string    // whom it is about; empty: the whole visit
	Role       auth.Role // theirs
	By         string    // the invitation of whoever did it; empty: by right, or from the desk
}

// OnRoomEvent moves the appointment along and audits what happened. An event may come twice or late: the state moves forward only.
func (s *Service) OnRoomEvent(ctx context.Context, e RoomEvent) error {
	about := store.About("visit", e.Visit)
	if e.Invitation != "" {
		about = store.About("invitation", e.Invitation)
	}
	return s.wake(s.act(ctx, e.actor(), "room."+string(e.Kind), "", about, func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitRow(ctx, tx, e.Visit)
		if err != nil {
			return err
		}
		a.Detail = "visit " + v.ID
		if err := s.tell(ctx, tx, e); err != nil {
			return err
		}
		switch e.Kind {
		case RoomRemoved:
			return s.withdraw(ctx, tx, v, e.Invitation)
		case RoomPrivateStarted:
			return setPrivate(ctx, tx, e, e.At)
		case RoomPrivateEnded:
			return setPrivate(ctx, tx, e, time.Time{})
		}
		cause, moves := e.moves()
		if !moves {
			return nil
		}
		to, ok := next(v.State, cause)
		if !ok || to == v.State {
			return nil
		}
		return s.setState(ctx, tx, v, to, e.At)
	}))
}

// setPrivate notes since when private time is on, or with no time that it is off, for whoever hosts the room next.
func setPrivate(ctx context.Context, tx *store.Tx, e RoomEvent, since time.Time) error {
	if err := checkHost(ctx, tx, e.Visit, e.Epoch); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE visit_rooms SET private_since = ? WHERE visit_id = ?`, store.Millis(since), e.Visit); err != nil {
		return fmt.Errorf("note private time: %w", err)
	}
	return nil
}

// moves says what an event means for the appointment. Whoever may enter by right opens the visit; it is in progress once somebody was let in.
func (e RoomEvent) moves() (event, bool) {
	switch e.Kind {
	case RoomOpened:
		return eventOpened, true
	case RoomAdmitted:
		if auth.May(e.Role, auth.VisitEnter) {
			return eventOpened, true
		}
		return eventAdmitted, true
	case RoomEnded:
		return eventEnded, true
	}
	return "", false
}

// actor is who did it: whoever is named by the event, else the person themself, else the room.
func (e RoomEvent) actor() auth.Actor {
	switch {
	case e.By != "":
		return auth.Actor{Kind: auth.KindInvitation, ID: e.By, Role: auth.Clinician}
	case e.Invitation != "":
		return auth.Actor{Kind: auth.KindInvitation, ID: e.Invitation, Role: e.Role}
	}
	return auth.Actor{Kind: auth.KindSystem, ID: "room"}
}

// closeOverdue ends the visits whose window has closed: those in progress took place, the others had nobody admitted.
func (s *Service) closeOverdue(ctx context.Context) error {
	due := store.Millis(s.now().Add(-s.config.Window.ClosesAfter))
	var ids []string
	for _, state := range []State{Scheduled, Open, InProgress} {
		some, err := store.Collect(ctx, s.config.DB, scanID, `SELECT id FROM visits WHERE state = ? AND ends_at <= ? ORDER BY ends_at LIMIT 100`, string(state), due)
		if err != nil {
			return fmt.Errorf("find visits to close: %w", err)
		}
		ids = append(ids, some...)
	}
	for _, id := range ids {
		err := s.act(ctx, auth.Actor{Kind: auth.KindSystem, ID: "window"}, "visit.close", "", store.About("visit", id), func(tx *store.Tx, a *store.Act) error {
			v, err := s.visitRow(ctx, tx, id)
			if err != nil {
				return err
			}
			to, ok := next(v.State, eventClose)
			if !ok {
				return nil // somebody was faster
			}
			a.Detail = string(v.State) + " to " + string(to)
			return s.setState(ctx, tx, v, to, s.now())
		})
		if s.wake(err) != nil {
			return err
		}
	}
	return nil
}
