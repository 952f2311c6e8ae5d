package staff

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// What a code of an app is made by: the values every app knows (RFC 6238 with the key length that RFC 4226 section 4 recommends).
const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // periods that the clock of a phone may be ahead or behind
	totpKey    = 20 // bytes
	totpDigits = 6
)

// errCode is one answer for a code that is wrong, too old, or was used before.
var errCode = fault.InvalidAll(fault.Field{Field: "code", Key: "wrong", Detail: "is not right, or was used before"})

// newTOTP makes the secret of an app's codes, or gives the one that was shown before and is not confirmed yet. It is shown to its owner alone.
func (a *Accounts) newTOTP(ctx context.Context, account string) (secret string, err error) {
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		var confirmed bool
		if secret, _, confirmed, err = a.totpSecret(ctx, tx, account); err == nil {
			if confirmed {
				return errHasTOTP
			}
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		key := make([]byte, totpKey)
		if _, err := io.ReadFull(a.Random, key); err != nil {
			return fmt.Errorf("read randomness: %w", err)
		}
		secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
		sealed, err := a.Vault.Seal(secret, totpPlace(account))
		if err != nil {
			return fmt.Errorf("seal the secret of codes: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO staff_totp (account_id, secret, last_step) VALUES (?, ?, 0)`, account, sealed); err != nil {
			return fmt.Errorf("keep the secret of codes: %w", err)
		}
		return nil
	})
	return secret, err
}

// errHasTOTP says that an account has an app already.
var errHasTOTP = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "has_totp", Detail: "An app is set up already. Remove it first."}

func totpPlace(account string) string { return "staff_totp|" + account }

func (a *Accounts) totpSecret(ctx context.Context, q store.Queryer, account string) (secret string, last int64, confirmed bool, err error) {
	var sealed string
	var at sql.NullInt64
	err = q.QueryRowContext(ctx, `SELECT secret, last_step, confirmed_at FROM staff_totp WHERE account_id = ?`, account).Scan(&sealed, &last, &at)
	if err != nil {
		return "", 0, false, fmt.Errorf("look the secret of codes up: %w", err)
	}
	secret, err = a.Vault.Open(sealed, totpPlace(account))
	return secret, last, at.Valid, err
}

// totpStep finds the period a code is of, near now: none that was used before, or is older than one that was. Errors: errCode.
func totpStep(secret, code string, now time.Time, last int64) (int64, error) {
	current := now.Unix() / totpPeriod
	matched := int64(-1)
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(s*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("work a code out: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last && matched < 0 {
			matched = s
		}
	}
	if matched < 0 {
		return 0, errCode
	}
	return matched, nil
}

// spendTOTP takes a code of an account's app, once. Errors: errCode.
func (a *Accounts) spendTOTP(ctx context.Context, tx *store.Tx, account, code string, unconfirmed bool) error {
	secret, last, confirmed, err := a.totpSecret(ctx, tx, account)
	if errors.Is(err, fault.NotFound) || err == nil && confirmed == unconfirmed {
		return errCode
	}
	if err != nil {
		return err
	}
	at, err := totpStep(secret, code, a.Now(), last)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE staff_totp SET last_step = ?, confirmed_at = COALESCE(confirmed_at, ?) WHERE account_id = ? AND last_step < ?`,
		at, store.Millis(a.Now()), account, at)
	if err := one(res, err, "spend a code"); errors.Is(err, fault.NotFound) {
		return errCode
	} else if err != nil {
		return err
	}
	return nil
}

// confirmTOTP turns an app on once its owner has typed a code of it. With the first second factor come recovery codes, told once, here.
func (a *Accounts) confirmTOTP(ctx context.Context, account Account, session, code string) (recovery []string, err error) {
	if err := a.countTry(ctx, factorTries(account.ID)); err != nil {
		return nil, err
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := a.spendTOTP(ctx, tx, account.ID, code, true); err != nil {
			return err
		}
		recovery, err = a.addedFactor(ctx, tx, account, session, "totp")
		return err
	})
	return recovery, err
}

// removeTOTP takes an app away, also one that was never confirmed.
func (a *Accounts) removeTOTP(ctx context.Context, actor auth.Actor, account string) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM staff_totp WHERE account_id = ?`, account)
		if err := one(res, err, "take an app away"); err != nil {
			return err
		}
		return a.removedFactor(ctx, tx, actor, account, "totp")
	})
}

// totpURL is what an app reads from the square code (https://github.com/google/google-authenticator/wiki/Key-Uri-Format).
func totpURL(site string, account Account, secret string) string {
	v := url.Values{"secret": {secret}, "issuer": {site}, "algorithm": {"SHA1"}, "digits": {fmt.Sprint(totpDigits)}, "period": {fmt.Sprint(totpPeriod)}}
	return "otpauth://totp/" + url.PathEscape(site+":"+account.Email.Reveal()) + "?" + strings.ReplaceAll(v.Encode(), "+", "%20")
}
