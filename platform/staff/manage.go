package staff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// LinkLife is how long the link works by which somebody chooses their password.
const LinkLife = 72 * time.Hour

// passwordPath is the page where somebody who was sent a link chooses a password.
const passwordPath = "/password" // #nosec G101 -- a path

// errLastAdmin keeps the house from being locked from inside.
var errLastAdmin = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "last_admin",
	Detail: "This is the last administrator who can sign in. Make another one first."}

// errLink is one answer for a link that is wrong, used, replaced, too old, or of an account that is switched off.
var errLink = fault.Invalid("code", "is not right, was used before, or is too old")

// All lists the accounts by name.
func (a *Accounts) All(ctx context.Context, actor auth.Actor) ([]Account, error) {
	if !a.may(actor, Manage) {
		return nil, fault.NotAllowed
	}
	all, err := store.Collect(ctx, a.DB, scanAccount, `SELECT `+accountColumns+` FROM staff_accounts a ORDER BY LOWER(a.name), a.id`)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// Show gives one account. Unknown ones are fault.NotFound.
func (a *Accounts) Show(ctx context.Context, actor auth.Actor, id string) (Account, error) {
	if !a.may(actor, Manage) {
		return Account{}, fault.NotAllowed
	}
	return a.account(ctx, a.DB, id)
}

// Find gives the account with an address.
func (a *Accounts) Find(ctx context.Context, actor auth.Actor, email phi.Text) (Account, error) {
	if !a.may(actor, Manage) {
		return Account{}, fault.NotAllowed
	}
	email = tidyEmail(email)
	var id string
	if err := a.DB.QueryRowContext(ctx, `SELECT id FROM staff_accounts WHERE email = ?`, email).Scan(&id); err != nil {
		return Account{}, fmt.Errorf("find an account: %w", err)
	}
	return a.account(ctx, a.DB, id)
}

// accountColumns are what scanAccount reads, of staff_accounts as a.
const accountColumns = `a.id, a.name, a.email, a.role, a.password <> '', a.created_at, a.disabled_at`

func scanAccount(rows *sql.Rows) (Account, error) {
	var a Account
	var created int64
	var disabled sql.NullInt64
	err := rows.Scan(&a.ID, &a.Name, &a.Email, &a.Role, &a.HasPassword, &created, &disabled)
	a.Created = store.Time(created)
	if disabled.Valid {
		a.Disabled = store.Time(disabled.Int64)
	}
	return a, err
}

func (a *Accounts) account(ctx context.Context, q store.Queryer, id string) (Account, error) {
	found, err := store.Collect(ctx, q, scanAccount, `SELECT `+accountColumns+` FROM staff_accounts a WHERE a.id = ?`, id)
	if err != nil {
		return Account{}, fmt.Errorf("read an account: %w", err)
	}
	if len(found) == 0 {
		return Account{}, fault.NotFound
	}
	return found[0], nil
}

// Invite makes an account without a password and the link by which its owner chooses one. The link is told once, here. Wrong fields and a taken
// address are fault.NotValid.
func (a *Accounts) Invite(ctx context.Context, actor auth.Actor, n NewAccount) (link string, made Account, err error) {
	n.tidy()
	if err := fault.InvalidAll(n.judgeNames()...); err != nil {
		return "", Account{}, err
	}
	err = a.act(ctx, actor, Manage, "staff.invite", accountSubject(""), func(tx *store.Tx, act *store.Act) error {
		if made, err = a.insert(ctx, tx, actor, n, ""); err != nil {
			return err
		}
		act.Subject = accountSubject(made.ID)
		link, err = a.putLink(ctx, tx, made.ID)
		return err
	})
	return link, made, err
}

// putLink makes an account's link, in place of the one there was.
func (a *Accounts) putLink(ctx context.Context, tx *store.Tx, account string) (link string, err error) {
	code, err := newSetupCode(a.Random)
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO staff_links (account_id, hash, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at`,
		account, hashOf(code), store.Millis(a.Now().Add(LinkLife)))
	if err != nil {
		return "", fmt.Errorf("store a link: %w", err)
	}
	return a.PublicURL + passwordPath + "#" + code, nil
}

// Reset takes the password of an account away, ends its sessions, and makes a link by which its owner chooses another. The link is told once, here.
func (a *Accounts) Reset(ctx context.Context, actor auth.Actor, id string) (link string, err error) {
	err = a.act(ctx, actor, Manage, "staff.reset_password", accountSubject(id), func(tx *store.Tx, _ *store.Act) error {
		account, err := a.account(ctx, tx, id)
		if err != nil {
			return err
		}
		if !account.Disabled.IsZero() {
			return errSwitchedOff
		}
		if _, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET password = '' WHERE id = ?`, id); err != nil {
			return fmt.Errorf("take a password away: %w", err)
		}
		if err := endSessions(ctx, tx, id); err != nil {
			return err
		}
		link, err = a.putLink(ctx, tx, id)
		return err
	})
	return link, err
}

// errSwitchedOff says that an account must be switched on first.
var errSwitchedOff = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "switched_off", Detail: "The account is switched off."}

// SetRole changes what somebody may do, from their next request on.
func (a *Accounts) SetRole(ctx context.Context, actor auth.Actor, id string, role auth.Role) error {
	if !slices.Contains(Roles(), role) {
		return errRole
	}
	return a.act(ctx, actor, Manage, "staff.set_role", accountSubject(id), func(tx *store.Tx, act *store.Act) error {
		account, err := a.account(ctx, tx, id)
		if err != nil {
			return err
		}
		act.Detail = string(account.Role) + " to " + string(role)
		return keepAdmin(ctx, tx, func() error {
			if _, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(role), id); err != nil {
				return fmt.Errorf("change a role: %w", err)
			}
			return nil
		})
	})
}

// Disable switches an account off: its sessions end at once, its link works no more, and nobody signs in to it. A second time changes nothing.
func (a *Accounts) Disable(ctx context.Context, actor auth.Actor, id string) error {
	return a.act(ctx, actor, Manage, "staff.disable", accountSubject(id), func(tx *store.Tx, _ *store.Act) error {
		err := keepAdmin(ctx, tx, func() error {
			res, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET disabled_at = COALESCE(disabled_at, ?) WHERE id = ?`, store.Millis(a.Now()), id)
			return one(res, err, "switch an account off")
		})
		if err != nil {
			return err
		}
		if err := endSessions(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_links WHERE account_id = ?`, id); err != nil {
			return fmt.Errorf("drop a link: %w", err)
		}
		return nil
	})
}

// Enable switches an account on again.
func (a *Accounts) Enable(ctx context.Context, actor auth.Actor, id string) error {
	return a.act(ctx, actor, Manage, "staff.enable", accountSubject(id), func(tx *store.Tx, _ *store.Act) error {
		res, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET disabled_at = NULL WHERE id = ?`, id)
		return one(res, err, "switch an account on")
	})
}

// keepAdmin makes a change, and refuses one that leaves no administrator, or none who can sign in where there was one: who was invited and has not chosen a password yet can't.
func keepAdmin(ctx context.Context, tx *store.Tx, change func() error) error {
	_, could, err := admins(ctx, tx)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	all, can, err := admins(ctx, tx)
	if err == nil && (all == 0 || could > 0 && can == 0) {
		err = errLastAdmin
	}
	return err
}

// admins counts the administrators that are on, and those of them who have a way to sign in.
func admins(ctx context.Context, tx *store.Tx) (all, can int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(CASE WHEN a.password <> '' OR EXISTS (SELECT 1 FROM staff_passkeys p WHERE p.account_id = a.id)
		OR EXISTS (SELECT 1 FROM staff_identities i WHERE i.account_id = a.id) THEN 1 END) FROM staff_accounts a WHERE a.role = ? AND a.disabled_at IS NULL`, string(auth.Admin)).Scan(&all, &can)
	if err != nil {
		return 0, 0, fmt.Errorf("count administrators: %w", err)
	}
	return all, can, nil
}

func endSessions(ctx context.Context, tx *store.Tx, account string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE account_id = ?`, account); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// one wants a statement to have met a row; otherwise it is fault.NotFound.
func one(res sql.Result, err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n == 0 {
		return fault.NotFound
	}
	return nil
}

// linkAccount finds whose link a code is of. Errors: errLink.
func (a *Accounts) linkAccount(ctx context.Context, q store.Queryer, code string) (Account, error) {
	var id string
	err := q.QueryRowContext(ctx, `SELECT l.account_id FROM staff_links l JOIN staff_accounts a ON a.id = l.account_id
		WHERE l.hash = ? AND l.expires_at > ? AND a.disabled_at IS NULL`, hashOf(code), store.Millis(a.Now())).Scan(&id)
	if errors.Is(err, fault.NotFound) {
		return Account{}, errLink
	}
	if err != nil {
		return Account{}, fmt.Errorf("look a link up: %w", err)
	}
	return a.account(ctx, q, id)
}

// choosePassword spends a link: the account has this password from now on, and no other session. Whoever chose signs in with it next, as
// the account's second factor may be asked for then.
func (a *Accounts) choosePassword(ctx context.Context, code string, password phi.Text) error {
	account, err := a.linkAccount(ctx, a.DB, code) // before the work of hashing
	if err != nil {
		return err
	}
	if key, detail := judgePassword(password.Reveal(), account.Email.Reveal()); key != "" {
		return fault.InvalidAll(fault.Field{Field: "password", Key: key, Detail: detail})
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM staff_links WHERE account_id = ? AND hash = ?`, account.ID, hashOf(code))
		if err := one(res, err, "spend a link"); errors.Is(err, fault.NotFound) {
			return errLink // somebody was quicker
		} else if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET password = ? WHERE id = ?`, hash, account.ID); err != nil {
			return fmt.Errorf("store a password: %w", err)
		}
		if err := endSessions(ctx, tx, account.ID); err != nil {
			return err
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.choose_password", Subject: accountSubject(account.ID), Outcome: store.Allowed})
	})
}

// changePassword gives an account another password, for who knows the present one; its other sessions end. Errors: errWrong, fault.NotValid.
func (a *Accounts) changePassword(ctx context.Context, account Account, session string, current, password phi.Text) error {
	if err := a.countTry(ctx, account.Email.Reveal()); err != nil {
		return err
	}
	var stored string
	if err := a.DB.QueryRowContext(ctx, `SELECT password FROM staff_accounts WHERE id = ?`, account.ID).Scan(&stored); err != nil {
		return fmt.Errorf("look an account up: %w", err)
	}
	if right, err := a.hasher.matches(ctx, stored, current); err != nil {
		return err
	} else if !right {
		return errors.Join(errWrong, a.refuse(ctx, "staff.change_password", account.ID))
	}
	if key, detail := judgePassword(password.Reveal(), account.Email.Reveal()); key != "" {
		return fault.InvalidAll(fault.Field{Field: "password", Key: key, Detail: detail})
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET password = ? WHERE id = ? AND password = ?`, hash, account.ID, stored)
		if err := one(res, err, "store a password"); err != nil {
			return err
		}
		if err := a.forgetTries(ctx, tx, account.Email.Reveal()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_sessions WHERE account_id = ? AND hash <> ?`, account.ID, hashOf(session)); err != nil {
			return fmt.Errorf("end other sessions: %w", err)
		}
		return store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.change_password", Subject: accountSubject(account.ID), Outcome: store.Allowed})
	})
}
