// Package retention deletes what a hospital need not keep any longer: visits with everything in them, what was written in them, what is known of messages
// about them, and patients who have none. Its tables own how long each site keeps what, and what is held because it must stay. A job deletes once a night, in small transactions, each
// with its audit row.
// It must never delete a visit that is not over, one that is held, anything of the audit, or the sums of figures.
package retention

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// Write is to say how long what is kept, and what must stay.
const Write auth.Action = "retention.write"

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Write, Meaning: "say how long visits, patients and messages are kept, and hold what must stay", Roles: []auth.Role{auth.Admin}},
}

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Locales are what the page says.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Kind is something that is kept for a time.
type Kind struct {
	Name  string
	Least int // days that it is kept at least
	Usual int // where a site says nothing; 0: for good
	has   string

	ofPatients bool // not of visits
}

// The kinds. Health records stay until the hospital says otherwise.
const (
	KindVisits   = "visits"
	KindPatients = "patients"
	KindChat     = "chat"
	KindMessages = "messages"
	KindChecks   = "checks"
)

// MostDays is the longest time that can be set: a hundred years.
const MostDays = 36_500

// Kinds are all kinds, in the order in which they are deleted: patients go when their visits have. has says in SQL whether there is anything of it of a visit v, or
// that a patient v may go.
func Kinds() []Kind {
	return []Kind{
		{Name: KindVisits, Least: 365, has: `1 = 1`},
		{Name: KindPatients, Least: 365, has: `NOT EXISTS (SELECT 1 FROM visits o WHERE o.patient_id = v.id)`, ofPatients: true},
		{Name: KindChat, Least: 30, has: `(EXISTS (SELECT 1 FROM visit_chat c WHERE c.visit_id = v.id) OR EXISTS (SELECT 1 FROM visit_told c WHERE c.visit_id = v.id))`},
		{Name: KindChecks, Least: 30, Usual: 400, has: `EXISTS (SELECT 1 FROM device_checks d WHERE d.visit_id = v.id)`},
		{Name: KindMessages, Least: 30, Usual: 400, has: `(EXISTS (SELECT 1 FROM notify_messages m WHERE m.about IN (v.id, 'summary ' || v.id)) OR EXISTS (SELECT 1 FROM notify_parts p WHERE p.about = v.id))`},
	}
}

// Forget deletes what a part of the house keeps of visits, or of patients.
type Forget func(ctx context.Context, tx *store.Tx, ids []string) error

// Sites knows the hospital's places.
type Sites interface {
	All(ctx context.Context) ([]sites.Site, error)
}

// Named is what is held, as people know it.
type Named struct {
	Name phi.Text // of the patient
	More phi.Text // what tells them, or the visit, from others
}

// Config is what retention needs from outside.
type Config struct {
	DB     *store.DB
	Jobs   *jobs.Queue
	Policy auth.Policy
	Pages  *web.Pages
	Vault  keys.Vault // seals why something is held
	Sites  Sites
	Exists func(context.Context, store.Subject) error // says whether there is such a visit or patient; fault.NotFound: no
	// Named gives what visits and patients are called, to who may see it; of who has no name the page shows the id's end.
	Named   func(ctx context.Context, actor auth.Actor, all []store.Subject, own *words.Words) (map[store.Subject]Named, error)
	Forgets map[string][]Forget // by the kind's name: all of it, in this order
	Zone    *time.Location      // of the night in which things are deleted
	Now     func() time.Time
}

// Service is retention. Safe for use by many goroutines.
type Service struct{ config Config }

// New brings the tables up to date and has the job run each night.
func New(ctx context.Context, c Config) (*Service, error) {
	if err := c.DB.Migrate(ctx, "visits_retention", Migrations()); err != nil {
		return nil, err
	}
	if err := c.Pages.Add("retention", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	s := &Service{config: c}
	c.Jobs.HandleWith(purgeJob, jobs.Policy{AtOnce: 1}, s.purge)
	// A night in which the server stood still is made up for: what was due then stays so.
	return s, c.DB.Tx(ctx, func(tx *store.Tx) error {
		return c.Jobs.PutNew(ctx, tx, jobs.Job{Kind: purgeJob, Key: purgeKey, At: s.next()})
	})
}

func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }

func (s *Service) act(actor auth.Actor, action string, about store.Subject) store.Act {
	return store.Act{At: s.now(), Actor: actor, Action: action, Subject: about}
}

// Days says how many days a site keeps each kind; 0: for good.
func (s *Service) Days(ctx context.Context, q store.Queryer, site string) (map[string]int, error) {
	all := map[string]int{}
	for _, k := range Kinds() {
		all[k.Name] = k.Usual
	}
	type row struct {
		kind string
		days int
	}
	rows, err := store.Collect(ctx, q, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.kind, &x.days) },
		`SELECT kind, days FROM retention_days WHERE site_id = ?`, site)
	for _, r := range rows {
		all[r.kind] = r.days
	}
	if err != nil {
		return nil, fmt.Errorf("read how long things are kept: %w", err)
	}
	return all, nil
}

// Version names days as they were read. It changes when any of them does.
func Version(days map[string]int) string {
	var said []string
	for _, k := range Kinds() {
		said = append(said, fmt.Sprintf("%s %d", k.Name, days[k.Name]))
	}
	return strings.Join(said, ", ")
}

// Check says what is wrong with days, kind by kind. A kind that nothing is said about is wrong too: to keep it for good, say 0.
func Check(days map[string]int) error {
	var wrong []fault.Field
	for _, k := range Kinds() {
		if d, said := days[k.Name]; !said || d != 0 && (d < k.Least || d > MostDays) {
			wrong = append(wrong, fault.Field{Field: k.Name, Key: "range", Detail: fmt.Sprintf("must be from %d to %d days, or 0", k.Least, MostDays)})
		}
	}
	return fault.InvalidAll(wrong...)
}

// Set says how long a site keeps each kind. seen is the Version of the days as whoever sets them saw them: when somebody else was faster, nothing is changed.
func (s *Service) Set(ctx context.Context, actor auth.Actor, site, seen string, days map[string]int) error {
	a := s.act(actor, "retention.set", store.About("site", site))
	return s.config.DB.Do(ctx, a, s.config.Policy.Allows(actor, Write), func(tx *store.Tx, a *store.Act) error {
		if err := Check(days); err != nil {
			return err
		}
		if _, err := s.siteOf(ctx, site); err != nil {
			return err
		}
		now, err := s.Days(ctx, tx, site)
		if err != nil {
			return err
		}
		if Version(now) != seen {
			return fault.Changed()
		}
		for _, k := range Kinds() {
			_, err := tx.ExecContext(ctx, `INSERT INTO retention_days (site_id, kind, days) VALUES (?, ?, ?) ON CONFLICT (site_id, kind) DO UPDATE SET days = excluded.days`,
				site, k.Name, days[k.Name])
			if err != nil {
				return fmt.Errorf("keep how long %s are kept: %w", k.Name, err)
			}
		}
		a.Detail = "days: " + Version(days)
		return nil
	})
}

// place is a site, and whether visits that name none are its own.
type place struct {
	sites.Site
	first bool
}

func (s *Service) places(ctx context.Context) (all []place, err error) {
	known, err := s.config.Sites.All(ctx)
	for i, site := range known {
		all = append(all, place{site, i == 0})
	}
	return all, err
}

// firstZone is the time zone of the first site, in which it is said since when something is held.
func (s *Service) firstZone(ctx context.Context) (*time.Location, error) {
	all, err := s.places(ctx)
	if err != nil || len(all) == 0 {
		return s.config.Zone, err
	}
	return all[0].Zone, nil
}

func (s *Service) siteOf(ctx context.Context, id string) (place, error) {
	all, err := s.places(ctx)
	if err != nil {
		return place{}, err
	}
	if i := slices.IndexFunc(all, func(p place) bool { return p.ID == id }); i >= 0 {
		return all[i], nil
	}
	return place{}, fault.NotFound
}

// Hold is something that must stay.
type Hold struct {
	About  store.Subject // a visit or a patient
	Reason phi.Text
	By     string // an account
	At     time.Time
}

// MaxReason is how many characters a reason has at most.
const MaxReason = 200

func holdPlace(about store.Subject) string { return "hold|" + about.Kind + "|" + about.ID }

// heldError says that something is held already, for another reason.
type heldError struct{ hold Hold }

func (*heldError) Error() string { return "it is held already, for another reason" }
func (*heldError) Unwrap() error {
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "held", Detail: "It is held already, for another reason."}
}

// Hold has a visit, or all visits of a patient, stay until it is released. What is held already for another reason is a heldError: the first reason stays.
func (s *Service) Hold(ctx context.Context, actor auth.Actor, about store.Subject, reason phi.Text) error {
	reason = phi.Text(typed.Line(reason.Reveal()))
	return s.config.DB.Do(ctx, s.act(actor, "retention.hold", about), s.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) error {
		if about.Kind != "visit" && about.Kind != "patient" || about.ID == "" {
			return fault.Invalid("address", "must be that of a visit or a patient")
		}
		if key, detail := typed.CheckName(reason.Reveal(), MaxReason); key != "" {
			return fault.InvalidAll(fault.Field{Field: "reason", Key: key, Detail: detail})
		}
		switch err := s.config.Exists(ctx, about); {
		case errors.Is(err, fault.NotFound):
			return fault.Invalid("address", "must be that of a visit or a patient")
		case err != nil:
			return err
		}
		held, err := store.Collect(ctx, tx, s.scanHold, `SELECT subject_kind, subject_id, reason, held_by, held_at FROM retention_holds WHERE subject_kind = ? AND subject_id = ?`,
			about.Kind, about.ID)
		switch {
		case err != nil:
			return fmt.Errorf("read a hold: %w", err)
		case len(held) > 0 && held[0].Reason != reason:
			return &heldError{held[0]}
		case len(held) > 0: // sent twice
			return nil
		}
		sealed, err := s.config.Vault.Seal(reason.Reveal(), holdPlace(about))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO retention_holds (subject_kind, subject_id, reason, held_by, held_at) VALUES (?, ?, ?, ?, ?)`,
			about.Kind, about.ID, sealed, actor.ID, store.Millis(s.now()))
		if err != nil {
			return fmt.Errorf("hold something: %w", err)
		}
		return nil
	})
}

// Release lets go what was held.
func (s *Service) Release(ctx context.Context, actor auth.Actor, about store.Subject) error {
	return s.config.DB.Do(ctx, s.act(actor, "retention.release", about), s.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM retention_holds WHERE subject_kind = ? AND subject_id = ?`, about.Kind, about.ID)
		if err != nil {
			return fmt.Errorf("release something: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.NotFound)
		}
		return nil
	})
}

// Holds lists what is held, the newest first.
func (s *Service) Holds(ctx context.Context, actor auth.Actor) (all []Hold, err error) {
	err = s.config.DB.Do(ctx, s.act(actor, "retention.read", store.About("retention", "")), s.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) (err error) {
		all, err = store.Collect(ctx, tx, s.scanHold, `SELECT subject_kind, subject_id, reason, held_by, held_at FROM retention_holds ORDER BY held_at DESC, subject_id`)
		return err
	})
	return all, err
}
