package staff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// stepLife is how long somebody may take for one step of signing in.
const stepLife = 10 * time.Minute

// The kinds of step.
const (
	stepSecond   = "second"   // the first factor was right; the second is to be shown
	stepPasskey  = "passkey"  // a passkey's challenge, by which somebody signs in, shows their second factor or unlocks
	stepRegister = "register" // the challenge of a passkey to be added
)

// step is what a browser is in the middle of.
type step struct {
	Account string // its id; empty: not known yet
	Data    string
}

// errNoStep says that a browser is in the middle of nothing, or was for too long.
var errNoStep = errors.New("no such step")

// putStep keeps a step for whoever holds the token, in place of the one of its kind, and clears away those that are over.
func (a *Accounts) putStep(ctx context.Context, tx *store.Tx, token, kind string, s step) error {
	now := a.Now()
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_steps WHERE expires_at <= ?`, store.Millis(now)); err != nil {
		return fmt.Errorf("clear old steps: %w", err)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO staff_steps (hash, kind, account_id, data, expires_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (hash, kind) DO UPDATE SET account_id = excluded.account_id, data = excluded.data, expires_at = excluded.expires_at`,
		hashOf(token), kind, s.Account, s.Data, store.Millis(now.Add(stepLife)))
	if err != nil {
		return fmt.Errorf("keep a step: %w", err)
	}
	return nil
}

// step finds a step without spending it. Errors: errNoStep.
func (a *Accounts) step(ctx context.Context, q store.Queryer, token, kind string) (s step, err error) {
	err = q.QueryRowContext(ctx, `SELECT account_id, data FROM staff_steps WHERE hash = ? AND kind = ? AND expires_at > ?`,
		hashOf(token), kind, store.Millis(a.Now())).Scan(&s.Account, &s.Data)
	if token == "" || errors.Is(err, fault.NotFound) {
		return step{}, errNoStep
	}
	if err != nil {
		return step{}, fmt.Errorf("look a step up: %w", err)
	}
	return s, nil
}

// takeStep spends a step: nobody else has it after that. Errors: errNoStep.
func (a *Accounts) takeStep(ctx context.Context, tx *store.Tx, token, kind string) (step, error) {
	s, err := a.step(ctx, tx, token, kind)
	if err != nil {
		return step{}, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_steps WHERE hash = ? AND kind = ?`, hashOf(token), kind); err != nil {
		return step{}, fmt.Errorf("spend a step: %w", err)
	}
	return s, nil
}

// stepCookie is the cookie of who is in the middle of signing in. It opens nothing by itself.
func (a *Accounts) stepCookie() string { return a.cookieName() + "_step" }

func (a *Accounts) stepToken(r *http.Request) string {
	c, err := r.Cookie(a.stepCookie())
	if err != nil {
		return ""
	}
	return c.Value
}

// setStep keeps the token of a step in the browser; an empty one drops it.
func (a *Accounts) setStep(w http.ResponseWriter, token string) {
	age := int(stepLife.Seconds())
	if token == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: a.stepCookie(), Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode})
}
