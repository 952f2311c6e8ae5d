package queue_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/visits/queue"
	"housecall/visits/visitstest"
)

const benchServices = 10

// BenchmarkQueue opens the queue of a hospital with 200,000 visits by 200 clinicians in two years: whole pages, with the audit row of each, on the disk.
func BenchmarkQueue(b *testing.B) {
	if storetest.OnPostgres() {
		b.Skip("measured on SQLite")
	}
	c := newClinic(b)
	c.at(time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC))
	services := []string{c.heart.ID, c.skin.ID}
	for len(services) < benchServices {
		services = append(services, store.NewID())
	}
	clinicians := visitstest.Years{First: c.now().AddDate(0, 0, -visitstest.YearsDays/2).Truncate(24 * time.Hour), Services: services}.Fill(b, c.db)
	handler := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, h http.Handler) http.Handler { return h }}) // who reads is in the context
	c.queue.Routes(handler)
	for _, who := range []struct {
		name, query string
		role        auth.Role
	}{{"own", "", auth.Clinician}, {"services", "?show=all", auth.Clinician}, {"whole-day", "", auth.Scheduler}} {
		b.Run(who.name, func(b *testing.B) {
			visitstest.MeasurePages(b, handler, "", func(i int) *http.Request {
				actor := auth.Actor{Kind: auth.KindStaff, ID: clinicians[i%len(clinicians)], Role: who.role}
				return httptest.NewRequestWithContext(web.WithActor(context.WithoutCancel(b.Context()), actor), http.MethodGet, queue.Path+who.query, http.NoBody)
			})
		})
	}
}
