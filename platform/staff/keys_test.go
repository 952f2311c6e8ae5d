package staff_test

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// who asks for a call for auth.VisitRead.
func (h *house) who(t *testing.T, header ...string) answer {
	t.Helper()
	return h.do(t, h.browser(t), "GET", "/api/who", nil, header...)
}

func readKey(name string) staff.NewKey {
	return staff.NewKey{Name: name, Scopes: []auth.Action{auth.VisitRead}}
}

func TestKeys(t *testing.T) {
	h := newHouse(t, "")
	ctx := t.Context()
	secret, key, err := h.CreateKey(ctx, auth.Operator(), readKey(" Booking\u202e system "))
	if err != nil || !strings.HasPrefix(secret, "hc_") || key.Name != "Booking system" {
		t.Fatalf("%q %+v %v", secret, key, err)
	}
	if a := h.who(t, "Authorization", "Bearer "+secret); a.status != 200 || a.body != "api_key "+key.ID+" program" {
		t.Errorf("%d %q", a.status, a.body)
	}
	refused := h.who(t)
	if refused.status != 401 || refused.header.Get("WWW-Authenticate") == "" || !strings.Contains(refused.body, `"code":"unauthorized"`) {
		t.Errorf("nobody: %d %s", refused.status, refused.body)
	}
	if err := h.RevokeKey(ctx, auth.Operator(), key.ID); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"Bearer " + secret, "Basic " + secret, "Bearer hc_", "Bearer hc_" + strings.Repeat("x", 10000), secret} {
		if a := h.who(t, "Authorization", bad); a.status != 401 || a.body != refused.body {
			t.Errorf("%.30q: %d %s", bad, a.status, a.body)
		}
	}
	if err := h.RevokeKey(ctx, auth.Operator(), key.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	keys, err := h.Keys(ctx)
	if err != nil || len(keys) != 1 || keys[0].Revoked.IsZero() || keys[0].ID != key.ID || keys[0].State(h.clock.Now()) != staff.KeyRevoked {
		t.Errorf("keys %+v, %v", keys, err)
	}
	b := h.browser(t)
	h.withAccount(t, auth.Admin)
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if a := h.do(t, b, "GET", "/api/who", nil); a.status != 401 {
		t.Errorf("a person's session opens the API: %d", a.status)
	}
	silent(t, h, secret)
}

func TestKeysAreForTheirScopes(t *testing.T) {
	h := newHouse(t, "")
	n := readKey("Writes, and never reads")
	n.Scopes = []auth.Action{auth.VisitSchedule}
	secret, _, err := h.CreateKey(t.Context(), auth.Operator(), n)
	if err != nil {
		t.Fatal(err)
	}
	if a := h.who(t, "Authorization", "Bearer "+secret); a.status != 404 {
		t.Errorf("a key that is not for it: %d %s", a.status, a.body)
	}
	for what, change := range map[string]func(*staff.NewKey){
		"no name":               func(n *staff.NewKey) { n.Name = " " },
		"no scope":              func(n *staff.NewKey) { n.Scopes = nil },
		"what no program may":   func(n *staff.NewKey) { n.Scopes = append(n.Scopes, staff.ManageKeys) },
		"what nobody knows":     func(n *staff.NewKey) { n.Scopes = []auth.Action{"visit.read visit.revoke"} },
		"for ever":              func(n *staff.NewKey) { n.Life = -time.Hour },
		"longer than the limit": func(n *staff.NewKey) { n.Life = staff.DefaultKeyLife + 24*time.Hour },
	} {
		n := readKey("x")
		change(&n)
		if _, _, err := h.CreateKey(t.Context(), auth.Operator(), n); !errors.Is(err, fault.NotValid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, actor := range []auth.Actor{{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}, {Kind: auth.KindKey, ID: store.NewID(), Role: auth.Program, Scopes: auth.NewScopes(staff.ManageKeys)}} {
		if _, _, err := h.CreateKey(t.Context(), actor, readKey("x")); !errors.Is(err, fault.NotAllowed) {
			t.Errorf("made by a %s: %v", actor.Role, err)
		}
	}
	if keys, err := h.Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("keys %+v, %v", keys, err)
	}
}

// TestKeysEnd: a key works to the last moment of its time, says so in its last month, and tells the day of its last use.
func TestKeysEnd(t *testing.T) {
	h := newHouse(t, "")
	n := readKey("For 60 days")
	n.Life = 60 * 24 * time.Hour
	secret, key, err := h.CreateKey(t.Context(), auth.Operator(), n)
	if err != nil {
		t.Fatal(err)
	}
	began := h.clock.Now()
	for _, c := range []struct {
		after  time.Duration
		state  staff.KeyState
		status int
	}{
		{0, staff.KeyWorks, 200}, {29 * 24 * time.Hour, staff.KeyWorks, 200}, {30 * 24 * time.Hour, staff.KeyExpiring, 200},
		{60*24*time.Hour - time.Millisecond, staff.KeyExpiring, 200}, {60 * 24 * time.Hour, staff.KeyExpired, 401},
	} {
		h.clock.Pass(began.Add(c.after).Sub(h.clock.Now()))
		if a := h.who(t, "Authorization", "Bearer "+secret); a.status != c.status {
			t.Errorf("after %s: %d", c.after, a.status)
		}
		keys, err := h.Keys(t.Context())
		if err != nil || len(keys) != 1 || keys[0].State(h.clock.Now()) != c.state || !keys[0].Expires.Equal(key.Expires) {
			t.Fatalf("after %s: %+v, %v", c.after, keys, err)
		}
		if want := h.clock.Now().UTC().Truncate(24 * time.Hour); c.status == 200 && !keys[0].UsedOn.Equal(want) {
			t.Errorf("after %s: used on %s", c.after, keys[0].UsedOn)
		}
	}
}

// TestKeysOfBefore: keys from before there were scopes can do what they could.
func TestKeysOfBefore(t *testing.T) {
	ctx := t.Context()
	db := storetest.Open(t, storetest.Empty(t), store.Options{})
	if err := db.MigrateTo(ctx, "staff", staff.Migrations(), 4); err != nil {
		t.Fatal(err)
	}
	id := store.NewID()
	err := db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO staff_keys (id, name, hash, created_at) VALUES (?, ?, ?, ?)`, id, "Old", "x", 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := auth.NewPolicy(staff.Rules)
	if err != nil {
		t.Fatal(err)
	}
	a, err := staff.New(ctx, staff.Config{DB: db, Policy: policy, Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := a.Keys(ctx)
	if err != nil || len(keys) != 1 || keys[0].State(time.Now()) != staff.KeyWorks || !keys[0].Expires.IsZero() {
		t.Fatalf("%+v %v", keys, err)
	}
	// What came later is for no key that nobody chose it for.
	if want := []auth.Action{"people.read", "people.write", "sites.read", "visit.read", "visit.revoke", "visit.schedule"}; !slices.Equal(keys[0].Scopes, want) {
		t.Errorf("an old key is for %q", keys[0].Scopes)
	}
}

// TestKeyPages: an administrator makes a key on the pages, sees its secret once, and revokes it.
func TestKeyPages(t *testing.T) {
	h := newHouse(t, "")
	h.withAccount(t, auth.Admin)
	b := h.browser(t)
	h.do(t, b, "POST", "/sign-in", signInForm(email, password))
	if a := h.do(t, b, "POST", "/admin/keys/new", url.Values{"name": {" "}, "days": {"400"}}); a.status != 422 || strings.Count(a.body, `class="error-message"`) != 3 {
		t.Errorf("an empty form: %d %s", a.status, a.body)
	}
	a := h.do(t, b, "POST", "/admin/keys/new", url.Values{"name": {"Booking <system>"}, "days": {"20"}, "scopes": {"visit.read"}})
	secret := regexp.MustCompile(`hc_[\w-]+`).FindString(a.body)
	if a.status != 200 || secret == "" {
		t.Fatalf("made: %d %s", a.status, a.body)
	}
	if a := h.who(t, "Authorization", "Bearer "+secret); a.status != 200 {
		t.Errorf("the key does not work: %d", a.status)
	}
	keys, err := h.Keys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].ByName.Reveal() != name {
		t.Fatalf("%+v %v", keys, err)
	}
	page := "/admin/keys/" + keys[0].ID
	for _, path := range []string{"/admin/keys", page} {
		if a := h.do(t, b, "GET", path, nil); a.status != 200 || strings.Contains(a.body, secret) || !strings.Contains(a.body, "Booking &lt;system&gt;") || !strings.Contains(a.body, "Ends soon") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := h.do(t, b, "POST", page+"/revoke", nil); a.status != 303 {
		t.Errorf("revoked: %d", a.status)
	}
	if a := h.who(t, "Authorization", "Bearer "+secret); a.status != 401 {
		t.Errorf("after that: %d", a.status)
	}
	for _, path := range []string{"/admin/keys/x", "/admin/keys/" + store.NewID()} {
		if a := h.do(t, b, "GET", path, nil); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	silent(t, h, secret)
}
