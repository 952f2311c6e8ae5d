package audit

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/store"
)

// tileRow is a tile as it stands in SQL.
type tileRow struct {
	number int64
	hashes []byte // none: what stands there is no hashes
}

func scanTile(r *sql.Rows) (t tileRow, err error) {
	var text string
	if err = r.Scan(&t.number, &text); err == nil {
		t.hashes, _ = parseTile(text) // what cannot be read is as good as missing
	}
	return t, err
}

// leafReader gives the stored hashes of rows, along their places.
type leafReader struct {
	q    store.Queryer
	page []tileRow
	from int64 // the number of the next tile that was not read
	over bool
}

const tilesAPage = 16

// load reads on until the first tile of the page is the one of a number, or a later one.
func (l *leafReader) load(ctx context.Context, number int64) (err error) {
	for {
		for len(l.page) > 0 && l.page[0].number < number {
			l.page = l.page[1:]
		}
		if len(l.page) > 0 || l.over {
			return nil
		}
		l.page, err = store.Collect(ctx, l.q, scanTile, `SELECT number, hashes FROM audit_tiles WHERE level = 0 AND number >= ? ORDER BY number LIMIT ?`,
			max(l.from, number), tilesAPage)
		if err != nil {
			return fmt.Errorf("read hashes of the audit: %w", err)
		}
		l.over = len(l.page) < tilesAPage
		if n := len(l.page); n > 0 {
			l.from = l.page[n-1].number + 1
		}
	}
}

// at gives the hash of a place. Places must be asked for in their order.
func (l *leafReader) at(ctx context.Context, place int64) (h tlog.Hash, found bool, err error) {
	number, offset := (place-1)/tileWidth, int((place-1)%tileWidth)*tlog.HashSize
	if err := l.load(ctx, number); err != nil {
		return tlog.Hash{}, false, err
	}
	if len(l.page) == 0 || l.page[0].number != number || len(l.page[0].hashes) <= offset {
		return tlog.Hash{}, false, nil
	}
	return tlog.Hash(l.page[0].hashes[offset : offset+tlog.HashSize]), true, nil
}

// next is the first place after the tile of a place that has a hash; 0: there is none.
func (l *leafReader) next(ctx context.Context, place int64) (int64, error) {
	for number := (place-1)/tileWidth + 1; ; number = l.page[0].number + 1 {
		if err := l.load(ctx, number); err != nil || len(l.page) == 0 {
			return 0, err
		}
		if len(l.page[0].hashes) > 0 {
			return l.page[0].number*tileWidth + 1, nil
		}
	}
}

// upperReader gives the stored hashes of whole tiles.
type upperReader struct {
	q  store.Queryer
	at map[int]*upperTile // by level: they are asked for in their order
}

type upperTile struct {
	number int64
	hashes []byte
}

// is says whether the stored hash at a place, counted from 0, of a level is h.
func (u *upperReader) is(ctx context.Context, level int, place int64, h tlog.Hash) (bool, error) {
	number, offset := place/tileWidth, int(place%tileWidth)*tlog.HashSize
	t := u.at[level]
	if t == nil || t.number != number {
		rows, err := store.Collect(ctx, u.q, scanTile, `SELECT number, hashes FROM audit_tiles WHERE level = ? AND number = ?`, level, number)
		if err != nil {
			return false, fmt.Errorf("read hashes of the audit: %w", err)
		}
		t = &upperTile{number: number}
		if len(rows) > 0 {
			t.hashes = rows[0].hashes
		}
		u.at[level] = t
	}
	return len(t.hashes) > offset && tlog.Hash(t.hashes[offset:offset+tlog.HashSize]) == h, nil
}

// checkpoint is one whose signature is good.
type checkpoint struct {
	tlog.Tree
	at time.Time // as the database has it, unsigned; zero: not known
}

// checkpointReader gives the checkpoints of the database and of the file together, in the order of their sizes. What is not signed as it should be, and
// what is in the file alone, it reports.
type checkpointReader struct {
	q      store.Queryer
	key    Key
	file   *notes // nil: there is none
	report *Report

	page     []storedNote
	after    int64
	over     bool
	inDB     *checkpoint // the next
	inFile   *checkpoint
	fileSize int64 // of the last one of the file that is ours

	forged      int64 // in the file
	missing     int64 // of the file, which are not in the database
	missingSpan span  // their sizes
}

type storedNote struct {
	size int64
	at   time.Time
	note string
}

func scanNote(r *sql.Rows) (n storedNote, err error) {
	var at int64
	err = r.Scan(&n.size, &at, &n.note)
	n.at = store.Time(at)
	return n, err
}

const notesAPage = 500

// nextInDB has inDB be the next of the database that is ours.
func (c *checkpointReader) nextInDB(ctx context.Context) (err error) {
	for c.inDB == nil {
		if len(c.page) == 0 {
			if c.over {
				return nil
			}
			c.page, err = store.Collect(ctx, c.q, scanNote, `SELECT size, at, note FROM audit_checkpoints WHERE size > ? ORDER BY size LIMIT ?`, c.after, notesAPage)
			if err != nil {
				return fmt.Errorf("read checkpoints: %w", err)
			}
			c.over = len(c.page) < notesAPage
			continue
		}
		n := c.page[0]
		c.page, c.after = c.page[1:], n.size
		tree, err := c.key.open(n.note)
		if err != nil || tree.N != n.size {
			c.report.find(CheckpointForged, n.size, n.size, "%s in the database is not signed by this hospital's key", checkpointAt(n.size, n.at))
			continue
		}
		c.inDB = &checkpoint{tree, n.at}
	}
	return nil
}

// nextInFile has inFile be the next of the file that is ours.
func (c *checkpointReader) nextInFile() error {
	for c.inFile == nil && c.file != nil {
		text, err := c.file.next()
		if err != nil {
			return fmt.Errorf("read the file of checkpoints: %w", err)
		}
		if text == "" {
			c.file = nil
			return nil
		}
		tree, err := c.key.open(text)
		switch {
		case err != nil:
			c.forged++
		case tree.N <= c.fileSize:
			c.report.find(CheckpointForged, tree.N, tree.N, "the file of checkpoints is not in order: %d rows after %d", tree.N, c.fileSize)
		default:
			c.fileSize, c.inFile = tree.N, &checkpoint{Tree: tree}
			c.report.InFile = tree.N
		}
	}
	return nil
}

// next gives the next checkpoint of both; nil: there is no more. It stays the next until taken.
func (c *checkpointReader) next(ctx context.Context) (*checkpoint, error) {
	if err := c.nextInDB(ctx); err != nil {
		return nil, err
	}
	if err := c.nextInFile(); err != nil {
		return nil, err
	}
	if c.inDB != nil && (c.inFile == nil || c.inDB.N <= c.inFile.N) {
		return c.inDB, nil
	}
	return c.inFile, nil
}

// take goes on after the one that next gave.
func (c *checkpointReader) take(n *checkpoint) {
	c.report.Sealed = n.N
	c.report.Checkpoints++
	if n == c.inFile {
		if c.inFile = nil; c.missing == 0 {
			c.missingSpan.from = n.N
		}
		c.missing, c.missingSpan.to = c.missing+1, n.N
		return
	}
	if c.inFile != nil && c.inFile.N == n.N {
		if c.inFile.Hash != n.Hash {
			c.report.find(CheckpointForged, n.N, n.N, "two different logs of %d rows were signed: one is in the database, the other in the file", n.N)
		}
		c.inFile = nil
	}
	c.inDB = nil
}

// upTo gives f every checkpoint up to a size.
func (c *checkpointReader) upTo(ctx context.Context, size int64, f func(checkpoint)) error {
	for {
		n, err := c.next(ctx)
		if err != nil || n == nil || n.N > size {
			return err
		}
		f(*n)
		c.take(n)
	}
}

// last gives f all that are left, and says how many rows the last one seals.
func (c *checkpointReader) last(ctx context.Context, f func(checkpoint)) (int64, error) {
	err := c.upTo(ctx, math.MaxInt64, f)
	return c.report.Sealed, err
}

// conclude reports what was gathered.
func (c *checkpointReader) conclude() {
	if c.forged > 0 {
		c.report.find(CheckpointForged, 0, 0, "checkpoints of the file that are not signed by this hospital's key: %d", c.forged)
	}
	if c.missing > 0 {
		c.report.find(CheckpointMissing, c.missingSpan.from, c.missingSpan.to,
			"checkpoints of the file that are not in the database: %d, of %d to %d rows", c.missing, c.missingSpan.from, c.missingSpan.to)
	}
}
