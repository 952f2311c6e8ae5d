package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"housecall/platform/web"
)

// serveAdmin answers operators apart from everybody else: metrics, profiles, health. There is no sign-in, so the address it listens at must be one
// that only they reach.
func (s *Server) serveAdmin(metrics *prometheus.Registry, h health) error {
	if s.config.AdminListen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.config.AdminListen)
	if err != nil {
		return fmt.Errorf("listening for operators: %w", err)
	}
	s.admin = listener.Addr()
	routes := web.NewRoutes(web.Guards{})
	h.routes(routes)
	operators := web.Public("only operators reach this address")
	routes.Handle("GET /metrics", operators, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	routes.HandleFunc("GET /debug/pprof/", operators, pprof.Index)
	routes.HandleFunc("GET /debug/pprof/cmdline", operators, pprof.Cmdline)
	routes.HandleFunc("GET /debug/pprof/profile", operators, pprof.Profile)
	routes.HandleFunc("GET /debug/pprof/symbol", operators, pprof.Symbol)
	routes.HandleFunc("GET /debug/pprof/trace", operators, pprof.Trace)
	// A profile takes as long as was asked for, so writing has no limit here.
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	s.work.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving operators: %w", err)
		}
	})
	s.onClose(func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
	return nil
}

// AdminAddr is where operators reach metrics and profiles; nil: nowhere.
func (s *Server) AdminAddr() net.Addr { return s.admin }
