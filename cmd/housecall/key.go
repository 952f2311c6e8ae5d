package main

import (
	"context"
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

// withAccounts runs f on the accounts and keys in the database.
func (o *deskOptions) withAccounts(ctx context.Context, mayMake bool, f func(*staff.Accounts) error) error {
	return o.withDB(ctx, mayMake, func(db *store.DB) error {
		policy, err := server.Policy()
		if err != nil {
			return err
		}
		a, err := staff.New(ctx, staff.Config{DB: db, Policy: policy, PublicURL: strings.TrimSuffix(o.publicURL, "/")})
		if err != nil {
			return err
		}
		return f(a)
	})
}

// keyJSON is a key as programs read it.
type keyJSON struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Secret    string     `json:"secret,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

func keyOf(k staff.Key, secret string) keyJSON {
	out := keyJSON{ID: k.ID, Name: k.Name, Secret: secret, CreatedAt: k.Created.UTC()}
	if !k.Revoked.IsZero() {
		out.RevokedAt = &k.Revoked
	}
	return out
}

func keyCreate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("key create", stdout, stderr)
	names, err := o.read(args, "NAME")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withAccounts(ctx, true, func(a *staff.Accounts) error {
		secret, k, err := a.CreateKey(ctx, auth.Operator(), names[0])
		if err != nil {
			return err
		}
		if o.json {
			return o.print(keyOf(k, secret))
		}
		fmt.Fprintf(stdout, "%s\n\nThis is the key of %s (%s). It is shown only now; keep it like a password.\n", secret, k.Name, k.ID)
		return nil
	}))
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
		all, rows := []any{}, []string{"ID\tCREATED\tREVOKED\tNAME"}
		for _, k := range keys {
			revoked := "-"
			if !k.Revoked.IsZero() {
				revoked = o.shown(k.Revoked)
			}
			all = append(all, keyOf(k, ""))
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", k.ID, o.shown(k.Created), revoked, k.Name))
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
