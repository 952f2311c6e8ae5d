package rooms

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/platform/fault"
)

const (
	// soon bounds every wait for a condition: far more than any of them needs, since machines may be busy.
	soon = time.Minute
	// testPatience replaces redisPatience where a busy machine must not look like Redis being away.
	testPatience = time.Minute
)

// guardGoroutines fails the test when goroutines outlive it. To be called first, so that its check comes last.
func guardGoroutines(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// eventually waits until the condition holds; pause lets time go by between two looks.
func eventually(t *testing.T, what string, pause func(), holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !holds(); pause() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func pollPause() { time.Sleep(10 * time.Millisecond) }

// TestRedisKeys looks at everything that is in Redis after all methods were used.
func TestRedisKeys(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	leases, once := NewRedisLeases(r), NewRedisOnce(r, time.Now)
	ctx := t.Context()
	const address, room, pass = "198.51.100.7", "0193-room", "0193-pass"

	lease, err := leases.Acquire(ctx, "node", room, 0)
	if err != nil {
		t.Fatal(err)
	}
	lease.Admitted = []string{"0193-session"}
	if err := leases.Renew(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Acquire(ctx, "node", "0193-released", 0); err != nil {
		t.Fatal(err)
	}
	if err := leases.Release(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if _, err := once.Spend(ctx, pass, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := once.Allow(ctx, "join "+address, 5, time.Hour); err != nil {
		t.Fatal(err)
	}

	keys := allKeys(t, r)
	if len(keys) < 4 {
		t.Fatalf("only %d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "housecall:") {
			t.Errorf("key %q lacks the prefix", key)
		}
		if key == heartbeatsKey || key == nodesKey {
			continue // live two seconds: they may be gone by now
		}
		if life := r.client.PTTL(ctx, key).Val(); life <= 0 {
			t.Errorf("key %q lives %v: it would stay for ever", key, life)
		}
		for _, secret := range []string{address, room, pass} {
			if strings.Contains(key, secret) {
				t.Errorf("key %q holds %q readably", key, secret)
			}
		}
	}
	if life := r.client.PTTL(ctx, redisPrefix+"spent:"+digest(pass)).Val(); life <= time.Hour {
		t.Errorf("a pass good for an hour is remembered for %v, want some slack beyond", life)
	}
}

func TestHeartbeatsExpire(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	if _, err := NewRedisLeases(r).Beat(t.Context(), Node{ID: "node"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the heartbeats are gone", pollPause, func() bool { return len(allKeys(t, r)) == 0 })
}

func allKeys(t *testing.T, r *Redis) []string {
	t.Helper()
	keys, err := r.client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRedisCallerGivesUp(t *testing.T) {
	guardGoroutines(t)
	r := startRedis(t).open(testPatience)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewRedisLeases(r).Beat(ctx, Node{ID: "node"}); !errors.Is(err, fault.TryAgain) || !errors.Is(err, context.Canceled) {
		t.Errorf("a beat nobody waits for: %v", err)
	}
}
