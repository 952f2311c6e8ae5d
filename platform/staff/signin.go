package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// errWrong is one answer for an unknown address, a wrong password and an account that is switched off.
var errWrong = fault.Invalid("email", "The email address or the password is not right")

// The second factors that a session can have shown.
const (
	secondTOTP     = "totp"
	secondPasskey  = "passkey"
	secondRecovery = "recovery"
	secondProvider = "provider" // the hospital's sign-on says that it was shown there
)

// entry is how far somebody has come in: a session, or the step at which a second factor is to be shown.
type entry struct{ session, step string }

// check signs somebody in: it counts the try, does the work of one password hash whether or not there is such an account, and opens a session in
// place of the one the browser had, unless a second factor is to be shown first. The error is errWrong, a fault.TryAgain, or one of ours.
func (a *Accounts) check(ctx context.Context, email, password phi.Text, oldSession, browser string) (in entry, err error) {
	email = tidyEmail(email)
	if len(email.Reveal()) > maxEmail || !store.Keeps(email.Reveal()) {
		email = ""
	}
	if err := a.countTry(ctx, email.Reveal()); err != nil {
		return entry{}, err
	}
	var account Account
	var stored string
	err = a.DB.QueryRowContext(ctx, `SELECT id, role, password FROM staff_accounts WHERE email = ? AND disabled_at IS NULL`, email).
		Scan(&account.ID, &account.Role, &stored)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return entry{}, fmt.Errorf("look an account up: %w", err)
	}
	right, err := a.hasher.matches(ctx, stored, password)
	if err != nil {
		return entry{}, err
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if !right { // also for nobody's address, so that the two take equally long
			return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: system, Action: "staff.sign_in", Subject: accountSubject(account.ID), Outcome: store.Refused})
		}
		if err := a.forgetTries(ctx, tx, email.Reveal()); err != nil {
			return err
		}
		in, err = a.enter(ctx, tx, account, opening{Browser: browser}, oldSession)
		return err
	})
	if err != nil {
		return entry{}, err
	}
	if !right {
		return entry{}, errWrong
	}
	return in, nil
}

// enter opens a session for somebody whose first factor was right, in place of the one the browser had; where the account has a second factor
// and none was shown yet, that comes first.
func (a *Accounts) enter(ctx context.Context, tx *store.Tx, account Account, o opening, oldSession string) (in entry, err error) {
	act := store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.sign_in", Subject: accountSubject(account.ID), Detail: o.Second, Outcome: store.Allowed}
	f, err := a.factors(ctx, tx, account.ID)
	if err != nil {
		return entry{}, err
	}
	if f.any() && o.Second == "" {
		if in.step, err = newToken(a.Random); err != nil {
			return entry{}, err
		}
		act.Action = "staff.first_factor"
		b, err := json.Marshal(o)
		if err != nil {
			return entry{}, fmt.Errorf("keep a step: %w", err)
		}
		if err := a.putStep(ctx, tx, in.step, stepSecond, step{account.ID, string(b)}); err != nil {
			return entry{}, err
		}
		return in, store.Audit(ctx, tx, act)
	}
	if err := closeSession(ctx, tx, oldSession); err != nil {
		return entry{}, err
	}
	if in.session, err = a.openSession(ctx, tx, account.ID, o); err != nil {
		return entry{}, err
	}
	return in, store.Audit(ctx, tx, act)
}

// checkSecond takes the code of an app, a recovery code or a passkey as second factor, and opens the session. Errors: errNoStep, errCode, errPasskey,
// a fault.TryAgain, or one of ours.
func (a *Accounts) checkSecond(ctx context.Context, token, code, credential, oldSession string) (session string, err error) {
	s, err := a.step(ctx, a.DB, token, stepSecond)
	if err != nil {
		return "", err
	}
	if credential == "" { // nobody guesses a passkey
		if err := a.countTry(ctx, factorTries(s.Account)); err != nil {
			return "", err
		}
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		s, err := a.takeStep(ctx, tx, token, stepSecond)
		if err != nil {
			return err
		}
		account, err := a.account(ctx, tx, s.Account)
		if err != nil || !account.Disabled.IsZero() {
			return errors.Join(errNoStep, err)
		}
		var o opening
		if err := json.Unmarshal([]byte(s.Data), &o); err != nil {
			return fmt.Errorf("read a step: %w", err)
		}
		if o.Second, err = a.second(ctx, tx, account.ID, token, code, credential); err != nil {
			return err
		}
		if err := a.forgetTries(ctx, tx, factorTries(account.ID)); err != nil {
			return err
		}
		in, err := a.enter(ctx, tx, account, o, oldSession)
		session = in.session
		return err
	})
	if errors.Is(err, errCode) || errors.Is(err, errPasskey) {
		return "", errors.Join(err, a.refuse(ctx, "staff.second_factor", s.Account))
	}
	return session, err
}

// second takes one second factor and tells which it was. Errors: errCode, errPasskey.
func (a *Accounts) second(ctx context.Context, tx *store.Tx, account, token, code, credential string) (string, error) {
	if credential != "" {
		_, err := a.provePasskey(ctx, tx, token, account, credential)
		return secondPasskey, err
	}
	if code = tidyCode(code); isTOTP(code) {
		return secondTOTP, a.spendTOTP(ctx, tx, account, code, false)
	}
	return secondRecovery, spendRecovery(ctx, tx, account, code)
}

// refuse audits that somebody did not show who they are.
func (a *Accounts) refuse(ctx context.Context, action, account string) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: system, Action: action, Subject: accountSubject(account), Outcome: store.Refused})
	})
}

// enterByPasskey signs in whoever holds a passkey and was verified by their device: two factors in one. Errors: errPasskey.
func (a *Accounts) enterByPasskey(ctx context.Context, token, credential, browser, oldSession string) (session string, err error) {
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		account, err := a.provePasskey(ctx, tx, token, "", credential)
		if err != nil {
			return err
		}
		in, err := a.enter(ctx, tx, account, opening{Browser: browser, Second: secondPasskey}, oldSession)
		session = in.session
		return err
	})
	if errors.Is(err, errPasskey) {
		return "", errors.Join(err, a.refuse(ctx, "staff.sign_in", ""))
	}
	return session, err
}

// countTry counts a try for an address, or for the second factor of an account, before what was typed is looked at, so that tries side by side are counted too. After maxFailures without a right
// one it is locked, an account's address or nobody's alike.
func (a *Accounts) countTry(ctx context.Context, about string) error {
	now, key := a.Now(), hashOf(about)
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

// forgetTries forgets the wrong tries after a right one.
func (a *Accounts) forgetTries(ctx context.Context, tx *store.Tx, about string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_tries WHERE hash = ?`, hashOf(about)); err != nil {
		return fmt.Errorf("forget the wrong tries: %w", err)
	}
	return nil
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

// leave signs out, and tells whether the hospital's sign-on had opened the session.
func (a *Accounts) leave(ctx context.Context, token string) (signOn bool, err error) {
	s, err := a.session(ctx, token)
	if errors.Is(err, errNoSession) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.signOn, a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := closeSession(ctx, tx, token); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: s.Account.Actor(), Action: "staff.sign_out", Subject: accountSubject(s.Account.ID), Outcome: store.Allowed})
	})
}
