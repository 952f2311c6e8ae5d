// Package blobs keeps large private files, encrypted, in a folder or in an object store: what people attach, records, reports.
// The bucket owns what is kept; the caller keeps a Ref of each in SQL, in a row that is written after the blob and removed before it.
// It must never write a byte that is not encrypted, never name a blob after anything of people's, and never give as whole what is not what was put.
package blobs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"time"

	"filippo.io/age"

	"housecall/platform/bucket"
	"housecall/platform/fault"
	"housecall/platform/keys"
)

// Ref says which blob, and what it is. The caller keeps all three.
type Ref struct {
	Key    string // the name of it, which is random
	SHA256 string // of what was put, in hex
	Size   int64  // of what was put, in bytes
}

// ErrDamaged says that what is kept is not what was put: changed, cut off, of another blob, or sealed by keys that are not ours.
var ErrDamaged = errors.New("a blob is damaged")

// Store keeps blobs. It is safe for use by many goroutines.
type Store struct {
	bucket *bucket.Bucket
	vault  keys.Vault
}

// New gives the store of blobs in a bucket. The vault seals the key that each blob has.
func New(b *bucket.Bucket, vault keys.Vault) *Store { return &Store{b, vault} }

// Put keeps what from gives, to its end, and says by which Ref it is got back. Memory is constant. When Put returns, the blob lasts: write the row then.
// Errors: fault.NotValid when there are more than atMost bytes; fault.TryAgain; those of from. After any error nothing is kept, or what Sweep removes.
func (s *Store) Put(ctx context.Context, from io.Reader, atMost int64) (Ref, error) {
	ref := Ref{Key: strings.ToLower(rand.Text())}
	read := &measured{from: from, hash: sha256.New(), atMost: atMost}
	sealed, err := age.EncryptReader(read, &sealer{s.vault, ref.Key})
	if err != nil {
		return Ref{}, fmt.Errorf("blobs: %w", err)
	}
	if err := s.bucket.Put(ctx, ref.Key, sealed); err != nil {
		return Ref{}, fmt.Errorf("blobs: %w", err)
	}
	ref.SHA256, ref.Size = hex.EncodeToString(read.hash.Sum(nil)), read.size
	return ref, nil
}

// Open reads a blob. Each byte that it gives is authentic, and io.EOF comes only when all of them were those of the Ref. Errors, of Open and of reading:
// fault.NotFound, fault.TryAgain, ErrDamaged.
func (s *Store) Open(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	sealed, err := s.bucket.Get(ctx, ref.Key)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	b := &blob{ref: ref, sealed: sealed, hash: sha256.New()}
	if b.open, err = age.Decrypt(sealed, &sealer{s.vault, ref.Key}); err != nil {
		return nil, errors.Join(damaged(ref, err), sealed.Close())
	}
	return b, nil
}

// Delete marks a blob as no longer wanted; Sweep removes it. Remove its row first. Errors: fault.TryAgain.
func (s *Store) Delete(ctx context.Context, ref Ref) error {
	if err := s.mark(ctx, ref.Key); err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	return nil
}

// mark puts an empty file beside a blob. When it was put there is how long the blob has been unwanted.
func (s *Store) mark(ctx context.Context, key string) error {
	err := s.bucket.Put(ctx, key+marked, strings.NewReader(""))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// IsKey says whether a file's name is that of a blob. A folder may hold what is another's, such as backups.
func IsKey(name string) bool { return len(name) == keyLength && strings.Trim(name, keyLetters) == "" }

// What the key of a blob is made of: rand.Text in small letters.
const (
	keyLength  = 26
	keyLetters = "abcdefghijklmnopqrstuvwxyz234567"
)

// marked ends the names of marks.
const marked = ".deleted"

// Sweep marks blobs that were put before a time and that named does not know, and removes those that were marked before it. Let the time be a day ago: a row is written after
// its blob, and a backup copies blobs after the rows, so a blob must outlive its row by as long as a backup takes. named must tell of the rows of every package
// that keeps blobs; what it knows stays, marked or not. Errors: that of named; fault.TryAgain.
func (s *Store) Sweep(ctx context.Context, before time.Time, named func(key string) (bool, error)) (removed int, err error) {
	marks := map[string]time.Time{}
	err = s.bucket.List(ctx, func(f bucket.File) error {
		if key, is := strings.CutSuffix(f.Name, marked); is && IsKey(key) {
			marks[key] = f.At
		}
		return nil
	})
	if err == nil {
		removed, err = s.sweep(ctx, before, marks, named)
	}
	if err == nil {
		err = s.bucket.Tidy(ctx, before)
	}
	if err != nil {
		return removed, fmt.Errorf("blobs: %w", err)
	}
	return removed, nil
}

// sweep does it, and removes marks whose blob is gone or wanted.
func (s *Store) sweep(ctx context.Context, before time.Time, marks map[string]time.Time, named func(key string) (bool, error)) (removed int, err error) {
	waits := map[string]bool{}
	err = s.bucket.List(ctx, func(f bucket.File) error {
		if !IsKey(f.Name) {
			return nil
		}
		at, isMarked := marks[f.Name]
		if !isMarked && !f.At.Before(before) {
			return nil
		}
		known, err := named(f.Name)
		switch {
		case err != nil:
			return err
		case known:
			return nil
		case isMarked && at.Before(before):
			removed++
			return s.bucket.Delete(ctx, f.Name)
		}
		waits[f.Name] = true
		if isMarked {
			return nil
		}
		return s.mark(ctx, f.Name)
	})
	for key := range marks {
		if err == nil && !waits[key] {
			err = s.bucket.Delete(ctx, key+marked)
		}
	}
	return removed, err
}

// measured is what is put, as it is read.
type measured struct {
	from   io.Reader
	hash   hash.Hash
	size   int64
	atMost int64
}

func (m *measured) Read(b []byte) (int, error) {
	n, err := m.from.Read(b)
	m.hash.Write(b[:n])
	if m.size += int64(n); m.size > m.atMost {
		return 0, &fault.Problem{Kind: fault.NotValid, Detail: fmt.Sprintf("It is too large: %d bytes are the most.", m.atMost)}
	}
	return n, err
}

// blob is one that is read.
type blob struct {
	ref    Ref
	sealed io.ReadCloser
	open   io.Reader
	hash   hash.Hash
	size   int64
}

func (b *blob) Read(p []byte) (int, error) {
	n, err := b.open.Read(p)
	b.hash.Write(p[:n])
	b.size += int64(n)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		err = damaged(b.ref, err)
	case b.size != b.ref.Size || hex.EncodeToString(b.hash.Sum(nil)) != b.ref.SHA256:
		err = fmt.Errorf("%w: %s is another than its row says", ErrDamaged, b.ref.Key)
	}
	return n, err
}

func (b *blob) Close() error { return b.sealed.Close() }

// damaged tells what is wrong with a blob from a store that is away.
func damaged(ref Ref, err error) error {
	if errors.Is(err, fault.TryAgain) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("blobs: %w", err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, ref.Key, err)
}
