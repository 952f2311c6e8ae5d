package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	joins = 50
	crowd = 10 // joins at once
	// between is the pause between joins: longer than a server waits between two requests for a key frame, so that
	// one join does not profit from, nor wait for, the one before; and no multiple of the camera's pace, so that joins meet it
	// at every point between two pictures.
	between = 1107 * time.Millisecond
)

// BenchmarkJoin measures from the websocket's dial to the first whole key frame of a person who is in the visit already. Those
// who join are clinicians, who need not be admitted, so that no human's decision is in the figure; they send, too. The number of
// joins is the same whatever b.N is: run it with -benchtime 1x.
func BenchmarkJoin(b *testing.B) {
	hospital := openHospital(b)
	b.Run("alone", func(b *testing.B) {
		guests := hospital.visit(b)
		measure(b, guests[:1], joins)
	})
	b.Run("ten-at-once", func(b *testing.B) {
		// A visit holds ten people, one of whom is there already: so it takes two visits for ten to come.
		guests := slices.Concat(hospital.visit(b)[:crowd/2], hospital.visit(b)[:crowd/2])
		measure(b, guests, joins/crowd)
	})
}

// guest is somebody who is about to join a visit, and whom they will see there.
type guest struct {
	*Visitor
	there string // member id
}

// joined is one join, measured.
type joined struct {
	Steps
	KeyFrame time.Duration
}

// measure lets all guests join together, a number of times, and reports.
func measure(b *testing.B, guests []guest, times int) {
	b.Helper()
	var all []joined
	for range times {
		time.Sleep(between)
		all = append(all, joinTogether(b, guests)...)
	}
	report(b, all)
}

// joinTogether lets all guests join at once, and leave when each sees the person who is there.
func joinTogether(b *testing.B, guests []guest) []joined {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), soon)
	defer cancel()
	passes := make([]Pass, len(guests))
	for i, guest := range guests {
		var err error
		if passes[i], err = guest.Pass(ctx); err != nil {
			b.Fatal(err)
		}
	}
	all, errs := make([]joined, len(guests)), make([]error, len(guests))
	clients := make([]*Client, len(guests))
	var group sync.WaitGroup
	for i, guest := range guests {
		group.Go(func() {
			if clients[i], errs[i] = guest.Join(ctx, passes[i], Options{Sends: true}); errs[i] != nil {
				return
			}
			var state State
			state, errs[i] = clients[i].Wait(ctx, func(s State) bool {
				counts, _ := s.Shows(guest.there, sourceCamera)
				return counts.FirstKeyFrame > 0
			})
			counts, _ := state.Shows(guest.there, sourceCamera)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%w: %+v, of the picture %+v", errs[i], state.Steps, counts)
			}
			all[i] = joined{state.Steps, counts.FirstKeyFrame}
		})
	}
	group.Wait()
	for _, client := range clients {
		if client != nil {
			errs = append(errs, client.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return all
}

// report prints the figures: percentiles of the whole, and where the time goes.
func report(b *testing.B, all []joined) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(percentile(all, 50, func(j joined) time.Duration { return j.KeyFrame }), "p50-ms")
	b.ReportMetric(percentile(all, 95, func(j joined) time.Duration { return j.KeyFrame }), "p95-ms")
	for _, step := range []struct {
		name string
		of   func(joined) time.Duration
	}{
		{"dialed", func(j joined) time.Duration { return j.Dialed }},
		{"offered", func(j joined) time.Duration { return j.Offered }},
		{"joined", func(j joined) time.Duration { return j.Joined }},
		{"checked", func(j joined) time.Duration { return j.Checked }},
		{"connected", func(j joined) time.Duration { return j.Connected }},
	} {
		b.ReportMetric(percentile(all, 50, step.of), fmt.Sprintf("%s-p50-ms", step.name))
	}
}

// percentile returns the p-th percentile in milliseconds: the least value that p in a hundred are not above.
func percentile(all []joined, p int, of func(joined) time.Duration) float64 {
	times := make([]time.Duration, len(all))
	for i, j := range all {
		times[i] = of(j)
	}
	slices.Sort(times)
	rank := int(math.Ceil(float64(p) / 100 * float64(len(times))))
	return float64(times[rank-1].Microseconds()) / 1000
}
