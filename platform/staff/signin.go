package staff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// errWrong is one answer for an unknown address, a wrong password and an account that is switched off.
var errWrong = fault.Invalid("email", "The email address or the password is not right")

// check signs somebody in: it counts the try, does the work of one password hash whether or not there is such an account, and opens a session in
// place of the one the browser had. The error is errWrong, a fault.TryAgain, or one of ours.
func (a *Accounts) check(ctx context.Context, email, password phi.Text, oldSession string) (session string, err error) {
	email = tidyEmail(email)
	if len(email.Reveal()) > maxEmail || !store.Keeps(email.Reveal()) {
		email = ""
	}
	if err := a.countTry(ctx, email); err != nil {
		return "", err
	}
	var account Account
	var stored string
	err = a.DB.QueryRowContext(ctx, `SELECT id, role, password FROM staff_accounts WHERE email = ? AND disabled_at IS NULL`, email).
		Scan(&account.ID, &account.Role, &stored)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", fmt.Errorf("look an account up: %w", err)
	}
	right, err := a.hasher.matches(ctx, stored, password)
	if err != nil {
		return "", err
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if !right { // also for nobody's address, so that the two take equally long
			return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: system, Action: "staff.sign_in", Subject: accountSubject(account.ID), Outcome: store.Refused})
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_tries WHERE hash = ?`, hashOf(email.Reveal())); err != nil {
			return fmt.Errorf("forget the wrong tries: %w", err)
		}
		if err := closeSession(ctx, tx, oldSession); err != nil {
			return err
		}
		if session, err = a.openSession(ctx, tx, account.ID); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.sign_in", Subject: accountSubject(account.ID), Outcome: store.Allowed})
	})
	if err != nil {
		return "", err
	}
	if !right {
		return "", errWrong
	}
	return session, nil
}

// countTry counts a try for an address before the password is looked at, so that tries side by side are counted too. After maxFailures without a right
// one the address is locked, an account's or nobody's alike.
func (a *Accounts) countTry(ctx context.Context, email phi.Text) error {
	now, key := a.Now(), hashOf(email.Reveal())
	var wait time.Duration
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_tries WHERE last_at <= ? AND locked_until <= ?`,
			store.Millis(now.Add(-lockTime)), store.Millis(now)); err != nil {
			return fmt.Errorf("forget old tries: %w", err)
		}
		var failures int
		var lockedUntil int64
		err := tx.QueryRowContext(ctx, `SELECT failures, locked_until FROM staff_tries WHERE hash = ?`, key).Scan(&failures, &lockedUntil)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("count tries: %w", err)
		}
		if until := store.Time(lockedUntil); lockedUntil > 0 && until.After(now) {
			wait = until.Sub(now)
			return nil
		}
		failures++
		lockedUntil = 0
		if failures >= maxFailures {
			failures, lockedUntil = 0, store.Millis(now.Add(lockTime))
			if err := store.Audit(ctx, tx, store.Act{At: now, Actor: system, Action: "staff.lock", Subject: accountSubject(""), Outcome: store.Allowed,
				Detail: "last try before the lock"}); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO staff_tries (hash, failures, last_at, locked_until) VALUES (?, ?, ?, ?)
			ON CONFLICT (hash) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, locked_until = excluded.locked_until`,
			key, failures, store.Millis(now), lockedUntil)
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		return nil
	})
	if err == nil && wait > 0 {
		return fault.TooOften(wait)
	}
	return err
}

func closeSession(ctx context.Context, tx *store.Tx, token string) error {
	if token == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE hash = ?`, hashOf(token)); err != nil {
		return fmt.Errorf("close a session: %w", err)
	}
	return nil
}

// leave signs out.
func (a *Accounts) leave(ctx context.Context, token string) error {
	account, err := a.sessionAccount(ctx, token)
	if errors.Is(err, errNoSession) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := closeSession(ctx, tx, token); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.sign_out", Subject: accountSubject(account.ID), Outcome: store.Allowed})
	})
}
