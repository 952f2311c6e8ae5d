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

const apiPath = "/api/v1/visits"

// personJSON is somebody to invite.
type personJSON struct {
	Name     phi.Text  `json:"name" minLength:"1" maxLength:"80" doc:"As everybody in the visit will read it" example:"Sample Patient"`
	Role     auth.Role `json:"role" enum:"patient,guardian,guest,interpreter,clinician,observer"`
	Language string    `json:"language,omitempty" maxLength:"35" doc:"Tag of the language this person reads, one of those the pages come in; their pages begin in it" example:"es"`
}

// requestJSON asks for a visit.
type requestJSON struct {
	Service      string       `json:"service" minLength:"1" maxLength:"80" example:"Cardiology"`
	StartsAt     time.Time    `json:"starts_at" doc:"RFC 3339; whole seconds"`
	Minutes      int          `json:"minutes" minimum:"5" maximum:"480" doc:"Planned length"`
	AskBirthDate bool         `json:"ask_birth_date,omitempty" doc:"Whether the links of patient, guardians and guests ask for the patient's date of birth"`
	BirthDate    phi.Text     `json:"birth_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD; needed with ask_birth_date. Clinicians in the visit see the age"`
	People       []personJSON `json:"people" minItems:"2" maxItems:"10" doc:"At least one clinician and one patient"`
}

// invitationJSON is one person's place in a visit.
type invitationJSON struct {
	ID         string     `json:"id"`
	Name       phi.Text   `json:"name"`
	Role       auth.Role  `json:"role"`
	Language   string     `json:"language,omitempty" doc:"Not there: not known"`
	Generation int        `json:"generation" doc:"Of the link that works now, from 1"`
	Locked     bool       `json:"locked" doc:"Five wrong dates of birth were given; resend with new_link"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty" doc:"When it was withdrawn"`
	Link       string     `json:"link,omitempty" doc:"What to send to this person and to nobody else; only in answers that make or resend links"`
}

// visitJSON is an appointment.
type visitJSON struct {
	ID           string           `json:"id"`
	Service      string           `json:"service"`
	StartsAt     time.Time        `json:"starts_at"`
	EndsAt       time.Time        `json:"ends_at" doc:"As planned"`
	OpensAt      time.Time        `json:"opens_at" doc:"When its links begin to work"`
	ClosesAt     time.Time        `json:"closes_at" doc:"When its links end"`
	State        State            `json:"state" enum:"scheduled,open,in_progress,ended,cancelled,no_show"`
	AskBirthDate bool             `json:"ask_birth_date"`
	CreatedAt    time.Time        `json:"created_at"`
	Invitations  []invitationJSON `json:"invitations"`
}

func invitationOf(i Invitation, link string) invitationJSON {
	out := invitationJSON{ID: i.ID, Name: i.Name, Role: i.Role, Language: i.Language, Generation: i.Generation, Locked: i.Locked, Link: link}
	if i.Revoked() {
		out.RevokedAt = &i.RevokedAt
	}
	return out
}

// visitOf is a visit for the API; links may be nil, or one for each invitation in their order.
func visitOf(v Visit, links []Link) visitJSON {
	out := visitJSON{ID: v.ID, Service: v.Service, StartsAt: v.StartsAt, EndsAt: v.EndsAt, OpensAt: v.OpensAt, ClosesAt: v.ClosesAt,
		State: v.State, AskBirthDate: v.AskBirthDate, CreatedAt: v.CreatedAt, Invitations: make([]invitationJSON, len(v.Invitations))}
	for n, i := range v.Invitations {
		link := ""
		if links != nil {
			link = links[n].URL
		}
		out.Invitations[n] = invitationOf(i, link)
	}
	return out
}

// JSON returns the visit as the API tells it; links may be nil, or those Create returned.
func (v Visit) JSON(links []Link) any { return visitOf(v, links) }

// JSON returns the invitation with its link as the API tells it.
func (l Link) JSON() any { return invitationOf(l.Invitation, l.URL) }

type visitPathInput struct {
	Visit string `path:"visit" doc:"The visit's id"`
}

type invitationOutput struct{ Body invitationJSON }

// call describes one call about visits.
func call(id, method, path string, action auth.Action, status int, summary string) api.Operation {
	return api.Operation{ID: id, Method: method, Path: path, Action: action, Status: status, Summary: summary, Part: "visits"}
}

// API adds what programs may do with visits.
func (s *Service) API(a *api.API) {
	s.registerVisits(a)
	s.registerInvitations(a)
}

func (s *Service) registerVisits(a *api.API) {
	type createInput struct{ Body requestJSON }
	type createOutput struct {
		Location string `header:"Location"`
		Body     visitJSON
	}
	api.Register(a, call("create-visit", http.MethodPost, apiPath, auth.VisitSchedule, http.StatusCreated, "Plan a visit and make a link for each person"),
		func(ctx context.Context, in *createInput) (*createOutput, error) {
			r := Request{Service: in.Body.Service, StartsAt: in.Body.StartsAt, Minutes: in.Body.Minutes, AskBirthDate: in.Body.AskBirthDate, BirthDate: in.Body.BirthDate}
			for _, p := range in.Body.People {
				r.People = append(r.People, Person(p))
			}
			v, links, err := s.Create(ctx, web.Actor(ctx), r)
			if err != nil {
				return nil, err
			}
			return &createOutput{Location: apiPath + "/" + v.ID, Body: visitOf(v, links)}, nil
		})

	type listInput struct {
		From   time.Time `query:"from" doc:"Visits that start at this time or later"`
		To     time.Time `query:"to" doc:"Visits that start before this time"`
		State  State     `query:"state" enum:"scheduled,open,in_progress,ended,cancelled,no_show"`
		Limit  int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
		Cursor string    `query:"cursor" maxLength:"200" doc:"next of the page before"`
	}
	type listOutput struct {
		Body struct {
			Visits []visitJSON `json:"visits"`
			Next   string      `json:"next,omitempty" doc:"cursor of the next page; not there on the last"`
		}
	}
	api.Register(a, call("list-visits", http.MethodGet, apiPath, auth.VisitRead, http.StatusOK, "List visits in order of their start"),
		func(ctx context.Context, in *listInput) (*listOutput, error) {
			page, err := s.List(ctx, web.Actor(ctx), Query(*in))
			if err != nil {
				return nil, err
			}
			var out listOutput
			out.Body.Visits, out.Body.Next = make([]visitJSON, len(page.Visits)), page.Next
			for i, v := range page.Visits {
				out.Body.Visits[i] = visitOf(v, nil)
			}
			return &out, nil
		})

	type visitOutput struct{ Body visitJSON }
	api.Register(a, call("show-visit", http.MethodGet, apiPath+"/{visit}", auth.VisitRead, http.StatusOK, "Show a visit"),
		func(ctx context.Context, in *visitPathInput) (*visitOutput, error) {
			v, err := s.Show(ctx, web.Actor(ctx), in.Visit)
			if err != nil {
				return nil, err
			}
			return &visitOutput{visitOf(v, nil)}, nil
		})
	api.Register(a, call("cancel-visit", http.MethodDelete, apiPath+"/{visit}", auth.VisitRevoke, http.StatusNoContent, "Call a visit off; one that has begun ends"),
		func(ctx context.Context, in *visitPathInput) (*struct{}, error) {
			return nil, s.Cancel(ctx, web.Actor(ctx), in.Visit)
		})
}

func (s *Service) registerInvitations(a *api.API) {
	path := apiPath + "/{visit}/invitations"
	type inviteInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		Body  personJSON
	}
	api.Register(a, call("invite", http.MethodPost, path, auth.VisitSchedule, http.StatusCreated, "Invite one more person"),
		func(ctx context.Context, in *inviteInput) (*invitationOutput, error) {
			link, err := s.Invite(ctx, web.Actor(ctx), in.Visit, Person(in.Body))
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(link.Invitation, link.URL)}, nil
		})

	type resendInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
		Body       struct {
			NewLink bool `json:"new_link" doc:"true: another link, and the old one stops working; false: the same link again"`
		}
	}
	api.Register(a, call("resend-link", http.MethodPost, path+"/{invitation}/resend", auth.VisitSchedule, http.StatusOK, "Get a person's link again, or a new one"),
		func(ctx context.Context, in *resendInput) (*invitationOutput, error) {
			link, err := s.Resend(ctx, web.Actor(ctx), in.Visit, in.Invitation, in.Body.NewLink)
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(link.Invitation, link.URL)}, nil
		})

	type withdrawInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
	}
	api.Register(a, call("withdraw-invitation", http.MethodDelete, path+"/{invitation}", auth.VisitRevoke, http.StatusNoContent, "Withdraw an invitation"),
		func(ctx context.Context, in *withdrawInput) (*struct{}, error) {
			return nil, s.Withdraw(ctx, web.Actor(ctx), in.Visit, in.Invitation)
		})
}
