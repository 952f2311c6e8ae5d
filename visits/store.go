package visits

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

const visitColumns = `id, service, starts_at, ends_at, state, state_at, birth_date, ask_birth_date, created_at,
	patient_id, site_id, service_id, clinician_id, confidential, interpreter, interpreter_language, series_id, sequence, identifier_system, identifier_value`

// scanVisit reads visitColumns.
func (w Window) scanVisit(scan func(...any) error) (Visit, error) {
	var v Visit
	var starts, ends, stateAt, created int64
	var asks, confidential int
	if err := scan(&v.ID, &v.Service, &starts, &ends, &v.State, &stateAt, &v.BirthDate, &asks, &created, &v.PatientID, &v.SiteID, &v.ServiceID,
		&v.ClinicianID, &confidential, &v.Interpreter, &v.InterpreterLanguage, &v.SeriesID, &v.Sequence,
		&v.Identifier.System, &v.Identifier.Value); err != nil {
		return Visit{}, err
	}
	v.StartsAt, v.EndsAt, v.StateAt, v.CreatedAt = store.Time(starts), store.Time(ends), store.Time(stateAt), store.Time(created)
	v.OpensAt, v.ClosesAt = v.StartsAt.Add(-w.OpensBefore), v.EndsAt.Add(w.ClosesAfter)
	v.AskBirthDate, v.Confidential = asks == 1, confidential == 1
	return v, nil
}

const invitationColumns = `id, visit_id, name, role, language, generation, tries, revoked_at, created_at, contact_id, staff_id, email, phone, mended`

func scanInvitation(scan func(...any) error) (Invitation, error) {
	var i Invitation
	var tries int
	var revoked, created int64
	if err := scan(&i.ID, &i.VisitID, &i.Name, &i.Role, &i.Language, &i.Generation, &tries, &revoked, &created,
		&i.ContactID, &i.StaffID, &i.Email, &i.Phone, &i.Mended); err != nil {
		return Invitation{}, err
	}
	i.Locked, i.RevokedAt, i.CreatedAt = tries >= maxTries, store.Time(revoked), store.Time(created)
	return i, nil
}

func insertVisit(ctx context.Context, tx *store.Tx, v Visit, by auth.Actor) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO visits (`+visitColumns+`, created_by_kind, created_by_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.ID, v.Service, store.Millis(v.StartsAt), store.Millis(v.EndsAt), string(v.State), store.Millis(v.StateAt), v.BirthDate, number(v.AskBirthDate), store.Millis(v.CreatedAt),
		v.PatientID, v.SiteID, v.ServiceID, v.ClinicianID, number(v.Confidential), string(v.Interpreter), v.InterpreterLanguage, v.SeriesID, v.Sequence,
		v.Identifier.System, v.Identifier.Value, by.Kind, by.ID)
	if err != nil {
		return fmt.Errorf("insert a visit: %w", err)
	}
	return nil
}

// number is a truth value as both engines keep it.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// insertInvitation adds an invitation with its first code.
func (s *Service) insertInvitation(ctx context.Context, tx *store.Tx, i Invitation) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO invitations (`+invitationColumns+`) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, 0)`,
		i.ID, i.VisitID, i.Name, string(i.Role), i.Language, i.Generation, store.Millis(i.CreatedAt), i.ContactID, i.StaffID, i.Email, i.Phone)
	if err != nil {
		return fmt.Errorf("insert an invitation: %w", err)
	}
	return s.insertCode(ctx, tx, i)
}

func (s *Service) insertCode(ctx context.Context, tx *store.Tx, i Invitation) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO invitation_codes (hash, invitation_id, generation) VALUES (?, ?, ?)`,
		hashOf(linkCode(s.config.LinkKey, i.ID, i.Generation)), i.ID, i.Generation)
	if err != nil {
		return fmt.Errorf("insert a code: %w", err)
	}
	return nil
}

// visitRow reads one visit without its invitations.
func (s *Service) visitRow(ctx context.Context, q store.Queryer, id string) (Visit, error) {
	if !store.IsID(id) {
		return Visit{}, fault.NotFound
	}
	v, err := s.config.Window.scanVisit(q.QueryRowContext(ctx, `SELECT `+visitColumns+` FROM visits WHERE id = ?`, id).Scan)
	if err != nil {
		return Visit{}, fmt.Errorf("read a visit: %w", err)
	}
	return v, nil
}

// visitWhole reads one visit with its invitations.
func (s *Service) visitWhole(ctx context.Context, q store.Queryer, id string) (Visit, error) {
	v, err := s.visitRow(ctx, q, id)
	if err != nil {
		return Visit{}, err
	}
	all := []Visit{v}
	if err := fillInvitations(ctx, q, all); err != nil {
		return Visit{}, err
	}
	return all[0], nil
}

// invitationRow reads one invitation of a visit.
func invitationRow(ctx context.Context, q store.Queryer, visit, id string) (Invitation, error) {
	if !store.IsID(visit) || !store.IsID(id) {
		return Invitation{}, fault.NotFound
	}
	i, err := scanInvitation(q.QueryRowContext(ctx, `SELECT `+invitationColumns+` FROM invitations WHERE id = ? AND visit_id = ?`, id, visit).Scan)
	if err != nil {
		return Invitation{}, fmt.Errorf("read an invitation: %w", err)
	}
	return i, nil
}

// LinksWork is a conflict where the visit's links work no more.
func (s *Service) LinksWork(v Visit) error {
	if !s.Over(v) {
		return nil
	}
	return conflict("visit_over.links", "The visit is over, so its links work no more.")
}

// standing reads an invitation whose link works, and its visit.
func (s *Service) standing(ctx context.Context, tx *store.Tx, visit, invitation string) (Visit, Invitation, error) {
	v, err := s.visitRow(ctx, tx, visit)
	if err != nil {
		return Visit{}, Invitation{}, err
	}
	i, err := invitationRow(ctx, tx, visit, invitation)
	switch {
	case err != nil:
		return Visit{}, Invitation{}, err
	case i.Revoked():
		return Visit{}, Invitation{}, conflict("withdrawn", "This invitation was withdrawn. Invite the person again.")
	}
	if err := s.LinksWork(v); err != nil {
		return Visit{}, Invitation{}, err
	}
	return v, i, nil
}

// fillInvitations reads the invitations of all these visits.
func fillInvitations(ctx context.Context, q store.Queryer, visits []Visit) error {
	if len(visits) == 0 {
		return nil
	}
	place := make(map[string]int, len(visits))
	ids := make([]any, len(visits))
	for i, v := range visits {
		place[v.ID], ids[i] = i, v.ID
	}
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Invitation, error) { return scanInvitation(r.Scan) },
		`SELECT `+invitationColumns+` FROM invitations WHERE visit_id IN (?`+strings.Repeat(`, ?`, len(ids)-1)+`) ORDER BY id`, ids...)
	if err != nil {
		return fmt.Errorf("read invitations: %w", err)
	}
	for _, i := range all {
		v := &visits[place[i.VisitID]]
		v.Invitations = append(v.Invitations, i)
	}
	return fillChecks(ctx, q, visits, place, ids)
}

// position is where a page of a list begins: after this visit.
type position struct {
	StartsAt int64
	ID       string
}

// listRows reads up to limit visits in order of start.
func (s *Service) listRows(ctx context.Context, q store.Queryer, query Query, after position, limit int) ([]Visit, error) {
	where, args := query.where()
	return s.rowsWhere(ctx, q, where, args, after, limit)
}

// rowsWhere is listRows for a condition in SQL.
func (s *Service) rowsWhere(ctx context.Context, q store.Queryer, where string, args []any, after position, limit int) ([]Visit, error) {
	args = append(args, after.StartsAt, after.ID, limit)
	visits, err := store.Collect(ctx, q, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
		`SELECT `+visitColumns+` FROM visits WHERE `+where+` AND (starts_at, id) > (?, ?) ORDER BY starts_at, id LIMIT ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("list visits: %w", err)
	}
	return visits, nil
}

// where says in SQL which visits are asked for. Each condition stands there only when it is meant, so that an index can serve it.
func (q Query) where() (where string, args []any) {
	to := store.Millis(q.To)
	if q.To.IsZero() {
		to = math.MaxInt64
	}
	where, args = `starts_at >= ? AND starts_at < ?`, []any{store.Millis(q.From), to}
	for _, e := range q.Except {
		where, args = where+` AND NOT (starts_at >= ? AND starts_at < ?)`, append(args, store.Millis(e.From), store.Millis(e.To))
	}
	for _, c := range []struct{ condition, value string }{
		{`id = ?`, q.ID},
		{`site_id = ?`, q.SiteID},
		{`clinician_id = ? AND clinician_id <> ''`, q.ClinicianID}, // as their indices say
		{`patient_id = ? AND patient_id <> ''`, q.PatientID},
		{`service_id = ?`, q.ServiceID},
	} {
		if c.value != "" {
			where, args = where+` AND `+c.condition, append(args, c.value)
		}
	}
	if len(q.States) > 0 {
		state := `state`
		if !q.To.IsZero() {
			state = `state || ''` // or SQLite goes through all visits of that state rather than those of these days
		}
		where += ` AND ` + state + ` IN (?` + strings.Repeat(`, ?`, len(q.States)-1) + `)`
		for _, state := range q.States {
			args = append(args, string(state))
		}
	}
	if q.Identifier.Value != "" {
		where, args = where+` AND identifier_value = ? AND identifier_value <> ''`, append(args, q.Identifier.Value)
	}
	if q.Identifier.System != "" {
		where, args = where+` AND identifier_system = ?`, append(args, q.Identifier.System)
	}
	return where, args
}

// setState moves a visit. A visit that is over is cut off everywhere.
func (s *Service) setState(ctx context.Context, tx *store.Tx, v Visit, to State, at time.Time) error {
	if to.Over() {
		if err := insertRemoval(ctx, tx, v.ID, "", at); err != nil {
			return err
		}
	}
	return s.markState(ctx, tx, v, to, at)
}

// markState moves a visit, and cuts nobody off.
func (s *Service) markState(ctx context.Context, tx *store.Tx, v Visit, to State, at time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE visits SET state = ?, state_at = ? WHERE id = ?`, string(to), store.Millis(at), v.ID)
	if err != nil {
		return fmt.Errorf("move a visit: %w", err)
	}
	return s.changed(ctx, tx, stateChanges[to], v, "")
}

// insertRemoval tells every node to cut off one person, or with an empty invitation the whole visit. The number is one more than any before:
// transactions that write take turns, so numbers appear in the order they are given.
func insertRemoval(ctx context.Context, tx *store.Tx, visit, invitation string, at time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO visit_removals (seq, visit_id, invitation_id, at)
		VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM visit_removals), ?, ?, ?)`, visit, invitation, store.Millis(at))
	if err != nil {
		return fmt.Errorf("note a removal: %w", err)
	}
	return nil
}

// conflict says that something right in itself cannot be done to a thing in its state. key names its words on pages; empty: no page does that.
func conflict(key, detail string) error {
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: key, Detail: detail}
}
