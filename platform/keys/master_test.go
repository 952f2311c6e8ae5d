package keys

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"
)

// ownedFile is a file's description, with its owner.
type ownedFile struct {
	mode  fs.FileMode
	owner uint32
}

func (f ownedFile) Name() string       { return "master.key" }
func (f ownedFile) Size() int64        { return keySize }
func (f ownedFile) Mode() fs.FileMode  { return f.mode }
func (f ownedFile) ModTime() time.Time { return time.Time{} }
func (f ownedFile) IsDir() bool        { return false }
func (f ownedFile) Sys() any           { return &syscall.Stat_t{Uid: f.owner} }

func TestOpenToOthers(t *testing.T) {
	const root, server, other = 0, 65532, 1000
	for _, c := range []struct {
		owner uint32
		mode  fs.FileMode
		self  int
		want  bool
	}{
		{server, 0o600, server, false},
		{server, 0o400, server, false},
		{server, 0o440, server, true},
		{server, 0o604, server, true},
		{root, 0o440, server, false}, // a secret of Kubernetes, with fsGroup
		{root, 0o640, server, false},
		{root, 0o660, server, true},
		{root, 0o444, server, true},
		{root, 0o440, root, true},
		{other, 0o440, server, true},
	} {
		var st os.FileInfo = ownedFile{c.mode, c.owner}
		if got := openToOthers(st, c.self); got != c.want {
			t.Errorf("a file of user %d with mode %04o, read by user %d: open to others %v, want %v", c.owner, c.mode, c.self, got, c.want)
		}
	}
}
