package visits

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Move says when a visit is to be instead.
type Move struct {
	StartsAt     time.Time // zero: as it is
	Minutes      int       // 0: as it is
	AllowOverlap bool      // also where the clinician or the patient has another visit then

	If func(Visit) error // judges the visit as it is, within the act; nil: it is right
}

// Move moves a visit, or changes its length. Its links stay, and begin and end to work with it; whoever waits goes on waiting. A visit that has begun may
// only change its length, and one that is over nothing.
func (s *Service) Move(ctx context.Context, actor auth.Actor, visit string, m Move) (Visit, error) {
	var v Visit
	err := s.act(ctx, actor, "visit.move", auth.VisitSchedule, store.About("visit", visit), func(tx *store.Tx, a *store.Act) (err error) {
		if v, err = s.visitWhole(ctx, tx, visit); err != nil {
			return err
		}
		old := v
		if m.If != nil {
			if err := m.If(v); err != nil {
				return err
			}
		}
		if err := s.moved(&v, m); err != nil {
			return err
		}
		a.Detail = "sequence " + strconv.Itoa(v.Sequence)
		if v.Sequence == old.Sequence {
			return nil
		}
		if err := s.checkOverlaps(ctx, tx, v, m.AllowOverlap); err != nil {
			return err
		}
		if err := setSchedule(ctx, tx, v); err != nil {
			return err
		}
		return s.changed(ctx, tx, ChangeMoved, v, "")
	})
	if err != nil {
		return Visit{}, err
	}
	return v, nil
}

// MayMove says whether a visit can still be another time. To a no-show somebody may come yet, but its time has been.
func (s *Service) MayMove(v Visit) bool { return !s.Over(v) && !v.State.Over() }

// moved moves v in memory, where it may be moved.
func (s *Service) moved(v *Visit, m Move) error {
	if !s.MayMove(*v) {
		return conflict("visit_over.move", "The visit is over, so it cannot be moved.")
	}
	starts, minutes := m.StartsAt, m.Minutes
	if starts.IsZero() {
		starts = v.StartsAt
	}
	if minutes == 0 {
		minutes = int(v.EndsAt.Sub(v.StartsAt) / time.Minute)
	}
	if err := fault.InvalidAll(checkTimes(starts, minutes, s.now(), s.config.Window)...); err != nil {
		return err
	}
	old := *v
	s.setTimes(v, starts, minutes)
	switch {
	case old.State == InProgress && !v.StartsAt.Equal(old.StartsAt):
		return conflict("visit_begun", "The visit has begun, so only its length can change.")
	case !v.StartsAt.Equal(old.StartsAt) || !v.EndsAt.Equal(old.EndsAt):
		*v = v.Again()
	}
	return nil
}

// Again is the visit as its calendar entry has to be sent once more.
func (v Visit) Again() Visit {
	v.Sequence++
	return v
}

// setSchedule writes when a visit is.
func setSchedule(ctx context.Context, tx *store.Tx, v Visit) error {
	_, err := tx.ExecContext(ctx, `UPDATE visits SET starts_at = ?, ends_at = ?, sequence = ? WHERE id = ?`, store.Millis(v.StartsAt), store.Millis(v.EndsAt), v.Sequence, v.ID)
	if err != nil {
		return fmt.Errorf("move a visit: %w", err)
	}
	return nil
}

// Overlap is another visit of the same clinician or patient at the same time.
type Overlap struct {
	Field    string    `json:"field"` // clinician_id or patient_id: what both have
	Visit    string    `json:"visit"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

// checkOverlaps is a conflict where the clinician or the patient has another visit at the time of v, unless that is allowed.
func (s *Service) checkOverlaps(ctx context.Context, q store.Queryer, v Visit, allowed bool) error {
	if allowed {
		return nil
	}
	all, err := s.overlaps(ctx, q, v)
	if err != nil || len(all) == 0 {
		return err
	}
	return overlapping(all)
}

// overlaps are the other visits of the clinician or the patient at the time of v.
func (s *Service) overlaps(ctx context.Context, q store.Queryer, v Visit) (all []Overlap, err error) {
	for _, c := range []struct{ field, id, where string }{
		{"clinician_id", v.ClinicianID, `clinician_id = ? AND clinician_id <> ''`}, // as their indices say
		{"patient_id", v.PatientID, `patient_id = ? AND patient_id <> ''`},
	} {
		if c.id == "" {
			continue
		}
		// No visit is longer than MaxMinutes, so what began before that is over.
		some, err := store.Collect(ctx, q, func(r *sql.Rows) (Overlap, error) {
			o := Overlap{Field: c.field}
			var starts, ends int64
			err := r.Scan(&o.Visit, &starts, &ends)
			o.StartsAt, o.EndsAt = store.Time(starts), store.Time(ends)
			return o, err
		}, `SELECT id, starts_at, ends_at FROM visits WHERE `+c.where+` AND starts_at > ? AND starts_at < ? AND ends_at > ? AND id <> ? AND state IN (?, ?, ?)
			ORDER BY starts_at, id LIMIT ?`, c.id, store.Millis(v.StartsAt.Add(-MaxMinutes*time.Minute)), store.Millis(v.EndsAt), store.Millis(v.StartsAt), v.ID,
			string(Scheduled), string(Open), string(InProgress), maxOverlaps)
		if err != nil {
			return nil, fmt.Errorf("look for visits at the same time: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// maxOverlaps are told of a clinician or a patient at most.
const maxOverlaps = 10

// OverlapKey is the key of the problem that somebody has another visit at the time, and names the words for it on pages.
const OverlapKey = "overlap"

func overlapping(all []Overlap) error {
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: OverlapKey, Fields: map[string]any{"overlaps": all},
		Detail: "The clinician or the patient has another visit at this time. To plan it all the same, send allow_overlap."}
}
