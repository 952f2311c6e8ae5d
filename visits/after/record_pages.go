package after

import (
	"context"
	"net/http"
	"time"

	"housecall/platform/api"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// recordPath is where a visit's record is.
func recordPath(visit string) string { return "/desk/visits/" + visit + "/record" }

// recordView is a record in words.
type recordView struct {
	Service, Planned, Began, Ended, Zone string
	People                               []attendanceView
	Private                              []string
	Events                               []eventView
	Consents                             []string
}

type attendanceView struct{ Name, Role, Opened, In, Out, Waited string }

type eventView struct{ At, Text string }

func (s *Service) serveRecord(w http.ResponseWriter, r *http.Request) {
	record, err := s.Record(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	site, err := s.siteOf(r.Context(), record.Visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	s.config.Pages.Render(w, r, http.StatusOK, "after/record", web.Page{Title: own.T("record.title"), Wide: true, Body: newRecordView(record, site.Zone, own)})
}

func newRecordView(r Record, zone *time.Location, own *words.Words) recordView {
	at := func(t time.Time) string {
		if t.IsZero() {
			return own.T("record.never")
		}
		return t.In(zone).Format("15:04:05")
	}
	span := func(from, to time.Time) string { return own.T("record.span", "from", at(from), "to", at(to)) }
	v := recordView{Service: r.Visit.Service, Zone: zone.String(), Began: at(r.Began), Ended: at(r.Ended),
		Planned: own.T("record.planned_at", "day", own.Day(r.Visit.StartsAt.In(zone)), "from", own.Clock(r.Visit.StartsAt.In(zone)), "to", own.Clock(r.Visit.EndsAt.In(zone)))}
	for _, p := range r.People {
		line := attendanceView{Name: p.Invitation.Name.Reveal(), Role: own.T("role." + string(p.Invitation.Role)), Opened: at(p.Opened), In: at(p.In), Out: at(p.Out)}
		if p.Waited > 0 {
			line.Waited = own.N("record.minutes", int(p.Waited.Round(time.Minute)/time.Minute))
		}
		v.People = append(v.People, line)
	}
	for _, p := range r.Private {
		v.Private = append(v.Private, span(p.From, p.To))
	}
	for _, e := range r.Events {
		v.Events = append(v.Events, eventView{at(e.At), own.T("record.event."+string(e.Kind), "name", r.nameIn(e.Invitation), "by", r.nameIn(e.By))})
	}
	for _, c := range r.Consents {
		v.Consents = append(v.Consents, own.T("record.consent", "name", r.nameIn(c.Invitation), "version", c.Version, "language", c.Language, "time", at(c.At)))
	}
	return v
}

// recordJSON is a record as programs get it: docs/protocol.md has the times as RFC 3339.
type recordJSON struct {
	Visit    string           `json:"visit"`
	State    visits.State     `json:"state"`
	StartsAt time.Time        `json:"starts_at" doc:"as planned"`
	EndsAt   time.Time        `json:"ends_at" doc:"as planned"`
	Began    *time.Time       `json:"began,omitempty" doc:"when somebody of the family was first let in"`
	Ended    *time.Time       `json:"ended,omitempty"`
	People   []attendanceJSON `json:"people"`
	Private  []spanJSON       `json:"private" doc:"private time"`
	Consents []consentJSON    `json:"consents"`
}

type attendanceJSON struct {
	Invitation string     `json:"invitation"`
	Role       string     `json:"role"`
	OpenedLink *time.Time `json:"opened_link,omitempty" doc:"first"`
	In         *time.Time `json:"in,omitempty" doc:"when first let in"`
	Out        *time.Time `json:"out,omitempty" doc:"when last seen to go"`
	WaitedSecs int        `json:"waited_seconds"`
}

type spanJSON struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to,omitempty"`
}

type consentJSON struct {
	Invitation string    `json:"invitation"`
	Version    string    `json:"version"`
	Language   string    `json:"language"`
	For        string    `json:"for"`
	At         time.Time `json:"at"`
}

type recordInput struct {
	Visit string `path:"visit"`
}

type recordOutput struct{ Body recordJSON }

// API adds the calls for programs.
func (s *Service) API(a *api.API) {
	op := api.Operation{ID: "show-record", Method: http.MethodGet, Path: "/api/v1/visits/{visit}/record", Summary: "Show how a visit went: times and people", Part: "visits", Action: RecordRead, Status: http.StatusOK}
	api.Register(a, op, func(ctx context.Context, in *recordInput) (*recordOutput, error) {
		r, err := s.Record(ctx, web.Actor(ctx), in.Visit)
		if err != nil {
			return nil, err
		}
		return &recordOutput{newRecordJSON(r)}, nil
	})
}

func newRecordJSON(r Record) recordJSON {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	out := recordJSON{Visit: r.Visit.ID, State: r.Visit.State, StartsAt: r.Visit.StartsAt, EndsAt: r.Visit.EndsAt, Began: at(r.Began), Ended: at(r.Ended),
		People: []attendanceJSON{}, Private: []spanJSON{}, Consents: []consentJSON{}}
	for _, p := range r.People {
		out.People = append(out.People, attendanceJSON{Invitation: p.Invitation.ID, Role: string(p.Invitation.Role), OpenedLink: at(p.Opened), In: at(p.In), Out: at(p.Out), WaitedSecs: int(p.Waited / time.Second)})
	}
	for _, p := range r.Private {
		out.Private = append(out.Private, spanJSON{p.From, at(p.To)})
	}
	for _, c := range r.Consents {
		out.Consents = append(out.Consents, consentJSON{c.Invitation, c.Version, c.Language, c.For, c.At})
	}
	return out
}
