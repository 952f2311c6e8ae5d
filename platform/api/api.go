// Package api is the JSON API: one description (OpenAPI 3.1) for the calls of every part of the house, and one way to tell errors. It owns the
// description; what a call does belongs to the package that registers it.
// It must never answer without a key whose rights hold, and never say in an error what was sent: it may be health data.
package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"housecall/auth"
	"housecall/platform/web"
)

const (
	describedAt = "/api/openapi" // .json and .yaml
	maxBody     = 64 << 10       // bytes
)

// API is the calls there are. It is filled at the start.
type API struct {
	huma  huma.API
	mux   *guarded
	keyed *Idempotency
}

// Operation describes one call.
type Operation struct {
	ID      string // as in "create-visit", for generated clients
	Method  string
	Path    string // as http.ServeMux has it
	Summary string
	Part    string      // of the house, as in "visits": calls are grouped by it
	Action  auth.Action // what a key must be allowed
	Status  int         // of the answer when all is well
	Looks   bool        // it changes nothing, whatever its method
	Most    int64       // bytes that what is sent may have; 0: 64 KiB
}

// takesKeys says whether a call takes idempotency keys: the methods that may do a thing twice when they are sent twice.
func (op Operation) takesKeys() bool {
	return !op.Looks && (op.Method == http.MethodPost || op.Method == http.MethodPatch)
}

// New adds the description of the API to the routes. It is public and loads nothing from elsewhere. version is that of the program.
func New(routes *web.Routes, version string, keyed *Idempotency) *API {
	config := huma.DefaultConfig("Housecall", version)
	config.Info.Description = "Visits and the links people come by, and what belongs to them. Errors are problem+json (RFC 9457) with a `code` for programs."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = describedAt, "", "", nil
	config.RejectUnknownQueryParameters = true // a list would be longer than was meant
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format}
	config.Transformers = []huma.Transformer{describeRefusal}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key: hc_…"}}
	a := &API{mux: &guarded{Routes: routes, access: web.Public("programs read how to call the API")}, keyed: keyed}
	a.mux.instead = map[string]http.HandlerFunc{
		"GET " + describedAt + "-3.0.json": a.older("application/openapi+json", (*huma.OpenAPI).Downgrade),
		"GET " + describedAt + "-3.0.yaml": a.older("application/openapi+yaml", (*huma.OpenAPI).DowngradeYAML),
	}
	a.huma = humago.New(a.mux, config)
	a.huma.UseMiddleware(a.narrowed, a.conditioned)
	return a
}

// narrowed refuses a request with a parameter that has no value, is there twice, or cannot be read: a list would be longer than was meant, or another.
func (a *API) narrowed(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	all, err := url.ParseQuery(u.RawQuery)
	for _, values := range all {
		if len(values) > 1 || values[0] == "" {
			err = errNotOnce
		}
	}
	if err != nil {
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnprocessableEntity, "", &huma.ErrorDetail{Location: "query", Message: errNotOnce.Error()}) // whoever is gone gets nothing
		return
	}
	next(ctx)
}

// conditioned refuses a request whose If-Match does not say which version is meant: it would change whatever is there.
func (a *API) conditioned(ctx huma.Context, next func(huma.Context)) {
	var lines []string
	ctx.EachHeader(func(name, value string) {
		if name == "If-Match" {
			lines = append(lines, value)
		}
	})
	if err := CheckIfMatch(lines); err != nil {
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnprocessableEntity, "", &huma.ErrorDetail{Location: "If-Match", Message: err.Error()}) // whoever is gone gets nothing
		return
	}
	next(ctx)
}

// unmarshal reads a body, and refuses one that says a thing twice.
func unmarshal(body []byte, to any) error {
	if err := web.CheckJSON(body); err != nil {
		return err
	}
	return huma.DefaultJSONFormat.Unmarshal(body, to)
}

// A name is taken as it is described alone: the package json takes it in capitals too, so that with both huma would judge the one and json would take the other.
func init() { huma.ValidateStrictCasing = true }

var errNotOnce = errors.New("expected each parameter once, with a value")

// older tells the description, as it is when the first asks, for tools that know OpenAPI 3.0 alone, which has no webhooks.
func (a *API) older(kind string, write func(*huma.OpenAPI) ([]byte, error)) http.HandlerFunc {
	text := sync.OnceValues(func() ([]byte, error) {
		description := *a.huma.OpenAPI()
		description.Webhooks = nil
		return write(&description)
	})
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := text()
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(b) // whoever is gone gets nothing
	}
}

// Register adds a call, whose errors are told as platform/web tells them. I and O are huma's inputs and outputs: https://huma.rocks/features/.
func Register[I, O any](a *API, op Operation, f func(context.Context, *I) (*O, error)) {
	schemas := a.huma.OpenAPI().Components.Schemas
	problem := schemas.Schema(reflect.TypeFor[problemJSON](), true, "Problem")
	described := huma.Operation{OperationID: op.ID, Method: op.Method, Path: op.Path, DefaultStatus: op.Status, Summary: op.Summary, Tags: []string{op.Part},
		MaxBodyBytes: cmp.Or(op.Most, maxBody), Security: []map[string][]string{{"key": {string(op.Action)}}},
		Responses: map[string]*huma.Response{"default": {Description: "Error",
			Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}}}
	a.mux.access, a.mux.around = web.Key(op.Action).Taking(op.Most), nil
	if op.takesKeys() {
		a.mux.around = a.keyed.Handler
		described.Parameters = []*huma.Param{{Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(maxIdempotencyKey)},
			Description: "Chosen by you, another for each thing to be done. Sent again with the same request within a day, the request is answered as before, and nothing is done twice"}}
	}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, refusalOf(ctx, err)
		}
		return out, nil
	})
	delete(schemas.Map(), "ErrorModel") // ours is problemJSON
}

// guarded is where huma puts its routes, one at a time: access says whose the next one is.
type guarded struct {
	*web.Routes
	access  web.Access
	around  func(http.Handler) http.Handler // nil: nothing
	instead map[string]http.HandlerFunc     // of huma's own, by pattern
}

// HandleFunc fills humago.Mux.
func (g *guarded) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	if ours, there := g.instead[pattern]; there {
		f = ours
	}
	var h http.Handler = http.HandlerFunc(f)
	if g.around != nil {
		h = g.around(h)
	}
	g.Routes.Handle(pattern, g.access, h)
}
