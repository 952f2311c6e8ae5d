package rooms

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// buildRedisClock makes the library by which a test sets redis-server's clock.
func buildRedisClock(t *testing.T) (library string) {
	t.Helper()
	library = filepath.Join(t.TempDir(), "clock.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-o", library, "testdata/clock.c").CombinedOutput(); err != nil {
		t.Fatalf("this test needs gcc: %v: %s", err, out)
	}
	return library
}

// redisClock is the clock of one redis-server.
type redisClock struct {
	t     *testing.T
	file  string
	ahead time.Duration
}

// startRedisWithClock starts a server that goes by a clock of its own.
func startRedisWithClock(t *testing.T, library string) (*redisServer, *redisClock) {
	t.Helper()
	clock := &redisClock{t: t, file: filepath.Join(t.TempDir(), "ahead")}
	clock.turn(0)
	s := startRedisAs(t, redisSetUp{args: plainRedis(t), ready: redisReady, address: "redis://127.0.0.1:PORT/0",
		env: []string{"LD_PRELOAD=" + library, "CLOCK_AHEAD=" + clock.file}})
	return s, clock
}

// turn sets the clock forward, or back, by whole seconds.
func (c *redisClock) turn(d time.Duration) {
	c.t.Helper()
	c.ahead += d
	file, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	// In place: the server has the file in its memory.
	if _, err := file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(c.ahead/time.Second)), 0); err != nil {
		c.t.Fatal(err)
	}
}

func TestRedisClock(t *testing.T) {
	guardGoroutines(t)
	server, clock := startRedisWithClock(t, buildRedisClock(t))
	r := server.open(testPatience)
	for _, turn := range []time.Duration{0, time.Hour, -3 * time.Hour} {
		clock.turn(turn)
		ahead, err := r.Ahead(t.Context())
		if off := ahead - clock.ahead; err != nil || off.Abs() > time.Minute {
			t.Errorf("turned to %v ahead: %v ahead, %v", clock.ahead, ahead, err)
		}
	}
}
