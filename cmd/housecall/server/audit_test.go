package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store/storetest"
)

// TestTheServerSealsItsAudit within a minute, which is over at once by this clock.
func TestTheServerSealsItsAudit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoints")
	s := open(t, server.Config{Database: storetest.URL(t), AuditFile: path, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if _, _, err := s.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "sealed", Scopes: []auth.Action{auth.VisitRead}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts.DB.ExecContext(t.Context(), `UPDATE audit SET at = at - 7200000`); err != nil { // before it is sealed
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		file, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(string(file), "\n\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no checkpoint: %v, %s", err, file)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
