package e2e

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
)

// staffStates are all states of the pages of accounts, and of how people sign in to them.
var staffStates = []state{
	{"accounts", "the accounts"},
	{"invite", "inviting a colleague"},
	{"invite-wrong", "with everything wrong"},
	{"invited", "the link for a colleague"},
	{"account", "a colleague's account"},
	{"account-off", "it is switched off"},
	{"password", "choosing a password by a link"},
	{"password-wrong", "with everything wrong"},
	{"password-chosen", "signing in with it"},
	{"own", "one's own account"},
	{"app", "setting up an app"},
	{"app-wrong", "with a wrong code"},
	{"passkey", "adding a passkey"},
	{"recovery", "the recovery codes"},
	{"own-second", "one's own account with a second factor"},
	{"second", "the second factor is asked for"},
	{"second-wrong", "with a wrong code"},
	{"lock-cover", "the page was left alone"},
	{"lock-cover-wrong", "with a wrong password"},
	{"lock", "a page is asked for that was left alone"},
	{"lock-wrong", "with a wrong password"},
}

// TestStaffStates goes through every state of the pages of accounts; on its way somebody signs in by password and passkey, and by passkey alone.
func TestStaffStates(t *testing.T) {
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			clock := newClock()
			tour := newTour(t, language, func(c *server.Config) {
				c.Now, c.Staff.Idle = clock.now, 15*time.Minute
			})
			p := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
			p.allows("status of 422", "422 to POST", "status of 401", "401 to GET", "401 to POST")
			p.within("add an authenticator", func(ctx context.Context) error { return p.page.AddAuthenticator(ctx) })
			code, _, err := tour.server.Accounts.EnsureSetup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p.goTo(tour.url + "/setup")
			p.fills("#code", code)
			p.fills("#name", "Sam Scheduler")
			p.fills("#email", "sam@example.org")
			p.fills("#password", sams)
			p.submits()
			p.shows(".desk-empty")
			tour.colleague(p)
			tour.secondFactor(p)
			tour.leftAlone(p, clock)
			tour.complete(staffStates)
		})
	}
}

const sams = "four words in a row"

// colleague invites somebody, who chooses a password, and switches their account off.
func (tour *tour) colleague(p *Person) {
	tour.see(p, "/admin/accounts/new", "invite")
	p.submits()
	p.examine("invite-wrong")
	p.fills("#name", drAda)
	p.fills("#email", "ada@example.org")
	p.await("choose a role", `() => { const role = document.querySelector("#role"); role.value = "clinician"; return role.value; }`)
	p.submits()
	p.shows("#secret")
	p.examine("invited")
	var link string
	p.within("read the link", func(ctx context.Context) error {
		return p.page.Call(ctx, &link, `() => document.querySelector("#secret").value`)
	})
	other := tour.takes(p.device(bidi.Laptop))
	other.allows(p.allowed...)
	other.goTo(link)
	other.await("find the code filled in", `() => document.querySelector("#code").value.length > 20 && !location.hash`)
	other.examine("password")
	other.submits()
	other.examine("password-wrong")
	other.fills("#password", "some quite other words")
	other.submits()
	other.shows(".notice.good")
	other.examine("password-chosen")

	tour.see(p, "/admin/accounts", "accounts")
	p.follows("open the account", `.desk-invited a[href^="/admin/accounts/"]`)
	p.examine("account")
	p.follows("switch it off", `form[action$="/off"] button`)
	p.examine("account-off")
}

// secondFactor sets up passkey and app, and signs in by them.
func (tour *tour) secondFactor(p *Person) {
	tour.see(p, "/account", "own")
	tour.see(p, "/account/app", "app")
	p.fills("#code", "000000")
	p.submits()
	p.examine("app-wrong")
	tour.see(p, "/account/passkeys", "passkey")
	p.follows("add a passkey", `form[data-passkey] button`)
	p.shows("textarea.code")
	p.examine("recovery")
	tour.see(p, "/account", "own-second")
	p.follows("sign out", `form[action="/sign-out"] button`)
	p.fills("#email", "sam@example.org")
	p.fills("#password", sams)
	p.submits()
	p.shows("#code")
	p.examine("second")
	p.fills("#code", "000000")
	p.follows("send the code", `main form:not([data-passkey]) button`)
	p.examine("second-wrong")
	p.follows("show the passkey", `form[data-passkey] button`)
	p.shows(".desk-empty")
	p.follows("sign out", `form[action="/sign-out"] button`)
	p.follows("sign in by passkey alone", `form[data-passkey] button`)
	p.shows(".desk-empty")
}

// leftAlone leaves a form with something typed, until the page covers itself; and a page that is asked for later.
func (tour *tour) leftAlone(p *Person, clock *clock) {
	const typed = "Cardiology, as typed before"
	p.goTo(tour.url + "/desk/new")
	p.fills("#service", typed)
	clock.pass(16 * time.Minute)
	p.await("look at the time", `() => { document.dispatchEvent(new Event("visibilitychange")); return document.querySelector("#lock").open; }`)
	p.examine("lock-cover")
	p.fills("#lock-password", "some other words")
	p.await("send it", `() => { const form = document.querySelector('form[data-unlock="password"]'); form.requestSubmit(); return true; }`)
	p.await("be told", `() => document.querySelector("#lock [role=alert]").textContent !== ""`)
	p.examine("lock-cover-wrong")
	p.fills("#lock-password", sams)
	p.await("send it", `() => { const form = document.querySelector('form[data-unlock="password"]'); form.requestSubmit(); return true; }`)
	p.await("find what was typed", `(typed) => !document.querySelector("#lock").open && document.querySelector("#service").value === typed
		&& document.querySelector("#service").checkVisibility({visibilityProperty: true})`, typed)

	clock.pass(16 * time.Minute)
	tour.see(p, "/account", "lock")
	p.fills("#unlock_password", "some other words")
	p.follows("send it", `main form:not([data-passkey]) button:not([type=button])`)
	p.examine("lock-wrong")
	p.follows("show the passkey", `form[data-passkey] button`)
	p.await("come back to the page", `() => location.pathname === "/account"`)
	if strings.Contains(tour.log.String(), "sam@example.org") {
		tour.t.Error("the log has an address")
	}
}

// clock is a server's clock that a test can put forward.
type clock struct{ ahead atomic.Int64 }

func newClock() *clock { return new(clock) }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }
