package rooms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisOnce is a Once that all nodes at one Redis share: per spent id and per key of tries one Redis key, which expires by itself.
// A Redis that was emptied has forgotten them: until it expires a pass could be used again, and counts of tries begin anew.
type RedisOnce struct {
	redis *Redis
	now   func() time.Time
}

// NewRedisOnce returns the Once kept in r. now tells how long a spent id still has to live; windows run by the clock of Redis.
func NewRedisOnce(r *Redis, now func() time.Time) *RedisOnce { return &RedisOnce{redis: r, now: now} }

// KEYS: the window. ARGV: limit, window in ms. Returns 0 when the try is allowed, otherwise the milliseconds to wait. A window
// longer than asked for, or without an end, is begun anew: it can only be left over from another setting.
var allowScript = redis.NewScript(`
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local tries, left = tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])
if left < 0 or left > window then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
  return 0
end
if tries >= limit then
  return math.max(left, 1)
end
redis.call('INCR', KEYS[1])
return 0
`)

// KEYS: the window. A counter that expires keeps its end.
var giveBackScript = redis.NewScript(`
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
  redis.call('DECR', KEYS[1])
end
return 0
`)

// Spend implements Once. Should an answer of Redis be lost on the way, the retry finds the id spent: nobody is told true, the
// pass is wasted and its holder fetches another. It never errs the other way.
func (o *RedisOnce) Spend(ctx context.Context, id string, until time.Time) (bool, error) {
	if err := checkSpend(id); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.redis.patience)
	defer cancel()
	life := max(until.Sub(o.now()), 0) + spentSlack
	err := o.redis.client.SetArgs(ctx, redisPrefix+"spent:"+digest(id), 1, redis.SetArgs{Mode: "NX", TTL: life}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, away("spend an id", err)
	}
	return true, nil
}

// Allow implements Once.
func (o *RedisOnce) Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	if err := checkAllow(key, limit, window); err != nil {
		return false, 0, err
	}
	wait, err := o.redis.run(ctx, allowScript, []string{triesKey(key)}, limit, window.Milliseconds()).Int64()
	if err != nil {
		return false, 0, away(fmt.Sprintf("count tries in %v", window), err)
	}
	return wait == 0, time.Duration(wait) * time.Millisecond, nil
}

// GiveBack implements Once. Should an answer of Redis be lost on the way, the retry takes one try more back.
func (o *RedisOnce) GiveBack(ctx context.Context, key string) error {
	if err := checkGiveBack(key); err != nil {
		return err
	}
	if err := o.redis.run(ctx, giveBackScript, []string{triesKey(key)}).Err(); err != nil {
		return away("give a try back", err)
	}
	return nil
}

func triesKey(key string) string { return redisPrefix + "tries:" + digest(key) }
