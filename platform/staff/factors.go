package staff

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// recoveryCodes is how many codes there are for when app and passkeys are lost.
const recoveryCodes = 10

// factors are the second factors of an account.
type factors struct {
	TOTP     bool
	Passkeys int
	Recovery int // codes that are left
}

// any says whether there is something to ask for. Recovery codes stand in for a factor and are none by themselves.
func (f factors) any() bool { return f.TOTP || f.Passkeys > 0 }

func (a *Accounts) factors(ctx context.Context, q store.Queryer, account string) (f factors, err error) {
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM staff_totp WHERE account_id = ? AND confirmed_at IS NOT NULL),
		(SELECT COUNT(*) FROM staff_passkeys WHERE account_id = ?), (SELECT COUNT(*) FROM staff_recovery WHERE account_id = ?)`,
		account, account, account).Scan(&f.TOTP, &f.Passkeys, &f.Recovery)
	if err != nil {
		return factors{}, fmt.Errorf("look second factors up: %w", err)
	}
	return f, nil
}

// needsFactor says whether somebody of this role must show a second factor.
func (a *Accounts) needsFactor(role auth.Role) bool { return slices.Contains(a.RequireSecond, role) }

// factorTries is what wrong second factors of an account are counted under. No address has its sign in it.
func factorTries(account string) string { return "factor\x00" + account }

// addedFactor notes a new second factor: the session has shown it, other sessions of the account end, and with the first one come recovery codes.
func (a *Accounts) addedFactor(ctx context.Context, tx *store.Tx, account Account, session, kind string) (recovery []string, err error) {
	if err := a.forgetTries(ctx, tx, factorTries(account.ID)); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE account_id = ? AND hash <> ?`, account.ID, hashOf(session)); err != nil {
		return nil, fmt.Errorf("end other sessions: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE staff_sessions SET second = ? WHERE hash = ?`, kind, hashOf(session)); err != nil {
		return nil, fmt.Errorf("note a second factor: %w", err)
	}
	f, err := a.factors(ctx, tx, account.ID)
	if err != nil {
		return nil, err
	}
	if f.Recovery == 0 {
		if recovery, err = a.putRecovery(ctx, tx, account.ID); err != nil {
			return nil, err
		}
	}
	return recovery, store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.factor_add", Subject: accountSubject(account.ID),
		Detail: kind, Outcome: store.Allowed})
}

// removedFactor notes that a second factor is gone. With the last one go the recovery codes, unless none is left to do without.
func (a *Accounts) removedFactor(ctx context.Context, tx *store.Tx, actor auth.Actor, account, kind string) error {
	f, err := a.factors(ctx, tx, account)
	if err != nil {
		return err
	}
	if !f.any() {
		if a.needsFactor(actor.Role) {
			return errLastFactor
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_recovery WHERE account_id = ?`, account); err != nil {
			return fmt.Errorf("drop recovery codes: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE staff_sessions SET second = '' WHERE account_id = ? AND second <> ?`, account, secondProvider); err != nil {
			return fmt.Errorf("forget a second factor: %w", err)
		}
	}
	return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: actor, Action: "staff.factor_remove", Subject: accountSubject(account),
		Detail: kind, Outcome: store.Allowed})
}

// errLastFactor keeps somebody who needs a second factor from having none.
var errLastFactor = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "last_factor",
	Detail: "You need a second factor. Set another one up before you remove this one."}

// ResetFactors takes all second factors of somebody away, who has lost them, and ends their sessions.
func (a *Accounts) ResetFactors(ctx context.Context, actor auth.Actor, id string) error {
	return a.act(ctx, actor, Manage, "staff.reset_factors", accountSubject(id), func(tx *store.Tx, _ *store.Act) error {
		if _, err := a.account(ctx, tx, id); err != nil {
			return err
		}
		for _, table := range []string{"staff_totp", "staff_passkeys", "staff_recovery"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE account_id = ?`, id); err != nil { // #nosec G202 -- the names above
				return fmt.Errorf("reset second factors: %w", err)
			}
		}
		if err := a.forgetTries(ctx, tx, factorTries(id)); err != nil {
			return err
		}
		return endSessions(ctx, tx, id)
	})
}

// putRecovery makes recovery codes in place of those there were. They are told once, here.
func (a *Accounts) putRecovery(ctx context.Context, tx *store.Tx, account string) ([]string, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_recovery WHERE account_id = ?`, account); err != nil {
		return nil, fmt.Errorf("drop recovery codes: %w", err)
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		b := make([]byte, 10) // 80 bits: nobody guesses one, so a fast hash is enough
		if _, err := io.ReadFull(a.Random, b); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		codes[i] = grouped(base32.StdEncoding.EncodeToString(b))
		if _, err := tx.ExecContext(ctx, `INSERT INTO staff_recovery (hash, account_id) VALUES (?, ?)`, hashOf(codes[i]), account); err != nil {
			return nil, fmt.Errorf("keep a recovery code: %w", err)
		}
	}
	return codes, nil
}

// renewRecovery makes recovery codes anew, for somebody who has a second factor.
func (a *Accounts) renewRecovery(ctx context.Context, account Account) (codes []string, err error) {
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if f, err := a.factors(ctx, tx, account.ID); err != nil {
			return err
		} else if !f.any() {
			return fault.NotFound
		}
		if codes, err = a.putRecovery(ctx, tx, account.ID); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.recovery_codes", Subject: accountSubject(account.ID), Outcome: store.Allowed})
	})
	return codes, err
}

// spendRecovery takes a recovery code, once. Errors: errCode.
func spendRecovery(ctx context.Context, tx *store.Tx, account, code string) error {
	res, err := tx.ExecContext(ctx, `DELETE FROM staff_recovery WHERE account_id = ? AND hash = ?`, account, hashOf(tidySetupCode(code)))
	if err := one(res, err, "spend a recovery code"); errors.Is(err, fault.NotFound) {
		return errCode
	} else if err != nil {
		return err
	}
	return nil
}

// tidyCode takes the code of an app as people type it: apps show a space in the middle.
func tidyCode(s string) string { return typed.Digits(strings.Join(strings.Fields(s), "")) }

// isTOTP tells the code of an app from a recovery code.
func isTOTP(code string) bool {
	return len(code) == totpDigits && !strings.ContainsFunc(code, func(r rune) bool { return r < '0' || r > '9' })
}
