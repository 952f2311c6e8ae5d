package visits

import (
	"context"
	"database/sql"
	"fmt"

	"housecall/platform/store"
)

// OfPatient are a patient's visits and the invitations to them, the oldest first, for who asks the audit about the patient.
func OfPatient(ctx context.Context, q store.Queryer, patient string) ([]store.Subject, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (s store.Subject, err error) { return s, r.Scan(&s.Kind, &s.ID) },
		`SELECT 'visit', id FROM visits WHERE patient_id = ? AND patient_id <> ''
		UNION ALL SELECT 'invitation', i.id FROM invitations i JOIN visits v ON v.id = i.visit_id WHERE v.patient_id = ? AND v.patient_id <> ''
		ORDER BY 2`, patient, patient)
	if err != nil {
		return nil, fmt.Errorf("read what belongs to a patient: %w", err)
	}
	return all, nil
}
