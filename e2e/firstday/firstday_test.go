package firstday

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"housecall/e2e/stage"
	"housecall/loadtest"
)

// site is the name that the page gives the server.
const site = "https://visits.example.org"

func TestMain(m *testing.M) {
	code, outside, err := stage.Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "firstday:", err)
		os.Exit(1)
	}
	if !outside {
		code = m.Run()
		if left, err := stage.Leftovers(); err != nil || len(left) > 0 {
			fmt.Fprintln(os.Stderr, "firstday: processes outlived the test:", strings.Join(left, ", "), err)
			code = 1
		}
	}
	os.Exit(code)
}

// connect gives the machine its public address, the world its names, and returns a network elsewhere.
func connect(t *testing.T) *stage.Network {
	t.Helper()
	outside, err := stage.NewNetwork(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outside.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	names := filepath.Join(t.TempDir(), "hosts")
	table := fmt.Sprintf("127.0.0.1 localhost\n%s %s\n%s %s\n", stage.Service4, u.Host, stage.Service4, authority)
	if err := os.WriteFile(names, []byte(table), 0o644); err != nil { //nolint:gosec // everybody reads it
		t.Fatal(err)
	}
	if said, err := exec.Command("mount", "--bind", names, "/etc/hosts").CombinedOutput(); err != nil { // in this test's own namespace
		t.Fatalf("%v: %s", err, said)
	}
	return outside
}

// The page's first day, from nothing to a backup that was tried. What the page has people do in a browser is done between its blocks.
func TestFirstDay(t *testing.T) {
	blocks := steps(t)
	outside := connect(t)
	own, issued := openAuthority(t)
	// The world trusts the authority, which has taken the place of Let's Encrypt.
	t.Setenv("SSL_CERT_FILE", issued)
	t.Setenv("CURL_CA_BUNDLE", issued)
	reader := newTerminal(t)
	next := func(begins string) string {
		t.Helper()
		if len(blocks) == 0 || !strings.HasPrefix(blocks[0], begins) {
			t.Fatalf("want the block that begins %q, and there is %q", begins, blocks)
		}
		block := blocks[0]
		blocks = blocks[1:]
		return block
	}

	options := "DOMAIN=visits.example.org\n"
	install := next("make build")
	if !strings.Contains(install, options) {
		t.Fatalf("no authority is asked:\n%s", install)
	}
	running := reader.serve(strings.Replace(install, options, options+"ACME_URL="+directory+"\nACME_CA="+own+"\n", 1))
	setup := running.find(`Set up the first account: (\S+)`)
	operator := newBrowser(t)
	running.until("the address answers with a certificate", func() bool { return fetch(operator, site+"/livez") != nil })
	if said, err := exec.Command("ip", "netns", "exec", outside.Name, "curl", "--fail", "--silent", "--show-error", site+"/livez").CombinedOutput(); err != nil || string(said) != "ok\n" {
		t.Errorf("from another network: %v\n%s", err, said)
	}
	address, code, _ := strings.Cut(setup, "#")
	send(t, operator, address, url.Values{"code": {code}, "name": {"Sample Operator"}, "email": {"operator@example.org"}, "password": {password}})

	examined(t, reader.run(next("export HOUSECALL_CONFIG")))
	meet(t, running, reader.run(next("housecall visit create")))

	var list struct{ Visits []struct{ Service string } }
	answer := reader.run(next("key="))
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Visits) != 1 || list.Visits[0].Service != "Cardiology" {
		t.Errorf("the API lists %+v, %v", list, err)
	}
	if said := reader.run(next("curl")); !strings.Contains(said, `housecall_up{part="database"} 1`) {
		t.Error("no metric says that the database answers")
	}
	watch(t, reader)

	tried := reader.serve(next("mkdir"))
	tried.find(`Housecall serves at (http://localhost:8080)`)
	again := newBrowser(t)
	send(t, again, "http://localhost:8080/sign-in", url.Values{"email": {"operator@example.org"}, "password": {password}})
	if desk := fetch(again, "http://localhost:8080/desk"); !strings.Contains(string(desk), "Cardiology") {
		t.Errorf("the desk that came back:\n%s", desk)
	}
	tried.interrupt()
	reader.run(next("rm"))
	if len(blocks) > 0 {
		t.Errorf("not typed: %q", blocks)
	}
	if fetch(operator, site+"/readyz") == nil {
		t.Error("in the end the server is not ready")
	}
}

// password is the first account's.
const password = "a long sample passphrase"

// newBrowser keeps cookies, as a person's browser does.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// send fills in a form and ends up at the desk.
func send(t *testing.T, client *http.Client, address string, form url.Values) {
	t.Helper()
	response, err := client.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/desk" {
		t.Fatalf("%s: %d, at %s", address, response.StatusCode, response.Request.URL.Path)
	}
}

// examined looks at what the doctor said: all is well but what is the machine's alone, and the ports, which the server has.
func examined(t *testing.T, said string) {
	t.Helper()
	mayBeLookedAt := []string{"pages", "media", "metrics", "clock", "disk", "open files", "buffers"}
	seen := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(ok|look|BAD) +(\S+(?: \S+)?) `).FindAllStringSubmatch(said, -1) {
		state, thing := line[1], line[2]
		seen[thing] = state
		if state == "BAD" || state == "look" && !slices.Contains(mayBeLookedAt, thing) {
			t.Errorf("%s: %s", thing, state)
		}
	}
	for _, thing := range []string{"master key", "database", "name", "public", "certificate", "relay", "addresses"} {
		if seen[thing] != "ok" {
			t.Errorf("%s: %q", thing, seen[thing])
		}
	}
	if seen["pages"] != "look" || seen["media"] != "look" {
		t.Errorf("the ports of a server that runs: %v", seen)
	}
}

// meet has the two people of a visit join by their links: each hears and sees the other.
func meet(t *testing.T, running *server, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	people := map[string]*loadtest.Stay{}
	for _, role := range []string{"clinician", "patient"} {
		link := regexp.MustCompile(`(?m)^` + role + `\s.*\s(` + site + `/v#\S+)$`).FindStringSubmatch(said)
		if link == nil {
			t.Fatalf("no link for the %s:\n%s", role, said)
		}
		visitor, err := loadtest.Redeem(ctx, newBrowser(t), link[1], "")
		if err != nil {
			t.Fatal(err)
		}
		person := visitor.Stay(loadtest.Options{Sends: true, Light: true, Admits: role == "clinician"})
		people[role] = person
		defer func() {
			if err := person.Leave(); err != nil {
				t.Errorf("the %s leaves: %v", role, err)
			}
		}()
	}
	for role, person := range people {
		running.until("sound and picture for the "+role, func() bool { return len(person.Gaps()) == 2 })
	}
}

// watch starts Prometheus with what the page has written: it asks the server, and has every alert that the page tells of.
func watch(t *testing.T, reader *terminal) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile("(?m)^\\| `(Housecall[A-Za-z]+)` \\|").FindAllStringSubmatch(string(page), -1)
	p := reader.serve("prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/var/lib/prometheus --web.listen-address=127.0.0.1:9090")
	client := newBrowser(t)
	p.until("the server is asked and every alert is looked at", func() bool {
		var targets struct {
			Data struct{ ActiveTargets []struct{ Health string } }
		}
		var rules struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health string }
				}
			}
		}
		if json.Unmarshal(fetch(client, "http://127.0.0.1:9090/api/v1/targets"), &targets) != nil || json.Unmarshal(fetch(client, "http://127.0.0.1:9090/api/v1/rules"), &rules) != nil ||
			len(targets.Data.ActiveTargets) != 1 || targets.Data.ActiveTargets[0].Health != "up" {
			return false
		}
		health := map[string]string{}
		for _, group := range rules.Data.Groups {
			for _, rule := range group.Rules {
				health[rule.Name] = rule.Health
			}
		}
		return len(told) > 5 && len(health) == len(told) && !slices.ContainsFunc(told, func(name []string) bool { return health[name[1]] != "ok" })
	})
	p.interrupt()
}
