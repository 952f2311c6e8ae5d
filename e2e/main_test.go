package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/e2e/stage"
)

// leaveWithin is how long what the tests started may take to end after them.
const leaveWithin = time.Minute

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

// world is what all tests share and none changes: the audio server, and the participants' pictures and tones as files.
var world struct {
	dir         string // for everything that goes when the tests end
	sound       *stage.Sound
	cameras     [len(stage.Pictures)]string
	microphones [len(stage.Tones)]string
	binary      func() (string, error) // the housecall program, built when first asked for
}

func inside(m *testing.M) int {
	dir, err := os.MkdirTemp("", "housecall-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if err := closeDesks(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	world.sound.Close()
	left, err := stage.Leftovers()
	// What a browser started ends a moment after it.
	for soon := time.Now().Add(leaveWithin); err == nil && len(left) > 0 && time.Now().Before(soon); left, err = stage.Leftovers() {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil || len(left) > 0 {
		fmt.Fprintln(os.Stderr, "e2e: processes outlived the tests:", strings.Join(left, ", "), err)
		return 1
	}
	return code
}

func build(dir string) error {
	world.dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range stage.Pictures {
		var err error
		if world.cameras[i], err = stage.DrawPicture(ctx, dir, stage.Pictures[i]); err != nil {
			return err
		}
		if world.microphones[i], err = stage.PlayTone(ctx, dir, stage.Tones[i]); err != nil {
			return err
		}
	}
	soundDir := filepath.Join(dir, "sound")
	if err := os.Mkdir(soundDir, 0o700); err != nil {
		return fmt.Errorf("directory of pulseaudio: %w", err)
	}
	world.binary = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "housecall")
		build := exec.Command("go", "build", "-trimpath", "-o", path, "housecall/cmd/housecall") // as `make build` does, so that nothing is compiled twice
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build housecall: %w: %s", err, out)
		}
		return path, nil
	})
	sound, err := stage.StartSound(ctx, soundDir)
	world.sound = sound
	return err
}
