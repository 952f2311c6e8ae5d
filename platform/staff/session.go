package staff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/web"
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

// opening is what is known of a session that is opened.
type opening struct {
	Browser string // the names of browser and system
	Second  string // the second factor that was shown; "": none
	// Subject and ProviderSID are who and which session it is for the hospital's sign-on; "": it was not by it.
	Subject, ProviderSID string
}

// openSession makes a session and clears away those that are over. The token is told once, here.
func (a *Accounts) openSession(ctx context.Context, tx *store.Tx, account string, o opening) (token string, err error) {
	if token, err = newToken(a.Random); err != nil {
		return "", err
	}
	now := store.Millis(a.Now())
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE expires_at <= ?`, now); err != nil {
		return "", fmt.Errorf("clear old sessions: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO staff_sessions (hash, id, account_id, browser, second, subject, provider_sid, created_at, seen_at, proved_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		hashOf(token), store.NewID(), account, o.Browser, o.Second, o.Subject, o.ProviderSID, now, now, now, store.Millis(a.Now().Add(SessionLife))); err != nil {
		return "", fmt.Errorf("store a session: %w", err)
	}
	return token, nil
}

// errNoSession says that a cookie opens nothing.
var errNoSession = errors.New("no such session")

// session is a browser in which somebody is signed in.
type session struct {
	ID      string
	Account Account
	Browser string
	Second  string // the second factor that was shown
	Created time.Time
	Seen    time.Time // when its owner last did something
	Proved  time.Time // when its owner last showed who they are
	factors bool      // the account has a second factor
	signOn  bool      // the hospital's sign-on opened it
}

const sessionColumns = `s.id, s.browser, s.second, s.created_at, s.seen_at, s.proved_at, s.subject <> '', a.id, a.name, a.email, a.role, a.password <> '',
	EXISTS (SELECT 1 FROM staff_totp t WHERE t.account_id = a.id AND t.confirmed_at IS NOT NULL) OR EXISTS (SELECT 1 FROM staff_passkeys p WHERE p.account_id = a.id)`

func scanSession(rows *sql.Rows) (s session, err error) {
	var created, seen, proved int64
	err = rows.Scan(&s.ID, &s.Browser, &s.Second, &created, &seen, &proved, &s.signOn, &s.Account.ID, &s.Account.Name, &s.Account.Email, &s.Account.Role,
		&s.Account.HasPassword, &s.factors)
	s.Created, s.Seen, s.Proved = store.Time(created), store.Time(seen), store.Time(proved)
	return s, err
}

// session finds the session of a cookie. Errors: errNoSession.
func (a *Accounts) session(ctx context.Context, token string) (session, error) {
	if token == "" {
		return session{}, errNoSession
	}
	found, err := store.Collect(ctx, a.DB, scanSession, `SELECT `+sessionColumns+` FROM staff_sessions s JOIN staff_accounts a ON a.id = s.account_id
		WHERE s.hash = ? AND s.expires_at > ? AND a.disabled_at IS NULL`, hashOf(token), store.Millis(a.Now()))
	if err != nil {
		return session{}, fmt.Errorf("look a session up: %w", err)
	}
	if len(found) == 0 {
		return session{}, errNoSession
	}
	return found[0], nil
}

// sessions lists those of an account, the newest first.
func (a *Accounts) sessions(ctx context.Context, account string) ([]session, error) {
	all, err := store.Collect(ctx, a.DB, scanSession, `SELECT `+sessionColumns+` FROM staff_sessions s JOIN staff_accounts a ON a.id = s.account_id
		WHERE a.id = ? AND s.expires_at > ? ORDER BY s.created_at DESC, s.id`, account, store.Millis(a.Now()))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

// endSession ends one session of the actor's own, named by its id.
func (a *Accounts) endSession(ctx context.Context, actor auth.Actor, id string) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE id = ? AND account_id = ?`, id, actor.ID)
		if err := one(res, err, "end a session"); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: actor, Action: "staff.session_end", Subject: accountSubject(actor.ID), Outcome: store.Allowed})
	})
}

// safeNext returns where to go after signing in: a page of ours without its query, else Home.
func (a *Accounts) safeNext(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\?#\r\n\t") || strings.Contains(next, "..") {
		return a.Home
	}
	if next == accountPath || strings.HasPrefix(next, accountPath+"/") {
		return next
	}
	for _, l := range a.Links {
		part, _, _ := strings.Cut(l.Path[1:], "/") // of the house, as in "desk"
		if next == "/"+part || strings.HasPrefix(next, "/"+part+"/") {
			return next
		}
	}
	return a.Home
}

// goHome leads whoever is signed in to the first page they may see.
func (a *Accounts) goHome(w http.ResponseWriter, r *http.Request) {
	web.Redirect(w, r, a.homeOf(web.Actor(r.Context()).Role))
}

// homeOf is where somebody of a role goes who asked for nothing else: the first page they may see.
func (a *Accounts) homeOf(role auth.Role) string {
	for _, l := range a.Links {
		if l.Action == "" || a.Policy.May(role, l.Action) {
			return l.Path
		}
	}
	return accountPath
}
