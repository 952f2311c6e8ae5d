package auth_test

import (
	"testing"

	"housecall/auth"
)

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
	if auth.Scheduler.Invited() || !auth.Observer.Invited() || auth.Role("x").Known() {
		t.Error("invited roles are wrong")
	}
}

func TestPolicy(t *testing.T) {
	own := auth.Rule{Action: "letter.write", Meaning: "write letters", Roles: []auth.Role{auth.Coordinator}}
	p, err := auth.NewPolicy([]auth.Rule{own})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range append(auth.Rules(), own) {
		for _, role := range auth.Roles() {
			want := auth.May(role, rule.Action) || rule.Action == own.Action && role == auth.Coordinator
			if p.May(role, rule.Action) != want || !p.Knows(rule.Action) {
				t.Errorf("%s may %s: %v", role, rule.Action, !want)
			}
		}
	}
	if p.May(auth.Admin, "letter.burn") || p.Knows("letter.burn") || p.May("surgeon", own.Action) || p.May(auth.Admin, "") {
		t.Error("who is not named may do something")
	}
	for name, bad := range map[string]auth.Rule{
		"a row of visits":     {Action: auth.VisitRead, Meaning: "x"},
		"no name":             {Meaning: "x"},
		"no meaning":          {Action: "letter.write"},
		"a role there is not": {Action: "letter.write", Meaning: "x", Roles: []auth.Role{"surgeon"}},
	} {
		if _, err := auth.NewPolicy([]auth.Rule{bad}); err == nil {
			t.Errorf("a table with %s is taken", name)
		}
	}
}
