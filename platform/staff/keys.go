package staff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// keyPrefix lets people and scanners of leaked secrets recognise our keys.
const keyPrefix = "hc_"

// How long API keys work, and when their end is near enough to speak of it.
const (
	DefaultKeyLife = 365 * 24 * time.Hour // also the longest, unless Config says otherwise
	KeyWarning     = 30 * 24 * time.Hour
)

const (
	day     = 24 * time.Hour
	keyKind = "api_key" // of subjects in the audit
)

// NewKey is what an API key is made of.
type NewKey struct {
	Name   string        // what it is for
	Scopes []auth.Action // what it may do: some of what Policy.Grantable says
	Life   time.Duration // how long it works, in whole days; zero: as long as it may, at most DefaultKeyLife
}

// Key is an API key as it can be listed: without the secret.
type Key struct {
	ID      string
	Name    string // what it is for
	Scopes  []auth.Action
	Created time.Time
	By      string    // the account that made it; "": an operator at the command line
	ByName  phi.Text  // of that account
	Expires time.Time // zero: never, as keys of before keys had an end
	UsedOn  time.Time // the beginning of the day of its last use, in UTC; zero: never
	Revoked time.Time // zero: it was not
}

// KeyState is how a key stands.
type KeyState string

// The states of keys.
const (
	KeyWorks    KeyState = "works"
	KeyExpiring KeyState = "expiring" // works for KeyWarning or less
	KeyExpired  KeyState = "expired"
	KeyRevoked  KeyState = "revoked"
)

// KeyStates are all of them.
func KeyStates() []KeyState { return []KeyState{KeyWorks, KeyExpiring, KeyExpired, KeyRevoked} }

// State is how a key stands at a time.
func (k Key) State(now time.Time) KeyState {
	switch {
	case !k.Revoked.IsZero():
		return KeyRevoked
	case k.Expires.IsZero() || k.Expires.Sub(now) > KeyWarning:
		return KeyWorks
	case k.Expires.After(now):
		return KeyExpiring
	}
	return KeyExpired
}

// judgeKey tidies what a key shall be, and lists what is wrong with it.
func (a *Accounts) judgeKey(n *NewKey) (wrong []fault.Field) {
	n.Name = typed.Line(n.Name)
	if key, _ := typed.CheckName(n.Name, maxName); key != "" {
		wrong = append(wrong, fault.Field{Field: "name", Key: "odd", Detail: fmt.Sprintf("must say what the key is for, in at most %d characters", maxName)})
	}
	grantable := a.Policy.Grantable()
	odd := func(scope auth.Action) bool { return !slices.Contains(grantable, scope) }
	if len(n.Scopes) == 0 || slices.ContainsFunc(n.Scopes, odd) {
		wrong = append(wrong, fault.Field{Field: "scopes", Key: "odd", Detail: "must be some of " + strings.ReplaceAll(string(auth.NewScopes(grantable...)), " ", ", ")})
	}
	if n.Life == 0 {
		n.Life = min(DefaultKeyLife, a.KeyLife)
	}
	if n.Life < day || n.Life > a.KeyLife || n.Life%day != 0 {
		wrong = append(wrong, fault.Field{Field: "days", Key: "odd", Detail: fmt.Sprintf("must be from 1 to %d", a.KeyLife/day)})
	}
	return wrong
}

// CreateKey makes an API key. The secret is told once, here.
func (a *Accounts) CreateKey(ctx context.Context, actor auth.Actor, n NewKey) (secret string, key Key, err error) {
	if err := fault.InvalidAll(a.judgeKey(&n)...); err != nil {
		return "", Key{}, err
	}
	token, err := newToken(a.Random)
	if err != nil {
		return "", Key{}, err
	}
	secret = keyPrefix + token
	now := store.Time(store.Millis(a.Now()))
	scopes := auth.NewScopes(n.Scopes...)
	key = Key{ID: store.NewID(), Name: n.Name, Scopes: scopes.Actions(), Created: now, Expires: now.Add(n.Life)}
	if actor.Kind == auth.KindStaff {
		key.By = actor.ID
	}
	err = a.act(ctx, actor, ManageKeys, "staff.key_create", store.About(keyKind, key.ID), func(tx *store.Tx, act *store.Act) error {
		act.Detail = string(scopes)
		if _, err := tx.ExecContext(ctx, `INSERT INTO staff_keys (id, name, hash, scopes, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			key.ID, key.Name, hashOf(secret), string(scopes), key.By, store.Millis(key.Created), store.Millis(key.Expires)); err != nil {
			return fmt.Errorf("insert an API key: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, key, nil
}

// RevokeKey stops an API key for good. Unknown and stopped ones are fault.NotFound.
func (a *Accounts) RevokeKey(ctx context.Context, actor auth.Actor, id string) error {
	return a.act(ctx, actor, ManageKeys, "staff.key_revoke", store.About(keyKind, id), func(tx *store.Tx, _ *store.Act) error {
		res, err := tx.ExecContext(ctx, `UPDATE staff_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`, store.Millis(a.Now()), id)
		return one(res, err, "revoke an API key")
	})
}

const keyColumns = `SELECT k.id, k.name, k.scopes, k.created_at, k.created_by, COALESCE(a.name, ''), k.expires_at, k.used_on, k.revoked_at
	FROM staff_keys k LEFT JOIN staff_accounts a ON a.id = k.created_by`

func scanKey(rows *sql.Rows) (k Key, err error) {
	var scopes string
	var created int64
	var expires, used, revoked sql.NullInt64
	err = rows.Scan(&k.ID, &k.Name, &scopes, &created, &k.By, &k.ByName, &expires, &used, &revoked)
	k.Scopes, k.Created = auth.Scopes(scopes).Actions(), store.Time(created)
	k.Expires, k.UsedOn, k.Revoked = timeOf(expires), timeOf(used), timeOf(revoked)
	return k, err
}

func timeOf(at sql.NullInt64) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return store.Time(at.Int64)
}

// Keys lists all API keys, the oldest first.
func (a *Accounts) Keys(ctx context.Context) ([]Key, error) { return Keys(ctx, a.DB) }

// Keys lists all API keys of a database, the oldest first, for the program itself.
func Keys(ctx context.Context, q store.Queryer) ([]Key, error) {
	keys, err := store.Collect(ctx, q, scanKey, keyColumns+` ORDER BY k.id`)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// key reads one API key. Errors: fault.NotFound.
func (a *Accounts) key(ctx context.Context, id string) (Key, error) {
	if !store.IsID(id) {
		return Key{}, fault.NotFound
	}
	found, err := store.Collect(ctx, a.DB, scanKey, keyColumns+` WHERE k.id = ?`, id)
	if err != nil {
		return Key{}, fmt.Errorf("read an API key: %w", err)
	}
	if len(found) == 0 {
		return Key{}, fault.NotFound
	}
	return found[0], nil
}

// keyActor finds who the working key of an Authorization header is. All others get the same refusal.
func (a *Accounts) keyActor(ctx context.Context, header string) (auth.Actor, error) {
	refused := &fault.Problem{Code: fault.CodeUnauthorized, Kind: fault.NotAllowed, Detail: "Send a valid API key: Authorization: Bearer hc_…"}
	scheme, secret, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, keyPrefix) || len(secret) > 100 {
		return auth.Actor{}, refused
	}
	var used sql.NullInt64
	now := a.Now()
	actor := auth.Actor{Kind: auth.KindKey, Role: auth.Program}
	err := a.DB.QueryRowContext(ctx, `SELECT id, scopes, used_on FROM staff_keys WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
		hashOf(secret), store.Millis(now)).Scan(&actor.ID, (*string)(&actor.Scopes), &used)
	if errors.Is(err, fault.NotFound) {
		return auth.Actor{}, refused
	}
	if err != nil {
		return auth.Actor{}, fmt.Errorf("look an API key up: %w", err)
	}
	if today := store.Millis(now.UTC().Truncate(day)); !used.Valid || used.Int64 < today {
		if err := a.noteUse(ctx, actor.ID, today); err != nil && !errors.Is(err, fault.TryAgain) { // who only reads is answered while nothing can be written
			return auth.Actor{}, err
		}
	}
	return actor, nil
}

// noteUse keeps the day on which a key was used: one write a day.
func (a *Accounts) noteUse(ctx context.Context, id string, today int64) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE staff_keys SET used_on = ? WHERE id = ? AND (used_on IS NULL OR used_on < ?)`, today, id, today); err != nil {
			return fmt.Errorf("note that an API key is used: %w", err)
		}
		return nil
	})
}
