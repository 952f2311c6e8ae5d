package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/platform/audit"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// seal seals what the desk has done, as a server does.
func (d desk) seal(db *store.DB) {
	d.t.Helper()
	master, err := keys.Master(filepath.Join(d.data, "master.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	private, err := keys.Audit(master)
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := audit.NewKey(private)
	if err != nil {
		d.t.Fatal(err)
	}
	log := audit.New(audit.Config{DB: db, Key: key, File: filepath.Join(d.data, "audit-checkpoints"), Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if _, err := log.Seal(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	if err := log.Publish(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func TestAuditVerify(t *testing.T) {
	d := newDesk(t)
	d.do(0, create()...)
	d.do(0, create()...)
	out, warned := d.do(0, "audit", "verify")
	if !strings.Contains(out, "2 rows are not sealed yet") || !strings.Contains(warned, "nothing is sealed yet") {
		t.Errorf("before the seal: %s%s", out, warned)
	}
	db := storetest.Open(t, d.database, store.Options{})
	d.seal(db)
	if out, warned := d.do(0, "audit", "verify"); out != "2 rows; 2 sealed by 1 checkpoints\nThe audit log is as it was sealed.\n" || warned != "" {
		t.Errorf("sealed: %s%s", out, warned)
	}
	file := filepath.Join(d.data, "audit-checkpoints")
	if err := os.Rename(file, file+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, told := d.do(1, "audit", "verify"); !strings.Contains(told, "nobody can say that nothing was cut off at the end") {
		t.Errorf("without the file: %s", told)
	}
	if _, told := d.do(0, "audit", "verify", "--checkpoints", file+".moved"); told != "" {
		t.Errorf("with a copy of it: %s", told)
	}
	if err := os.WriteFile(file, []byte("housecall\n"), 0o600); err != nil { // half of one
		t.Fatal(err)
	}
	if _, told := d.do(1, "audit", "verify"); !strings.Contains(told, "nobody can say that nothing was cut off at the end") {
		t.Errorf("with a file that was emptied: %s", told)
	}
	if err := os.Rename(file+".moved", file); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE audit SET actor_id = 'somebody' WHERE seq = 2`); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := db.QueryRowContext(t.Context(), `SELECT id FROM audit WHERE seq = 2`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	out, told := d.do(1, "audit", "verify")
	if !strings.Contains(out, "edited             row "+id+" (place 2)") || !strings.Contains(told, "NOT as it was sealed") {
		t.Errorf("edited: %s%s", out, told)
	}
	if out, _ := d.do(1, "audit", "verify", "--json"); !strings.Contains(out, `"whole": false`) || !strings.Contains(out, `"row": "`+id+`"`) {
		t.Errorf("edited: %s", out)
	}
	if _, err := db.ExecContext(t.Context(), `DELETE FROM audit`); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"audit_tiles", "audit_checkpoints"} {
		if _, err := db.ExecContext(t.Context(), `DELETE FROM `+table); err != nil {
			t.Fatal(err)
		}
	}
	if out, _ := d.do(1, "audit", "verify", "--checkpoints", filepath.Join(d.data, "audit-checkpoints")); !strings.Contains(out, "cut_off            the rows of places 1 to 2 are cut off at the end") {
		t.Errorf("everything deleted: %s", out)
	}
	d.do(1, "audit", "verify", "--checkpoints", filepath.Join(d.data, "nowhere"))
}

func TestAuditShow(t *testing.T) {
	d := newDesk(t)
	d.do(0, create()...)
	var visits []shownVisit
	d.json(&visits, "visit", "list")
	d.do(0, "visit", "show", visits[0].ID)
	out, _ := d.do(0, "audit", "show", "--visit", visits[0].ID)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.Contains(lines[1], "visit.read") || !strings.Contains(lines[2], "visit.create") {
		t.Errorf("shown:\n%s", out)
	}
	var acts []struct {
		Action  string
		Subject struct{ ID string }
	}
	d.json(&acts, "audit", "show", "--visit", visits[0].ID)
	if len(acts) != 3 || acts[0].Action != "audit.read" || acts[0].Subject.ID != visits[0].ID {
		t.Errorf("shown: %+v", acts)
	}
	d.json(&acts, "audit", "show", "--visit", visits[0].ID, "--to", "2020-01-01")
	if len(acts) != 0 {
		t.Errorf("shown: %+v", acts)
	}
	if _, told := d.do(2, "audit", "show"); !strings.Contains(told, "--patient") {
		t.Errorf("told: %s", told)
	}
}
