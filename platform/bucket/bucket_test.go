package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/platform/bucket/buckettest"
	"housecall/platform/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, address string) *Bucket {
	t.Helper()
	b, err := Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func read(t *testing.T, b *Bucket, name string) ([]byte, error) {
	t.Helper()
	r, err := b.Get(t.Context(), name)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

func names(t *testing.T, b *Bucket) (all []string) {
	t.Helper()
	if err := b.List(t.Context(), func(f File) error { all = append(all, f.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// broken gives some bytes, and then an error.
func broken(size int64, err error) io.Reader {
	return io.MultiReader(io.LimitReader(rand.Reader, size), &failing{err})
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestContract is what every engine keeps.
func TestContract(t *testing.T) {
	t.Run("folder", func(t *testing.T) { contract(t, open(t, filepath.Join(t.TempDir(), "new", "folder"))) })
	server := buckettest.NewS3(t)
	for engine, folder := range map[string]string{"S3": "", "folder in S3": "a/b/"} {
		t.Run(engine, func(t *testing.T) { contract(t, openBy(t, server.Address(folder), (&net.Dialer{}).DialContext)) })
	}
}

// smallPart is the least that S3 takes for a part but the last, in bytes.
const smallPart = 5 << 20

// openBy opens a bucket of S3 with small parts, over connections of the test.
func openBy(t *testing.T, address string, dial dialer) *Bucket {
	t.Helper()
	engine, err := openS3By(address, dial, smallPart)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	return &Bucket{engine}
}

func contract(t *testing.T, b *Bucket) {
	if err := errors.Join(b.Ping(t.Context()), b.Prove(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := names(t, b); len(got) > 0 {
		t.Errorf("at first there is %q", got)
	}
	big := make([]byte, 2*smallPart+12345)
	_, _ = rand.Read(big)
	contents := map[string][]byte{"empty": {}, "small": []byte("Sample"), "one-part": big[:smallPart], "many.parts": big}
	for name, content := range contents {
		if err := b.Put(t.Context(), name, bytes.NewReader(content)); err != nil {
			t.Fatalf("put %s: %v", name, err)
		}
		if err := b.Put(t.Context(), name, strings.NewReader("another")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s is written over: %v", name, err)
		}
		if got, err := read(t, b, name); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
	if err := b.Put(t.Context(), "many.parts", bytes.NewReader(big[1:])); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a large file is written over by another: %v", err)
	}
	found := 0
	err := b.List(t.Context(), func(f File) error {
		found++
		if content, known := contents[f.Name]; !known || f.Size != int64(len(content)) || time.Since(f.At).Abs() > time.Hour {
			t.Errorf("listed: %+v", f)
		}
		return nil
	})
	if err != nil || found != len(contents) {
		t.Errorf("%d listed, %v", found, err)
	}
	cut := errors.New("cut")
	for size, why := range map[int64]error{0: cut, 1000: io.ErrUnexpectedEOF, smallPart: cut, smallPart + 1: io.ErrUnexpectedEOF} {
		if err := b.Put(t.Context(), "broken", broken(size, why)); !errors.Is(err, why) {
			t.Errorf("of a source that breaks after %d bytes: %v", size, err)
		}
	}
	if _, err := read(t, b, "broken"); !errors.Is(err, fault.NotFound) {
		t.Errorf("half a file can be read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, "canceled", bytes.NewReader(big)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller went: %v", err)
	}
	for _, name := range []string{"", ".", "..", "../small", "a/b", ".hidden", "/etc/passwd"} {
		_, getErr := read(t, b, name)
		if err := b.Put(t.Context(), name, strings.NewReader("x")); err == nil || getErr == nil || b.Delete(t.Context(), name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	if err := b.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	for name := range contents {
		if err := errors.Join(b.Delete(t.Context(), name), b.Delete(t.Context(), name)); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if got := names(t, b); len(got) > 0 {
		t.Errorf("at last there is %q", got)
	}
}

// TestFolderLeavesNothing: what is on its way can be read by nobody else, and is gone afterwards; what a power cut left goes by Tidy.
func TestFolderLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	b := open(t, dir)
	if err := b.Put(t.Context(), "broken", broken(1000, errors.New("cut"))); err == nil {
		t.Error("half a file is kept")
	}
	if err := b.Put(t.Context(), "whole", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "whole")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", st.Mode(), err)
	}
	left := filepath.Join(dir, partial+"1")
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Tidy(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what may still be on its way is removed: %v", err)
	}
	if err := b.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left are %v, %v", entries, err)
	}
}

// TestS3Away: a server that is killed or hangs midway is told of after so many tries, each given up after so long; what was acknowledged is there
// afterwards, and of the rest nothing.
func TestS3Away(t *testing.T) {
	server := buckettest.NewS3(t)
	line := &line{t: t}
	b := openBy(t, server.Address("files"), line.dial)
	kept := make([]byte, 8<<20) // more than is on its way unread
	_, _ = rand.Read(kept)
	if err := b.Put(t.Context(), "kept", bytes.NewReader(kept)); err != nil {
		t.Fatal(err)
	}
	for name, hurt := range map[string]func(){
		"hangs":  func() { server.Signal(syscall.SIGSTOP) },
		"killed": server.Kill,
	} {
		r, err := b.Get(t.Context(), "kept")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		away := func() { hurt(); line.hurry(true) }
		midway := io.MultiReader(io.LimitReader(rand.Reader, smallPart), &calling{away}, io.LimitReader(rand.Reader, smallPart))
		if err := b.Put(t.Context(), name, midway); !errors.Is(err, fault.TryAgain) {
			t.Errorf("%s midway: %v", name, err)
		}
		line.tried(name+": midway", 2) // a part, and the end of the upload
		if got, err := io.ReadAll(r); !errors.Is(err, fault.TryAgain) || len(got) == len(kept) {
			t.Errorf("%s: read on to %d bytes, %v", name, len(got), err)
		}
		_ = r.Close()
		refused(t, b, name)
		line.tried(name, 7)
		line.hurry(false)
		if name == "hangs" {
			server.Signal(syscall.SIGCONT)
		} else {
			server.Restart()
		}
		if got, err := read(t, b, "kept"); err != nil || !bytes.Equal(got, kept) {
			t.Errorf("%s: what was acknowledged: %d bytes, %v", name, len(got), err)
		}
		if _, err := read(t, b, name); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: what was not acknowledged: %v", name, err)
		}
		if name == "killed" { // one that hung may have ended the upload when it woke up
			abandoned(t, b, 1)
		}
		if err := b.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Errorf("%s: tidy: %v", name, err)
		}
		abandoned(t, b, 0)
	}
}

// refused: all that can be asked of a store that is away is worth trying again.
func refused(t *testing.T, b *Bucket, name string) {
	t.Helper()
	var all sync.WaitGroup
	for act, f := range map[string]func() error{
		"get":    func() error { _, err := b.Get(t.Context(), "kept"); return err },
		"put":    func() error { return b.Put(t.Context(), "late", strings.NewReader("x")) },
		"delete": func() error { return b.Delete(t.Context(), "none") },
		"list":   func() error { return b.List(t.Context(), func(File) error { return nil }) },
		"ping":   func() error { return b.Ping(t.Context()) },
		"prove":  func() error { return b.Prove(t.Context()) },
		"tidy":   func() error { return b.Tidy(t.Context(), time.Now()) },
	} {
		all.Go(func() {
			if err := f(); !errors.Is(err, fault.TryAgain) {
				t.Errorf("%s: %s: %v", name, act, err)
			}
		})
	}
	all.Wait()
}

// abandoned looks how many uploads were begun and neither completed nor ended.
func abandoned(t *testing.T, b *Bucket, want int) {
	t.Helper()
	o, n := b.engine.(*objects), 0
	for upload := range o.core.ListIncompleteUploads(t.Context(), o.bucket, o.prefix, true) {
		if upload.Err != nil {
			t.Fatal(upload.Err)
		}
		n++
	}
	if n != want {
		t.Errorf("%d uploads are abandoned; it should be %d", n, want)
	}
}

// line makes connections, counts them, sees that no wait on them is without a bound, and can have waits end at once.
type line struct {
	t       *testing.T
	dialed  atomic.Int64
	hurried atomic.Bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.dialed.Add(1)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lineConn{conn, l}, nil
}

// hurry has waits end at once, or not, and counts anew.
func (l *line) hurry(on bool) {
	l.hurried.Store(on)
	l.dialed.Store(0)
}

// tried: no request was made more often than it should be. A connection on which one failed is never used again.
func (l *line) tried(act string, requests int64) {
	l.t.Helper()
	if n := l.dialed.Swap(0); n == 0 || n > requests*tries {
		l.t.Errorf("%s: %d connections for %d requests", act, n, requests)
	}
}

// until is when a wait ends. Where it is hurried that is soon, rather than at once: a request is to be sent whole before its answer does not come.
func (l *line) until(deadline time.Time) time.Time {
	if within := time.Until(deadline); deadline.IsZero() || within > stalled {
		l.t.Errorf("a wait of %v", within)
	}
	if l.hurried.Load() {
		return time.Now().Add(50 * time.Millisecond)
	}
	return deadline
}

type lineConn struct {
	net.Conn
	line *line
}

func (c *lineConn) SetDeadline(t time.Time) error     { return c.Conn.SetDeadline(c.line.until(t)) }
func (c *lineConn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.line.until(t)) }

// calling calls a function when it is read, and gives nothing.
type calling struct{ f func() }

func (c *calling) Read([]byte) (int, error) { c.f(); return 0, io.EOF }

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"s3://KEY:swordfish@bucket/":                  "AWS_ACCESS_KEY_ID",
		"s3://bucket/?endpoint=swordfish":             "https://HOST:PORT",
		"s3://bucket/?endpoint=https://a:swordfish@b": "https://HOST:PORT",
		"s3://bucket/?password=swordfish":             "no option",
		"s3://bucket/?ca=/none":                       "no such file",
		"gs://bucket":                                 "folders and s3://… only",
		"s3://buck\x7fet":                             "no address",
	} {
		if _, err := Open(address); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string][2]string{
		"backup.tar":                       {".", "backup.tar"},
		"/a/b/backup.tar":                  {"/a/b/", "backup.tar"},
		"s3://bucket/backup.tar?region=eu": {"s3://bucket", "backup.tar"},
		"s3://bucket/a/b.tar":              {"s3://bucket/a", "b.tar"},
	} {
		if b, name, err := At(address); err != nil || b.String() != want[0] || name != want[1] {
			t.Errorf("%s: %v, %q, %v", address, b, name, err)
		}
	}
	for _, address := range []string{"", "/", "/a/", "s3://bucket", "s3://bucket/", "s3://bucket/a/?region=eu"} {
		if b, name, err := At(address); err == nil {
			t.Errorf("%q: %v, %q", address, b, name)
		}
	}
}

// TestS3Refuses: what helps only when somebody mends it is no reason to try again.
func TestS3Refuses(t *testing.T) {
	server := buckettest.NewS3(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	b := open(t, server.Address(""))
	if err := b.Put(t.Context(), "x", strings.NewReader("x")); err == nil || errors.Is(err, fault.TryAgain) {
		t.Errorf("by a wrong key: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
	b = open(t, strings.Replace(server.Address(""), "s3://test", "s3://another", 1))
	if err := b.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), `no bucket "another"`) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if err := b.Prove(t.Context()); err == nil || errors.Is(err, fault.TryAgain) {
		t.Errorf("a bucket that is not there: %v", err)
	}
}
