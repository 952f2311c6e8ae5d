package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store"
)

func keyCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return subcommands(ctx, "key", []command{
		{"create", "make a key for a program and print it, once", keyCreate},
		{"list", "list the keys, without their secrets", keyList},
		{"revoke", "stop a key for good", keyRevoke},
	}, args, stdout, stderr)
}

// operatorKeyLife is the longest an operator may make a key for: who may do anything need not ask the server's options.
const operatorKeyLife = 10 * staff.DefaultKeyLife

// withAccounts runs f on the accounts and keys in the database.
func (o *deskOptions) withAccounts(ctx context.Context, mayMake bool, f func(*staff.Accounts) error) error {
	return o.withDB(ctx, mayMake, func(db *store.DB) error {
		policy, err := server.Policy(modules...)
		if err != nil {
			return err
		}
		a, err := staff.New(ctx, staff.Config{DB: db, Policy: policy, PublicURL: strings.TrimSuffix(o.publicURL, "/"), KeyLife: operatorKeyLife})
		if err != nil {
			return err
		}
		return f(a)
	})
}

// keyJSON is a key as programs read it.
type keyJSON struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Scopes    []auth.Action `json:"scopes"`
	Secret    string        `json:"secret,omitempty"`
	State     string        `json:"state"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	UsedOn    string        `json:"used_on,omitempty"` // a day in UTC
	RevokedAt *time.Time    `json:"revoked_at,omitempty"`
}

func keyOf(k staff.Key, secret string) keyJSON {
	out := keyJSON{ID: k.ID, Name: k.Name, Scopes: k.Scopes, Secret: secret, State: string(k.State(time.Now())), CreatedAt: k.Created.UTC()}
	if !k.Expires.IsZero() {
		out.ExpiresAt = &k.Expires
	}
	if !k.UsedOn.IsZero() {
		out.UsedOn = k.UsedOn.UTC().Format(time.DateOnly)
	}
	if !k.Revoked.IsZero() {
		out.RevokedAt = &k.Revoked
	}
	return out
}

func keyCreate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("key create", stdout, stderr)
	scopes := o.String("scopes", "", "`actions` that the key is for, with commas between, as in visit.read,visit.schedule; all: whatever keys can be for")
	days := o.Int("days", int(staff.DefaultKeyLife.Hours()/24), "`number` of days that it works")
	names, err := o.read(args, "NAME")
	if err == nil && *scopes == "" {
		err = o.wrong(errors.New("--scopes is missing: say what the key is for, or all"))
	}
	if err == nil && *days < 1 {
		err = o.wrong(errors.New("--days must be 1 or more"))
	}
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withAccounts(ctx, true, func(a *staff.Accounts) error {
		secret, k, err := a.CreateKey(ctx, auth.Operator(), staff.NewKey{Name: names[0], Scopes: scopesOf(*scopes, a.Policy), Life: time.Duration(*days) * 24 * time.Hour})
		if err != nil {
			return err
		}
		if o.json {
			return o.print(keyOf(k, secret))
		}
		fmt.Fprintf(stdout, "%s\n\nThis is the key of %s (%s), until %s. It is shown only now; keep it like a password.\n", secret, k.Name, k.ID, o.shown(k.Expires))
		return nil
	}))
}

// scopesOf reads --scopes.
func scopesOf(typed string, policy auth.Policy) (all []auth.Action) {
	if typed == "all" {
		return policy.Grantable()
	}
	for name := range strings.SplitSeq(typed, ",") {
		all = append(all, auth.Action(strings.TrimSpace(name)))
	}
	return all
}

func keyList(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("key list", stdout, stderr)
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	return o.finish(o.withAccounts(ctx, false, func(a *staff.Accounts) error {
		keys, err := a.Keys(ctx)
		if err != nil {
			return err
		}
		all, rows := []any{}, []string{"ID\tCREATED\tEXPIRES\tLAST USED\tSTATE\tSCOPES\tNAME"}
		for _, k := range keys {
			expires, used := "never", "never"
			if !k.Expires.IsZero() {
				expires = o.shown(k.Expires)
			}
			if !k.UsedOn.IsZero() {
				used = k.UsedOn.UTC().Format(time.DateOnly)
			}
			all = append(all, keyOf(k, ""))
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", k.ID, o.shown(k.Created), expires, used, k.State(time.Now()),
				strings.ReplaceAll(string(auth.NewScopes(k.Scopes...)), " ", ","), k.Name))
		}
		if o.json {
			return o.print(all)
		}
		return o.table(rows...)
	}))
}

func keyRevoke(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("key revoke", stdout, stderr)
	ids, err := o.read(args, "KEY")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withAccounts(ctx, false, func(a *staff.Accounts) error {
		if err := a.RevokeKey(ctx, auth.Operator(), ids[0]); err != nil {
			return err
		}
		if o.json {
			return o.print(map[string]string{"revoked": ids[0]})
		}
		fmt.Fprintln(stdout, "The key works no more.")
		return nil
	}))
}
