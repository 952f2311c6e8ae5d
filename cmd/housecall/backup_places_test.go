package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"housecall/platform/backup"
	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/bucket/buckettest"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/store"
)

// place is where a backup goes, and where blobs are.
type place struct {
	file, blobs, toBlobs string
	backup, restore      []string // the commands, with options of their own
	identities           []age.Identity
}

// places are a bucket of S3, where a backup is encrypted, and a folder.
func places(t *testing.T) []place {
	t.Helper()
	s3, dir := buckettest.NewS3(t), t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(dir, "identity.txt")
	if err := os.WriteFile(identity, []byte("# for a test\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := place{file: s3.Address("backups/backup.tar.age"), blobs: s3.Address("blobs"), toBlobs: s3.Address("restored"),
		backup: []string{"backup", "--recipient", id.Recipient().String()}, restore: []string{"restore", "--identity", identity}, identities: []age.Identity{id}}
	plain := place{file: filepath.Join(dir, "backup.tar"), blobs: filepath.Join(dir, "blobs"), toBlobs: filepath.Join(dir, "restored"),
		backup: []string{"backup"}, restore: []string{"restore"}}
	return []place{sealed, plain}
}

// open reads the backup, which is as shut to others as it should be.
func (p place) open(t *testing.T) *backup.File {
	t.Helper()
	from, name, err := bucket.At(p.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(from.Close)
	if st, err := os.Stat(p.file); err == nil && st.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", st.Mode())
	}
	r, err := from.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if encrypted := len(p.identities) > 0; bytes.Contains(raw, []byte("Sample Patient")) == encrypted || bytes.HasPrefix(raw, []byte("age-encryption.org/v1\n")) != encrypted {
		t.Errorf("encrypted: %v, but it begins with %q", encrypted, raw[:20])
	}
	b, err := backup.Open(t.Context(), from, name, p.identities)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restored makes the place for restored blobs as one that a restore was cut off in: one blob is there.
func (p place) restored(t *testing.T) {
	t.Helper()
	from, to := at(t, p.blobs), at(t, p.toBlobs)
	all := errors.New("one is enough")
	err := from.List(t.Context(), func(f bucket.File) error {
		r, err := from.Get(t.Context(), f.Name)
		if err != nil {
			return err
		}
		if err := errors.Join(to.Put(t.Context(), f.Name, r), r.Close()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return all
	})
	if !errors.Is(err, all) {
		t.Fatal(err)
	}
}

// openBlobs opens the blobs of a desk.
func (d desk) openBlobs(db *store.DB, address string) *blobs.Store {
	d.t.Helper()
	ring, err := keys.Open(d.t.Context(), db, filepath.Join(d.data, "master.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	return blobs.New(at(d.t, address), ring.Blobs())
}

// blobContent is health data, plainly fake, of a size.
func blobContent(size int64) []byte { return bytes.Repeat([]byte("Sample."), int(size)/7+1)[:size] }

// keepBlobs puts blobs of several sizes, and one that is deleted, which a backup holds too for as long as it is kept.
func keepBlobs(t *testing.T, d desk, db *store.DB, address string) (kept []blobs.Ref) {
	t.Helper()
	s := d.openBlobs(db, address)
	for _, size := range []int64{0, 1000, 17 << 20} {
		ref, err := s.Put(t.Context(), bytes.NewReader(blobContent(size)), size)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, ref)
	}
	if err := s.Delete(t.Context(), kept[1]); err != nil {
		t.Fatal(err)
	}
	return kept
}

// lookAtBlobs: each is there, and what it was, by the keys of the backup.
func lookAtBlobs(t *testing.T, d desk, db *store.DB, address string, kept []blobs.Ref) {
	t.Helper()
	s := d.openBlobs(db, address)
	for _, ref := range kept {
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, blobContent(ref.Size)) {
			t.Errorf("a blob of %d bytes came back as %d, %v", ref.Size, len(got), err)
		}
		_ = r.Close()
	}
}

// TestRestoreOfSealed: an encrypted backup opens by its key alone, and whoever changed it is found out.
func TestRestoreOfSealed(t *testing.T) {
	d, to := newDesk(t), newDesk(t)
	d.do(0, create()...)
	ids := make([]string, 3)
	args, dir := []string{"backup"}, t.TempDir()
	for i := range ids {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = filepath.Join(dir, id.Recipient().String())
		if err := os.WriteFile(ids[i], []byte(id.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			args = append(args, "--recipient", id.Recipient().String())
		}
	}
	file, plain, changed := filepath.Join(dir, "sealed"), filepath.Join(dir, "plain"), filepath.Join(dir, "changed")
	d.do(0, append(args, "--to", file)...)
	d.do(0, "backup", "--to", plain)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(changed, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status             int
		file, id, saidToBe string
	}{{1, file, "", "say with --identity"}, {1, file, ids[0], "for others"}, {1, changed, ids[1], "decrypt"}, {1, plain, ids[1], "not encrypted"},
		{2, file, plain, "--identity"}, {2, file, filepath.Join(dir, "none"), "no such file"}, {0, file, ids[2], "master key"}} {
		if _, errs := to.do(c.status, "restore", "--from", c.file, "--identity", c.id); !strings.Contains(errs, c.saidToBe) || strings.Contains(errs, "Sample") {
			t.Errorf("%s by %q: said %q, want %q", c.file, c.id, errs, c.saidToBe)
		}
	}
	if _, errs := d.do(2, "backup", "--to", filepath.Join(dir, "x"), "--recipient", "age1x"); !strings.Contains(errs, "--recipient") {
		t.Errorf("for nobody: %q", errs)
	}
	if _, errs := d.do(1, "backup", "--to", filepath.Join(dir, "none", "x")); !strings.Contains(errs, "no such file") {
		t.Errorf("on a disk that is not there: %q", errs)
	}
}

// asProgram has this test's binary be the program, so that it can be killed.
const asProgram = "AS_PROGRAM"

// TestKilledBackup: a backup that is killed is not there, and what it left goes with a later one.
func TestKilledBackup(t *testing.T) {
	newDesk(t) // asks for PostgreSQL's turn
	s3, dir := buckettest.NewS3(t), t.TempDir()
	for name, c := range map[string]struct{ file, left string }{
		"folder": {filepath.Join(dir, "backup.tar"), dir},
		"S3":     {s3.Address("backups/backup.tar"), s3.Dir()},
	} {
		t.Run(name, func(t *testing.T) { killedBackup(t, c.file, c.left) })
	}
}

func killedBackup(t *testing.T, file, left string) {
	d, many := newDesk(t), t.TempDir()
	d.do(0, create()...)
	// Blobs of more bytes than can be copied before it is killed; none of them is on the disk.
	blob, err := os.Create(filepath.Join(many, strings.Repeat("a", 26)))
	if err == nil {
		err = errors.Join(blob.Truncate(16<<30), blob.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var said bytes.Buffer
	program := exec.CommandContext(ctx, os.Args[0], "backup", "--to", file, "--blobs", many, "--data", d.data, "--database", d.database)
	program.Env, program.Stdout, program.Stderr = append(os.Environ(), asProgram+"=1"), &said, &said
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); size(t, left) < 8<<20; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is copied: %s", said.String())
		}
	}
	kill() // SIGKILL
	if err := program.Wait(); err == nil || program.ProcessState.Exited() {
		t.Fatalf("it had ended before: %v, %s", err, said.String())
	}
	to, name, err := bucket.At(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(to.Close)
	if _, err := to.Get(t.Context(), name); !errors.Is(err, fault.NotFound) {
		t.Errorf("there is half a backup, %v", err)
	}
	older(t, left)
	d.do(0, "backup", "--to", file, "--blobs", t.TempDir())
	if n := size(t, left); n > 1<<20 {
		t.Errorf("%d bytes are left", n)
	}
	if _, err := backup.Open(t.Context(), to, name, nil); err != nil {
		t.Error(err)
	}
}

// size is how many bytes the files in a folder have.
func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	walk(t, dir, func(_ string, info fs.FileInfo) { n += info.Size() })
	return n
}

// older makes everything in a folder two days older.
func older(t *testing.T, dir string) {
	t.Helper()
	then := time.Now().Add(-48 * time.Hour)
	walk(t, dir, func(path string, _ fs.FileInfo) {
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	})
}

// walk calls f with what is in a folder, but what goes meanwhile.
func walk(t *testing.T, dir string, f func(path string, info fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				f(path, info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
