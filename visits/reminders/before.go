package reminders

import (
	"context"
	"fmt"

	"housecall/platform/jobs"
	"housecall/platform/store"
)

// planAtOnce is how many visits are planned in one transaction.
const planAtOnce = 100

// planKey is that of the one job there is of its kind.
const planKey = "before"

// PlanBefore has the people of visits reminded that were made before there were reminders, or by whoever knew nothing of them. It does so once for a database,
// however often and on however many nodes it is called: call it at the start, after New.
func (s *Service) PlanBefore(ctx context.Context) error {
	if err := s.config.DB.Migrate(ctx, "visits_reminders", Migrations()); err != nil {
		return err
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO reminders_begun (one, at) VALUES (1, ?) ON CONFLICT DO NOTHING`, store.Millis(s.now()))
		if err != nil {
			return fmt.Errorf("begin reminders: %w", err)
		}
		if rows, err := done.RowsAffected(); err != nil || rows == 0 {
			return err
		}
		return s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: jobPlan, Key: planKey, At: s.config.Jobs.Now()})
	})
}

// planRest plans reminders of the next visits after the one in the payload. Nobody is told anything before a reminder is due: they know of their visit.
// What was planned already stays so.
func (s *Service) planRest(ctx context.Context, j jobs.Job) error {
	all, err := s.config.Visits.Upcoming(ctx, j.Payload, planAtOnce)
	if err != nil {
		return err
	}
	var steps []jobs.Job
	zoneOf := s.zones(ctx)
	for _, v := range all {
		zone, err := zoneOf(v)
		if err != nil {
			return err
		}
		p := plan{visit: v, steps: s.config.Steps, zone: zone, now: s.now()}
		if times := p.times(); len(times) > 0 {
			steps = append(steps, jobs.Job{Kind: jobStep, Key: v.ID, At: times[0]})
		}
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Done(ctx, tx); err != nil {
			return err
		}
		if len(all) == planAtOnce {
			steps = append(steps, jobs.Job{Kind: jobPlan, Key: planKey, Payload: all[len(all)-1].ID, At: s.config.Jobs.Now()})
		}
		for _, step := range steps {
			put := s.config.Jobs.PutNew // or a reminder whose time has just come would be put off
			if step.Kind == jobPlan {
				put = s.config.Jobs.Put
			}
			if err := put(ctx, tx, step); err != nil {
				return err
			}
		}
		return nil
	})
}
