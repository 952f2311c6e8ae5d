package rooms

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// sweepEvery is how often the stores in memory throw out what has expired.
const sweepEvery = time.Minute

// MemoryLeases are Leases and Nodes within one process: for a server of one node, and for several hosts in one test.
type MemoryLeases struct {
	now func() time.Time

	mu    sync.Mutex
	beats map[string]time.Time   // node → when its heartbeat is gone
	nodes map[string]Node        // as they announced themselves last
	rooms map[string]*roomRecord // room → what is remembered of it
	swept time.Time
}

// roomRecord is what the store remembers of one room.
type roomRecord struct {
	host     string // empty: released
	epoch    int64
	admitted []string
	forget   time.Time
}

// NewMemoryLeases returns leases that live as long as the process. now is the clock of heartbeats and epochs.
func NewMemoryLeases(now func() time.Time) *MemoryLeases {
	return &MemoryLeases{now: now, beats: map[string]time.Time{}, nodes: map[string]Node{}, rooms: map[string]*roomRecord{}, swept: now()}
}

// Beat implements Leases.
func (m *MemoryLeases) Beat(_ context.Context, node Node) (bool, error) {
	if err := node.check(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now)
	known := m.alive(node.ID, now)
	m.beats[node.ID], m.nodes[node.ID] = now.Add(HeartbeatTTL), node
	return known, nil
}

// Alive implements Nodes.
func (m *MemoryLeases) Alive(context.Context) ([]Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var alive []Node
	for _, id := range slices.Sorted(maps.Keys(m.beats)) {
		if m.alive(id, now) {
			alive = append(alive, m.node(id))
		}
	}
	return alive, nil
}

// HostOf implements Nodes.
func (m *MemoryLeases) HostOf(_ context.Context, room string) (Node, bool, error) {
	if err := checkIdentifiers(room); err != nil {
		return Node{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	record := m.rooms[room]
	if record == nil || record.host == "" || !m.alive(record.host, m.now()) {
		return Node{}, false, nil
	}
	return m.node(record.host), true, nil
}

// node is a node as it announced itself last. The caller holds mu.
func (m *MemoryLeases) node(id string) Node {
	n := m.nodes[id]
	n.ID = id // also of one that never did
	return n
}

// Acquire implements Leases.
func (m *MemoryLeases) Acquire(_ context.Context, node, room string, above int64) (Lease, error) {
	if err := checkIdentifiers(node, room); err != nil {
		return Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now)
	record := m.rooms[room]
	if record == nil {
		record = &roomRecord{}
		m.rooms[room] = record
	}
	if record.host != node && record.host != "" && m.alive(record.host, now) {
		return record.lease(room), ErrHeld
	}
	if record.host != node || record.epoch <= above {
		record.host = node
		record.epoch = max(record.epoch+1, above+1, now.UnixMicro())
	}
	record.forget = now.Add(LeaseMemory)
	m.beats[node] = now.Add(HeartbeatTTL)
	return record.lease(room), nil
}

// Renew implements Leases.
func (m *MemoryLeases) Renew(_ context.Context, lease Lease) error {
	if err := lease.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	record := m.rooms[lease.Room]
	if record == nil {
		record = &roomRecord{}
		m.rooms[lease.Room] = record
	}
	if record.epoch > lease.Epoch || record.epoch == lease.Epoch && record.host != lease.Node {
		return ErrLost
	}
	m.write(record, lease.Node, lease)
	return nil
}

// Release implements Leases.
func (m *MemoryLeases) Release(_ context.Context, lease Lease) error {
	if err := lease.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	record := m.rooms[lease.Room]
	if record == nil || record.epoch != lease.Epoch || record.host != lease.Node {
		return nil
	}
	m.write(record, "", lease)
	return nil
}

// write stores the lease with the given host. The caller holds mu.
func (m *MemoryLeases) write(record *roomRecord, host string, lease Lease) {
	record.host, record.epoch = host, lease.Epoch
	record.admitted = slices.Clone(lease.Admitted)
	record.forget = m.now().Add(LeaseMemory)
}

// alive says whether the node's heartbeat lives. A heartbeat far ahead comes from before the clock was set
// back; it must not keep a dead node's rooms for as long as the clock jumped. The caller holds mu.
func (m *MemoryLeases) alive(node string, now time.Time) bool {
	gone := m.beats[node]
	return now.Before(gone) && gone.Sub(now) <= 2*HeartbeatTTL
}

// sweep forgets dead nodes and rooms long past. The caller holds mu.
func (m *MemoryLeases) sweep(now time.Time) {
	if since := now.Sub(m.swept); 0 <= since && since < sweepEvery {
		return
	}
	m.swept = now
	for node := range m.beats {
		if !m.alive(node, now) {
			delete(m.beats, node)
			delete(m.nodes, node)
		}
	}
	for room, record := range m.rooms {
		if !now.Before(record.forget) {
			delete(m.rooms, room)
		}
	}
}

func (r *roomRecord) lease(room string) Lease {
	return Lease{Room: room, Node: r.host, Epoch: r.epoch, Admitted: slices.Clone(r.admitted)}
}
