package staff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// cookieName has the prefix that ties a cookie to this host and to HTTPS, where there is HTTPS.
func (a *Accounts) cookieName() string {
	if a.secure {
		return "__Host-housecall_staff"
	}
	return "housecall_staff"
}

// setCookie keeps the token in the browser. The cookie outlives the session, so that whoever comes back can be told why they must sign in.
func (a *Accounts) setCookie(w http.ResponseWriter, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: a.cookieName(), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode})
}

func (a *Accounts) dropCookie(w http.ResponseWriter) { a.setCookie(w, "", -time.Second) }

func (a *Accounts) cookie(r *http.Request) string {
	c, err := r.Cookie(a.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// openSession makes a session and clears away those that are over. The token is told once, here.
func (a *Accounts) openSession(ctx context.Context, tx *store.Tx, account string) (token string, err error) {
	if token, err = newToken(a.Random); err != nil {
		return "", err
	}
	now := a.Now()
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE expires_at <= ?`, store.Millis(now)); err != nil {
		return "", fmt.Errorf("clear old sessions: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO staff_sessions (hash, account_id, created_at, expires_at) VALUES (?, ?, ?, ?)`,
		hashOf(token), account, store.Millis(now), store.Millis(now.Add(SessionLife))); err != nil {
		return "", fmt.Errorf("store a session: %w", err)
	}
	return token, nil
}

// errNoSession says that a cookie opens nothing.
var errNoSession = errors.New("no such session")

func (a *Accounts) sessionAccount(ctx context.Context, token string) (Account, error) {
	if token == "" {
		return Account{}, errNoSession
	}
	var account Account
	err := a.DB.QueryRowContext(ctx, `SELECT a.id, a.name, a.email, a.role FROM staff_sessions s JOIN staff_accounts a ON a.id = s.account_id
		WHERE s.hash = ? AND s.expires_at > ? AND a.disabled_at IS NULL`, hashOf(token), store.Millis(a.Now())).
		Scan(&account.ID, &account.Name, &account.Email, &account.Role)
	if errors.Is(err, fault.NotFound) {
		return Account{}, errNoSession
	}
	if err != nil {
		return Account{}, fmt.Errorf("look a session up: %w", err)
	}
	return account, nil
}

// safeNext returns where to go after signing in: a path of ours below Home, else Home.
func (a *Accounts) safeNext(next string) string {
	if (next == a.Home || strings.HasPrefix(next, a.Home+"/")) && !strings.ContainsAny(next, "\\?#\r\n") && !strings.Contains(next, "..") {
		return next
	}
	return a.Home
}
