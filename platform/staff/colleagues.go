package staff

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// Colleague is an account as the other parts of the house know it: who somebody is, and nothing of how they sign in.
type Colleague struct {
	ID    string
	Name  phi.Text
	Email phi.Text // what they sign in with; who reads one colleague gets it, not who lists all
	Role  auth.Role
}

// Colleague reads one account that is not switched off, for the program itself.
func (a *Accounts) Colleague(ctx context.Context, id string) (Colleague, error) {
	if !store.IsID(id) {
		return Colleague{}, fault.NotFound
	}
	c := Colleague{ID: id}
	if err := a.DB.QueryRowContext(ctx, `SELECT name, email, role FROM staff_accounts WHERE id = ? AND disabled_at IS NULL`, id).Scan(&c.Name, &c.Email, &c.Role); err != nil {
		return Colleague{}, fmt.Errorf("read a colleague: %w", err)
	}
	return c, nil
}

// Colleagues are all accounts that are not switched off, by name, for the program itself.
func (a *Accounts) Colleagues(ctx context.Context) ([]Colleague, error) {
	all, err := store.Collect(ctx, a.DB, func(r *sql.Rows) (c Colleague, err error) { return c, r.Scan(&c.ID, &c.Name, &c.Role) },
		`SELECT id, name, role FROM staff_accounts WHERE disabled_at IS NULL ORDER BY name, id`)
	if err != nil {
		return nil, fmt.Errorf("list colleagues: %w", err)
	}
	return all, nil
}

// Allowed are all accounts whose owner can sign in and may do an action, for the program itself.
func (a *Accounts) Allowed(ctx context.Context, q store.Queryer, action auth.Action) ([]Account, error) {
	all, err := store.Collect(ctx, q, scanAccount, `SELECT `+accountColumns+` FROM staff_accounts a WHERE a.disabled_at IS NULL ORDER BY a.id`)
	if err != nil {
		return nil, fmt.Errorf("list who may: %w", err)
	}
	return slices.DeleteFunc(all, func(account Account) bool { return !a.Policy.Allows(account.Actor(), action) }), nil
}

// Names are those of accounts, switched off or not, by their ids, for the program itself. Unknown ones are left out.
func (a *Accounts) Names(ctx context.Context, ids ...string) (map[string]phi.Text, error) {
	names := map[string]phi.Text{}
	for chunk := range slices.Chunk(ids, 500) {
		args := make([]any, len(chunk))
		for i, id := range chunk {
			args[i] = id
		}
		all, err := store.Collect(ctx, a.DB, func(r *sql.Rows) (c Colleague, err error) { return c, r.Scan(&c.ID, &c.Name) },
			`SELECT id, name FROM staff_accounts WHERE id IN (?`+strings.Repeat(`, ?`, len(args)-1)+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("read names: %w", err)
		}
		for _, c := range all {
			names[c.ID] = c.Name
		}
	}
	return names, nil
}
