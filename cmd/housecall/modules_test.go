package main

import (
	"path/filepath"
	"testing"

	"housecall/platform/module"
	"housecall/platform/module/letters"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// TestAModuleComesBack: what a module keeps is in a backup, and a restore knows it.
func TestAModuleComesBack(t *testing.T) {
	before := modules
	modules = []module.Module{letters.Module}
	t.Cleanup(func() { modules = before })
	from, to := plainDesk(t), plainDesk(t)
	from.do(0, create()...)
	db := storetest.Open(t, from.database, store.Options{})
	if err := db.Migrate(t.Context(), letters.Module.Name, letters.Module.Migrations); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO letters (id, text, posted_at) VALUES ('a', 'Thank you', 0)`); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	from.do(0, "backup", "--to", file, "--with-key")
	to.do(0, "restore", "--from", file)
	var text string
	if err := storetest.Open(t, to.database, store.Options{}).QueryRowContext(t.Context(), `SELECT text FROM letters`).Scan(&text); err != nil || text != "Thank you" {
		t.Errorf("a letter that came back: %q, %v", text, err)
	}
}
