// Package buckettest starts real S3 servers for tests.
package buckettest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"housecall/platform/testkit"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// soon bounds every wait for a condition: far more than any of them needs, since machines may be busy.
const soon = time.Minute

// What clients of the server need. Secrets of tests are none.
const (
	access = "test"
	secret = "test-secret"
	bucket = "test"
)

// S3 is an S3 server of one test, on a loopback port. It keeps what it has through Kill and Restart.
type S3 struct {
	t       testing.TB
	dir     string
	host    string
	process *exec.Cmd
	ended   <-chan struct{} // closed when process has ended
}

// program builds the server once a process; the toolchain keeps what it built.
var program = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	tools := filepath.Join(filepath.Dir(strings.TrimSpace(string(root))), "tools", "go.mod")
	build := exec.Command("go", "tool", "-modfile="+tools, "-n", "versitygw") // #nosec G204 -- of this module
	var said bytes.Buffer
	build.Stderr = &said
	path, err := build.Output()
	if err != nil {
		return "", &buildError{said.String(), err}
	}
	return strings.TrimSpace(string(path)), nil
})

type buildError struct {
	said string
	err  error
}

func (e *buildError) Error() string {
	return "building the S3 server: " + e.err.Error() + "\n" + e.said
}

// NewS3 starts a server that ends with the test, with an empty bucket, and gives the test's environment the keys to it.
func NewS3(t testing.TB) *S3 {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	s := &S3{t: t, dir: t.TempDir()}
	for _, dir := range []string{"objects/" + bucket, "about"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// Between finding a free port and listening on it somebody else may take it: then the server ends, and we try another.
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.host = l.Addr().String()
		_ = l.Close()
		if s.start(path) {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal("the S3 server did not start")
	return nil
}

// start runs the server and waits until it answers. False: it has ended at once.
func (s *S3) start(path string) bool {
	s.t.Helper()
	var said bytes.Buffer
	s.process = exec.Command(path, "--quiet", "--access", access, "--secret", secret, "--port", s.host, // #nosec G204 -- built from this module
		"posix", "--sidecar", filepath.Join(s.dir, "about"), filepath.Join(s.dir, "objects"))
	s.process.Stdout, s.process.Stderr = &said, &said
	var err error
	if s.ended, err = testkit.Start(s.process); err != nil {
		s.t.Fatal(err)
	}
	client, err := minio.New(s.host, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(soon); ; {
		found, err := client.BucketExists(s.t.Context(), bucket)
		if err == nil && found {
			return true
		}
		select {
		case <-s.ended:
			s.t.Log(said.String())
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Kill()
			s.t.Fatalf("the S3 server does not serve: %v\n%s", err, said.String())
		}
	}
}

// Address is that of a folder in the bucket.
func (s *S3) Address(folder string) string {
	return "s3://" + bucket + "/" + folder + "?endpoint=http://" + s.host
}

// Dir is where the server keeps the bucket's objects, as files.
func (s *S3) Dir() string { return filepath.Join(s.dir, "objects", bucket) }

// Signal sends the server a signal.
func (s *S3) Signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server as a power cut would, and waits for its end. It may have ended before.
func (s *S3) Kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// Restart starts it again, at the same address, with what it had.
func (s *S3) Restart() {
	s.t.Helper()
	path, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(soon); !s.start(path); {
		if time.Now().After(deadline) {
			s.t.Fatal("the S3 server did not get its port back")
		}
	}
}
