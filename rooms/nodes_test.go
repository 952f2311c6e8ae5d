package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"housecall/platform/fault"
)

// sceneNodes: nodes are listed as they announced themselves last.
func sceneNodes(t *testing.T, s *leaseStore) {
	ctx := t.Context()
	if nodes, err := s.Alive(ctx); err != nil || len(nodes) != 0 {
		t.Errorf("before anybody came: %v, %v", nodes, err)
	}
	want := []Node{
		{ID: "a", Address: "node-a.example:7443", Load: 12, Draining: true},
		{ID: "b"},
		{ID: "c", Address: "[2001:db8::1]:7443", Load: 3},
	}
	s.swiftly(t, func(string) error {
		for _, n := range []Node{want[2], {ID: "a", Address: "old.example:1", Load: 1}, want[1], want[0]} {
			if _, err := s.Beat(ctx, n); err != nil {
				return err
			}
		}
		if nodes, err := s.Alive(ctx); err != nil || !slices.Equal(nodes, want) {
			return fmt.Errorf("alive: %+v, %w", nodes, err)
		}
		return nil
	})
	for _, n := range []Node{{}, {ID: "a", Address: "two words"}, {ID: "a", Address: strings.Repeat("x", maxAddress+1)}, {ID: "a", Address: "häuser:1"}} {
		if _, err := s.Beat(ctx, n); !errors.Is(err, fault.NotValid) {
			t.Errorf("%+v was taken: %v", n, err)
		}
	}
}

// sceneNodesDie: a node without a heartbeat is not listed, and comes back as it announces itself then.
func sceneNodesDie(t *testing.T, s *leaseStore) {
	ctx := t.Context()
	if _, err := s.Beat(ctx, Node{ID: "a", Address: "a:1", Load: 9}); err != nil {
		t.Fatal(err)
	}
	s.swiftly(t, func(string) error {
		if _, err := s.Beat(ctx, Node{ID: "c"}); err != nil {
			return err
		}
		if known, err := s.Beat(ctx, Node{ID: "c"}); err != nil || !known {
			return fmt.Errorf("a node that lives is known: %v, %w", known, err)
		}
		return nil
	})
	eventually(t, "only the node that beats is alive", s.pause, func() bool {
		if _, err := s.Beat(ctx, Node{ID: "b", Load: 1}); err != nil {
			t.Fatal(err)
		}
		nodes, err := s.Alive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(nodes, []Node{{ID: "b", Load: 1}})
	})
	if known, err := s.Beat(ctx, Node{ID: "c"}); err != nil || known {
		t.Errorf("a node that was dead is known: %v, %v", known, err)
	}
	s.flush(t)
	if known, err := s.Beat(ctx, Node{ID: "c"}); err != nil || known {
		t.Errorf("a node is known to a store that was emptied: %v, %v", known, err)
	}
	s.flush(t)
	s.swiftly(t, func(room string) error {
		if _, err := s.Acquire(ctx, "a", room, 0); err != nil { // before it has announced itself anew
			return err
		}
		if _, err := s.Beat(ctx, Node{ID: "b", Load: 1}); err != nil {
			return err
		}
		nodes, err := s.Alive(ctx)
		if err != nil || len(nodes) != 2 || nodes[0].ID != "a" {
			return fmt.Errorf("alive: %+v, %w", nodes, err)
		}
		return nil
	})
}

// sceneHosts: a room's host is found as long as its heart beats and it has not given the room up.
func sceneHosts(t *testing.T, s *leaseStore) {
	ctx := t.Context()
	a := Node{ID: "a", Address: "a:1", Load: 2}
	s.swiftly(t, func(room string) error {
		if n, ok, err := s.HostOf(ctx, room); ok || err != nil {
			return fmt.Errorf("a room nobody hosts: %+v, %w", n, err)
		}
		if _, err := s.Beat(ctx, a); err != nil {
			return err
		}
		lease, err := s.Acquire(ctx, "a", room, 0)
		if err != nil {
			return err
		}
		if n, ok, err := s.HostOf(ctx, room); !ok || n != a || err != nil {
			return fmt.Errorf("the host is %+v, %v, %w", n, ok, err)
		}
		if err := s.Release(ctx, lease); err != nil {
			return err
		}
		if n, ok, err := s.HostOf(ctx, room); ok || err != nil {
			return fmt.Errorf("a room that was given up: %+v, %w", n, err)
		}
		return nil
	})
	s.take(t, "a", "left")
	eventually(t, "the dead host is none", s.pause, func() bool {
		_, ok, err := s.HostOf(ctx, "left")
		if err != nil {
			t.Fatal(err)
		}
		return !ok
	})
	if _, _, err := s.HostOf(ctx, "Sample Patient"); !errors.Is(err, fault.NotValid) {
		t.Errorf("a name was taken for a room: %v", err)
	}
}
