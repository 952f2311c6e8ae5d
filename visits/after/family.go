package after

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

const (
	familyPath   = OpenPath + "/visit"
	surveyPart   = "/survey"
	openedCookie = "housecall_after"

	// Tries of links from one network. A code has 128 bits: this keeps guessers from being a burden.
	openLimit  = 60
	openWindow = time.Minute
)

// reader tells who reads, in q.
type reader func(store.Queryer) (visits.Visit, visits.Invitation, error)

// familyRoutes adds the pages of families: by a link of their own, and, as long as that lasts, by the visit's.
func (s *Service) familyRoutes(routes *web.Routes) {
	opens := web.Public("it learns whose link was opened from what the browser sends next")
	limit := web.Limit(s.config.Limiter, "after", openLimit, openWindow)
	routes.HandleFunc("GET "+OpenPath, opens, func(w http.ResponseWriter, r *http.Request) { s.showOpen(w, r, http.StatusOK, openView{}) })
	routes.Handle("POST "+OpenPath, opens, limit(http.HandlerFunc(s.open)))
	routes.HandleFunc("GET "+familyPath, web.Invited(SurveyAnswer), s.serveFamily(s.byLink))
	routes.HandleFunc("POST "+familyPath+surveyPart, web.Invited(SurveyAnswer), s.serveSurvey(s.byLink))
	routes.HandleFunc("GET /v/{visit}/after", web.Invited(SurveyAnswer), s.serveFamily(s.byVisit))
	routes.HandleFunc("POST /v/{visit}/after"+surveyPart, web.Invited(SurveyAnswer), s.serveSurvey(s.byVisit))
}

// byLink is who opened a link to what comes after.
func (s *Service) byLink(r *http.Request) reader {
	return func(q store.Queryer) (visits.Visit, visits.Invitation, error) {
		c, err := r.Cookie(openedCookie)
		if err != nil {
			return visits.Visit{}, visits.Invitation{}, errClosed()
		}
		v, i, err := s.opened(r.Context(), q, c.Value)
		return v, i, closed(err)
	}
}

// byVisit is who holds the cookie of the visit itself.
func (s *Service) byVisit(r *http.Request) reader {
	return func(q store.Queryer) (visits.Visit, visits.Invitation, error) {
		e, err := s.config.Visits.Holder(r)
		if err != nil {
			return visits.Visit{}, visits.Invitation{}, closed(err)
		}
		v, i, err := s.config.Visits.ReadPerson(r.Context(), q, e.You)
		return v, i, closed(err)
	}
}

// errClosed is what everybody is told who holds nothing that opens these pages: a family whose hour is over, and a stranger, who learns nothing by it.
func errClosed() error {
	return &fault.Problem{Code: "after_closed", Kind: fault.NotFound, Detail: "This is closed. Open the link in the message again."}
}

// closed has a browser that opens nothing, or nothing any more, told so.
func closed(err error) error {
	if errors.Is(err, fault.NotFound) {
		return errClosed()
	}
	return err
}

// openView is the page that a link leads to.
type openView struct {
	Code             string
	Asks             bool // for the patient's date of birth
	Day, Month, Year string
	Problems         web.Problems
}

func (s *Service) showOpen(w http.ResponseWriter, r *http.Request, status int, v openView) {
	s.config.Pages.Render(w, r, status, "after/open", web.Page{Title: s.config.Pages.Words(r).T("after.title"), Error: len(v.Problems) > 0, Body: v})
}

func (s *Service) open(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	get := r.PostForm.Get
	v, own := openView{Code: get("code"), Day: get("day"), Month: get("month"), Year: get("year")}, s.config.Pages.Words(r)
	token, language, err := s.Open(r.Context(), v.Code, birthDate(v.Day, v.Month, v.Year))
	var p *fault.Problem
	switch code := fault.CodeOf(err); {
	case err == nil:
		http.SetCookie(w, &http.Cookie{Name: openedCookie, Value: token, Path: OpenPath, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode})
		s.keepLanguage(w, r, language)
		web.Redirect(w, r, familyPath)
	case code == fault.CodeBirthDateNeeded:
		v.Asks = true
		if r.PostForm.Has("day") {
			v.Problems = web.Problems{{Field: "day", Text: own.T("after.wrong.birth_date")}}
		}
		s.showOpen(w, r, http.StatusOK, v)
	case code == fault.CodeBirthDateWrong && errors.As(err, &p):
		left, _ := p.Fields["tries_left"].(int)
		v.Asks, v.Problems = true, web.Problems{{Field: "day", Text: own.N("after.wrong.tries", left)}}
		s.showOpen(w, r, http.StatusUnprocessableEntity, v)
	default:
		web.Problem(w, r, err)
	}
}

// keepLanguage has pages speak the language of somebody's invitation, where they have chosen none.
func (s *Service) keepLanguage(w http.ResponseWriter, r *http.Request, language string) {
	if _, err := r.Cookie(words.Cookie); err == nil || language == "" {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: words.Cookie, Value: language, Path: "/", Secure: s.secure, SameSite: http.SameSiteLaxMode})
}

// birthDate is a day as YYYY-MM-DD; empty: it is none.
func birthDate(day, month, year string) phi.Text {
	number := func(s string) (int, error) { return typed.Int(strings.TrimSpace(s)) }
	d, errDay := number(day)
	m, errMonth := number(month)
	y, errYear := number(year)
	date := fmt.Sprintf("%04d-%02d-%02d", y, m, d)
	if _, err := time.Parse(time.DateOnly, date); err != nil || errDay != nil || errMonth != nil || errYear != nil {
		return ""
	}
	return phi.Text(date)
}

// familyView is the page of a family.
type familyView struct {
	Site, Service, When, Patient string
	Phone, Call                  string // as people read it, and as a telephone dials it
	MayRead                      bool
	Summary                      *summaryView // nil: there is none
	Files                        []fileView
	Survey                       *surveyView // nil: nothing is asked
}

// summaryView is a version of a summary.
type summaryView struct {
	Language, Direction string
	Blocks              []block
	By, At              string
	Changed             bool
}

// surveyView is the survey's form.
type surveyView struct {
	Action    string
	Questions []question
	Comment   string
	Answers   []answerView
	Given     bool
	Max       int
	Problems  web.Problems
}

type question struct {
	Field, Words string
	Given        Answer
}

type answerView struct {
	Value Answer
	Words string
}

func newSurveyView(y Survey, own *words.Words) *surveyView {
	v := &surveyView{Comment: y.Comment.Reveal(), Max: MaxComment, Questions: []question{
		{"worked", own.T("after.survey.worked"), y.Worked}, {"answered", own.T("after.survey.answered"), y.Answered}}}
	for _, a := range []Answer{Yes, Partly, No} {
		v.Answers = append(v.Answers, answerView{a, own.T("after.answer." + string(a))})
	}
	return v
}

func (s *Service) serveFamily(who func(*http.Request) reader) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.showFamily(w, r, who(r), http.StatusOK, nil) }
}

// showFamily draws the page; typed is what the survey's form held, where something was wrong with it.
func (s *Service) showFamily(w http.ResponseWriter, r *http.Request, who reader, status int, typed *surveyView) {
	var v visits.Visit
	var you visits.Invitation
	var summary Summary
	var said Survey
	err := s.family(r.Context(), "summary.read", who, func(tx *store.Tx, _ *store.Act, of visits.Visit, i visits.Invitation) (err error) {
		if v, you = of, i; !s.config.Policy.May(i.Role, SurveyAnswer) {
			return fault.NotFound
		}
		if s.mayRead(v, i) {
			if summary, err = s.newest(r.Context(), tx, v); err != nil {
				return err
			}
		}
		said, err = s.said(r.Context(), tx, i.ID)
		return err
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	site, err := s.siteOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	starts := v.StartsAt.In(site.Zone)
	view := familyView{Site: site.Name, Service: v.Service, When: own.T("date.moment", "date", own.Day(starts), "time", own.Clock(starts)), Phone: site.Phone, Call: sites.Dialled(site.Phone), MayRead: s.mayRead(v, you)}
	if i := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.Role == auth.Patient && !i.Revoked() }); i >= 0 {
		view.Patient = v.Invitations[i].Name.Reveal()
	}
	if summary.Version > 0 {
		view.Summary = s.summaryView(summary, site.Zone, own)
		view.Files = fileViews(summary.Files, strings.TrimSuffix(r.URL.Path, surveyPart), own)
	}
	if s.asked(v, you) {
		view.Survey = newSurveyView(said, own)
		if typed != nil {
			view.Survey = typed
		}
		view.Survey.Given = said.Worked != ""
		view.Survey.Action = strings.TrimSuffix(r.URL.Path, surveyPart) + surveyPart
	}
	s.config.Pages.Render(w, r, status, "after/family", web.Page{Title: own.T("after.title"), Error: typed != nil, Body: view})
}

func (s *Service) summaryView(x Summary, zone *time.Location, own *words.Words) *summaryView {
	in := s.config.Pages.In(x.Language)
	return &summaryView{Language: in.Tag, Direction: in.Direction, Blocks: blocks(x.Text.Reveal()), By: x.Author.Reveal(), At: own.Moment(x.At.In(zone)), Changed: x.Version > 1}
}

func (s *Service) serveSurvey(who func(*http.Request) reader) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !web.ReadForm(w, r) {
			return
		}
		y := Survey{Worked: Answer(r.PostForm.Get("worked")), Answered: Answer(r.PostForm.Get("answered")), Comment: phi.Text(plain(r.PostForm.Get("comment")))}
		err := s.answer(r.Context(), who(r), y)
		var p *fault.Problem
		if errors.As(err, &p) && p.Code == fault.CodeNotValid {
			own := s.config.Pages.Words(r)
			typed := newSurveyView(y, own)
			fields, _ := p.Fields["errors"].([]fault.Field)
			for _, f := range fields {
				typed.Problems = append(typed.Problems, web.FieldProblem{Field: f.Field, Text: own.T("after.wrong."+f.Field, "max", MaxComment)})
			}
			s.showFamily(w, r, who(r), http.StatusUnprocessableEntity, typed)
			return
		}
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		web.Redirect(w, r, strings.TrimSuffix(r.URL.Path, surveyPart)+"#survey")
	}
}
