package server_test

import (
	"os"
	"os/exec"
	"path/filepath"
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
	out, err := exec.CommandContext(t.Context(), "node", "testdata/generated.mjs", modules, s.URL(), secret, t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
