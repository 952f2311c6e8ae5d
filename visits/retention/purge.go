package retention

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/store"
	"housecall/visits"
)

const (
	purgeJob = "retention.purge"
	purgeKey = "all" // of the one job there is
	batch    = 50    // visits in one transaction: others wait to write while it runs
	most     = 400   // transactions of one run; what is left then goes on in pause
	pause    = time.Minute
	night    = 3*time.Hour + time.Hour/2 // after midnight, by the clock on the wall
)

// system is who deletes.
var system = auth.Actor{Kind: auth.KindSystem, ID: "retention"}

// next is when things are deleted next.
func (s *Service) next() time.Time {
	now := s.now().In(s.config.Zone)
	at := time.Date(now.Year(), now.Month(), now.Day(), 0, int(night.Minutes()), 0, 0, s.config.Zone)
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, 0, int(night.Minutes()), 0, 0, s.config.Zone)
	}
	return at
}

// before is the end of what goes: the beginning of a day of the site.
func (s *Service) before(p place, days int) time.Time {
	now := s.now().In(p.Zone)
	return time.Date(now.Year(), now.Month(), now.Day()-days, 0, 0, 0, 0, p.Zone)
}

// purge is the handler of the job.
func (s *Service) purge(ctx context.Context, j jobs.Job) error {
	all, err := s.places(ctx)
	if err != nil {
		return fmt.Errorf("list sites: %w", err)
	}
	left := most
	for _, p := range all {
		for _, k := range Kinds() {
			for at, more := (cursor{}), true; more && left > 0; left-- {
				if at, more, err = s.some(ctx, j, p, k, at); err != nil {
					return fmt.Errorf("delete %s: %w", k.Name, err)
				}
			}
		}
	}
	at := s.next()
	if left == 0 {
		at = s.now().Add(pause)
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Done(ctx, tx); err != nil {
			return err
		}
		return s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: purgeJob, Key: purgeKey, At: at})
	})
}

// cursor is the last visit or patient of a batch.
type cursor struct {
	at int64
	id string
}

// rows are what a kind is of, in SQL, and the column from which days count: the planned end of a visit, the last change of a patient.
func (k Kind) rows() (table, at string) {
	if k.ofPatients {
		return "patients v", "v.changed_at"
	}
	return "visits v", "v.ends_at"
}

// some deletes a batch of one kind in a transaction, after those up to a cursor. How long the site keeps it and what is held is read in that transaction.
func (s *Service) some(ctx context.Context, j jobs.Job, p place, k Kind, after cursor) (last cursor, more bool, err error) {
	err = s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Held(ctx, tx); err != nil {
			return err
		}
		days, err := s.Days(ctx, tx, p.ID)
		if err != nil || days[k.Name] == 0 {
			return err
		}
		before := s.before(p, days[k.Name])
		table, at := k.rows()
		where, args := due(p, k, before)
		found, err := store.Collect(ctx, tx, func(r *sql.Rows) (c cursor, err error) { return c, r.Scan(&c.at, &c.id) },
			`SELECT `+at+`, v.id FROM `+table+` WHERE `+where+` AND (`+at+` > ? OR `+at+` = ? AND v.id > ?) ORDER BY `+at+`, v.id LIMIT ?`,
			append(args, after.at, after.at, after.id, batch)...)
		if err != nil || len(found) == 0 {
			return err
		}
		last, more = found[len(found)-1], len(found) == batch
		ids := make([]string, len(found))
		for i, c := range found {
			ids[i] = c.id
		}
		for _, forget := range s.config.Forgets[k.Name] {
			if err := forget(ctx, tx, ids); err != nil {
				return err
			}
		}
		what := fmt.Sprintf("%s of %d visits", k.Name, len(ids))
		if k.ofPatients {
			what = fmt.Sprintf("%d patients", len(ids))
		}
		return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: system, Action: "retention.purge", Subject: store.About("site", p.ID),
			Detail: what + " of before " + before.Format(time.DateOnly), Outcome: store.Allowed})
	})
	return last, more, err
}

// What keeps a patient or a visit, whose id stands in SQL, whatever the days say: a hold, and access in an emergency that nobody has reviewed.
const (
	heldPatient = ` AND NOT EXISTS (SELECT 1 FROM retention_holds h WHERE h.subject_kind = 'patient' AND h.subject_id = ` // and the column, and )
	heldVisit   = ` AND NOT EXISTS (SELECT 1 FROM retention_holds h WHERE h.subject_kind = 'visit' AND h.subject_id = v.id)`
	unreviewed  = ` AND NOT EXISTS (SELECT 1 FROM emergency_grants g WHERE g.reviewed_at = 0 AND g.subject_id = v.id)`
)

// due says in SQL which visits v of a site are over, older than a time, kept by nothing else, and have anything of a kind; or which patients v were last changed
// before it, are kept by nothing else and have no visits.
func due(p place, k Kind, before time.Time) (where string, args []any) {
	none := p.ID // of visits that name no site
	if p.first {
		none = ""
	}
	if k.ofPatients {
		return `v.site_id IN (?, ?) AND v.changed_at < ? AND ` + k.has + heldPatient + `v.id)` + unreviewed, []any{p.ID, none, store.Millis(before)}
	}
	return `v.site_id IN (?, ?) AND v.state IN (?, ?, ?) AND v.ends_at < ? AND ` + k.has + heldVisit + heldPatient + `v.patient_id)` + unreviewed,
		[]any{p.ID, none, string(visits.Ended), string(visits.Cancelled), string(visits.NoShow), store.Millis(before)}
}

// Would is what would be deleted of a kind.
type Would struct {
	Number int       // of visits, or patients
	Oldest time.Time // the planned end of the oldest visit, or the last change of the patient who was not changed for longest; zero: there is none
}

// Preview says what would be deleted now if a site kept things for so many days. It changes nothing.
func (s *Service) Preview(ctx context.Context, site string, days map[string]int) (map[string]Would, error) {
	p, err := s.siteOf(ctx, site)
	if err != nil {
		return nil, err
	}
	all := map[string]Would{}
	for _, k := range Kinds() {
		if days[k.Name] == 0 {
			continue
		}
		table, at := k.rows()
		where, args := due(p, k, s.before(p, days[k.Name]))
		var w Would
		var oldest int64
		if err := s.config.DB.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(`+at+`), 0) FROM `+table+` WHERE `+where, args...).Scan(&w.Number, &oldest); err != nil {
			return nil, fmt.Errorf("count what would be deleted: %w", err)
		}
		if w.Number > 0 {
			w.Oldest = store.Time(oldest)
		}
		all[k.Name] = w
	}
	return all, nil
}
