package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/e2e/stage"
)

// TestMain plays all tests inside namespaces of their own and fails if a process outlives them.
func TestMain(m *testing.M) {
	code, outside, err := stage.Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	if outside {
		os.Exit(code)
	}
	os.Exit(inside(m))
}

// audio is the one server all browsers play into; it holds nothing of a test.
var audio *stage.Sound

func inside(m *testing.M) int {
	dir, err := os.MkdirTemp("", "housecall-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	soundDir := filepath.Join(dir, "sound")
	if err := os.Mkdir(soundDir, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	if audio, err = stage.StartSound(ctx, soundDir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	audio.Close()
	left, err := stage.Leftovers()
	if err != nil || len(left) > 0 {
		fmt.Fprintln(os.Stderr, "e2e: processes outlived the tests:", strings.Join(left, ", "), err)
		return 1
	}
	return code
}
