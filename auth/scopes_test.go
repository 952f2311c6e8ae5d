package auth_test

import (
	"slices"
	"testing"

	"housecall/auth"
)

// TestScopes: the key of a program may what its scopes say, of what programs may at all; scopes bind nobody else.
func TestScopes(t *testing.T) {
	p, err := auth.NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	scopes := auth.NewScopes(auth.VisitRead, auth.VisitEnter, auth.VisitRead)
	if want := []auth.Action{auth.VisitEnter, auth.VisitRead}; !slices.Equal(scopes.Actions(), want) {
		t.Errorf("%q", scopes.Actions())
	}
	key := auth.Actor{Kind: auth.KindKey, Role: auth.Program, Scopes: scopes}
	scheduler := auth.Actor{Kind: auth.KindStaff, Role: auth.Scheduler}
	for _, rule := range p.Rules() {
		if may := rule.Action == auth.VisitRead; p.Allows(key, rule.Action) != may || key.May(rule.Action) != may {
			t.Errorf("a key may %s: %t", rule.Action, !may)
		}
		if may := p.May(auth.Scheduler, rule.Action); p.Allows(scheduler, rule.Action) != may || scheduler.May(rule.Action) != may {
			t.Errorf("a scheduler may %s: %t", rule.Action, !may)
		}
		if grantable := slices.Contains(p.Grantable(), rule.Action); grantable != p.May(auth.Program, rule.Action) {
			t.Errorf("%s grantable: %t", rule.Action, grantable)
		}
	}
	if key.Scopes = ""; key.May(auth.VisitRead) || p.Allows(key, "") || auth.Scopes("visit.read").Has("") {
		t.Error("a key without scopes may something")
	}
}
