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
	mux := http.NewServeMux()
	h.routes(mux)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// A profile takes as long as was asked for, so writing has no limit here.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
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
