// Package backup copies everything in the database, and the blobs, into one file, and puts it back into an empty database, of the same engine or the other.
// It owns the form of the file: a tar with rows of each table as lines of JSON, the blobs as they are kept, and a manifest with their number and SHA-256.
// It must never write into a database that holds anything, and never keep half of what it puts back.
package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"filippo.io/age"

	"housecall/platform/bucket"
	"housecall/platform/store"
)

// format is the number of the file's form. A program refuses those it does not know. The first had no blobs.
const format = 2

const (
	manifestName = "manifest.json"
	keyName      = "master.key"
	tablesDir    = "tables/"
	tablesEnding = ".jsonl"
	blobsDir     = "blobs/"
)

// Manifest says what is in a file.
type Manifest struct {
	Format   int              `json:"format"`
	Program  string           `json:"program"`  // the version that wrote it
	TakenAt  time.Time        `json:"taken_at"` // just before the moment of everything in it
	Versions map[string]int64 `json:"versions"` // of each package's tables
	Tables   []Table          `json:"tables"`   // each after those that it refers to
	Key      bool             `json:"key"`      // the master key is in it
	Blobs    Blobs            `json:"blobs"`
}

// Blobs is what a file holds of them: encrypted, as they are kept.
type Blobs struct {
	Number int64  `json:"number"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of a line for each, in the order of the file: its name, its size, its SHA-256 in hex
}

// Table is what a file holds of one table.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	SHA256  string   `json:"sha256"` // of its lines, in hex
	size    int64
}

// Rows is the number of rows of all tables.
func (m Manifest) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Options of Write.
type Options struct {
	Program string
	Now     time.Time
	Key     []byte // the master key; nil: it stays out
	Blobs   *bucket.Bucket
	Scratch string // folder for what must be known to the end before it can be written, in plain text; "": that of the system

	Recipients []age.Recipient // who may read it; none: whoever has it
}

// Write copies everything in db, as it was at one moment, and the blobs, into a new file of this name, which has it when all is in it and lasts. Others may write
// to the database meanwhile. After an error, or when the machine stops, there is no file.
func Write(ctx context.Context, db *store.DB, to *bucket.Bucket, name string, o Options) (m Manifest, err error) {
	r, w := io.Pipe()
	whole := io.Reader(r)
	if len(o.Recipients) > 0 {
		if whole, err = age.EncryptReader(r, o.Recipients...); err != nil {
			return Manifest{}, fmt.Errorf("backup: %w", err)
		}
	}
	var filling sync.WaitGroup
	filling.Go(func() {
		t := tar.NewWriter(w)
		filled, err := write(ctx, db, t, o)
		if err == nil {
			err = t.Close()
		}
		m = filled
		_ = w.CloseWithError(err) // nil: the end
	})
	err = to.Put(ctx, name, whole)
	_ = r.CloseWithError(errors.New("the file is not taken")) // who still writes need not
	filling.Wait()
	if errors.Is(err, fs.ErrExist) {
		return Manifest{}, fmt.Errorf("backup: %s in %s is there already", name, to)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// write fills the tar.
func write(ctx context.Context, db *store.DB, w *tar.Writer, o Options) (Manifest, error) {
	m := Manifest{Format: format, Program: o.Program, TakenAt: o.Now.UTC(), Key: o.Key != nil}
	err := db.Snapshot(ctx, func(tx *store.Tx) (err error) {
		if m.Versions, err = tx.Versions(ctx); err != nil {
			return err
		}
		tables, err := tx.Tables(ctx)
		if err != nil {
			return err
		}
		for _, table := range tables {
			written, err := writeTable(ctx, tx, w, table, o.Scratch, o.Now)
			if err != nil {
				return err
			}
			m.Tables = append(m.Tables, written)
		}
		return nil
	})
	if err != nil {
		return Manifest{}, err
	}
	if m.Blobs, err = writeBlobs(ctx, w, o); err != nil {
		return Manifest{}, err
	}
	if o.Key != nil {
		if err := add(w, keyName, int64(len(o.Key)), bytes.NewReader(o.Key), o.Now); err != nil {
			return Manifest{}, err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Manifest{}, err
	}
	return m, add(w, manifestName, int64(len(text)), bytes.NewReader(text), o.Now)
}

// writeTable adds one table. A tar says the size of a file before what is in it, so the lines go by a file that nobody else can open.
func writeTable(ctx context.Context, tx *store.Tx, w *tar.Writer, table store.Table, dir string, now time.Time) (t Table, err error) {
	f, err := os.CreateTemp(dir, ".backup-*")
	if err != nil {
		return Table{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil {
		return Table{}, err
	}
	if t, err = copyTable(ctx, tx, table, f); err != nil {
		return Table{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Table{}, err
	}
	return t, add(w, tablesDir+t.Name+tablesEnding, t.size, f, now)
}

// copyTable writes a table's rows as lines of JSON.
func copyTable(ctx context.Context, tx *store.Tx, table store.Table, w io.Writer) (Table, error) {
	t := Table{Name: table.Name, Columns: table.Columns}
	hash := sha256.New()
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := tx.Each(ctx, table, func(row []any) error {
		line.Reset()
		if err := encoder.Encode(row); err != nil {
			return err
		}
		t.Rows++
		t.size += int64(line.Len())
		hash.Write(line.Bytes())
		_, err := w.Write(line.Bytes())
		return err
	})
	t.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return t, err
}

func add(w *tar.Writer, name string, size int64, from io.Reader, now time.Time) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: now, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(w, from)
	return err
}
