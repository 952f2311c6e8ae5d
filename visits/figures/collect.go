package figures

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/store"
	"housecall/visits"
)

const (
	batch = 200                // visits counted in one transaction
	late  = 7 * 24 * time.Hour // how much later than others that ended with it a visit may come to its end, as after a server was away
)

// visit is what is counted of one.
type visit struct {
	id, site, service string
	state             visits.State
	starts, ends      time.Time
	interpreter       bool

	language     string
	patient      bool // the language is the patient's
	came, in     time.Time
	joins, alone int64
	bad          bool // somebody's connection was
}

// collect counts all visits that are over and were not counted yet, and plans to look again.
func (s *Service) collect(ctx context.Context, job jobs.Job) error {
	for {
		more, err := s.collectSome(ctx)
		if err != nil {
			return fmt.Errorf("count visits: %w", err)
		}
		if !more {
			break
		}
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := job.Done(ctx, tx); err != nil {
			return err
		}
		return s.plan(ctx, tx, s.config.Now().Add(collectEvery))
	})
}

// collectSome counts a batch of visits in one transaction.
func (s *Service) collectSome(ctx context.Context) (more bool, err error) {
	err = s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		all, err := s.uncounted(ctx, tx)
		if err != nil || len(all) == 0 {
			return err
		}
		more = len(all) == batch
		if err := s.fillVisits(ctx, tx, all); err != nil {
			return err
		}
		for _, v := range all {
			if err := s.count(ctx, tx, v); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}

// uncounted are the next visits that are over and planned to be by now.
func (s *Service) uncounted(ctx context.Context, tx *store.Tx) (all []*visit, err error) {
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(ends_at), 0) FROM figures_visits`).Scan(&last); err != nil {
		return nil, err
	}
	for _, state := range []visits.State{visits.Ended, visits.NoShow, visits.Cancelled} {
		some, err := store.Collect(ctx, tx, scanVisit, `SELECT v.id, v.site_id, v.service_id, v.state, v.starts_at, v.ends_at, v.interpreter <> '' FROM visits v
			WHERE v.state = ? AND v.ends_at >= ? AND v.ends_at < ? AND NOT EXISTS (SELECT 1 FROM figures_visits f WHERE f.visit_id = v.id) ORDER BY v.ends_at LIMIT ?`,
			string(state), last-late.Milliseconds(), store.Millis(s.config.Now()), batch-len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func scanVisit(r *sql.Rows) (*visit, error) {
	v := &visit{}
	var starts, ends int64
	err := r.Scan(&v.id, &v.site, &v.service, &v.state, &starts, &ends, &v.interpreter)
	v.starts, v.ends = store.Time(starts), store.Time(ends)
	return v, err
}

// person is somebody of a family.
type person struct {
	visit, id, language string
	role                auth.Role
	came                int64 // when they first opened their link; 0: never
}

// fillVisits reads how these visits went.
func (s *Service) fillVisits(ctx context.Context, tx *store.Tx, all []*visit) error {
	byID, ids := map[string]*visit{}, []string{}
	for _, v := range all {
		byID[v.id], ids = v, append(ids, v.id)
	}
	bad, err := s.config.Bad(ctx, tx, ids)
	if err != nil {
		return err
	}
	for id, v := range byID {
		v.bad = bad[id]
	}
	in, args := store.In(ids)
	family, err := store.Collect(ctx, tx, func(r *sql.Rows) (p person, err error) {
		return p, r.Scan(&p.visit, &p.id, &p.role, &p.language, &p.came)
	},
		`SELECT i.visit_id, i.id, i.role, i.language, COALESCE((SELECT MIN(s.created_at) FROM visit_sessions s WHERE s.invitation_id = i.id AND s.spoken = 0), 0)
		FROM invitations i WHERE i.visit_id IN `+in+` AND i.role IN ('patient', 'guardian') ORDER BY i.id`, args...)
	if err != nil {
		return err
	}
	ids = nil
	for _, p := range family {
		ids = append(ids, p.id)
	}
	acts, err := actsOn(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, p := range family {
		byID[p.visit].add(p, acts[p.id])
	}
	return nil
}

// acts are what the audit has of an invitation.
type acts struct {
	admitted time.Time // for the first time
	resent   bool
}

func actsOn(ctx context.Context, tx *store.Tx, invitations []string) (map[string]acts, error) {
	found := map[string]acts{}
	if len(invitations) == 0 {
		return found, nil
	}
	type row struct {
		id, action string
		at         int64
	}
	in, args := store.In(invitations)
	rows, err := store.Collect(ctx, tx, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.id, &x.action, &x.at) },
		`SELECT subject_id, action, MIN(at) FROM audit WHERE subject_kind = 'invitation' AND subject_id IN `+in+` AND action IN ('room.admitted', 'invitation.resend')
		AND outcome = 'allowed' GROUP BY subject_id, action`, args...)
	for _, r := range rows {
		a := found[r.id]
		if r.action == "invitation.resend" {
			a.resent = true
		} else {
			a.admitted = store.Time(r.at)
		}
		found[r.id] = a
	}
	return found, err
}

// add takes somebody of the family in.
func (v *visit) add(p person, a acts) {
	if p.language != "" && (v.language == "" || p.role == auth.Patient && !v.patient) {
		v.language, v.patient = p.language, p.role == auth.Patient
	}
	if came := store.Time(p.came); p.came > 0 && (v.came.IsZero() || came.Before(v.came)) {
		v.came = came
	}
	if a.admitted.IsZero() {
		return
	}
	v.joins++
	if !a.resent {
		v.alone++
	}
	if v.in.IsZero() || a.admitted.Before(v.in) {
		v.in = a.admitted
	}
}

// wait is how long the family waited, in quarters of a minute; ok is false where nobody of them was let in.
func (v *visit) wait() (quarters int64, ok bool) {
	if v.in.IsZero() || v.came.IsZero() {
		return 0, false
	}
	from := v.starts
	if v.came.After(from) {
		from = v.came
	}
	return int64(max(0, v.in.Sub(from)) / (15 * time.Second)), true
}

// count adds a visit to the sums of its day.
func (s *Service) count(ctx context.Context, tx *store.Tx, v *visit) error {
	day := v.starts.In(s.config.Zone).Format(time.DateOnly)
	one := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	failed := v.state != visits.Cancelled && !v.came.IsZero() && v.in.IsZero()
	bad := v.bad && !v.in.IsZero() && v.state != visits.Cancelled
	_, err := tx.ExecContext(ctx, `INSERT INTO figures_days (day, site_id, service_id, language, took_place, no_show, cancelled, failed, bad, interpreter, joins, alone)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (day, site_id, service_id, language) DO UPDATE SET took_place = figures_days.took_place + excluded.took_place,
			no_show = figures_days.no_show + excluded.no_show, cancelled = figures_days.cancelled + excluded.cancelled, failed = figures_days.failed + excluded.failed, bad = figures_days.bad + excluded.bad,
			interpreter = figures_days.interpreter + excluded.interpreter, joins = figures_days.joins + excluded.joins, alone = figures_days.alone + excluded.alone`,
		day, v.site, v.service, v.language, one(v.state == visits.Ended), one(v.state == visits.NoShow), one(v.state == visits.Cancelled), one(failed), one(bad), one(v.interpreter), v.joins, v.alone)
	if err != nil {
		return err
	}
	if quarters, ok := v.wait(); ok {
		_, err := tx.ExecContext(ctx, `INSERT INTO figures_waits (day, site_id, service_id, quarters, visits) VALUES (?, ?, ?, ?, 1)
			ON CONFLICT (day, site_id, service_id, quarters) DO UPDATE SET visits = figures_waits.visits + 1`, day, v.site, v.service, quarters)
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO figures_visits (visit_id, ends_at) VALUES (?, ?)`, v.id, store.Millis(v.ends))
	return err
}

// Forget has visits that are deleted no longer noted as counted. Their sums stay.
func Forget(ctx context.Context, tx *store.Tx, visits []string) error {
	return store.DeleteWhere(ctx, tx, visits, "figures_visits.visit_id")
}
