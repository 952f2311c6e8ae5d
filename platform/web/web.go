// Package web holds what every answer over HTTP has in common: security headers, the refusal of cross-site writes, limits on bodies and
// on tries from one address, the request log, problem+json, and the layout of pages for staff. It owns no state but the parsed
// templates. It must never log a path, a query or a name, and never show the cause of an error to a person.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

// DefaultMaxBody is how many bytes a request's body may have where Options say nothing else: far above any form or visit, far below
// anything that hurts.
const DefaultMaxBody = 64 << 10

// Options are what the outermost handler needs. The zero value serves plain HTTP at no known address.
type Options struct {
	PublicURL string           // where people reach the server, as in https://visits.example.org; "" when unknown
	Pages     *Pages           // draws errors for people; nil: every error is JSON
	Logger    *slog.Logger     // one line a request
	Now       func() time.Time // measures how long a request took
	MaxBody   int64            // bytes a body may have; 0: DefaultMaxBody
	Proxies   []netip.Prefix   // reverse proxies whose word about a request's address is taken
	Observe   func(Answered)   // is told of every request; may be nil
	Checks    []string         // routes that machines ask every few seconds: only what is wrong, and that it is right again, is logged
}

// Answered is what is counted of a request. The route is the pattern that matched, "none" where none did, and never the path.
type Answered struct {
	Method, Route string
	Status        int
	Took          time.Duration
}

// New puts everything of this package around the routes, and adds POST /language, the choice at the foot of pages: recovery, request log, headers, refusal of cross-site writes, the limit
// of bodies, and one answer for every path that does not exist. It fails when PublicURL is no origin.
func New(routes *Routes, o Options) (http.Handler, error) {
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Problem(w, r, &Fault{Code: "cross_site", Status: http.StatusForbidden, Title: "This came from another website",
			Detail: "For safety we only accept forms sent from our own pages. Go back and try again from there."})
	}))
	origin, err := originOf(o.PublicURL)
	if err != nil {
		return nil, err
	}
	if origin != "" {
		if err := cross.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trust our own address: %w", err)
		}
	}
	if o.Pages != nil {
		routes.HandleFunc("POST /language", Public("readers choose their language before they sign in"), chooseLanguage(o.Pages.book, strings.HasPrefix(origin, "https://")))
	}
	set := headers(origin)
	quiet := newQuiet(o.Checks)
	mux := routes.mux
	inner := cross.Handler(known(mux, routes.guards.Reader))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := o.Now()
		note := &note{pages: o.Pages, tell: routes.teller(r.URL.Path)}
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, note))
		r.RemoteAddr = clientAddr(r, o.Proxies)
		rec := &recorder{ResponseWriter: w}
		set(w.Header(), r.TLS != nil)
		// Asked before serving, because handlers further in work on copies of the request.
		_, route := mux.Handler(r)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, cmp.Or(routes.bodies[route], o.MaxBody))
		}
		defer func() {
			cause := recover()
			if cause == http.ErrAbortHandler { // the one panic that is part of net/http
				panic(cause)
			}
			if cause != nil {
				// The stack names functions and lines; arguments of a panic may hold anything, so only its type is logged.
				o.Logger.Error("panic", "route", route, "type", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
				if rec.status == 0 {
					Problem(rec, r, errors.New("panic"))
				}
			}
			answered := Answered{Method: knownMethod(r.Method), Route: cmp.Or(route, "none"), Status: rec.status, Took: o.Now().Sub(start)}
			if !quiet.keeps(answered) {
				logRequest(r.Context(), o.Logger, answered, note.cause)
			}
			if o.Observe != nil {
				o.Observe(answered)
			}
		}()
		inner.ServeHTTP(rec, r)
	}), nil
}

// originOf takes scheme and host of the public address.
func originOf(public string) (string, error) {
	if public == "" {
		return "", nil
	}
	u, err := url.Parse(public)
	if err != nil {
		return "", fmt.Errorf("public address: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("public address %q: want http(s)://host", public)
	}
	return u.Scheme + "://" + u.Host, nil
}

// known serves mux, but answers for paths and methods that it does not know in our own words. reader may be nil.
func known(mux *http.ServeMux, reader func(*http.Request) *http.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var plain discard
		h.ServeHTTP(&plain, r) // the mux's own answer says whether the path or only the method is unknown
		if plain.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", plain.header.Get("Allow"))
			Problem(w, r, &Fault{Code: "method_not_allowed", Status: http.StatusMethodNotAllowed,
				Title: "This cannot be done here", Detail: "The address is right, but it does not take this kind of request."})
			return
		}
		if reader != nil {
			r = reader(r)
		}
		NotFound(w, r)
	})
}

// discard keeps status and headers of an answer nobody is to see.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
