package server_test

import (
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
)

// TestScannerOption: files are taken only where somebody said who looks at them.
func TestScannerOption(t *testing.T) {
	for scanner, enabled := range map[string]bool{"": false, "none": true, "tcp://127.0.0.1:3310": true} {
		s, err := server.New(t.Context(), server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Scanner: scanner})
		if err != nil {
			t.Fatal(err)
		}
		if s.Uploads.Enabled() != enabled {
			t.Errorf("with --scanner %q: %v", scanner, s.Uploads.Enabled())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := (server.Config{Scanner: "clamd"}).Check(); err == nil || !strings.Contains(err.Error(), "--scanner") {
		t.Errorf("what is no address: %v", err)
	}
}
