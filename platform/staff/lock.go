package staff

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
)

const (
	// freshFor is how long after somebody showed who they are they may change how they sign in.
	freshFor = 10 * time.Minute
	// touchEvery is how exactly is kept when somebody did something, so that not every request writes.
	touchEvery = time.Minute
	// maxHeld is how many bytes of a form are kept over the lock.
	maxHeld = 48 << 10
)

// The paths that have no lock, since they are the way out of it.
const (
	unlockPath = "/unlock"
	leftPath   = "/account/left"
	herePath   = "/account/here"
)

// The fields of the page that asks again. No form of ours has others of these names.
const (
	unlockPassword = "unlock_password" // #nosec G101 -- the name of a field
	unlockPasskey  = "unlock_passkey"  // #nosec G101 -- the name of a field
	unlockHeld     = "unlock_held"
	unlockNext     = "unlock_next"
)

// left is how long somebody may still do nothing; not positive: pages are locked. Without a lock it is for ever.
func (a *Accounts) left(s session) time.Duration {
	if a.Idle <= 0 {
		return math.MaxInt64
	}
	return a.Idle - a.Now().Sub(s.Seen)
}

// lacksFactor says whether somebody has shown one factor alone, and their role must show two.
func (a *Accounts) lacksFactor(s session) bool {
	return s.Second == "" && a.needsFactor(s.Account.Role)
}

// admit decides what somebody with a session gets: nil means that an answer was given. A role that must show a second factor comes no further than
// where one is set up; who did nothing for long is asked again who they are. What a form held is kept sealed in the page that asks, and the
// request goes on with it afterwards.
func (a *Accounts) admit(w http.ResponseWriter, r *http.Request, s session, token string) *http.Request {
	if a.lacksFactor(s) && r.URL.Path != accountPath && !strings.HasPrefix(r.URL.Path, accountPath+"/") {
		web.Redirect(w, r, accountPath+"?why=second")
		return nil
	}
	switch r.URL.Path {
	case unlockPath, unlockPath + "/passkey", leftPath:
		return r
	}
	if a.left(s) <= 0 {
		return a.askAgain(w, r, s, token)
	}
	if err := a.touch(r, s, token); err != nil {
		web.Problem(w, r, err)
		return nil
	}
	return r
}

// fresh wants somebody to have shown who they are within freshFor, and asks again otherwise: for changes of how they sign in.
func (a *Accounts) fresh(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := a.cookie(r)
		s, err := a.session(r.Context(), token)
		if err != nil {
			web.Problem(w, r, fault.NotAllowed)
			return
		}
		if a.Now().Sub(s.Proved) > freshFor {
			if r = a.askAgain(w, r, s, token); r == nil {
				return
			}
		}
		next(w, r)
	})
}

// touch notes that somebody did something. What pages ask for by themselves does not count: browsers say of each request whether it is one.
func (a *Accounts) touch(r *http.Request, s session, token string) error {
	mode := r.Header.Get("Sec-Fetch-Mode")
	itself := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPatch // the last two of files, which go on while nobody is there
	if itself && mode != "" && mode != "navigate" || a.Now().Sub(s.Seen) < touchEvery {
		return nil
	}
	_, err := a.DB.ExecContext(r.Context(), `UPDATE staff_sessions SET seen_at = ? WHERE hash = ? AND seen_at < ?`, store.Millis(a.Now()), hashOf(token), store.Millis(a.Now()))
	if err != nil {
		return fmt.Errorf("note that somebody is there: %w", err)
	}
	return nil
}

// answersLate says whether a form is the answer of a page that asked who is there, and holds what was sent first: where somebody has shown it in another window meanwhile
// it comes to a page that no longer asks, and what it holds would be lost. It leaves the body to be read once more.
func answersLate(r *http.Request) bool {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return false
	}
	body, err := io.ReadAll(r.Body)
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), broken{err}), r.Body}
	if err != nil || !bytes.Contains(body, []byte(unlockHeld+"=")) {
		return false
	}
	values, err := url.ParseQuery(string(body))
	return err == nil && values.Get(unlockHeld) != ""
}

// broken ends a body as it ended when it was read first.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, cmp.Or(b.err, io.EOF) }

// askAgain answers with the page that asks who is there, or takes its answer: then the request goes on, with what its form held at first.
func (a *Accounts) askAgain(w http.ResponseWriter, r *http.Request, s session, token string) *http.Request {
	form := r.Method != http.MethodGet && r.Method != http.MethodHead
	if !form {
		a.showLock(w, r, http.StatusUnauthorized, s, lockView{Action: unlockPath, Next: r.URL.RequestURI()})
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	view := lockView{Action: r.URL.RequestURI()}
	if kind != "application/x-www-form-urlencoded" {
		a.showLock(w, r, http.StatusUnauthorized, s, lockView{Action: unlockPath, Next: s.home(a), Lost: true})
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		web.Unreadable(w, r, err)
		return nil
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		web.Unreadable(w, r, err)
		return nil
	}
	if view.Held = values.Get(unlockHeld); view.Held == "" { // the page's own form, before the question
		if len(body) > maxHeld {
			a.showLock(w, r, http.StatusUnauthorized, s, lockView{Action: unlockPath, Next: s.home(a), Lost: true})
			return nil
		}
		if view.Held, err = a.Vault.Seal(string(body), heldPlace(s)); err != nil {
			web.Problem(w, r, err)
			return nil
		}
		a.showLock(w, r, http.StatusUnauthorized, s, view)
		return nil
	}
	if !a.unlocks(w, r, s, token, values, view) {
		return nil
	}
	held, err := a.Vault.Open(view.Held, heldPlace(s))
	if err != nil {
		web.Problem(w, r, fault.NotValid)
		return nil
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.Form, r.PostForm = io.NopCloser(strings.NewReader(held)), int64(len(held)), nil, nil
	return r
}

func heldPlace(s session) string { return "staff_held|" + s.ID }

// unlocks checks the answer to the page that asks who is there; false: it was wrong, and an answer was given.
func (a *Accounts) unlocks(w http.ResponseWriter, r *http.Request, s session, token string, values url.Values, view lockView) bool {
	err := a.unlock(r.Context(), s, token, phi.Text(values.Get(unlockPassword)), values.Get(unlockPasskey))
	if err == nil {
		return true
	}
	own := a.Pages.Words(r)
	var p *fault.Problem
	switch {
	case errors.Is(err, errWrong):
		view.Problems = web.Problems{{Field: unlockPassword, Text: own.T("lock.wrong.password")}}
	case errors.Is(err, errPasskey):
		view.Problems = web.Problems{{Field: unlockPassword, Text: own.T("second.wrong.passkey")}}
	case errors.As(err, &p) && p.RetryAfter > 0:
		view.Wait = minutes(p.RetryAfter)
		web.SetRetryAfter(w, p.RetryAfter)
	default:
		web.Problem(w, r, err)
		return false
	}
	if view.Wait > 0 {
		a.showLock(w, r, http.StatusTooManyRequests, s, view)
	} else {
		a.showLock(w, r, http.StatusUnprocessableEntity, s, view)
	}
	return false
}

// unlock takes the password or a passkey of who is signed in already. Errors: errWrong, errPasskey, a fault.TryAgain, or one of ours.
func (a *Accounts) unlock(ctx context.Context, s session, token string, password phi.Text, credential string) error {
	account, how := s.Account, "passkey"
	if credential == "" {
		how = "password"
		if err := a.countTry(ctx, account.Email.Reveal()); err != nil {
			return err
		}
		var stored string
		if err := a.DB.QueryRowContext(ctx, `SELECT password FROM staff_accounts WHERE id = ?`, account.ID).Scan(&stored); err != nil {
			return fmt.Errorf("look an account up: %w", err)
		}
		if right, err := a.hasher.matches(ctx, stored, password); err != nil {
			return err
		} else if !right {
			return errors.Join(errWrong, a.refuse(ctx, "staff.unlock", account.ID))
		}
	}
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		if credential != "" {
			if _, err := a.provePasskey(ctx, tx, token, account.ID, credential); err != nil {
				return err
			}
		} else if err := a.forgetTries(ctx, tx, account.Email.Reveal()); err != nil {
			return err
		}
		now := store.Millis(a.Now())
		res, err := tx.ExecContext(ctx, `UPDATE staff_sessions SET seen_at = ?, proved_at = ? WHERE hash = ?`, now, now, hashOf(token))
		if err := one(res, err, "unlock a session"); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.unlock", Subject: accountSubject(account.ID), Detail: how, Outcome: store.Allowed})
	})
	if errors.Is(err, errPasskey) {
		return errors.Join(err, a.refuse(ctx, "staff.unlock", account.ID))
	}
	return err
}

func minutes(d time.Duration) int { return max(1, int((d.Seconds()+59)/60)) }
