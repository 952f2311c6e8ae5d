package staff_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"housecall/auth"
	"housecall/platform/staff"
)

func TestSignOn(t *testing.T) {
	h, p := signOnHouse(t)
	p.set(func() { p.groups["u1"] = []string{"others", "desk"} })
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/sign-in", nil); !strings.Contains(a.body, `href="/sign-in/hospital?next=%2Fdesk"`) {
		t.Error("the page offers no sign-on")
	}
	back := h.comes(t, b, "u1", "/sign-in/hospital?next=/account")
	if a := h.do(t, b, "GET", back, nil); a.status != 303 || a.header.Get("Location") != "/account" {
		t.Fatalf("came back: %d %s", a.status, a.body)
	}
	if a := h.do(t, b, "GET", "/desk", nil); !strings.HasSuffix(a.body, " scheduler") {
		t.Errorf("the role from the claim: %q", a.body)
	}
	if a := h.do(t, b, "GET", "/account", nil); !strings.Contains(a.body, "Sam Canary-Colleague") || !strings.Contains(a.body, "u1@hospital.example") {
		t.Error("the account is not theirs")
	}
	if a := h.do(t, b, "GET", back, nil); a.status != 422 {
		t.Errorf("the same code and state again: %d", a.status)
	}
	p.set(func() { p.groups["u1"] = []string{"desk", "chiefs"} })
	h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil)
	if a := h.do(t, b, "GET", "/desk", nil); !strings.HasSuffix(a.body, " admin") || h.count(t, `SELECT COUNT(*) FROM staff_accounts`) != 1 {
		t.Errorf("the highest of two roles, in the same account: %q", a.body)
	}
	if a := h.do(t, b, "POST", "/sign-out", url.Values{}); a.header.Get("Location") != "/sign-in?why=out-here" {
		t.Errorf("signed out: %s", a.header.Get("Location"))
	}
	out := h.do(t, b, "GET", "/sign-in/hospital/out", nil).header.Get("Location")
	if !strings.HasPrefix(out, p.server.URL+"/end_session?") || !strings.Contains(out, "client_id=housecall") || strings.Contains(out, "id_token") {
		t.Errorf("out of the provider: %s", out)
	}
	provider := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := provider.Get(out)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if back := res.Header.Get("Location"); !strings.HasPrefix(back, p.public+"/sign-in") {
		t.Errorf("the provider leads to %q, %s", back, res.Status)
	}
	silent(t, h, "Canary-Colleague", "hospital.example", clientSecret)
}

func TestSignOnRefuses(t *testing.T) {
	h, p := signOnHouse(t)
	p.set(func() { p.groups["u1"], p.groups["u2"] = []string{"desk"}, []string{"kitchen"} })
	fails := func(what string, b *http.Client, back, words string) {
		t.Helper()
		if a := h.do(t, b, "GET", back, nil); a.status != 422 || !strings.Contains(a.body, words) {
			t.Errorf("%s: %d", what, a.status)
		}
		if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 {
			t.Errorf("%s: signed in", what)
		}
	}
	const failed, role = "did not work", "may not be used here"
	b := h.browser(t)
	fails("nobody's role", b, h.comes(t, b, "u2", "/sign-in/hospital"), role)

	back := h.comes(t, b, "u1", "/sign-in/hospital")
	state := back[strings.Index(back, "state="):]
	state, _, _ = strings.Cut(state, "&")
	fails("another state", b, strings.Replace(back, state, "state=other", 1), failed)
	fails("the right one after a wrong one", b, back, failed)
	fails("in another browser", h.browser(t), h.comes(t, b, "u1", "/sign-in/hospital"), failed)
	stolen := h.comes(t, h.browser(t), "u1", "/sign-in/hospital")
	own := h.comes(t, b, "u1", "/sign-in/hospital")
	u, err := url.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	s, err := url.Parse(stolen)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("code", s.Query().Get("code"))
	fails("somebody's code with the own state", b, u.Path+"?"+q.Encode(), failed)
	back = h.comes(t, b, "u1", "/sign-in/hospital")
	p.set(func() { p.nonce = "another" })
	fails("another nonce", b, back, failed)
	p.set(func() { p.nonce = "" })
	h.do(t, b, "GET", "/sign-in/hospital", nil)
	fails("an error", b, "/sign-in/hospital/callback?error=access_denied&error_description=Canary", failed)
	if n := h.count(t, `SELECT COUNT(*) FROM staff_accounts`) + h.count(t, `SELECT COUNT(*) FROM staff_sessions`); n != 0 {
		t.Errorf("%d accounts and sessions were made", n)
	}
}

// TestSignOnWantsASecondFactor: where a claim is demanded, who came without is refused, and who came with it is asked for nothing here.
func TestSignOnWantsASecondFactor(t *testing.T) {
	h, p := signOnHouse(t, func(c *staff.Config) {
		c.SignOn.Factor = staff.Claim{Name: "amr", Values: []string{"mfa", "hwk"}}
		c.RequireSecond = []auth.Role{auth.Scheduler}
	})
	p.set(func() { p.groups["u1"], p.amr = []string{"desk"}, []string{"pwd"} })
	b := h.browser(t)
	if a := h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil); a.status != 422 || !strings.Contains(a.body, "without a second step") {
		t.Errorf("with a password alone: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_accounts`); n != 0 {
		t.Errorf("%d accounts", n)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.sign_in' AND outcome = 'refused'`); n != 1 {
		t.Errorf("%d refusals in the audit", n)
	}
	p.set(func() { p.amr = []string{"pwd", "mfa"} })
	h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil)
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("with a second factor: %d", a.status)
	}
}

// TestProviderSignsOut: the provider says that somebody has signed out, once, and their sessions end.
func TestProviderSignsOut(t *testing.T) {
	h, p := signOnHouse(t)
	p.set(func() { p.groups["u1"], p.groups["u2"] = []string{"desk"}, []string{"desk"} })
	b, other := h.browser(t), h.browser(t)
	h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil)
	h.do(t, other, "GET", h.comes(t, other, "u2", "/sign-in/hospital"), nil)
	tell := func(token string) answer {
		return h.do(t, h.browser(t), "POST", "/sign-in/hospital/logout", url.Values{"logout_token": {token}}, "Accept", "*/*")
	}
	for what, change := range map[string]func(*oidc.LogoutTokenClaims){
		"for another program": func(c *oidc.LogoutTokenClaims) { c.Audience = oidc.Audience{"other"} },
		"of another issuer":   func(c *oidc.LogoutTokenClaims) { c.Issuer = "https://evil.example" },
		"of yesterday":        func(c *oidc.LogoutTokenClaims) { c.Expiration = oidc.FromTime(time.Now().Add(-24 * time.Hour)) },
		"without its event":   func(c *oidc.LogoutTokenClaims) { c.Events = map[string]any{"x": struct{}{}} },
		"without an id":       func(c *oidc.LogoutTokenClaims) { c.JWTID = "" },
		"of nobody":           func(c *oidc.LogoutTokenClaims) { c.Subject = "" },
	} {
		if a := tell(p.logoutToken(t, "u1", change)); a.status != 400 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	good := p.logoutToken(t, "u1", nil)
	if a := tell(good[:len(good)-4] + "AAAA"); a.status != 400 {
		t.Errorf("with another signature: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	if a := tell(good); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("told: %d %s", a.status, a.body)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("after: %d", a.status)
	}
	if a := h.do(t, other, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("somebody else: %d", a.status)
	}
	if a := tell(good); a.status != 400 {
		t.Errorf("the same word again: %d", a.status)
	}
	named := func(c *oidc.LogoutTokenClaims) { c.SessionID = "a session that no token of theirs named" }
	if a := tell(p.logoutToken(t, "u2", named)); a.status != 200 {
		t.Errorf("of one session: %d %s", a.status, a.body)
	}
	if a := h.do(t, other, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("after the end of one session, by a provider that names them there alone: %d", a.status)
	}
}

// TestSignOnNeverLinksByAddress: an account that has the address of who comes stays its owner's, until they connect the two themselves.
func TestSignOnNeverLinksByAddress(t *testing.T) {
	h, p := signOnHouse(t)
	p.set(func() { p.groups["u1"] = []string{"chiefs"} })
	local, account := h.signedIn(t, "u1@hospital.example", auth.Scheduler)
	b := h.browser(t)
	if a := h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil); a.status != 422 || !strings.Contains(a.body, "account with your address") {
		t.Errorf("by the address alone: %d", a.status)
	}
	if a := h.do(t, local, "GET", h.comes(t, local, "u1", "/account/hospital"), nil); a.status != 303 || a.header.Get("Location") != "/account" {
		t.Fatalf("connecting: %d %s", a.status, a.body)
	}
	h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil)
	if a := h.do(t, b, "GET", "/desk", nil); a.body != "staff "+account.ID+" scheduler" {
		t.Errorf("once connected: %q", a.body)
	}
	other, _ := h.signedIn(t, "x@example.org", auth.Scheduler)
	if a := h.do(t, other, "GET", h.comes(t, other, "u1", "/account/hospital"), nil); a.status != 422 {
		t.Errorf("connecting somebody else's: %d", a.status)
	}
	if err := h.Disable(context.Background(), auth.Operator(), account.ID); err == nil {
		if a := h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil); a.status != 422 {
			t.Errorf("to an account that is off: %d", a.status)
		}
	}
}

// TestProviderAway: accounts of our own work while the hospital's sign-on does not, and the page says so.
func TestProviderAway(t *testing.T) {
	h, p := signOnHouse(t)
	p.server.Close()
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/sign-in/hospital", nil); a.status != 503 || !strings.Contains(a.body, "does not answer now") || !strings.Contains(a.body, `id="password"`) {
		t.Errorf("the way there: %d", a.status)
	}
	h.signedIn(t, email, auth.Scheduler)
	if a := h.do(t, b, "POST", "/sign-in/hospital/logout", url.Values{"logout_token": {"x"}}); a.status != 503 {
		t.Errorf("its word: %d", a.status)
	}
}

// Some hundreds come through the sign-on from one address, each by two requests, of which neither is counted with the other.
func TestSignOnOfOneNetwork(t *testing.T) {
	h, p := signOnHouse(t)
	p.set(func() { p.groups["u1"] = []string{"desk"} })
	h.limiter.limit = 2
	for i := range 2 {
		b := h.browser(t)
		if a := h.do(t, b, "GET", h.comes(t, b, "u1", "/sign-in/hospital"), nil); a.status != 303 {
			t.Errorf("sign-on %d: %d", i+1, a.status)
		}
	}
	h.limiter.limit = 0
	b := h.browser(t)
	for i := range 400 {
		if a := h.do(t, b, "GET", "/sign-in/hospital", nil); a.status != 303 {
			t.Fatalf("begun %d: %d", i+1, a.status)
		}
	}
}
