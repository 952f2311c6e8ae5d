package staff

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"housecall/platform/fault"
	"housecall/platform/web"
)

const secondPath = "/sign-in/second"

// doorRoutes adds what stands between a right password and a session, and the way in by passkey alone.
func (a *Accounts) doorRoutes(routes *web.Routes, door web.Access) {
	limited := web.Limit(a.Limiter, secondTries, mostWrong, triesWindow)
	begun := web.Limit(a.Limiter, "passkey-begin", mostBegun, triesWindow)
	routes.HandleFunc("GET "+secondPath, door, a.secondForm)
	routes.Handle("POST "+secondPath, door, limited(http.HandlerFunc(a.sendSecond)))
	routes.Handle("POST "+secondPath+"/passkey", door, begun(http.HandlerFunc(a.secondPasskey)))
	routes.Handle("POST /sign-in/passkey", door, limited(http.HandlerFunc(a.signInByPasskey)))
	routes.Handle("POST /sign-in/passkey/begin", door, begun(http.HandlerFunc(a.beginSignIn)))
}

// writeJSON answers a script.
func writeJSON(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.MarshalWrite(w, v); err != nil {
		web.NoteCause(r, err)
	}
}

// secondView is the page that asks for the second factor.
type secondView struct {
	Next        string
	Code, Keys  bool // an app's or a recovery code can be given; a passkey
	Wait        int  // minutes until the next code is looked at; 0: now
	Problems    web.Problems
	BeginPath   string // where the script gets a passkey's challenge
	PasskeyPath string // where the form with its answer goes
}

func (a *Accounts) secondForm(w http.ResponseWriter, r *http.Request) {
	a.showSecond(w, r, http.StatusOK, secondView{Next: a.safeNext(r.URL.Query().Get("next"))})
}

func (a *Accounts) showSecond(w http.ResponseWriter, r *http.Request, status int, v secondView) {
	s, err := a.step(r.Context(), a.DB, a.stepToken(r), stepSecond)
	if errors.Is(err, errNoStep) {
		web.Redirect(w, r, "/sign-in?why=again")
		return
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f, err := a.factors(r.Context(), a.DB, s.Account)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Code, v.Keys = f.TOTP || f.Recovery > 0, f.Passkeys > 0 && a.relying != nil
	v.BeginPath, v.PasskeyPath = secondPath+"/passkey", secondPath
	a.Pages.Render(w, r, status, "staff/second", web.Page{Title: a.Pages.Words(r).T("second.title"), Error: len(v.Problems) > 0, Body: v})
}

func (a *Accounts) sendSecond(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, own := secondView{Next: a.safeNext(r.PostForm.Get("next"))}, a.Pages.Words(r)
	code, credential := r.PostForm.Get("code"), r.PostForm.Get("credential")
	if code == "" && credential == "" {
		v.Problems = web.Problems{{Field: "code", Text: own.T("second.wrong.empty")}}
		a.showSecond(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	session, err := a.checkSecond(r.Context(), a.stepToken(r), code, credential, a.cookie(r))
	var p *fault.Problem
	switch {
	case err == nil:
		web.GiveBack(r, a.Limiter, secondTries)
		a.setStep(w, "")
		a.setCookie(w, session, 2*SessionLife)
		web.Redirect(w, r, v.Next)
	case errors.Is(err, errNoStep):
		web.Redirect(w, r, "/sign-in?why=again")
	case errors.Is(err, errCode):
		v.Problems = web.Problems{{Field: "code", Text: own.T("second.wrong.code")}}
		a.showSecond(w, r, http.StatusUnprocessableEntity, v)
	case errors.Is(err, errPasskey):
		v.Problems = web.Problems{{Field: "passkey", Text: own.T("second.wrong.passkey")}}
		a.showSecond(w, r, http.StatusUnprocessableEntity, v)
	case errors.As(err, &p) && p.RetryAfter > 0:
		v.Wait = minutes(p.RetryAfter)
		web.SetRetryAfter(w, p.RetryAfter)
		a.showSecond(w, r, http.StatusTooManyRequests, v)
	default:
		web.Problem(w, r, err)
	}
}

func (a *Accounts) secondPasskey(w http.ResponseWriter, r *http.Request) {
	token := a.stepToken(r)
	s, err := a.step(r.Context(), a.DB, token, stepSecond)
	if err != nil {
		web.Problem(w, r, errors.Join(fault.NotFound, err))
		return
	}
	options, err := a.askPasskey(r.Context(), token, s.Account)
	writeJSON(w, r, options, err)
}

func (a *Accounts) beginSignIn(w http.ResponseWriter, r *http.Request) {
	token, err := newToken(a.Random)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	options, err := a.askPasskey(r.Context(), token, "")
	if err == nil {
		a.setStep(w, token)
	}
	writeJSON(w, r, options, err)
}

func (a *Accounts) signInByPasskey(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	next := a.safeNext(r.PostForm.Get("next"))
	session, err := a.enterByPasskey(r.Context(), a.stepToken(r), r.PostForm.Get("credential"), browserOf(r), a.cookie(r))
	switch {
	case err == nil:
		web.GiveBack(r, a.Limiter, secondTries)
		a.setStep(w, "")
		a.setCookie(w, session, 2*SessionLife)
		web.Redirect(w, r, next)
	case errors.Is(err, errPasskey):
		a.showSignIn(w, r, http.StatusUnprocessableEntity, signInView{Next: next,
			Problems: web.Problems{{Field: "passkey", Text: a.Pages.Words(r).T("second.wrong.passkey")}}})
	default:
		web.Problem(w, r, err)
	}
}
