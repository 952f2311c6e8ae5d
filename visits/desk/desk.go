// Package desk is the schedulers' pages: visits by day and by week, the form for a new one and for a series, its page with everybody's links and letters, and what
// moves, changes and calls it off. It owns no table, and decides nothing: package visits and the table of roles do.
// It must never put a name into an address, and keeps no page with a link in a browser.
package desk

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what the pages of this package say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Path is where the desk is. Its pages live below.
const Path = "/desk"

// Links are the navigation of who is signed in.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "desk.visits", Action: auth.VisitRead}, {Path: SchedulePath, Words: "desk.schedule", Action: auth.VisitRead}}
}

// Config is what the desk needs from outside.
type Config struct {
	DB         *store.DB
	Visits     *visits.Service
	Sites      visits.Sites      // nil: visits name none
	Patients   Patients          // nil: likewise
	Colleagues visits.Colleagues // nil: likewise
	Pages      *web.Pages
	Beside     []web.Link // other ways to new visits, which the list shows
	Now        func() time.Time
}

// Patients knows the hospital's patients: people.Service.
type Patients interface {
	May(actor auth.Actor, action auth.Action) bool
	Search(ctx context.Context, actor auth.Actor, query string) (people.Found, error)
	Show(ctx context.Context, actor auth.Actor, id string) (people.Patient, error)
	Prepare(ctx context.Context, p people.Patient) (people.Patient, error)
	Doubts(ctx context.Context, actor auth.Actor, p people.Patient) ([]people.Doubt, error)
}

// Desk is the schedulers' pages: what the API does, for people. It decides nothing: the Service and the table of roles do.
type Desk struct {
	config  Config
	notice  func(context.Context, auth.Actor, *words.Words) (text, path string, err error) // nil: there is none
	hearers func(context.Context, visits.Visit) (map[string]bool, error)                   // nil: nobody hears
	wrote   func(context.Context, visits.Visit) (map[string]Written, error)                // nil: nobody is written to
	notes   []func(context.Context, auth.Actor, string, *words.Words) (Note, error)
}

// Note is what another part says on a visit's page, with a button that leads to more of it. No path: it says nothing.
type Note struct{ Text, Button, Path string }

// Note has a visit's page say what another part has to say of the visit to whoever reads it. Call it before the desk is open.
func (d *Desk) Note(note func(ctx context.Context, actor auth.Actor, visit string, own *words.Words) (Note, error)) {
	d.notes = append(d.notes, note)
}

// Attend has the list say what somebody must look at, with the path of where; an empty text: nothing. Call it before the desk is open.
func (d *Desk) Attend(notice func(context.Context, auth.Actor, *words.Words) (text, path string, err error)) {
	d.notice = notice
}

// Hear has pages that change a visit say who hears of that in a message. hearers gives the ids of these people's invitations; it is asked of the visit as it is
// after the change, or would be. Call it before the desk is open.
func (d *Desk) Hear(hearers func(context.Context, visits.Visit) (map[string]bool, error)) {
	d.hearers = hearers
}

// Written is what messages have told somebody of a visit.
type Written struct {
	At    time.Time // when one with what is so now was last sent; zero: none was
	Times int       // how often one was asked for again
	Lost  string    // what became of a later one, as packages that send messages call it: "failed", or "unsure"; empty: nothing bad
}

// Wrote has pages of links say when messages brought them, and offer to send these again. wrote gives it by the ids of invitations. Call it before the desk is open.
func (d *Desk) Wrote(wrote func(context.Context, visits.Visit) (map[string]Written, error)) {
	d.wrote = wrote
}

// New parses the pages.
func New(c Config) (*Desk, error) {
	if err := c.Pages.Add("desk", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	return &Desk{config: c}, nil
}

// Routes adds the desk's pages.
func (d *Desk) Routes(routes *web.Routes) {
	read, schedule, revoke := web.Staff(auth.VisitRead), web.Staff(auth.VisitSchedule), web.Staff(auth.VisitRevoke)
	routes.HandleFunc("GET /desk", read, d.list)
	routes.HandleFunc("GET /desk/schedule", read, d.schedule)
	routes.HandleFunc("GET "+SearchPath, read, d.searchForm)
	routes.HandleFunc("POST "+SearchPath, read, d.search)
	routes.HandleFunc("GET /desk/new", schedule, d.newForm)
	routes.HandleFunc("POST /desk/new", schedule, d.create)
	routes.HandleFunc("POST /desk/new/patients", web.Staff(people.Read), d.suggest)
	routes.HandleFunc("GET /desk/visits/{visit}", read, d.show)
	routes.HandleFunc("GET /desk/visits/{visit}/series", read, d.series)
	routes.HandleFunc("GET /desk/visits/{visit}/links", schedule, d.links(d.everyLink))
	routes.HandleFunc("POST /desk/visits/{visit}/people", schedule, d.invite)
	routes.HandleFunc("GET /desk/visits/{visit}/people", read, d.toVisit)
	routes.HandleFunc("GET /desk/visits/{visit}/people/{person}/link", schedule, d.links(d.oneLink))
	routes.HandleFunc("GET /desk/visits/{visit}/people/{person}/letter", schedule, d.letter)
	routes.HandleFunc("GET /desk/visits/{visit}/people/{person}/new-link", schedule, d.confirm(newLinkQuestion))
	routes.HandleFunc("POST /desk/visits/{visit}/people/{person}/new-link", schedule, d.newLink)
	routes.HandleFunc("GET /desk/visits/{visit}/people/{person}/revoke", revoke, d.confirm(revokeQuestion))
	routes.HandleFunc("POST /desk/visits/{visit}/people/{person}/revoke", revoke, d.revoke)
	routes.HandleFunc("GET /desk/visits/{visit}/move", schedule, d.moveForm)
	routes.HandleFunc("POST /desk/visits/{visit}/move", schedule, d.move)
	routes.HandleFunc("GET /desk/visits/{visit}/edit", schedule, d.editForm)
	routes.HandleFunc("POST /desk/visits/{visit}/edit", schedule, d.edit)
	routes.HandleFunc("GET /desk/visits/{visit}/people/{person}/edit", schedule, d.mendForm)
	routes.HandleFunc("POST /desk/visits/{visit}/people/{person}/edit", schedule, d.mend)
	routes.HandleFunc("GET /desk/visits/{visit}/interpreter", schedule, d.interpreterForm)
	routes.HandleFunc("POST /desk/visits/{visit}/interpreter", schedule, d.bookInterpreter)
	routes.HandleFunc("GET /desk/visits/{visit}/cancel", revoke, d.confirm(cancelQuestion))
	routes.HandleFunc("POST /desk/visits/{visit}/cancel", revoke, d.cancel)
	routes.HandleFunc("POST /desk/visits/{visit}/cancel-rest", revoke, d.cancelRest)
}

// toVisit leads from the address of a form on a visit's page, where a browser may come back to, to the page.
func (d *Desk) toVisit(w http.ResponseWriter, r *http.Request) {
	web.Redirect(w, r, visitPath(r.PathValue("visit")))
}

// links is a page of links, with its title, of what find shows.
func (d *Desk) links(find func(*http.Request) (view linksView, title string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		view, title, err := find(r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		d.config.Pages.Render(w, r, http.StatusOK, "desk/links", web.Page{Title: title, Active: Path, Body: view})
	}
}

// everyLink is the link of everybody in a visit who has one that works. Each is shown by the same act as sending it again, and so audited.
func (d *Desk) everyLink(r *http.Request) (view linksView, title string, err error) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	v, err := d.config.Visits.ShowIf(ctx, actor, r.PathValue("visit"), d.config.Visits.LinksWork)
	if err != nil {
		return linksView{}, "", err
	}
	if view, err = d.newLinksView(v, r); err != nil {
		return linksView{}, "", err
	}
	view.Made = r.URL.Query().Has("made")
	for _, i := range v.Invitations {
		if i.Revoked() {
			continue
		}
		link, err := d.config.Visits.Resend(ctx, actor, v.ID, i.ID, false)
		if err != nil {
			return linksView{}, "", err
		}
		if err := d.add(ctx, &view, link); err != nil {
			return linksView{}, "", err
		}
	}
	title = view.own.T("desk.links.all.title")
	if view.Made {
		title = view.own.T("desk.links.made.title")
	}
	return view, title, nil
}

// oneLink is the link of one person.
func (d *Desk) oneLink(r *http.Request) (view linksView, title string, err error) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	link, err := d.config.Visits.Resend(ctx, actor, r.PathValue("visit"), r.PathValue("person"), false)
	if err != nil {
		return linksView{}, "", err
	}
	v, err := d.config.Visits.Show(ctx, actor, r.PathValue("visit"))
	if err != nil {
		return linksView{}, "", err
	}
	if view, err = d.newLinksView(v, r); err != nil {
		return linksView{}, "", err
	}
	asked := r.URL.Query()
	view.One, view.New, view.Added, view.Again = true, asked.Has("new"), asked.Has("added"), asked.Has("again")
	if err := d.add(ctx, &view, link); err != nil {
		return linksView{}, "", err
	}
	return view, view.own.T("desk.links.one.title"), nil
}

func (d *Desk) newLink(w http.ResponseWriter, r *http.Request) {
	visit, person := r.PathValue("visit"), r.PathValue("person")
	if _, err := d.config.Visits.Resend(r.Context(), web.Actor(r.Context()), visit, person, true); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, personPath(visit, person)+"/link?new")
}

func (d *Desk) revoke(w http.ResponseWriter, r *http.Request) {
	visit := r.PathValue("visit")
	if err := d.config.Visits.Withdraw(r.Context(), web.Actor(r.Context()), visit, r.PathValue("person")); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, visitPath(visit)+"?done=revoked")
}

func (d *Desk) cancel(w http.ResponseWriter, r *http.Request) {
	visit := r.PathValue("visit")
	if err := d.config.Visits.Cancel(r.Context(), web.Actor(r.Context()), visit); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, visitPath(visit)+"?done=cancelled")
}

// confirm asks before something that cannot be undone, on a page of its own: without a script, with the browser's back button as "no".
func (d *Desk) confirm(ask func(c asked) question) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var person visits.Invitation
		judge := func(v visits.Visit) error {
			id := r.PathValue("person")
			if id == "" {
				return nil
			}
			return visits.Has(id, func(_ visits.Visit, i visits.Invitation) error { person = i; return nil })(v)
		}
		v, err := d.config.Visits.ShowIf(r.Context(), web.Actor(r.Context()), r.PathValue("visit"), judge)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		d.showQuestion(w, r, v, person, ask)
	}
}

func (d *Desk) showQuestion(w http.ResponseWriter, r *http.Request, v visits.Visit, person visits.Invitation, ask func(c asked) question) {
	zone, err := d.zoneOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := d.config.Pages.Words(r)
	off := v
	off.State = visits.Cancelled
	told, err := d.toldWords(r.Context(), off, own)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q := ask(asked{v, person, d.config.Visits, zone, own, told})
	q.Action, q.Back = r.URL.Path, visitPath(v.ID)
	d.config.Pages.Render(w, r, http.StatusOK, "desk/confirm", web.Page{Title: q.Title, Active: Path, Body: q})
}

func visitPath(visit string) string { return Path + "/visits/" + visit }

func personPath(visit, person string) string { return visitPath(visit) + "/people/" + person }
