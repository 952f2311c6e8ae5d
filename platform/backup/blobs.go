package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"

	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/fault"
)

// writeBlobs adds every blob that there is now, after the rows were read. No row lacks its blob: a row is written after its blob, and a blob lasts for a while
// after its row (blobs.Store.Sweep).
func writeBlobs(ctx context.Context, w *tar.Writer, o Options) (Blobs, error) {
	sums := newBlobSums()
	err := o.Blobs.List(ctx, func(f bucket.File) error {
		if !blobs.IsKey(f.Name) {
			return nil
		}
		r, err := o.Blobs.Get(ctx, f.Name)
		if errors.Is(err, fault.NotFound) {
			return nil // it was no row's
		}
		if err != nil {
			return err
		}
		one := sha256.New()
		err = add(w, blobsDir+f.Name, f.Size, io.TeeReader(r, one), o.Now)
		sums.add(f.Name, f.Size, one)
		return errors.Join(err, r.Close())
	})
	if err != nil {
		return Blobs{}, fmt.Errorf("blobs: %w", err)
	}
	return sums.sum(), nil
}

// blobSums adds up what is in a file.
type blobSums struct {
	Blobs
	lines hash.Hash
}

func newBlobSums() *blobSums { return &blobSums{lines: sha256.New()} }

func (s *blobSums) add(name string, size int64, one hash.Hash) {
	s.Number++
	s.Bytes += size
	fmt.Fprintf(s.lines, "%s %d %s\n", name, size, hex.EncodeToString(one.Sum(nil)))
}

func (s *blobSums) sum() Blobs {
	s.SHA256 = hex.EncodeToString(s.lines.Sum(nil))
	return s.Blobs
}

// restoreBlobs puts the blobs of a file back. undo removes those that were put, for when the rest fails.
func (b *File) restoreBlobs(ctx context.Context, to *bucket.Bucket) (undo func() error, err error) {
	var put []string
	undo = func() (err error) {
		for _, name := range put {
			err = errors.Join(err, to.Delete(context.WithoutCancel(ctx), name))
		}
		return err
	}
	if b.Blobs.Number == 0 {
		return undo, nil
	}
	r, err := b.read(ctx)
	if err != nil {
		return undo, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sums := newBlobSums()
	for t := tar.NewReader(r); sums.Number < b.Blobs.Number; {
		h, err := t.Next()
		if err != nil {
			return undo, err
		}
		name, found := strings.CutPrefix(h.Name, blobsDir)
		if !found {
			continue
		}
		one := sha256.New()
		switch err := to.Put(ctx, name, io.TeeReader(t, one)); {
		case errors.Is(err, fs.ErrExist): // of a restore that was cut off: names are random
			if one, err = sumOf(ctx, to, name); err != nil {
				return undo, err
			}
		case err != nil:
			return undo, fmt.Errorf("blob %s: %w", name, err)
		default:
			put = append(put, name)
		}
		sums.add(name, h.Size, one)
	}
	if got := sums.sum(); got != b.Blobs {
		return undo, fmt.Errorf("the blobs came back as %+v; the backup has %+v", got, b.Blobs)
	}
	return undo, nil
}

func sumOf(ctx context.Context, b *bucket.Bucket, name string) (hash.Hash, error) {
	r, err := b.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	return sum, errors.Join(err, r.Close())
}
