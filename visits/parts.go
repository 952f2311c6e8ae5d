package visits

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// Read reads a visit with its people in q, for the parts that stand on visits: they ask the rules, and audit, by themselves.
func (s *Service) Read(ctx context.Context, q store.Queryer, visit string) (Visit, error) {
	return s.visitWhole(ctx, q, visit)
}

// Holder is who holds the cookie of a visit that a request carries, also after the visit is over; its path names {visit}. Who is invited no
// more, or by another link, is refused. It leaves no audit row.
func (s *Service) Holder(r *http.Request) (Entry, error) {
	e, err := s.session(r.Context(), s.config.DB, r.PathValue("visit"), sessionOf(r))
	switch fault.CodeOf(err) {
	case fault.CodeOver, fault.CodeTooEarly: // what comes after a visit, or before it once more since it was moved
		err = nil
	}
	return e, err
}

// ReadPerson reads a visit with its people in q, and what it holds of somebody invited; fault.NotFound where they are invited no more, or by another link.
func (s *Service) ReadPerson(ctx context.Context, q store.Queryer, like Invitation) (Visit, Invitation, error) {
	v, err := s.visitWhole(ctx, q, like.VisitID)
	if err != nil {
		return Visit{}, Invitation{}, err
	}
	for _, i := range v.Invitations {
		if i.ID == like.ID && i.Generation == like.Generation && !i.Revoked() {
			return v, i, nil
		}
	}
	return Visit{}, Invitation{}, fault.NotFound
}

// FirstOpened is when each person of a visit first opened their link, by the ids of their invitations.
func (s *Service) FirstOpened(ctx context.Context, q store.Queryer, visit string) (map[string]time.Time, error) {
	first := map[string]time.Time{}
	_, err := store.Collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var id string
		var at int64
		err := r.Scan(&id, &at)
		first[id] = store.Time(at)
		return struct{}{}, err
	}, `SELECT invitation_id, MIN(created_at) FROM visit_sessions WHERE visit_id = ? AND spoken = 0 GROUP BY invitation_id`, visit)
	if err != nil {
		return nil, fmt.Errorf("read when links were opened: %w", err)
	}
	return first, nil
}

// ConsentRow is a consent that somebody of a visit gave.
type ConsentRow struct {
	Invitation string
	ConsentGiven
	At time.Time
}

// ConsentsOf are the consents that were given in a visit, the oldest first.
func (s *Service) ConsentsOf(ctx context.Context, q store.Queryer, visit string) ([]ConsentRow, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (c ConsentRow, err error) {
		var at int64
		err = r.Scan(&c.Invitation, &c.Version, &c.Language, &c.For, &at)
		c.At = store.Time(at)
		return c, err
	}, `SELECT invitation_id, version, language, given_for, given_at FROM consents WHERE visit_id = ? ORDER BY given_at, id`, visit)
	if err != nil {
		return nil, fmt.Errorf("read who consented: %w", err)
	}
	return all, nil
}

// tell tells whoever asked for it what happened in a room, in the transaction of the event, but for what a former host says of the time after another
// opened the room: epochs are microseconds of the clock they were given at.
func (s *Service) tell(ctx context.Context, tx *store.Tx, e RoomEvent) error {
	highest, err := highestEpoch(ctx, tx, e.Visit)
	if err != nil || highest > e.Epoch && e.At.UnixMicro() >= highest {
		return err
	}
	for _, f := range s.config.RoomEvents {
		if err := f(ctx, tx, e); err != nil {
			return fmt.Errorf("tell of what happened in a room: %w", err)
		}
	}
	return nil
}
