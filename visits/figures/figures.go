// Package figures counts visits: how many took place, how long families waited, what failed, in which languages, by week or month, site and service. Its tables own
// sums by day, which a job adds visits to once they are over; visits themselves belong to package visits.
// It must never show a number that is about so few visits that people could be known by it, where that number tells more than that there was a visit.
package figures

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
)

// Read is to see figures.
const Read auth.Action = "figures.read"

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Read, Meaning: "see figures of visits", Roles: []auth.Role{auth.Coordinator, auth.Admin, auth.Program}},
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

// Sites knows the hospital's places and services.
type Sites interface {
	All(ctx context.Context) ([]sites.Site, error)
	ServicesOf(ctx context.Context, site string) ([]sites.Service, error)
}

// Config is what figures need from outside.
type Config struct {
	DB     *store.DB
	Jobs   *jobs.Queue
	Policy auth.Policy
	Pages  *web.Pages
	Sites  Sites
	Bad    func(ctx context.Context, q store.Queryer, visits []string) (map[string]bool, error) // tells in which of these somebody's connection was bad
	Zone   *time.Location                                                                       // in which days are counted
	Now    func() time.Time
}

// Service is the figures. Safe for use by many goroutines.
type Service struct{ config Config }

const (
	collectJob   = "figures.collect"
	collectEvery = time.Hour
)

// New brings the tables up to date and has visits counted every hour.
func New(ctx context.Context, c Config) (*Service, error) {
	if err := c.DB.Migrate(ctx, "figures", Migrations()); err != nil {
		return nil, err
	}
	if err := c.Pages.Add("figures", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	s := &Service{config: c}
	c.Jobs.Handle(collectJob, s.collect)
	err := c.DB.Tx(ctx, func(tx *store.Tx) error { return s.plan(ctx, tx, c.Now()) })
	if err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	return s, nil
}

// plan has visits counted at a time.
func (s *Service) plan(ctx context.Context, tx *store.Tx, at time.Time) error {
	return s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: collectJob, Key: "all", At: at})
}
