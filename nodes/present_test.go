package nodes

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/rooms"
	"housecall/sfu"
)

// ear hears what somebody who waits is told.
type ear chan rooms.Told

func (e ear) Send(u rooms.Update) bool {
	if told, ok := u.(rooms.Told); ok {
		e <- told
	}
	return true
}
func (ear) Close(rooms.Reason) {}

// TestPresent: every node knows who is in the rooms of all, those of a node that died alone are gone, and what cannot be known now is said.
func TestPresent(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := sfu.NewEngine(sfu.Config{Conn: conn, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	leases := rooms.NewMemoryLeases(time.Now)
	a, b := openNode(t, leases, "node-a"), openNode(t, leases, "node-b")
	come := func(n *node, visit, session string) ear {
		t.Helper()
		heard := make(ear, 8)
		room, err := n.config.Host.Room(t.Context(), visit)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := engine.NewPeer(sfu.PeerEvents{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = peer.Close() })
		arrival := rooms.Arrival{Session: session, Invitation: "invitation-" + session, Role: auth.Patient, Peer: peer, Outbox: heard}
		if _, err := room.Join(t.Context(), arrival); err != nil {
			t.Fatal(err)
		}
		return heard
	}
	heard := come(a, "visit-1", "one")
	come(b, "visit-2", "two")
	knows := func(n *node, want ...string) bool {
		all, err := n.Present(t.Context())
		if err != nil || len(all) != len(want) {
			return false
		}
		for _, session := range want {
			found := false
			for _, p := range all {
				found = found || len(p.People) == 1 && p.People[0].Session == session && p.People[0].Place == rooms.Waiting && !p.People[0].Since.IsZero()
			}
			if !found {
				return false
			}
		}
		return true
	}
	for _, n := range []*node{a, b} {
		until(t, n.id+" knows of both", func() bool { return knows(n, "one", "two") })
	}

	// Who waits is told something on whichever node it is said.
	for i, n := range []*node{a, b} {
		note := rooms.Note{ID: n.id, Text: phi.Text("said at " + n.id), Ready: "soon"}
		if err := n.Tell(t.Context(), "visit-1", "speaker", note); err != nil {
			t.Fatalf("said at %s: %v", n.id, err)
		}
		if got := <-heard; got.Note != note || got.Member != "one" {
			t.Errorf("%d: told %+v", i, got)
		}
		if err := n.Tell(t.Context(), "visit-3", "speaker", note); !errors.Is(err, fault.NotFound) {
			t.Errorf("said to nobody at %s: %v", n.id, err)
		}
	}

	// Nobody waits in a room that is there; and a room that is not where it was said to be is looked for again.
	note := rooms.Note{ID: "moved", Text: phi.Text("still here")}
	if _, err := a.config.Host.Room(t.Context(), "visit-4"); err != nil {
		t.Fatal(err)
	}
	if err := b.Tell(t.Context(), "visit-4", "speaker", note); !errors.Is(err, fault.NotFound) {
		t.Errorf("said where nobody waits: %v", err)
	}
	c := openNode(t, leases, "node-c")
	late := &stale{MemoryLeases: leases, before: "visit-2"}
	c.config.Nodes = late
	if err := c.Tell(t.Context(), "visit-1", "speaker", note); err != nil || late.asked < 2 {
		t.Errorf("said to a room that moved, after %d looks: %v", late.asked, err)
	}
	if got := <-heard; got.Note != note {
		t.Errorf("told %+v", got)
	}
	for _, status := range []int{http.StatusNotFound, http.StatusServiceUnavailable} { // of a version without the route; of one whose database is away
		if err := tellError("node-a", status); !errors.Is(err, fault.TryAgain) || errors.Is(err, fault.NotFound) || errors.Is(err, rooms.ErrNotHere) {
			t.Errorf("%d is %v", status, err)
		}
	}

	// A node that lives and does not answer counts as it did.
	real := b.config.Nodes
	b.config.Nodes = silent{leases}
	b.transport.CloseIdleConnections()
	if all, err := b.Present(t.Context()); err == nil || len(all) != 2 {
		t.Errorf("a node does not answer: %d rooms, %v", len(all), err)
	}
	b.config.Nodes = away{}
	if all, err := b.Present(t.Context()); err == nil || len(all) != 2 {
		t.Errorf("the store is away: %d rooms, %v", len(all), err)
	}
	b.config.Nodes = real

	a.stop()
	until(t, "those of a dead node are gone", func() bool { return knows(b, "two") })
}

// stale says at first that a room is where another one is.
type stale struct {
	*rooms.MemoryLeases
	before string // that other room's visit
	asked  int
}

func (s *stale) HostOf(ctx context.Context, visit string) (rooms.Node, bool, error) {
	if s.asked++; s.asked == 1 {
		visit = s.before
	}
	return s.MemoryLeases.HostOf(ctx, visit)
}

// silent nodes live where nobody answers.
type silent struct{ *rooms.MemoryLeases }

func (s silent) Alive(ctx context.Context) ([]rooms.Node, error) {
	alive, err := s.MemoryLeases.Alive(ctx)
	for i := range alive {
		alive[i].Address = "127.0.0.1:1"
	}
	return alive, err
}

func TestTheLastHostCounts(t *testing.T) {
	all := lastOf(map[string][]rooms.Presence{
		"a": {{Visit: "one", Epoch: 1, People: []rooms.Present{{Session: "before"}}}},
		"b": {{Visit: "one", Epoch: 2, People: []rooms.Present{{Session: "now"}}}, {Visit: "two", Epoch: 1}},
	})
	if len(all) != 2 {
		t.Errorf("%d rooms", len(all))
	}
	for _, p := range all {
		if p.Visit == "one" && p.People[0].Session != "now" {
			t.Error("a host of before is believed")
		}
	}
}
