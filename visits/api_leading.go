package visits

import (
	"context"
	"net/http"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// registerLeading adds who leads visits, and what becomes of those nobody came to.
func (s *Service) registerLeading(a *api.API) {
	// What is done has its row, and whoever does it is told what it did, also where they may read nothing else.
	done := func(ctx context.Context, visit string) (*visitOutput, error) {
		v, err := s.Read(ctx, s.config.DB, visit)
		if err != nil {
			return nil, err
		}
		return visitAnswer(v), nil
	}
	type noShowInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		IfRead
	}
	api.Register(a, call("mark-no-show", http.MethodPost, apiPath+"/{visit}/no-show", auth.VisitRevoke, http.StatusOK, "Say that nobody came to a visit, after its start"),
		func(ctx context.Context, in *noShowInput) (*visitOutput, error) {
			if err := s.NoShowIf(ctx, web.Actor(ctx), in.Visit, still(in.IfMatch)); err != nil {
				return nil, err
			}
			return done(ctx, in.Visit)
		})

	type handOverInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		IfRead
		Body struct {
			To           string `json:"to" maxLength:"36" doc:"Account of the clinician who is to lead"`
			Keep         bool   `json:"keep,omitempty" doc:"Whoever led it stays invited"`
			AllowOverlap bool   `json:"allow_overlap,omitempty" doc:"Also where the new one has another visit then"`
		}
	}
	api.Register(a, call("hand-over-visit", http.MethodPost, apiPath+"/{visit}/hand-over", auth.VisitSchedule, http.StatusOK, "Give a visit to another clinician"),
		func(ctx context.Context, in *handOverInput) (*visitOutput, error) {
			h := HandOver{To: in.Body.To, Keep: in.Body.Keep, AllowOverlap: in.Body.AllowOverlap, If: still(in.IfMatch)}
			if err := s.HandOver(ctx, web.Actor(ctx), in.Visit, h); err != nil {
				return nil, err
			}
			return done(ctx, in.Visit)
		})

	type colleagueJSON struct {
		ID   string   `json:"id" doc:"For staff_id and clinician_id"`
		Name phi.Text `json:"name"`
		Role string   `json:"role"`
	}
	type colleaguesOutput struct {
		Body struct {
			Colleagues []colleagueJSON `json:"colleagues"`
		}
	}
	api.Register(a, call("list-colleagues", http.MethodGet, "/api/v1/colleagues", auth.VisitRead, http.StatusOK, "List the hospital's people, who may be invited"),
		func(ctx context.Context, _ *struct{}) (*colleaguesOutput, error) {
			if s.config.Colleagues == nil {
				return nil, fault.NotFound
			}
			all, err := s.config.Colleagues.Colleagues(ctx)
			if err != nil {
				return nil, err
			}
			var out colleaguesOutput
			out.Body.Colleagues = make([]colleagueJSON, len(all))
			for i, c := range all {
				out.Body.Colleagues[i] = colleagueJSON{c.ID, c.Name, string(c.Role)}
			}
			return &out, nil
		})
}
