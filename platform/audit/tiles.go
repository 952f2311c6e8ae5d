package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/fault"
	"housecall/platform/store"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight // hashes
)

type tileID struct {
	level  int
	number int64
}

// tiles are the hashes of the tree in a transaction that adds to them.
type tiles struct {
	tx      *store.Tx
	read    map[tileID][]byte
	changed map[tileID]bool
}

func newTiles(tx *store.Tx) *tiles {
	return &tiles{tx, map[tileID][]byte{}, map[tileID]bool{}}
}

// tile gives the hashes of a tile; none when it is not there.
func (t *tiles) tile(ctx context.Context, id tileID) ([]byte, error) {
	if b, found := t.read[id]; found {
		return b, nil
	}
	var text string
	err := t.tx.QueryRowContext(ctx, `SELECT hashes FROM audit_tiles WHERE level = ? AND number = ?`, id.level, id.number).Scan(&text)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("read hashes of the audit: %w", err)
	}
	b, err := parseTile(text)
	if err != nil {
		return nil, ErrDamaged
	}
	t.read[id] = b
	return b, nil
}

func parseTile(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b)%tlog.HashSize != 0 || len(b) > tileWidth*tlog.HashSize {
		return nil, errors.New("these are no hashes")
	}
	return b, nil
}

// check finds tiles at the end of the tree of a size that hold more or less than they should.
func (t *tiles) check(ctx context.Context, size int64) error {
	for level := 0; ; level++ {
		id, width := tileID{level, size / tileWidth}, int(size%tileWidth)*tlog.HashSize
		b, err := t.tile(ctx, id)
		if err != nil {
			return err
		}
		if len(b) != width {
			return ErrDamaged
		}
		if size == 0 {
			return nil
		}
		size /= tileWidth
	}
}

// add adds the hash at a place, counted from 0, of a level, and above it what that completes.
func (t *tiles) add(ctx context.Context, level int, place int64, h tlog.Hash) error {
	id := tileID{level, place / tileWidth}
	b, err := t.tile(ctx, id)
	if err != nil {
		return err
	}
	if int64(len(b)) != place%tileWidth*tlog.HashSize {
		return ErrDamaged
	}
	b = append(b, h[:]...)
	t.read[id], t.changed[id] = b, true
	if len(b) < tileWidth*tlog.HashSize {
		return nil
	}
	return t.add(ctx, level+1, id.number, tileRoot(b))
}

// tileRoot is the hash of the subtree over a whole tile.
func tileRoot(b []byte) tlog.Hash {
	if len(b) == tlog.HashSize {
		return tlog.Hash(b)
	}
	half := len(b) / 2
	return tlog.NodeHash(tileRoot(b[:half]), tileRoot(b[half:]))
}

// save writes the tiles that changed.
func (t *tiles) save(ctx context.Context) error {
	for id := range t.changed {
		_, err := t.tx.ExecContext(ctx, `INSERT INTO audit_tiles (level, number, hashes) VALUES (?, ?, ?)
			ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes`, id.level, id.number, base64.StdEncoding.EncodeToString(t.read[id]))
		if err != nil {
			return fmt.Errorf("keep hashes of the audit: %w", err)
		}
	}
	return nil
}

// root is the hash of the tree of a size, at least 1.
func (t *tiles) root(ctx context.Context, size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, 0, len(indexes))
		for _, index := range indexes {
			tile := tlog.TileForIndex(tileHeight, index)
			b, err := t.tile(ctx, tileID{tile.L, tile.N})
			if err != nil {
				return nil, err
			}
			h, err := tlog.HashFromTile(tile, b, index)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			hashes = append(hashes, h)
		}
		return hashes, nil
	}))
}
