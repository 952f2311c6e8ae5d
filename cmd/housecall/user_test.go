package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestUserCommands(t *testing.T) {
	d := plainDesk(t)
	out, errs := d.do(0, "user", "create", "Ann@Example.org", "--name", "Ann Sample", "--role", "admin")
	if !regexp.MustCompile(`^http://localhost:8080/password#([A-Z2-7]{4}-){5}[A-Z2-7]{4}\n`).MatchString(out) || !strings.Contains(out, "ann@example.org alone") {
		t.Errorf("created: %s", out)
	}
	if !strings.Contains(errs, "--public-url") {
		t.Errorf("nothing says where the link leads: %s", errs)
	}
	for args, want := range map[string]string{
		"user create ann@example.org --name A --role admin": "EMAIL is the address of another account",
		"user create bob@example.org --name B --role king":  "--role must be clinician, scheduler,",
		"user create bob --name B --role admin":             "EMAIL must be an email address",
		"user create bob@example.org --role admin":          "--name is needed",
		"user role ann@example.org king":                    "ROLE must be clinician,",
	} {
		if _, errs := d.do(2, strings.Fields(args)...); !strings.Contains(errs, want) {
			t.Errorf("%s: %s", args, errs)
		}
	}
	if _, errs := d.do(1, "user", "disable", "ann@example.org"); !strings.Contains(errs, "last administrator") {
		t.Errorf("the last administrator: %s", errs)
	}
	if _, errs := d.do(1, "user", "disable", "nobody@example.org"); !strings.Contains(errs, "there is nothing with this id") {
		t.Errorf("nobody: %s", errs)
	}
	var made struct{ Email, Role, Link string }
	d.json(&made, "user", "create", "bob@example.org", "--name", "Bob Sample", "--role", "scheduler", "--public-url", "https://visits.example/")
	if made.Email != "bob@example.org" || !strings.HasPrefix(made.Link, "https://visits.example/password#") {
		t.Errorf("made %+v", made)
	}
	first := made.Link
	d.json(&made, "user", "reset", "BOB@example.org")
	if made.Link == "" || strings.HasSuffix(made.Link, first[strings.Index(first, "#"):]) {
		t.Errorf("reset gave %q after %q", made.Link, first)
	}
	d.do(0, "user", "role", "bob@example.org", "coordinator")
	d.do(0, "user", "reset-factors", "bob@example.org")
	d.do(0, "user", "disable", "bob@example.org")
	if out, _ := d.do(0, "user", "list"); !strings.Contains(out, "bob@example.org  coordinator  off          Bob Sample") || !strings.Contains(out, "ann@example.org  admin        no password  Ann Sample") {
		t.Errorf("list:\n%s", out)
	}
	if out, _ := d.do(0, "user", "enable", "bob@example.org"); out != "bob@example.org: coordinator, on\n" {
		t.Errorf("enabled: %s", out)
	}
}
