package auth

import (
	"slices"
	"strings"
)

// Scopes are the actions that an API key is for: their names in order, with a space between, so that actors can be compared.
type Scopes string

// NewScopes are these actions, each once.
func NewScopes(actions ...Action) Scopes {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	slices.Sort(names)
	return Scopes(strings.Join(slices.Compact(names), " "))
}

// Has says whether an action is one of them.
func (s Scopes) Has(action Action) bool { return slices.Contains(s.Actions(), action) }

// Actions are the actions, in order.
func (s Scopes) Actions() (all []Action) {
	for _, name := range strings.Fields(string(s)) {
		all = append(all, Action(name))
	}
	return all
}
