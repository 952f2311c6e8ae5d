package visits

import (
	"context"
	"net/http"

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
