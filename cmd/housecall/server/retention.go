package server

import (
	"context"
	"slices"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/figures"
	"housecall/visits/retention"
)

// openRetention deletes what need not be kept any longer, and adds the page that says how long that is.
func (s *Server) openRetention(ctx context.Context, h *house) error {
	messages := func(ctx context.Context, tx *store.Tx, visits []string) error {
		for _, id := range visits {
			for _, about := range []string{id, after.AboutSummary(id)} {
				if err := h.post.outbox.Forget(ctx, tx, about); err != nil {
					return err
				}
			}
		}
		return nil
	}
	files := func(ctx context.Context, tx *store.Tx, visits []string) error {
		for _, id := range visits {
			if err := s.Uploads.Drop(ctx, tx, after.AboutSummary(id)); err != nil {
				return err
			}
		}
		return nil
	}
	kept, err := retention.New(ctx, retention.Config{DB: h.db, Jobs: h.post.queue, Policy: h.policy, Pages: h.pages, Vault: h.ring.Staff(), Sites: s.Sites,
		Exists: emergencyRecords{s}.Exists, Named: s.heldNames, Zone: s.config.TimeZone, Now: s.config.Now, Forgets: map[string][]retention.Forget{
			retention.KindVisits:   {emergency.Forget(h.post.outbox, "visit"), after.Forget, figures.Forget, messages, files, visits.Forget},
			retention.KindPatients: {emergency.Forget(h.post.outbox, "patient"), people.Forget},
			retention.KindChat:     {visits.ForgetChat},
			retention.KindChecks:   {visits.ForgetChecks},
			retention.KindMessages: {messages},
		}})
	if err != nil {
		return err
	}
	kept.Routes(h.routes)
	h.desk.Note(kept.Note)
	h.patients.Note(kept.PatientNote)
	return nil
}

// heldNames are what visits and patients are called, for the page of what is held. That they were shown is in the audit, as of other lists.
func (s *Server) heldNames(ctx context.Context, actor auth.Actor, all []store.Subject, own *words.Words) (map[store.Subject]retention.Named, error) {
	ids := map[string][]string{}
	for _, about := range all {
		ids[about.Kind] = append(ids[about.Kind], about.ID)
	}
	names := map[store.Subject]retention.Named{}
	if len(ids["visit"]) > 0 {
		found, err := s.Visits.ListOf(ctx, actor, ids["visit"])
		if err != nil {
			return nil, err
		}
		for id, v := range found {
			starts, err := s.startsWords(ctx, v, own)
			if err != nil {
				return nil, err
			}
			named := retention.Named{Name: phi.Text(v.Service), More: phi.Text(v.Service + ", " + starts)}
			if at := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.Role == auth.Patient }); at >= 0 {
				named.Name = v.Invitations[at].Name
			}
			names[store.About("visit", id)] = named
		}
	}
	if len(ids["patient"]) > 0 {
		found, err := s.People.ListOf(ctx, actor, ids["patient"])
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			named := patientNamed(p, own)
			names[store.About("patient", p.ID)] = retention.Named{Name: named.Name, More: named.More}
		}
	}
	return names, nil
}
