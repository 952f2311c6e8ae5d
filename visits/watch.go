package visits

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"housecall/platform/store"
)

const (
	// watchEvery is how often Watch asks SQL what others have removed; well within the second that is promised.
	watchEvery = 500 * time.Millisecond
	// closeEvery is how often Watch looks for visits whose window has closed.
	closeEvery = time.Minute
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

// Watch calls removed for every link withdrawn or replaced (with its invitation) and every visit cancelled, ended or closed (with
// an empty one) since the Service was made, within a second, whoever did it: this process, another node, the command line. It also closes
// visits whose window has passed. It returns when ctx is done; while the database is away it keeps trying. Run it once a Service.
//
// removed may be told twice, never nothing; it must not block for long.
func (s *Service) Watch(ctx context.Context, removed func(visit, invitation string)) {
	poll, sweep := time.NewTicker(watchEvery), time.NewTicker(closeEvery)
	defer poll.Stop()
	defer sweep.Stop()
	seen, failing := s.seen, false
	note := func(err error) {
		if err != nil && ctx.Err() == nil && !failing {
			s.config.Logger.WarnContext(ctx, "removals cannot be read; trying on", "cause", err)
		}
		failing = err != nil
	}
	note(s.closeOverdue(ctx))
	for {
		after, err := s.removals(ctx, seen, removed)
		seen = after
		note(err)
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-s.nudge:
		case <-sweep.C:
			note(s.closeOverdue(ctx))
		}
	}
}

// removals tells all removals after seen and returns the last one told.
func (s *Service) removals(ctx context.Context, seen int64, removed func(visit, invitation string)) (int64, error) {
	all, err := store.Collect(ctx, s.config.DB, scanRemoval, `SELECT seq, visit_id, invitation_id FROM visit_removals WHERE seq > ? ORDER BY seq`, seen)
	if err != nil {
		return seen, fmt.Errorf("read removals: %w", err)
	}
	for _, x := range all {
		removed(x.visit, x.invitation)
		seen = x.seq
	}
	return seen, nil
}
