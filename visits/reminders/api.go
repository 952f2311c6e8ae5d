package reminders

import (
	"context"
	"net/http"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/notify"
	"housecall/platform/web"
	"housecall/visits"
)

// messageJSON is what became of a message.
type messageJSON struct {
	ID         string         `json:"id"`
	Invitation string         `json:"invitation" doc:"The id of the invitation of whom it is written to"`
	Kind       string         `json:"kind" enum:"confirmed,series,moved,link,reminder,late,cancelled,uninvited" doc:"What it tells: the visit is planned, or a series is; it is at another time; there is another link; it is soon; it begins later; it was called off; the reader is no longer invited"`
	Channel    notify.Channel `json:"channel" enum:"email,sms"`
	State      notify.State   `json:"state" enum:"waiting,sending,sent,unsure,failed,stopped" doc:"waiting for its time or the next try; sending; sent: the mail server or the gateway has taken it; unsure: it may have been sent, and is not sent again by itself; failed: it was not sent, and is not tried again by itself; stopped: it was not needed any more"`
	At         time.Time      `json:"at" doc:"When it was to be sent"`
	ChangedAt  time.Time      `json:"changed_at" doc:"Since when its state is so"`
}

// API adds what programs may have people told, and what became of it.
func (s *Service) API(a *api.API) {
	s.registerLate(a)
	s.registerLinkAgain(a)
	type messagesInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
	}
	type messagesOutput struct {
		Body struct {
			Messages  []messageJSON `json:"messages" doc:"In the order of their times"`
			Unsettled bool          `json:"unsettled" doc:"One of them failed, or is unsure: somebody should look, and have it sent again at the desk"`
		}
	}
	list := api.Operation{ID: "list-messages", Method: http.MethodGet, Path: "/api/v1/visits/{visit}/messages", Action: auth.VisitRead, Status: http.StatusOK, Part: "visits",
		Summary: "List the messages that the people of a visit were sent about it, and what became of each, without addresses and texts"}
	api.Register(a, list, func(ctx context.Context, in *messagesInput) (*messagesOutput, error) {
		v, err := s.config.Visits.Show(ctx, web.Actor(ctx), in.Visit)
		if err != nil {
			return nil, err
		}
		all, err := s.config.Outbox.About(ctx, v.ID)
		if err != nil {
			return nil, err
		}
		var out messagesOutput
		out.Body.Messages = []messageJSON{}
		for _, m := range all {
			to := invitationOf(m)
			if !slices.ContainsFunc(v.Invitations, func(i visits.Invitation) bool { return i.ID == to }) {
				continue
			}
			out.Body.Messages = append(out.Body.Messages, messageJSON{m.ID, to, plainKind(m), m.Channel, m.State, m.At, m.Changed})
			out.Body.Unsettled = out.Body.Unsettled || needsLook(m)
		}
		return &out, nil
	})
}

func (s *Service) registerLate(a *api.API) {
	type lateInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		visits.IfRead
		Body struct {
			Minutes int `json:"minutes" minimum:"5" maximum:"180" doc:"Later than planned. The latest that was said holds"`
		}
	}
	type lateOutput struct {
		Body struct {
			Messages int `json:"messages" doc:"That go out now, or went out when the same was said up to five minutes ago; with none, nobody can be written to: call them"`
		}
	}
	late := api.Operation{ID: "say-visit-late", Method: http.MethodPost, Path: "/api/v1/visits/{visit}/late", Action: Late, Status: http.StatusOK, Part: "visits",
		Summary: "Tell the people of a visit of today that it begins later, by message and on the screens of who waits; it stays at its time. The same minutes again within five tell nobody twice"}
	api.Register(a, late, func(ctx context.Context, in *lateInput) (*lateOutput, error) {
		messages, err := s.LateIf(ctx, web.Actor(ctx), in.Visit, in.Body.Minutes, in.Holds)
		if err != nil {
			return nil, err
		}
		var out lateOutput
		out.Body.Messages = messages
		return &out, nil
	})
}
