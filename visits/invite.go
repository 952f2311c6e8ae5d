package visits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
)

// People one session may invite from within a visit.
const (
	inviteLimit  = 10
	inviteWindow = 10 * time.Minute
)

// InviteFrom invites a person as the holder of a session's cookie, who must be in the visit: whoever only waits, perhaps with a link that is
// somebody else's, could otherwise make themself one that lets them in.
func (s *Service) InviteFrom(ctx context.Context, visit, token string, p Person) (Link, error) {
	known, err := s.session(ctx, s.config.DB, visit, token)
	if known.You.ID == "" {
		return Link{}, err
	}
	if err := web.Allow(ctx, s.config.Limiter, "invite:"+known.Session, inviteLimit, inviteWindow); err != nil {
		return Link{}, err
	}
	here, err := s.config.Presence.InVisit(ctx, visit, known.Session)
	if err != nil {
		return Link{}, fault.Away(err)
	}
	v, err := s.visitWhole(ctx, s.config.DB, visit)
	if err != nil {
		return Link{}, err
	}
	var family Practice
	family.knowFamily(v.Confidential, v.familyLanguage())
	p = family.fillPerson(p.tidy())
	i := p.invitation(visit, s.now())
	actor := auth.Actor{Kind: auth.KindInvitation, ID: known.You.ID, Role: known.You.Role}
	err = s.act(ctx, actor, "invitation.create", auth.VisitInvite, store.About("invitation", i.ID), func(tx *store.Tx, a *store.Act) error {
		if _, err := s.session(ctx, tx, visit, token); err != nil {
			return err
		}
		if !here {
			return &fault.Problem{Kind: fault.NotAllowed, Detail: "You can invite people while you are in the visit."}
		}
		if p.Role != auth.Guest && !actor.May(auth.VisitInviteAny) {
			return fault.NotAllowed
		}
		return s.addPerson(ctx, tx, a, p, Practice{}, i)
	})
	if err != nil {
		return Link{}, err
	}
	return Link{Invitation: i, URL: s.linkURL(i.ID, i.Generation)}, nil
}

// Invite adds a person to a visit that is not over, up to ten in all.
func (s *Service) Invite(ctx context.Context, actor auth.Actor, visit string, p Person) (Link, error) {
	return s.InviteIf(ctx, actor, visit, p, anyVisit)
}

// InviteIf is Invite to a visit that is right as it is, which judge says within the act.
func (s *Service) InviteIf(ctx context.Context, actor auth.Actor, visit string, p Person, judge func(Visit) error) (Link, error) {
	p = p.tidy()
	var known Practice
	if actor.May(auth.VisitSchedule) {
		var err error
		if p, known, err = s.dressPerson(ctx, visit, p); err != nil {
			return Link{}, err
		}
	}
	i := p.invitation(visit, s.now())
	err := s.act(ctx, actor, "invitation.create", auth.VisitSchedule, store.About("invitation", i.ID), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitWhole(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := judge(v); err != nil {
			return err
		}
		return s.addPerson(ctx, tx, a, p, known, i)
	})
	if err != nil {
		return Link{}, err
	}
	return Link{Invitation: i, URL: s.linkURL(i.ID, i.Generation)}, nil
}

// invitation makes a person's invitation to a visit.
func (p Person) invitation(visit string, now time.Time) Invitation {
	return Invitation{ID: store.NewID(), VisitID: visit, Name: p.Name, Role: p.Role, Language: p.Language, ContactID: p.ContactID, StaffID: p.StaffID,
		Email: p.Email, Phone: p.Phone, Generation: 1, CreatedAt: now}
}

// dressPerson fills what is known of somebody who comes to a visit. Of a visit that there is not, nothing is.
func (s *Service) dressPerson(ctx context.Context, visit string, p Person) (Person, Practice, error) {
	v, err := s.visitWhole(ctx, s.config.DB, visit)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return p, Practice{}, err
	}
	known := s.practiceOf(ctx, Booking{SiteID: v.SiteID, PatientID: v.PatientID}, nil, []Person{p}, func(int) string { return "" })
	known.knowFamily(v.Confidential, v.familyLanguage())
	return known.fillPerson(p), known, known.problems
}

// familyLanguage is the language in which the patient comes; empty: not known. The visit must have been read whole.
func (v Visit) familyLanguage() string {
	var all []Person
	for _, i := range v.Invitations {
		all = append(all, Person{Role: i.Role, Language: i.Language})
	}
	return languageOfPatient(all)
}

// addPerson adds a person's invitation i to its visit, where there is room.
func (s *Service) addPerson(ctx context.Context, tx *store.Tx, a *store.Act, p Person, known Practice, i Invitation) error {
	v, err := s.visitWhole(ctx, tx, i.VisitID)
	if err != nil {
		return err
	}
	a.Detail = "visit " + v.ID
	wrong := slices.Concat(p.check("", s.config.Languages), known.wrong, known.checkPerson(p, "", v.Confidential))
	if err := fault.InvalidAll(wrong...); err != nil {
		return err
	}
	if s.Over(v) {
		return conflict("visit_over.invite", "The visit is over, so nobody can be invited any more.")
	}
	if p.Role == auth.Patient && v.HasPatient() {
		return conflict("patient_already", "A visit has one patient alone, who is invited already.")
	}
	if slices.ContainsFunc(v.Invitations, func(o Invitation) bool { return !o.Revoked() && p.twice(o.Role, o.ContactID, o.StaffID) }) {
		return conflict("invited_already", "This contact or account is invited in this role already. Resend gets their link again.")
	}
	if v.Full() {
		return visitFull()
	}
	if err := s.insertInvitation(ctx, tx, i); err != nil {
		return err
	}
	return s.changed(ctx, tx, ChangeInvited, v, i.ID)
}

func visitFull() error {
	return conflict("visit_full", fmt.Sprintf("A visit has room for %d people.", MaxPeople))
}

// Full says whether nobody more can be invited. The visit must have been read whole.
func (v Visit) Full() bool { return v.invited() >= MaxPeople }

// invited counts the people whose invitation was not withdrawn. The visit must have been read whole.
func (v Visit) invited() int {
	n := 0
	for _, i := range v.Invitations {
		if !i.Revoked() {
			n++
		}
	}
	return n
}
