package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
)

// openEmergency opens emergency access to patients and visits, which may be made later.
func (s *Server) openEmergency(ctx context.Context, h *house) (err error) {
	s.emergency, err = emergency.New(ctx, emergency.Config{DB: h.db, Policy: h.policy, Vault: h.ring.Staff(), Jobs: h.post.queue, Outbox: h.post.outbox, Pages: h.pages, Records: emergencyRecords{s},
		Reviewers: s.reviewers, Names: s.Accounts.Names, PublicURL: s.url, Zone: s.firstZone, Now: s.config.Now})
	return err
}

// reviewers are told of emergency access.
func (s *Server) reviewers(ctx context.Context, q store.Queryer) (all []emergency.Recipient, err error) {
	accounts, err := s.Accounts.Allowed(ctx, q, emergency.Review)
	for _, a := range accounts {
		all = append(all, emergency.Recipient{Account: a.ID, Email: a.Email})
	}
	return all, err
}

// emergencyBanner is what every page says while emergency access waits for review.
func (s *Server) emergencyBanner(ctx context.Context, actor auth.Actor, own *words.Words) (text, path string, err error) {
	return s.emergency.Banner(ctx, actor, own)
}

// emergencyRecords are the patients and visits that emergency access opens.
type emergencyRecords struct{ server *Server }

// Identify implements emergency.Records.
func (r emergencyRecords) Identify(ctx context.Context, words, birthDate string) ([]string, error) {
	return r.server.People.Identify(ctx, words, birthDate)
}

// Exists implements emergency.Records.
func (r emergencyRecords) Exists(ctx context.Context, about store.Subject) error {
	if about.Kind == "visit" {
		return r.server.Visits.Exists(ctx, about.ID)
	}
	_, err := r.server.People.Patient(ctx, about.ID)
	return err
}

// Patient implements emergency.Records.
func (r emergencyRecords) Patient(ctx context.Context, id string) (emergency.Patient, error) {
	p, err := r.server.People.Patient(ctx, id)
	out := emergency.Patient{ID: p.ID, Name: p.Name, BirthDate: p.BirthDate}
	for _, c := range p.Contacts {
		out.Contacts = append(out.Contacts, emergency.Contact{Name: c.Name, Phone: c.Phone, Shown: people.PhoneWords(c.Phone)})
	}
	return out, err
}

// Visits implements emergency.Records.
func (r emergencyRecords) Visits(ctx context.Context, actor auth.Actor, about store.Subject) (all []emergency.Visit, err error) {
	found, err := r.server.Visits.EmergencyList(ctx, actor, about)
	if err != nil {
		return nil, err
	}
	now := r.server.config.Now()
	for _, v := range found {
		site, err := r.server.Visits.SiteOf(ctx, v)
		if err != nil {
			return nil, err
		}
		all = append(all, emergency.Visit{ID: v.ID, Service: v.Service, StartsAt: v.StartsAt, Zone: site.Zone, State: stateWords(v.State),
			Joinable: !v.State.Over() && !now.Before(v.OpensAt) && now.Before(v.ClosesAt)})
	}
	return all, nil
}

// stateWords names the words of a state, as the desk says it.
func stateWords(s visits.State) string {
	switch s {
	case visits.Scheduled:
		return "planned"
	case visits.Open:
		return "came"
	}
	return string(s)
}

// Join implements emergency.Records.
func (r emergencyRecords) Join(ctx context.Context, actor auth.Actor, visit string) (link string, err error) {
	names, err := r.server.Accounts.Names(ctx, actor.ID)
	if err != nil {
		return "", err
	}
	made, err := r.server.Visits.EmergencyJoin(ctx, actor, visit, phi.Text(names[actor.ID]))
	return made.URL, err
}

// Leave implements emergency.Records.
func (r emergencyRecords) Leave(ctx context.Context, visit, invitation string) error {
	return r.server.Visits.EmergencyEnd(ctx, visit, invitation)
}

var descEmergency = describe("emergency_unreviewed", "Emergency access that no administrator has reviewed.")

// emergencyMetrics counts emergency access, whenever somebody asks.
type emergencyMetrics struct{ service *emergency.Service }

// Describe implements prometheus.Collector.
func (m emergencyMetrics) Describe(out chan<- *prometheus.Desc) { out <- descEmergency }

// Collect implements prometheus.Collector. While the database is away it says nothing: housecall_up does.
func (m emergencyMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	if n, err := m.service.Waiting(ctx); err == nil {
		out <- prometheus.MustNewConstMetric(descEmergency, prometheus.GaugeValue, float64(n))
	}
}
