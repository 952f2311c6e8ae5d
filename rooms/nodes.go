package rooms

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"housecall/platform/fault"
)

// Node is one run of one process that hosts rooms, as it announces itself with each heartbeat.
type Node struct {
	ID      string // as in Lease.Node
	Address string // host:port where other nodes reach it; empty: they cannot
	Load    int    // how many people it hosts; a room counts as two at least, since that many are about to come
	// Draining: it takes no new rooms and hands over those it has.
	Draining bool
}

// Nodes knows which nodes live. Its methods keep the promises of Leases: any goroutine, two seconds, fault.TryAgain when the store is away.
type Nodes interface {
	// Alive lists the nodes whose heartbeat lives, in the order of their ids.
	Alive(ctx context.Context) ([]Node, error)

	// HostOf gives the node that hosts a room; false: nobody does, or whoever did has no heartbeat any more.
	HostOf(ctx context.Context, room string) (Node, bool, error)
}

// maxAddress is the most bytes a node's address may have: a DNS name and a port.
const maxAddress = 260

// check says whether the node can be stored.
func (n Node) check() error {
	if err := checkIdentifiers(n.ID); err != nil {
		return err
	}
	if len(n.Address) > maxAddress || strings.ContainsFunc(n.Address, func(r rune) bool {
		return r > 0x7f || !identifierByte(byte(r)) && r != '[' && r != ']' && r != '%'
	}) {
		return fmt.Errorf("a node's address that is none: %w", fault.NotValid)
	}
	return nil
}

const drainingMark = "draining"

// note is a node as it stands in a store beside its id: load, whether it drains, address.
func (n Node) note() string {
	mark := "-"
	if n.Draining {
		mark = drainingMark
	}
	return strconv.Itoa(n.Load) + " " + mark + " " + n.Address
}

// nodeOf reads a note. What it can't read it leaves out: a newer version may say more.
func nodeOf(id, note string) Node {
	load, rest, _ := strings.Cut(note, " ")
	mark, address, _ := strings.Cut(rest, " ")
	n := Node{ID: id, Draining: mark == drainingMark}
	n.Load, _ = strconv.Atoi(load)
	n.Address, _, _ = strings.Cut(address, " ")
	return n
}
