// Package backup copies everything in the database into one file, and puts it back into an empty database, of the same engine or the other.
// It owns the form of the file: a tar with rows of each table as lines of JSON, and a manifest with their number and SHA-256.
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
	"os"
	"path/filepath"
	"syscall"
	"time"

	"housecall/platform/store"
)

// format is the number of the file's form. A program refuses those it does not know.
const format = 1

const (
	manifestName = "manifest.json"
	keyName      = "master.key"
	tablesDir    = "tables/"
	tablesEnding = ".jsonl"
)

// Manifest says what is in a file.
type Manifest struct {
	Format   int              `json:"format"`
	Program  string           `json:"program"`  // the version that wrote it
	TakenAt  time.Time        `json:"taken_at"` // just before the moment of everything in it
	Versions map[string]int64 `json:"versions"` // of each package's tables
	Tables   []Table          `json:"tables"`   // each after those that it refers to
	Key      bool             `json:"key"`      // the master key is in it
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
}

// Write copies everything in db, as it was at one moment, into a new file that only its owner may read. Others may write to the database meanwhile. After an
// error, or when the machine stops, there is no file.
func Write(ctx context.Context, db *store.DB, path string, o Options) (m Manifest, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("backup: %s is there already", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".backup-*") // 0600 by itself
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then, or was in vain
	w := tar.NewWriter(f)
	m, err = write(ctx, db, w, filepath.Dir(path), o)
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	if err := put(os.Link, f.Name(), path); err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	return m, syncDir(filepath.Dir(path))
}

// put gives a file its name, never over another. Where the disk knows no second name for a file (FAT, many shares of a network) the name is taken first, so that
// a machine that stops in this moment leaves an empty file, which Open refuses.
func put(link func(from, to string) error, from, to string) error {
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

// write fills the tar. dir is for what must be known to the end before it can be written.
func write(ctx context.Context, db *store.DB, w *tar.Writer, dir string, o Options) (Manifest, error) {
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
			written, err := writeTable(ctx, tx, w, table, dir, o.Now)
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

// syncDir makes a new name in a folder last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) { // a disk that does so by itself
		err = nil
	}
	return errors.Join(err, d.Close())
}
