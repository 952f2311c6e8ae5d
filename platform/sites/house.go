package sites

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Config is what sites need from outside.
type Config struct {
	DB        *store.DB
	Policy    auth.Policy
	Languages []string         // tags of the languages there are
	First     Site             // what the first site is made of, where there is none: its name, zone and phone
	Now       func() time.Time // nil: time.Now
}

// House is all sites of the hospital and their services. Safe for use by many goroutines.
type House struct {
	config Config
}

// system is who acts when the program itself does.
var system = auth.Actor{Kind: auth.KindSystem, ID: "sites"}

// New brings the tables up to date. Where there is no site yet it makes one of Config.First, with what is usual: all languages, a weekend of Saturday and
// Sunday, and 17:00 as the cut-off.
func New(ctx context.Context, c Config) (*House, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.DB.Migrate(ctx, "sites", Migrations()); err != nil {
		return nil, err
	}
	h := &House{config: c}
	if err := h.ensureFirst(ctx); err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	return h, nil
}

func (h *House) ensureFirst(ctx context.Context) error {
	none := func(q store.Queryer) (bool, error) {
		var n int
		err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM sites`).Scan(&n)
		return n == 0, err
	}
	if missing, err := none(h.config.DB); err != nil || !missing {
		return err
	}
	s := h.config.First
	s.ID, s.CreatedAt, s.Version = store.NewID(), h.now(), 1
	s.Languages, s.Weekend, s.CutOff = h.config.Languages, []time.Weekday{time.Saturday, time.Sunday}, 17*time.Hour
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	s = s.tidy()
	if err := s.check(h.config.Languages); err != nil {
		return err
	}
	return h.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if missing, err := none(tx); err != nil || !missing { // another node was faster
			return err
		}
		if err := insertSite(ctx, tx, s); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: s.CreatedAt, Actor: system, Action: "site.create", Subject: store.About("site", s.ID), Outcome: store.Allowed})
	})
}

// Default is the hospital's first site.
func (h *House) Default(ctx context.Context) (Site, error) {
	var id string
	if err := h.config.DB.QueryRowContext(ctx, `SELECT MIN(id) FROM sites`).Scan(&id); err != nil {
		return Site{}, fmt.Errorf("find the first site: %w", err)
	}
	return siteRow(ctx, h.config.DB, id)
}

// Site reads one site for the program itself; people go by ShowSite.
func (h *House) Site(ctx context.Context, id string) (Site, error) {
	return siteRow(ctx, h.config.DB, id)
}

// Service reads one service for the program itself; people go by ShowService.
func (h *House) Service(ctx context.Context, id string) (Service, error) {
	return serviceRow(ctx, h.config.DB, id)
}

// All lists all sites for the program itself, the oldest first; people go by Sites.
func (h *House) All(ctx context.Context) ([]Site, error) { return allSites(ctx, h.config.DB) }

// ServicesOf lists the services of a site for the program itself, the oldest first; people go by Services.
func (h *House) ServicesOf(ctx context.Context, site string) ([]Service, error) {
	return servicesOf(ctx, h.config.DB, site)
}

// Sites lists all sites, the oldest first.
func (h *House) Sites(ctx context.Context, actor auth.Actor) ([]Site, error) {
	if err := h.mayRead(ctx, actor, "site.list", store.About("site", "")); err != nil {
		return nil, err
	}
	return allSites(ctx, h.config.DB)
}

// ShowSite returns one site.
func (h *House) ShowSite(ctx context.Context, actor auth.Actor, id string) (Site, error) {
	if err := h.mayRead(ctx, actor, "site.read", store.About("site", id)); err != nil {
		return Site{}, err
	}
	return siteRow(ctx, h.config.DB, id)
}

// Services lists the services of a site, of an empty id those of all sites, the oldest first.
func (h *House) Services(ctx context.Context, actor auth.Actor, site string) ([]Service, error) {
	if err := h.mayRead(ctx, actor, "service.list", store.About("site", site)); err != nil {
		return nil, err
	}
	return servicesOf(ctx, h.config.DB, site)
}

// ShowService returns one service.
func (h *House) ShowService(ctx context.Context, actor auth.Actor, id string) (Service, error) {
	if err := h.mayRead(ctx, actor, "service.read", store.About("service", id)); err != nil {
		return Service{}, err
	}
	return serviceRow(ctx, h.config.DB, id)
}

// mayRead refuses who may not read. Sites and services are no health data, so reading them leaves no row; being refused does.
func (h *House) mayRead(ctx context.Context, actor auth.Actor, action string, about store.Subject) error {
	if h.config.Policy.Allows(actor, Read) {
		return nil
	}
	return h.config.DB.Do(ctx, h.act(actor, action, about), false, nil)
}

// CreateSite adds a site. What is wrong with it is a fault.NotValid that names each field.
func (h *House) CreateSite(ctx context.Context, actor auth.Actor, s Site) (Site, error) {
	s = s.tidy()
	s.ID, s.CreatedAt, s.Version = store.NewID(), h.now(), 1
	err := h.write(ctx, actor, "site.create", store.About("site", s.ID), func(tx *store.Tx) error {
		if err := s.check(h.config.Languages); err != nil {
			return err
		}
		return insertSite(ctx, tx, s)
	})
	return s, err
}

// UpdateSite replaces what a site is. s.Version is that of the site as it was read: when somebody else changed it meanwhile, nothing is changed.
func (h *House) UpdateSite(ctx context.Context, actor auth.Actor, s Site) (Site, error) {
	s = s.tidy()
	err := h.write(ctx, actor, "site.update", store.About("site", s.ID), func(tx *store.Tx) error {
		old, err := siteRow(ctx, tx, s.ID)
		if err != nil {
			return err
		}
		if old.Version != s.Version {
			return fault.Changed()
		}
		if err := s.check(h.config.Languages); err != nil {
			return err
		}
		s.CreatedAt = old.CreatedAt
		s.Version++
		return updateSite(ctx, tx, s)
	})
	return s, err
}

// CreateService adds a service to a site.
func (h *House) CreateService(ctx context.Context, actor auth.Actor, s Service) (Service, error) {
	s = s.tidy()
	s.ID, s.CreatedAt, s.Version = store.NewID(), h.now(), 1
	err := h.write(ctx, actor, "service.create", store.About("service", s.ID), func(tx *store.Tx) error {
		if _, err := siteRow(ctx, tx, s.SiteID); err != nil {
			return err
		}
		return h.judged(ctx, tx, s, insertService)
	})
	return s, err
}

// UpdateService replaces what a service is; its site stays. s.Version counts as in UpdateSite.
func (h *House) UpdateService(ctx context.Context, actor auth.Actor, s Service) (Service, error) {
	s = s.tidy()
	err := h.write(ctx, actor, "service.update", store.About("service", s.ID), func(tx *store.Tx) error {
		old, err := serviceRow(ctx, tx, s.ID)
		if err != nil {
			return err
		}
		if old.Version != s.Version {
			return fault.Changed()
		}
		s.SiteID, s.CreatedAt = old.SiteID, old.CreatedAt
		s.Version++
		return h.judged(ctx, tx, s, updateService)
	})
	return s, err
}

// judged writes a service with which nothing is wrong.
func (h *House) judged(ctx context.Context, tx *store.Tx, s Service, write func(context.Context, *store.Tx, Service) error) error {
	others, err := servicesOf(ctx, tx, s.SiteID)
	if err != nil {
		return err
	}
	if err := s.check(others); err != nil {
		return err
	}
	return write(ctx, tx, s)
}

// write does what only those may who may change sites.
func (h *House) write(ctx context.Context, actor auth.Actor, action string, about store.Subject, f func(*store.Tx) error) error {
	return h.config.DB.Do(ctx, h.act(actor, action, about), h.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) error { return f(tx) })
}

func (h *House) act(actor auth.Actor, action string, about store.Subject) store.Act {
	return store.Act{At: h.now(), Actor: actor, Action: action, Subject: about}
}

// now is the time as the database keeps it.
func (h *House) now() time.Time { return store.Time(store.Millis(h.config.Now())) }
