package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's own tables.
func Migrations() fs.FS { return Folder(migrationFiles, "migrations") }

// Folder is a folder of files that are part of the program.
func Folder(files embed.FS, dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // dir is a constant
	}
	return sub
}

// Migrate brings the tables of one package up to date. fsys holds goose files at its top; name is the package's, and the versions
// are kept in a table of its own, goose_<name>. Two processes may call it at once. A database that a newer program has
// migrated is refused, since this one doesn't know what it would break.
func (db *DB) Migrate(ctx context.Context, name string, fsys fs.FS) error {
	return db.MigrateTo(ctx, name, fsys, math.MaxInt64)
}

// MigrateTo is Migrate up to a version, or to the newest there is, whichever is lower. A database beyond it is refused.
func (db *DB) MigrateTo(ctx context.Context, name string, fsys fs.FS, version int64) error {
	unlock, err := db.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("lock the migrations: %w", mapped(err))
	}
	defer unlock()
	p, err := goose.NewProvider(db.dialect, db.migrate, fsys,
		goose.WithTableName(versionsPrefix+name), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", name, err)
	}
	current, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", name, mapped(err))
	}
	version = min(version, newest)
	if current > version {
		return fmt.Errorf("migrations of %s: the database has version %d, and this program can take up to %d: use the newer program", name, current, version)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return fmt.Errorf("migrations of %s: %w", name, mapped(err))
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.known == nil {
		db.known = map[string]int64{}
	}
	db.known[name] = newest
	return nil
}

// Outgrown says whether a newer program has brought the tables of this one up to date since it started: there may be rows whose meaning it does not know.
func (db *DB) Outgrown(ctx context.Context) (bool, error) {
	var newer []string
	var args []any
	db.mu.Lock()
	for name, version := range db.known {
		newer, args = append(newer, `EXISTS (SELECT 1 FROM `+quoted(versionsPrefix+name)+` WHERE version_id > ?)`), append(args, version)
	}
	db.mu.Unlock()
	if len(newer) == 0 {
		return false, nil
	}
	var outgrown bool
	if err := db.QueryRowContext(ctx, `SELECT `+strings.Join(newer, ` OR `), args...).Scan(&outgrown); err != nil {
		return false, fmt.Errorf("look whether the tables are newer: %w", err)
	}
	return outgrown, nil
}
