package server_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
)

var update = flag.Bool("update", false, "write docs/roles.md anew")

const rolesPage = "../../../docs/roles.md"

// TestRolesPage keeps docs/roles.md equal to the table. `go test ./cmd/housecall/server -run TestRolesPage -update` writes it anew.
func TestRolesPage(t *testing.T) {
	policy, err := server.Policy()
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	page.WriteString("# Who may do what\n\n")
	page.WriteString("Printed from the one table of rules and the one list of routes by `go test ./cmd/housecall/server -run TestRolesPage -update`; a test fails when this page is stale.\n")
	page.WriteString("What has no ✓ is refused, and refusals of a signed-in person or an API key are audited.\n\n")
	page.WriteString("| action | meaning |")
	for _, role := range auth.Roles() {
		fmt.Fprintf(&page, " %s |", role)
	}
	page.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(auth.Roles())) + "\n")
	for _, rule := range policy.Rules() {
		fmt.Fprintf(&page, "| `%s` | %s |", rule.Action, rule.Meaning)
		for _, role := range auth.Roles() {
			mark := "  |"
			if policy.May(role, rule.Action) {
				mark = " ✓ |"
			}
			page.WriteString(mark)
		}
		page.WriteString("\n")
	}
	page.WriteString("\n## Routes\n\n`public` is for everybody, `holder` for who has a link of a visit or the cookie it gave, `staff` for who is signed in,\n")
	page.WriteString("`key` for programs with an API key. Who may not do the action is answered as if there were nothing; of their own visit, which they know, holders may be told that they may not.\n\n| route | for | action, or why |\n|---|---|---|\n")
	for _, route := range open(t, server.Config{}).Routes() {
		what := route.Access.Why
		if a := cmp.Or(route.Access.Action, route.Access.Right); a != "" {
			what = "`" + string(a) + "`"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", route.Pattern, route.Access.Reach, what)
	}
	if *update {
		if err := os.WriteFile(rolesPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rolesPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, page.Bytes()) {
		t.Error("docs/roles.md is stale: run go test ./cmd/housecall/server -run TestRolesPage -update")
	}
}

// caller is somebody who tries routes.
type caller struct {
	name   string
	role   auth.Role   // empty: nobody we know
	scope  auth.Action // of a key: what it is for
	reach  web.Reach   // of what they hold
	cookie *http.Cookie
	key    string
}

// TestEveryRouteWithEveryRole tries all routes as everybody, and compares with the table: who may not do what a route is for is told exactly what
// is told of nothing, and the audit has it; nobody comes through a door with what opens another.
func TestEveryRouteWithEveryRole(t *testing.T) {
	data := t.TempDir()
	s := open(t, server.Config{Data: data})
	policy, err := server.Policy()
	if err != nil {
		t.Fatal(err)
	}
	callers := callersOf(t, s)
	told := map[string]string{} // of nothing, by who asked and where
	for _, route := range s.Routes() {
		if route.Access.Reach != web.Staff("").Reach && route.Access.Reach != web.Key("").Reach {
			continue
		}
		if a := route.Access.Action; a != "" && !policy.Knows(a) {
			t.Errorf("%s is for %q, which has no row in the table", route.Pattern, a)
		}
		if a := route.Access.Action; route.Access.Reach == web.Key("").Reach && !slices.Contains(policy.Grantable(), a) {
			t.Errorf("%s is for %q, which no key can be for: add auth.Program to its rule", route.Pattern, a)
		}
		keys := 0
		for _, c := range callers {
			if c.key != "" && c.reach != route.Access.Reach {
				if keys++; keys > 1 {
					continue // what a key is for makes no difference at a door that no key opens
				}
			}
			before := store.NewID()
			status, body := c.try(t, s, route.Pattern)
			may := c.reach == route.Access.Reach && (route.Access.Action == "" || policy.May(c.role, route.Access.Action) && (c.role != auth.Program || c.scope == route.Access.Action))
			refused := refusals(t, s, route, before)
			switch {
			case may && refused != 0:
				t.Errorf("%s as %s: refused", route.Pattern, c.name)
			case may:
			case c.reach != route.Access.Reach && status != http.StatusUnauthorized && status != http.StatusSeeOther:
				t.Errorf("%s as %s: %d", route.Pattern, c.name, status)
			case c.reach != route.Access.Reach:
			case refused != 1:
				t.Errorf("%s as %s: %d refusals in the audit", route.Pattern, c.name, refused)
			default:
				elsewhere := nowhere(route.Pattern)
				asked := c.name + " " + elsewhere // pages say who reads them
				if told[asked] == "" {
					_, nothing := c.try(t, s, elsewhere)
					told[asked] = ledTo.ReplaceAllString(nothing, "")
				}
				if status != http.StatusNotFound || ledTo.ReplaceAllString(body, "") != told[asked] {
					t.Errorf("%s as %s: %d, which differs from what is told of nothing", route.Pattern, c.name, status)
				}
			}
		}
	}
}

// callersOf makes an account of every role, a key for every action that keys can be for, and nobody.
func callersOf(t *testing.T, s *server.Server) []caller {
	t.Helper()
	all := []caller{{name: "nobody"}}
	for _, role := range auth.Roles() {
		if role == auth.Program {
			continue // has keys, and no account
		}
		all = append(all, signedIn(t, s, role))
	}
	for _, scope := range s.Accounts.Policy.Grantable() {
		secret, _, err := s.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "every route", Scopes: []auth.Action{scope}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, caller{name: "a key for " + string(scope), role: auth.Program, scope: scope, reach: web.Key("").Reach, key: secret})
	}
	return all
}

// unled follows no redirect.
var unled = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

var place = regexp.MustCompile(`\{[^}]*\}`)

// try asks for a route, with ids of nothing in its places.
func (c caller) try(t *testing.T, s *server.Server, pattern string) (status int, body string) {
	t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	path = place.ReplaceAllStringFunc(path, func(name string) string {
		if name == "{$}" {
			return ""
		}
		return store.NewID()
	})
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/fhir/") {
		r.Header.Set("Accept", "text/html")
	}
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	response, err := unled.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// nowhere is a route beside another, where there is nothing.
func nowhere(pattern string) string {
	method, path, _ := strings.Cut(pattern, " ")
	if strings.HasPrefix(path, "/api/") {
		return method + " /api/nothing/of/the/kind"
	}
	if strings.HasPrefix(path, "/fhir/") {
		return method + " /fhir/R4/nothing/of/the/kind"
	}
	return method + " /nothing" + ofVisit.FindString(path) + "/of/the/kind"
}

// ofVisit is the part of an address that names a visit or a patient: pages where nothing is lead from it to emergency access.
var ofVisit = regexp.MustCompile(`/(visits|patients)/[^/]+`)

// ledTo is where a page leads who may open emergency access to a visit.
var ledTo = regexp.MustCompile(`\?visit=[\w-]+`)

// refusals counts what the audit says the guard of a route refused since an id was made.
func refusals(t *testing.T, s *server.Server, route web.Route, since string) (n int) {
	t.Helper()
	err := s.Accounts.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE id > ? AND action = ? AND outcome = 'refused' AND detail = ?`,
		since, string(route.Access.Action), route.Pattern).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEverybodyComesHome: who signs in and asks for nothing else comes to a page they may see.
func TestEverybodyComesHome(t *testing.T) {
	s := open(t, server.Config{})
	for role, want := range map[auth.Role]string{auth.Scheduler: "/desk", auth.Clinician: "/queue"} {
		c := signedIn(t, s, role)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(c.cookie)
		response, err := unled.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if to := response.Header.Get("Location"); to != want {
			t.Errorf("a %s comes to %q", role, to)
		}
		if status, _ := c.try(t, s, "GET "+want); status != http.StatusOK {
			t.Errorf("a %s at %s: %d", role, want, status)
		}
	}
}

// TestAdministrationIsOnePlace: its page leads to all its pages, each of which leads back; the navigation of administrators stays short, and who may
// not open that page has what they may see in the navigation.
func TestAdministrationIsOnePlace(t *testing.T) {
	s := open(t, server.Config{})
	boss, coordinator := signedIn(t, s, auth.Admin), signedIn(t, s, auth.Coordinator)
	_, hub := boss.try(t, s, "GET "+web.AdminPath)
	navigation, administration := web.LinksFor(s.Accounts.Links, func(a auth.Action) bool { return s.Accounts.Policy.May(auth.Admin, a) })
	if len(navigation) > 5 || len(administration) < 8 {
		t.Errorf("%d entries in the navigation, %d in the administration", len(navigation), len(administration))
	}
	for _, l := range administration {
		if !slices.Contains(web.Groups(), l.Group) || !strings.Contains(hub, `<li><a href="`+l.Path+`">`) {
			t.Errorf("the administration does not lead to %s of group %q", l.Path, l.Group)
		}
		if l.About == "" {
			t.Errorf("the administration does not say what %s is for", l.Path)
		}
		status, page := boss.try(t, s, "GET "+l.Path)
		if status != http.StatusOK || !strings.Contains(page, `<p><a href="`+web.AdminPath+`">`) || !strings.Contains(page, `<a href="`+web.AdminPath+`" aria-current="true">`) {
			t.Errorf("%s does not lead back: %d", l.Path, status)
		}
	}
	if _, page := coordinator.try(t, s, "GET /figures"); !strings.Contains(page, `<a href="/figures" aria-current="page">`) || strings.Contains(page, `href="`+web.AdminPath+`"`) {
		t.Error("a coordinator does not find the figures in the navigation")
	}
}
