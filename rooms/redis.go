package rooms

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"housecall/platform/fault"
)

const (
	// redisPrefix begins every key of ours, so that Redis may be shared with other programs.
	redisPrefix = "housecall:"
	// redisPatience is how long one operation may take, connecting and retrying included. Joining needs up to
	// two operations and must be answered within two seconds while Redis hangs (FAULTS.md).
	redisPatience = 900 * time.Millisecond
)

// Redis is a connection to the Redis that nodes share. It connects when first used and reconnects by
// itself, so a server starts, and goes on, while Redis is away.
type Redis struct {
	client   *redis.Client
	patience time.Duration
}

// OpenRedis prepares connections to the Redis at address: redis://[user:password@]host:port/database, rediss:// for TLS, or
// unix://path. An error means that the address can't be read; its text holds no part of the address, which may hold a password.
func OpenRedis(address string) (*Redis, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err
		}
		return nil, fmt.Errorf("read the address of Redis: %w", err)
	}
	// The context of each operation bounds it as a whole; these bound its parts.
	options.ContextTimeoutEnabled = true
	options.DialTimeout = redisPatience
	options.ReadTimeout = redisPatience
	options.WriteTimeout = redisPatience
	options.PoolTimeout = redisPatience
	options.DialerRetries = 1
	// One retry crosses a restart of Redis, of which the pooled connections have not heard.
	options.MaxRetries = 1
	options.MaxRetryBackoff = 50 * time.Millisecond
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Redis{client: redis.NewClient(options), patience: redisPatience}, nil
}

// Close ends all connections. Operations under way fail with fault.TryAgain.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}

// Ping says whether Redis answers now: nil, or an error that wraps fault.TryAgain.
func (r *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	return away("ping Redis", r.client.Ping(ctx).Err())
}

// Ahead says how far Redis's clock is ahead of ours. Errors are those of Ping.
func (r *Redis) Ahead(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	asked := time.Now()
	clock, err := r.client.Time(ctx).Result()
	if err != nil {
		return 0, away("ask Redis for the time", err)
	}
	return clock.Sub(asked.Add(time.Since(asked) / 2)), nil
}

// run plays one of our scripts, in which Redis does everything or nothing. All keys have to be in one slot of a cluster.
func (r *Redis) run(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	return script.Run(ctx, r.client, keys, args...)
}

// away makes any failure of Redis a fault.TryAgain: whatever it is, the person can only try again.
func away(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fault.Away(fmt.Errorf("%s: %w", doing, err))
}
