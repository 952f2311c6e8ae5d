package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() fs.FS { return mustSub(migrationFiles, "migrations") }

func mustSub(fsys fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // dir is a constant of this package
	}
	return sub
}

// Migrate brings the tables of one package up to date. fsys holds goose files at its top; name is the package's, and the versions
// are kept in a table of its own, goose_<name>. Two processes may call it at once. A database that a newer program has
// migrated is refused, since this one doesn't know what it would break.
func (db *DB) Migrate(ctx context.Context, name string, fsys fs.FS) error {
	unlock, err := db.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("lock the migrations: %w", mapped(err))
	}
	defer unlock()
	p, err := goose.NewProvider(db.dialect, db.migrate, fsys,
		goose.WithTableName("goose_"+name), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", name, err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", name, mapped(err))
	}
	if current > target {
		return fmt.Errorf("migrations of %s: the database has version %d, this program knows up to %d: use the newer program", name, current, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrations of %s: %w", name, mapped(err))
	}
	return nil
}
