package audit

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

//go:embed pages/*.html
var ownPages embed.FS

//go:embed locales/*.json
var ownLocales embed.FS

// Locales are what the page says.
func Locales() fs.FS { return store.Folder(ownLocales, "locales") }

// Path is the page of the audit.
const Path = "/admin/audit"

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "audit.title", Action: Read, Group: web.GroupInsight, About: "audit.about"}}
}

// Desk is the page of the audit.
type Desk struct {
	Reader
	Pages *web.Pages
	Zone  func(context.Context) (*time.Location, error) // of the times that it shows: the first site's
	// Names gives the names of those who work here, by the ids of their accounts.
	Names func(context.Context, auth.Actor) (map[string]phi.Text, error)
	// Named gives what something is called that acts were done to, and its page, to who may see it; no name: the page shows the id.
	Named func(ctx context.Context, actor auth.Actor, about store.Subject, own *words.Words) (Named, error)
	// Find finds patients by parts of the name, the number and the birth date. Errors: fault.NotValid, fault.NotAllowed.
	Find func(ctx context.Context, actor auth.Actor, query string, own *words.Words) ([]Named, error)
}

// Named is what acts were done to, as people know it.
type Named struct {
	ID   string
	Name phi.Text
	More phi.Text // what tells it from others of that name
	Path string   // its own page; empty: it has none
}

// Routes adds the page.
func (d Desk) Routes(routes *web.Routes) error {
	routes.HandleFunc("GET "+Path, web.Staff(Read), d.list)
	routes.HandleFunc("POST "+Path, web.Staff(Read), d.find) // not GET: an address would hold the name
	return d.Pages.Add("audit", store.Folder(ownPages, "pages"))
}

// option is a choice of the form.
type option struct{ Value, Text string }

// listView is what the page shows.
type listView struct {
	Kind, ID, Actor, Day string // as they were asked for
	Kinds                []option
	About                aboutView
	Query                string // by which a patient was looked for
	Found                []foundView
	Problems             web.Problems
	Acts                 []actView
	Filtered             bool
	Older, Newest        string // addresses; "": there is none
	Zone                 string
}

// aboutView is what the page is about, when that is one patient or visit.
type aboutView struct {
	Kind, Name, More, Path string
	ID                     string // its end, when it has no name for the reader
}

// foundView is a patient who was looked for.
type foundView struct{ Name, More, Path string }

// actView is one act.
type actView struct {
	At         time.Time
	When       string
	Who, Role  string
	ByPath     string // acts of the same person; "": nobody's
	ActionText string // what it is, in words; "": none, as of an act of another version of the program
	Action     string
	About      string
	AboutID    string // its end, which differs between ids
	AboutPath  string // acts on the same; "": nothing's
	Detail     string
	WasAllowed bool
}

func (d Desk) list(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	d.show(w, r, listView{Kind: asked.Get("kind"), ID: asked.Get("id"), Actor: asked.Get("actor"), Day: asked.Get("day")})
}

// find leads to what was done to a patient, or lets the reader choose one of several.
func (d Desk) find(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own, v := d.Pages.Words(r), listView{Query: r.PostForm.Get("query")}
	found, err := d.Find(r.Context(), web.Actor(r.Context()), v.Query, own)
	switch {
	case errors.Is(err, fault.NotValid):
		v.Problems = web.Problems{{Field: "query", Text: own.T("audit.wrong.query")}}
	case err != nil:
		web.Problem(w, r, err)
		return
	case len(found) == 1:
		web.Redirect(w, r, PathOf(store.About(patientKind, found[0].ID)))
		return
	case len(found) == 0:
		v.Problems = web.Problems{{Field: "query", Text: own.T("audit.wrong.nobody")}}
	}
	for _, p := range found {
		v.Found = append(v.Found, foundView{p.Name.Reveal(), p.More.Reveal(), PathOf(store.About(patientKind, p.ID))})
	}
	d.show(w, r, v)
}

// PathOf is the page of what was done to something.
func PathOf(about store.Subject) string {
	return Path + "?" + url.Values{"kind": {about.Kind}, "id": {about.ID}}.Encode()
}

func (d Desk) show(w http.ResponseWriter, r *http.Request, v listView) {
	zone, err := d.Zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own, asked := d.Pages.Words(r), r.URL.Query()
	v.Zone = own.Zone(zone)
	v.Filtered = v.Kind+v.ID+v.Actor+v.Day != ""
	q := v.query(zone, own)
	q.Before, _ = strconv.ParseInt(asked.Get("before"), 10, 64) // what is no place is the first page
	q.Before = max(0, q.Before)
	v.Kinds = []option{{"", own.T("audit.kind.any")}}
	for _, kind := range kinds {
		v.Kinds = append(v.Kinds, option{kind, own.T("audit.kind." + kind)})
	}
	status := http.StatusUnprocessableEntity
	switch {
	case len(v.Found) > 0:
		status = http.StatusOK
	case len(v.Problems) == 0:
		status = http.StatusOK
		if err := d.fill(r.Context(), &v, q, zone, own); err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	d.Pages.Render(w, r, status, "audit/list", web.Page{Title: own.T("audit.title"), Error: len(v.Problems) > 0, Wide: true, Active: Path, Body: v})
}

// query is what was asked for, and has problems be what is wrong with it.
func (v *listView) query(zone *time.Location, own *words.Words) Query {
	q := Query{Subject: store.Subject{Kind: v.Kind, ID: v.ID}, Actor: v.Actor}
	if v.Kind != "" && !slices.Contains(kinds, v.Kind) {
		q.Subject.Kind, v.Kind = "", ""
	}
	for _, f := range []struct{ field, id string }{{"id", v.ID}, {"actor", v.Actor}} {
		if f.id != "" && !store.IsID(f.id) {
			v.Problems = append(v.Problems, web.FieldProblem{Field: f.field, Text: own.T("audit.wrong.id")})
		}
	}
	if v.Day == "" {
		return q
	}
	day, err := time.ParseInLocation(time.DateOnly, typed.Digits(v.Day), zone)
	if err != nil {
		v.Problems = append(v.Problems, web.FieldProblem{Field: "day", Text: own.T("audit.wrong.day")})
		return q
	}
	q.From, q.To = day, day.AddDate(0, 0, 1)
	return q
}

// path is the page with what was asked for and one thing more.
func (v *listView) path(name, value string) string {
	all := url.Values{}
	for key, value := range map[string]string{"kind": v.Kind, "id": v.ID, "actor": v.Actor, "day": v.Day, name: value} {
		if value != "" {
			all.Set(key, value)
		}
	}
	if len(all) == 0 {
		return Path
	}
	return Path + "?" + all.Encode()
}

func (d Desk) fill(ctx context.Context, v *listView, q Query, zone *time.Location, own *words.Words) error {
	actor := web.Actor(ctx)
	page, err := d.Show(ctx, actor, q)
	if err != nil {
		return err
	}
	names, err := d.Names(ctx, actor)
	if err != nil {
		return err
	}
	if err := d.name(ctx, v, q.Subject, own); err != nil {
		return err
	}
	for _, e := range page.Acts {
		at := e.At.In(zone)
		a := actView{At: e.At, When: own.Date(at) + " " + at.Format("15:04:05"), Action: e.Action, About: e.Subject.Kind, Detail: e.Detail,
			WasAllowed: e.Outcome == store.Allowed}
		if key := "act." + e.Action; own.Has(key) {
			a.ActionText = own.T(key)
		}
		if key := "audit.kind." + e.Subject.Kind; own.Has(key) {
			a.About = own.T(key)
		}
		if store.IsID(e.Subject.ID) {
			a.AboutID, a.AboutPath = tail(e.Subject.ID), Path+"?"+url.Values{"id": {e.Subject.ID}}.Encode()
		}
		a.Who = own.T("audit.by." + e.Actor.Kind)
		if name := names[e.Actor.ID]; name != "" {
			a.Who = name.Reveal()
		}
		if e.Actor.Role.Known() && e.Actor.Kind != auth.KindSystem {
			a.Role = own.T("role." + string(e.Actor.Role))
		}
		if store.IsID(e.Actor.ID) {
			a.ByPath = Path + "?" + url.Values{"actor": {e.Actor.ID}}.Encode()
		}
		v.Acts = append(v.Acts, a)
	}
	if page.Next > 0 {
		v.Older = v.path("before", strconv.FormatInt(page.Next, 10))
	}
	if q.Before > 0 {
		v.Newest = v.path("before", "")
	}
	return nil
}

// name says what the page is about, when that is one patient or visit.
func (d Desk) name(ctx context.Context, v *listView, about store.Subject, own *words.Words) error {
	if about.ID == "" || about.Kind != patientKind && about.Kind != visitKind {
		return nil
	}
	named, err := d.Named(ctx, web.Actor(ctx), about, own)
	v.About = aboutView{Kind: own.T("audit.kind." + about.Kind), Name: named.Name.Reveal(), More: named.More.Reveal(), Path: named.Path}
	if v.About.Name == "" {
		v.About.ID = tail(about.ID)
	}
	return err
}

// Link is a button to who saw a patient or a visit, for those who may read that; no path: there is none.
func (r Reader) Link(actor auth.Actor, about store.Subject, own *words.Words) (button, path string) {
	if !r.Policy.Allows(actor, Read) {
		return "", ""
	}
	return own.T("audit.seen." + about.Kind), PathOf(about)
}

// tail is the end of an id: its beginning is a time, and much the same for all of a day.
func tail(id string) string { return "…" + id[len(id)-12:] }
