package staff

import (
	"errors"
	"net/http"
	"net/url"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// setupView is what the set-up page shows. The password is never sent back.
type setupView struct {
	Code, Name, Email string
	Problems          web.Problems
	MinPassword       int
}

func (a *Accounts) setupForm(w http.ResponseWriter, r *http.Request) {
	if !a.alreadySetUp(w, r) {
		a.showSetup(w, r, http.StatusOK, setupView{})
	}
}

// alreadySetUp answers where there is an account, the same for every code, so that nobody learns whether theirs was right.
func (a *Accounts) alreadySetUp(w http.ResponseWriter, r *http.Request) bool {
	none, err := noAccounts(r.Context(), a.DB)
	switch {
	case err != nil:
		web.Problem(w, r, err)
		return true
	case none:
		return false
	}
	a.Pages.Render(w, r, http.StatusGone, "staff/already", web.Page{Title: a.Pages.Words(r).T("setup.already.title")})
	return true
}

func (a *Accounts) showSetup(w http.ResponseWriter, r *http.Request, status int, v setupView) {
	v.MinPassword = minPassword
	a.Pages.Render(w, r, status, "staff/setup", web.Page{Title: a.Pages.Words(r).T("setup.title"), Error: len(v.Problems) > 0, Body: v})
}

func (a *Accounts) setup(w http.ResponseWriter, r *http.Request) {
	if a.alreadySetUp(w, r) {
		return
	}
	if !web.ReadForm(w, r) {
		return
	}
	v := setupView{Code: tidySetupCode(r.PostForm.Get("code")), Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email")}
	n := NewAccount{Name: phi.Text(v.Name), Email: phi.Text(v.Email), Password: phi.Text(r.PostForm.Get("password"))}
	n.tidy()
	own := a.Pages.Words(r)
	if v.Code == "" {
		v.Problems = web.Problems{{Field: "code", Text: own.T("setup.wrong.code.empty")}}
	}
	limits := map[string]int{"name": maxName, "password": maxPassword}
	for _, f := range n.judge() {
		text := own.T("setup.wrong."+f.Field+"."+f.Key, "min", minPassword, "max", limits[f.Field])
		v.Problems = append(v.Problems, web.FieldProblem{Field: f.Field, Text: text})
	}
	if len(v.Problems) > 0 {
		a.showSetup(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	session, err := a.finishSetup(r.Context(), v.Code, n, browserOf(r))
	if errors.Is(err, errSetupCode) {
		if a.alreadySetUp(w, r) { // by somebody else, just now
			return
		}
		v.Problems = web.Problems{{Field: "code", Text: own.T("setup.wrong.code.used")}}
		a.showSetup(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.setCookie(w, session, 2*SessionLife)
	web.Redirect(w, r, a.Home)
}

// signInView is what the sign-in page shows. The password is never sent back.
type signInView struct {
	Email, Next string
	Why         string // "expired", "out" or "": why somebody is here
	Wait        int    // minutes until the next try is looked at; 0: now
	Passkey     bool   // one can be used here
	SignOn      string // the path of the hospital's own sign-on; "": there is none
	SignOnWrong string // words of what went wrong there
	Problems    web.Problems
}

func (a *Accounts) signInForm(w http.ResponseWriter, r *http.Request) {
	v := signInView{Next: a.safeNext(r.URL.Query().Get("next")), Why: r.URL.Query().Get("why")}
	if _, err := a.session(r.Context(), a.cookie(r)); err == nil {
		web.Redirect(w, r, v.Next)
		return
	}
	a.showSignIn(w, r, http.StatusOK, v)
}

func (a *Accounts) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	if v.Passkey = a.relying != nil; a.provider != nil {
		v.SignOn = signOnPath + "?" + url.Values{"next": {v.Next}}.Encode()
	}
	a.Pages.Render(w, r, status, "staff/sign-in", web.Page{Title: a.Pages.Words(r).T("signin.title"), Error: len(v.Problems) > 0 || v.SignOnWrong != "", Body: v})
}

func (a *Accounts) signIn(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v := signInView{Email: r.PostForm.Get("email"), Next: a.safeNext(r.PostForm.Get("next"))}
	own, password := a.Pages.Words(r), phi.Text(r.PostForm.Get("password"))
	if v.Email == "" {
		v.Problems = append(v.Problems, web.FieldProblem{Field: "email", Text: own.T("signin.wrong.email")})
	}
	if password == "" {
		v.Problems = append(v.Problems, web.FieldProblem{Field: "password", Text: own.T("signin.wrong.password")})
	}
	if len(v.Problems) > 0 {
		a.showSignIn(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	in, err := a.check(r.Context(), phi.Text(v.Email), password, a.cookie(r), browserOf(r))
	if err == nil {
		web.GiveBack(r, a.Limiter, signInTries)
	}
	var p *fault.Problem
	switch {
	case err == nil && in.step != "":
		a.setStep(w, in.step)
		web.Redirect(w, r, secondPath+"?"+url.Values{"next": {v.Next}}.Encode())
	case err == nil:
		a.setCookie(w, in.session, 2*SessionLife)
		web.Redirect(w, r, v.Next)
	case errors.Is(err, errWrong):
		v.Problems = web.Problems{{Field: "email", Text: own.T("signin.wrong.both")}}
		a.showSignIn(w, r, http.StatusUnprocessableEntity, v)
	case errors.As(err, &p) && p.RetryAfter > 0:
		v.Wait = minutes(p.RetryAfter)
		web.SetRetryAfter(w, p.RetryAfter)
		a.showSignIn(w, r, http.StatusTooManyRequests, v)
	default:
		web.Problem(w, r, err)
	}
}

func (a *Accounts) signOut(w http.ResponseWriter, r *http.Request) {
	signOn, err := a.leave(r.Context(), a.cookie(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.dropCookie(w)
	if signOn && a.provider != nil { // a form may not lead to another site, so a link does
		web.Redirect(w, r, "/sign-in?why=out-here")
		return
	}
	web.Redirect(w, r, "/sign-in?why=out")
}
