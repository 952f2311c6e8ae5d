package staff_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"housecall/auth"
	"housecall/platform/staff"
)

var (
	appSecret     = regexp.MustCompile(`<code dir="ltr">([A-Z2-7 ]+)</code>`)
	recoveryCodes = regexp.MustCompile(`(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}`)
)

// code is what an app with that secret shows now.
func (h *house) code(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// withApp sets an app up in a browser that is signed in, and returns its secret and the recovery codes.
func (h *house) withApp(t *testing.T, b *http.Client) (secret string, recovery []string) {
	t.Helper()
	shown := h.do(t, b, "GET", "/account/app", nil)
	found := appSecret.FindStringSubmatch(shown.body)
	if shown.status != 200 || found == nil {
		t.Fatalf("no app to set up: %d %s", shown.status, shown.body)
	}
	secret = strings.ReplaceAll(found[1], " ", "")
	done := h.do(t, b, "POST", "/account/app", url.Values{"code": {h.code(t, secret)}})
	if recovery = recoveryCodes.FindAllString(done.body, -1); done.status != 200 || len(recovery) != 10 {
		t.Fatalf("%d and %d recovery codes: %s", done.status, len(recovery), done.body)
	}
	return secret, recovery
}

// half is a browser whose password was right, and which is asked for more.
func (h *house) half(t *testing.T) *http.Client {
	t.Helper()
	b := h.browser(t)
	if a := h.do(t, b, "POST", "/sign-in", signInForm(email, password)); a.status != 303 || a.header.Get("Location") != "/sign-in/second?next=%2Fdesk" {
		t.Fatalf("after the password: %d %s", a.status, a.header.Get("Location"))
	}
	return b
}

func second(code string) url.Values { return url.Values{"code": {code}, "next": {"/desk"}} }

func TestApp(t *testing.T) {
	h := newHouse(t, "")
	b, account := h.signedIn(t, email, auth.Scheduler)
	if a := h.do(t, b, "POST", "/account/app", url.Values{"code": {"000000"}}); a.status != 422 {
		t.Errorf("a code of no app: %d", a.status)
	}
	other := h.entered(t, email, password)
	secret, _ := h.withApp(t, b)
	if a := h.do(t, other, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("a session of before the second factor lives on: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("the session that set it up: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/account/app", nil); a.status != 409 {
		t.Errorf("a second app: %d", a.status)
	}
	var sealed string
	if err := h.db.QueryRowContext(context.Background(), `SELECT secret FROM staff_totp WHERE account_id = ?`, account.ID).Scan(&sealed); err != nil || strings.Contains(sealed, secret) {
		t.Errorf("the secret is not sealed, %v", err)
	}

	half := h.half(t)
	if a := h.do(t, half, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("half signed in: %d", a.status)
	}
	if a := h.do(t, half, "GET", "/sign-in/second", nil); a.status != 200 || !strings.Contains(a.body, "6 digits") {
		t.Errorf("the question: %d", a.status)
	}
	if a := h.do(t, half, "POST", "/sign-in/second", second(h.code(t, secret))); a.status != 422 || !strings.Contains(a.body, "used before") {
		t.Errorf("the code that turned the app on, once more: %d", a.status)
	}
	h.clock.Pass(30 * time.Second)
	code := h.code(t, secret)
	if a := h.do(t, half, "POST", "/sign-in/second", second(code[:3]+" "+code[3:])); a.status != 303 || a.header.Get("Location") != "/desk" {
		t.Fatalf("the right code: %d %s", a.status, a.body)
	}
	if a := h.do(t, half, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("signed in: %d", a.status)
	}
	if a := h.do(t, half, "POST", "/sign-in/second", second(code)); a.header.Get("Location") != "/sign-in?why=again" {
		t.Errorf("the step was not spent: %d", a.status)
	}
	if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(code)); a.status != 422 {
		t.Errorf("the code was taken twice: %d", a.status)
	}
	h.clock.Pass(30 * time.Second)
	code = h.code(t, secret)
	var wg sync.WaitGroup
	results := make([]int, 3)
	for i := range results {
		b := h.half(t)
		wg.Go(func() { results[i] = h.do(t, b, "POST", "/sign-in/second", second(code)).status })
	}
	wg.Wait()
	if results[0]+results[1]+results[2] != 303+422+422 {
		t.Errorf("one code in three browsers at once: %v", results)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.second_factor' AND outcome = 'refused' AND subject_id = ?`, account.ID); n != 4 {
		t.Errorf("%d refusals in the audit", n)
	}
	silent(t, h, secret, code)
}

// TestSecondFactorIsBounded: five wrong codes lock the second factor of an account, for all browsers, and a right one does not open it then.
func TestSecondFactorIsBounded(t *testing.T) {
	h := newHouse(t, "")
	b, account := h.signedIn(t, email, auth.Scheduler)
	secret, recovery := h.withApp(t, b)
	h.clock.Pass(time.Minute)
	for i := range 5 {
		if a := h.do(t, h.half(t), "POST", "/sign-in/second", second("12345"+string(rune('0'+i)))); a.status != 422 {
			t.Fatalf("wrong code %d: %d", i, a.status)
		}
	}
	half := h.half(t)
	for _, right := range []string{h.code(t, secret), recovery[0]} {
		if a := h.do(t, half, "POST", "/sign-in/second", second(right)); a.status != 429 || a.header.Get("Retry-After") == "" {
			t.Errorf("while locked: %d", a.status)
		}
	}
	h.clock.Pass(15 * time.Minute)
	if a := h.do(t, half, "POST", "/sign-in/second", second(h.code(t, secret))); a.header.Get("Location") != "/sign-in?why=again" {
		t.Errorf("a step of a quarter of an hour ago: %d", a.status)
	}
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, h.code(t, secret))
	if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(arabic)); a.status != 303 {
		t.Errorf("after the lock, in Arabic digits: %d", a.status)
	}
	// What is typed as an address is counted elsewhere, whatever it is.
	for range 6 {
		h.do(t, h.browser(t), "POST", "/sign-in", signInForm("factor\x00"+account.ID, "wrong"))
	}
	h.clock.Pass(time.Minute)
	if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(h.code(t, secret))); a.status != 303 {
		t.Errorf("a stranger locked the second factor: %d", a.status)
	}
}

func TestRecoveryCodes(t *testing.T) {
	h := newHouse(t, "")
	b, account := h.signedIn(t, email, auth.Scheduler)
	_, codes := h.withApp(t, b)
	typed := strings.ToLower(strings.ReplaceAll(codes[3], "-", " "))
	half := h.half(t)
	if a := h.do(t, half, "POST", "/sign-in/second", second(typed)); a.status != 303 {
		t.Fatalf("a recovery code: %d %s", a.status, a.body)
	}
	if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(codes[3])); a.status != 422 {
		t.Errorf("once more: %d", a.status)
	}
	if a := h.do(t, half, "GET", "/account", nil); !strings.Contains(a.body, "9 codes are left") {
		t.Error("nothing says how many are left")
	}
	fresh := recoveryCodes.FindAllString(h.do(t, half, "POST", "/account/recovery", url.Values{}).body, -1)
	if len(fresh) != 10 {
		t.Fatalf("%d new codes", len(fresh))
	}
	if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(codes[0])); a.status != 422 {
		t.Errorf("a code of the old list: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_recovery WHERE hash IN (?, ?)`, fresh[0], codes[0]); n != 0 {
		t.Error("codes are in the database as they are")
	}
	if a := h.do(t, half, "POST", "/account/app/remove", url.Values{}); a.status != 303 {
		t.Errorf("removing the app: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM staff_recovery WHERE account_id = ?`, account.ID); n != 0 {
		t.Errorf("%d codes outlive the second factor", n)
	}
	h.entered(t, email, password)
	silent(t, h, append(fresh, codes...)...)
}

// TestRequiredSecondFactor: whose role needs one comes no further than to where it is set up, and keeps it.
func TestRequiredSecondFactor(t *testing.T) {
	h := newHouse(t, "", func(c *staff.Config) { c.RequireSecond = []auth.Role{auth.Admin} })
	b, account := h.signedIn(t, email, auth.Admin)
	for _, path := range []string{"/desk", "/admin/accounts"} {
		if a := h.do(t, b, "GET", path, nil); a.header.Get("Location") != "/account?why=second" {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := h.do(t, b, "POST", "/admin/accounts/new", url.Values{"name": {name}}); a.status != 303 || h.count(t, `SELECT COUNT(*) FROM staff_accounts`) != 1 {
		t.Errorf("a form: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/account", nil); a.status != 200 || !strings.Contains(a.body, "Set up a second step first") {
		t.Errorf("their account: %d", a.status)
	}
	const entries = `href="/desk"` // of the navigation
	if a := h.do(t, b, "GET", "/nowhere", nil); a.status != 404 || strings.Contains(a.body, entries) || strings.Contains(a.body, name) {
		t.Errorf("an address where nothing is tells who reads it: %d", a.status)
	}
	h.withApp(t, b)
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("with a second factor: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/nowhere", nil); a.status != 404 || !strings.Contains(a.body, entries) || !strings.Contains(a.body, name) {
		t.Errorf("with a second factor, an address where nothing is: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/account/app/remove", url.Values{}); a.status != 409 || h.count(t, `SELECT COUNT(*) FROM staff_totp`) != 1 {
		t.Errorf("removing the only one: %d", a.status)
	}
	scheduler, _ := h.signedIn(t, "s@example.org", auth.Scheduler)
	if a := h.do(t, scheduler, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("another role: %d", a.status)
	}
	if err := h.ResetFactors(context.Background(), auth.Operator(), account.ID); err != nil {
		t.Fatal(err)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
		t.Errorf("after the reset a session lives on: %d", a.status)
	}
	b = h.entered(t, email, password)
	if a := h.do(t, b, "GET", "/desk", nil); a.header.Get("Location") != "/account?why=second" {
		t.Errorf("after the reset: %d", a.status)
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.reset_factors' AND subject_id = ?`, account.ID); n != 1 {
		t.Errorf("%d audit rows of the reset", n)
	}
}

// TestChangesNeedToShowWhoIsThere: some time after signing in nobody changes how an account is signed in to without its password.
func TestChangesNeedToShowWhoIsThere(t *testing.T) {
	h := newHouse(t, "")
	b, _ := h.signedIn(t, email, auth.Scheduler)
	h.clock.Pass(11 * time.Minute)
	asked := h.do(t, b, "GET", "/account/app", nil)
	if asked.status != 401 || !strings.Contains(asked.body, "Is it still you?") || appSecret.MatchString(asked.body) {
		t.Fatalf("an app: %d", asked.status)
	}
	if a := h.do(t, b, "POST", "/unlock", url.Values{"unlock_password": {"wrong words here"}, "unlock_next": {"/account/app"}}); a.status != 422 {
		t.Errorf("with a wrong password: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/unlock", url.Values{"unlock_password": {password}, "unlock_next": {"/account/app"}}); a.status != 303 || a.header.Get("Location") != "/account/app" {
		t.Errorf("with the password: %d %s", a.status, a.header.Get("Location"))
	}
	h.withApp(t, b)
}

func TestOwnPasswordAndSessions(t *testing.T) {
	h := newHouse(t, "")
	b, account := h.signedIn(t, email, auth.Scheduler)
	other := h.entered(t, email, password)
	third := h.browser(t)
	h.do(t, third, "POST", "/sign-in", signInForm(email, password), "User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0")
	page := h.do(t, b, "GET", "/account", nil)
	if !strings.Contains(page.body, "Firefox, Windows") || strings.Count(page.body, "Sign out there") != 2 {
		t.Errorf("sessions: %s", page.body)
	}
	end := regexp.MustCompile(`/account/sessions/[0-9a-f-]+/end`).FindString(page.body)
	if a := h.do(t, b, "POST", end, url.Values{}); a.status != 303 || h.count(t, `SELECT COUNT(*) FROM staff_sessions`) != 2 {
		t.Errorf("ending one: %d", a.status)
	}
	stranger, _ := h.signedIn(t, "x@example.org", auth.Admin)
	left := regexp.MustCompile(`/account/sessions/[0-9a-f-]+/end`).FindString(h.do(t, b, "GET", "/account", nil).body)
	if h.do(t, stranger, "POST", left, url.Values{}); h.count(t, `SELECT COUNT(*) FROM staff_sessions WHERE account_id = ?`, account.ID) != 2 {
		t.Error("somebody else ended a session")
	}
	change := func(current, next string) answer {
		return h.do(t, b, "POST", "/account/password", url.Values{"current": {current}, "password": {next}})
	}
	const next = "quite another teapot"
	if a := change("not the password", next); a.status != 422 || !strings.Contains(a.body, "password is not right") {
		t.Errorf("without the password: %d", a.status)
	}
	if a := change(password, "short"); a.status != 422 || !strings.Contains(a.body, "at least 12") {
		t.Errorf("a short one: %d", a.status)
	}
	if a := change(password, next); a.status != 303 || h.count(t, `SELECT COUNT(*) FROM staff_sessions WHERE account_id = ?`, account.ID) != 1 {
		t.Errorf("the change: %d", a.status)
	}
	if a := h.do(t, other, "POST", "/sign-in", signInForm(email, password)); a.status != 422 {
		t.Errorf("the old password: %d", a.status)
	}
	h.entered(t, email, next)
	silent(t, h, next)
}

// Right second factors of colleagues behind one address take no try from each other either, and wrong ones do.
func TestRightSecondsOfOneNetwork(t *testing.T) {
	h := newHouse(t, "")
	b, _ := h.signedIn(t, email, auth.Scheduler)
	secret, _ := h.withApp(t, b)
	h.limiter.limit = 2
	for i := range 3 {
		h.clock.Pass(30 * time.Second)
		if a := h.do(t, h.half(t), "POST", "/sign-in/second", second(h.code(t, secret))); a.status != 303 {
			t.Fatalf("right code %d: %d", i+1, a.status)
		}
	}
	half := h.half(t)
	for i, want := range []int{422, 422, 429} {
		if a := h.do(t, half, "POST", "/sign-in/second", second("000000")); a.status != want {
			t.Errorf("wrong code %d: %d, want %d", i+1, a.status, want)
		}
	}
}
