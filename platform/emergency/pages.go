package emergency

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

// Where the pages are.
const (
	Path       = "/emergency"
	ReviewPath = "/admin/emergency"
)

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: ReviewPath, Words: "emergency.review.title", Action: Review, Group: web.GroupInsight, About: "emergency.review.about"}, {Path: Path, Words: "emergency.title", Action: Open, Absent: "emergency.absent"}}
}

// Routes adds the pages.
func (s *Service) Routes(routes *web.Routes) {
	opens, reviews := web.Staff(Open), web.Staff(Review)
	routes.HandleFunc("GET "+Path, opens, s.form)
	routes.HandleFunc("POST "+Path, opens, s.openAccess)
	routes.HandleFunc("GET "+Path+"/{grant}", opens, s.show)
	routes.HandleFunc("POST "+Path+"/{grant}/end", opens, s.endAccess)
	routes.HandleFunc("POST "+Path+"/{grant}/visits/{visit}", opens, s.join)
	routes.HandleFunc("GET "+ReviewPath, reviews, s.list)
	routes.HandleFunc("POST "+ReviewPath+"/{grant}", reviews, s.judge)
}

// Banner says to who reviews emergency access that some waits for it; "": nothing.
func (s *Service) Banner(ctx context.Context, actor auth.Actor, own *words.Words) (text, path string, err error) {
	if !s.config.Policy.Allows(actor, Review) {
		return "", "", nil
	}
	n, err := s.Waiting(ctx)
	if err != nil || n == 0 {
		return "", "", err
	}
	return own.N("emergency.banner", n), ReviewPath, nil
}

// formView is the form that asks for access.
type formView struct {
	Who, BirthDate, Reason string
	Visit                  string // the id of one visit that it is about; "": of a patient
	Problems               web.Problems
	Current                []grantView
}

// grantView is a grant as pages show it.
type grantView struct {
	Grant
	Path, When, Until, Name, By string
	Since                       string // When without the zone, which Until names
	Mine, Over                  bool   // the reader's own; its hour
}

// momentIn says a day and a time of day by the clocks of a zone, and which zone that is.
func momentIn(at time.Time, zone *time.Location, own *words.Words) string {
	return own.T("emergency.at_zone", "at", own.Moment(at.In(zone)), "zone", own.Zone(zone))
}

func (s *Service) viewOf(g Grant, zone *time.Location, own *words.Words, names map[string]phi.Text) grantView {
	return grantView{Grant: g, Path: Path + "/" + g.ID, When: momentIn(g.Opened, zone, own), Until: own.T("emergency.at_zone", "at", own.Clock(g.Ends.In(zone)), "zone", own.Zone(zone)),
		Since: own.Moment(g.Opened.In(zone)), Name: names[g.Account].Reveal(), By: names[g.ReviewedBy].Reveal(), Over: !g.Ends.After(s.now())}
}

func (s *Service) form(w http.ResponseWriter, r *http.Request) {
	v := formView{}
	if visit := r.URL.Query().Get("visit"); store.IsID(visit) {
		v.Visit = visit
	}
	s.showForm(w, r, http.StatusOK, v)
}

func (s *Service) showForm(w http.ResponseWriter, r *http.Request, status int, v formView) {
	current, err := s.Current(r.Context(), web.Actor(r.Context()))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := s.config.Zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	for _, g := range current {
		v.Current = append(v.Current, s.viewOf(g, zone, own, nil))
	}
	s.config.Pages.Render(w, r, status, "emergency/form", web.Page{Title: own.T("emergency.title"), Error: len(v.Problems) > 0, Active: Path, Body: v})
}

func (s *Service) openAccess(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v := formView{Who: r.PostForm.Get("who"), BirthDate: r.PostForm.Get("birth_date"), Reason: r.PostForm.Get("reason"), Visit: r.PostForm.Get("visit")}
	own, actor := s.config.Pages.Words(r), web.Actor(r.Context())
	about := store.About(visitKind, v.Visit)
	if v.Visit == "" {
		ids, err := s.config.Records.Identify(r.Context(), v.Who, v.BirthDate)
		if err != nil && !errors.Is(err, fault.NotValid) {
			web.Problem(w, r, err)
			return
		}
		if len(ids) != 1 {
			if err := s.missed(r.Context(), actor); err != nil {
				web.Problem(w, r, err)
				return
			}
			v.Problems = append(v.Problems, web.FieldProblem{Field: "who", Text: own.T("emergency.wrong.who")})
		} else {
			about = store.About(patientKind, ids[0])
		}
	}
	if len(judgeReason("reason", phi.Text(v.Reason), minReason)) > 0 {
		v.Problems = append(v.Problems, web.FieldProblem{Field: "reason", Text: own.T("emergency.wrong.reason", "min", minReason, "max", maxReason)})
	}
	if len(v.Problems) > 0 {
		s.showForm(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	g, err := s.Open(r.Context(), actor, about, phi.Text(v.Reason))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, Path+"/"+g.ID)
}

// missed writes that somebody named nobody, or too many.
func (s *Service) missed(ctx context.Context, actor auth.Actor) error {
	err := s.do(ctx, actor, Open, "emergency.open", store.About(patientKind, ""), func(*store.Tx, *store.Act) error { return fault.NotFound })
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// showView is what a grant opens.
type showView struct {
	grantView
	Patient *Patient // nil: it is about a visit
	Born    string   // the patient's birth date
	Visits  []visitView
}

// NotesPath is where who has emergency access to a visit reads what was written of it.
func NotesPath(visit string) string { return Path + "/visits/" + visit + "/notes" }

type visitView struct {
	Visit
	When, StateText, JoinPath, NotesPath string
}

func (s *Service) show(w http.ResponseWriter, r *http.Request) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	g, err := s.own(ctx, s.config.DB, actor, r.PathValue("grant"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := s.config.Zone(ctx)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	v := showView{grantView: s.viewOf(g, zone, own, nil)}
	if !v.Over {
		if err := s.fill(ctx, actor, g, &v, own); err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	s.config.Pages.Render(w, r, http.StatusOK, "emergency/grant", web.Page{Title: own.T("emergency.one"), Active: Path, Body: v})
}

// fill reads what a grant opens.
func (s *Service) fill(ctx context.Context, actor auth.Actor, g Grant, v *showView, own *words.Words) error {
	if g.About.Kind == patientKind {
		p, err := s.patient(ctx, actor, g.About)
		if err != nil {
			return err
		}
		v.Patient, v.Born = &p, "–"
		if born, err := time.Parse(time.DateOnly, p.BirthDate.Reveal()); err == nil {
			v.Born = own.Date(born)
		}
	}
	all, err := s.config.Records.Visits(ctx, actor, g.About)
	if err != nil {
		return err
	}
	for _, visit := range all {
		v.Visits = append(v.Visits, visitView{visit, momentIn(visit.StartsAt, visit.Zone, own), own.T("emergency.state." + visit.State), v.Path + "/visits/" + visit.ID, NotesPath(visit.ID)})
	}
	return nil
}

// patient reads a patient for who has emergency access.
func (s *Service) patient(ctx context.Context, actor auth.Actor, about store.Subject) (p Patient, err error) {
	err = s.do(ctx, actor, Open, "patient.read", about, func(tx *store.Tx, _ *store.Act) error {
		if grant, err := s.Use(ctx, tx, actor, "people.read", about); err != nil || grant == "" {
			return errors.Join(err, fault.NotAllowed)
		}
		p, err = s.config.Records.Patient(ctx, about.ID)
		return err
	})
	return p, err
}

func (s *Service) join(w http.ResponseWriter, r *http.Request) {
	actor := web.Actor(r.Context())
	if _, err := s.own(r.Context(), s.config.DB, actor, r.PathValue("grant")); err != nil {
		web.Problem(w, r, err)
		return
	}
	link, err := s.config.Records.Join(r.Context(), actor, r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	_, code, _ := strings.Cut(link, "#")
	web.Redirect(w, r, "/v#"+code)
}

func (s *Service) endAccess(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("grant")
	if err := s.End(r.Context(), web.Actor(r.Context()), id); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, Path+"/"+id)
}

// listView is what administrators review.
type listView struct {
	Waiting, Reviewed []grantView
	Wrong             string // the grant whose form was wrong
	Problems          web.Problems
	Done              bool
}

func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	s.showList(w, r, http.StatusOK, listView{Done: r.URL.Query().Has("done")})
}

func (s *Service) showList(w http.ResponseWriter, r *http.Request, status int, v listView) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	waiting, reviewed, err := s.List(ctx, actor)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var ids []string
	for _, g := range append(waiting, reviewed...) {
		ids = append(ids, g.Account, g.ReviewedBy)
	}
	names, err := s.config.Names(ctx, ids...)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := s.config.Zone(ctx)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	for _, g := range waiting {
		view := s.viewOf(g, zone, own, names)
		view.Mine = g.Account == actor.ID
		v.Waiting = append(v.Waiting, view)
	}
	for _, g := range reviewed {
		v.Reviewed = append(v.Reviewed, s.viewOf(g, zone, own, names))
	}
	s.config.Pages.Render(w, r, status, "emergency/review", web.Page{Title: own.T("emergency.review.title"), Error: len(v.Problems) > 0, Active: ReviewPath, Body: v})
}

func (s *Service) judge(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	id := r.PathValue("grant")
	err := s.Judge(r.Context(), web.Actor(r.Context()), id, Verdict(r.PostForm.Get("verdict")), phi.Text(r.PostForm.Get("words")))
	var p *fault.Problem
	switch {
	case err == nil:
		web.Redirect(w, r, ReviewPath+"?done")
	case errors.As(err, &p) && p.Fields["errors"] != nil:
		text := s.config.Pages.Words(r).T("emergency.wrong.words", "min", minReason, "max", maxReason)
		s.showList(w, r, http.StatusUnprocessableEntity, listView{Wrong: id, Problems: web.Problems{{Field: "words-" + id, Text: text}}})
	default:
		web.Problem(w, r, err)
	}
}
