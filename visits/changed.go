package visits

import (
	"context"
	"fmt"
	"time"

	"housecall/platform/store"
)

// ChangeKind says what has changed of a visit.
type ChangeKind string

// The kinds of change.
const (
	ChangeCreated     ChangeKind = "created"      // the visit was planned
	ChangeMoved       ChangeKind = "moved"        // it begins or ends at another time
	ChangeBooking     ChangeKind = "changed"      // who leads it, its interpreter, or whatever else is planned of it
	ChangeOpened      ChangeKind = "opened"       // somebody came into its room
	ChangeStarted     ChangeKind = "started"      // it is in progress
	ChangeEnded       ChangeKind = "ended"        // it took place and is over
	ChangeCancelled   ChangeKind = "cancelled"    // it was called off
	ChangeNoShow      ChangeKind = "no_show"      // nobody came; when somebody comes late after all, it is opened again
	ChangeInvited     ChangeKind = "invited"      // a person was added, with a link
	ChangeLinkShown   ChangeKind = "link_shown"   // a person's link was given out once more
	ChangeLinkRenewed ChangeKind = "link_renewed" // a person got another link
	ChangeRevoked     ChangeKind = "revoked"      // a person's invitation was withdrawn
)

// ChangeKinds returns every kind, in the order of a visit's life.
func ChangeKinds() []ChangeKind {
	return []ChangeKind{ChangeCreated, ChangeMoved, ChangeBooking, ChangeOpened, ChangeStarted, ChangeEnded, ChangeCancelled, ChangeNoShow,
		ChangeInvited, ChangeLinkShown, ChangeLinkRenewed, ChangeRevoked}
}

// Change is something that has changed of a visit, by ids alone.
type Change struct {
	Kind         ChangeKind
	VisitID      string
	Sequence     int    // of the visit from now on
	InvitationID string // of the person it is about; empty: the whole visit
	At           time.Time
}

// stateChanges names the change that each state is entered by.
var stateChanges = map[State]ChangeKind{Scheduled: ChangeBooking, Open: ChangeOpened, InProgress: ChangeStarted, Ended: ChangeEnded, Cancelled: ChangeCancelled, NoShow: ChangeNoShow}

// changed tells whoever asked for it what an act changes, in its transaction: what they fail with fails the act. Every act that changes a visit calls it, once
// for each thing that it changes. v is the visit as it is from now on.
func (s *Service) changed(ctx context.Context, tx *store.Tx, kind ChangeKind, v Visit, invitation string) error {
	c := Change{Kind: kind, VisitID: v.ID, Sequence: v.Sequence, InvitationID: invitation, At: s.now()}
	for _, f := range s.config.Changed {
		if err := f(ctx, tx, c); err != nil {
			return fmt.Errorf("tell that a visit was %s: %w", kind, err)
		}
	}
	return nil
}
