package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"filippo.io/age"

	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/fault"
	"housecall/platform/store"
)

const (
	maxManifest = 1 << 20  // bytes
	maxKey      = 1 << 10  // bytes
	maxLine     = 16 << 20 // bytes of one row
	batch       = 100      // rows a statement
)

// Schema is the tables of one package.
type Schema struct {
	Name  string
	Files fs.FS // migrations, at its top
}

// ErrNotEmpty says that there is something where a backup should go.
var ErrNotEmpty = errors.New("the database is not empty")

// File is a backup that was read to its end and found whole.
type File struct {
	Manifest
	Master []byte // the master key; nil: it is not in the file
	from   *bucket.Bucket
	name   string

	identities []age.Identity
}

// Open reads the backup of this name and checks it against its manifest. That shows damage, not whether somebody made another backup of it on purpose: keep
// backups where only you can write. The identities open one that is encrypted.
func Open(ctx context.Context, from *bucket.Bucket, name string, identities []age.Identity) (*File, error) {
	b := &File{from: from, name: name, identities: identities}
	r, err := b.read(ctx)
	if errors.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("backup: there is no %s in %s", name, from)
	}
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", name, err)
	}
	m, key, err := check(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("backup %s: %w", name, err)
	}
	b.Manifest, b.Master = m, key
	return b, nil
}

// read reads the file from its beginning.
func (b *File) read(ctx context.Context) (io.ReadCloser, error) {
	file, err := b.from.Get(ctx, b.name)
	if err != nil {
		return nil, err
	}
	r, err := opened(file, b.identities)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// Restore puts everything into db, which must be empty, and opened as it is. The tables are made as they were, filled in one transaction, read again
// and compared, and only then brought up to date. The blobs go before, so that no row is without its blob.
func (b *File) Restore(ctx context.Context, db *store.DB, files *bucket.Bucket, schemas []Schema) (err error) {
	for name := range b.Versions {
		if !slices.ContainsFunc(schemas, func(s Schema) bool { return s.Name == name }) {
			return fmt.Errorf("restore: the backup has tables of %q, which this program does not know: use the newer program", name)
		}
	}
	if err := db.Snapshot(ctx, func(tx *store.Tx) error { return empty(ctx, tx) }); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, s := range schemas {
		if version, found := b.Versions[s.Name]; found {
			if err := db.MigrateTo(ctx, s.Name, s.Files, version); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
		}
	}
	undo, err := b.restoreBlobs(ctx, files)
	if err == nil {
		err = b.fill(ctx, db)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", errors.Join(err, undo()))
	}
	for _, s := range schemas {
		if _, found := b.Versions[s.Name]; !found { // a package makes its tables when it is first used
			continue
		}
		if err := db.Migrate(ctx, s.Name, s.Files); err != nil {
			return fmt.Errorf("restore: everything is back, but not up to date: %w", err)
		}
	}
	return nil
}

func (b *File) fill(ctx context.Context, db *store.DB) error {
	r, err := b.read(ctx)
	if err != nil {
		return err
	}
	return errors.Join(db.Fill(ctx, func(tx *store.Tx) error { return fill(ctx, tx, r, b.Manifest) }), r.Close())
}

// check reads a file to its end: it must hold what its manifest says, no more and no less.
func check(f io.Reader) (m Manifest, key []byte, err error) {
	found, sums := map[string]Table{}, newBlobSums()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return Manifest{}, nil, errors.New("it is cut off, or no backup: it has no manifest")
		}
		if err != nil {
			return Manifest{}, nil, err
		}
		if h.Name == manifestName {
			break
		}
		if h.Name == keyName {
			if key, err = io.ReadAll(io.LimitReader(r, maxKey)); err != nil {
				return Manifest{}, nil, err
			}
			continue
		}
		if name, is := strings.CutPrefix(h.Name, blobsDir); is {
			if !blobs.IsKey(name) {
				return Manifest{}, nil, fmt.Errorf("it has a blob of the name %q, as none is called", name)
			}
			one := sha256.New()
			if _, err := io.Copy(one, r); err != nil { // #nosec G110 -- nothing in it is compressed
				return Manifest{}, nil, err
			}
			sums.add(name, h.Size, one)
			continue
		}
		t := Table{Name: strings.TrimSuffix(strings.TrimPrefix(h.Name, tablesDir), tablesEnding)}
		hash := sha256.New()
		lines := &newlines{}
		if _, err := io.Copy(io.MultiWriter(hash, lines), r); err != nil { // #nosec G110 -- nothing in it is compressed
			return Manifest{}, nil, err
		}
		t.Rows, t.SHA256 = lines.n, hex.EncodeToString(hash.Sum(nil))
		found[t.Name] = t
	}
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return Manifest{}, nil, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, nil, fmt.Errorf("its manifest: %w", err)
	}
	if m.Format < 1 || m.Format > format {
		return Manifest{}, nil, fmt.Errorf("its form is number %d, this program knows 1 to %d: use the newer program", m.Format, format)
	}
	if m.Key != (key != nil) || len(m.Tables) != len(found) {
		return Manifest{}, nil, errors.New("it does not hold what its manifest says")
	}
	if got := sums.sum(); got != m.Blobs && (m.Format > 1 || got.Number > 0) {
		return Manifest{}, nil, fmt.Errorf("it is damaged: its blobs are %+v; its manifest says %+v", got, m.Blobs)
	}
	for _, want := range m.Tables {
		if got := found[want.Name]; got.Rows != want.Rows || got.SHA256 != want.SHA256 {
			return Manifest{}, nil, fmt.Errorf("it is damaged: table %q has %d rows, SHA-256 %s; its manifest says %d, %s", want.Name, got.Rows, got.SHA256, want.Rows, want.SHA256)
		}
	}
	return m, key, nil
}

// newlines counts them.
type newlines struct{ n int64 }

func (l *newlines) Write(b []byte) (int, error) {
	l.n += int64(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// empty refuses a database that has any row.
func empty(ctx context.Context, tx *store.Tx) error {
	tables, err := tx.Tables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		err := tx.Each(ctx, t, func([]any) error { return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, t.Name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// fill puts in the rows of every table, and reads them again.
func fill(ctx context.Context, tx *store.Tx, f io.Reader, m Manifest) error {
	if err := empty(ctx, tx); err != nil { // also since it was looked at without the lock
		return err
	}
	tables, err := tx.Tables(ctx)
	if err != nil {
		return err
	}
	if len(tables) != len(m.Tables) {
		return fmt.Errorf("the backup has %d tables, this program makes %d of these versions", len(m.Tables), len(tables))
	}
	r := tar.NewReader(f)
	for _, want := range m.Tables { // in the order of the file, which is that of references
		i := slices.IndexFunc(tables, func(t store.Table) bool { return t.Name == want.Name })
		if i < 0 || !slices.Equal(tables[i].Columns, want.Columns) {
			return fmt.Errorf("table %q of the backup is not as this program makes it", want.Name)
		}
		h, err := r.Next()
		if err != nil {
			return err
		}
		if h.Name != tablesDir+want.Name+tablesEnding {
			return fmt.Errorf("the backup has %q where its manifest has table %q", h.Name, want.Name)
		}
		if err := fillTable(ctx, tx, tables[i], r); err != nil {
			return err
		}
	}
	for _, want := range m.Tables {
		i := slices.IndexFunc(tables, func(t store.Table) bool { return t.Name == want.Name })
		got, err := copyTable(ctx, tx, tables[i], io.Discard)
		if err != nil {
			return err
		}
		if got.Rows != want.Rows || got.SHA256 != want.SHA256 {
			return fmt.Errorf("table %q came back with %d rows, SHA-256 %s; the backup has %d, %s", want.Name, got.Rows, got.SHA256, want.Rows, want.SHA256)
		}
	}
	return nil
}

func fillTable(ctx context.Context, tx *store.Tx, table store.Table, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	var rows [][]any
	for lines.Scan() {
		row, err := readRow(lines.Bytes(), len(table.Columns))
		if err != nil {
			return fmt.Errorf("table %q of the backup: %w", table.Name, err)
		}
		if rows = append(rows, row); len(rows) == batch {
			if err := tx.Insert(ctx, table, rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return errors.Join(lines.Err(), tx.Insert(ctx, table, rows))
}

// readRow reads one line: strings, whole numbers and null.
func readRow(line []byte, columns int) ([]any, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var row []any
	if err := d.Decode(&row); err != nil {
		return nil, err
	}
	if len(row) != columns {
		return nil, fmt.Errorf("a row has %d columns of %d", len(row), columns)
	}
	for i, value := range row {
		switch value := value.(type) {
		case nil, string:
		case json.Number:
			n, err := value.Int64()
			if err != nil {
				return nil, errors.New("a row has a number that is none of ours")
			}
			row[i] = n
		default:
			return nil, fmt.Errorf("a row has a %T", value)
		}
	}
	return row, nil
}
