package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(storetest.Both(m)) }

func ring(t *testing.T, db *store.DB, master string) *keys.Ring {
	t.Helper()
	r, err := keys.Open(t.Context(), db, master)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeysLast(t *testing.T) {
	dir := t.TempDir()
	url, master := storetest.URL(t), filepath.Join(dir, "secrets", "master.key")
	first := ring(t, storetest.Open(t, url, store.Options{}), master)
	second := ring(t, storetest.Open(t, url, store.Options{}), master)

	if len(first.Link()) != 32 || !bytes.Equal(first.Link(), second.Link()) {
		t.Error("the link key did not last")
	}
	if len(first.Relay()) != 32 || !bytes.Equal(first.Relay(), second.Relay()) {
		t.Error("the relay's key did not last")
	}
	other := ring(t, storetest.Open(t, storetest.URL(t), store.Options{}), filepath.Join(dir, "other.key"))
	if len(first.Nodes()) != 32 || !bytes.Equal(first.Nodes(), second.Nodes()) || bytes.Equal(first.Nodes(), other.Nodes()) {
		t.Error("nodes know each other by something else than the master key")
	}
	first.Link()[0]++ // a caller's copy
	if !bytes.Equal(first.Link(), second.Link()) {
		t.Error("a caller changed the ring")
	}
	kid, key := first.Passes()
	public, ok := second.PassKey(kid)
	if !ok || !ed25519.Verify(public, []byte("m"), ed25519.Sign(key, []byte("m"))) {
		t.Error("the pass key did not last")
	}
	if _, ok := first.PassKey("another"); ok {
		t.Error("an unknown kid has a key")
	}
	for _, p := range []string{master, filepath.Dir(master)} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", p, st.Mode(), err)
		}
	}
	if files, err := os.ReadDir(filepath.Dir(master)); err != nil || len(files) != 1 {
		t.Errorf("beside the key lie %v, %v", files, err)
	}
}

func TestNoSecretInTheDatabase(t *testing.T) {
	url := storetest.URL(t)
	r := ring(t, storetest.Open(t, url, store.Options{}), filepath.Join(t.TempDir(), "master.key"))
	kid, key := r.Passes()
	disk := storetest.OnDisk(t, url)
	if bytes.Contains(disk, r.Link()) || bytes.Contains(disk, key.Seed()) {
		t.Error("the database holds an unwrapped key")
	}
	if !bytes.Contains(disk, []byte(kid)) {
		t.Error("the database holds no key at all")
	}
}

// TestFirstStartTwice: two processes start at once on nothing and end with the same keys.
func TestFirstStartTwice(t *testing.T) {
	dir, url := t.TempDir(), storetest.URL(t)
	var rings [2]*keys.Ring
	var wg sync.WaitGroup
	for i := range rings {
		db := storetest.Open(t, url, store.Options{})
		wg.Go(func() {
			r, err := keys.Open(t.Context(), db, filepath.Join(dir, "master.key"))
			if err != nil {
				t.Error(err)
			}
			rings[i] = r
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if !bytes.Equal(rings[0].Link(), rings[1].Link()) {
		t.Error("two link keys")
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(t *testing.T, path string, size int, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, bytes.Repeat([]byte{7}, size), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name      string
		spoil     func(t *testing.T, db *store.DB, master string)
		wantKey   bool // the error is ErrMasterKey
		wantWords string
	}{
		{"another key", func(t *testing.T, _ *store.DB, m string) { write(t, m, 32, 0o600) }, true, "does not fit"},
		{"missing", func(t *testing.T, _ *store.DB, m string) {
			if err := os.Remove(m); err != nil {
				t.Fatal(err)
			}
		}, true, "missing"},
		{"group may read", func(t *testing.T, _ *store.DB, m string) { write(t, m, 32, 0o640) }, false, "chmod 600"},
		{"world may read", func(t *testing.T, _ *store.DB, m string) { write(t, m, 32, 0o604) }, false, "chmod 600"},
		{"too short", func(t *testing.T, _ *store.DB, m string) { write(t, m, 31, 0o600) }, false, "31 bytes"},
		{"a folder", func(t *testing.T, _ *store.DB, m string) {
			if err := errors.Join(os.Remove(m), os.Mkdir(m, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, false, "not a file"},
		{"rows swapped", func(t *testing.T, db *store.DB, _ string) {
			if _, err := db.ExecContext(t.Context(), `UPDATE keys SET purpose = CASE purpose WHEN 'link' THEN 'pass' ELSE 'link' END`); err != nil {
				t.Fatal(err)
			}
		}, true, "does not fit"},
		{"row not base64", func(t *testing.T, db *store.DB, _ string) {
			if _, err := db.ExecContext(t.Context(), `UPDATE keys SET wrapped = '%'`); err != nil {
				t.Fatal(err)
			}
		}, true, "does not fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, master := storetest.Open(t, storetest.URL(t), store.Options{}), filepath.Join(t.TempDir(), "master.key")
			ring(t, db, master)
			c.spoil(t, db, master)
			_, err := keys.Open(t.Context(), db, master)
			if err == nil || errors.Is(err, keys.ErrMasterKey) != c.wantKey || !strings.Contains(err.Error(), c.wantWords) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestKeyFileMadeByTheOperator(t *testing.T) {
	dir := t.TempDir()
	master := filepath.Join(dir, "own.key")
	if err := os.WriteFile(master, bytes.Repeat([]byte{9}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	ring(t, storetest.Open(t, storetest.URL(t), store.Options{}), master)
	if b, err := os.ReadFile(master); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{9}, 32)) {
		t.Errorf("the operator's key was changed: %v", err)
	}
}

// TestMasterGoesBack: a copy of the key goes to where it was missing, and over no other.
func TestMasterGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "master.key")
	key := bytes.Repeat([]byte{9}, 32)
	for range 2 { // the second time it is there
		if err := keys.PutMaster(path, key); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := keys.Master(path); err != nil || !bytes.Equal(got, key) {
		t.Errorf("it came back as %v, %v", got, err)
	}
	if err := keys.PutMaster(path, bytes.Repeat([]byte{8}, 32)); !errors.Is(err, keys.ErrMasterKey) {
		t.Errorf("another key: %v", err)
	}
	if err := keys.PutMaster(filepath.Join(t.TempDir(), "short.key"), key[1:]); err == nil {
		t.Error("half a key was put")
	}
	if got, err := keys.Master(path); err != nil || !bytes.Equal(got, key) {
		t.Errorf("afterwards it is %v, %v", got, err)
	}
}
