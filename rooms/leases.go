package rooms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"housecall/platform/fault"
)

const (
	// HeartbeatTTL is how long a node counts as alive after its last Beat.
	HeartbeatTTL = 2 * time.Second
	// HeartbeatEvery is how often a node should call Beat: three beats may be late before others think it dead.
	HeartbeatEvery = HeartbeatTTL / 4
	// LeaseMemory is how long a room's epoch and snapshot are remembered after the last Acquire, Renew or Release:
	// longer than the window of any visit, so that a restarted node finds who was admitted.
	LeaseMemory = 24 * time.Hour
	// MaxAdmitted is the most admissions a snapshot may hold: a visit's ten people on a dozen devices each.
	MaxAdmitted = 128
	// maxIdentifier is the most bytes a node, a room or a session id may have.
	maxIdentifier = 128
)

var (
	// ErrHeld says that another node, whose heartbeat lives, hosts the room.
	ErrHeld = errors.New("the room is hosted by another node")
	// ErrLost says that a lease is no longer its holder's: a higher epoch of the room exists, or it was released.
	ErrLost = errors.New("the lease on the room is lost")
)

// Lease is one node's right to host one room.
type Lease struct {
	Room string // the visit's id
	Node string // the host's name: one run of one process, so that a restarted node is another
	// Epoch orders the hosts of a room: microseconds since 1970 by the store's clock when the host acquired it, and
	// always more than any epoch of this room before.
	Epoch int64
	// Admitted are the admissions to the visit, each with the ids of session and invitation (never names), and what else the room's next host
	// has to know; at most MaxAdmitted.
	Admitted []string
}

// Leases is what nodes agree on: which nodes live, and which of them hosts a room. Every method may be called from any
// goroutine, returns within two seconds, and answers with an error that wraps fault.TryAgain when the store is
// away, or fault.NotValid when an argument cannot be stored.
type Leases interface {
	// Beat says that the node lives, and how it does; without another Beat it counts as dead after HeartbeatTTL. known says that it counted
	// as alive until now: nobody else can have got a room of its.
	Beat(ctx context.Context, node Node) (known bool, err error)

	// Acquire makes the node the host of the room when the room is free: nobody hosts it, or its host's heartbeat is
	// gone. The lease carries a new epoch, higher than above, and the snapshot the last host left. A node that hosts the room already
	// gets its lease again, with the same epoch, if that is higher than above. While another living node hosts the room, the answer is that node's lease
	// and ErrHeld. Acquire is also a Beat of the node when it succeeds, which goes on as it announced itself last.
	Acquire(ctx context.Context, node, room string, above int64) (Lease, error)

	// Renew keeps the lease and replaces the room's snapshot with lease.Admitted. A store that has forgotten the
	// room (Redis was emptied) takes the lease as it is. ErrLost: a higher epoch exists, or the lease was released;
	// the caller is not the host any more. Renew is not a Beat.
	Renew(ctx context.Context, lease Lease) error

	// Release gives the room up; it is free at once. Its epoch and the snapshot, lease.Admitted, stay for the next host. Releasing
	// a lease that is lost, or twice, changes nothing and is no error.
	Release(ctx context.Context, lease Lease) error
}

// check says whether the lease can be stored.
func (l Lease) check() error {
	if err := checkIdentifiers(l.Node, l.Room); err != nil {
		return err
	}
	if l.Epoch <= 0 {
		return fmt.Errorf("lease on a room: epoch %d: %w", l.Epoch, fault.NotValid)
	}
	if len(l.Admitted) > MaxAdmitted {
		return fmt.Errorf("lease on a room: %d sessions admitted, at most %d: %w", len(l.Admitted), MaxAdmitted, fault.NotValid)
	}
	return checkIdentifiers(l.Admitted...)
}

// checkIdentifiers refuses whatever could not be an id that we made: so a name or a chat line that
// went astray is stopped here, before it reaches a shared store. The text itself is not repeated in the error.
func checkIdentifiers(ids ...string) error {
	for _, id := range ids {
		if id == "" || len(id) > maxIdentifier {
			return fmt.Errorf("identifier of %d bytes, expected 1 to %d: %w", len(id), maxIdentifier, fault.NotValid)
		}
		for i := range len(id) {
			if !identifierByte(id[i]) {
				return fmt.Errorf("identifier with a byte that is no letter, digit, '-', '_', '.' or ':': %w", fault.NotValid)
			}
		}
	}
	return nil
}

func identifierByte(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '-' || b == '_' || b == '.' || b == ':'
}
