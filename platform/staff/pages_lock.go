package staff

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// lockRoutes adds the ways out of the lock, and what the script asks to know whether it is time for it.
func (a *Accounts) lockRoutes(routes *web.Routes) {
	everybody := web.SignedIn()
	routes.HandleFunc("GET "+unlockPath, everybody, a.unlocked)
	routes.HandleFunc("POST "+unlockPath, everybody, a.sendUnlock)
	routes.HandleFunc("POST "+unlockPath+"/passkey", everybody, a.beginUnlock)
	routes.HandleFunc("GET "+leftPath, everybody, a.tellLeft)
	routes.HandleFunc("POST "+herePath, everybody, a.tellLeft)
}

// lockView is the page that asks again who is there.
type lockView struct {
	Action    string // where the answer goes
	Next      string // where to go then, unless Held has it
	Held      string // what a form held, sealed
	Lost      bool   // a form was sent that could not be kept
	Name      string
	Password  bool // the account has one
	Passkey   bool
	SignOn    string // the path of the hospital's own sign-on; "": it is no way here
	Wait      int    // minutes until the next password is looked at; 0: now
	Problems  web.Problems
	BeginPath string
}

// showLock draws the page that asks again. It shows nothing of the page behind it.
func (a *Accounts) showLock(w http.ResponseWriter, r *http.Request, status int, s session, v lockView) {
	f, err := a.factors(r.Context(), a.DB, s.Account.ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Name, v.Password, v.Passkey = s.Account.Name.Reveal(), s.Account.HasPassword, f.Passkeys > 0 && a.relying != nil
	v.BeginPath = unlockPath + "/passkey"
	if s.signOn && a.provider != nil {
		v.SignOn = signOnPath + "?" + url.Values{"again": {""}, "next": {r.URL.Path}}.Encode()
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") { // a script asked
		if status == http.StatusUnauthorized {
			web.Problem(w, r, &fault.Problem{Code: fault.CodeUnauthorized, Kind: fault.NotAllowed, Detail: "The page is locked. Show who you are first."})
			return
		}
	}
	// As to somebody who is not signed in: no name and no navigation of whoever the page was left by.
	r = r.WithContext(web.WithReader(r.Context(), web.Reader{SignOut: "/sign-out"}))
	a.Pages.Render(w, r, status, "staff/lock", web.Page{Title: a.Pages.Words(r).T("lock.title"), Error: len(v.Problems) > 0, Body: v})
}

// home is where somebody goes who asked for nothing else.
func (s session) home(a *Accounts) string { return a.homeOf(s.Account.Role) }

// own is the session of a request that the guard let through.
func (a *Accounts) own(r *http.Request) (s session, token string, err error) {
	token = a.cookie(r)
	s, err = a.session(r.Context(), token)
	if errors.Is(err, errNoSession) {
		err = errors.Join(fault.NotAllowed, err)
	}
	return s, token, err
}

// unlocked leads on whoever opens the address of the lock itself.
func (a *Accounts) unlocked(w http.ResponseWriter, r *http.Request) {
	s, _, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, s.home(a))
}

// sendUnlock takes the answer of the page that asked again in place of another page, or of the cover that the script laid over one.
func (a *Accounts) sendUnlock(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	script := !strings.Contains(r.Header.Get("Accept"), "text/html")
	if script {
		if err := a.unlock(r.Context(), s, token, phi.Text(r.PostForm.Get(unlockPassword)), r.PostForm.Get(unlockPasskey)); err != nil {
			web.Problem(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	view := lockView{Action: unlockPath, Next: r.PostForm.Get(unlockNext)}
	if !a.unlocks(w, r, s, token, r.PostForm, view) {
		return
	}
	web.Redirect(w, r, safeReturn(view.Next, s.home(a)))
}

// safeReturn is where to go after unlocking: a page of ours with its query, else home.
func safeReturn(next, home string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\#\r\n\t") || strings.HasPrefix(next, unlockPath) {
		return home
	}
	return next
}

func (a *Accounts) beginUnlock(w http.ResponseWriter, r *http.Request) {
	s, token, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	options, err := a.askPasskey(r.Context(), token, s.Account.ID)
	writeJSON(w, r, options, err)
}

// leftJSON is how long somebody may still do nothing.
type leftJSON struct {
	Seconds int `json:"seconds"` // 0: pages are locked
}

// tellLeft tells the script how long it is until the lock. By POST it is also how the script says that somebody is there, who may be typing.
func (a *Accounts) tellLeft(w http.ResponseWriter, r *http.Request) {
	s, _, err := a.own(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	writeJSON(w, r, leftJSON{int(max(0, a.left(s)).Seconds())}, nil)
}

// reader is who reads, for the layout.
func (a *Accounts) reader(s session) web.Reader {
	links, administration := a.linksOf(s.Account.Actor())
	return web.Reader{Name: s.Account.Name.Reveal(), SignOut: "/sign-out", Account: accountPath, Links: links, Admin: administration,
		Lock: web.Lock{Idle: a.Idle, Unlock: unlockPath, Password: s.Account.HasPassword, Passkey: s.factors && a.relying != nil}}
}
