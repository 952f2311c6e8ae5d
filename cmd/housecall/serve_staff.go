package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

// staffOptions are those of how people who work here sign in.
func staffOptions(o *options, c *server.Config) {
	o.DurationVar(&c.Staff.Idle, "idle-lock", 15*time.Minute, "how long somebody at the desk may do nothing until pages ask again who is there; 0: for ever")
	o.DurationVar(&c.Staff.KeyLife, "api-key-life", staff.DefaultKeyLife, "the longest an API key made on a page may work, in whole days of 24h")
	o.Func("require-second-factor", "`roles` that must show a second factor when they sign in, with commas between (default: none)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			role, err := staffRole(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			c.Staff.RequireSecond = append(c.Staff.RequireSecond, role)
		}
		return nil
	})
	o.Func("oidc-issuer", "`URL` of the hospital's own sign-on by OpenID Connect (default: none)", func(s string) error {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("%q is no URL: write it as in https://login.example.org", s)
		}
		c.Staff.SignOn.Issuer = s
		return nil
	})
	o.StringVar(&c.Staff.SignOn.ClientID, "oidc-client-id", "", "`name` that the hospital's sign-on knows this server by")
	o.Func("oidc-secret-file", "`file` with the secret that goes with it", func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if c.Staff.SignOn.Secret = strings.TrimSpace(string(b)); c.Staff.SignOn.Secret == "" {
			return fmt.Errorf("%s is empty", path)
		}
		return nil
	})
	o.Func("oidc-roles", "`file` that says which role whom of the hospital's sign-on gets, with lines ROLE CLAIM VALUE", func(path string) (err error) {
		c.Staff.SignOn.Roles, err = readRoles(path)
		return err
	})
	o.Func("oidc-second-factor", "`CLAIM=VALUE` that tokens must have, as in amr=mfa, with commas between values: who comes without is refused (default: second factors are asked for here)",
		func(s string) error {
			name, values, ok := strings.Cut(s, "=")
			if !ok || name == "" || values == "" {
				return fmt.Errorf("%q is no claim: write it as in amr=mfa,hwk", s)
			}
			c.Staff.SignOn.Factor = staff.Claim{Name: name, Values: strings.Split(values, ",")}
			return nil
		})
}

func staffRole(s string) (auth.Role, error) {
	role := auth.Role(s)
	if !slices.Contains(staff.Roles(), role) {
		return "", fmt.Errorf("%q is no role: there are %v", s, staff.Roles())
	}
	return role, nil
}

// readRoles reads lines ROLE CLAIM VALUE; a value may have spaces. Empty lines and lines that begin with # are passed over.
func readRoles(path string) ([]staff.RoleClaim, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []staff.RoleClaim
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		first, rest, _ := strings.Cut(line, " ")
		claim, value, ok := strings.Cut(strings.TrimSpace(rest), " ")
		role, err := staffRole(first)
		if value = strings.TrimSpace(value); err != nil || !ok || value == "" {
			return nil, errors.Join(fmt.Errorf("%s line %d: want ROLE CLAIM VALUE", path, n), err)
		}
		all = append(all, staff.RoleClaim{Role: role, Claim: staff.Claim{Name: claim, Values: []string{value}}})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s gives nobody a role", path)
	}
	return all, nil
}
