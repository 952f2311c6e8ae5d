package staff_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/web"
)

func TestSetup(t *testing.T) {
	h := newHouse(t, "")
	ctx := context.Background()
	first, needed, err := h.EnsureSetup(ctx)
	if err != nil || !needed || !regexp.MustCompile(`^([A-Z2-7]{4}-){5}[A-Z2-7]{4}$`).MatchString(first) {
		t.Fatalf("code %q, needed %v, %v", first, needed, err)
	}
	code, _, err := h.EnsureSetup(ctx) // another node was started
	if err != nil || code == first {
		t.Fatalf("second code %q, %v", code, err)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_setup WHERE hash LIKE '%' || ? || '%'`, code); n != 0 {
		t.Error("the code itself is in the database")
	}
	form := func(code, pass string) url.Values {
		return url.Values{"code": {code}, "name": {name}, "email": {" " + strings.ToUpper(email) + " "}, "password": {pass}}
	}
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/setup", nil); a.status != 200 || !strings.Contains(a.body, "data-from-fragment") {
		t.Fatalf("form: %d", a.status)
	}
	for _, c := range []struct {
		what string
		form url.Values
		want string
	}{
		{"another code", form("AAAA-"+code[5:], password), "is not right, was used before"},
		{"no code", form("", password), "Enter the set-up code"},
		{"short password", form(code, "short"), "at least 12 characters"},
		{"worst password", form(code, "Password12345"), "Too many people use this password"},
		{"one letter", form(code, strings.Repeat("a", 14)), "Too many people use this password"},
		{"the address", form(code, email), "must not be your email address"},
		{"no address", url.Values{"code": {code}, "name": {name}, "password": {password}}, "Enter an email address"},
	} {
		a := h.do(t, b, "POST", "/setup", c.form)
		if a.status != 422 || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, "There is a problem") || !strings.Contains(a.body, "<title>Error: ") {
			t.Errorf("%s: %d, want %q in\n%s", c.what, a.status, c.want, a.body)
		}
		if strings.Contains(a.body, password) {
			t.Errorf("%s: the password came back", c.what)
		}
		if !strings.Contains(a.body, name) {
			t.Errorf("%s: what was typed is lost", c.what)
		}
	}
	typed := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(first, "-", " "), "O", "0"))
	a := h.do(t, b, "POST", "/setup", form(typed, password))
	if a.status != 303 || a.header.Get("Location") != "/desk" {
		t.Fatalf("set-up: %d %s", a.status, a.body)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 || !strings.HasSuffix(a.body, " admin") {
		t.Errorf("signed in: %d %q", a.status, a.body)
	}
	var said []string
	for _, again := range []string{code, first, ""} {
		a := h.do(t, h.browser(t), "POST", "/setup", url.Values{"code": {again}, "name": {"B"}, "email": {"b@example.org"}, "password": {password}})
		if a.status != 410 {
			t.Errorf("set up twice with %q: %d", again, a.status)
		}
		said = append(said, a.body)
	}
	late := h.do(t, h.browser(t), "GET", "/setup", nil)
	if late.status != 410 || !strings.Contains(late.body, "<h1>Already set up</h1>") || !strings.Contains(late.body, `href="/sign-in"`) {
		t.Errorf("the form after set-up: %d %s", late.status, late.body)
	}
	for _, body := range said {
		if body != late.body {
			t.Errorf("what is said after set-up tells codes apart:\n%s", body)
		}
	}
	if _, needed, err := h.EnsureSetup(ctx); err != nil || needed {
		t.Errorf("set-up wanted again: %v %v", needed, err)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_accounts`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.create'`); n != 1 {
		t.Errorf("%d audit rows of the account", n)
	}
	silent(t, h, first)
}

// TestSetupCodesAreFew: a server that starts again and again leaves no more than a few links behind, the newest.
func TestSetupCodesAreFew(t *testing.T) {
	h := newHouse(t, "")
	var code string
	for range 30 {
		var err error
		if code, _, err = h.EnsureSetup(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.Pass(time.Second)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_setup`); n != 10 {
		t.Errorf("%d codes are good", n)
	}
	form := url.Values{"code": {code}, "name": {name}, "email": {email}, "password": {password}}
	if a := h.do(t, h.browser(t), "POST", "/setup", form); a.status != 303 {
		t.Errorf("the newest: %d %s", a.status, a.body)
	}
}

func TestSetupCodeOfTwoAtOnceAndOfYesterday(t *testing.T) {
	h := newHouse(t, "")
	code, _, err := h.EnsureSetup(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Pass(staff.SetupLife)
	form := func(i int) url.Values {
		return url.Values{"code": {code}, "name": {name}, "email": {fmt.Sprintf("n%d@example.org", i)}, "password": {password}}
	}
	if a := h.do(t, h.browser(t), "POST", "/setup", form(0)); a.status != 422 {
		t.Fatalf("yesterday's code: %d", a.status)
	}
	if code, _, err = h.EnsureSetup(context.Background()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	results := make([]int, 4)
	for i := range results {
		b := h.browser(t)
		wg.Go(func() { results[i] = h.do(t, b, "POST", "/setup", form(i)).status })
	}
	wg.Wait()
	var made int
	for _, s := range results {
		if s == 303 {
			made++
		}
	}
	if made != 1 || h.count(t, `SELECT COUNT(*) FROM staff_accounts`) != 1 {
		t.Errorf("one code made %d accounts: %v", made, results)
	}
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t, "")
	account := h.withAccount(t, auth.Scheduler)
	b := h.browser(t)
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 || a.header.Get("Location") != "/sign-in?next=%2Fdesk" {
		t.Fatalf("without a session: %d %s", a.status, a.header.Get("Location"))
	}
	wrong := h.do(t, b, "POST", "/sign-in", signInForm(email, "not the password"))
	unknown := h.do(t, b, "POST", "/sign-in", signInForm("nobody@example.org", "not the password"))
	if wrong.status != 422 || wrong.status != unknown.status || wrong.body != strings.ReplaceAll(unknown.body, "nobody@example.org", email) {
		t.Errorf("wrong password (%d) and unknown address (%d) look different", wrong.status, unknown.status)
	}
	a := h.do(t, b, "POST", "/sign-in", signInForm("  "+strings.ToUpper(email), password))
	if a.status != 303 || a.header.Get("Location") != "/desk" {
		t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	if c := a.header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || !strings.Contains(c, "Max-Age=86400") || strings.Contains(c, "Secure") {
		t.Errorf("cookie %q", c)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.body != "staff "+account.ID+" scheduler" {
		t.Errorf("actor %q", a.body)
	}
	first := cookieOf(t, h, b)
	if a := h.do(t, b, "GET", "/sign-in", nil); a.status != 303 {
		t.Errorf("the form for somebody signed in: %d", a.status)
	}
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if second := cookieOf(t, h, b); second == first || h.count(t, `SELECT COUNT(*) FROM staff_sessions`) != 1 {
		t.Error("the session was not changed at sign-in")
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_sessions WHERE hash = ?`, cookieOf(t, h, b)); n != 0 {
		t.Error("the cookie itself is in the database")
	}
	if a := h.do(t, b, "POST", "/sign-out", url.Values{}); a.status != 303 {
		t.Errorf("sign-out: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_sessions`); n != 0 {
		t.Error("the session is still there")
	}
	if a := h.do(t, b, "GET", "/sign-in?why=out", nil); !strings.Contains(a.body, "You are signed out") {
		t.Error("nothing says so")
	}
	for action, want := range map[string]int{"staff.sign_in": 4, "staff.sign_out": 1} {
		if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = ?`, action); n != want {
			t.Errorf("%d audit rows of %s, want %d", n, action, want)
		}
	}
	silent(t, h)
}

func TestSessionEnds(t *testing.T) {
	h := newHouse(t, "")
	account := h.withAccount(t, auth.Scheduler)
	b := h.browser(t)
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	h.clock.Pass(staff.SessionLife)
	// The cookie jar goes by the machine's clock and still sends it, as a browser with a slow clock would.
	a := h.do(t, b, "GET", "/desk", nil)
	if a.status != 303 || a.header.Get("Location") != "/sign-in?next=%2Fdesk&why=expired" {
		t.Fatalf("after 12 hours: %d %s", a.status, a.header.Get("Location"))
	}
	if a := h.do(t, b, "GET", "/sign-in?why=expired&next=%2Fdesk", nil); !strings.Contains(a.body, "signed out after 12 hours") {
		t.Error("nothing says why")
	}
	if a := h.do(t, b, "POST", "/desk", url.Values{"x": {"y"}}); a.status != 401 || !strings.Contains(a.body, "not saved") {
		t.Errorf("a form after 12 hours: %d", a.status)
	}
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if _, err := h.db.ExecContext(context.Background(), `UPDATE staff_accounts SET disabled_at = 1 WHERE id = ?`, account.ID); err != nil {
		t.Fatal(err)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("an account switched off: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/sign-in", signInForm(email, password)); a.status != 422 {
		t.Errorf("sign-in to it: %d", a.status)
	}
}

func TestSecureCookie(t *testing.T) {
	h := newHouse(t, "https://visits.example.org")
	h.withAccount(t, auth.Scheduler)
	a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, password))
	if c := a.header.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-housecall_staff=") || !strings.Contains(c, "; Secure") || !strings.Contains(c, "Path=/;") {
		t.Errorf("cookie %q", c)
	}
}

func TestNextIsOurs(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for next, want := range map[string]string{
		"": "/desk", "/desk": "/desk", "/desk/visits/1": "/desk/visits/1", "/deskx": "/desk", "//evil.example": "/desk", "https://evil.example": "/desk",
		"/desk/../out": "/desk", "/desk/\\evil": "/desk", "/desk/x?y": "/desk", "/sign-out": "/desk",
	} {
		form := signInForm(email, password)
		form.Set("next", next)
		if a := h.do(t, h.browser(t), "POST", "/sign-in", form); a.header.Get("Location") != want {
			t.Errorf("next %q leads to %q", next, a.header.Get("Location"))
		}
	}
}

func TestLock(t *testing.T) {
	for _, address := range []string{email, "nobody@example.org"} {
		t.Run(address, func(t *testing.T) {
			h := newHouse(t, "")
			h.withAccount(t, auth.Scheduler)
			for i := range 5 {
				if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(address, "wrong")); a.status != 422 {
					t.Fatalf("try %d: %d", i+1, a.status)
				}
			}
			a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(strings.ToUpper(address), password))
			if a.status != 429 || a.header.Get("Retry-After") != "900" || !strings.Contains(a.body, "Try again in 15 minutes") {
				t.Errorf("after five wrong ones: %d %q\n%s", a.status, a.header.Get("Retry-After"), a.body)
			}
			if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.lock'`); n != 1 {
				t.Errorf("%d audit rows of the lock", n)
			}
			h.clock.Pass(15 * time.Minute)
			want := 422
			if address == email {
				want = 303
			}
			if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(address, password)); a.status != want {
				t.Errorf("after the lock: %d, want %d", a.status, want)
			}
			silent(t, h)
		})
	}
}

// TestLockCountsTriesSideBySide sends many guesses at once: no more than five may be looked at.
func TestLockCountsTriesSideBySide(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	var wg sync.WaitGroup
	results := make([]int, 20)
	for i := range results {
		b := h.browser(t)
		wg.Go(func() { results[i] = h.do(t, b, "POST", "/sign-in", signInForm(email, fmt.Sprint("guess ", i))).status })
	}
	wg.Wait()
	var looked int
	for _, s := range results {
		if s == 422 {
			looked++
		}
	}
	if looked != 5 {
		t.Errorf("%d guesses were looked at: %v", looked, results)
	}
}

func TestRightPasswordForgetsWrongOnes(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for range 3 {
		for range 4 {
			h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, "wrong"))
		}
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, password)); a.status != 303 {
			t.Fatalf("the right one: %d", a.status)
		}
	}
}

func TestTriesOfOneNetwork(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	h.limiter.limit = 2
	for _, want := range []int{422, 422, 429} {
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(fmt.Sprint(want, "@example.org"), "wrong")); a.status != want {
			t.Errorf("%d, want %d", a.status, want)
		}
	}
	if a := h.do(t, h.browser(t), "POST", "/setup", url.Values{}); a.status != 429 {
		t.Errorf("set-up is not counted: %d", a.status)
	}
}

// Whoever signs in with the right password takes no try from the colleagues behind the same address; guesses of all accounts together do.
func TestRightTriesOfOneNetwork(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	h.limiter.limit = 3
	for i := range 5 {
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, password)); a.status != 303 {
			t.Fatalf("right sign-in %d: %d", i+1, a.status)
		}
	}
	for i, want := range []int{422, 422, 422, 429} {
		if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(fmt.Sprint(i, "@example.org"), "wrong")); a.status != want {
			t.Errorf("guess %d: %d, want %d", i+1, a.status, want)
		}
	}
}

func TestCrossSite(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	for _, path := range []string{"/setup", "/sign-in", "/sign-out", "/desk"} {
		if a := h.do(t, h.browser(t), "POST", path, signInForm(email, password), "Sec-Fetch-Site", "cross-site"); a.status != 403 {
			t.Errorf("%s from another site: %d", path, a.status)
		}
	}
}

func TestCreate(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Scheduler)
	good := staff.NewAccount{Name: name, Email: "x@example.org", Password: password, Role: auth.Scheduler}
	for what, change := range map[string]func(*staff.NewAccount){
		"taken address": func(n *staff.NewAccount) { n.Email = phi.Text(strings.ToUpper(email)) },
		"no name":       func(n *staff.NewAccount) { n.Name = "  " },
		"two lines":     func(n *staff.NewAccount) { n.Name = "Sam\nSample" },
		"long name":     func(n *staff.NewAccount) { n.Name = phi.Text(strings.Repeat("é", 101)) },
		"long password": func(n *staff.NewAccount) { n.Password = phi.Text(strings.Repeat("ab", 200)) },
		"bad address":   func(n *staff.NewAccount) { n.Email = "x@y@example.org" },
		"a patient":     func(n *staff.NewAccount) { n.Role = auth.Patient },
		"no role":       func(n *staff.NewAccount) { n.Role = "" },
	} {
		n := good
		change(&n)
		if _, err := h.Create(context.Background(), auth.Operator(), n); err == nil || web.FaultOf(err).Status != 422 {
			t.Errorf("%s: %v", what, err)
		}
	}
	good.Name = "\u202eSam\u2069  Sa\u200cmple\u200f "
	if a, err := h.Create(context.Background(), auth.Operator(), good); err != nil || a.Name != "Sam Sa\u200cmple" {
		t.Errorf("%+q, %v", a.Name, err)
	}
}
