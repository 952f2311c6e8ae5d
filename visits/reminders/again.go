package reminders

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/desk"
)

const (
	// againAfter is how long after somebody was told of a visit they are not told of it again.
	againAfter = time.Minute

	againDetail = "again-" // begins the detail of the key of what is sent again; a number from 1 follows
)

// timesAgain is how often somebody was sent their link again, by the keys of what they were told.
func (p plan) timesAgain(i visits.Invitation) (times int) {
	for _, s := range p.said {
		number, again := strings.CutPrefix(s.detail, againDetail)
		if n, err := strconv.Atoi(number); again && err == nil && s.invitation == i.ID {
			times = max(times, n)
		}
	}
	return times
}

// Written is what messages have told the people of a visit, by the ids of their invitations.
func (s *Service) Written(ctx context.Context, v visits.Visit) (map[string]desk.Written, error) {
	p, err := s.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	all := map[string]desk.Written{}
	for _, i := range v.Invitations {
		w := desk.Written{Times: p.timesAgain(i)}
		w.At, w.Lost = p.lastTold(i)
		all[i.ID] = w
	}
	return all, nil
}

// lastTold is when a message last brought somebody what is so now, and what became of a later one that did not: notify.Failed or notify.Unsure; empty where there is none, or another is
// still to go out.
func (p plan) lastTold(i visits.Invitation) (at time.Time, lost string) {
	var lostAt time.Time
	waits := false
	for _, m := range p.said {
		if m.invitation != i.ID || !m.invites() || m.sequence != p.visit.Sequence || m.generation != p.generation(i) {
			continue
		}
		switch m.state {
		case notify.Sent:
			if m.at.After(at) {
				at = m.at
			}
		case notify.Failed, notify.Unsure:
			if m.at.After(lostAt) || m.at.Equal(lostAt) && m.state == notify.Unsure {
				lostAt, lost = m.at, string(m.state)
			}
		default:
			waits = true
		}
	}
	if waits || !lostAt.After(at) { // one of several ways is enough
		return at, ""
	}
	return at, lost
}

// LinkAgain has somebody of a visit told of it once more, with the link that they have, by every way that reaches them, and says how many messages go out. times is how often that was done
// before, as whoever asks has read it: where it was done since, none goes out. Below zero, whoever asks has not read it. judge says within the act whether the visit is right as it is. It is a conflict where the visit is over, where no message
// can bring the link, and within a minute of another message that tells of the visit.
func (s *Service) LinkAgain(ctx context.Context, actor auth.Actor, visit, invitation string, times int, judge func(visits.Visit) error) (messages int, err error) {
	act := store.Act{At: s.now(), Actor: actor, Action: "message.again", Subject: store.About("invitation", invitation)}
	err = s.config.DB.Do(ctx, act, s.config.Policy.Allows(actor, auth.VisitSchedule), func(tx *store.Tx, a *store.Act) error {
		v, err := s.config.Visits.VisitIn(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := judge(v); err != nil {
			return err
		}
		i, found := v.Invited(invitation)
		if !found {
			return fault.NotFound
		}
		p, err := s.plan(ctx, v)
		if err != nil {
			return err
		}
		done := p.timesAgain(i)
		if times >= 0 && times != done {
			return nil // a form that was sent twice
		}
		if err := p.mayAgain(i); err != nil {
			return err
		}
		all, err := s.addressees(ctx, v)
		if err != nil {
			return err
		}
		k := key{v.ID, i.ID, v.Sequence, p.generation(i), againDetail + strconv.Itoa(done+1)}
		for _, to := range all {
			if to.invitation.ID != i.ID {
				continue
			}
			if err := s.config.Outbox.Put(ctx, tx, to.message(kindConfirmed, k, p.now)); err != nil {
				return err
			}
			messages++
		}
		if messages == 0 {
			return linkUnsent()
		}
		a.Detail = fmt.Sprintf("visit %s, messages %d", v.ID, messages)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return messages, nil
}

// mayAgain is a conflict where somebody cannot be told of the visit again now.
func (p plan) mayAgain(i visits.Invitation) error {
	conflict := func(key, detail string) error {
		return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: key, Detail: detail}
	}
	switch {
	case i.Revoked():
		return conflict("withdrawn", "This invitation was withdrawn. Invite the person again.")
	case p.visit.State.Over() || !p.now.Before(p.visit.EndsAt):
		return conflict("visit_over.links", "The visit is over, so its links work no more.")
	case !p.links(i):
		return linkUnsent()
	}
	for _, s := range p.said {
		if s.invitation == i.ID && s.invites() && s.told() && p.now.Before(s.at.Add(againAfter)) {
			return conflict("link_just_sent", "A message with the link was sent less than a minute ago.")
		}
	}
	return nil
}

// linkUnsent is the conflict where no message can bring somebody their link.
func linkUnsent() error {
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "link_unsent", Detail: "No message can bring this person their link: give it to them yourself."}
}

// linkAgain has somebody told again, and shows their link.
func (d *Desk) linkAgain(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	visit, person := r.PathValue("visit"), r.PathValue("person")
	times, err := strconv.Atoi(r.PostForm.Get("times"))
	if err != nil || times < 0 {
		web.Problem(w, r, fault.Invalid("times", "must be a number"))
		return
	}
	if _, err := d.service.LinkAgain(r.Context(), web.Actor(r.Context()), visit, person, times, func(visits.Visit) error { return nil }); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, desk.Path+"/visits/"+visit+"/people/"+person+"/link?again")
}

func (s *Service) registerLinkAgain(a *api.API) {
	type againInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
		visits.IfRead
	}
	type againOutput struct {
		Body struct {
			Messages int `json:"messages" doc:"That go out now"`
		}
	}
	again := api.Operation{ID: "send-link-again", Method: http.MethodPost, Path: "/api/v1/visits/{visit}/invitations/{invitation}/message", Action: auth.VisitSchedule, Status: http.StatusOK, Part: "visits",
		Summary: "Tell a person of a visit once more when it is, with the link that they have, by e-mail and SMS as they are reached; not within a minute of another such message (409)"}
	api.Register(a, again, func(ctx context.Context, in *againInput) (*againOutput, error) {
		messages, err := s.LinkAgain(ctx, web.Actor(ctx), in.Visit, in.Invitation, -1, in.Holds)
		if err != nil {
			return nil, err
		}
		var out againOutput
		out.Body.Messages = messages
		return &out, nil
	})
}
