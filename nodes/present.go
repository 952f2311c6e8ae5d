package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"housecall/platform/fault"
	"housecall/rooms"
)

const (
	// presentWithin is how long another node may take to say who is in its rooms: pages wait for it.
	presentWithin = time.Second
	// mostPresent is how many bytes that may be: thousands of rooms.
	mostPresent = 8 << 20
)

// Present gives everybody in the rooms of all nodes that live. A node that does not answer counts as it did when it last did, and while the store is
// away the nodes that lived last; the error then says that not everything is known.
func (r *Router) Present(ctx context.Context) ([]rooms.Presence, error) {
	alive, err := r.config.Nodes.Alive(ctx)
	r.mu.Lock()
	if err == nil {
		r.alive = alive
	}
	alive = slices.Clone(r.alive)
	r.mu.Unlock()
	asked := make([][]rooms.Presence, len(alive))
	failed := make([]error, len(alive))
	var group sync.WaitGroup
	for i, node := range alive {
		if node.ID != r.self && node.Address != "" {
			group.Go(func() { asked[i], failed[i] = r.presentAt(ctx, node) })
		}
	}
	group.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	latest := map[string][]rooms.Presence{}
	for i, node := range alive {
		latest[node.ID] = asked[i]
		if failed[i] != nil {
			latest[node.ID] = r.present[node.ID]
		}
	}
	latest[r.self] = r.config.Host.Present()
	r.present = latest
	return lastOf(latest), errors.Join(append(failed, err)...)
}

// lastOf leaves one room of each visit: the one of the highest epoch. A host that was cut off may not know yet that there is another.
func lastOf(all map[string][]rooms.Presence) []rooms.Presence {
	byVisit := map[string]rooms.Presence{}
	for _, some := range all {
		for _, p := range some {
			if p.Epoch > byVisit[p.Visit].Epoch {
				byVisit[p.Visit] = p
			}
		}
	}
	return slices.Collect(maps.Values(byVisit))
}

// presentAt asks another node.
func (r *Router) presentAt(ctx context.Context, node rooms.Node) (all []rooms.Presence, err error) {
	ctx, cancel := context.WithTimeout(to(ctx, node), presentWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+node.ID+"/rooms", nil)
	if err != nil {
		return nil, fmt.Errorf("ask node %s: %w", node.ID, err)
	}
	response, err := r.transport.RoundTrip(request)
	if err != nil {
		return nil, fault.Away(fmt.Errorf("ask node %s: %w", node.ID, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fault.Away(fmt.Errorf("node %s answered %d", node.ID, response.StatusCode))
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, mostPresent)).Decode(&all); err != nil {
		return nil, fault.Away(fmt.Errorf("node %s: %w", node.ID, err))
	}
	return all, nil
}

// servePresent tells another node who is in the rooms of this one.
func (r *Router) servePresent(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(r.config.Host.Present()) // whoever is gone gets nothing
}
