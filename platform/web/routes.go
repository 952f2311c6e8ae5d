package web

import (
	"context"
	"net/http"
	"strings"

	"housecall/auth"
)

// Reach is how people and programs come to a route.
type Reach string

// The reaches.
const (
	reachPublic Reach = "public"
	reachHolder Reach = "holder"
	reachStaff  Reach = "staff"
	reachKey    Reach = "key"
)

// Access says who may use a route: the functions below make it. The zero Access is nobody's, and Handle refuses it.
type Access struct {
	Reach  Reach
	Action auth.Action // of staff and keys; empty: whoever is signed in
	Right  auth.Action // of holders, which the handler asks for; empty: whoever holds a link
	Why    string      // it is public
	Body   int64       // bytes that what is sent may have; 0: as Options say
}

// Taking is the same for a route to which more is sent than forms are: up to so many bytes.
func (a Access) Taking(bytes int64) Access {
	a.Body = bytes
	return a
}

// Public is a route for everybody; why says for what reason.
func Public(why string) Access { return Access{Reach: reachPublic, Why: why} }

// Holder is a route for whoever holds a link of a visit, or the cookie it gave; the handler finds out which.
func Holder() Access { return Access{Reach: reachHolder} }

// Invited is a route for holders whose role in the visit may do an action. Who they are is known to the handler alone, so the handler asks; a test tries every role.
func Invited(action auth.Action) Access { return Access{Reach: reachHolder, Right: action} }

// SignedIn is a page for everybody who works here.
func SignedIn() Access { return Access{Reach: reachStaff} }

// Staff is a page for those who work here and may do an action.
func Staff(action auth.Action) Access { return Access{Reach: reachStaff, Action: action} }

// Key is a call for programs whose API key may do an action.
func Key(action auth.Action) Access { return Access{Reach: reachKey, Action: action} }

// Guards let through who may do an action, with their actor in the context, and answer everybody else: who is not signed in or has no key is told so,
// who may not is told what is told of nothing. With no action whoever is signed in comes through.
type Guards struct {
	Staff func(auth.Action, http.Handler) http.Handler
	Key   func(auth.Action, http.Handler) http.Handler
	// Reader has a request for an address where nothing is know who reads the answer, as the guards have others; nil: nobody.
	Reader func(*http.Request) *http.Request
}

// Route is one route and who may use it.
type Route struct {
	Pattern string // of http.ServeMux
	Access  Access
}

// Routes are all routes of a server, each declared with who may use it. They are filled at the start.
type Routes struct {
	mux    *http.ServeMux
	guards Guards
	all    []Route
	tells  []tells
	bodies map[string]int64 // by pattern: the bytes that may be sent, where these are not as many as to any
}

// tells is how errors are told below a path.
type tells struct {
	prefix string
	write  func(http.ResponseWriter, *Fault)
}

// NewRoutes returns routes without any. A guard that is nil lets nobody through.
func NewRoutes(g Guards) *Routes {
	return &Routes{mux: http.NewServeMux(), guards: g, bodies: map[string]int64{}}
}

// All are the routes, in the order they were declared.
func (r *Routes) All() []Route { return r.all }

// ServeHTTP serves the routes as they are, for whoever stands behind another server of ours that New was called for.
func (r *Routes) ServeHTTP(w http.ResponseWriter, q *http.Request) { r.mux.ServeHTTP(w, q) }

// Handle adds a route. It panics on a pattern that http.ServeMux does not take and on an Access that nobody made, since both are mistakes of ours.
func (r *Routes) Handle(pattern string, a Access, h http.Handler) {
	var guard func(auth.Action, http.Handler) http.Handler
	switch a.Reach {
	case reachPublic, reachHolder:
		guard = func(_ auth.Action, h http.Handler) http.Handler { return h }
	case reachStaff:
		guard = r.guards.Staff
	case reachKey:
		guard = r.guards.Key
	default:
		panic("route " + pattern + " does not say whose it is")
	}
	if guard == nil {
		h = http.HandlerFunc(NotFound)
	} else {
		h = guard(a.Action, h)
	}
	r.mux.Handle(pattern, h)
	r.all = append(r.all, Route{pattern, a})
	r.bodies[pattern] = a.Body
}

// HandleFunc is Handle for a function.
func (r *Routes) HandleFunc(pattern string, a Access, h func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, a, http.HandlerFunc(h))
}

// Tell has errors below a path written as a protocol wants them. Without it they are pages for people, and problem+json for programs.
func (r *Routes) Tell(prefix string, write func(http.ResponseWriter, *Fault)) {
	r.tells = append(r.tells, tells{prefix, write})
}

// teller is what Tell said of a path; nil: nothing.
func (r *Routes) teller(path string) func(http.ResponseWriter, *Fault) {
	for _, t := range r.tells {
		if strings.HasPrefix(path, t.prefix) {
			return t.write
		}
	}
	return nil
}

type actorKey struct{}

// Actor is who makes this request, as a guard found; without one an actor who may nothing.
func Actor(ctx context.Context) auth.Actor {
	actor, _ := ctx.Value(actorKey{}).(auth.Actor)
	return actor
}

// WithActor says who makes a request.
func WithActor(ctx context.Context, actor auth.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}
