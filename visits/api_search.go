package visits

import (
	"context"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// registerSearch adds the search of visits, by POST, so that what is known of somebody stands in no address.
func (s *Service) registerSearch(a *api.API) {
	type input struct {
		Body struct {
			Query       phi.Text  `json:"query,omitempty" maxLength:"100" doc:"Beginnings of words of the patient's name in any order, the date of birth, the hospital's number, as far as they are known; then the key must also be for people.read. Or the visit's id" example:"sam pat 2012-05-31"`
			From        time.Time `json:"from,omitempty" doc:"Visits that start at this time or later"`
			To          time.Time `json:"to,omitempty" doc:"Visits that start before this time"`
			ClinicianID string    `json:"clinician_id,omitempty" maxLength:"36" doc:"Account of who leads"`
		}
	}
	type output struct {
		Body struct {
			ToCome []visitJSON `json:"to_come" doc:"Those that began less than twelve hours ago too, the next first"`
			Past   []visitJSON `json:"past" doc:"The latest first"`
			More   bool        `json:"more" doc:"Fifty are shown at most; there are more, or more patients than a search looks at: say more of the one you look for"`
			Until  time.Time   `json:"until,omitzero" doc:"Visits whose patient is not kept are looked through by the name in them from the time asked for on, or from now on: of these no later one than this was looked at. Not there: all were"`
		}
	}
	search := call("search-visits", http.MethodPost, apiPath+"/search", auth.VisitRead, http.StatusOK, "Find visits by what is known of them: a query, a time, a clinician, or several of these")
	search.Looks = true
	api.Register(a, search, func(ctx context.Context, in *input) (*output, error) {
		found, err := s.Search(ctx, web.Actor(ctx), Search{Text: in.Body.Query, From: in.Body.From, To: in.Body.To, ClinicianID: in.Body.ClinicianID})
		if err != nil {
			return nil, err
		}
		var out output
		out.Body.More, out.Body.Until = found.More, found.Until
		out.Body.ToCome, out.Body.Past = make([]visitJSON, len(found.ToCome)), make([]visitJSON, len(found.Past))
		for i, v := range found.ToCome {
			out.Body.ToCome[i] = visitOf(v, nil)
		}
		for i, v := range found.Past {
			out.Body.Past[i] = visitOf(v, nil)
		}
		return &out, nil
	})
}
