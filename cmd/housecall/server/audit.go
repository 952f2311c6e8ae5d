package server

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/auth"
	"housecall/platform/audit"
	"housecall/platform/phi"
	"housecall/visits"
)

// auditFile is the name of the file of checkpoints, where no other was given.
const auditFile = "audit-checkpoints"

// AuditFile is where checkpoints of the audit are appended to, of a server whose folder is data.
func AuditFile(data string) string { return filepath.Join(data, auditFile) }

// sealAudit seals the audit until Close.
func (s *Server) sealAudit(_ context.Context, h *house) error {
	key, err := audit.NewKey(h.ring.Audit())
	if err != nil {
		return err
	}
	log := audit.New(audit.Config{DB: h.db, Key: key, File: s.config.AuditFile, Logger: s.config.Logger, Now: s.config.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		log.Run(ctx)
	}()
	s.onClose(func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
	h.audit = log
	return nil
}

// routeAudit adds the page on which administrators read the audit.
func (s *Server) routeAudit(_ context.Context, h *house) error {
	return audit.Desk{Reader: audit.Reader{DB: h.db, Policy: h.policy, Now: s.config.Now, Of: visits.OfPatient}, Pages: h.pages, Zone: s.config.TimeZone, Names: s.staffNames}.Routes(h.routes)
}

// staffNames are the names of who works here, by the ids of their accounts.
func (s *Server) staffNames(ctx context.Context, actor auth.Actor) (map[string]phi.Text, error) {
	all, err := s.Accounts.All(ctx, actor)
	names := map[string]phi.Text{}
	for _, account := range all {
		names[account.ID] = account.Name
	}
	return names, err
}

var (
	descUnsealed    = describe("audit_unsealed_rows", "Rows of the audit that are not sealed yet.")
	descUnsealedAge = describe("audit_unsealed_age_seconds", "Age of the oldest of them; 0: there is none.")
)

// auditMetrics looks at what of the audit is not sealed yet, whenever somebody asks.
type auditMetrics struct {
	log *audit.Log
	now func() time.Time
}

// Describe implements prometheus.Collector.
func (m auditMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- descUnsealed
	out <- descUnsealedAge
}

// Collect implements prometheus.Collector. While the database is away it says nothing: housecall_up does.
func (m auditMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	waiting, err := m.log.Waiting(ctx)
	if err != nil {
		return
	}
	age := 0.0
	if !waiting.Since.IsZero() {
		age = max(0, m.now().Sub(waiting.Since).Seconds())
	}
	out <- prometheus.MustNewConstMetric(descUnsealed, prometheus.GaugeValue, float64(waiting.Rows))
	out <- prometheus.MustNewConstMetric(descUnsealedAge, prometheus.GaugeValue, age)
}
