package figures

import (
	"context"
	"net/http"
	"slices"
	"time"

	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/web"
)

// figuresCountsJSON is what became of the visits of a row.
type figuresCountsJSON struct {
	TookPlace     int `json:"took_place"`
	NoShow        int `json:"no_show"`
	Cancelled     int `json:"cancelled"`
	Failed        int `json:"failed" doc:"Somebody of the family came, and none of them was let in"`
	BadConnection int `json:"bad_connection" doc:"They were let in, and somebody's connection was bad"`
	Interpreter   int `json:"interpreter" doc:"With an interpreter"`
	Joins         int `json:"joins" doc:"People of families who were let in"`
	Alone         int `json:"joins_without_help" doc:"Those of them who got no second link"`
	Waits         int `json:"waits" doc:"Visits of which it is known how long the family waited"`
}

// figuresWaitJSON is how long families waited.
type figuresWaitJSON struct {
	Median int `json:"median_seconds" doc:"Exact to 15 seconds"`
	P90    int `json:"p90_seconds" doc:"Nine in ten waited no longer; likewise"`
}

// figuresAnswersJSON is what people of families answered to a question.
type figuresAnswersJSON struct {
	Yes    int `json:"yes"`
	Partly int `json:"partly"`
	No     int `json:"no"`
}

// figuresSumJSON is the figures of some visits, without what is told of too few.
type figuresSumJSON struct {
	Visits   int                 `json:"visits" doc:"That are over, whatever became of them"`
	Untold   int                 `json:"untold,omitempty" doc:"Those of them of which nothing more is told, since they are fewer than five"`
	Counts   *figuresCountsJSON  `json:"counts,omitempty" doc:"What became of the others. Not there: there are none"`
	Wait     *figuresWaitJSON    `json:"wait,omitempty" doc:"Not there: fewer than five waits are known"`
	Worked   *figuresAnswersJSON `json:"worked,omitempty" doc:"Whether sound and picture worked. Not there: fewer than five people answered"`
	Answered *figuresAnswersJSON `json:"answered,omitempty" doc:"Whether they got what they came for; likewise"`
}

// figuresRowJSON is a week or a month.
type figuresRowJSON struct {
	Start string `json:"start" format:"date" doc:"Its first day"`
	figuresSumJSON
}

// figuresLanguageJSON is how many visits had a language.
type figuresLanguageJSON struct {
	Language string `json:"language" doc:"Its tag (BCP 47); und: not known; mul: those of fewer than five visits each, together" example:"es"`
	Visits   int    `json:"visits"`
}

func sumOf(r Row) figuresSumJSON {
	out := figuresSumJSON{Visits: r.Visits(), Untold: r.Untold}
	if r.Told() {
		out.Counts = &figuresCountsJSON{r.TookPlace, r.NoShow, r.Cancelled, r.Failed, r.Bad, r.Interpreter, r.Joins, r.Alone, r.Waited}
	}
	if r.Waited >= Few {
		out.Wait = &figuresWaitJSON{int(r.Median.Seconds()), int(r.P90.Seconds())}
	}
	answers := func(a Answers) *figuresAnswersJSON {
		if a.All() < Few {
			return nil
		}
		return new(figuresAnswersJSON(a))
	}
	out.Worked, out.Answered = answers(r.Worked), answers(r.Answered)
	return out
}

// API adds what programs may read of figures: what the page and its tables show.
func (s *Service) API(a *api.API) {
	type figuresInput struct {
		From      string `query:"from" format:"date" doc:"The first day. Not there: with this month the last twelve"`
		To        string `query:"to" format:"date" doc:"The last day, ten years later at most. Not there: today"`
		By        Period `query:"by" enum:"week,month" default:"month" doc:"Weeks begin on Monday"`
		SiteID    string `query:"site_id" maxLength:"36" doc:"Not there: all sites"`
		ServiceID string `query:"service_id" maxLength:"36" doc:"Not there: all services"`
	}
	type figuresOutput struct {
		Body struct {
			From      string                `json:"from" format:"date"`
			To        string                `json:"to" format:"date" doc:"The last day"`
			Rows      []figuresRowJSON      `json:"rows" doc:"Weeks or months without gaps, the oldest first; of the first and the last the days asked for alone"`
			All       figuresSumJSON        `json:"all"`
			Languages []figuresLanguageJSON `json:"languages" doc:"Of the patient, or else of the family; the most spoken first"`
		}
	}
	op := api.Operation{ID: "show-figures", Method: http.MethodGet, Path: "/api/v1/figures", Action: Read, Status: http.StatusOK, Part: "figures",
		Summary: "Show how many visits there were by week or month, what became of them, how long families waited, and what they said; visits are counted within an hour of their planned end"}
	api.Register(a, op, func(ctx context.Context, in *figuresInput) (*figuresOutput, error) {
		q, err := s.askedBy(ctx, in.From, in.To, Query{By: in.By, SiteID: in.SiteID, ServiceID: in.ServiceID})
		if err != nil {
			return nil, err
		}
		f, err := s.Show(ctx, web.Actor(ctx), q)
		if err != nil {
			return nil, err
		}
		var out figuresOutput
		out.Body.From, out.Body.To = q.From.Format(time.DateOnly), q.To.AddDate(0, 0, -1).Format(time.DateOnly)
		out.Body.All, out.Body.Rows, out.Body.Languages = sumOf(f.All), make([]figuresRowJSON, len(f.Rows)), []figuresLanguageJSON{}
		for i, row := range f.Rows {
			out.Body.Rows[i] = figuresRowJSON{row.Start.Format(time.DateOnly), sumOf(row)}
		}
		for _, l := range f.tagged() {
			out.Body.Languages = append(out.Body.Languages, figuresLanguageJSON{l.Tag, l.Visits})
		}
		return &out, nil
	})
}

// askedBy adds to a program's query its days, which are those of the page where they are empty. Errors: fault.NotValid, also of a site or service that there is not: what is
// found of it would look as if there had been no visits.
func (s *Service) askedBy(ctx context.Context, from, to string, q Query) (Query, error) {
	today, err := s.today(ctx)
	if err != nil {
		return Query{}, err
	}
	var wrong []fault.Field
	usual := lastTwelve(today)
	q.From, q.To = usual.From, usual.To
	for _, d := range []struct {
		field, said string
		into        *time.Time
		more        int // days
	}{{"from", from, &q.From, 0}, {"to", to, &q.To, 1}} {
		if d.said == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, d.said)
		if err != nil {
			wrong = append(wrong, fault.Field{Field: d.field, Detail: "must be a day as in 2026-11-24"})
		}
		*d.into = day.AddDate(0, 0, d.more)
	}
	site, service, err := s.known(ctx, q)
	if err != nil {
		return Query{}, err
	}
	if !site {
		wrong = append(wrong, fault.Field{Field: "site_id", Detail: "must be the id of a site"})
	}
	if !service {
		wrong = append(wrong, fault.Field{Field: "service_id", Detail: "must be the id of a service"})
	}
	return q, fault.InvalidAll(wrong...)
}

// known says whether the site and the service of a query are there, where it has them.
func (s *Service) known(ctx context.Context, q Query) (site, service bool, err error) {
	site, service = q.SiteID == "", q.ServiceID == ""
	if site && service {
		return true, true, nil
	}
	all, err := s.config.Sites.All(ctx)
	if err != nil {
		return false, false, err
	}
	for _, one := range all {
		services, err := s.config.Sites.ServicesOf(ctx, one.ID)
		if err != nil {
			return false, false, err
		}
		site = site || one.ID == q.SiteID
		service = service || slices.ContainsFunc(services, func(s sites.Service) bool { return s.ID == q.ServiceID })
	}
	return site, service, nil
}
