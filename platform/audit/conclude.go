package audit

import (
	"cmp"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// conclude makes findings of what the walk remembered: it knows now which rows stand elsewhere, and whether to believe rows or stored hashes.
func (v *verifier) conclude() {
	r := &v.report
	v.checkpoints.conclude()
	stands := map[tlog.Hash]bool{}
	for _, list := range [][]standing{v.wrong, v.strange, v.unsealed} {
		for _, s := range list {
			stands[s.hash] = true
		}
	}
	v.moved(v.wrong, v.strange, v.unsealed)
	v.judgeWrong(stands)
	for _, s := range v.strange {
		if _, found := v.lost[s.hash]; !found {
			r.find(Inserted, max(s.place, 0), max(s.place, 0), "row %s was put in: it stands at a place of another, or at none", s.id).Row = s.id
		}
	}
	for _, gone := range v.deleted(stands) {
		if gone.from > v.lastRow {
			r.find(CutOff, gone.from, gone.to, "the rows of %s are cut off at the end", gone)
		} else {
			r.find(Deleted, gone.from, gone.to, "the rows of %s are deleted", gone)
		}
	}
	for _, s := range v.noLeaf {
		if s.to = min(s.to, max(r.Sealed, v.lastLeaf)); s.from <= s.to {
			r.find(HashMissing, s.from, s.to, "the stored hashes of %s are missing", s)
		}
	}
	for _, s := range v.badNodes {
		if s.to <= v.leavesGood {
			r.find(HashChanged, s.from, s.to, "a stored hash of an upper level, over %s, was changed", s)
		}
	}
	if v.lastLeaf > r.Sealed {
		s := span{r.Sealed + 1, v.lastLeaf}
		r.find(CheckpointMissing, s.from, s.to, "%s have hashes, and the checkpoint that sealed them is not there", s)
	}
	if s := (span{max(v.rowsGood, v.leavesGood) + 1, min(r.Sealed, v.lastRow)}); v.notAsSigned == nil && s.from <= s.to {
		r.find(NotProven, s.from, s.to, "%s cannot be compared with what was signed: rows and hashes before them are gone", s)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.From, b.From) })
}

// believesRow says whether at a place the row is what was signed, and the stored hash is not.
func (v *verifier) believesRow(place int64) bool { return place > v.leavesGood && place <= v.rowsGood }

// judgeWrong names the rows that differ from the stored hash at their place, and were not found to be those of another.
func (v *verifier) judgeWrong(stands map[tlog.Hash]bool) {
	for _, s := range v.wrong {
		_, moved := v.lost[s.hash]
		kind, detail := Edited, "row %s (place %d) is not the one that was sealed: it was edited, or put there instead"
		switch {
		case v.believesRow(s.place):
			kind, detail = HashChanged, "the stored hash of row %s (place %d) was changed; the row is as it was signed"
		case moved:
			continue
		case s.leaf == gap, stands[s.leaf]:
			kind, detail = Inserted, "row %s (place %d) was put in"
		case s.place > max(v.leavesGood, v.rowsGood):
			detail += ", or its stored hash was"
		}
		v.report.find(kind, s.place, s.place, detail, s.id, s.place).Row = s.id
	}
}

// moved names rows that were sealed at other places than they stand at; neighbours that moved together in one.
func (v *verifier) moved(lists ...[]standing) {
	type move struct {
		span
		by int64
		id string
	}
	var moves []move
	for _, s := range slices.Concat(lists...) {
		at, found := v.lost[s.hash]
		if !found || v.believesRow(s.place) {
			continue
		}
		moves = append(moves, move{span{s.place, s.place}, s.place - at, s.id})
	}
	slices.SortStableFunc(moves, func(a, b move) int { return cmp.Compare(a.from, b.from) })
	for i := 0; i < len(moves); {
		m := moves[i]
		for i++; i < len(moves) && moves[i].from == m.to+1 && moves[i].by == m.by; i++ {
			m.to = moves[i].from
		}
		sealed := span{m.from - m.by, m.to - m.by}
		if m.from == m.to {
			f := v.report.find(Reordered, m.from, m.to, "row %s was sealed at %s and stands at %s", m.id, sealed, m.span)
			f.Row, f.SealedAt = m.id, sealed.from
		} else {
			v.report.find(Reordered, m.from, m.to, "the rows sealed at %s stand at %s", sealed, m.span).SealedAt = sealed.from
		}
	}
}

// deleted gives the places whose sealed rows stand nowhere: those without a row, and those that another moved to.
func (v *verifier) deleted(stands map[tlog.Hash]bool) (gone []span) {
	for _, s := range v.absent {
		if s.to-s.from >= remembered {
			gone = append(gone, s)
			continue
		}
		for place := s.from; place <= s.to; place++ {
			if leaf, found := v.leafOf[place]; !found || !stands[leaf] {
				gone = addTo(gone, place)
			}
		}
	}
	for _, s := range v.wrong {
		if _, moved := v.lost[s.hash]; moved && s.leaf != gap && !stands[s.leaf] && !v.believesRow(s.place) {
			gone = append(gone, span{s.place, s.place})
		}
	}
	return gone
}
