package server_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
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
	s := open(t, server.Config{WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	secret, _, err := s.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "a generated client", Scopes: s.Accounts.Policy.Grantable()})
	if err != nil {
		t.Fatal(err)
	}
	callsAreDescribed(t, s)
	// Debian 12's Node asks ::1 alone where it is told localhost, and the server of tests listens at 127.0.0.1.
	out, err := exec.CommandContext(t.Context(), "node", "--dns-result-order=ipv4first", "testdata/generated.mjs", modules, s.URL(), secret, t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	eventsAreDescribed(t, s)
}

// forPages are the calls under the API's path that our own page alone makes, as docs/protocol.md says.
var forPages = []string{"POST /api/v1/join", "POST /api/v1/late", "GET /api/v1/site"}

// description is what the server says of its API.
func description(t *testing.T, s *server.Server) (document any, text []byte) {
	t.Helper()
	response, err := http.Get(s.URL() + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return document, text
}

// callsAreDescribed fails where a call under the API's path is not in its description, and is not the page's own.
func callsAreDescribed(t *testing.T, s *server.Server) {
	t.Helper()
	_, text := description(t, s)
	var description struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &description); err != nil {
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

// eventsAreDescribed fails where an event that can be published is not in the description, or where one that was published is not as it says.
func eventsAreDescribed(t *testing.T, s *server.Server) {
	t.Helper()
	document, text := description(t, s)
	var description struct {
		Webhooks map[string]json.RawMessage `json:"webhooks"`
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	operating, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, kind := range visits.ChangeKinds() {
		event := "visit." + string(kind)
		if _, known := description.Webhooks[event]; known == (kind == visits.ChangeLinkShown) || known && !strings.Contains(string(operating), "`"+event+"`") {
			t.Errorf("%s: in the description %t", event, known)
		}
		told++
	}
	if len(description.Webhooks) != told-1 {
		t.Errorf("%d events are described, %d can be published", len(description.Webhooks), told-1)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	published, err := store.Collect(t.Context(), s.Accounts.DB, func(r *sql.Rows) (e [2]string, err error) { return e, r.Scan(&e[0], &e[1]) }, `SELECT type, body FROM notify_events`)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range published {
		schema, err := compiler.Compile("openapi.json#/webhooks/" + e[0] + "/post/requestBody/content/application~1json/schema")
		if err != nil {
			t.Fatal(err)
		}
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(e[1]))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(body); err != nil {
			t.Errorf("%s: %v", e[1], err)
		}
		body.(map[string]any)["data"].(map[string]any)["visit"] = "odd"
		if schema.Validate(body) == nil {
			t.Errorf("%s: an id that is none is right", e[0])
		}
		seen[e[0]] = true
	}
	for _, event := range []string{"visit.created", "visit.moved", "visit.invited", "visit.changed", "visit.cancelled"} {
		if !seen[event] {
			t.Errorf("nothing was told of %s", event)
		}
	}
}
