package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// NewAccount is what an account is made of.
type NewAccount struct {
	Name     phi.Text
	Email    phi.Text
	Password phi.Text
	Role     auth.Role // one of Roles
}

const maxName, maxEmail = 100, 254 // characters

// tidy is what was typed as it is kept; an address counts without regard to capital letters.
func (n *NewAccount) tidy() {
	n.Name = phi.Text(typed.Line(n.Name.Reveal()))
	n.Email = tidyEmail(n.Email)
}

func tidyEmail(e phi.Text) phi.Text { return phi.Text(strings.ToLower(strings.TrimSpace(e.Reveal()))) }

// judge lists what is wrong, in the order of the form's fields.
func (n *NewAccount) judge() []fault.Field {
	wrong := n.judgeNames()
	if key, detail := judgePassword(n.Password.Reveal(), n.Email.Reveal()); key != "" {
		wrong = append(wrong, fault.Field{Field: "password", Key: key, Detail: detail})
	}
	return wrong
}

// judgeNames is judge for all but the password.
func (n *NewAccount) judgeNames() (wrong []fault.Field) {
	if key, detail := typed.CheckName(n.Name.Reveal(), maxName); key != "" {
		wrong = append(wrong, fault.Field{Field: "name", Key: key, Detail: detail})
	}
	if !looksLikeEmail(n.Email.Reveal()) {
		wrong = append(wrong, fault.Field{Field: "email", Key: "odd", Detail: "must be an email address, like name@example.org"})
	}
	return wrong
}

// looksLikeEmail catches slips of typing. Whether an address exists, only a letter to it could tell.
func looksLikeEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.Contains(strings.Trim(domain, "."), ".") && !strings.ContainsAny(s, " \t\r\n,;<>") &&
		!strings.Contains(domain, "@") && len(s) <= maxEmail && store.Keeps(s)
}

// Create makes an account. Wrong fields and a taken address are fault.NotValid.
func (a *Accounts) Create(ctx context.Context, actor auth.Actor, n NewAccount) (Account, error) {
	n.tidy()
	if err := fault.InvalidAll(n.judge()...); err != nil {
		return Account{}, err
	}
	hash, err := a.hasher.hash(ctx, n.Password)
	if err != nil {
		return Account{}, err
	}
	var made Account
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		made, err = a.insert(ctx, tx, actor, n, hash)
		return err
	})
	return made, err
}

// errRole says that no account can have such a role.
var errRole = fault.InvalidAll(fault.Field{Field: "role", Key: "odd", Detail: "must be clinician, scheduler, coordinator or admin"})

// insert writes the row and its audit entry. An actor without an ID is the account itself, as in the first set-up.
func (a *Accounts) insert(ctx context.Context, tx *store.Tx, actor auth.Actor, n NewAccount, hash string) (Account, error) {
	if !slices.Contains(Roles(), n.Role) {
		return Account{}, errRole
	}
	account := Account{ID: store.NewID(), Name: n.Name, Email: n.Email, Role: n.Role, HasPassword: hash != "", Created: a.Now()}
	if actor.ID == "" {
		actor = account.Actor()
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO staff_accounts (id, email, name, role, password, created_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (email) DO NOTHING`, account.ID, account.Email, account.Name, string(account.Role), hash, store.Millis(account.Created))
	if err != nil {
		return Account{}, fmt.Errorf("insert an account: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return Account{}, fmt.Errorf("insert an account: %w", err)
	} else if n == 0 {
		return Account{}, fault.InvalidAll(fault.Field{Field: "email", Key: "taken", Detail: "is the address of another account"})
	}
	return account, store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: actor, Action: "staff.create", Subject: accountSubject(account.ID),
		Detail: string(account.Role), Outcome: store.Allowed})
}

// errSetupCode is one answer for a code that is wrong, used, or too old.
var errSetupCode = fault.Invalid("code", "is not right, was used before, or is older than a day")

// checkSetup tells whether the code would work now.
func (a *Accounts) checkSetup(ctx context.Context, q store.Queryer, code string) error {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM staff_setup WHERE hash = ? AND used_at IS NULL AND expires_at > ?`,
		hashOf(code), store.Millis(a.Now())).Scan(&one)
	if errors.Is(err, fault.NotFound) {
		return errSetupCode
	}
	if err != nil {
		return fmt.Errorf("look the set-up code up: %w", err)
	}
	return nil
}

// finishSetup spends the code and makes the first account, an admin, with its first session.
func (a *Accounts) finishSetup(ctx context.Context, code string, n NewAccount, browser string) (session string, err error) {
	n.Role = auth.Admin
	if err := a.checkSetup(ctx, a.DB, code); err != nil { // before the work of hashing
		return "", err
	}
	hash, err := a.hasher.hash(ctx, n.Password)
	if err != nil {
		return "", err
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := a.checkSetup(ctx, tx, code); err != nil {
			return err
		}
		if none, err := noAccounts(ctx, tx); err != nil {
			return err
		} else if !none {
			return errSetupCode
		}
		if _, err := tx.ExecContext(ctx, `UPDATE staff_setup SET used_at = ? WHERE hash = ?`, store.Millis(a.Now()), hashOf(code)); err != nil {
			return fmt.Errorf("spend the set-up code: %w", err)
		}
		account, err := a.insert(ctx, tx, auth.Actor{}, n, hash)
		if err != nil {
			return err
		}
		session, err = a.openSession(ctx, tx, account.ID, opening{Browser: browser})
		return err
	})
	return session, err
}

func noAccounts(ctx context.Context, q store.Queryer) (bool, error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM staff_accounts`).Scan(&n); err != nil {
		return false, fmt.Errorf("count accounts: %w", err)
	}
	return n == 0, nil
}
