package visits

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"housecall/platform/store"
)

const (
	// watchEvery is how often Watch asks SQL what others have removed; well within the second that is promised.
	watchEvery = 500 * time.Millisecond
	// closeEvery is how often Watch looks for visits whose window has closed.
	closeEvery = time.Minute
	// toldAgain is how many removals before the start Watch tells: far more than there can be within auth.RelayLifetime.
	toldAgain = 10_000
)

// removal is somebody to cut off; without an invitation, everybody in the visit.
type removal struct {
	seq               int64
	visit, invitation string
}

func scanRemoval(r *sql.Rows) (x removal, err error) {
	err = r.Scan(&x.seq, &x.visit, &x.invitation)
	return x, err
}

func scanID(r *sql.Rows) (id string, err error) {
	err = r.Scan(&id)
	return id, err
}

// Removed is told of a removal: the visit, the invitation (empty: everybody in the visit), and its number. Numbers rise by one in the order in
// which removals are committed; what was read or issued when the last was as high knew of it already.
type Removed func(visit, invitation string, number int64)

// Watch calls removed for every link withdrawn or replaced (with its invitation) and every visit cancelled, ended or closed (with
// an empty one) since the Service was made, and the last 10,000 before, within a second, whoever did it: this process, another node, the command line. It also closes
// visits whose window has passed. It returns when ctx is done; while the database is away it keeps trying. Run it once a Service.
//
// removed may be told twice, never nothing; it must not block for long.
func (s *Service) Watch(ctx context.Context, removed Removed) {
	// Apart, because closing writes, and may wait long for the database where reading need not.
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	sweeping.Go(func() { s.repeat(ctx, closeEvery, nil, "visits cannot be closed; trying on", s.closeOverdue) })
	seen := s.seen
	s.repeat(ctx, watchEvery, s.nudge, "removals cannot be read; trying on", func(ctx context.Context) (err error) {
		seen, err = s.removals(ctx, seen, removed)
		return err
	})
}

// repeat does f at once, each interval, and when nudged, until ctx is done. The first of failures in a row is logged as trouble.
func (s *Service) repeat(ctx context.Context, interval time.Duration, nudge <-chan struct{}, trouble string, f func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		err := f(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.config.Logger.WarnContext(ctx, trouble, "cause", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-nudge:
		}
	}
}

// removals tells all removals after seen and returns the last one told.
func (s *Service) removals(ctx context.Context, seen int64, removed Removed) (int64, error) {
	all, err := store.Collect(ctx, s.config.DB, scanRemoval, `SELECT seq, visit_id, invitation_id FROM visit_removals WHERE seq > ? ORDER BY seq`, seen)
	if err != nil {
		return seen, fmt.Errorf("read removals: %w", err)
	}
	for _, x := range all {
		removed(x.visit, x.invitation, x.seq)
		seen = x.seq
	}
	return seen, nil
}
