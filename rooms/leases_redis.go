package rooms

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RedisLeases are Leases that all nodes at one Redis share. The clock of heartbeats and epochs is Redis's own.
//
// Redis holds one sorted set of heartbeats (node → when it is gone, in microseconds) and per room one hash with its
// host, epoch and admissions (ids only). The keys share the hash tag {leases}: a script needs a room and the
// heartbeats at once, and a Redis Cluster allows that only within one slot. Every key expires.
type RedisLeases struct {
	redis *Redis
}

// NewRedisLeases returns the leases kept in r.
func NewRedisLeases(r *Redis) *RedisLeases { return &RedisLeases{redis: r} }

const heartbeatsKey = redisPrefix + "{leases}:heartbeats"

func roomKey(room string) string { return redisPrefix + "{leases}:room:" + digest(room) }

// luaClock begins the scripts that need the time: now is in microseconds. Lua's numbers are exact up to 2^53, which
// microseconds reach in the year 2255; written out they need a format, or they lose their last digits.
const luaClock = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function digits(n) return string.format('%.0f', n) end
`

// luaBeat needs luaClock. Like MemoryLeases.alive it takes a heartbeat far ahead for one from before the clock was
// set back.
const luaBeat = `
local function alive(heartbeats, node, ttl)
  local gone = tonumber(redis.call('ZSCORE', heartbeats, node) or '0')
  return now < gone and gone <= now + 2 * ttl
end
local function beat(heartbeats, node, ttl)
  redis.call('ZREMRANGEBYSCORE', heartbeats, '-inf', digits(now))
  redis.call('ZREMRANGEBYSCORE', heartbeats, digits(now + 2 * ttl), '+inf')
  redis.call('ZADD', heartbeats, digits(now + ttl), node)
  redis.call('PEXPIRE', heartbeats, digits(ttl / 1000))
end
`

var (
	// KEYS: heartbeats. ARGV: node, heartbeat TTL in µs.
	beatScript = redis.NewScript(luaClock + luaBeat + `
beat(KEYS[1], ARGV[1], tonumber(ARGV[2]))
return 1
`)

	// KEYS: heartbeats, room. ARGV: node, heartbeat TTL in µs, memory of a room in ms.
	// Returns the host, its epoch and the snapshot; the host is another than node when it holds the room.
	acquireScript = redis.NewScript(luaClock + luaBeat + `
local node, ttl = ARGV[1], tonumber(ARGV[2])
local room = redis.call('HMGET', KEYS[2], 'host', 'epoch', 'admitted')
local host, epoch, admitted = room[1] or '', tonumber(room[2] or '0'), room[3] or ''
if host ~= node then
  if host ~= '' and alive(KEYS[1], host, ttl) then
    return {host, digits(epoch), admitted}
  end
  epoch = math.max(epoch + 1, now)
  redis.call('HSET', KEYS[2], 'host', node, 'epoch', digits(epoch), 'admitted', admitted)
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
beat(KEYS[1], node, ttl)
return {node, digits(epoch), admitted}
`)

	// KEYS: room. ARGV: node, epoch, snapshot, memory of a room in ms. Returns 1, or 0 when the lease is lost.
	renewScript = redis.NewScript(`
local room = redis.call('HMGET', KEYS[1], 'host', 'epoch')
local host, epoch, mine = room[1] or '', tonumber(room[2] or '0'), tonumber(ARGV[2])
if epoch > mine or (epoch == mine and host ~= ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'host', ARGV[1], 'epoch', ARGV[2], 'admitted', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`)

	// KEYS: room. ARGV: node, epoch, snapshot, memory of a room in ms. Epochs are compared as text: equal or not.
	releaseScript = redis.NewScript(`
local room = redis.call('HMGET', KEYS[1], 'host', 'epoch')
if room[1] == ARGV[1] and room[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'host', '', 'admitted', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
`)
)

// Beat implements Leases.
func (l *RedisLeases) Beat(ctx context.Context, node string) error {
	if err := checkIdentifiers(node); err != nil {
		return err
	}
	err := l.redis.run(ctx, beatScript, []string{heartbeatsKey}, node, HeartbeatTTL.Microseconds()).Err()
	return away("beat", err)
}

// Acquire implements Leases.
func (l *RedisLeases) Acquire(ctx context.Context, node, room string) (Lease, error) {
	if err := checkIdentifiers(node, room); err != nil {
		return Lease{}, err
	}
	answer, err := l.redis.run(ctx, acquireScript, []string{heartbeatsKey, roomKey(room)},
		node, HeartbeatTTL.Microseconds(), LeaseMemory.Milliseconds()).StringSlice()
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("the script answered with %d values", len(answer))
	}
	if err != nil {
		return Lease{}, away("acquire a room", err)
	}
	epoch, err := strconv.ParseInt(answer[1], 10, 64)
	if err != nil {
		return Lease{}, away("acquire a room: read its epoch", err)
	}
	lease := Lease{Room: room, Node: answer[0], Epoch: epoch, Admitted: strings.Fields(answer[2])}
	if lease.Node != node {
		return lease, ErrHeld
	}
	return lease, nil
}

// Renew implements Leases.
func (l *RedisLeases) Renew(ctx context.Context, lease Lease) error {
	if err := lease.check(); err != nil {
		return err
	}
	kept, err := l.write(ctx, renewScript, lease).Bool()
	if err != nil {
		return away("renew the lease on a room", err)
	}
	if !kept {
		return ErrLost
	}
	return nil
}

// Release implements Leases.
func (l *RedisLeases) Release(ctx context.Context, lease Lease) error {
	if err := lease.check(); err != nil {
		return err
	}
	return away("release a room", l.write(ctx, releaseScript, lease).Err())
}

func (l *RedisLeases) write(ctx context.Context, script *redis.Script, lease Lease) *redis.Cmd {
	return l.redis.run(ctx, script, []string{roomKey(lease.Room)},
		lease.Node, lease.Epoch, strings.Join(lease.Admitted, " "), LeaseMemory.Milliseconds())
}
