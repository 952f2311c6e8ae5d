package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

// TestByAGeneratedClient has a client generated from the description of the API, which others than we hold to be valid, and does a hospital's work with it.
func TestByAGeneratedClient(t *testing.T) {
	modules, err := filepath.Abs("../../../static/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "@hey-api")); err != nil {
		t.Fatalf("%v: run make deps", err)
	}
	s := open(t, server.Config{})
	secret, _, err := s.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "a generated client", Scopes: s.Accounts.Policy.Grantable()})
	if err != nil {
		t.Fatal(err)
	}
	described(t, s)
	out, err := exec.CommandContext(t.Context(), "node", "testdata/generated.mjs", modules, s.URL(), secret, t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// forPages are the calls under the API's path that our own page alone makes, as docs/protocol.md says.
var forPages = []string{"POST /api/v1/join", "POST /api/v1/late", "GET /api/v1/site"}

// described fails where a call under the API's path is not in its description, and is not the page's own.
func described(t *testing.T, s *server.Server) {
	t.Helper()
	response, err := http.Get(s.URL() + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var description struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(response.Body).Decode(&description); err != nil {
		t.Fatal(err)
	}
	protocol, err := os.ReadFile("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, route := range s.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if !strings.HasPrefix(path, "/api/v1/") {
			continue
		}
		calls++
		_, known := description.Paths[path][strings.ToLower(method)]
		own := slices.Contains(forPages, route.Pattern)
		if known == own || own && !strings.Contains(string(protocol), "`"+route.Pattern+"`") {
			t.Errorf("%s: in the description %t, for our page alone %t", route.Pattern, known, own)
		}
	}
	if calls < 30 {
		t.Errorf("only %d calls", calls)
	}
}
