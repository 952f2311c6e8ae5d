package certs

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"housecall/platform/keys"
	"housecall/platform/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// kept is what the servers of one domain share, in the database. Texts are sealed, and bound to their names.
type kept struct {
	db    *store.DB
	vault keys.Vault
}

func (k kept) migrate(ctx context.Context) error {
	return k.db.Migrate(ctx, "certs", Migrations())
}

// about binds a sealed text to its place.
func about(name string) string { return "acme|" + name }

// get answers nil when there is nothing of that name.
func (k kept) get(ctx context.Context, name string) ([]byte, error) {
	var sealed string
	err := k.db.QueryRowContext(ctx, `SELECT sealed FROM acme WHERE name = ?`, name).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	text, err := k.vault.Open(sealed, about(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return []byte(text), nil
}

// put writes over what there was.
func (k kept) put(ctx context.Context, name string, text []byte) error {
	return k.write(ctx, name, text, `INSERT INTO acme (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`)
}

// add leaves alone what there is.
func (k kept) add(ctx context.Context, name string, text []byte) error {
	return k.write(ctx, name, text, `INSERT INTO acme (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`)
}

func (k kept) write(ctx context.Context, name string, text []byte, query string) error {
	sealed, err := k.vault.Seal(string(text), about(name))
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if _, err := k.db.ExecContext(ctx, query, name, sealed); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

func (k kept) remove(ctx context.Context, name string) error {
	if _, err := k.db.ExecContext(ctx, `DELETE FROM acme WHERE name = ?`, name); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// claim says that holder orders a certificate, until then at most; false: it is somebody else's turn.
func (k kept) claim(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	result, err := k.db.ExecContext(ctx, `INSERT INTO acme_turns (name, holder, until) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE acme_turns.holder = excluded.holder OR acme_turns.until <= ?`, name, holder, store.Millis(until), store.Millis(now))
	if err != nil {
		return false, fmt.Errorf("take the turn at %s: %w", name, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("take the turn at %s: %w", name, err)
	}
	return n == 1, nil
}

// release ends the turns of a holder: one, or with no name all.
func (k kept) release(ctx context.Context, name, holder string) error {
	if _, err := k.db.ExecContext(ctx, `DELETE FROM acme_turns WHERE holder = ? AND (? = '' OR name = ?)`, holder, name, name); err != nil {
		return fmt.Errorf("give back the turn at %s: %w", name, err)
	}
	return nil
}
