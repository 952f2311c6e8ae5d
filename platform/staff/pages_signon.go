package staff

import (
	"errors"
	"net/http"
	"net/url"

	"housecall/platform/fault"
	"housecall/platform/web"
)

const (
	signOnPath   = "/sign-in/hospital"
	callbackPath = signOnPath + "/callback"
	logoutPath   = signOnPath + "/logout"
	outPath      = signOnPath + "/out"
)

// signOnRoutes adds the way through the hospital's own sign-on, where there is one.
func (a *Accounts) signOnRoutes(routes *web.Routes, door web.Access) {
	if a.provider == nil {
		return
	}
	routes.Handle("GET "+signOnPath, door, web.Limit(a.Limiter, "sign-on", mostBegun, triesWindow)(http.HandlerFunc(a.toProvider)))
	routes.Handle("GET "+callbackPath, door, web.Limit(a.Limiter, "sign-on-back", mostBegun, triesWindow)(http.HandlerFunc(a.fromProvider)))
	routes.HandleFunc("GET "+outPath, door, a.outOfProvider)
	routes.Handle("POST "+logoutPath, web.Public("the hospital's sign-on says by a signed token that somebody has signed out"),
		web.Limit(a.Limiter, "sign-on-out", 600, triesWindow)(http.HandlerFunc(a.toldByProvider)))
	routes.Handle("GET "+accountPath+"/hospital", web.SignedIn(), a.fresh(a.connectProvider))
}

func (a *Accounts) toProvider(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a.sendToProvider(w, r, "", a.safeNext(q.Get("next")), q.Has("again"))
}

// connectProvider connects one's own account with who one is for the hospital's sign-on: never by an address, only by being signed in to both.
func (a *Accounts) connectProvider(w http.ResponseWriter, r *http.Request) {
	a.sendToProvider(w, r, web.Actor(r.Context()).ID, accountPath, true)
}

func (a *Accounts) sendToProvider(w http.ResponseWriter, r *http.Request, account, next string, again bool) {
	address, token, err := a.beginSignOn(r.Context(), account, next, browserOf(r), again)
	if err != nil {
		a.signOnFailed(w, r, next, err)
		return
	}
	a.setStep(w, token)
	http.Redirect(w, r, address, http.StatusSeeOther) // #nosec G710 -- the address of the hospital's provider, which an operator gave
}

func (a *Accounts) fromProvider(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("error") != "" { // somebody went back there, or may not come in; what it says more is not repeated
		a.signOnFailed(w, r, a.Home, errSignOn)
		return
	}
	in, next, err := a.finishSignOn(r.Context(), a.stepToken(r), q.Get("state"), q.Get("code"), a.cookie(r))
	switch {
	case err != nil:
		a.signOnFailed(w, r, next, err)
	case in.step != "":
		a.setStep(w, in.step)
		web.Redirect(w, r, secondPath+"?"+url.Values{"next": {next}}.Encode())
	default:
		a.setStep(w, "")
		a.setCookie(w, in.session, 2*SessionLife)
		web.Redirect(w, r, a.safeNext(next))
	}
}

// signOnFailed shows the page for signing in with what went wrong: there, accounts of our own still work.
func (a *Accounts) signOnFailed(w http.ResponseWriter, r *http.Request, next string, err error) {
	why, status := "", http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, errProviderAway):
		why, status = "away", http.StatusServiceUnavailable
	case errors.Is(err, errNoFactor):
		why = "factor"
	case errors.Is(err, errNoRole):
		why = "role"
	case errors.Is(err, errTaken):
		why = "taken"
	case errors.Is(err, errSignOn):
		why = "failed"
	default:
		web.Problem(w, r, err)
		return
	}
	web.NoteCause(r, err)
	a.setStep(w, "")
	a.showSignIn(w, r, status, signInView{Next: a.safeNext(next), SignOnWrong: a.Pages.Words(r).T("signon.wrong." + why)})
}

// toldByProvider hears that somebody has signed out at the provider. https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
func (a *Accounts) toldByProvider(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	err := a.endedByProvider(r.Context(), r.PostForm.Get("logout_token"))
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, errSignOn):
		web.NoteCause(r, err)
		web.Problem(w, r, &web.Fault{Code: "not_valid", Status: http.StatusBadRequest, Title: "Not a logout token", Detail: "The logout token is not right, or was used before."})
	case errors.Is(err, errProviderAway):
		web.Problem(w, r, fault.Away(err))
	default:
		web.Problem(w, r, err)
	}
}

// outOfProvider leads to where somebody signs out of the hospital's sign-on too. It tells the provider which program asks and where to come
// back to, and nothing of the person, since addresses are kept in logs.
func (a *Accounts) outOfProvider(w http.ResponseWriter, r *http.Request) {
	p, err := a.provider.find(r.Context())
	if err != nil || p.endURL == "" {
		web.Redirect(w, r, "/sign-in?why=out")
		return
	}
	u, err := url.Parse(p.endURL)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q := u.Query()
	q.Set("client_id", a.provider.ClientID)
	q.Set("post_logout_redirect_uri", a.PublicURL+"/sign-in")
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther) // #nosec G710 -- as above
}
