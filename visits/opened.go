package visits

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Opened tells when the link that works now was first opened, by the id of its invitation, for visits that actor was just shown.
// Links that nobody opened are left out.
func (s *Service) Opened(ctx context.Context, actor auth.Actor, visits []Visit) (map[string]time.Time, error) {
	if !actor.May(auth.VisitRead) {
		return nil, fault.NotAllowed
	}
	if len(visits) == 0 {
		return nil, nil
	}
	ids := make([]any, len(visits))
	for i, v := range visits {
		ids[i] = v.ID
	}
	type opening struct {
		invitation string
		at         int64
	}
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (o opening, err error) { return o, r.Scan(&o.invitation, &o.at) },
		`SELECT i.id, MIN(s.created_at) FROM visit_sessions s JOIN invitations i ON i.id = s.invitation_id AND i.generation = s.generation
		WHERE s.spoken = 0 AND s.visit_id IN (?`+strings.Repeat(`, ?`, len(ids)-1)+`) GROUP BY i.id`, ids...)
	if err != nil {
		return nil, fmt.Errorf("read who opened their link: %w", err)
	}
	times := make(map[string]time.Time, len(all))
	for _, o := range all {
		times[o.invitation] = store.Time(o.at)
	}
	return times, nil
}
