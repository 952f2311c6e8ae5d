package audit

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/store"
)

const (
	// remembered is how many places that differ are kept to be named; what is beyond is counted. It bounds memory.
	remembered = 100_000
	// farthest is beyond any place that a log comes to. What somebody has put beyond it is at no place: walking on from there, numbers would begin anew.
	farthest = int64(1) << 53
)

// Verify reads the whole log as it is at one moment and compares it with what was sealed: rows with the stored hashes of them, and what either adds up
// to with each signed checkpoint, those of the database and those of file (nil: there is none). It takes little memory, however long the log is.
func Verify(ctx context.Context, db *store.DB, key Key, file io.Reader) (Report, error) {
	var v *verifier
	err := db.Snapshot(ctx, func(tx *store.Tx) (err error) {
		v = newVerifier(tx, key, file)
		if err = v.read(ctx); err != nil {
			return err
		}
		return v.placeless(ctx, tx)
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify the audit: %w", err)
	}
	v.conclude()
	return v.report, nil
}

// standing is a row that stands where another was sealed.
type standing struct {
	place int64
	id    string
	hash  tlog.Hash
	leaf  tlog.Hash // what was sealed there
}

// verifier walks along the places of the log: at each there may be a row, a stored hash and a checkpoint.
type verifier struct {
	report      Report
	rows        *rowReader
	leaves      *leafReader
	upper       *upperReader
	checkpoints *checkpointReader

	byRows, byLeaves         frontier
	rowsBroken, leavesBroken bool  // by a place without one: no further root can be known
	rowsGood, leavesGood     int64 // how far the newest checkpoint that they add up to reaches
	notAsSigned              *span // what the first checkpoint that neither adds up to sealed

	lastRow, lastLeaf int64
	absent            []span              // places without a row
	wrong             []standing          // rows that differ from the stored hash
	strange           []standing          // rows whose place is another's, or none
	lost              map[tlog.Hash]int64 // what was sealed at places that have another row now, or none
	leafOf            map[int64]tlog.Hash // the same, the other way round
	unsealed          []standing          // rows beyond what was sealed, should one of them be a lost one
	noLeaf            []span              // places without a stored hash
	badNodes          []span              // hashes of the upper levels that are not what those below add up to
}

func newVerifier(tx *store.Tx, key Key, file io.Reader) *verifier {
	v := &verifier{rows: &rowReader{q: tx}, leaves: &leafReader{q: tx}, lost: map[tlog.Hash]int64{}, leafOf: map[int64]tlog.Hash{}}
	v.upper = &upperReader{q: tx, at: map[int]*upperTile{}}
	v.checkpoints = &checkpointReader{q: tx, key: key, report: &v.report}
	if file != nil {
		v.checkpoints.file = newNotes(file)
	}
	return v
}

// read walks to the end of everything there is.
func (v *verifier) read(ctx context.Context) error {
	for place := int64(1); ; {
		here, err := v.rowAt(ctx, place)
		if err != nil {
			return err
		}
		leaf, found, err := v.leaves.at(ctx, place)
		if err != nil {
			return err
		}
		if here == nil && !found {
			next, err := v.nextPlace(ctx, place)
			if err != nil {
				return err
			}
			if next <= place {
				return nil
			}
			// Nothing is known of what was here.
			v.absent, v.noLeaf = append(v.absent, span{place, next - 1}), append(v.noLeaf, span{place, next - 1})
			v.rowsBroken, v.leavesBroken = true, true
			if err := v.checkpoints.upTo(ctx, next-1, v.compare); err != nil {
				return err
			}
			place = next
			continue
		}
		if err := v.step(ctx, place, here, leaf, found); err != nil {
			return err
		}
		if err := v.checkpoints.upTo(ctx, place, v.compare); err != nil {
			return err
		}
		place++
	}
}

// placeless adds rows that wait for a place to those that wait for their seal.
func (v *verifier) placeless(ctx context.Context, q store.Queryer) error {
	var rows int64
	var since any // as it stands there, whatever that is
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*), MIN(at) FROM audit WHERE seq IS NULL`).Scan(&rows, &since); err != nil {
		return fmt.Errorf("look for rows of the audit without a place: %w", err)
	}
	if rows > 0 {
		v.report.Unsealed.add(rows, since)
	}
	return nil
}

// nextPlace is the next place that has anything, or that a checkpoint seals; 0: there is none.
func (v *verifier) nextPlace(ctx context.Context, place int64) (next int64, err error) {
	r, err := v.rows.peek(ctx)
	if err != nil {
		return 0, err
	}
	if r != nil {
		next = r.place.(int64) // rowAt has taken all others
	}
	leaf, err := v.leaves.next(ctx, place)
	if err != nil {
		return 0, err
	}
	if leaf > 0 && leaf <= farthest && (next == 0 || leaf < next) {
		next = leaf
	}
	if next > 0 {
		return next, nil
	}
	size, err := v.checkpoints.last(ctx, v.compare)
	return size + 1, err
}

// rowAt gives the row at a place; none when there is none. Rows that stand before it are at the place of another, or at none.
func (v *verifier) rowAt(ctx context.Context, place int64) (*row, error) {
	for {
		r, err := v.rows.peek(ctx)
		if err != nil || r == nil {
			return nil, err
		}
		at, ok := r.place.(int64)
		ok = ok && at <= farthest
		if ok && at > place {
			return nil, nil
		}
		found := *r
		v.rows.skip()
		v.report.Rows++
		if ok && at == place && v.lastRow < place {
			v.lastRow = place
			return &found, nil
		}
		v.keep(&v.strange, standing{place: at, id: found.id, hash: found.hash})
	}
}

// keep remembers a row, as long as there are few.
func (v *verifier) keep(list *[]standing, s standing) {
	if len(*list) >= remembered {
		v.report.More++
		return
	}
	*list = append(*list, s)
}

// step compares what is at one place.
func (v *verifier) step(ctx context.Context, place int64, here *row, leaf tlog.Hash, found bool) error {
	if found {
		v.lastLeaf = place
	}
	switch {
	case here == nil:
		if n := len(v.absent); n < remembered || v.absent[n-1].to == place-1 {
			v.absent = addTo(v.absent, place)
		} else {
			v.report.More++
		}
		v.lose(place, leaf)
		v.rowsBroken = v.rowsBroken || leaf != gap
	case !found:
		v.report.Unsealed.add(1, here.at)
		if len(v.unsealed) < remembered {
			v.unsealed = append(v.unsealed, standing{place: place, id: here.id, hash: here.hash})
		}
	case here.hash != leaf:
		v.keep(&v.wrong, standing{place: place, id: here.id, hash: here.hash, leaf: leaf})
		v.lose(place, leaf)
	}
	if !v.rowsBroken {
		h := gap
		if here != nil {
			h = here.hash
		}
		v.byRows.add(h, nil)
	}
	if !found {
		v.noLeaf, v.leavesBroken = addTo(v.noLeaf, place), true
	}
	if v.leavesBroken {
		return nil
	}
	var err error
	v.byLeaves.add(leaf, func(level int, number int64, h tlog.Hash) {
		if level%tileHeight == 0 && err == nil {
			var good bool
			if good, err = v.upper.is(ctx, level/tileHeight, number, h); err == nil && !good && len(v.badNodes) < remembered {
				v.badNodes = append(v.badNodes, span{number<<level + 1, (number + 1) << level})
			}
		}
	})
	return err
}

func (v *verifier) lose(place int64, leaf tlog.Hash) {
	if len(v.leafOf) < remembered {
		v.lost[leaf], v.leafOf[place] = place, leaf
	}
}

// compare looks at a checkpoint that is ours: what do rows and stored hashes up to it add up to?
func (v *verifier) compare(c checkpoint) {
	v.report.Unsealed = Waiting{} // what was met until here is sealed: a hash of it that is not there is missing
	before := max(v.rowsGood, v.leavesGood)
	rows, leaves := !v.rowsBroken && v.byRows.size == c.N, !v.leavesBroken && v.byLeaves.size == c.N
	good := false
	if rows && v.byRows.root() == c.Hash {
		v.rowsGood, good = c.N, true
	}
	if leaves && v.byLeaves.root() == c.Hash {
		v.leavesGood, good = c.N, true
	}
	if !good && (rows || leaves) && v.notAsSigned == nil && c.N > before {
		v.notAsSigned = &span{before + 1, c.N}
		v.report.find(NotAsSigned, before+1, c.N, "%s do not add up to %s: rows or their order were changed, and hashes with them", *v.notAsSigned, checkpointAt(c.N, c.at))
	}
}
