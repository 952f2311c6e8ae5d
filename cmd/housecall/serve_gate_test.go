package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"rsc.io/qr"

	"housecall/cmd/housecall/server"
)

func TestServeReadsDomains(t *testing.T) {
	for text, want := range map[string][]string{
		"visits.example.org": {"visits.example.org"}, "Visits.example.org, bücher.example": {"visits.example.org", "xn--bcher-kva.example"},
		"localhost": nil, "visits.example.org,": nil, "192.0.2.1": nil,
	} {
		var c server.Config
		var demo bool
		o := serveOptions(&c, &demo, io.Discard)
		err := o.parse([]string{"--domain", text}, func(string) string { return "" })
		if (err == nil) != (want != nil) || err == nil && !slices.Equal(c.TLS.Domains, want) {
			t.Errorf("%q: %v, %v", text, c.TLS.Domains, err)
		}
	}
}

// TestDrawQR reads the drawing back and compares it with the code, module by module.
func TestDrawQR(t *testing.T) {
	const link = "https://192.0.2.2:8443/v#vGqXR5avgYMRR6cwErYhlA"
	var b strings.Builder
	if err := drawQR(&b, link); err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(link, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if want := (code.Size + 2*quiet + 1) / 2; len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	for i, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;107m"), "\x1b[0m")
		for j, r := range []rune(line) {
			x, y := j-quiet, 2*i-quiet
			upper, lower := r == '█' || r == '▀', r == '█' || r == '▄'
			inside := func(y int) bool { return x >= 0 && y >= 0 && x < code.Size && y < code.Size }
			if upper != (inside(y) && code.Black(x, y)) || lower != (inside(y+1) && code.Black(x, y+1)) {
				t.Fatalf("line %d, column %d is %q", i, j, r)
			}
		}
	}
}

// TestShowToPhone: a log file or a pipe gets no drawing.
func TestShowToPhone(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	for _, w := range []io.Writer{f, &b} {
		if err := showToPhone(w, "Open it", "https://192.0.2.2"); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := f.Stat(); err != nil || st.Size() != 0 || b.Len() != 0 {
		t.Errorf("drawn for nobody: %v", err)
	}
}
