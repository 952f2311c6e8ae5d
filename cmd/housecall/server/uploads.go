package server

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/platform/uploads"
)

// openUploads opens what takes files from people. Whoever has a door for them adds it before startPost.
func (s *Server) openUploads(ctx context.Context, h *house) error {
	scanner, err := uploads.ParseScanner(s.config.Scanner)
	if err != nil {
		return fmt.Errorf("--scanner: %w", err)
	}
	s.Uploads, err = uploads.New(ctx, uploads.Config{DB: h.db, Jobs: h.post.queue, Blobs: s.Blobs, Vault: h.ring.Notes(), Scanner: scanner, Limiter: h.limiter, Logger: s.config.Logger, Now: s.config.Now})
	return err
}

// uploadMetrics tells of files that nobody has taken.
type uploadMetrics struct{ service *uploads.Service }

var descUploads = describe("uploads", "Files on all nodes that people added and nobody has taken, by state: coming, scanning, clean, refused.", "state")

// Describe implements prometheus.Collector.
func (u uploadMetrics) Describe(out chan<- *prometheus.Desc) { out <- descUploads }

// Collect implements prometheus.Collector. While the database is away it tells nothing.
func (u uploadMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	counted, err := u.service.Counted(ctx)
	if err != nil {
		return
	}
	for state, n := range counted {
		out <- prometheus.MustNewConstMetric(descUploads, prometheus.GaugeValue, float64(n), string(state))
	}
}
