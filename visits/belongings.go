package visits

import (
	"context"
	"database/sql"
	"fmt"

	"housecall/platform/store"
)

// BelongTo are a patient's visits and the invitations to them, or the invitations to a visit, the oldest first, for who asks the audit about either.
func BelongTo(ctx context.Context, q store.Queryer, about store.Subject) ([]store.Subject, error) {
	query, args := `SELECT 'visit', id FROM visits WHERE patient_id = ? AND patient_id <> ''
		UNION ALL SELECT 'invitation', i.id FROM invitations i JOIN visits v ON v.id = i.visit_id WHERE v.patient_id = ? AND v.patient_id <> ''
		ORDER BY 2`, []any{about.ID, about.ID}
	if about.Kind == "visit" {
		query, args = `SELECT 'invitation', id FROM invitations WHERE visit_id = ? ORDER BY id`, args[:1]
	}
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (s store.Subject, err error) { return s, r.Scan(&s.Kind, &s.ID) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read what belongs to a %s: %w", about.Kind, err)
	}
	return all, nil
}
