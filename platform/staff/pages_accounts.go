package staff

import (
	"context"
	"errors"
	"net/http"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
)

// AccountsPath is the list of accounts; the pages of each live below.
const AccountsPath = "/admin/accounts"

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: AccountsPath, Words: "accounts.title", Action: Manage, Group: web.GroupPeople, About: "accounts.about"},
		{Path: KeysPath, Words: "keys.title", Action: ManageKeys, Group: web.GroupPrograms, About: "keys.about"}}
}

// manageRoutes adds the pages by which administrators keep the accounts, and the one where a colleague chooses a password.
func (a *Accounts) manageRoutes(routes *web.Routes, limited func(http.Handler) http.Handler) {
	manage, invited := web.Staff(Manage), web.Public("who was sent a link has no password yet")
	routes.HandleFunc("GET "+AccountsPath, manage, a.listAccounts)
	routes.HandleFunc("GET "+AccountsPath+"/new", manage, a.inviteForm)
	routes.HandleFunc("POST "+AccountsPath+"/new", manage, a.invite)
	routes.HandleFunc("GET "+AccountsPath+"/{account}", manage, a.showAccount)
	routes.HandleFunc("POST "+AccountsPath+"/{account}/role", manage, a.changeRole)
	routes.HandleFunc("POST "+AccountsPath+"/{account}/link", manage, a.resetPassword)
	routes.Handle("POST "+AccountsPath+"/{account}/factors", manage, a.switched(a.ResetFactors))
	routes.Handle("POST "+AccountsPath+"/{account}/off", manage, a.switched(a.Disable))
	routes.Handle("POST "+AccountsPath+"/{account}/on", manage, a.switched(a.Enable))
	routes.HandleFunc("GET "+passwordPath, invited, a.passwordForm)
	routes.Handle("POST "+passwordPath, invited, limited(http.HandlerFunc(a.setPassword)))
}

// stateView is how something stands: its words, and their tone as in the style sheet.
type stateView struct{ Text, Tone string }

// option is a choice of a form.
type option struct{ Value, Text string }

// accountView is an account as pages show it.
type accountView struct {
	Account
	Path     string
	RoleName string
	State    stateView
}

func viewOf(account Account, own *words.Words) accountView {
	v := accountView{Account: account, Path: AccountsPath + "/" + account.ID, RoleName: own.T("role." + string(account.Role))}
	switch {
	case !account.Disabled.IsZero():
		v.State = stateView{own.T("accounts.state.off"), "danger"}
	case !account.HasPassword:
		v.State = stateView{own.T("accounts.state.invited"), "warn"}
	default:
		v.State = stateView{own.T("accounts.state.on"), "good"}
	}
	return v
}

func roleOptions(own *words.Words) []option {
	var all []option
	for _, role := range Roles() {
		all = append(all, option{string(role), own.T("role." + string(role))})
	}
	return all
}

func (a *Accounts) listAccounts(w http.ResponseWriter, r *http.Request) {
	all, err := a.All(r.Context(), web.Actor(r.Context()))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.Pages.Words(r)
	views := make([]accountView, len(all))
	for i, account := range all {
		views[i] = viewOf(account, own)
	}
	a.Pages.Render(w, r, http.StatusOK, "staff/accounts", web.Page{Title: own.T("accounts.title"), Wide: true, Active: AccountsPath, Body: views})
}

// inviteView is the form for a colleague's account.
type inviteView struct {
	Name, Email, Role string
	Roles             []option
	Problems          web.Problems
}

func (a *Accounts) inviteForm(w http.ResponseWriter, r *http.Request) {
	a.showInvite(w, r, http.StatusOK, inviteView{})
}

func (a *Accounts) showInvite(w http.ResponseWriter, r *http.Request, status int, v inviteView) {
	own := a.Pages.Words(r)
	v.Roles = roleOptions(own)
	a.Pages.Render(w, r, status, "staff/invite", web.Page{Title: own.T("accounts.invite.title"), Error: len(v.Problems) > 0, Active: AccountsPath, Body: v})
}

func (a *Accounts) invite(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v := inviteView{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), Role: r.PostForm.Get("role")}
	link, account, err := a.Invite(r.Context(), web.Actor(r.Context()),
		NewAccount{Name: phi.Text(v.Name), Email: phi.Text(v.Email), Role: auth.Role(v.Role)})
	if err == nil {
		a.showLink(w, r, account, link, true)
		return
	}
	if v.Problems = problemsOf(err, a.Pages.Words(r)); len(v.Problems) == 0 {
		web.Problem(w, r, err)
		return
	}
	a.showInvite(w, r, http.StatusUnprocessableEntity, v)
}

// problemsOf tells what is wrong with a form in the reader's words; none: the error is about something else.
func problemsOf(err error, own *words.Words) (all web.Problems) {
	fields, _ := fault.FieldsOf(err)
	limits := map[string]int{"name": maxName, "password": maxPassword}
	for _, f := range fields {
		all = append(all, web.FieldProblem{Field: f.Field, Text: own.T("setup.wrong."+f.Field+"."+f.Key, "min", minPassword, "max", limits[f.Field])})
	}
	return all
}

// linkView is the page with the link of a colleague, which is shown once.
type linkView struct {
	accountView
	Link string
	Made bool // with its account, just now
	Days int  // that it works
}

func (a *Accounts) showLink(w http.ResponseWriter, r *http.Request, account Account, link string, made bool) {
	own := a.Pages.Words(r)
	a.Pages.Render(w, r, http.StatusOK, "staff/link", web.Page{Title: own.T("accounts.link.title"), Active: AccountsPath,
		Body: linkView{viewOf(account, own), link, made, int(LinkLife.Hours() / 24)}})
}

// manageView is the page of one account.
type manageView struct {
	accountView
	Since    string
	Second   bool // there is a second factor
	Roles    []option
	Yourself bool
	Off      bool
	Done     bool

	Planned     int // visits to come of somebody whose account is off
	PlannedPath string
}

func (a *Accounts) showAccount(w http.ResponseWriter, r *http.Request) {
	account, err := a.Show(r.Context(), web.Actor(r.Context()), r.PathValue("account"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f, err := a.factors(r.Context(), a.DB, account.ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := a.Zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.Pages.Words(r)
	v := manageView{Second: f.any(), accountView: viewOf(account, own), Since: own.Date(account.Created.In(zone)), Roles: roleOptions(own),
		Yourself: account.ID == web.Actor(r.Context()).ID, Off: !account.Disabled.IsZero(), Done: r.URL.Query().Has("done")}
	if v.Off && a.Planned != nil {
		if v.Planned, v.PlannedPath, err = a.Planned(r.Context(), web.Actor(r.Context()), account.ID); err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	a.Pages.Render(w, r, http.StatusOK, "staff/account", web.Page{Title: own.T("accounts.one.title"), Active: AccountsPath, Body: v})
}

func (a *Accounts) changeRole(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	id := r.PathValue("account")
	a.done(w, r, id, a.SetRole(r.Context(), web.Actor(r.Context()), id, auth.Role(r.PostForm.Get("role"))))
}

// done leads back to the account's page, or says what went wrong.
func (a *Accounts) done(w http.ResponseWriter, r *http.Request, id string, err error) {
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, AccountsPath+"/"+id+"?done")
}

func (a *Accounts) resetPassword(w http.ResponseWriter, r *http.Request) {
	actor, id := web.Actor(r.Context()), r.PathValue("account")
	link, err := a.Reset(r.Context(), actor, id)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	account, err := a.account(r.Context(), a.DB, id)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.showLink(w, r, account, link, false)
}

// switched does something to an account that has no answer but its page.
func (a *Accounts) switched(do func(ctx context.Context, actor auth.Actor, id string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("account")
		a.done(w, r, id, do(r.Context(), web.Actor(r.Context()), id))
	})
}

// passwordView is the page where somebody who was sent a link chooses a password, which is never sent back.
type passwordView struct {
	Code        string
	Problems    web.Problems
	MinPassword int
}

func (a *Accounts) passwordForm(w http.ResponseWriter, r *http.Request) {
	a.showPassword(w, r, http.StatusOK, passwordView{})
}

func (a *Accounts) showPassword(w http.ResponseWriter, r *http.Request, status int, v passwordView) {
	v.MinPassword = minPassword
	a.Pages.Render(w, r, status, "staff/password", web.Page{Title: a.Pages.Words(r).T("password.title"), Error: len(v.Problems) > 0, Body: v})
}

func (a *Accounts) setPassword(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own, v := a.Pages.Words(r), passwordView{Code: tidySetupCode(r.PostForm.Get("code"))}
	err := a.choosePassword(r.Context(), v.Code, phi.Text(r.PostForm.Get("password")))
	switch {
	case err == nil:
		web.GiveBack(r, a.Limiter, signInTries)
		web.Redirect(w, r, "/sign-in?why=chosen")
		return
	case errors.Is(err, errLink):
		v.Problems = web.Problems{{Field: "code", Text: own.T("password.wrong.code")}}
	default:
		v.Problems = problemsOf(err, own)
	}
	if len(v.Problems) == 0 {
		web.Problem(w, r, err)
		return
	}
	a.showPassword(w, r, http.StatusUnprocessableEntity, v)
}
