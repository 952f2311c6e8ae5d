package after

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
)

// Record is what is known of how a visit went: times and people, and nothing of what was said.
type Record struct {
	Visit    visits.Visit
	Began    time.Time // somebody was let in; zero: nobody was
	Ended    time.Time // zero: it goes on, or never began
	People   []Attendance
	Private  []visits.Span // private time
	Events   []visits.RoomEvent
	Consents []visits.ConsentRow
}

// Attendance is when one invited person was there.
type Attendance struct {
	Invitation visits.Invitation
	Opened     time.Time // their link, first; zero: never
	In, Out    time.Time // first let in, last seen to go; zero: never
	Waited     time.Duration
	Quality    Quality // of their connection
}

// KeepEvent keeps what happened in a room for the record, in the transaction that the visit hears of it.
func (s *Service) KeepEvent(ctx context.Context, tx *store.Tx, e visits.RoomEvent) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO after_events (visit_id, at, kind, invitation_id, role, by_id) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (visit_id, at, kind, invitation_id) DO NOTHING`, e.Visit, store.Millis(e.At), string(e.Kind), e.Invitation, string(e.Role), e.By)
	if err != nil {
		return fmt.Errorf("keep an event for the record: %w", err)
	}
	return nil
}

// Record reads the record of a visit: a clinician of those they take part in, or have emergency access to.
func (s *Service) Record(ctx context.Context, actor auth.Actor, visit string) (Record, error) {
	var r Record
	act := store.Act{At: s.now(), Actor: actor, Action: string(RecordRead), Subject: store.About("visit", visit)}
	err := s.config.DB.Do(ctx, act, s.config.Policy.May(actor.Role, RecordRead), func(tx *store.Tx, _ *store.Act) (err error) {
		if r.Visit, err = s.config.Visits.Read(ctx, tx, visit); err != nil {
			return err
		}
		if actor.Role == auth.Clinician && !Signed(actor, visit).of(r.Visit) {
			if err := s.urgent(ctx, tx, actor, RecordRead, r.Visit); err != nil {
				return err
			}
		}
		if r.Events, err = events(ctx, tx, visit); err != nil {
			return err
		}
		opened, err := s.config.Visits.FirstOpened(ctx, tx, visit)
		if err != nil {
			return err
		}
		if r.Consents, err = s.config.Visits.ConsentsOf(ctx, tx, visit); err != nil {
			return err
		}
		measured, err := qualities(ctx, tx, visit)
		r.sum(opened, measured[visit])
		return err
	})
	return r, err
}

// Began tells when visits began, by their ids, as far as that is known: when the first was let in who may not enter by right. Whoever asks judges and audits who is told.
func (s *Service) Began(ctx context.Context, visits []string) (map[string]time.Time, error) {
	began := map[string]time.Time{}
	if len(visits) == 0 {
		return began, nil
	}
	in, args := store.In(visits)
	type admission struct {
		visit string
		role  auth.Role
		at    int64
	}
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (a admission, err error) { return a, r.Scan(&a.visit, &a.role, &a.at) },
		`SELECT visit_id, role, MIN(at) FROM after_events WHERE kind = 'admitted' AND visit_id IN `+in+` GROUP BY visit_id, role`, args...)
	if err != nil {
		return nil, fmt.Errorf("read when visits began: %w", err)
	}
	for _, a := range all {
		at := store.Time(a.at)
		if first, known := began[a.visit]; !begins(a.role) || known && !at.Before(first) {
			continue
		}
		began[a.visit] = at
	}
	return began, nil
}

// begins says whether a visit begins when somebody of a role is let in.
func begins(role auth.Role) bool { return !auth.May(role, auth.VisitEnter) }

func events(ctx context.Context, q store.Queryer, visit string) ([]visits.RoomEvent, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (visits.RoomEvent, error) {
		e := visits.RoomEvent{Visit: visit}
		var at int64
		err := r.Scan(&at, &e.Kind, &e.Invitation, &e.Role, &e.By)
		e.At = store.Time(at)
		return e, err
	}, `SELECT at, kind, invitation_id, role, by_id FROM after_events WHERE visit_id = ? ORDER BY at, kind, invitation_id`, visit)
	if err != nil {
		return nil, fmt.Errorf("read what happened in a visit: %w", err)
	}
	return all, nil
}

// sum makes of events when the visit was, who was there, how their connections were, and when there was private time.
func (r *Record) sum(opened map[string]time.Time, measured map[string]Quality) {
	if r.Visit.State == visits.Ended {
		r.Ended = r.Visit.StateAt
	}
	for _, i := range r.Visit.Invitations {
		a := Attendance{Invitation: i, Opened: opened[i.ID], Quality: measured[i.ID]}
		for _, e := range r.Events {
			switch {
			case e.Invitation != i.ID:
			case e.Kind == visits.RoomAdmitted && a.In.IsZero():
				a.In = e.At
			case e.Kind == visits.RoomLeft, e.Kind == visits.RoomReturned, e.Kind == visits.RoomRemoved:
				a.Out = e.At
			}
		}
		if a.Out.IsZero() && !a.In.IsZero() {
			a.Out = r.Ended
		}
		if !a.In.IsZero() && !a.Opened.IsZero() && a.In.After(a.Opened) {
			a.Waited = a.In.Sub(a.Opened)
		}
		r.People = append(r.People, a)
	}
	for _, e := range r.Events {
		switch last := len(r.Private) - 1; e.Kind {
		case visits.RoomAdmitted:
			if r.Began.IsZero() && begins(e.Role) {
				r.Began = e.At
			}
		case visits.RoomPrivateStarted:
			r.Private = append(r.Private, visits.Span{From: e.At})
		case visits.RoomPrivateEnded, visits.RoomEnded:
			if last >= 0 && r.Private[last].To.IsZero() {
				r.Private[last].To = e.At
			}
		}
	}
}

// nameIn is the name of somebody invited.
func (r Record) nameIn(invitation string) string {
	if i := slices.IndexFunc(r.Visit.Invitations, func(i visits.Invitation) bool { return i.ID == invitation }); i >= 0 {
		return r.Visit.Invitations[i].Name.Reveal()
	}
	return ""
}
