package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/staff"
)

func userCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return subcommands(ctx, "user", []command{
		{"create", "make an account and print the link by which its owner chooses a password, once", userCreate},
		{"list", "list the accounts", userList},
		{"reset", "take an account's password away and print a new link", userReset},
		{"reset-factors", "take away the second factors of somebody who has lost them", userResetFactors},
		{"role", "change what somebody may do", userRole},
		{"disable", "switch an account off; its sessions end at once", userDisable},
		{"enable", "switch an account on again", userEnable},
	}, args, stdout, stderr)
}

// userJSON is an account as programs read it.
type userJSON struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Email      string     `json:"email"`
	Role       auth.Role  `json:"role"`
	Password   bool       `json:"password"` // somebody chose one
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
	Link       string     `json:"link,omitempty"`
}

func userOf(a staff.Account, link string) userJSON {
	out := userJSON{ID: a.ID, Name: a.Name.Reveal(), Email: a.Email.Reveal(), Role: a.Role, Password: a.HasPassword, CreatedAt: a.Created.UTC(), Link: link}
	if !a.Disabled.IsZero() {
		at := a.Disabled.UTC()
		out.DisabledAt = &at
	}
	return out
}

// printPasswordLink shows the link by which somebody chooses a password.
func (o *deskOptions) printPasswordLink(a staff.Account, link string) error {
	if o.json {
		return o.print(userOf(a, link))
	}
	o.checkAddress()
	_, err := fmt.Fprintf(o.stdout, "%s\n\nSend this link to %s alone: with it they choose their password. It works once, for %d days.\n", link, a.Email.Reveal(), int(staff.LinkLife.Hours()/24))
	return err
}

func userCreate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user create", stdout, stderr)
	var role, name string
	o.StringVar(&role, "role", "", "clinician, scheduler, coordinator or admin")
	o.StringVar(&name, "name", "", "the person's `name`")
	given, err := o.read(args, "EMAIL")
	if err != nil {
		return o.finish(err)
	}
	o.typed = map[string]string{"email": "EMAIL"}
	return o.finish(o.withAccounts(ctx, true, func(a *staff.Accounts) error {
		link, made, err := a.Invite(ctx, auth.Operator(), staff.NewAccount{Name: phi.Text(name), Email: phi.Text(given[0]), Role: auth.Role(role)})
		if err != nil {
			return err
		}
		return o.printPasswordLink(made, link)
	}))
}

func userList(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user list", stdout, stderr)
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	return o.finish(o.withAccounts(ctx, false, func(a *staff.Accounts) error {
		accounts, err := a.All(ctx, auth.Operator())
		if err != nil {
			return err
		}
		all, rows := []any{}, []string{"EMAIL\tROLE\tSTATE\tNAME"}
		for _, account := range accounts {
			state := "on"
			switch {
			case !account.Disabled.IsZero():
				state = "off"
			case !account.HasPassword:
				state = "no password"
			}
			all = append(all, userOf(account, ""))
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", account.Email.Reveal(), account.Role, state, account.Name.Reveal()))
		}
		if o.json {
			return o.print(all)
		}
		return o.table(rows...)
	}))
}

// onUser runs f on the account with an address.
func (o *deskOptions) onUser(ctx context.Context, email string, f func(*staff.Accounts, staff.Account) error) int {
	return o.finish(o.withAccounts(ctx, false, func(a *staff.Accounts) error {
		account, err := a.Find(ctx, auth.Operator(), phi.Text(email))
		if err != nil {
			return err
		}
		return f(a, account)
	}))
}

func userReset(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user reset", stdout, stderr)
	given, err := o.read(args, "EMAIL")
	if err != nil {
		return o.finish(err)
	}
	return o.onUser(ctx, given[0], func(a *staff.Accounts, account staff.Account) error {
		link, err := a.Reset(ctx, auth.Operator(), account.ID)
		if err != nil {
			return err
		}
		return o.printPasswordLink(account, link)
	})
}

func userResetFactors(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user reset-factors", stdout, stderr)
	given, err := o.read(args, "EMAIL")
	if err != nil {
		return o.finish(err)
	}
	return o.onUser(ctx, given[0], func(a *staff.Accounts, account staff.Account) error {
		return o.changed(ctx, a, account, a.ResetFactors(ctx, auth.Operator(), account.ID))
	})
}

func userRole(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user role", stdout, stderr)
	given, err := o.read(args, "EMAIL", "ROLE")
	if err != nil {
		return o.finish(err)
	}
	o.typed = map[string]string{"role": "ROLE"}
	return o.onUser(ctx, given[0], func(a *staff.Accounts, account staff.Account) error {
		return o.changed(ctx, a, account, a.SetRole(ctx, auth.Operator(), account.ID, auth.Role(given[1])))
	})
}

func userDisable(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user disable", stdout, stderr)
	given, err := o.read(args, "EMAIL")
	if err != nil {
		return o.finish(err)
	}
	return o.onUser(ctx, given[0], func(a *staff.Accounts, account staff.Account) error {
		return o.changed(ctx, a, account, a.Disable(ctx, auth.Operator(), account.ID))
	})
}

func userEnable(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("user enable", stdout, stderr)
	given, err := o.read(args, "EMAIL")
	if err != nil {
		return o.finish(err)
	}
	return o.onUser(ctx, given[0], func(a *staff.Accounts, account staff.Account) error {
		return o.changed(ctx, a, account, a.Enable(ctx, auth.Operator(), account.ID))
	})
}

// changed shows an account as it is after err was nil.
func (o *deskOptions) changed(ctx context.Context, a *staff.Accounts, account staff.Account, err error) error {
	if err != nil {
		return err
	}
	now, err := a.Show(ctx, auth.Operator(), account.ID)
	if err != nil {
		return err
	}
	if o.json {
		return o.print(userOf(now, ""))
	}
	state := "on"
	if !now.Disabled.IsZero() {
		state = "off"
	}
	_, err = fmt.Fprintf(o.stdout, "%s: %s, %s\n", now.Email.Reveal(), now.Role, state)
	return err
}
