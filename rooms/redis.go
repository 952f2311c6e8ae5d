package rooms

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"housecall/platform/fault"
)

const (
	// redisPrefix begins every key of ours, so that Redis may be shared with other programs.
	redisPrefix = "housecall:"
	// redisPatience is how long one operation may take, connecting and retrying included. Joining needs up to
	// two operations and must be answered within two seconds while Redis hangs (FAULTS.md).
	redisPatience = 900 * time.Millisecond
	redisBackoff  = 50 * time.Millisecond // before a retry
)

// Redis is a connection to the Redis that nodes share: one server, one that sentinels watch over, or a cluster. It connects when first used and
// reconnects by itself, so a server starts, and goes on, while Redis is away.
type Redis struct {
	client   redis.UniversalClient
	patience time.Duration
}

// OpenRedis prepares connections to the Redis at address, which has one of these forms (docs/operating.md has their options):
//
//	redis://USER:PASSWORD@HOST:6379/DATABASE
//	redis+sentinel://USER:PASSWORD@HOST:26379,HOST:26379,HOST:26379/DATABASE?master=NAME
//	redis+cluster://USER:PASSWORD@HOST:6379,HOST:6379
//	unix://USER:PASSWORD@PATH?db=DATABASE
//
// and rediss, rediss+sentinel or rediss+cluster for TLS. An error means that the address can't be read; its text holds no password.
func OpenRedis(address string) (*Redis, error) { return openRedis(address, redisPatience) }

func openRedis(address string, patience time.Duration) (*Redis, error) {
	a, err := parseRedis(address)
	if err != nil {
		return nil, fmt.Errorf("read the address of Redis: %w", err)
	}
	return &Redis{client: a.client(patience), patience: patience}, nil
}

// Close ends all connections. Operations under way fail with fault.TryAgain.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}

// Ping says whether Redis answers now, in a cluster the node that has the leases: nil, or an error that wraps fault.TryAgain.
func (r *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	return away("ping Redis", r.client.Exists(ctx, heartbeatsKey).Err())
}

// KEYS: any. Returns the time in microseconds of the server that has the key.
var clockScript = redis.NewScript(luaClock + `return digits(now)`)

// Ahead says how far Redis's clock, by which leases go, is ahead of ours. Errors are those of Ping.
func (r *Redis) Ahead(ctx context.Context) (time.Duration, error) {
	asked := time.Now()
	micros, err := r.run(ctx, clockScript, []string{heartbeatsKey}).Int64()
	if err != nil {
		return 0, away("ask Redis for the time", err)
	}
	return time.UnixMicro(micros).Sub(asked.Add(time.Since(asked) / 2)), nil
}

// run plays one of our scripts, in which Redis does everything or nothing. All keys of one have to be in one slot of a cluster.
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
