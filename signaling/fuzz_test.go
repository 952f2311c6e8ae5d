package signaling

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzDecode wants of every message that is taken: it is within the limits, and written again it means the same.
func FuzzDecode(f *testing.F) {
	for _, direction := range []string{"client", "server"} {
		for _, b := range golden(f, direction) {
			f.Add(b)
		}
	}
	f.Add([]byte(`{"type":"chat","id":"\u0031","text":"\ud83d\ude00"}`))
	f.Add([]byte(`{"type":"offer","offer":"x","sources":{"0":"camera","0":"camera"}}`))
	f.Add([]byte(`{"type":"media","media":{"camera":null}}`))
	f.Add([]byte(`{"type":"tell","id":"1","member":"","text":"\u0000"}`))
	f.Add([]byte(`{"type":"check","check":{"camera":"ok","camera":"ok"}}`))
	f.Add([]byte(`{"type":"check","check":{"rtt_ms":1e2,"loss_pct":-1}}`))
	f.Add([]byte(`{"type":"private","on":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if !utf8.Valid(b) {
			t.Fatal("took what is not UTF-8")
		}
		again := wire(t, m)
		if len(again) > MaxFrame {
			return // a field left out is written as empty, which may make it longer
		}
		n, err := Decode(again)
		if err != nil {
			t.Fatalf("written again, refused: %v", err)
		}
		if canonical(t, wire(t, n)) != canonical(t, again) {
			t.Fatal("means something else when written again")
		}
	})
}
