package server

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/auth"
	"housecall/platform/audit"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
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
	reader := audit.Reader{DB: h.db, Policy: h.policy, Now: s.config.Now, Of: visits.BelongTo}
	h.desk.Note(func(_ context.Context, actor auth.Actor, visit string, own *words.Words) (note desk.Note, _ error) {
		note.Button, note.Path = reader.Link(actor, store.About("visit", visit), own)
		return note, nil
	})
	h.patients.Note(func(_ context.Context, actor auth.Actor, patient string, own *words.Words) (note people.Note, _ error) {
		note.Button, note.Path = reader.Link(actor, store.About("patient", patient), own)
		return note, nil
	})
	return audit.Desk{Reader: reader, Pages: h.pages, Zone: s.firstZone, Names: s.staffNames, Named: s.named, Find: s.findPatients}.Routes(h.routes)
}

// named is what a patient or a visit is called, for the page of the audit. That the name was shown is an act of its own; of who is gone there is no name.
func (s *Server) named(ctx context.Context, actor auth.Actor, about store.Subject, own *words.Words) (audit.Named, error) {
	action := people.Read
	if about.Kind == "visit" {
		action = auth.VisitRead
	}
	err := emergencyRecords{s}.Exists(ctx, about)
	if errors.Is(err, fault.NotFound) || !s.Accounts.Policy.Allows(actor, action) {
		return audit.Named{}, nil
	}
	if err != nil {
		return audit.Named{}, err
	}
	if about.Kind == "visit" {
		v, err := s.Visits.Show(ctx, actor, about.ID)
		if err != nil {
			return audit.Named{}, err
		}
		starts, err := s.startsWords(ctx, v, own)
		return audit.Named{ID: v.ID, Name: phi.Text(v.Service), More: phi.Text(starts), Path: "/desk/visits/" + v.ID}, err
	}
	p, err := s.People.Show(ctx, actor, about.ID)
	return patientNamed(p, own), err
}

// findPatients finds patients for the page of the audit.
func (s *Server) findPatients(ctx context.Context, actor auth.Actor, query string, own *words.Words) (all []audit.Named, err error) {
	found, err := s.People.Search(ctx, actor, query)
	for _, p := range found.Patients {
		all = append(all, patientNamed(p, own))
	}
	return all, err
}

func patientNamed(p people.Patient, own *words.Words) audit.Named {
	n := audit.Named{ID: p.ID, Name: p.Name, Path: people.Path + "/" + p.ID}
	var more []string
	if born, err := time.Parse(time.DateOnly, p.BirthDate.Reveal()); err == nil {
		more = append(more, own.Date(born))
	}
	if number := p.Number.Reveal(); number != "" {
		more = append(more, number)
	}
	n.More = phi.Text(strings.Join(more, " · "))
	return n
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
