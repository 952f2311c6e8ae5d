package staff

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"rsc.io/qr"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
)

// accountPath is the page of one's own account.
const accountPath = "/account"

// accountRoutes adds the pages where people keep how they sign in.
func (a *Accounts) accountRoutes(routes *web.Routes) {
	everybody := web.SignedIn()
	routes.HandleFunc("GET "+accountPath, everybody, a.showOwn)
	routes.HandleFunc("POST "+accountPath+"/password", everybody, a.changeOwnPassword)
	routes.HandleFunc("GET "+accountPath+"/password", everybody, a.toOwn)
	routes.Handle("GET "+accountPath+"/app", everybody, a.fresh(a.appForm))
	routes.Handle("POST "+accountPath+"/app", everybody, a.fresh(a.confirmApp))
	routes.Handle("POST "+accountPath+"/app/remove", everybody, a.fresh(a.removeApp))
	routes.Handle("GET "+accountPath+"/passkeys", everybody, a.fresh(a.passkeyForm))
	routes.Handle("POST "+accountPath+"/passkeys", everybody, a.fresh(a.sendPasskey))
	routes.Handle("POST "+accountPath+"/passkeys/begin", everybody, a.fresh(a.beginOwnPasskey))
	routes.Handle("POST "+accountPath+"/passkeys/{passkey}/remove", everybody, a.fresh(a.removeOwnPasskey))
	routes.Handle("POST "+accountPath+"/recovery", everybody, a.fresh(a.renewOwnRecovery))
	routes.HandleFunc("POST "+accountPath+"/sessions/{session}/end", everybody, a.endOwnSession)
}

// passkeyView is a passkey as its owner sees it.
type passkeyView struct {
	passkey
	Path, Created, Used string
}

// sessionView is a session as its owner sees it.
type sessionView struct {
	Path, Browser, Since, Seen string
	This                       bool
}

// ownView is the page of one's own account.
type ownView struct {
	Zone              string // of its times
	Name, Email, Role string
	Password          bool
	Must              bool // a second factor is needed before anything else
	Second            bool // there is one
	App               bool
	Passkeys          []passkeyView
	PasskeysHere      bool // they can be used at this address
	Recovery          int
	Sessions          []sessionView
	SignOn            bool // the hospital has a sign-on of its own
	Connected         bool // the account is connected with it
	MinPassword       int
	Done              string // words of what was just done
	Problems          web.Problems
}

func (a *Accounts) showOwn(w http.ResponseWriter, r *http.Request) {
	a.drawOwn(w, r, http.StatusOK, nil)
}

func (a *Accounts) toOwn(w http.ResponseWriter, r *http.Request) {
	web.Redirect(w, r, accountPath)
}

func (a *Accounts) drawOwn(w http.ResponseWriter, r *http.Request, status int, wrong web.Problems) {
	s, _, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.Pages.Words(r)
	v, err := a.ownView(r, s, own)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Problems = wrong
	if done := r.URL.Query().Get("done"); slices.Contains([]string{"password", "removed", "ended"}, done) {
		v.Done = own.T("account.done." + done)
	}
	a.Pages.Render(w, r, status, "staff/own", web.Page{Title: own.T("account.title"), Error: len(wrong) > 0, Active: accountPath, Body: v})
}

func (a *Accounts) ownView(r *http.Request, s session, own *words.Words) (ownView, error) {
	ctx, account := r.Context(), s.Account
	zone, err := a.Zone(ctx)
	if err != nil {
		return ownView{}, err
	}
	f, err := a.factors(ctx, a.DB, account.ID)
	if err != nil {
		return ownView{}, err
	}
	keys, err := a.passkeys(ctx, a.DB, account.ID)
	if err != nil {
		return ownView{}, err
	}
	all, err := a.sessions(ctx, account.ID)
	if err != nil {
		return ownView{}, err
	}
	v := ownView{Zone: own.Zone(zone), Name: account.Name.Reveal(), Email: account.Email.Reveal(), Role: own.T("role." + string(account.Role)), Password: account.HasPassword,
		Must: s.Second == "" && a.needsFactor(account.Role), Second: f.any(), App: f.TOTP, PasskeysHere: a.relying != nil, Recovery: f.Recovery, MinPassword: minPassword}
	if v.SignOn = a.provider != nil; v.SignOn {
		if err := a.DB.QueryRowContext(ctx, `SELECT COUNT(*) > 0 FROM staff_identities WHERE account_id = ?`, account.ID).Scan(&v.Connected); err != nil {
			return ownView{}, fmt.Errorf("look an identity up: %w", err)
		}
	}
	for _, k := range keys {
		v.Passkeys = append(v.Passkeys, passkeyView{k, accountPath + "/passkeys/" + k.ID, own.Date(k.Created.In(zone)), own.Date(k.Used.In(zone))})
	}
	for _, each := range all {
		v.Sessions = append(v.Sessions, sessionView{Path: accountPath + "/sessions/" + each.ID, Browser: each.Browser, Since: own.Moment(each.Created.In(zone)),
			Seen: own.Moment(each.Seen.In(zone)), This: each.ID == s.ID})
	}
	return v, nil
}

// doneOwn leads back to the account's page, or says what went wrong.
func (a *Accounts) doneOwn(w http.ResponseWriter, r *http.Request, done string, err error) {
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, accountPath+"?done="+done)
}

func (a *Accounts) changeOwnPassword(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.Pages.Words(r)
	err = a.changePassword(r.Context(), s.Account, token, phi.Text(r.PostForm.Get("current")), phi.Text(r.PostForm.Get("password")))
	var wrong web.Problems
	if errors.Is(err, errWrong) {
		wrong = web.Problems{{Field: "current", Text: own.T("lock.wrong.password")}}
	} else {
		wrong = problemsOf(err, own)
	}
	if len(wrong) > 0 {
		a.drawOwn(w, r, http.StatusUnprocessableEntity, wrong)
		return
	}
	a.doneOwn(w, r, "password", err)
}

// appView is the page that sets an app up. Its secret is for its owner's eyes.
type appView struct {
	Picture  template.URL // a square code
	Secret   string
	Problems web.Problems
}

func (a *Accounts) appForm(w http.ResponseWriter, r *http.Request) {
	a.drawApp(w, r, http.StatusOK, nil)
}

func (a *Accounts) drawApp(w http.ResponseWriter, r *http.Request, status int, wrong web.Problems) {
	s, _, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	secret, err := a.newTOTP(r.Context(), s.Account.ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	code, err := qr.Encode(totpURL(a.Site, s.Account, secret), qr.M)
	if err != nil {
		web.Problem(w, r, fmt.Errorf("draw a QR code: %w", err))
		return
	}
	picture := "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())
	a.Pages.Render(w, r, status, "staff/app", web.Page{Title: a.Pages.Words(r).T("app.title"), Error: len(wrong) > 0, Active: accountPath,
		Body: appView{template.URL(picture), spaced(secret), wrong}}) // #nosec G203 -- made here
}

// spaced writes a secret in groups of four, as apps take it and people can type it.
func spaced(secret string) string {
	var out []byte
	for i := range len(secret) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, secret[i])
	}
	return string(out)
}

func (a *Accounts) confirmApp(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	codes, err := a.confirmTOTP(r.Context(), s.Account, token, tidyCode(r.PostForm.Get("code")))
	if errors.Is(err, errCode) {
		a.drawApp(w, r, http.StatusUnprocessableEntity, web.Problems{{Field: "code", Text: a.Pages.Words(r).T("second.wrong.code")}})
		return
	}
	a.showRecovery(w, r, codes, err)
}

// showRecovery shows recovery codes, once; where there are none to show it leads back to the account's page.
func (a *Accounts) showRecovery(w http.ResponseWriter, r *http.Request, codes []string, err error) {
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if len(codes) == 0 {
		web.Redirect(w, r, accountPath)
		return
	}
	a.Pages.Render(w, r, http.StatusOK, "staff/recovery", web.Page{Title: a.Pages.Words(r).T("recovery.title"), Active: accountPath, Body: codes})
}

func (a *Accounts) removeApp(w http.ResponseWriter, r *http.Request) {
	actor := web.Actor(r.Context())
	a.doneOwn(w, r, "removed", a.removeTOTP(r.Context(), actor, actor.ID))
}

// newPasskeyView is the page that adds a passkey.
type newPasskeyView struct {
	Name     string
	Problems web.Problems
}

func (a *Accounts) passkeyForm(w http.ResponseWriter, r *http.Request) {
	a.drawPasskey(w, r, http.StatusOK, newPasskeyView{Name: browserOf(r)})
}

func (a *Accounts) drawPasskey(w http.ResponseWriter, r *http.Request, status int, v newPasskeyView) {
	if a.relying == nil {
		web.NotFound(w, r)
		return
	}
	a.Pages.Render(w, r, status, "staff/passkey", web.Page{Title: a.Pages.Words(r).T("passkey.title"), Error: len(v.Problems) > 0, Active: accountPath, Body: v})
}

func (a *Accounts) beginOwnPasskey(w http.ResponseWriter, r *http.Request) {
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	options, err := a.beginPasskey(r.Context(), token, s.Account)
	writeJSON(w, r, options, err)
}

func (a *Accounts) sendPasskey(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v, own := newPasskeyView{Name: r.PostForm.Get("name")}, a.Pages.Words(r)
	codes, err := a.addPasskey(r.Context(), token, s.Account, v.Name, r.PostForm.Get("credential"))
	switch {
	case errors.Is(err, errPasskey):
		v.Problems = web.Problems{{Field: "passkey", Text: own.T("passkey.wrong")}}
	case errors.Is(err, errPasskeyName):
		v.Problems = web.Problems{{Field: "name", Text: own.T("passkey.wrong.name", "max", maxPasskeyName)}}
	default:
		a.showRecovery(w, r, codes, err)
		return
	}
	a.drawPasskey(w, r, http.StatusUnprocessableEntity, v)
}

func (a *Accounts) removeOwnPasskey(w http.ResponseWriter, r *http.Request) {
	a.doneOwn(w, r, "removed", a.removePasskey(r.Context(), web.Actor(r.Context()), r.PathValue("passkey")))
}

func (a *Accounts) renewOwnRecovery(w http.ResponseWriter, r *http.Request) {
	s, _, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	codes, err := a.renewRecovery(r.Context(), s.Account)
	a.showRecovery(w, r, codes, err)
}

func (a *Accounts) endOwnSession(w http.ResponseWriter, r *http.Request) {
	err := a.endSession(r.Context(), web.Actor(r.Context()), r.PathValue("session"))
	if errors.Is(err, fault.NotFound) { // it has ended by itself meanwhile
		err = nil
	}
	a.doneOwn(w, r, "ended", err)
}
