package fhir_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"housecall/visits/fhir"
)

// TestByAClientOfAnotherMake has a client library that nobody here wrote do a hospital's work, and holds all that it was given against the schema.
func TestByAClientOfAnotherMake(t *testing.T) {
	library, err := filepath.Abs("../../static/node_modules/fhir-kit-client/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("%v: run make deps", err)
	}
	h := open(t)
	_, number := h.child()
	// Debian 12's Node asks ::1 alone where it is told localhost, and the server of tests listens at 127.0.0.1.
	command := exec.CommandContext(t.Context(), "node", "--dns-result-order=ipv4first", "testdata/client.mjs", library, h.URL()+fhir.Path, h.key, h.clinician, number)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	for _, line := range lines {
		if err := valid(t, line); err != nil {
			t.Errorf("%v\n%s", err, line)
		}
	}
	if len(lines) < 14 {
		t.Errorf("only %d resources", len(lines))
	}
}
