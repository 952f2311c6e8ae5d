package blobs_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/bucket/buckettest"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Both(m).Run()) }

const plenty = 1 << 40

// vault is that of an installation of its own.
func vault(t *testing.T) keys.Vault {
	t.Helper()
	ring, err := keys.Open(t.Context(), storetest.Open(t, storetest.URL(t), store.Options{}), filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Blobs()
}

// at is a store at an address, with its files.
func at(t *testing.T, address string, v keys.Vault) *blobs.Store {
	t.Helper()
	b, err := bucket.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return blobs.New(b, v)
}

func put(t *testing.T, s *blobs.Store, content []byte) blobs.Ref {
	t.Helper()
	ref, err := s.Put(t.Context(), bytes.NewReader(content), plenty)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t *testing.T, s *blobs.Store, ref blobs.Ref) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// content is health data, plainly fake, of a size.
func content(size int) []byte { return bytes.Repeat([]byte("Sample Patient. "), size/16+1)[:size] }

// TestBlobs is what blobs keep to, in a folder and in S3.
func TestBlobs(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "blobs")
		testBlobs(t, dir, dir)
	})
	t.Run("S3", func(t *testing.T) {
		server := buckettest.NewS3(t)
		testBlobs(t, server.Address("blobs"), filepath.Join(server.Dir(), "blobs"))
	})
}

func testBlobs(t *testing.T, address, dir string) {
	s := at(t, address, vault(t))
	var refs []blobs.Ref
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 20 << 20} {
		ref := put(t, s, content(size))
		if ref.Size != int64(size) || !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(ref.Key) {
			t.Errorf("%d bytes are %+v", size, ref)
		}
		if got, err := read(t, s, ref); err != nil || !bytes.Equal(got, content(size)) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		refs = append(refs, ref)
	}
	if again := put(t, s, content(1)); again.Key == refs[1].Key || again.SHA256 != refs[1].SHA256 {
		t.Errorf("the same again is %+v", again)
	}
	for _, ref := range refs {
		raw, err := os.ReadFile(filepath.Join(dir, ref.Key))
		if err != nil || bytes.Contains(raw, []byte("Sample")) {
			t.Errorf("%d bytes are kept as they are, %v", ref.Size, err)
		}
	}
	spoilt(t, s, dir, refs[3])
	if _, err := s.Put(t.Context(), bytes.NewReader(content(1001)), 1000); !errors.Is(err, fault.NotValid) {
		t.Errorf("what is too large: %v", err)
	}
	if ref, err := s.Put(t.Context(), bytes.NewReader(content(1000)), 1000); err != nil || ref.Size != 1000 {
		t.Errorf("what is just not too large: %v", err)
	}
	if _, err := s.Put(t.Context(), io.MultiReader(bytes.NewReader(content(100)), iotest{io.ErrUnexpectedEOF}), plenty); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("what broke off: %v", err)
	}
	if err := errors.Join(s.Delete(t.Context(), refs[0]), s.Delete(t.Context(), refs[0])); err != nil {
		t.Errorf("delete: %v", err)
	}
	if got, err := read(t, s, refs[0]); err != nil || len(got) > 0 {
		t.Errorf("what was deleted just now, and a backup may still be copying: %d bytes, %v", len(got), err)
	}
	swept(t, s, dir, refs[0], refs[4])
}

// spoilt: whatever is done to what is kept, a reader is told.
func spoilt(t *testing.T, s *blobs.Store, dir string, ref blobs.Ref) {
	t.Helper()
	path := filepath.Join(dir, ref.Key)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	another, err := os.ReadFile(filepath.Join(dir, put(t, s, content(64<<10)).Key))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[len(changed)-1] ^= 1
	for name, raw := range map[string][]byte{"changed": changed, "cut off": whole[:len(whole)-1], "cut off between chunks": whole[:len(whole)-17], "of another": another,
		"empty": nil, "not ours": []byte("Sample")} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, s, ref); !errors.Is(err, blobs.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, ref); err != nil || int64(len(got)) != ref.Size { // the control
		t.Errorf("put back: %d bytes, %v", len(got), err)
	}
	for name, other := range map[string]blobs.Ref{"of another size": {Key: ref.Key, SHA256: ref.SHA256, Size: ref.Size - 1},
		"of another hash": {Key: ref.Key, SHA256: strings.Repeat("0", 64), Size: ref.Size}} {
		if _, err := read(t, s, other); !errors.Is(err, blobs.ErrDamaged) {
			t.Errorf("a row %s: %v", name, err)
		}
	}
}

// swept: what no row names goes, unless its row may still be on its way, or a backup that read its row may still want it.
func swept(t *testing.T, s *blobs.Store, dir string, deleted, named blobs.Ref) {
	t.Helper()
	others := filepath.Join(dir, "backup.tar")
	if err := os.WriteFile(others, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	knows := func(key string) (bool, error) { return key == named.Key, nil }
	sweep := func(before time.Time, removed bool) {
		t.Helper()
		if n, err := s.Sweep(t.Context(), before, knows); n > 0 != removed || err != nil {
			t.Errorf("%d swept, %v", n, err)
		}
	}
	sweep(past, false)
	away := errors.New("away")
	if n, err := s.Sweep(t.Context(), future, func(string) (bool, error) { return false, away }); n != 0 || !errors.Is(err, away) {
		t.Errorf("%d swept without knowing, %v", n, err)
	}
	if _, err := read(t, s, deleted); err != nil {
		t.Errorf("what was deleted just now: %v", err)
	}
	if err := s.Delete(t.Context(), named); err != nil { // as where a row came back by a restore
		t.Fatal(err)
	}
	sweep(future, true) // what was deleted; all else without a row is marked
	if _, err := read(t, s, deleted); !errors.Is(err, fault.NotFound) {
		t.Errorf("what was deleted: %v", err)
	}
	sweep(past, false)
	sweep(future, true)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && entry.Name() != named.Key && entry.Name() != filepath.Base(others) {
			t.Errorf("%s is left", entry.Name())
		}
	}
	if _, err := os.Stat(others); err != nil {
		t.Errorf("what is no blob was swept: %v", err)
	}
	if got, err := read(t, s, named); err != nil || int64(len(got)) != named.Size {
		t.Errorf("what is named: %d bytes, %v", len(got), err)
	}
}

type iotest struct{ err error }

func (r iotest) Read([]byte) (int, error) { return 0, r.err }

// TestOtherKeys: another installation can read nothing, and without a key nothing is kept.
func TestOtherKeys(t *testing.T) {
	dir := t.TempDir()
	ref := put(t, at(t, dir, vault(t)), content(100))
	if _, err := read(t, at(t, dir, vault(t)), ref); !errors.Is(err, blobs.ErrDamaged) {
		t.Errorf("by other keys: %v", err)
	}
	if _, err := at(t, dir, keys.Vault{}).Put(t.Context(), strings.NewReader("x"), plenty); err == nil {
		t.Error("kept without a key")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// TestConstantMemory: a blob far larger than memory in use goes through.
func TestConstantMemory(t *testing.T) {
	const size = 128 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // whatever GOGC says: what is measured is not how seldom garbage is collected
	s := at(t, t.TempDir(), vault(t))
	heap := &heap{}
	ref, err := s.Put(t.Context(), io.TeeReader(io.LimitReader(rand.Reader, size), heap), plenty)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(heap, r); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if heap.most == 0 || heap.most > size/2 {
		t.Errorf("%d bytes in memory for %d", heap.most, size)
	}
}

// heap looks at how much is in memory, once for each megabyte that is written to it.
type heap struct {
	written, looked int
	most            uint64
}

func (h *heap) Write(b []byte) (int, error) {
	if h.written += len(b); h.written-h.looked > 1<<20 {
		h.looked = h.written
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		h.most = max(h.most, now.HeapAlloc)
	}
	return len(b), nil
}

// TestAway: while the store is away everything says so, and what was acknowledged is there afterwards.
func TestAway(t *testing.T) {
	server := buckettest.NewS3(t)
	s := at(t, server.Address(""), vault(t))
	ref := put(t, s, content(1000))
	server.Kill()
	_, openErr := s.Open(t.Context(), ref)
	_, putErr := s.Put(t.Context(), strings.NewReader("x"), plenty)
	_, sweepErr := s.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) (bool, error) { return false, fs.ErrInvalid })
	for act, err := range map[string]error{"open": openErr, "put": putErr, "sweep": sweepErr, "delete": s.Delete(t.Context(), ref)} {
		if !errors.Is(err, fault.TryAgain) {
			t.Errorf("%s: %v", act, err)
		}
	}
	server.Restart()
	large := put(t, s, content(20<<20))
	r, err := s.Open(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	server.Signal(syscall.SIGKILL)
	if _, err := io.ReadAll(r); !errors.Is(err, fault.TryAgain) || errors.Is(err, blobs.ErrDamaged) {
		t.Errorf("away while it was read: %v", err)
	}
	_ = r.Close()
	server.Kill()
	server.Restart()
	for _, ref := range []blobs.Ref{ref, large} {
		if got, err := read(t, s, ref); err != nil || int64(len(got)) != ref.Size {
			t.Errorf("what was acknowledged: %d bytes of %d, %v", len(got), ref.Size, err)
		}
	}
}
