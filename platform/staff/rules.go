package staff

import (
	"context"

	"housecall/auth"
	"housecall/platform/store"
)

// Manage is to make accounts, change their roles, give their owners new links, take their second factors away and switch them off.
const Manage auth.Action = "staff.manage"

// ManageKeys is to see API keys, make them and revoke them.
const ManageKeys auth.Action = "staff.keys"

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Manage, Meaning: "make accounts, change their roles, reset and switch them off", Roles: []auth.Role{auth.Admin}},
	{Action: ManageKeys, Meaning: "see API keys, make them and revoke them", Roles: []auth.Role{auth.Admin}},
}

// Roles are those an account can have.
func Roles() []auth.Role {
	return []auth.Role{auth.Clinician, auth.Scheduler, auth.Coordinator, auth.Admin}
}

// act does something in one transaction with its audit row, if the actor may: see store.DB.Do. f may say more in the row.
func (a *Accounts) act(ctx context.Context, actor auth.Actor, action auth.Action, name string, about store.Subject,
	f func(tx *store.Tx, act *store.Act) error) error {
	return a.DB.Do(ctx, store.Act{At: a.Now(), Actor: actor, Action: name, Subject: about}, a.may(actor, action), f)
}

// may says whether somebody may do one of this package's actions.
func (a *Accounts) may(actor auth.Actor, action auth.Action) bool {
	return a.Policy.Allows(actor, action)
}
