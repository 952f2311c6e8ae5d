package rooms

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RedisLeases are Leases and Nodes that all nodes at one Redis share. The clock of heartbeats and epochs is Redis's own.
//
// Redis holds one sorted set of heartbeats (node → when it is gone, in microseconds), one hash of what nodes announce, and per room one
// hash with its host, epoch and admissions (ids only). The keys share the hash tag {leases}: a script needs a room and the
// heartbeats at once, and a Redis Cluster allows that only within one slot. Every key expires.
type RedisLeases struct {
	redis *Redis
}

// NewRedisLeases returns the leases kept in r.
func NewRedisLeases(r *Redis) *RedisLeases { return &RedisLeases{redis: r} }

const (
	heartbeatsKey = redisPrefix + "{leases}:heartbeats"
	nodesKey      = redisPrefix + "{leases}:nodes"
)

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
local function forget(heartbeats, nodes, from, to)
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', heartbeats, from, to)) do
    redis.call('ZREM', heartbeats, node)
    redis.call('HDEL', nodes, node)
  end
end
local function beat(heartbeats, nodes, node, ttl)
  forget(heartbeats, nodes, '-inf', digits(now))
  forget(heartbeats, nodes, digits(now + 2 * ttl), '+inf')
  local new = redis.call('ZADD', heartbeats, digits(now + ttl), node)
  redis.call('PEXPIRE', heartbeats, digits(ttl / 1000))
  redis.call('PEXPIRE', nodes, digits(ttl / 1000))
  return 1 - new
end
`

var (
	// KEYS: heartbeats, nodes. ARGV: node, heartbeat TTL in µs, what it announces. Returns 1 when the node counted as alive, else 0.
	beatScript = redis.NewScript(luaClock + luaBeat + `
local known = beat(KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], digits(tonumber(ARGV[2]) / 1000))
return known
`)

	// KEYS: heartbeats, nodes. ARGV: heartbeat TTL in µs. Returns the id of each living node, and what it announced.
	aliveScript = redis.NewScript(luaClock + luaBeat + `
local list = {}
for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if alive(KEYS[1], node, tonumber(ARGV[1])) then
    list[#list + 1] = node
    list[#list + 1] = redis.call('HGET', KEYS[2], node) or ''
  end
end
return list
`)

	// KEYS: heartbeats, nodes, room. ARGV: heartbeat TTL in µs. Returns the id of the room's living host and what it announced, or nothing.
	hostScript = redis.NewScript(luaClock + luaBeat + `
local host = redis.call('HGET', KEYS[3], 'host') or ''
if host == '' or not alive(KEYS[1], host, tonumber(ARGV[1])) then
  return {}
end
return {host, redis.call('HGET', KEYS[2], host) or ''}
`)

	// KEYS: heartbeats, room, nodes. ARGV: node, heartbeat TTL in µs, memory of a room in ms, the epoch to be above.
	// Returns the host, its epoch and the snapshot; the host is another than node when it holds the room.
	acquireScript = redis.NewScript(luaClock + luaBeat + `
local node, ttl, above = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local room = redis.call('HMGET', KEYS[2], 'host', 'epoch', 'admitted')
local host, epoch, admitted = room[1] or '', tonumber(room[2] or '0'), room[3] or ''
if host ~= node and host ~= '' and alive(KEYS[1], host, ttl) then
  return {host, digits(epoch), admitted}
end
if host ~= node or epoch <= above then
  epoch = math.max(epoch + 1, above + 1, now)
  redis.call('HSET', KEYS[2], 'host', node, 'epoch', digits(epoch), 'admitted', admitted)
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
beat(KEYS[1], KEYS[3], node, ttl)
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
func (l *RedisLeases) Beat(ctx context.Context, node Node) (bool, error) {
	if err := node.check(); err != nil {
		return false, err
	}
	known, err := l.redis.run(ctx, beatScript, []string{heartbeatsKey, nodesKey}, node.ID, HeartbeatTTL.Microseconds(), node.note()).Bool()
	return known, away("beat", err)
}

// Alive implements Nodes.
func (l *RedisLeases) Alive(ctx context.Context) ([]Node, error) {
	answer, err := l.redis.run(ctx, aliveScript, []string{heartbeatsKey, nodesKey}, HeartbeatTTL.Microseconds()).StringSlice()
	if err != nil {
		return nil, away("list the nodes", err)
	}
	var nodes []Node
	for pair := range slices.Chunk(answer, 2) {
		nodes = append(nodes, nodeOf(pair[0], pair[1]))
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return nodes, nil
}

// HostOf implements Nodes.
func (l *RedisLeases) HostOf(ctx context.Context, room string) (Node, bool, error) {
	if err := checkIdentifiers(room); err != nil {
		return Node{}, false, err
	}
	answer, err := l.redis.run(ctx, hostScript, []string{heartbeatsKey, nodesKey, roomKey(room)}, HeartbeatTTL.Microseconds()).StringSlice()
	if err != nil {
		return Node{}, false, away("look for the host of a room", err)
	}
	if len(answer) != 2 {
		return Node{}, false, nil
	}
	return nodeOf(answer[0], answer[1]), true, nil
}

// Acquire implements Leases.
func (l *RedisLeases) Acquire(ctx context.Context, node, room string, above int64) (Lease, error) {
	if err := checkIdentifiers(node, room); err != nil {
		return Lease{}, err
	}
	answer, err := l.redis.run(ctx, acquireScript, []string{heartbeatsKey, roomKey(room), nodesKey},
		node, HeartbeatTTL.Microseconds(), LeaseMemory.Milliseconds(), above).StringSlice()
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
