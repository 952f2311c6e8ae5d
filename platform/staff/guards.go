package staff

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
)

// Guards let through whoever is signed in, and programs with a key, where they may do what a route is for.
func (a *Accounts) Guards() web.Guards {
	return web.Guards{Staff: a.requireSession, Key: a.requireKey, Reader: a.readAnyway}
}

// requireSession lets only people with a session through and puts who they are into the context. Others are sent to the sign-in page and come
// back to the page they asked for; what a form held when the session ended cannot be kept, and the page says so.
func (a *Accounts) requireSession(action auth.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := a.cookie(r)
		s, err := a.session(r.Context(), token)
		switch {
		case errors.Is(err, errNoSession) && r.Method != http.MethodGet && r.Method != http.MethodHead:
			a.Pages.Render(w, r, http.StatusUnauthorized, "staff/expired", web.Page{Title: a.Pages.Words(r).T("signin.out.title"), Body: a.Home})
			return
		case errors.Is(err, errNoSession):
			to := url.Values{"next": {r.URL.Path}}
			if token != "" {
				to.Set("why", "expired")
			}
			web.Redirect(w, r, "/sign-in?"+to.Encode())
			return
		case err != nil:
			web.Problem(w, r, err)
			return
		}
		if r = a.admit(w, r, s, token); r == nil {
			return
		}
		read, err := a.readBy(r, s)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		if !a.allowed(w, read, s.Account.Actor(), action) { // who is not is told so on a page that leads them on
			return
		}
		if answersLate(read) {
			if read = a.askAgain(w, read, s, token); read == nil {
				return
			}
		}
		next.ServeHTTP(w, read)
	})
}

// readBy is a request that says who makes it, and what pages show them.
func (a *Accounts) readBy(r *http.Request, s session) (*http.Request, error) {
	actor, reader := s.Account.Actor(), a.reader(s)
	if a.Banner != nil {
		var err error
		if reader.Banner.Text, reader.Banner.Path, err = a.Banner(r.Context(), actor, a.Pages.Words(r)); err != nil {
			return nil, err
		}
	}
	return r.WithContext(web.WithReader(web.WithActor(r.Context(), actor), reader)), nil
}

// readAnyway is readBy for an address where nothing is: whoever is signed in, and asked neither again who they are nor for a second factor, reads the same there as
// where a page is not theirs.
func (a *Accounts) readAnyway(r *http.Request) *http.Request {
	s, err := a.session(r.Context(), a.cookie(r))
	if err != nil || a.left(s) <= 0 || a.lacksFactor(s) {
		return r
	}
	if read, err := a.readBy(r, s); err == nil {
		return read
	}
	return r
}

// linksOf are the entries of the navigation and of the administration that somebody may follow.
func (a *Accounts) linksOf(actor auth.Actor) (navigation, administration []web.Link) {
	return web.LinksFor(a.Links, func(action auth.Action) bool { return a.Policy.Allows(actor, action) })
}

// requireKey lets only requests with a working API key through (Authorization: Bearer hc_…) and puts who it is into the context. All others
// get the same 401.
func (a *Accounts) requireKey(action auth.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := a.keyActor(r.Context(), r.Header.Get("Authorization"))
		if err != nil {
			if errors.Is(err, fault.NotAllowed) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="housecall"`)
			}
			web.Problem(w, r, err)
			return
		}
		if !a.allowed(w, r, actor, action) {
			return
		}
		next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), actor)))
	})
}

// allowed says whether somebody may do an action, with none whoever it is. Others are told to the letter what is told of nothing, and that is
// audited.
func (a *Accounts) allowed(w http.ResponseWriter, r *http.Request, actor auth.Actor, action auth.Action) bool {
	if action == "" || a.Policy.Allows(actor, action) {
		return true
	}
	err := a.DB.Tx(r.Context(), func(tx *store.Tx) error {
		return store.Audit(r.Context(), tx, store.Act{At: a.Now(), Actor: actor, Action: string(action), Subject: subjectOf(r),
			Outcome: store.Refused, Detail: r.Pattern})
	})
	if err != nil {
		web.Problem(w, r, err)
		return false
	}
	web.NotFound(w, r)
	return false
}

// subjectOf is what a request is about: the last thing that its path names, by an id that may be one of ours; else the route.
func subjectOf(r *http.Request) store.Subject {
	about := store.Subject{Kind: "route"}
	for part := range strings.SplitSeq(r.Pattern, "/") {
		name, named := strings.CutPrefix(part, "{")
		name, _, _ = strings.Cut(name, "}")
		if id := web.PathID(r, name); named && id != "" {
			about = store.Subject{Kind: name, ID: id}
		}
	}
	return about
}
