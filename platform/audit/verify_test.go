package audit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"housecall/platform/audit"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// brief is what findings say, without their words.
func brief(r audit.Report) string {
	var all []string
	for _, f := range r.Findings {
		s := fmt.Sprintf("%s %d-%d", f.Kind, f.From, f.To)
		if f.SealedAt > 0 {
			s += fmt.Sprintf(" from %d", f.SealedAt)
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

// TestTampering does to the log what somebody with the database may do, and wants it named, no more and no less.
func TestTampering(t *testing.T) {
	for _, c := range []struct {
		name     string
		tamper   func(h *hospital)
		want     string // with the file
		row      int    // at which place the row stands that the first finding names; 0: nowhere
		withoutF string // without the file, where that differs
	}{
		{name: "nothing", tamper: func(*hospital) {}},
		{name: "unsealed rows", tamper: func(h *hospital) { h.acts(3) }},
		{name: "a row edited", tamper: func(h *hospital) { h.sql(`UPDATE audit SET actor_id = 'somebody else' WHERE seq = 300`) },
			want: "edited 300-300", row: 300},
		{name: "rows edited, also the last", tamper: func(h *hospital) { h.sql(`UPDATE audit SET at = at + 1 WHERE seq IN (1, 256, 257, 600)`) },
			want: "edited 1-1; edited 256-256; edited 257-257; edited 600-600", row: 1},
		{name: "a row's id edited", tamper: func(h *hospital) { h.sql(`UPDATE audit SET id = 'x' WHERE seq = 7`) }, want: "edited 7-7", row: 7},
		{name: "a row deleted", tamper: func(h *hospital) { h.sql(`DELETE FROM audit WHERE seq = 257`) }, want: "deleted 257-257"},
		{name: "rows deleted", tamper: func(h *hospital) { h.sql(`DELETE FROM audit WHERE seq IN (1, 2, 3, 500)`) }, want: "deleted 1-3; deleted 500-500"},
		{name: "a row deleted and the gap closed", tamper: func(h *hospital) {
			h.sql(`DELETE FROM audit WHERE seq = 590`)
			h.sql(`UPDATE audit SET seq = -seq WHERE seq > 590`)
			h.sql(`UPDATE audit SET seq = -seq - 1 WHERE seq < 0`)
		}, want: "reordered 590-599 from 591; deleted 590-590"},
		{name: "a row put in", tamper: func(h *hospital) {
			h.sql(`UPDATE audit SET seq = -seq WHERE seq > 590`)
			h.sql(`UPDATE audit SET seq = -seq + 1 WHERE seq < 0`)
			h.sql(`INSERT INTO audit SELECT 'forged', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, 591 FROM audit WHERE seq = 1`)
		}, want: "inserted 591-591; reordered 592-601 from 591", row: 591},
		{name: "a row put in at a place of another", tamper: func(h *hospital) {
			h.sql(`DROP INDEX audit_by_seq`)
			h.sql(`INSERT INTO audit SELECT 'zz', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, 20 FROM audit WHERE seq = 1`)
		}, want: "inserted 20-20"},
		{name: "a row put in before the first", tamper: func(h *hospital) {
			h.sql(`INSERT INTO audit SELECT 'zz', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, -5 FROM audit WHERE seq = 1`)
		}, want: "inserted 0-0"},
		{name: "a row put in at the last place that there can be", tamper: func(h *hospital) {
			h.sql(`INSERT INTO audit SELECT 'zz', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, 9223372036854775807 FROM audit WHERE seq = 1`)
		}, want: "inserted 9223372036854775807-9223372036854775807"},
		{name: "a row put in at a place that is none", tamper: func(h *hospital) {
			place := `'z'`
			if storetest.OnPostgres() { // which takes no word for a number
				place = `-5`
			}
			h.sql(`INSERT INTO audit SELECT 'zz', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, ` + place + ` FROM audit WHERE seq = 1`)
		}, want: "inserted 0-0"},
		{name: "hashes put in at the last places that there can be", tamper: func(h *hospital) {
			h.sql(`INSERT INTO audit_tiles SELECT level, 36028797018963967, hashes FROM audit_tiles WHERE level = 0 AND number = 0`)
		}},
		{name: "two rows changed places", tamper: func(h *hospital) {
			h.sql(`UPDATE audit SET seq = -1 WHERE seq = 10`)
			h.sql(`UPDATE audit SET seq = 10 WHERE seq = 400`)
			h.sql(`UPDATE audit SET seq = 400 WHERE seq = -1`)
		}, want: "reordered 10-10 from 400; reordered 400-400 from 10", row: 10},
		{name: "cut off at the end", tamper: func(h *hospital) { h.sql(`DELETE FROM audit WHERE seq > 550`) }, want: "cut_off 551-600"},
		{name: "cut off, and written on", tamper: func(h *hospital) { h.sql(`DELETE FROM audit WHERE seq > 550`); h.acts(2) }, want: "deleted 551-600"},
		{name: "cut off with hashes and checkpoints, as of an older copy", tamper: func(h *hospital) {
			h.sql(`DELETE FROM audit WHERE seq > 512`)
			h.sql(`DELETE FROM audit_checkpoints WHERE size > 512`)
			h.sql(`DELETE FROM audit_tiles WHERE level = 0 AND number = 2`)
		}, want: "cut_off 513-600; hash_missing 513-600; checkpoint_missing 600-600", withoutF: "-"},
		{name: "everything deleted", tamper: func(h *hospital) {
			h.sql(`DELETE FROM audit`)
			h.sql(`DELETE FROM audit_tiles`)
			h.sql(`DELETE FROM audit_checkpoints`)
		}, want: "cut_off 1-600; hash_missing 1-600; checkpoint_missing 300-600", withoutF: "-"},
		{name: "a stored hash changed", tamper: func(h *hospital) { h.swapHash(0, 0, 40) }, want: "hash_changed 41-41", row: 41},
		{name: "a stored hash of an upper level changed", tamper: func(h *hospital) { h.swapHash(1, 0, 1) }, want: "hash_changed 257-512"},
		{name: "stored hashes deleted", tamper: func(h *hospital) { h.sql(`DELETE FROM audit_tiles WHERE level = 0 AND number = 1`) }, want: "hash_missing 257-512"},
		{name: "stored hashes that are none", tamper: func(h *hospital) { h.sql(`UPDATE audit_tiles SET hashes = '?' WHERE level = 0 AND number = 2`) },
			want: "hash_missing 513-600"},
		{name: "a row edited, its stored hash deleted", tamper: func(h *hospital) {
			h.sql(`UPDATE audit SET detail = 'x' WHERE seq = 300`)
			h.sql(`DELETE FROM audit_tiles WHERE level = 0 AND number = 1`)
		}, want: "not_as_signed 1-300; hash_missing 257-512"},
		{name: "a row edited, and its hash with it", tamper: func(h *hospital) {
			h.sql(`UPDATE audit SET outcome = 'refused' WHERE seq = 450`)
			h.rehash()
		}, want: "not_as_signed 301-512"},
		{name: "a checkpoint deleted", tamper: func(h *hospital) { h.sql(`DELETE FROM audit_checkpoints WHERE size = 512`) },
			want: "checkpoint_missing 512-512", withoutF: "-"},
		{name: "the newest checkpoint deleted", tamper: func(h *hospital) { h.sql(`DELETE FROM audit_checkpoints WHERE size = 600`) },
			want: "checkpoint_missing 600-600", withoutF: "checkpoint_missing 513-600"},
		{name: "a checkpoint changed", tamper: func(h *hospital) {
			h.sql(`UPDATE audit_checkpoints SET note = replace(note, '600', '599') WHERE size = 600`)
		},
			want: "checkpoint_forged 600-600; checkpoint_missing 600-600", withoutF: "checkpoint_missing 513-600; checkpoint_forged 600-600"},
		{name: "a checkpoint moved", tamper: func(h *hospital) {
			h.sql(`DELETE FROM audit_checkpoints WHERE size = 512`)
			h.sql(`UPDATE audit_checkpoints SET size = 512 WHERE size = 600`)
		}, want: "checkpoint_forged 512-512; checkpoint_missing 512-600", withoutF: "checkpoint_missing 301-600; checkpoint_forged 512-512"},
		{name: "a whole log written anew, with another key", tamper: func(h *hospital) {
			h.sql(`UPDATE audit SET actor_id = 'somebody else' WHERE seq = 5`)
			h.forge()
		}, want: "not_as_signed 1-300; checkpoint_missing 300-600; checkpoint_forged 600-600", withoutF: "checkpoint_missing 1-600; checkpoint_forged 600-600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sealed(t)
			c.tamper(h)
			r := h.verify(true)
			if got := brief(r); got != c.want || r.Whole() != (c.want == "") {
				t.Errorf("found %q, want %q\n%+v", got, c.want, r)
			}
			if c.row > 0 && r.Findings[0].Row != h.id(c.row) {
				t.Errorf("row %q named, want %q", r.Findings[0].Row, h.id(c.row))
			}
			if c.withoutF != "" {
				if got := brief(h.verify(false)); got != strings.TrimPrefix(c.withoutF, "-") {
					t.Errorf("without the file: found %q, want %q", got, c.withoutF)
				}
			}
		})
	}
}

// TestWhatWaitsForItsSeal: it is counted as what it is, whatever else was done to the log.
func TestWhatWaitsForItsSeal(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper string
		want   int64
	}{
		{"nothing", `UPDATE audit SET seq = seq`, 3},
		{"a row that has no place", `UPDATE audit SET seq = NULL WHERE seq = 40`, 4},
		{"hashes deleted", `DELETE FROM audit_tiles`, 3},
		{"a row put in far beyond", `INSERT INTO audit SELECT 'zz', at, actor_kind, actor_id, actor_role, action, subject_kind, subject_id, outcome, detail, 90000 FROM audit WHERE seq = 1`, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sealed(t)
			h.acts(3)
			h.sql(c.tamper)
			if r := h.verify(true); r.Unsealed.Rows != c.want || r.Unsealed.Since.IsZero() {
				t.Errorf("%d rows since %v, want %d", r.Unsealed.Rows, r.Unsealed.Since, c.want)
			}
		})
	}
}

// sealed is a log of 600 rows, sealed at 300, 512 and 600.
func sealed(t *testing.T) *hospital {
	t.Helper()
	h := open(t)
	for _, n := range []int{300, 212, 88} {
		h.acts(n)
		h.seal()
	}
	return h
}

// TestTheFileOfCheckpoints: what was done to it is named as well.
func TestTheFileOfCheckpoints(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"changed", "\n512\n", "\n511\n", "checkpoint_forged 0-0"},
		{"half a checkpoint at its end, as a crash leaves it", "", "housecall/audit/0\n7", ""},
		{"another word in it", "", "hello\n\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sealed(t)
			text := h.file()
			if c.from == "" {
				text += c.to
			} else if text = strings.Replace(text, c.from, c.to, 1); text == h.file() {
				t.Fatal("nothing to change")
			}
			if err := os.WriteFile(h.log.File, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := brief(h.verify(true)); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestVerifyBesideAServer: rows that are written and sealed meanwhile disturb nothing.
func TestVerifyBesideAServer(t *testing.T) {
	h := sealed(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			err := h.db.Tx(h.Context(), func(tx *store.Tx) error { return store.Audit(h.Context(), tx, act(1)) })
			if err == nil {
				_, err = h.log.Seal(h.Context())
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	for looking := true; looking; {
		select {
		case <-done:
			looking = false
		default:
		}
		if r := h.verify(true); !r.Whole() {
			t.Fatalf("found %+v", r)
		}
	}
	if r := h.verify(true); r.Sealed != 620 || r.Rows != 620 {
		t.Errorf("%+v", r)
	}
}
