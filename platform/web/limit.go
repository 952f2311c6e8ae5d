package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"housecall/platform/fault"
)

// Limiter counts tries. Allow counts one more under key and tells whether it is within limit tries in window, and else how long until one
// more is. An error means that it could not be counted.
type Limiter interface {
	Allow(ctx context.Context, key string, limit int, window time.Duration) (ok bool, retryAfter time.Duration, err error)
}

// Forgiver is a Limiter that takes back a try that it has counted under key.
type Forgiver interface {
	Limiter
	GiveBack(ctx context.Context, key string) error
}

// Limit lets limit requests in window through from one address, counted together under name for all handlers that share it. Beyond that the
// answer is 429 with Retry-After; when it cannot be counted, 503: what is limited is worth guessing at, so it fails closed.
func Limit(l Limiter, name string, limit int, window time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := Allow(r.Context(), l, triesOf(r, name), limit, window); err != nil {
				Problem(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// GiveBack takes back the try that Limit counted of a request under name, since it was a right one: so a whole hospital behind one address gets
// in, and only guesses count. A try that can't be taken back stays counted; why is noted with the request.
func GiveBack(r *http.Request, l Forgiver, name string) {
	if err := l.GiveBack(r.Context(), triesOf(r, name)); err != nil {
		NoteCause(r, err)
	}
}

// triesOf is the key under which tries of a request's network are counted.
func triesOf(r *http.Request, name string) string { return name + ":" + Network(r) }

// Allow asks l and turns a refusal into fault.TooOften and a failure into fault.Away.
func Allow(ctx context.Context, l Limiter, key string, limit int, window time.Duration) error {
	ok, after, err := l.Allow(ctx, key, limit, window)
	if err != nil {
		return fault.Away(err)
	}
	if !ok {
		return fault.TooOften(after)
	}
	return nil
}

// Network names where a request comes from, for counting: the IPv4 address, or the /64 of an IPv6 one, since one household has them all.
func Network(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err != nil {
			return "unknown"
		}
		return p.String()
	}
	return a.String()
}
