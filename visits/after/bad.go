package after

import (
	"context"
	"time"

	"housecall/platform/store"
)

// When a connection was bad: docs/operating.md says the same under "Figures". What is shorter is told in the record, and no failure.
const (
	badNever = 30 * time.Second // in the visit for so long, and never connected
	badAgain = 3                // reconnections
	badFor   = time.Minute      // poor or lost, or nothing came of what was on, for so long
	badShare = 10               // and for this part of the time at least: a tenth
)

// Bad says whether the connection was so bad that a visit with it counts as one that failed technically.
func (q Quality) Bad() bool {
	long := func(d time.Duration) bool { return d >= badFor && d*badShare >= q.Measured }
	never := q.Measured >= badNever && q.Gone >= q.Measured
	return never || q.Reconnections >= badAgain || long(q.Poor+q.Gone) || long(q.NoSound) || long(q.NoPicture)
}

// BadConnections tells of which visits somebody's connection was bad.
func BadConnections(ctx context.Context, q store.Queryer, visits []string) (map[string]bool, error) {
	all, err := qualities(ctx, q, visits...)
	bad := map[string]bool{}
	for visit, people := range all {
		for _, one := range people {
			bad[visit] = bad[visit] || one.Bad()
		}
	}
	return bad, err
}
