package auth_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"housecall/auth"
)

var update = flag.Bool("update", false, "write docs/roles.md anew")

const rolesPage = "../docs/roles.md"

// TestRolesPage keeps docs/roles.md equal to the table. `go test ./auth -update` writes it anew.
func TestRolesPage(t *testing.T) {
	var page bytes.Buffer
	page.WriteString("# Who may do what\n\n")
	page.WriteString("Printed from the one table in `auth/roles.go` by `go test ./auth -update`; a test fails when this page is stale.\n")
	page.WriteString("What has no ✓ is refused, and refusals of a signed-in person or an API key are audited.\n\n")
	page.WriteString("| action | meaning |")
	for _, role := range auth.Roles() {
		fmt.Fprintf(&page, " %s |", role)
	}
	page.WriteString("\n|---|---|")
	for range auth.Roles() {
		page.WriteString(":-:|")
	}
	page.WriteString("\n")
	for _, rule := range auth.Rules() {
		fmt.Fprintf(&page, "| `%s` | %s |", rule.Action, rule.Meaning)
		for _, role := range auth.Roles() {
			if auth.May(role, rule.Action) {
				page.WriteString(" ✓ |")
			} else {
				page.WriteString("  |")
			}
		}
		page.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile(rolesPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rolesPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, page.Bytes()) {
		t.Error("docs/roles.md is stale: run go test ./auth -update")
	}
}

func TestMay(t *testing.T) {
	for _, c := range []struct {
		role   auth.Role
		action auth.Action
		want   bool
	}{
		{auth.Clinician, auth.VisitEnter, true},
		{auth.Patient, auth.VisitEnter, false},
		{auth.Patient, auth.VisitPublish, true},
		{auth.Guardian, auth.VisitSeeWaiting, false},
		{auth.Observer, auth.VisitPublish, false},
		{auth.Observer, auth.VisitChat, false},
		{auth.Clinician, auth.VisitPrivate, true},
		{auth.Interpreter, auth.VisitPrivate, false},
		{auth.Guardian, auth.VisitConfide, false},
		{auth.Guest, auth.VisitConfide, false},
		{auth.Patient, auth.VisitConfide, true},
		{auth.Observer, auth.VisitShare, false},
		{auth.Guest, auth.VisitInvite, false},
		{auth.Patient, auth.VisitSign, false},
		{auth.Scheduler, auth.VisitSchedule, true},
		{auth.Scheduler, auth.VisitEnter, false},
		{auth.Clinician, auth.VisitRead, false},
		{auth.Admin, auth.VisitAdmit, false},
		{"", auth.VisitChat, false},
		{"surgeon", auth.VisitChat, false},
		{auth.Admin, "", false},
		{auth.Admin, "visit.unknown", false},
	} {
		if got := auth.May(c.role, c.action); got != c.want {
			t.Errorf("May(%q, %q) = %v", c.role, c.action, got)
		}
		if got := (auth.Actor{Role: c.role}).May(c.action); got != c.want {
			t.Errorf("Actor %q may %q = %v", c.role, c.action, got)
		}
	}
}

func TestRolesAreInOrder(t *testing.T) {
	seen := map[auth.Role]bool{}
	for _, r := range auth.Roles() {
		if seen[r] || !r.Known() {
			t.Errorf("role %q twice or unknown", r)
		}
		seen[r] = true
	}
	actions := map[auth.Action]bool{}
	for _, rule := range auth.Rules() {
		if actions[rule.Action] {
			t.Errorf("action %q has two rows", rule.Action)
		}
		actions[rule.Action] = true
		for _, r := range rule.Roles {
			if !seen[r] {
				t.Errorf("%q grants to %q, which no list names", rule.Action, r)
			}
		}
	}
	if auth.Scheduler.Invited() || !auth.Observer.Invited() || auth.Role("x").Known() {
		t.Error("invited roles are wrong")
	}
}
