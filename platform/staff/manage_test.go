package staff_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/staff"
)

// signedIn makes an account and a browser that is signed in to it.
func (h *house) signedIn(t *testing.T, address string, role auth.Role) (*http.Client, staff.Account) {
	t.Helper()
	a, err := h.Create(context.Background(), auth.Operator(), staff.NewAccount{Name: name, Email: phi.Text(address), Password: password, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return h.entered(t, address, password), a
}

// entered is a browser that has signed in by password.
func (h *house) entered(t *testing.T, address, pass string) *http.Client {
	t.Helper()
	b := h.browser(t)
	if a := h.do(t, b, "POST", "/sign-in", signInForm(address, pass)); a.status != 303 {
		t.Fatalf("sign-in of %s: %d", address, a.status)
	}
	return b
}

var codeOfLink = regexp.MustCompile(`/password#([A-Z2-7-]+)`)

func TestInvitingAColleague(t *testing.T) {
	h := newHouse(t, "")
	admin, _ := h.signedIn(t, "admin@example.org", auth.Admin)
	form := url.Values{"name": {name}, "email": {email}, "role": {"scheduler"}}
	for field, c := range map[string]struct{ value, want string }{
		"name": {"", "Enter your name"}, "email": {"admin@example.org", "address of another account"}, "role": {"patient", "Choose a role"},
	} {
		wrong := url.Values{"name": form["name"], "email": form["email"], "role": form["role"]}
		wrong.Set(field, c.value)
		if a := h.do(t, admin, "POST", "/admin/accounts/new", wrong); a.status != 422 || !strings.Contains(a.body, c.want) {
			t.Errorf("%s %q: %d", field, c.value, a.status)
		}
	}
	shown := h.do(t, admin, "POST", "/admin/accounts/new", form)
	link := codeOfLink.FindStringSubmatch(shown.body)
	if shown.status != 200 || link == nil {
		t.Fatalf("no link: %d %s", shown.status, shown.body)
	}
	code := link[1]
	if a := h.do(t, h.browser(t), "POST", "/sign-in", signInForm(email, "")); a.status != 422 {
		t.Errorf("signed in without a password: %d", a.status)
	}
	if a := h.do(t, h.browser(t), "GET", "/password", nil); a.status != 200 || !strings.Contains(a.body, "data-from-fragment") {
		t.Errorf("form: %d", a.status)
	}
	set := func(code, pass string) answer {
		return h.do(t, h.browser(t), "POST", "/password", url.Values{"code": {code}, "password": {pass}})
	}
	for code, pass := range map[string]string{code: "short", "AAAA-BBBB": password, "": password} {
		if a := set(code, pass); a.status != 422 {
			t.Errorf("%q and %q: %d", code, pass, a.status)
		}
	}
	var wg sync.WaitGroup
	results := make([]int, 3)
	for i := range results {
		wg.Go(func() { results[i] = set(strings.ToLower(code), password).status })
	}
	wg.Wait()
	if got := results[0] + results[1] + results[2]; got != 303+422+422 {
		t.Errorf("one link, spent by three at once: %v", results)
	}
	h.entered(t, email, password)
	for _, at := range []string{"/admin/accounts", "/admin/accounts/new"} {
		if a := h.do(t, admin, "GET", at, nil); a.status != 200 {
			t.Errorf("%s: %d", at, a.status)
		}
	}
	if a := h.do(t, admin, "GET", "/admin/accounts", nil); !strings.Contains(a.body, email) {
		t.Error("the list lacks the colleague")
	}
	silent(t, h, code)
}

func TestLinksEnd(t *testing.T) {
	h := newHouse(t, "")
	ctx := context.Background()
	h.withAccount(t, auth.Admin)
	invite := func(address string) (code string, a staff.Account) {
		link, a, err := h.Invite(ctx, auth.Operator(), staff.NewAccount{Name: name, Email: phi.Text(address), Role: auth.Scheduler})
		if err != nil {
			t.Fatal(err)
		}
		return link[strings.Index(link, "#")+1:], a
	}
	set := func(code string) int {
		return h.do(t, h.browser(t), "POST", "/password", url.Values{"code": {code}, "password": {password}}).status
	}
	replaced, a := invite("a@example.org")
	link, err := h.Reset(ctx, auth.Operator(), a.ID)
	if err != nil || set(replaced) != 422 {
		t.Errorf("a link that was replaced works, %v", err)
	}
	off, b := invite("b@example.org")
	if err := h.Disable(ctx, auth.Operator(), b.ID); err != nil || set(off) != 422 {
		t.Errorf("the link of an account that is off works, %v", err)
	}
	if _, err := h.Reset(ctx, auth.Operator(), b.ID); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("a new link for it: %v", err)
	}
	h.clock.Pass(staff.LinkLife)
	if set(link[strings.Index(link, "#")+1:]) != 422 {
		t.Error("an old link works")
	}
}

// TestSwitchingOff: sessions end at once, by page and by command, and so does what an account may do when its role changes.
func TestSwitchingOff(t *testing.T) {
	h := newHouse(t, "")
	admin, _ := h.signedIn(t, "admin@example.org", auth.Admin)
	b, account := h.signedIn(t, email, auth.Scheduler)
	post := func(what string, form url.Values) answer {
		return h.do(t, admin, "POST", "/admin/accounts/"+account.ID+"/"+what, form)
	}
	if a := post("role", url.Values{"role": {"coordinator"}}); a.status != 303 {
		t.Fatalf("role: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/desk", nil); !strings.HasSuffix(a.body, " coordinator") {
		t.Errorf("after the change: %q", a.body)
	}
	if a := post("off", url.Values{}); a.status != 303 {
		t.Fatalf("off: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 || h.count(t, `SELECT COUNT(*) FROM staff_sessions WHERE account_id = ?`, account.ID) != 0 {
		t.Errorf("a session lives on: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/sign-in", signInForm(email, password)); a.status != 422 {
		t.Errorf("sign-in while off: %d", a.status)
	}
	if a := h.do(t, admin, "GET", "/admin/accounts/"+account.ID, nil); !strings.Contains(a.body, "Switched off") {
		t.Error("the page does not say so")
	}
	post("on", url.Values{})
	b = h.entered(t, email, password)
	if a := post("link", url.Values{}); a.status != 200 || !codeOfLink.MatchString(a.body) {
		t.Errorf("a new link: %d", a.status)
	}
	if a := h.do(t, b, "GET", "/desk", nil); a.status != 303 {
		t.Errorf("a session outlived the password: %d", a.status)
	}
	if a := h.do(t, b, "POST", "/sign-in", signInForm(email, password)); a.status != 422 {
		t.Errorf("the old password: %d", a.status)
	}
	for action, want := range map[string]int{"staff.set_role": 1, "staff.disable": 1, "staff.enable": 1, "staff.reset_password": 1} {
		if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE action = ? AND subject_id = ?`, action, account.ID); n != want {
			t.Errorf("%d audit rows of %s", n, action)
		}
	}
	silent(t, h)
}

// TestSwitchingOffTellsOfVisits: whoever switches an account off reads how many visits to come its owner leads, and where they are.
func TestSwitchingOffTellsOfVisits(t *testing.T) {
	planned, asked := 2, ""
	h := newHouse(t, "", func(c *staff.Config) {
		c.Planned = func(_ context.Context, reader auth.Actor, account string) (int, string, error) {
			if reader.Role != auth.Admin {
				t.Errorf("asked for a %s", reader.Role)
			}
			asked = account
			return planned, "/desk/schedule?clinician=" + account, nil
		}
	})
	admin, _ := h.signedIn(t, "admin@example.org", auth.Admin)
	_, account := h.signedIn(t, email, auth.Clinician)
	path := "/admin/accounts/" + account.ID
	if a := h.do(t, admin, "GET", path, nil); strings.Contains(a.body, "/desk/schedule") || asked != "" {
		t.Error("it is told of an account that is on")
	}
	a := h.do(t, admin, "POST", path+"/off", url.Values{})
	a = h.do(t, admin, "GET", a.header.Get("Location"), nil)
	if !strings.Contains(a.body, "This person still leads 2 visits to come.") || !strings.Contains(a.body, `href="/desk/schedule?clinician=`+account.ID+`"`) || asked != account.ID {
		t.Errorf("the page does not tell of the visits: %s", a.body)
	}
	planned = 0
	if a := h.do(t, admin, "GET", path, nil); strings.Contains(a.body, "visits to come") || strings.Contains(a.body, "/desk/schedule") {
		t.Error("it tells of no visits")
	}
}

func TestOnlyAdministratorsManage(t *testing.T) {
	h := newHouse(t, "")
	ctx := context.Background()
	_, last := h.signedIn(t, "admin@example.org", auth.Admin)
	for _, role := range []auth.Role{auth.Clinician, auth.Scheduler, auth.Coordinator} {
		b, a := h.signedIn(t, string(role)+"@example.org", role)
		for _, path := range []string{"", "/new", "/" + last.ID} {
			if got := h.do(t, b, "GET", "/admin/accounts"+path, nil); got.status != 404 {
				t.Errorf("%s reads %q: %d", role, path, got.status)
			}
		}
		for _, path := range []string{"/new", "/" + a.ID + "/role", "/" + a.ID + "/link", "/" + last.ID + "/off", "/" + last.ID + "/on"} {
			if got := h.do(t, b, "POST", "/admin/accounts"+path, url.Values{"role": {"admin"}, "name": {name}, "email": {"new@example.org"}}); got.status != 404 {
				t.Errorf("%s does %q: %d", role, path, got.status)
			}
		}
		if err := h.SetRole(ctx, a.Actor(), a.ID, auth.Admin); !errors.Is(err, fault.NotAllowed) {
			t.Errorf("%s makes themself an administrator: %v", role, err)
		}
	}
	if n := h.count(t, `SELECT COUNT(*) FROM audit WHERE outcome = 'refused' AND action = 'staff.set_role'`); n == 0 {
		t.Error("refusals are not audited")
	}
	_, invited, err := h.Invite(ctx, last.Actor(), staff.NewAccount{Name: name, Email: "invited@example.org", Role: auth.Admin}) // who can't sign in yet
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"off": h.Disable(ctx, last.Actor(), last.ID), "a scheduler": h.SetRole(ctx, last.Actor(), last.ID, auth.Scheduler)} {
		if fault.CodeOf(err) != fault.CodeConflict {
			t.Errorf("the last administrator is %s: %v", what, err)
		}
	}
	if err := h.Disable(ctx, last.Actor(), invited.ID); err != nil {
		t.Errorf("one who can't sign in is off: %v", err)
	}
}
