package reminders

import (
	"context"
	"net/http"

	"housecall/platform/api"
	"housecall/platform/web"
	"housecall/visits"
)

// API adds what programs may have people told.
func (s *Service) API(a *api.API) {
	type lateInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		visits.IfRead
		Body struct {
			Minutes int `json:"minutes" minimum:"5" maximum:"180" doc:"Later than planned. The latest that was said holds"`
		}
	}
	type lateOutput struct {
		Body struct {
			Messages int `json:"messages" doc:"That go out now; with none, nobody can be written to: call them"`
		}
	}
	late := api.Operation{ID: "say-visit-late", Method: http.MethodPost, Path: "/api/v1/visits/{visit}/late", Action: Late, Status: http.StatusOK, Part: "visits",
		Summary: "Tell the people of a visit of today that it begins later, by message and on the screens of who waits; it stays at its time"}
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
