package visits

import (
	"context"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// Emergency is access to what is not one's own, for a short time: see package emergency. Use says by which grant the actor may act on any of these now; "": by none.
type Emergency interface {
	Use(ctx context.Context, tx *store.Tx, actor auth.Actor, action auth.Action, about ...store.Subject) (grant string, err error)
	Came(ctx context.Context, tx *store.Tx, grant, visit, invitation string) error
	Guest(ctx context.Context, tx *store.Tx, account, visit string) (invitation string, err error)
}

// around is how far from now visits are that somebody with emergency access sees.
const around = 14 * 24 * time.Hour

// EmergencyList gives who has emergency access to a patient the visits around now, or to one visit that one.
func (s *Service) EmergencyList(ctx context.Context, actor auth.Actor, about store.Subject) (all []Visit, err error) {
	err = s.act(ctx, actor, "visit.list", "", about, func(tx *store.Tx, _ *store.Act) error {
		if err := s.emergency(ctx, tx, actor, auth.VisitRead, about); err != nil {
			return err
		}
		if about.Kind == "visit" {
			v, err := s.visitRow(ctx, tx, about.ID)
			all = []Visit{v}
			return err
		}
		now := s.now()
		all, err = s.listRows(ctx, tx, Query{PatientID: about.ID, From: now.Add(-around), To: now.Add(around)}, position{}, MaxLimit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Exists says whether there is such a visit, for the program itself. Errors: fault.NotFound.
func (s *Service) Exists(ctx context.Context, visit string) error {
	_, err := s.visitRow(ctx, s.config.DB, visit)
	return err
}

// emergency wants the actor to have emergency access.
func (s *Service) emergency(ctx context.Context, tx *store.Tx, actor auth.Actor, action auth.Action, about ...store.Subject) error {
	grant, err := s.config.Emergency.Use(ctx, tx, actor, action, about...)
	if err == nil && grant == "" {
		err = fault.NotAllowed
	}
	return err
}

// EmergencyJoin makes who has emergency access to a visit one of its clinicians, for as long as that lasts, and returns their link.
func (s *Service) EmergencyJoin(ctx context.Context, actor auth.Actor, visit string, name phi.Text) (Link, error) {
	p := Person{Name: name, Role: auth.Clinician, StaffID: actor.ID}.tidy()
	i := p.invitation(visit, s.now())
	err := s.act(ctx, actor, "invitation.create", "", store.About("invitation", i.ID), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		grant, err := s.config.Emergency.Use(ctx, tx, actor, auth.VisitEnter, store.About("visit", v.ID), store.About("patient", v.PatientID))
		if err != nil {
			return err
		}
		if grant == "" {
			return fault.NotAllowed
		}
		known, err := s.config.Emergency.Guest(ctx, tx, actor.ID, visit)
		if err != nil {
			return err
		}
		if known != "" {
			if i, err = invitationRow(ctx, tx, visit, known); err != nil {
				return err
			}
			a.Subject = store.About("invitation", i.ID)
		}
		if known == "" || i.Revoked() {
			i = p.invitation(visit, s.now())
			a.Subject = store.About("invitation", i.ID)
			if err := s.addPerson(ctx, tx, a, p, Practice{}, i); err != nil {
				return err
			}
		}
		return s.config.Emergency.Came(ctx, tx, grant, visit, i.ID)
	})
	if err != nil {
		return Link{}, err
	}
	return Link{Invitation: i, URL: s.linkURL(i.ID, i.Generation)}, nil
}

// EmergencyEnd withdraws an invitation that EmergencyJoin made: whoever came by it is cut off.
func (s *Service) EmergencyEnd(ctx context.Context, visit, invitation string) error {
	actor := auth.Actor{Kind: auth.KindSystem, ID: "emergency"}
	return s.wake(s.act(ctx, actor, "invitation.revoke", "", store.About("invitation", invitation), func(tx *store.Tx, _ *store.Act) error {
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		return s.withdraw(ctx, tx, v, invitation)
	}))
}
