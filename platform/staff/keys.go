package staff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// keyPrefix lets people and scanners of leaked secrets recognise our keys.
const keyPrefix = "hc_"

// keyRole is the role of every API key: programs may do what schedulers may do.
const keyRole = auth.Scheduler

// Key is an API key as it can be listed: without the secret.
type Key struct {
	ID      string
	Name    string // what it is for
	Created time.Time
	Revoked time.Time // zero: it works
}

// CreateKey makes an API key. The secret is told once, here.
func (a *Accounts) CreateKey(ctx context.Context, actor auth.Actor, name string) (secret string, key Key, err error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !store.Keeps(name) {
		return "", Key{}, fault.Invalid("name", fmt.Sprintf("must say what the key is for, in at most %d characters", maxName))
	}
	token, err := newToken(a.Random)
	if err != nil {
		return "", Key{}, err
	}
	secret = keyPrefix + token
	key = Key{ID: store.NewID(), Name: name, Created: a.Now()}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO staff_keys (id, name, hash, created_at) VALUES (?, ?, ?, ?)`,
			key.ID, name, hashOf(secret), store.Millis(key.Created)); err != nil {
			return fmt.Errorf("insert an API key: %w", err)
		}
		return store.Audit(ctx, tx, store.Act{At: key.Created, Actor: actor, Action: "staff.key_create", Subject: keySubject(key.ID), Outcome: store.Allowed})
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, key, nil
}

// RevokeKey stops an API key for good. Unknown and stopped ones are fault.NotFound.
func (a *Accounts) RevokeKey(ctx context.Context, actor auth.Actor, id string) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE staff_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`, store.Millis(a.Now()), id)
		if err != nil {
			return fmt.Errorf("revoke an API key: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("revoke an API key: %w", err)
		} else if n == 0 {
			return fault.NotFound
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: actor, Action: "staff.key_revoke", Subject: keySubject(id), Outcome: store.Allowed})
	})
}

// Keys lists all API keys, the oldest first.
func (a *Accounts) Keys(ctx context.Context) ([]Key, error) {
	keys, err := store.Collect(ctx, a.DB, func(rows *sql.Rows) (Key, error) {
		var k Key
		var created int64
		var revoked sql.NullInt64
		err := rows.Scan(&k.ID, &k.Name, &created, &revoked)
		k.Created = store.Time(created)
		if revoked.Valid {
			k.Revoked = store.Time(revoked.Int64)
		}
		return k, err
	}, `SELECT id, name, created_at, revoked_at FROM staff_keys ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// keyID finds the working key of an Authorization header. All others get the same refusal.
func (a *Accounts) keyID(ctx context.Context, header string) (string, error) {
	refused := &fault.Problem{Code: fault.CodeUnauthorized, Kind: fault.NotAllowed, Detail: "Send a valid API key: Authorization: Bearer hc_…"}
	scheme, secret, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, keyPrefix) || len(secret) > 100 {
		return "", refused
	}
	var id string
	err := a.DB.QueryRowContext(ctx, `SELECT id FROM staff_keys WHERE hash = ? AND revoked_at IS NULL`, hashOf(secret)).Scan(&id)
	if errors.Is(err, fault.NotFound) {
		return "", refused
	}
	if err != nil {
		return "", fmt.Errorf("look an API key up: %w", err)
	}
	return id, nil
}
