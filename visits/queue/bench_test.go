package queue_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/visits/queue"
)

const (
	benchVisits     = 200_000
	benchClinicians = 200
	benchDays       = 730
	benchServices   = 10
)

// BenchmarkQueue opens the queue of a hospital with 200,000 visits by 200 clinicians in two years: whole pages, with the audit row of each, on the disk.
func BenchmarkQueue(b *testing.B) {
	if storetest.OnPostgres() {
		b.Skip("measured on SQLite")
	}
	c := newClinic(b)
	c.at(time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC))
	clinicians := fillBench(b, c)
	handler := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, h http.Handler) http.Handler { return h }}) // who reads is in the context
	c.queue.Routes(handler)
	for _, who := range []struct {
		name, query string
		role        auth.Role
	}{{"own", "", auth.Clinician}, {"services", "?show=all", auth.Clinician}, {"whole-day", "", auth.Scheduler}} {
		b.Run(who.name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				actor := auth.Actor{Kind: auth.KindStaff, ID: clinicians[i%benchClinicians], Role: who.role}
				r := httptest.NewRequestWithContext(web.WithActor(context.WithoutCancel(b.Context()), actor), http.MethodGet, queue.Path+who.query, http.NoBody)
				w := httptest.NewRecorder()
				begin := time.Now()
				handler.ServeHTTP(w, r)
				took = append(took, time.Since(begin))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
		})
	}
}

// fillBench makes visits from eight to five of each day of two years around now, and gives who leads them.
func fillBench(b *testing.B, c *clinic) (clinicians []string) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	for range benchClinicians {
		clinicians = append(clinicians, store.NewID())
	}
	services := []string{c.heart.ID, c.skin.ID}
	for len(services) < benchServices {
		services = append(services, store.NewID())
	}
	first := c.now().AddDate(0, 0, -benchDays/2).Truncate(24 * time.Hour)
	for begin := 0; begin < benchVisits; begin += 5000 {
		err := c.db.Tx(ctx, func(tx *store.Tx) error {
			for i := begin; i < begin+5000; i++ {
				id, leader := store.NewID(), i/benchDays%benchClinicians
				at := store.Millis(first.AddDate(0, 0, i%benchDays).Add(8*time.Hour + time.Duration(i*7%18)*30*time.Minute))
				if _, err := tx.ExecContext(ctx, `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at, service_id, clinician_id)
					VALUES (?, 'Cardiology', ?, ?, 'scheduled', '', 0, 'staff', '', 0, ?, ?)`, id, at, at+30*60*1000, services[leader%benchServices], clinicians[leader]); err != nil {
					return err
				}
				for _, p := range []struct{ role, staff string }{{"patient", ""}, {"clinician", clinicians[leader]}} {
					if _, err := tx.ExecContext(ctx, `INSERT INTO invitations (id, visit_id, name, role, generation, tries, revoked_at, created_at, staff_id) VALUES (?, ?, ?, ?, 1, 0, 0, 0, ?)`,
						store.NewID(), id, fmt.Sprintf("Sample %s %d", p.role, i), p.role, p.staff); err != nil {
						return err
					}
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
