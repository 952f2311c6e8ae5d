package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"housecall/platform/fault"
)

// folder is an engine of plain files, readable by their owner alone. It is made when the first file is put there.
type folder string

// partial begins the names of files on their way.
const partial = ".put-"

// Put writes beside the place, has it on the disk, and links it there: a name never stands for less than all, and never for another file than before.
func (d folder) Put(ctx context.Context, name string, from io.Reader) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := makeDir(string(d)); err != nil {
		return mappedFile(err)
	}
	path := filepath.Join(string(d), name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, errors.Join(fs.ErrExist, err))
	}
	f, err := os.CreateTemp(string(d), partial+"*") // 0600 by itself
	if err != nil {
		return mappedFile(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then, or was in vain
	_, err = io.Copy(f, &withContext{ctx, from})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return mappedFile(err)
	}
	if err := place(os.Link, f.Name(), path); err != nil {
		return mappedFile(err)
	}
	return mappedFile(syncDir(string(d)))
}

// place gives a file its name, never over another. Where the disk knows no second name for a file (FAT, many shares of a network) the name is taken first, so that
// a machine that stops in this moment leaves an empty file, which readers find damaged.
func place(link func(from, to string) error, from, to string) error {
	err := link(from, to)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Rename(from, to))
}

// Get opens the file.
func (d folder) Get(_ context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(string(d), name))
	if err != nil {
		return nil, mappedFile(err)
	}
	return f, nil
}

// Delete removes the file, and has that last.
func (d folder) Delete(_ context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(string(d), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return mappedFile(err)
	}
	return mappedFile(syncDir(string(d)))
}

// List reads the folder. Files on their way are not told of.
func (d folder) List(ctx context.Context, f func(File) error) error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return mappedFile(err)
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !entry.Type().IsRegular() || checkName(entry.Name()) != nil {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return mappedFile(err)
		}
		if err := f(File{Name: entry.Name(), Size: info.Size(), At: info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}

// Tidy removes files that were never linked to their place.
func (d folder) Tidy(ctx context.Context, before time.Time) error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		info, gone := entry.Info()
		if ctx.Err() != nil || gone != nil || !strings.HasPrefix(entry.Name(), partial) || !info.ModTime().Before(before) {
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(string(d), entry.Name())))
	}
	return mappedFile(errors.Join(err, ctx.Err()))
}

// Ping looks for the folder; one that is still to be made is as good.
func (d folder) Ping(context.Context) error {
	st, err := os.Stat(string(d))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !st.IsDir():
		return fmt.Errorf("%s is no folder", string(d))
	}
	return mappedFile(err)
}

// Close has nothing to end.
func (d folder) Close() {}

func (d folder) String() string { return string(d) }

// mappedFile gives errors of the disk the kinds that callers know.
func mappedFile(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", fault.NotFound, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Away(err)
	}
	return err
}

// makeDir makes a folder that lasts, and those above it.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

// syncDir makes new names in a folder, and names that are gone, last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) { // a disk that does so by itself
		err = nil
	}
	return errors.Join(err, d.Close())
}

// withContext ends reading when ctx does.
type withContext struct {
	ctx  context.Context
	from io.Reader
}

func (r *withContext) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
}
