package visits

import (
	"context"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/web"
)

// etag names the visit as it is, with its people, as programs read it.
func (v Visit) etag() string { return api.ETag(visitOf(v, nil)) }

// IfRead is the part of a call by which a program changes a visit only as it has read it.
type IfRead struct {
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The ETag of the visit, as you have read it. Where it or anybody in it was changed since, the answer is 412; not there: it is changed as it is"`
}

// Holds judges within an act whether the visit is as the program has read it.
func (i IfRead) Holds(v Visit) error { return still(i.IfMatch)(v) }

// still judges within the act whether the visit is as a program has read it, which says so by an If-Match.
func still(tag string) func(Visit) error {
	return func(v Visit) error { return api.IfMatch(tag, v.etag()) }
}

// registerChanges adds what changes visits that are planned.
func (s *Service) registerChanges(a *api.API) {
	type moveInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		IfRead
		Body struct {
			StartsAt     *time.Time `json:"starts_at,omitempty" doc:"RFC 3339; whole seconds. Not there: as it is"`
			Minutes      int        `json:"minutes,omitempty" minimum:"5" maximum:"480" doc:"Planned length. Not there: as it is"`
			AllowOverlap bool       `json:"allow_overlap,omitempty" doc:"As in making a visit"`
		}
	}
	api.Register(a, call("move-visit", http.MethodPatch, apiPath+"/{visit}", auth.VisitSchedule, http.StatusOK, "Move a visit or change its length; its links stay"),
		func(ctx context.Context, in *moveInput) (*visitOutput, error) {
			m := Move{Minutes: in.Body.Minutes, AllowOverlap: in.Body.AllowOverlap, If: still(in.IfMatch)}
			if in.Body.StartsAt != nil {
				if m.StartsAt = *in.Body.StartsAt; m.StartsAt.IsZero() { // which would be as it is
					return nil, fault.Invalid("starts_at", "must be a time that visits can be at")
				}
			}
			v, err := s.Move(ctx, web.Actor(ctx), in.Visit, m)
			if err != nil {
				return nil, err
			}
			return visitAnswer(v), nil
		})

	type editInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		IfRead
		Body struct {
			ServiceID    *string `json:"service_id,omitempty" maxLength:"36" doc:"Of the visit's site; empty: none. Not there: the one with the name in service, or as it is"`
			Service      *string `json:"service,omitempty" maxLength:"80" doc:"Not there: the name of service_id, or as it is. What the visit's links ask for stays as it is with another service"`
			Confidential *bool   `json:"confidential,omitempty" doc:"Not there: as it is, and true with another service whose visits are confidential. True is refused while somebody is invited who must not hear of the visit"`

			Interpreter         *Interpreter `json:"interpreter,omitempty" doc:"requested or confirmed; empty: none is needed. Not there: as it is"`
			InterpreterLanguage *string      `json:"interpreter_language,omitempty" maxLength:"35" doc:"BCP 47; needed with interpreter. Not there: as it is" example:"ase"`
		}
	}
	api.Register(a, call("edit-visit", http.MethodPatch, apiPath+"/{visit}/booking", auth.VisitSchedule, http.StatusOK, "Change what a visit is about, whether it is confidential, and whether it has an interpreter"),
		func(ctx context.Context, in *editInput) (*visitOutput, error) {
			v, err := s.Edit(ctx, web.Actor(ctx), in.Visit, Edit{ServiceID: in.Body.ServiceID, Service: in.Body.Service, Confidential: in.Body.Confidential,
				Interpreter: in.Body.Interpreter, InterpreterLanguage: in.Body.InterpreterLanguage, If: still(in.IfMatch)})
			if err != nil {
				return nil, err
			}
			return visitAnswer(v), nil
		})

	type cancelInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		Rest  bool   `query:"rest" doc:"Also all later visits of its series that have not begun; without If-Match"`
		IfRead
	}
	api.Register(a, call("cancel-visit", http.MethodDelete, apiPath+"/{visit}", auth.VisitRevoke, http.StatusNoContent, "Call a visit off; one that has begun ends"),
		func(ctx context.Context, in *cancelInput) (*struct{}, error) {
			switch {
			case !in.Rest:
				return nil, s.CancelIf(ctx, web.Actor(ctx), in.Visit, still(in.IfMatch))
			case in.IfMatch != "": // it names one visit, and several would go
				return nil, fault.Invalid("If-Match", "is for one visit, so not with rest")
			}
			_, err := s.CancelRest(ctx, web.Actor(ctx), in.Visit)
			return nil, err
		})
}
