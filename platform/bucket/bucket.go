// Package bucket keeps files by name in a folder, or in a bucket of an object store that speaks S3.
// The folder or the bucket owns the files; a Bucket is a way there, and holds nothing in memory but what is on its way.
// It must never show half a file under its name, never write over one, and never say that a file is kept before it lasts.
package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"housecall/platform/fault"
)

// Bucket is a folder or a bucket. It is safe for use by many goroutines.
type Bucket struct{ engine }

// engine is what a Bucket is in.
type engine interface {
	// Put keeps what from gives, to its end, under a name. Errors: fs.ErrExist when there is a file of this name, which stays as it is; the error of
	// from; fault.TryAgain. After any of them nothing new can be read there, but for a connection that is lost just as the last byte was taken.
	Put(ctx context.Context, name string, from io.Reader) error
	// Get reads a file. Errors: fault.NotFound, fault.TryAgain; reading gives fault.TryAgain too.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete removes a file; one that is not there is none the worse for it. Errors: fault.TryAgain.
	Delete(ctx context.Context, name string) error
	// List calls f with every file, in no order.
	List(ctx context.Context, f func(File) error) error
	// Tidy removes what was put on its way before a time, and did not arrive since its server ended. Errors: fault.TryAgain.
	Tidy(ctx context.Context, before time.Time) error
	// Ping says whether files can be reached. It writes nothing.
	Ping(ctx context.Context) error
	// Close ends connections that nobody uses.
	Close()
	// String is the place for people to read, without a password.
	String() string
}

// File is a file as List tells of it.
type File struct {
	Name string
	Size int64     // bytes
	At   time.Time // when it was put there, by the clock of the engine
}

// Open gives the bucket at an address: a folder, or "s3://BUCKET/FOLDER?region=…&endpoint=…". It connects to nobody and makes nothing.
func Open(address string) (*Bucket, error) {
	scheme, _, found := strings.Cut(address, "://")
	switch {
	case !found:
		return &Bucket{folder(address)}, nil
	case scheme == "s3":
		engine, err := openS3(address)
		if err != nil {
			return nil, err
		}
		return &Bucket{engine}, nil
	}
	return nil, fmt.Errorf("%s://…: this program knows folders and s3://… only", scheme)
}

// At gives the bucket of one file and the file's name in it: of "folder/file", or "s3://BUCKET/FOLDER/FILE?region=…".
func At(address string) (b *Bucket, name string, err error) {
	place, query, isURL := address, "", strings.Contains(address, "://")
	if isURL {
		place, query, _ = strings.Cut(address, "?")
	}
	dir, name := filepath.Split(place)
	if !isURL && dir == "" {
		dir = "."
	}
	if err := checkName(name); err != nil || isURL && strings.HasSuffix(dir, "://") {
		return nil, "", errors.New("its address must end with the name of a file, as in s3://BUCKET/FILE")
	}
	if isURL {
		dir = strings.TrimSuffix(dir, "/") + "?" + query
	}
	b, err = Open(dir)
	return b, name, err
}

// Prove writes a file, reads it, tries to write over it and removes it, and says what of that does not work.
func (b *Bucket) Prove(ctx context.Context) error {
	name, content := "probe-"+strings.ToLower(rand.Text()), rand.Text()
	if err := b.Put(ctx, name, strings.NewReader(content)); err != nil {
		return fmt.Errorf("can't write: %w", err)
	}
	return errors.Join(b.proveRest(ctx, name, content), b.Delete(ctx, name), b.proveGone(ctx, name))
}

func (b *Bucket) proveRest(ctx context.Context, name, content string) error {
	r, err := b.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("can't read: %w", err)
	}
	got, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err = errors.Join(err, r.Close()); err != nil || string(got) != content {
		return errors.Join(errors.New("what was written can't be read"), err)
	}
	if err := b.Put(ctx, name, strings.NewReader("another")); !errors.Is(err, fs.ErrExist) {
		return errors.Join(errors.New("it writes over what is there: it knows no conditional writes (If-None-Match)"), err)
	}
	return nil
}

func (b *Bucket) proveGone(ctx context.Context, name string) error {
	r, err := b.Get(ctx, name)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		err = r.Close()
	}
	return errors.Join(errors.New("what was removed is still there"), err)
}

// checkName refuses names that lead elsewhere, and those that begin with a dot, which are of files on their way.
func checkName(name string) error {
	if name == "" || name[0] == '.' || strings.ContainsAny(name, "/\\\x00") {
		return fmt.Errorf("%q is no name of a file", name)
	}
	return nil
}

// safeURL is an address for people to read, without what may be a password.
func safeURL(u *url.URL) string { return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/") }
