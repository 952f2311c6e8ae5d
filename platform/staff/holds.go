package staff

import (
	"net/http"

	"housecall/auth"
	"housecall/platform/web"
)

// Holds says whether whoever sent a request that a guard let through may go on with an action, for what goes on after the answer has begun: the session
// is there still and not locked, the account is the same, has the same role and is not switched off. It is no sign that somebody is there.
func (a *Accounts) Holds(r *http.Request, action auth.Action) bool {
	s, err := a.session(r.Context(), a.cookie(r))
	if err != nil || a.left(s) <= 0 {
		return false
	}
	actor := s.Account.Actor()
	return actor.ID == web.Actor(r.Context()).ID && actor.Role == web.Actor(r.Context()).Role && a.Policy.Allows(actor, action)
}
