package desk

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// SearchPath is where visits are looked for.
const SearchPath = Path + "/search"

// searchView is the page of a search.
type searchView struct {
	Query, Day, ClinicianID string
	Clinicians              []choice
	Problems                web.Problems
	MaxQuery                int
	Asked                   bool // there is an answer
	Count, Max              int
	More                    bool
	Until                   string // the last day that was looked through; "": all were
	ToCome, Past            []dayView
	Zone                    zoneView
}

func (d *Desk) searchForm(w http.ResponseWriter, r *http.Request) {
	d.showSearch(w, r, http.StatusOK, searchView{})
}

func (d *Desk) showSearch(w http.ResponseWriter, r *http.Request, status int, v searchView) {
	own := d.config.Pages.Words(r)
	zone, err := d.zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Zone, v.MaxQuery, v.Max = newZoneView(zone, own), people.MaxQuery, visits.MaxSearched
	v.Clinicians = []choice{{"", own.T("desk.search.any")}}
	leaders, err := d.config.Visits.Leaders(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	for _, p := range leaders {
		v.Clinicians = append(v.Clinicians, choice{p.ID, p.Name.Reveal()})
	}
	d.config.Pages.Render(w, r, status, "desk/search", web.Page{Title: own.T("desk.search.title"), Error: len(v.Problems) > 0, Wide: true, Active: Path, Body: v})
}

// search looks for visits. It is no GET, since an address would hold the name.
func (d *Desk) search(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own := d.config.Pages.Words(r)
	zone, err := d.zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	v := searchView{Query: get("query"), Day: get("day"), ClinicianID: get("clinician_id")}
	q := visits.Search{Text: phi.Text(v.Query), ClinicianID: v.ClinicianID}
	if v.Day != "" {
		day, err := time.ParseInLocation(fieldDay, typed.Digits(v.Day), zone)
		if err != nil || day.Year() < 2000 {
			v.Problems = append(v.Problems, web.FieldProblem{Field: "day", Text: own.T("desk.wrong.date.odd")})
			d.showSearch(w, r, http.StatusUnprocessableEntity, v)
			return
		}
		q.From, q.To = day, dayStart(day.Add(36*time.Hour), zone)
	}
	found, err := d.config.Visits.Search(r.Context(), web.Actor(r.Context()), q)
	if fields, ok := fault.FieldsOf(err); ok {
		for _, e := range fields {
			v.Problems = append(v.Problems, web.FieldProblem{Field: "query", Text: searchWrong(own, e.Key)})
		}
		d.showSearch(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	opened, err := d.config.Visits.Opened(r.Context(), web.Actor(r.Context()), slices.Concat(found.ToCome, found.Past))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	away, err := d.away(r.Context(), zone)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Asked, v.More, v.Count = true, found.More, len(found.ToCome)+len(found.Past)
	if !found.Until.IsZero() {
		v.Until = own.Date(found.Until.In(zone))
	}
	v.ToCome, v.Past = d.newDays(found.ToCome, opened, away, zone, own), d.newDays(found.Past, opened, away, zone, own)
	d.showSearch(w, r, http.StatusOK, v)
}

// searchWrong says what is wrong with what was asked for.
func searchWrong(own *words.Words, key string) string {
	if key == "empty" {
		return own.T("desk.search.empty")
	}
	return own.T("patients.wrong.query."+key, "max", people.MaxQuery, "words", people.MaxWords)
}
