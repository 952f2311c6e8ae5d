package staff_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/staff"
)

var heldForm = regexp.MustCompile(`name="unlock_held" value="([^"]*)"`)

// lockingHouse locks pages after a quarter of an hour.
func lockingHouse(t *testing.T) *house {
	return newHouse(t, "", func(c *staff.Config) { c.Idle = 15 * time.Minute })
}

func TestIdleLock(t *testing.T) {
	h := lockingHouse(t)
	b, account := h.signedIn(t, email, auth.Scheduler)
	h.clock.Pass(14 * time.Minute)
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	h.clock.Pass(14 * time.Minute) // of the last thing done, not of signing in
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Fatalf("kept open by doing something: %d", a.status)
	}
	h.clock.Pass(15 * time.Minute)
	locked := h.do(t, b, "GET", "/desk?when=past", nil)
	if locked.status != 401 || !strings.Contains(locked.body, "Is it still you?") || !strings.Contains(locked.body, `value="/desk?when=past"`) || strings.Contains(locked.body, account.ID) {
		t.Errorf("after: %d %s", locked.status, locked.body)
	}
	if a := h.do(t, b, "GET", "/account/left", nil, "Accept", "application/json"); a.body != `{"seconds":0}` {
		t.Errorf("the script is told %q", a.body)
	}
	if a := h.do(t, b, "POST", "/account/here", url.Values{}, "Accept", "application/json"); a.status != 401 {
		t.Errorf("a script opens the lock: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/unlock", url.Values{"unlock_next": {"/desk?when=past"}, "unlock_password": {"wrong words here"}}); a.status != 422 || !strings.Contains(a.body, "password is not right") {
		t.Errorf("a wrong password: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/unlock", url.Values{"unlock_next": {"/desk?when=past"}, "unlock_password": {password}}); a.status != 303 || a.header.Get("Location") != "/desk?when=past" {
		t.Errorf("the password: %d %s", a.status, a.header.Get("Location"))
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 200 {
		t.Errorf("unlocked: %d", a.status)
	}
	h.clock.Pass(15 * time.Minute)
	for next, want := range map[string]string{"//evil.example": "/desk", "https://evil.example": "/desk", "/\\evil": "/desk", "/unlock": "/desk", "": "/desk"} {
		if a := h.do(t, b, "POST", "/unlock", url.Values{"unlock_next": {next}, "unlock_password": {password}}); a.header.Get("Location") != want {
			t.Errorf("next %q leads to %q", next, a.header.Get("Location"))
		}
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = 'staff.unlock' AND outcome = 'allowed'`); n != 6 {
		t.Errorf("%d audit rows", n)
	}
	silent(t, h)
}

// TestLockKeepsAForm: what a form held when its page was locked goes on after the password, and stands readable nowhere meanwhile.
func TestLockKeepsAForm(t *testing.T) {
	h := lockingHouse(t)
	b, _ := h.signedIn(t, email, auth.Scheduler)
	h.clock.Pass(16 * time.Minute)
	const typed = "Robin Canary-Patient & more"
	locked := h.do(t, b, "POST", "/desk", url.Values{"x": {typed}})
	held := heldForm.FindStringSubmatch(html.UnescapeString(locked.body))
	if locked.status != 401 || held == nil || strings.Contains(locked.body, "Canary-Patient") || !strings.Contains(locked.body, "is kept") {
		t.Fatalf("locked: %d %s", locked.status, locked.body)
	}
	answer := func(b *http.Client, pass, held string) answer {
		return h.do(t, b, "POST", "/desk", url.Values{"unlock_password": {pass}, "unlock_held": {held}})
	}
	again := answer(b, "wrong words here", held[1])
	if again.status != 422 || heldForm.FindStringSubmatch(html.UnescapeString(again.body))[1] != held[1] {
		t.Errorf("a wrong password: %d", again.status)
	}
	if a := answer(b, password, held[1]); a.status != 200 || a.body != `typed "`+typed+`"` {
		t.Errorf("the right one: %d %s", a.status, a.body)
	}
	if a := answer(b, password, held[1]); a.status != 200 || a.body != `typed "`+typed+`"` {
		t.Errorf("the right one, unlocked in another window meanwhile: %d %s", a.status, a.body)
	}
	if a := answer(b, "wrong words here", held[1]); a.status != 422 || heldForm.FindStringSubmatch(html.UnescapeString(a.body))[1] != held[1] {
		t.Errorf("a wrong one, unlocked in another window meanwhile: %d", a.status)
	}
	other := h.entered(t, email, password)
	h.clock.Pass(16 * time.Minute)
	if a := answer(other, password, held[1]); a.status != 422 || strings.Contains(a.body, "Canary") {
		t.Errorf("what another session held: %d %s", a.status, a.body)
	}
	if a := h.do(t, b, "POST", "/desk", url.Values{"x": {"y"}}, "Content-Type", "multipart/form-data; boundary=x"); a.status != 401 || !strings.Contains(a.body, "was not saved") {
		t.Errorf("a file: %d", a.status)
	}
	silent(t, h, typed)
}

// TestWhatPagesDoByThemselvesKeepsNothingOpen: only what somebody does counts, as the browser says of each request.
func TestWhatPagesDoByThemselvesKeepsNothingOpen(t *testing.T) {
	h := lockingHouse(t)
	b, _ := h.signedIn(t, email, auth.Scheduler)
	for range 16 {
		h.clock.Pass(time.Minute)
		h.do(t, b, "GET", "/desk", nil, "Sec-Fetch-Mode", "cors")
		h.do(t, b, "GET", "/account/left", nil, "Sec-Fetch-Mode", "cors")
		h.do(t, b, "PATCH", "/desk", nil, "Sec-Fetch-Mode", "cors")
	}
	if a := h.do(t, b, "GET", "/desk", nil, "Sec-Fetch-Mode", "navigate"); a.status != 401 {
		t.Errorf("kept open by requests of its own: %d", a.status)
	}
	h.do(t, b, "POST", "/unlock", url.Values{"unlock_password": {password}}, "Accept", "application/json")
	for range 16 {
		h.clock.Pass(time.Minute)
		if a := h.do(t, b, "POST", "/account/here", url.Values{}, "Sec-Fetch-Mode", "cors"); a.status != 200 {
			t.Fatalf("somebody types: %d", a.status)
		}
	}
	if a := h.do(t, b, "GET", "/desk", nil, "Sec-Fetch-Mode", "navigate"); a.status != 200 {
		t.Errorf("locked while somebody typed: %d", a.status)
	}
}
