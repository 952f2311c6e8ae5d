// Package audit seals the rows that store.Audit writes, finds out whether they are as they were sealed, and shows them to who may read them.
// It owns the Merkle tree over the rows (its hashes and signed checkpoints, in SQL and in a file). The rows are store's.
// It must never sign what does not follow from what it signed before, and never change or remove a row, a hash or a checkpoint that is there.
package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/store"
)

// columns are those that a record is made of, in this order. A row's place is not one: the tree itself says which record is at which place, and so a row
// that was moved is known again.
const columns = `id, at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail`

const columnCount = 10

// gap is the record at a place that had no row when it was sealed: somebody had deleted it before.
var gap = tlog.RecordHash([]byte("housecall/audit/1 no row"))

// row is what the log needs of one row.
type row struct {
	place any // an int64, unless somebody made it something else
	at    any // likewise
	id    string
	hash  tlog.Hash
}

// record is the canonical form of a row: each column as its kind, its length and itself, so that no two rows have the same.
func record(values []any) []byte {
	b := []byte("housecall/audit/1")
	for _, value := range values {
		kind, text := byte('t'), ""
		switch v := value.(type) {
		case string:
			text = v
		case int64:
			kind, text = 'i', strconv.FormatInt(v, 10)
		case []byte: // this and the following are nothing that we write
			kind, text = 'b', string(v)
		case nil:
			kind = 'n'
		default:
			kind, text = 'x', fmt.Sprint(v)
		}
		b = append(b, kind)
		b = strconv.AppendInt(b, int64(len(text)), 10)
		b = append(b, ':')
		b = append(b, text...)
	}
	return b
}

func scanRow(rows *sql.Rows) (r row, err error) {
	values, into := make([]any, 1+columnCount), make([]any, 1+columnCount)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return row{}, err
	}
	return row{place: values[0], at: values[2], id: fmt.Sprint(values[1]), hash: tlog.RecordHash(record(values[1:]))}, nil
}

// rowReader gives all rows that have a place, in the order of their places, a page at a time.
type rowReader struct {
	q    store.Queryer
	page []row
	last row
	read bool // the first page was
	over bool
}

const rowsAPage = 4096

// peek gives the next row, or none.
func (r *rowReader) peek(ctx context.Context) (*row, error) {
	if len(r.page) == 0 && !r.over {
		query, args := `SELECT seq, `+columns+` FROM audit WHERE seq IS NOT NULL ORDER BY seq, id LIMIT ?`, []any{rowsAPage}
		if r.read {
			query = `SELECT seq, ` + columns + ` FROM audit WHERE seq >= ? AND (seq > ? OR id > ?) ORDER BY seq, id LIMIT ?`
			args = []any{r.last.place, r.last.place, r.last.id, rowsAPage}
		}
		var err error
		if r.page, err = store.Collect(ctx, r.q, scanRow, query, args...); err != nil {
			return nil, fmt.Errorf("read the audit: %w", err)
		}
		r.read, r.over = true, len(r.page) < rowsAPage
		if n := len(r.page); n > 0 {
			r.last = r.page[n-1]
		}
	}
	if len(r.page) == 0 {
		return nil, nil
	}
	return &r.page[0], nil
}

// skip leaves out the row that peek gave.
func (r *rowReader) skip() { r.page = r.page[1:] }

// frontier is a Merkle tree as it grows: the roots of its whole subtrees, the largest first (RFC 6962, section 2.1).
type frontier struct {
	size  int64
	roots []subtree
}

type subtree struct {
	level int
	hash  tlog.Hash
}

// add adds a record. whole is called for each subtree that it completes.
func (f *frontier) add(h tlog.Hash, whole func(level int, number int64, h tlog.Hash)) {
	f.size++
	t := subtree{0, h}
	for n := len(f.roots); n > 0 && f.roots[n-1].level == t.level; n = len(f.roots) {
		t = subtree{t.level + 1, tlog.NodeHash(f.roots[n-1].hash, t.hash)}
		f.roots = f.roots[:n-1]
		if whole != nil {
			whole(t.level, f.size>>t.level-1, t.hash)
		}
	}
	f.roots = append(f.roots, t)
}

// root is the hash of the tree, which has a record at least.
func (f *frontier) root() tlog.Hash {
	i := len(f.roots) - 1
	h := f.roots[i].hash
	for i--; i >= 0; i-- {
		h = tlog.NodeHash(f.roots[i].hash, h)
	}
	return h
}

// ErrDamaged says that the hashes or the newest checkpoint in the database are not what was signed.
var ErrDamaged = errors.New("the audit log was changed: run `housecall audit verify`")
