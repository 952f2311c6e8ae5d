package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"housecall/platform/staff"
)

var descKeys = describe("api_keys", "API keys, by state: works, expiring within 30 days, expired, revoked.", "state")

// keyMetrics counts API keys, whenever somebody asks.
type keyMetrics struct {
	accounts *staff.Accounts
	now      func() time.Time
}

// Describe implements prometheus.Collector.
func (m keyMetrics) Describe(out chan<- *prometheus.Desc) { out <- descKeys }

// Collect implements prometheus.Collector. While the database is away it says nothing: housecall_up does.
func (m keyMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	all, err := m.accounts.Keys(ctx)
	if err != nil {
		return
	}
	count := map[staff.KeyState]int{}
	for _, k := range all {
		count[k.State(m.now())]++
	}
	for _, state := range staff.KeyStates() {
		out <- prometheus.MustNewConstMetric(descKeys, prometheus.GaugeValue, float64(count[state]), string(state))
	}
}
