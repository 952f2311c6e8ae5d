package auth

import (
	"fmt"
	"slices"
)

// Policy is the whole table of who may do what: the rules of visits, and those of every other part of the house. It never changes once made.
type Policy struct {
	rules []Rule
	roles map[Action][]Role
}

// NewPolicy makes one table of the rules of visits and of these parts. An action has one row; a row grants to roles there are.
func NewPolicy(parts ...[]Rule) (Policy, error) {
	p := Policy{roles: map[Action][]Role{}}
	for _, rules := range append([][]Rule{Rules()}, parts...) {
		for _, r := range rules {
			if _, twice := p.roles[r.Action]; twice || r.Action == "" || r.Meaning == "" {
				return Policy{}, fmt.Errorf("the rule of %q has a second row, or no name or meaning", r.Action)
			}
			if at := slices.IndexFunc(r.Roles, func(role Role) bool { return !role.Known() }); at >= 0 {
				return Policy{}, fmt.Errorf("the rule of %q grants to %q, which is no role", r.Action, r.Roles[at])
			}
			p.rules = append(p.rules, r)
			p.roles[r.Action] = r.Roles
		}
	}
	return p, nil
}

// Rules returns the table, row by row. The caller must not change it.
func (p Policy) Rules() []Rule { return p.rules }

// Knows says whether an action has a row.
func (p Policy) Knows(action Action) bool {
	_, known := p.roles[action]
	return known
}

// May says whether a role may do an action. Unknown roles and actions may nothing.
func (p Policy) May(role Role, action Action) bool { return slices.Contains(p.roles[action], role) }

// Allows says whether somebody may do an action: their role may, and the scopes of a key have it.
func (p Policy) Allows(a Actor, action Action) bool { return p.May(a.Role, action) && a.within(action) }

// Meaning says in plain English what an action is; of an unknown one nothing.
func (p Policy) Meaning(action Action) string {
	for _, r := range p.rules {
		if r.Action == action {
			return r.Meaning
		}
	}
	return ""
}

// Grantable are the actions that API keys can be made for, in the table's order.
func (p Policy) Grantable() (all []Action) {
	for _, r := range p.rules {
		if slices.Contains(r.Roles, Program) {
			all = append(all, r.Action)
		}
	}
	return all
}
