package after

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
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

type attendanceView struct {
	Name, Role, Opened, In, Out, Waited string
	Line                                []string // how their connection was
}

type eventView struct{ At, Text string }

// Note leads from a visit's page to its record, once somebody has come, whoever may read those of all visits.
func (s *Service) Note(ctx context.Context, actor auth.Actor, visit string, said *words.Words) (desk.Note, error) {
	if actor.Role == auth.Clinician || !s.config.Policy.Allows(actor, RecordRead) {
		return desk.Note{}, nil
	}
	v, err := s.config.Visits.Visit(ctx, visit)
	if err != nil || v.State == visits.Scheduled || v.State == visits.Cancelled {
		return desk.Note{}, err
	}
	return desk.Note{Button: said.T("record.title"), Path: recordPath(visit)}, nil
}

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
	v := recordView{Service: r.Visit.Service, Zone: own.Zone(zone), Began: at(r.Began), Ended: at(r.Ended),
		Planned: own.T("record.planned_at", "day", own.Day(r.Visit.StartsAt.In(zone)), "from", own.Clock(r.Visit.StartsAt.In(zone)), "to", own.Clock(r.Visit.EndsAt.In(zone)))}
	for _, p := range r.People {
		line := attendanceView{Name: p.Invitation.Name.Reveal(), Role: own.T("role." + string(p.Invitation.Role)), Opened: at(p.Opened), In: at(p.In), Out: at(p.Out)}
		if p.Waited > 0 {
			line.Waited = own.N("record.minutes", int(p.Waited.Round(time.Minute)/time.Minute))
		}
		line.Line = lineWords(p.Quality, own)
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

// lineWords say how a connection was, the most important first; nil: it was not measured.
func lineWords(q Quality, own *words.Words) (all []string) {
	if q.Measured == 0 {
		return nil
	}
	for _, part := range []struct {
		key  string
		time time.Duration
	}{{"record.line.poor", q.Poor}, {"record.line.gone", q.Gone}, {"record.line.no_sound", q.NoSound}, {"record.line.no_picture", q.NoPicture}} {
		switch {
		case part.time >= time.Minute:
			all = append(all, own.T(part.key, "time", own.N("record.minutes", int(part.time.Round(time.Minute)/time.Minute))))
		case part.time >= 5*time.Second:
			all = append(all, own.T(part.key, "time", own.T("record.line.short")))
		}
	}
	if len(all) == 0 {
		all = append(all, own.T("record.line.good"))
	}
	if q.Reconnections > 0 {
		all = append(all, own.T("record.line.again", "count", q.Reconnections))
	}
	var ways []string
	for _, way := range q.Ways {
		ways = append(ways, own.T("record.line.way."+way))
	}
	all = append(all, strings.Join(ways, ", "), own.T("record.line.lost", "from", percent(q.LostFrom), "to", percent(q.LostTo)))
	if q.Trip > 0 {
		all = append(all, own.T("record.line.trip", "median", q.Trip.Milliseconds(), "worst", q.WorstTrip.Milliseconds()))
	}
	if p := q.Picture; p.Usual > 0 {
		all = append(all, own.T("record.line.picture", "usual", p.Usual, "worst", p.Worst, "rate", int(p.Rate+0.5)))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// percent of a share, with one digit after the point.
func percent(share float64) string { return strconv.FormatFloat(share*100, 'f', 1, 64) }

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
	Line       *lineJSON  `json:"connection,omitempty" doc:"How their connection was; not there: it was not measured"`
}

type lineJSON struct {
	Ways          []string `json:"ways" doc:"By which packets travelled: udp, tcp, relay"`
	Measured      int      `json:"measured_seconds"`
	Poor          int      `json:"poor_seconds" doc:"Over a twentieth was lost, or a round trip took over 400 ms"`
	Gone          int      `json:"gone_seconds" doc:"Not connected"`
	NoSound       int      `json:"no_sound_seconds" doc:"The microphone was on, and nothing came"`
	NoPicture     int      `json:"no_picture_seconds" doc:"Likewise of the camera"`
	Reconnections int      `json:"reconnections"`
	LostFrom      float64  `json:"lost_from" doc:"Share of the packets from them that were lost on the way, 0 to 1; most were sent again"`
	LostTo        float64  `json:"lost_to" doc:"Likewise to them"`
	RoundTrip     int64    `json:"round_trip_ms" doc:"Median"`
	WorstTrip     int64    `json:"worst_round_trip_ms"`

	Picture *pictureJSON `json:"picture,omitempty" doc:"How good the pictures were that they were sent; not there: they were sent none"`
}

type pictureJSON struct {
	Usual int     `json:"usual_lines" doc:"Pixels of the shorter side: the median over time"`
	Worst int     `json:"worst_lines" doc:"The fewest that there were for ten seconds in all"`
	Rate  float64 `json:"frames_per_second" doc:"The mean"`
}

func newLineJSON(q Quality) *lineJSON {
	if q.Measured == 0 {
		return nil
	}
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	var picture *pictureJSON
	if p := q.Picture; p.Usual > 0 {
		picture = &pictureJSON{p.Usual, p.Worst, math.Round(p.Rate*10) / 10}
	}
	return &lineJSON{append([]string{}, q.Ways...), seconds(q.Measured), seconds(q.Poor), seconds(q.Gone), seconds(q.NoSound), seconds(q.NoPicture), q.Reconnections, q.LostFrom, q.LostTo,
		q.Trip.Milliseconds(), q.WorstTrip.Milliseconds(), picture}
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
		out.People = append(out.People, attendanceJSON{Invitation: p.Invitation.ID, Role: string(p.Invitation.Role), OpenedLink: at(p.Opened), In: at(p.In), Out: at(p.Out), WaitedSecs: int(p.Waited / time.Second), Line: newLineJSON(p.Quality)})
	}
	for _, p := range r.Private {
		out.Private = append(out.Private, spanJSON{p.From, at(p.To)})
	}
	for _, c := range r.Consents {
		out.Consents = append(out.Consents, consentJSON{c.Invitation, c.Version, c.Language, c.For, c.At})
	}
	return out
}
