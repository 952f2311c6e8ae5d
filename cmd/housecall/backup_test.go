package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/backup"
	"housecall/platform/bucket"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
)

// openVisits opens the visits of a desk, as the server would.
func (d desk) openVisits() (*store.DB, *visits.Service) {
	d.t.Helper()
	url := d.database
	if url == "" {
		url = filepath.Join(d.data, "housecall.db")
	}
	db := storetest.Open(d.t, url, store.Options{})
	ring, err := keys.Open(d.t.Context(), db, filepath.Join(d.data, "master.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := visits.New(d.t.Context(), visits.Config{DB: db, LinkKey: ring.Link(), Chat: ring.Chat(), PublicURL: "http://localhost"})
	if err != nil {
		d.t.Fatal(err)
	}
	return db, s
}

// at is the bucket at an address.
func at(t *testing.T, address string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// manifest is what a backup of a database would say now.
func manifest(t *testing.T, db *store.DB) backup.Manifest {
	t.Helper()
	m, err := backup.Write(t.Context(), db, at(t, t.TempDir()), "again.tar", backup.Options{Now: time.Now(), Blobs: at(t, t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// desks are empty places: on PostgreSQL's turn one of each engine.
func desks(t *testing.T) []desk {
	all := []desk{{t: t, data: filepath.Join(t.TempDir(), "data")}}
	if storetest.OnPostgres() {
		all = append(all, newDesk(t))
	}
	return all
}

// TestBackupUnderLoad copies a database that others write to, and puts it back into empty places of each engine: everything is as it was at one moment, and
// people come by their links.
func TestBackupUnderLoad(t *testing.T) {
	newDesk(t) // asks for PostgreSQL's turn
	for i, d := range desks(t) {
		t.Run(fmt.Sprint("from ", i), func(t *testing.T) { d.t = t; backupUnderLoad(t, d, places(t)[i]) })
	}
}

func backupUnderLoad(t *testing.T, d desk, place place) {
	var made struct{ Invitations []struct{ Link string } }
	d.json(&made, "visit", "create", "--service", "Cardiology", "--start", time.Now().UTC().Format(timeLayout), "--patient", "Sample Patient", "--clinician", "Dr. Sample")
	d.do(0, "key", "create", "Sample system", "--scopes", "all")
	db, s := d.openVisits()
	_, code, _ := strings.Cut(made.Invitations[0].Link, "#")
	e, err := s.Redeem(t.Context(), visits.Redemption{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	line := visits.ChatLine{Visit: e.Visit.ID, Session: e.Session, ID: "1", Text: "Sample text \"é\" 日本", At: time.Now(), Audience: []string{e.Session}}
	if _, err := s.KeepLine(t.Context(), 1, line); err != nil {
		t.Fatal(err)
	}

	kept := keepBlobs(t, d, db, place.blobs)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var acts atomic.Int64
	write := func(s *visits.Service) {
		for ctx.Err() == nil {
			_, _, err := s.Create(t.Context(), auth.Operator(), visits.Request{Service: "Load", StartsAt: time.Now(), Minutes: 30,
				People: []visits.Person{{Name: "Sample Patient", Role: auth.Patient}, {Name: "Dr. Sample", Role: auth.Clinician}}})
			if err != nil {
				t.Error(err)
				return
			}
			acts.Add(1)
		}
	}
	_, other := d.openVisits()
	writing.Go(func() { write(s) })
	writing.Go(func() { write(other) })
	more := func(n int64) {
		t.Helper()
		for from, deadline := acts.Load(), time.Now().Add(time.Minute); acts.Load() < from+n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing is written")
			}
		}
	}
	more(20)
	out, errs := d.do(0, append(place.backup, "--to", place.file, "--blobs", place.blobs, "--with-key")...)
	if !strings.Contains(out, " rows of ") || !strings.Contains(out, fmt.Sprint(len(kept), " large files")) || errs != "" {
		t.Errorf("said %q, %q", out, errs)
	}
	more(5)
	stop()
	writing.Wait()
	b := place.open(t)
	if now := manifest(t, db); now.Rows() <= b.Rows() { // the control: it was under load
		t.Errorf("%d rows in the backup, %d now", b.Rows(), now.Rows())
	}

	for i, to := range desks(t) {
		place.restored(t)
		restore := append(place.restore, "--from", place.file, "--blobs", place.toBlobs)
		to.do(0, restore...)
		restored, s := to.openVisits()
		lookAtBlobs(t, to, restored, place.toBlobs, kept)
		back, was := sums(manifest(t, restored)), sums(b.Manifest)
		if len(back) != len(was) {
			t.Errorf("to %d: %d tables of %d", i, len(back), len(was))
		}
		for table, sum := range was {
			if back[table] != sum {
				t.Errorf("to %d: %s came back as %s, was %s", i, table, back[table], sum)
			}
		}
		var v, in, codes, audited int
		for to, query := range map[*int]string{&v: `visits`, &in: `invitations`, &codes: `invitation_codes`, &audited: `audit WHERE action = 'visit.create'`} {
			if err := restored.QueryRowContext(t.Context(), `SELECT count(*) FROM `+query).Scan(to); err != nil {
				t.Fatal(err)
			}
		}
		if v < 20 || in != 2*v || codes != 2*v || audited != v {
			t.Errorf("to %d: %d visits, %d invitations, %d codes, %d audited: no one moment", i, v, in, codes, audited)
		}
		again, err := s.Redeem(t.Context(), visits.Redemption{Code: code, Device: e.Device})
		if err != nil || again.Session != e.Session {
			t.Errorf("to %d: the link of before: %v", i, err)
		}
		if lines, _, err := s.OpenRoom(t.Context(), e.Visit.ID, 2, 10); err != nil || len(lines) != 1 || lines[0].Text != line.Text {
			t.Errorf("to %d: the chat of before: %d lines, %v", i, len(lines), err)
		}
		if _, errs := to.do(1, restore...); !strings.Contains(errs, "not empty") {
			t.Errorf("to %d, over what is there: %s", i, errs)
		}
	}
	if _, errs := d.do(1, "backup", "--to", place.file); !strings.Contains(errs, "there already") {
		t.Errorf("over another backup: %s", errs)
	}
}

// sums are the number of rows and the SHA-256 of each table.
func sums(m backup.Manifest) map[string]string {
	all := map[string]string{}
	for _, t := range m.Tables {
		all[t.Name] = fmt.Sprint(t.Rows, " ", t.SHA256)
	}
	return all
}

// rewrite makes another backup of one, with whatever change does to its files, and a manifest that fits what is then in it.
func rewrite(t *testing.T, path string, change func(files map[string][]byte, m *backup.Manifest)) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files, order := map[string][]byte{}, []string{}
	var m backup.Manifest
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			files[h.Name], err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, h.Name)
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	change(files, &m)
	for i := range m.Tables {
		lines := files["tables/"+m.Tables[i].Name+".jsonl"]
		sum := sha256.Sum256(lines)
		m.Tables[i].Rows, m.Tables[i].SHA256 = int64(bytes.Count(lines, []byte("\n"))), hex.EncodeToString(sum[:])
	}
	if files["manifest.json"], err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "rewritten.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, name := range order {
		content, found := files[name]
		if !found {
			continue
		}
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// TestRestoredMessages: what may have been sent since the backup was made is not sent again by itself; what is still to come is.
func TestRestoredMessages(t *testing.T) {
	from, to := newDesk(t), newDesk(t)
	db, _ := from.openVisits()
	ring, err := keys.Open(t.Context(), db, filepath.Join(from.data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	outbox := func(db *store.DB) *notify.Outbox {
		t.Helper()
		queue, err := jobs.New(t.Context(), jobs.Config{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		o, err := notify.New(t.Context(), notify.Config{DB: db, Jobs: queue, Vault: ring.Mail()})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := outbox(db)
	err = db.Tx(t.Context(), func(tx *store.Tx) error {
		m := notify.Message{Channel: notify.Email, To: "sample@example.org", Kind: "reminder", Key: "due", Language: "en", About: "visit", At: time.Now().Add(-time.Minute)}
		err := o.Put(t.Context(), tx, m)
		m.Key, m.At = "to come", time.Now().Add(time.Hour)
		return errors.Join(err, o.Put(t.Context(), tx, m))
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	from.do(0, "backup", "--to", file, "--with-key")
	to.do(0, "restore", "--from", file)
	restored, _ := to.openVisits()
	all, err := outbox(restored).About(t.Context(), "visit")
	if err != nil || len(all) != 2 || all[0].State != notify.Unsure || all[0].Reason != "a backup was restored" || all[1].State != notify.Waiting {
		t.Errorf("messages: %+v, %v", all, err)
	}
}

// TestRestoreRefuses: what is damaged, of another kind, or cannot be filled in leaves nothing behind, so that the right backup still goes in.
func TestRestoreRefuses(t *testing.T) {
	d := newDesk(t)
	d.do(0, create()...)
	file := filepath.Join(t.TempDir(), "backup.tar")
	if _, errs := d.do(0, "backup", "--to", file); !strings.Contains(errs, "the master key is not in it") {
		t.Errorf("said %q", errs)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := keys.Master(filepath.Join(d.data, "master.key")); err != nil || bytes.Contains(whole, key) {
		t.Errorf("the master key is in it, %v", err)
	}
	raw := func(content []byte) string {
		path := filepath.Join(t.TempDir(), "raw.tar")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const invitations = "tables/invitations.jsonl"
	to := newDesk(t)
	for name, c := range map[string]struct{ file, want string }{
		"nothing":        {filepath.Join(t.TempDir(), "none.tar"), "there is no none.tar in "},
		"no tar":         {raw([]byte("no tar at all")), ""},
		"empty":          {raw(nil), "no manifest"},
		"cut off":        {raw(whole[:len(whole)-3000]), ""},
		"a byte changed": {raw(bytes.Replace(whole, []byte("Sample Aunt"), []byte("Sample Ant!"), 1)), "damaged"},
		"a newer form":   {rewrite(t, file, func(_ map[string][]byte, m *backup.Manifest) { m.Format++ }), "newer program"},
		"of more":        {rewrite(t, file, func(_ map[string][]byte, m *backup.Manifest) { m.Versions["billing"] = 1 }), `"billing"`},
		"of newer tables": {rewrite(t, file, func(_ map[string][]byte, m *backup.Manifest) {
			m.Tables[len(m.Tables)-1].Columns[0] = "another"
		}), "is not as this program makes it"},
		"a table missing": {rewrite(t, file, func(files map[string][]byte, m *backup.Manifest) {
			delete(files, invitations)
			m.Tables = slices.DeleteFunc(m.Tables, func(t backup.Table) bool { return t.Name == "invitations" })
		}), "tables"},
		"a row twice": {rewrite(t, file, func(files map[string][]byte, _ *backup.Manifest) {
			first, _, _ := bytes.Cut(files[invitations], []byte("\n"))
			files[invitations] = append(files[invitations], append(first, '\n')...)
		}), ""},
		"nobody's invitation": {rewrite(t, file, func(files map[string][]byte, _ *backup.Manifest) {
			files["tables/visits.jsonl"] = nil
		}), ""},
		"a row too short": {rewrite(t, file, func(files map[string][]byte, _ *backup.Manifest) { files[invitations] = []byte("[1]\n") }), "columns"},
		"a row no list":   {rewrite(t, file, func(files map[string][]byte, _ *backup.Manifest) { files[invitations] = []byte("{}\n") }), ""},
		"out of order": {rewrite(t, file, func(files map[string][]byte, _ *backup.Manifest) {
			lines := strings.SplitAfter(strings.TrimSpace(string(files[invitations]))+"\n", "\n")
			slices.Reverse(lines)
			files[invitations] = []byte(strings.Join(lines, ""))
		}), "came back"},
	} {
		if _, errs := to.do(1, "restore", "--from", c.file); !strings.Contains(errs, c.want) || !strings.HasPrefix(errs, "housecall restore: ") || strings.Contains(errs, "Sample") {
			t.Errorf("%s: said %q, want %q", name, errs, c.want)
		}
	}
	out, errs := to.do(0, "restore", "--from", file)
	if !strings.Contains(out, "is back") || !strings.Contains(errs, "put your copy at "+filepath.Join(to.data, "master.key")) {
		t.Errorf("said %q, %q", out, errs)
	}
	if _, errs := to.do(1, "visit", "list"); !strings.Contains(errs, "key file") {
		t.Errorf("without the key: %q", errs)
	}
	withKey := filepath.Join(t.TempDir(), "key.tar")
	d.do(0, "backup", "--to", withKey, "--with-key", "--json")
	another := newDesk(t)
	another.do(0, "key", "create", "x", "--scopes", "all") // no key yet, but a database
	another.do(0, create()...)
	another.database = storetest.URL(t)
	if _, errs := another.do(1, "restore", "--from", withKey); !strings.Contains(errs, "another master key") {
		t.Errorf("beside another key: %q", errs)
	}
}

// TestRestoreOfAnOlderVersion: the tables come back as they were then, and what migrations do to rows is done to them.
func TestRestoreOfAnOlderVersion(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t), store.Options{AsIs: true})
	for _, s := range server.Schemas(modules...) {
		version := int64(1)
		if s.Name == "visits" {
			version = 3 // before ask_birth_date, which the fourth sets where a birth date is known
		}
		if err := db.MigrateTo(t.Context(), s.Name, s.Files, version); err != nil {
			t.Fatal(err)
		}
	}
	for id, birth := range map[string]string{"a": "2012-05-31", "b": ""} {
		_, err := db.ExecContext(t.Context(), `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at)
			VALUES (?, 'Cardiology', 1, 2, 'scheduled', ?, 1, 'system', 'x', 1)`, id, birth)
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "old.tar")
	if _, err := backup.Write(t.Context(), db, at(t, filepath.Dir(file)), filepath.Base(file), backup.Options{Now: time.Now(), Blobs: at(t, t.TempDir())}); err != nil {
		t.Fatal(err)
	}
	to := newDesk(t)
	to.do(0, "restore", "--from", file)
	restored := storetest.Open(t, to.database, store.Options{})
	var asking string
	if err := restored.QueryRowContext(t.Context(), `SELECT id FROM visits WHERE ask_birth_date = 1`).Scan(&asking); err != nil || asking != "a" {
		t.Errorf("%q asks for the birth date, %v", asking, err)
	}
	to.do(0, "key", "create", "x", "--scopes", "all") // the program works with it
}

var migrates = regexp.MustCompile(`\.Migrate\(ctx, "([a-z_]+)"`)

// TestBackupKnowsEveryTable looks for every package that makes tables, whatever the server is started with: a restore must know them all.
func TestBackupKnowsEveryTable(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range migrates.FindAllStringSubmatch(read(t, path), -1) {
			found[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, s := range server.Schemas(modules...) {
		known = append(known, s.Name)
	}
	slices.Sort(known)
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, known) {
		t.Errorf("there are tables of %v, and a restore knows %v", got, known)
	}
}
