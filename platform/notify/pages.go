package notify

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what the pages of webhooks say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// WebhooksPath is the list of endpoints; the page of each is below.
const WebhooksPath = "/admin/webhooks"

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: WebhooksPath, Words: "webhooks.title", Action: ManageWebhooks, Group: web.GroupPrograms, About: "webhooks.about"}}
}

const (
	shownDeliveries = 50
	// replayed is how far back a page asks for events again.
	replayed = 7 * 24 * time.Hour
)

// WebhooksDesk is the administrators' pages of webhooks. It decides nothing: Webhooks does.
type WebhooksDesk struct {
	webhooks *Webhooks
	pages    *web.Pages
	zone     func(context.Context) (*time.Location, error) // of the times it shows: the first site's
}

// NewWebhooksDesk parses the pages.
func NewWebhooksDesk(w *Webhooks, pages *web.Pages, zone func(context.Context) (*time.Location, error)) (*WebhooksDesk, error) {
	return &WebhooksDesk{w, pages, zone}, pages.Add("webhooks", store.Folder(pageFiles, "pages"))
}

// Routes adds the pages.
func (d *WebhooksDesk) Routes(routes *web.Routes) {
	manage := web.Staff(ManageWebhooks)
	one := WebhooksPath + "/{endpoint}"
	routes.HandleFunc("GET "+WebhooksPath, manage, d.list)
	routes.HandleFunc("POST "+WebhooksPath, manage, d.create)
	routes.HandleFunc("GET "+one, manage, d.show)
	routes.HandleFunc("POST "+one+"/secret", manage, d.rotate)
	routes.HandleFunc("POST "+one+"/disable", manage, d.act(d.webhooks.Disable))
	routes.HandleFunc("POST "+one+"/enable", manage, d.act(d.webhooks.Enable))
	routes.HandleFunc("POST "+one+"/replay", manage, d.act(func(ctx context.Context, actor auth.Actor, id string) error {
		_, err := d.webhooks.Replay(ctx, actor, id, d.webhooks.Now().Add(-replayed))
		return err
	}))
	routes.HandleFunc("POST "+one+"/remove", manage, d.remove)
	routes.HandleFunc("POST "+one+"/deliveries/{delivery}", manage, d.again)
}

// endpointView is an endpoint in words.
type endpointView struct {
	Endpoint
	Path, State, Tone, Made string
	Zone                    string // of its times
	Secret                  string // shown once
	Done                    bool   // something was, just now
	Deliveries              []deliveryView
}

type deliveryView struct {
	Delivery
	Path, Words, Tone, Moment string
}

// webhooksView is the list and the form for one more.
type webhooksView struct {
	Endpoints  []endpointView
	URL, About string
	Types      []typeView
	Problems   web.Problems
}

type typeView struct {
	Value string
	On    bool
}

func (d *WebhooksDesk) endpointView(p Endpoint, zone *time.Location, own *words.Words) endpointView {
	v := endpointView{Endpoint: p, Path: WebhooksPath + "/" + p.ID, State: own.T("webhooks.on"), Tone: "good", Made: own.Date(p.Created.In(zone))}
	if !p.Disabled.IsZero() {
		v.State, v.Tone = own.T("webhooks.off"), "warn"
	}
	return v
}

func (d *WebhooksDesk) list(w http.ResponseWriter, r *http.Request) {
	d.showList(w, r, http.StatusOK, webhooksView{}, nil)
}

func (d *WebhooksDesk) showList(w http.ResponseWriter, r *http.Request, status int, v webhooksView, chosen []string) {
	all, err := d.webhooks.Endpoints(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := d.zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := d.pages.Words(r)
	for _, p := range all {
		v.Endpoints = append(v.Endpoints, d.endpointView(p, zone, own))
	}
	for _, k := range d.webhooks.Kinds {
		v.Types = append(v.Types, typeView{k.Type, slices.Contains(chosen, k.Type)})
	}
	d.pages.Render(w, r, status, "webhooks/list", web.Page{Title: own.T("webhooks.title"), Error: len(v.Problems) > 0, Wide: true, Active: WebhooksPath, Body: v})
}

func (d *WebhooksDesk) create(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own := d.pages.Words(r)
	asked := Endpoint{URL: strings.TrimSpace(r.PostForm.Get("url")), About: r.PostForm.Get("about"), Types: r.PostForm["types"]}
	p, secret, err := d.webhooks.Create(r.Context(), web.Actor(r.Context()), asked)
	var wrong *fault.Problem
	if errors.As(err, &wrong) && errors.Is(err, fault.NotValid) {
		v := webhooksView{URL: asked.URL, About: asked.About}
		fields, _ := wrong.Fields["errors"].([]fault.Field)
		for _, f := range fields {
			key := "webhooks.wrong." + f.Field
			if f.Key == "private" {
				key += ".private"
			}
			v.Problems = append(v.Problems, web.FieldProblem{Field: f.Field, Text: own.T(key)})
		}
		d.showList(w, r, http.StatusUnprocessableEntity, v, asked.Types)
		return
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showOne(w, r, p, secret)
}

// find reads the endpoint of a path.
func (d *WebhooksDesk) find(r *http.Request) (Endpoint, error) {
	all, err := d.webhooks.Endpoints(r.Context())
	if err != nil {
		return Endpoint{}, err
	}
	at := slices.IndexFunc(all, func(p Endpoint) bool { return p.ID == r.PathValue("endpoint") })
	if at < 0 {
		return Endpoint{}, fault.NotFound
	}
	return all[at], nil
}

func (d *WebhooksDesk) show(w http.ResponseWriter, r *http.Request) {
	p, err := d.find(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showOne(w, r, p, "")
}

func (d *WebhooksDesk) showOne(w http.ResponseWriter, r *http.Request, p Endpoint, secret string) {
	zone, err := d.zone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := d.pages.Words(r)
	v := d.endpointView(p, zone, own)
	v.Zone, v.Secret, v.Done = own.Zone(zone), secret, r.URL.Query().Has("done")
	all, err := d.webhooks.Deliveries(r.Context(), p.ID, shownDeliveries)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	for _, one := range all {
		tone := map[State]string{Sent: "good", Failed: "danger"}[one.State]
		v.Deliveries = append(v.Deliveries, deliveryView{one, v.Path + "/deliveries/" + one.ID, own.T("webhooks.state." + string(one.State)), tone, own.Moment(one.At.In(zone))})
	}
	d.pages.Render(w, r, http.StatusOK, "webhooks/one", web.Page{Title: own.T("webhooks.one"), Wide: true, Active: WebhooksPath, Body: v})
}

func (d *WebhooksDesk) rotate(w http.ResponseWriter, r *http.Request) {
	p, err := d.find(r)
	var secret string
	if err == nil {
		secret, err = d.webhooks.Rotate(r.Context(), web.Actor(r.Context()), p.ID)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showOne(w, r, p, secret)
}

// act does something with the endpoint of a path.
func (d *WebhooksDesk) act(do func(context.Context, auth.Actor, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("endpoint")
		if err := do(r.Context(), web.Actor(r.Context()), id); err != nil {
			web.Problem(w, r, err)
			return
		}
		web.Redirect(w, r, WebhooksPath+"/"+id+"?done")
	}
}

func (d *WebhooksDesk) remove(w http.ResponseWriter, r *http.Request) {
	if err := d.webhooks.Remove(r.Context(), web.Actor(r.Context()), r.PathValue("endpoint")); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, WebhooksPath)
}

func (d *WebhooksDesk) again(w http.ResponseWriter, r *http.Request) {
	if err := d.webhooks.Redeliver(r.Context(), web.Actor(r.Context()), r.PathValue("delivery")); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, WebhooksPath+"/"+r.PathValue("endpoint")+"?done")
}
