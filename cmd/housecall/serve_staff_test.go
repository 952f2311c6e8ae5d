package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

func TestStaffOptions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roles := write("roles", "# who may what\nadmin groups CN=Chiefs,OU=House Call\n\nscheduler realm_access.roles desk\n")
	read := func(args ...string) (server.Config, error) {
		var c server.Config
		var demo bool
		return c, func() error {
			err := serveOptions(&c, &demo, io.Discard).parse(args, func(string) string { return "" })
			if err == nil {
				err = c.Check()
			}
			return err
		}()
	}
	var c server.Config
	var demo bool
	err := serveOptions(&c, &demo, io.Discard).parse([]string{"--idle-lock", "5m", "--api-key-life", "2160h", "--require-second-factor", "admin, clinician", "--oidc-issuer", "https://login.example.org", "--oidc-client-id", "housecall",
		"--oidc-secret-file", write("secret", "a secret\n"), "--oidc-roles", roles, "--oidc-second-factor", "amr=mfa,hwk"}, func(string) string { return "" })
	want := server.Staff{Idle: 5 * time.Minute, KeyLife: 90 * 24 * time.Hour, RequireSecond: []auth.Role{auth.Admin, auth.Clinician}, SignOn: staff.SignOn{Issuer: "https://login.example.org", ClientID: "housecall",
		Secret: "a secret", Factor: staff.Claim{Name: "amr", Values: []string{"mfa", "hwk"}}, Roles: []staff.RoleClaim{
			{Role: auth.Admin, Claim: staff.Claim{Name: "groups", Values: []string{"CN=Chiefs,OU=House Call"}}},
			{Role: auth.Scheduler, Claim: staff.Claim{Name: "realm_access.roles", Values: []string{"desk"}}}}}}
	if err != nil || c.Check() != nil || !reflect.DeepEqual(c.Staff, want) {
		t.Errorf("%+v, %v, %v", c.Staff, err, c.Check())
	}
	for what, args := range map[string][]string{
		"an unknown role":      {"--require-second-factor", "king"},
		"no URL":               {"--oidc-issuer", "login"},
		"an empty secret":      {"--oidc-secret-file", write("empty", "\n")},
		"no value":             {"--oidc-roles", write("half", "admin groups\n")},
		"a patient":            {"--oidc-roles", write("patient", "patient groups x\n")},
		"nobody":               {"--oidc-roles", write("none", "# nobody\n")},
		"no claim":             {"--oidc-second-factor", "mfa"},
		"an issuer alone":      {"--oidc-issuer", "https://login.example.org"},
		"a client alone":       {"--oidc-client-id", "housecall"},
		"a lock of before now": {"--idle-lock", "-1s"},
	} {
		if _, err := read(args...); err == nil {
			t.Errorf("%s: %s is taken", what, strings.Join(args, " "))
		}
	}
}
