package visits

import (
	"context"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/web"
)

const apiPath = "/api/v1/visits"

// personJSON is somebody to invite.
type personJSON struct {
	Name      phi.Text  `json:"name,omitempty" maxLength:"80" doc:"As everybody in the visit will read it; not needed where the patient, the contact or the account has one" example:"Sample Patient"`
	Role      auth.Role `json:"role" enum:"patient,guardian,guest,interpreter,clinician,observer"`
	Language  string    `json:"language,omitempty" maxLength:"35" doc:"Tag of the language this person reads, one of those the pages come in; their pages begin in it. Not there: that of the contact, and for patient, guardians and guests that of the patient" example:"es"`
	ContactID string    `json:"contact_id,omitempty" maxLength:"36" doc:"Which contact of the patient in patient_id this is. Not there, and no email or phone: the patient is written to by their own contact, in a confidential visit by the confidential one alone"`
	StaffID   string    `json:"staff_id,omitempty" maxLength:"36" doc:"The account of one of the hospital's people"`
	Email     phi.Text  `json:"email,omitempty" maxLength:"254" doc:"Where no contact or account has one"`
	Phone     phi.Text  `json:"phone,omitempty" maxLength:"40" doc:"Likewise; with its country code where it is of another country than the site"`
}

// requestJSON asks for a visit.
type requestJSON struct {
	Service      string       `json:"service,omitempty" maxLength:"80" doc:"What the people in the visit read; not needed with service_id. The name of a service of the site that takes new visits, in whatever case, is that service, as with its service_id" example:"Cardiology"`
	StartsAt     time.Time    `json:"starts_at" doc:"RFC 3339; whole seconds"`
	Minutes      int          `json:"minutes,omitempty" minimum:"5" maximum:"480" doc:"Planned length; not needed where service or service_id names a service of the site"`
	AskBirthDate *bool        `json:"ask_birth_date,omitempty" doc:"Whether the links of patient, guardians and guests ask for the patient's date of birth: only then may messages hold them. Not there: as visits of the service are, and where the site has no such service they do if the date is known"`
	BirthDate    phi.Text     `json:"birth_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD; needed with ask_birth_date true. Clinicians in the visit see the age"`
	People       []personJSON `json:"people" minItems:"2" maxItems:"10" doc:"At least one clinician and one patient"`

	PatientID           string      `json:"patient_id,omitempty" maxLength:"36" doc:"A patient the hospital knows: name, birth date and language need not be said then"`
	SiteID              string      `json:"site_id,omitempty" maxLength:"36" doc:"Not there: the site of the service or of the patient, or else the hospital's first"`
	ServiceID           string      `json:"service_id,omitempty" maxLength:"36" doc:"A service of the site: what is not said is as its visits are"`
	ClinicianID         string      `json:"clinician_id,omitempty" maxLength:"36" doc:"Account of the clinician who leads; not there: that of the first clinician with a staff_id"`
	Confidential        *bool       `json:"confidential,omitempty" doc:"Nobody but the patient's own confidential contact is written to; not there: as visits of the service are"`
	Interpreter         Interpreter `json:"interpreter,omitempty" enum:"requested,confirmed"`
	InterpreterLanguage string      `json:"interpreter_language,omitempty" maxLength:"35" doc:"BCP 47; needed with interpreter" example:"ase"`
	AllowOverlap        bool        `json:"allow_overlap,omitempty" doc:"Also where the clinician or the patient has another visit then. Without it, that is a conflict which lists these as overlaps"`
	Identifier          *Identifier `json:"identifier,omitempty" doc:"The number that another program gave the appointment. Where another visit has it, that is a conflict which names this as visit"`
}

// repeatJSON says when a visit comes again.
type repeatJSON struct {
	Weeks   int    `json:"weeks,omitempty" minimum:"1" maximum:"26" doc:"From one visit to the next, on the same day of the week; instead of monthly"`
	Monthly bool   `json:"monthly,omitempty" doc:"On the same day of the week in each month, as the second Tuesday; a fifth is the last"`
	Count   int    `json:"count,omitempty" minimum:"2" maximum:"52" doc:"Visits in all; instead of until"`
	Until   string `json:"until,omitempty" format:"date" doc:"The last day that a visit may be on, at the site"`
}

func (r repeatJSON) repeat() (Repeat, error) {
	out := Repeat{Weeks: r.Weeks, Monthly: r.Monthly, Count: r.Count}
	if r.Until == "" {
		return out, nil
	}
	var err error
	if out.Until, err = sites.ParseDay(r.Until); err != nil {
		return Repeat{}, fault.Invalid("repeat.until", "must be a day as in 2026-11-24")
	}
	return out, nil
}

// request is what is asked for.
func (r requestJSON) request() Request {
	out := Request{Service: r.Service, StartsAt: r.StartsAt, Minutes: r.Minutes, AskBirthDate: r.AskBirthDate != nil && *r.AskBirthDate, AskIfKnown: r.AskBirthDate == nil, BirthDate: r.BirthDate,
		PatientID: r.PatientID, SiteID: r.SiteID, ServiceID: r.ServiceID, ClinicianID: r.ClinicianID, Confidential: r.Confidential,
		Interpreter: r.Interpreter, InterpreterLanguage: r.InterpreterLanguage, AllowOverlap: r.AllowOverlap}
	if r.Identifier != nil {
		out.Identifier = *r.Identifier
	}
	for _, p := range r.People {
		out.People = append(out.People, Person(p))
	}
	return out
}

// invitationJSON is one person's place in a visit.
type invitationJSON struct {
	ID         string     `json:"id"`
	Name       phi.Text   `json:"name"`
	Role       auth.Role  `json:"role"`
	Language   string     `json:"language,omitempty" doc:"Not there: not known"`
	ContactID  string     `json:"contact_id,omitempty" doc:"Which contact of the patient this is"`
	StaffID    string     `json:"staff_id,omitempty"`
	Email      phi.Text   `json:"email,omitempty"`
	Phone      phi.Text   `json:"phone,omitempty" doc:"E.164"`
	Generation int        `json:"generation" doc:"Of the link that works now, from 1"`
	Locked     bool       `json:"locked" doc:"Five wrong dates of birth were given; resend with new_link"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty" doc:"When it was withdrawn"`
	Check      *checkJSON `json:"device_check,omitempty" doc:"How they did when they tried their devices before the visit; not there: they did not, or this is not asked of one visit or a list"`
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

	PatientID           string      `json:"patient_id,omitempty"`
	SiteID              string      `json:"site_id,omitempty"`
	ServiceID           string      `json:"service_id,omitempty"`
	ClinicianID         string      `json:"clinician_id,omitempty" doc:"Account of who leads"`
	Confidential        bool        `json:"confidential" doc:"Nobody but the patient's own confidential contact is written to"`
	Interpreter         Interpreter `json:"interpreter,omitempty" enum:"requested,confirmed"`
	InterpreterLanguage string      `json:"interpreter_language,omitempty"`
	SeriesID            string      `json:"series_id,omitempty" doc:"Visits that were made together by repeating one have the same"`
	Identifier          *Identifier `json:"identifier,omitempty" doc:"The number that another program gave the appointment"`
	Sequence            int         `json:"sequence" doc:"One more with each move and with the cancellation. SEQUENCE in calendar files (RFC 5545) grows with it, and with each person who is withdrawn"`
}

// checkJSON is a device check.
type checkJSON struct {
	At        time.Time `json:"at"`
	NeedsHelp bool      `json:"needs_help" doc:"Somebody should call before the visit"`
	Passed    bool      `json:"passed"`
	Faults    []string  `json:"faults,omitempty" doc:"What did not do well: old (the browser), camera, microphone, speaker, poor or blocked (the network)"`
	Browser   string    `json:"browser,omitempty" example:"Chrome 126, Android"`
}

func invitationOf(i Invitation, link string) invitationJSON {
	out := invitationJSON{ID: i.ID, Name: i.Name, Role: i.Role, Language: i.Language, ContactID: i.ContactID, StaffID: i.StaffID,
		Email: i.Email, Phone: i.Phone, Generation: i.Generation, Locked: i.Locked, Link: link}
	if i.Revoked() {
		out.RevokedAt = &i.RevokedAt
	}
	if c := i.Check; c != nil {
		out.Check = &checkJSON{At: c.At, NeedsHelp: c.NeedsHelp(), Passed: c.Passed(), Faults: c.Faults(), Browser: c.Browser}
	}
	return out
}

// visitOf is a visit for the API; links may be nil, or one for each invitation in their order.
func visitOf(v Visit, links []Link) visitJSON {
	out := visitJSON{ID: v.ID, Service: v.Service, StartsAt: v.StartsAt, EndsAt: v.EndsAt, OpensAt: v.OpensAt, ClosesAt: v.ClosesAt,
		State: v.State, AskBirthDate: v.AskBirthDate, CreatedAt: v.CreatedAt, Invitations: make([]invitationJSON, len(v.Invitations)),
		PatientID: v.PatientID, SiteID: v.SiteID, ServiceID: v.ServiceID, ClinicianID: v.ClinicianID, Confidential: v.Confidential,
		Interpreter: v.Interpreter, InterpreterLanguage: v.InterpreterLanguage, SeriesID: v.SeriesID, Sequence: v.Sequence}
	if v.Identifier != (Identifier{}) {
		out.Identifier = &v.Identifier
	}
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

// visitOutput answers with a visit.
type visitOutput struct {
	ETag string `header:"ETag"`
	Body visitJSON
}

func visitAnswer(v Visit) *visitOutput { return &visitOutput{v.etag(), visitOf(v, nil)} }

type invitationOutput struct{ Body invitationJSON }

// call describes one call about visits.
func call(id, method, path string, action auth.Action, status int, summary string) api.Operation {
	return api.Operation{ID: id, Method: method, Path: path, Action: action, Status: status, Summary: summary, Part: "visits"}
}

// API adds what programs may do with visits.
func (s *Service) API(a *api.API) {
	s.registerVisits(a)
	s.registerChanges(a)
	s.registerSearch(a)
	s.registerInvitations(a)
	s.registerLeading(a)
	s.registerConsents(a)
}

func (s *Service) registerVisits(a *api.API) {
	type createInput struct{ Body requestJSON }
	type createOutput struct {
		Location string `header:"Location"`
		ETag     string `header:"ETag"`
		Body     visitJSON
	}
	api.Register(a, call("create-visit", http.MethodPost, apiPath, auth.VisitSchedule, http.StatusCreated, "Plan a visit and make a link for each person"),
		func(ctx context.Context, in *createInput) (*createOutput, error) {
			v, links, err := s.Create(ctx, web.Actor(ctx), in.Body.request())
			if err != nil {
				return nil, err
			}
			return &createOutput{Location: apiPath + "/" + v.ID, ETag: v.etag(), Body: visitOf(v, links)}, nil
		})

	type seriesInput struct {
		Body struct {
			Visit  requestJSON `json:"visit" doc:"The first visit"`
			Repeat repeatJSON  `json:"repeat"`
		}
	}
	type seriesOutput struct {
		Body struct {
			Visits []visitJSON `json:"visits"`
		}
	}
	api.Register(a, call("create-series", http.MethodPost, "/api/v1/series", auth.VisitSchedule, http.StatusCreated, "Plan a visit and those that repeat it: all of them, or none"),
		func(ctx context.Context, in *seriesInput) (*seriesOutput, error) {
			repeat, err := in.Body.Repeat.repeat()
			if err != nil {
				return nil, err
			}
			made, err := s.CreateSeries(ctx, web.Actor(ctx), in.Body.Visit.request(), repeat)
			if err != nil {
				return nil, err
			}
			var out seriesOutput
			for _, m := range made {
				out.Body.Visits = append(out.Body.Visits, visitOf(m.Visit, m.Links))
			}
			return &out, nil
		})

	type listInput struct {
		From   time.Time `query:"from" doc:"Visits that start at this time or later"`
		To     time.Time `query:"to" doc:"Visits that start before this time"`
		States []State   `query:"state" nullable:"false" enum:"scheduled,open,in_progress,ended,cancelled,no_show" doc:"Several with commas between; not there: any"`
		Limit  int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
		Cursor string    `query:"cursor" maxLength:"200" doc:"next of the page before"`

		SiteID      string `query:"site_id" maxLength:"36"`
		ClinicianID string `query:"clinician_id" maxLength:"36"`
		ServiceID   string `query:"service_id" maxLength:"36"`
		PatientID   string `query:"patient_id" maxLength:"36"`

		IdentifierSystem string   `query:"identifier_system" maxLength:"200" doc:"With identifier_value"`
		IdentifierValue  phi.Text `query:"identifier_value" maxLength:"80" doc:"Of any system without identifier_system"`
	}
	type listOutput struct {
		Body struct {
			Visits []visitJSON `json:"visits"`
			Next   string      `json:"next,omitempty" doc:"cursor of the next page; not there on the last"`
		}
	}
	api.Register(a, call("list-visits", http.MethodGet, apiPath, auth.VisitRead, http.StatusOK, "List visits in order of their start"),
		func(ctx context.Context, in *listInput) (*listOutput, error) {
			page, err := s.List(ctx, web.Actor(ctx), Query{From: in.From, To: in.To, States: in.States, Limit: in.Limit, Cursor: in.Cursor,
				SiteID: in.SiteID, ClinicianID: in.ClinicianID, ServiceID: in.ServiceID, PatientID: in.PatientID,
				Identifier: Identifier{System: in.IdentifierSystem, Value: in.IdentifierValue}})
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

	api.Register(a, call("show-visit", http.MethodGet, apiPath+"/{visit}", auth.VisitRead, http.StatusOK, "Show a visit"),
		func(ctx context.Context, in *visitPathInput) (*visitOutput, error) {
			v, err := s.Show(ctx, web.Actor(ctx), in.Visit)
			if err != nil {
				return nil, err
			}
			return visitAnswer(v), nil
		})
}

func (s *Service) registerInvitations(a *api.API) {
	path := apiPath + "/{visit}/invitations"
	type inviteInput struct {
		Visit string `path:"visit" doc:"The visit's id"`
		IfRead
		Body personJSON
	}
	api.Register(a, call("invite", http.MethodPost, path, auth.VisitSchedule, http.StatusCreated, "Invite one more person"),
		func(ctx context.Context, in *inviteInput) (*invitationOutput, error) {
			link, err := s.InviteIf(ctx, web.Actor(ctx), in.Visit, Person(in.Body), in.Holds)
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(link.Invitation, link.URL)}, nil
		})

	type resendInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
		IfRead
		Body struct {
			NewLink bool `json:"new_link" doc:"true: another link, and the old one stops working; false: the same link again"`
		}
	}
	api.Register(a, call("resend-link", http.MethodPost, path+"/{invitation}/resend", auth.VisitSchedule, http.StatusOK, "Get a person's link again, or a new one"),
		func(ctx context.Context, in *resendInput) (*invitationOutput, error) {
			link, err := s.ResendIf(ctx, web.Actor(ctx), in.Visit, in.Invitation, in.Body.NewLink, still(in.IfMatch))
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(link.Invitation, link.URL)}, nil
		})

	type mendInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
		IfRead
		Body struct {
			Name     *phi.Text `json:"name,omitempty" doc:"Not there, like the others: as it is"`
			Language *string   `json:"language,omitempty" doc:"Empty: not known"`
			Email    *phi.Text `json:"email,omitempty" doc:"Empty: none is known. What the patient's contact has is changed there"`
			Phone    *phi.Text `json:"phone,omitempty" doc:"Likewise"`
		}
	}
	api.Register(a, call("edit-invitation", http.MethodPatch, path+"/{invitation}", auth.VisitSchedule, http.StatusOK,
		"Change how a person is called and reached; elsewhere they get another link, and the old one stops working"),
		func(ctx context.Context, in *mendInput) (*invitationOutput, error) {
			i, err := s.Mend(ctx, web.Actor(ctx), in.Visit, in.Invitation, Mend{Name: in.Body.Name, Language: in.Body.Language, Email: in.Body.Email, Phone: in.Body.Phone, If: still(in.IfMatch)})
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(i, "")}, nil
		})

	type withdrawInput struct {
		Visit      string `path:"visit" doc:"The visit's id"`
		Invitation string `path:"invitation" doc:"The invitation's id"`
		IfRead
	}
	api.Register(a, call("withdraw-invitation", http.MethodDelete, path+"/{invitation}", auth.VisitRevoke, http.StatusNoContent, "Withdraw an invitation"),
		func(ctx context.Context, in *withdrawInput) (*struct{}, error) {
			return nil, s.WithdrawIf(ctx, web.Actor(ctx), in.Visit, in.Invitation, still(in.IfMatch))
		})
}
