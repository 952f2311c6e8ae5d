package visits

import (
	"context"
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
