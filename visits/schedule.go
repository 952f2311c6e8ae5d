package visits

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// Planned is a visit as a day or a week shows it.
type Planned struct {
	Visit            // without its invitations, and no more of it than is shown
	Patient phi.Text // who comes: the first who was invited
	Tested  Tested
}

// MaxShown is how many visits Schedule and Leading give at most.
const MaxShown = 2000

// Schedule returns the visits of a clinic's day or week, up to MaxShown. They are read before the act, whose transaction keeps everybody else from writing: all
// there is in it is its audit row, which is there before anything is shown.
func (s *Service) Schedule(ctx context.Context, actor auth.Actor, q Query) (all []Planned, err error) {
	var unread error
	if actor.May(auth.VisitRead) {
		all, unread = s.scheduleRows(ctx, q)
	}
	err = s.act(ctx, actor, "visit.list", auth.VisitRead, store.About("visit", ""), func(_ *store.Tx, a *store.Act) error {
		a.Detail = "visits " + strconv.Itoa(len(all))
		return unread
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// scheduleRows reads what a schedule shows, each table once.
func (s *Service) scheduleRows(ctx context.Context, q Query) ([]Planned, error) {
	where, args := q.where()
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (v Planned, err error) {
		var starts, ends int64
		err = r.Scan(&v.ID, &v.Service, &starts, &ends, &v.State, &v.ServiceID, &v.ClinicianID, &v.Interpreter, &v.InterpreterLanguage, &v.Patient)
		v.StartsAt, v.EndsAt = store.Time(starts), store.Time(ends)
		v.OpensAt, v.ClosesAt = v.StartsAt.Add(-s.config.Window.OpensBefore), v.EndsAt.Add(s.config.Window.ClosesAfter)
		return v, err
	}, `SELECT id, service, starts_at, ends_at, state, service_id, clinician_id, interpreter, interpreter_language,
		COALESCE((SELECT i.name FROM invitations i WHERE i.visit_id = visits.id AND i.role = 'patient' ORDER BY i.id LIMIT 1), '')
		FROM visits WHERE `+where+` ORDER BY starts_at, id LIMIT ?`, append(args, MaxShown)...)
	if err != nil {
		return nil, fmt.Errorf("list visits: %w", err)
	}
	place := make(map[string]int, len(all))
	for i, v := range all {
		place[v.ID] = i
	}
	checks, err := store.Collect(ctx, s.config.DB, scanCheck, `SELECT `+checkColumns+` FROM device_checks WHERE visit_id IN (SELECT id FROM visits WHERE `+where+`)
		AND EXISTS (SELECT 1 FROM invitations i JOIN visits v ON v.id = i.visit_id WHERE i.id = device_checks.invitation_id AND i.revoked_at = 0
			AND (i.role NOT IN (?, ?) OR v.confidential = 0))`, append(slices.Clone(args), string(auth.Guardian), string(auth.Guest))...)
	if err != nil {
		return nil, fmt.Errorf("read device checks: %w", err)
	}
	for _, c := range checks {
		if at, shown := place[c.visit]; shown {
			all[at].Tested.Worst = worse(all[at].Tested.Worst, &c.DeviceCheck)
		}
	}
	part, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }, `SELECT DISTINCT i.visit_id FROM invitations i JOIN visits v ON v.id = i.visit_id
		WHERE i.visit_id IN (SELECT visit_id FROM device_checks WHERE visit_id IN (SELECT id FROM visits WHERE `+where+`)) AND i.revoked_at = 0
		AND (i.role = ? OR i.role IN (?, ?) AND v.confidential = 0)
		AND NOT EXISTS (SELECT 1 FROM device_checks c WHERE c.visit_id = i.visit_id AND c.invitation_id = i.id)`,
		append(args, string(auth.Patient), string(auth.Guardian), string(auth.Guest))...)
	if err != nil {
		return nil, fmt.Errorf("read who tested no devices: %w", err)
	}
	for _, id := range part {
		if at, shown := place[id]; shown {
			all[at].Tested.Part = true
		}
	}
	return all, nil
}

// Busy is when somebody who leads visits has one.
type Busy struct {
	Clinician string
	From, To  time.Time
}

// Occupied is when clinicians have visits that are not over and start from one time to another, whatever their sites and services. It asks no rules
// and leaves no audit row, for it tells of no visit.
func (s *Service) Occupied(ctx context.Context, from, to time.Time) ([]Busy, error) {
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (o Busy, err error) {
		var starts, ends int64
		err = r.Scan(&o.Clinician, &starts, &ends)
		o.From, o.To = store.Time(starts), store.Time(ends)
		return o, err
	}, `SELECT clinician_id, starts_at, ends_at FROM visits WHERE starts_at >= ? AND starts_at < ? AND state NOT IN (?, ?, ?)`,
		store.Millis(from), store.Millis(to), string(Cancelled), string(Ended), string(NoShow))
	if err != nil {
		return nil, fmt.Errorf("read who has visits: %w", err)
	}
	return all, nil
}
