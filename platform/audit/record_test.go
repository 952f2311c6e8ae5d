package audit

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestRecordsAreForever: what a row's hash is made of can never change again, or nothing that was sealed would verify.
func TestRecordsAreForever(t *testing.T) {
	values := []any{"01940000-0000-7000-8000-000000000001", int64(1732784400000), "staff", "someone", "admin", "visit.show", "visit", "é", "allowed", ""}
	want := "housecall/audit/1t36:01940000-0000-7000-8000-000000000001i13:1732784400000t5:stafft7:someonet5:admint10:visit.showt5:visitt2:ét7:allowedt0:"
	if got := string(record(values)); got != want {
		t.Errorf("%s", got)
	}
	seen := map[string][]any{}
	for _, one := range [][]any{{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"abc"}, {nil, "abc"}, {int64(1)}, {"1"}, {[]byte("1")}, {1.0}, {nil}, {""}} {
		if other, found := seen[string(record(one))]; found {
			t.Errorf("%v is taken for %v", one, other)
		}
		seen[string(record(one))] = one
	}
}

// TestFrontier compares with the library's own way to a root, at every size.
func TestFrontier(t *testing.T) {
	var f frontier
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := range int64(1000) {
		h := tlog.RecordHash([]byte{byte(n), byte(n >> 8)})
		more, err := tlog.StoredHashesForRecordHash(n, h, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		f.add(h, func(level int, number int64, h tlog.Hash) {
			if want := stored[tlog.StoredHashIndex(level, number)]; h != want {
				t.Fatalf("at %d: level %d, number %d: %v, want %v", n, level, number, h, want)
			}
		})
		want, err := tlog.TreeHash(n+1, read)
		if err != nil || f.root() != want {
			t.Fatalf("root of %d: %v, want %v, %v", n+1, f.root(), want, err)
		}
	}
}
