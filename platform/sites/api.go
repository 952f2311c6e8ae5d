package sites

import (
	"context"
	"net/http"

	"housecall/platform/api"
	"housecall/platform/web"
)

// siteJSON is a place of the hospital.
type siteJSON struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Zone      string   `json:"zone" example:"Europe/Berlin"`
	Country   string   `json:"country,omitempty" doc:"ISO 3166: whose telephone numbers need no country code"`
	Languages []string `json:"languages" doc:"Tags of the languages its families are served in"`
	Phone     string   `json:"phone,omitempty" doc:"The number of last resort"`
}

// serviceJSON is what visits are made for.
type serviceJSON struct {
	ID           string `json:"id"`
	SiteID       string `json:"site_id"`
	Name         string `json:"name"`
	Minutes      int    `json:"minutes" doc:"How long a visit is planned, unless somebody says otherwise"`
	AskBirthDate bool   `json:"ask_birth_date"`
	Confidential bool   `json:"confidential"`
	Active       bool   `json:"active" doc:"New visits may be made for it"`
}

// API adds what programs may read of sites and services.
func (h *House) API(a *api.API) {
	call := func(id, path, summary string) api.Operation {
		return api.Operation{ID: id, Method: http.MethodGet, Path: path, Action: Read, Status: http.StatusOK, Summary: summary, Part: "sites"}
	}
	type sitesOutput struct {
		Body struct {
			Sites []siteJSON `json:"sites"`
		}
	}
	api.Register(a, call("list-sites", "/api/v1/sites", "List the places of the hospital"), func(ctx context.Context, _ *struct{}) (*sitesOutput, error) {
		all, err := h.Sites(ctx, web.Actor(ctx))
		if err != nil {
			return nil, err
		}
		var out sitesOutput
		for _, s := range all {
			out.Body.Sites = append(out.Body.Sites, siteJSON{ID: s.ID, Name: s.Name, Zone: s.Zone.String(), Country: s.Country, Languages: s.Languages, Phone: s.Phone})
		}
		return &out, nil
	})

	type servicesInput struct {
		SiteID string `query:"site_id" maxLength:"36" doc:"Not there: those of all sites"`
	}
	type servicesOutput struct {
		Body struct {
			Services []serviceJSON `json:"services"`
		}
	}
	api.Register(a, call("list-services", "/api/v1/services", "List what visits are made for"), func(ctx context.Context, in *servicesInput) (*servicesOutput, error) {
		all, err := h.Services(ctx, web.Actor(ctx), in.SiteID)
		if err != nil {
			return nil, err
		}
		out := servicesOutput{}
		out.Body.Services = make([]serviceJSON, len(all))
		for i, s := range all {
			out.Body.Services[i] = serviceJSON{ID: s.ID, SiteID: s.SiteID, Name: s.Name, Minutes: s.Minutes, AskBirthDate: s.AskBirthDate, Confidential: s.Confidential, Active: s.Active}
		}
		return &out, nil
	})
}
