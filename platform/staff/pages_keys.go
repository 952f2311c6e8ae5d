package staff

import (
	"net/http"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// KeysPath is the list of API keys; the page of each is below.
const KeysPath = "/admin/keys"

func (a *Accounts) keyRoutes(routes *web.Routes) {
	manage := web.Staff(ManageKeys)
	routes.HandleFunc("GET "+KeysPath, manage, a.listKeys)
	routes.HandleFunc("GET "+KeysPath+"/new", manage, a.keyForm)
	routes.HandleFunc("POST "+KeysPath+"/new", manage, a.makeKey)
	routes.HandleFunc("GET "+KeysPath+"/{key}", manage, a.showKey)
	routes.HandleFunc("POST "+KeysPath+"/{key}/revoke", manage, a.stopKey)
}

// keyView is an API key as pages show it.
type keyView struct {
	Key
	Path                      string
	State                     stateView
	Working                   bool
	MadeBy, Made, Until, Used string
	May                       []string // what its scopes mean
	Done                      bool     // something was, just now
	Secret                    string   // shown once
}

func (a *Accounts) keyView(k Key, zone *time.Location, own *words.Words) keyView {
	state := k.State(a.Now())
	v := keyView{Key: k, Path: KeysPath + "/" + k.ID, Working: state == KeyWorks || state == KeyExpiring,
		State: stateView{own.T("keys.state." + string(state)), map[KeyState]string{KeyWorks: "good", KeyExpiring: "warn", KeyExpired: "danger"}[state]},
		Made:  own.Date(k.Created.In(zone)), MadeBy: own.T("keys.operator"), Until: own.T("keys.never_ends"), Used: own.T("keys.unused")}
	if k.By != "" {
		v.MadeBy = k.ByName.Reveal()
	}
	if !k.Expires.IsZero() {
		v.Until = own.Date(k.Expires.In(zone))
	}
	if !k.UsedOn.IsZero() {
		v.Used = own.Date(k.UsedOn)
	}
	for _, scope := range k.Scopes {
		v.May = append(v.May, a.meaning(own, scope))
	}
	return v
}

// meaning says in the reader's words what an action is; one without such words (of a module) in those of the table.
func (a *Accounts) meaning(own *words.Words, action auth.Action) string {
	if key := "rule." + string(action); own.Has(key) {
		return own.T(key)
	}
	return a.Policy.Meaning(action)
}

func (a *Accounts) listKeys(w http.ResponseWriter, r *http.Request) {
	all, err := a.Keys(r.Context())
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
	views := make([]keyView, len(all))
	for i, k := range all {
		views[len(all)-1-i] = a.keyView(k, zone, own)
	}
	a.Pages.Render(w, r, http.StatusOK, "staff/keys", web.Page{Title: own.T("keys.title"), Wide: true, Active: KeysPath, Body: views})
}

// keyFormView is the form for a key.
type keyFormView struct {
	Name, Days string
	Most       int // days
	Scopes     []scopeView
	Problems   web.Problems
}

type scopeView struct {
	Value, Text string
	On          bool
}

func (a *Accounts) keyForm(w http.ResponseWriter, r *http.Request) {
	a.showKeyForm(w, r, http.StatusOK, keyFormView{Days: strconv.Itoa(int(min(DefaultKeyLife, a.KeyLife) / day))}, "")
}

func (a *Accounts) showKeyForm(w http.ResponseWriter, r *http.Request, status int, v keyFormView, chosen auth.Scopes) {
	own := a.Pages.Words(r)
	v.Most = int(a.KeyLife / day)
	for _, scope := range a.Policy.Grantable() {
		v.Scopes = append(v.Scopes, scopeView{string(scope), a.meaning(own, scope), chosen.Has(scope)})
	}
	a.Pages.Render(w, r, status, "staff/key-new", web.Page{Title: own.T("keys.new.title"), Error: len(v.Problems) > 0, Active: KeysPath, Body: v})
}

func (a *Accounts) makeKey(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v := keyFormView{Name: r.PostForm.Get("name"), Days: r.PostForm.Get("days")}
	n := NewKey{Name: v.Name, Life: -1}
	if days, err := typed.Int(v.Days); err == nil && days > 0 && days <= int(a.KeyLife/day) {
		n.Life = time.Duration(days) * day
	}
	for _, scope := range r.PostForm["scopes"] {
		n.Scopes = append(n.Scopes, auth.Action(scope))
	}
	own := a.Pages.Words(r)
	for _, f := range a.judgeKey(&n) {
		v.Problems = append(v.Problems, web.FieldProblem{Field: f.Field, Text: own.T("keys.wrong."+f.Field, "max", maxName, "days", int(a.KeyLife/day))})
	}
	if len(v.Problems) > 0 {
		a.showKeyForm(w, r, http.StatusUnprocessableEntity, v, auth.NewScopes(n.Scopes...))
		return
	}
	secret, k, err := a.CreateKey(r.Context(), web.Actor(r.Context()), n)
	if err == nil {
		k, err = a.key(r.Context(), k.ID)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.renderKey(w, r, k, secret)
}

func (a *Accounts) renderKey(w http.ResponseWriter, r *http.Request, k Key, secret string) {
	zone, err := a.Zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.Pages.Words(r)
	v := a.keyView(k, zone, own)
	v.Secret, v.Done = secret, r.URL.Query().Has("done")
	a.Pages.Render(w, r, http.StatusOK, "staff/key", web.Page{Title: own.T("keys.one"), Active: KeysPath, Body: v})
}

func (a *Accounts) showKey(w http.ResponseWriter, r *http.Request) {
	k, err := a.key(r.Context(), r.PathValue("key"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.renderKey(w, r, k, "")
}

func (a *Accounts) stopKey(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("key")
	if err := a.RevokeKey(r.Context(), web.Actor(r.Context()), id); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, KeysPath+"/"+id+"?done")
}
