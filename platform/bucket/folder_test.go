package bucket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFolderWithoutLinks: a disk that knows no second name for a file takes files all the same, and none is written over.
func TestFolderWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, refusal := range []error{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		none := func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: refusal} }
		if err := os.WriteFile(from, []byte("whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := place(none, from, to); err != nil {
			t.Errorf("%v: %v", refusal, err)
		}
		if b, err := os.ReadFile(to); err != nil || string(b) != "whole" {
			t.Errorf("%v: %q, %v", refusal, b, err)
		}
		if err := os.WriteFile(from, []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, link := range []func(string, string) error{none, os.Link} {
			if err := place(link, from, to); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over another: %v", err)
			}
		}
		if b, err := os.ReadFile(to); err != nil || string(b) != "whole" {
			t.Errorf("after a second: %q, %v", b, err)
		}
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
	}
}
