package visitstest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/platform/store"
)

// How many there are in Years.
const (
	YearsVisits     = 200_000
	YearsClinicians = 200
	YearsDays       = 730
)

// Years are the visits of a hospital in two years, from eight to five of each day, for benchmarks.
type Years struct {
	First    time.Time // the first day
	Services []string  // ids of the services, of one for each clinician; none: visits have words alone
	Patients int       // how many there are; the hospital keeps those of four visits in five. 0: it keeps none
}

// Fill makes the visits, and gives who leads them.
func (y Years) Fill(b *testing.B, db *store.DB) (clinicians []string) {
	b.Helper()
	patients := make([]string, y.Patients)
	for i := range patients {
		patients[i] = store.NewID()
	}
	for range YearsClinicians {
		clinicians = append(clinicians, store.NewID())
	}
	ctx := context.WithoutCancel(b.Context())
	for begin := 0; begin < YearsVisits; begin += 5000 {
		err := db.Tx(ctx, func(tx *store.Tx) error {
			for i := begin; i < begin+5000; i++ {
				leader, service, patient, number := i/YearsDays%YearsClinicians, "", "", i
				if len(y.Services) > 0 {
					service = y.Services[leader%len(y.Services)]
				}
				if len(patients) > 0 {
					number = i % len(patients)
					if i%5 != 0 {
						patient = patients[number]
					}
				}
				if err := y.visit(ctx, tx, i, service, patient, number, clinicians[leader]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return clinicians
}

func (y Years) visit(ctx context.Context, tx *store.Tx, i int, service, patient string, number int, clinician string) error {
	id, at := store.NewID(), store.Millis(y.First.AddDate(0, 0, i%YearsDays).Add(8*time.Hour+time.Duration(i*7%18)*30*time.Minute))
	_, err := tx.ExecContext(ctx, `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at, service_id, patient_id, clinician_id)
		VALUES (?, ?, ?, ?, 'scheduled', '', 0, 'staff', '', 0, ?, ?, ?)`, id, fmt.Sprintf("Service %d", i%30), at, at+30*60*1000, service, patient, clinician)
	for _, p := range []struct{ role, name, staff string }{{"patient", fmt.Sprintf("Sample Patient %d", number), ""}, {"clinician", "Sample Clinician", clinician}} {
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO invitations (id, visit_id, name, role, generation, tries, revoked_at, created_at, staff_id) VALUES (?, ?, ?, ?, 1, 0, 0, 0, ?)`,
				store.NewID(), id, p.name, p.role, p.staff)
		}
	}
	return err
}

// MeasurePages has a benchmark ask for one page after the other, each of which must show some text, and report how long half of them and nineteen of twenty took at most.
func MeasurePages(b *testing.B, h http.Handler, shows string, request func(i int) *http.Request) {
	b.Helper()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		r, w := request(i), httptest.NewRecorder()
		begin := time.Now()
		h.ServeHTTP(w, r)
		took = append(took, time.Since(begin))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), shows) {
			b.Fatal(w.Code, w.Body.String())
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
}
