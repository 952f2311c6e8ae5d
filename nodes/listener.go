package nodes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"housecall/rooms"
)

// Serve answers other nodes, and nobody else, on the listener until Close. local serves what belongs to a room's host. A listener that ends by itself
// is told to failed.
func (r *Router) Serve(listener net.Listener, local http.Handler, failed func(error)) {
	mux := http.NewServeMux()
	for _, pattern := range hosted {
		mux.Handle(pattern, fromCaller(local))
	}
	mux.HandleFunc("POST /rooms/{visit}", r.servePlace)
	mux.HandleFunc("GET /rooms/{visit}/sessions/{session}", r.serveSession)
	mux.HandleFunc("POST /rooms/{visit}/told", r.serveTold)
	mux.HandleFunc("GET /rooms", r.servePresent)
	r.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(r.config.Logger.Handler(), slog.LevelDebug), // strangers knock
	}
	secure := tls.NewListener(listener, r.config.Identity.server())
	r.work.Go(func() {
		if err := r.server.Serve(secure); !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("serving other nodes: %w", err))
		}
	})
}

// fromCaller gives a request of another node back the address from which it came there, for whatever counts and limits by that.
func fromCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		caller, err := netip.ParseAddrPort(q.Header.Get(callerHeader))
		if err != nil {
			http.Error(w, "no caller", http.StatusBadRequest)
			return
		}
		q.RemoteAddr = caller.String()
		q.Header.Del(callerHeader)
		next.ServeHTTP(w, q)
	})
}

// servePlace opens a room here: 204. 410: the visit has ended. 503: not here, or not now.
func (r *Router) servePlace(w http.ResponseWriter, q *http.Request) {
	err := held(r.config.Host.Place(q.Context(), q.PathValue("visit")))
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, rooms.ErrEnded):
		w.WriteHeader(http.StatusGone)
	default:
		r.config.Logger.WarnContext(q.Context(), "a room was not opened for another node", "visit", q.PathValue("visit"), "cause", err)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// serveSession tells whether a session is in the visit now: 204, else 404.
func (r *Router) serveSession(w http.ResponseWriter, q *http.Request) {
	in, err := r.config.Host.InVisit(q.Context(), q.PathValue("visit"), q.PathValue("session"))
	switch {
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
	case in:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// Close ends what is carried to other nodes, answers none any more, and returns when all is over, or with an error when the context is over before.
func (r *Router) Close(ctx context.Context) error {
	r.cancel()
	defer r.transport.CloseIdleConnections()
	if r.server == nil {
		return nil
	}
	err := r.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, r.server.Close())
	}
	r.work.Wait()
	return err
}
