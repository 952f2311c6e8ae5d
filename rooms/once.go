package rooms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"housecall/platform/fault"
)

// spentSlack is how much longer than its own life a spent id is remembered: nodes' clocks differ, and whoever verifies a pass
// grants it a small leeway.
const spentSlack = time.Minute

// Once counts what may happen once, or only so often, on all nodes together: passes spent, and tries within a window. Every
// method may be called from any goroutine, returns within two seconds, and answers with an error that wraps
// fault.TryAgain when the store is away, or fault.NotValid when an argument makes no sense; then nothing is allowed.
type Once interface {
	// Spend marks the id as used. Of all calls with one id, on all nodes, exactly one is told true. The id is
	// remembered until a minute after until; whoever calls has to refuse ids older than that by itself.
	Spend(ctx context.Context, id string, until time.Time) (first bool, err error)

	// Allow counts one try under the key and says whether it is within limit tries in a window, which begins
	// with the first try. A try that is refused does not count; retryAfter is then the time until the window
	// ends, more than zero, and otherwise zero. The key is hashed before it is stored, so it may hold an address.
	Allow(ctx context.Context, key string, limit int, window time.Duration) (allowed bool, retryAfter time.Duration, err error)

	// GiveBack takes one try back that Allow has counted under the key; the window ends as before. When that window is over by
	// now, nothing happens, or a try of the one that has begun since is taken back.
	GiveBack(ctx context.Context, key string) error
}

// digest names an id or a key in a store: 128 bits of SHA-256, so that what stands there is of one size and not readable.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

func checkSpend(id string) error {
	if id == "" {
		return fmt.Errorf("spend an empty id: %w", fault.NotValid)
	}
	return nil
}

func checkGiveBack(key string) error {
	if key == "" {
		return fmt.Errorf("give a try back under no key: %w", fault.NotValid)
	}
	return nil
}

func checkAllow(key string, limit int, window time.Duration) error {
	if key == "" || limit < 1 || window < time.Millisecond {
		return fmt.Errorf("allow %d tries in %v: %w", limit, window, fault.NotValid)
	}
	return nil
}
