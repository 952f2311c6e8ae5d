package gate

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// What real clients begin with.
var beginnings = []struct {
	name  string
	bytes string // hex
	want  kind
}{
	{"TLS 1.3 hello", "16030102000100", kindTLS},
	{"TLS hello cut after its first byte", "16", kindTLS},
	{"GET", hex.EncodeToString([]byte("GET / HTTP/1.1\r\n")), kindHTTP},
	{"HTTP/2 without TLS", hex.EncodeToString([]byte("PRI * HTTP/2.0\r\n")), kindHTTP},
	{"an empty line before a request", "0d0a474554", kindHTTP},
	{"binding request", "000100002112a442000102030405060708090a0b", kindTURN},
	{"allocate request", "000300082112a442000102030405060708090a0b", kindTURN},
	{"framed binding request", "00140001000021" + "12a442000102030405060708090a0b", kindICE},
	{"framed binding request with attributes", "006c000100582112a442000102030405060708090a0b", kindICE},
	{"framed RTP", "00ac80600001000000010000", kindHTTP},
	{"zeroes", "00000000000000000000", kindHTTP},
	{"SOCKS", "05010000000000000000", kindHTTP},
	{"seven bytes of STUN", "000100002112a4", undecided},
	{"nine bytes of a frame", "001400010000211" + "2a4", undecided},
	{"nothing", "", undecided},
}

func TestKindOf(t *testing.T) {
	for _, c := range beginnings {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := kindOf(b); got != c.want {
			t.Errorf("%s: kind %d, want %d", c.name, got, c.want)
		}
	}
}

// FuzzKindOf: an answer never changes when more bytes come, there is one after decidedBy bytes, and what begins as TLS, STUN or a
// method of HTTP does is taken for that alone.
func FuzzKindOf(f *testing.F) {
	for _, c := range beginnings {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			f.Fatal(c.name, err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := kindOf(b)
		if len(b) >= decidedBy && whole == undecided {
			t.Fatalf("undecided after % x", b)
		}
		for i := range b {
			if early := kindOf(b[:i]); early != undecided && early != whole {
				t.Fatalf("% x: %d after %d bytes, then %d", b, early, i, whole)
			}
		}
		cookie := []byte{0x21, 0x12, 0xa4, 0x42}
		switch whole {
		case kindTURN:
			if !bytes.Equal(b[4:8], cookie) {
				t.Fatalf("% x is no STUN", b)
			}
		case kindICE:
			if !bytes.Equal(b[6:10], cookie) {
				t.Fatalf("% x is no framed STUN", b)
			}
		case kindTLS:
			if b[0] != 0x16 {
				t.Fatalf("% x is no TLS", b)
			}
		}
		if len(b) > 0 && (b[0] >= 'A' && b[0] <= 'Z') && whole != kindHTTP {
			t.Fatalf("%q is no HTTP", b)
		}
	})
}
