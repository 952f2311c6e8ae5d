package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openMaster reads the master key; when there is none and make is set, it makes one first. Without make a missing file is an error: a
// new key would open nothing.
func openMaster(path string, make bool) ([]byte, error) {
	key, err := readMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if !make {
		return nil, missing(path)
	}
	if err := makeMaster(path); err != nil {
		return nil, err
	}
	return readMaster(path)
}

func missing(path string) error {
	return fmt.Errorf("%w: the key file %s is missing; bring it back from your backup", ErrMasterKey, path)
}

// readMaster reads the file and refuses one that others may read.
func readMaster(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("master key: %s is not a file", path)
	}
	if openToOthers(st, os.Geteuid()) {
		return nil, fmt.Errorf("master key: others may read %s (mode %04o): run chmod 600 on it", path, st.Mode().Perm())
	}
	if st.Size() != keySize {
		return nil, fmt.Errorf("master key: %s has %d bytes, a key has %d", path, st.Size(), keySize)
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(f, key); err != nil {
		return nil, fmt.Errorf("master key: read %s: %w", path, err)
	}
	return key, nil
}

// openToOthers says whether others than this user may read or change a file. One of root's that its group may read, and this user does, is as closed:
// so secrets are handed to programs that are not root (Kubernetes with fsGroup, PostgreSQL's own ssl_key_file), and root chose the group.
func openToOthers(st os.FileInfo, self int) bool {
	if owner, ok := st.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && self != 0 {
		return st.Mode().Perm()&0o037 != 0
	}
	return st.Mode().Perm()&0o077 != 0
}

// Master reads the master key at path, for a copy that is kept elsewhere.
func Master(path string) ([]byte, error) { return readMaster(path) }

// PutMaster puts a master key back at path. It never writes over one: another one there is an error, the same is none.
func PutMaster(path string, key []byte) error {
	if len(key) != keySize {
		return fmt.Errorf("master key: it has %d bytes, a key has %d", len(key), keySize)
	}
	if err := writeMaster(path, key); err != nil {
		return err
	}
	there, err := readMaster(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, key) {
		return fmt.Errorf("%w: %s is there already, and is another key", ErrMasterKey, path)
	}
	return nil
}

// makeMaster makes a new key at path.
func makeMaster(path string) error {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(rand.Reader, key); err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	return writeMaster(path, key)
}

// writeMaster writes a key beside its place and links it there, so that a crash leaves no half of a key and another process's key is
// never written over.
func writeMaster(path string, key []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".master-*") // 0600 by itself
	if err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the master key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name in a folder last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
