package server

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"housecall/platform/bucket"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/rooms"
)

// readyWithin bounds how long /readyz looks.
const readyWithin = 2 * time.Second

// health answers whether the server lives and whether it has what it needs. Living never depends on anything outside the
// process: else an outage of Redis would have every node restarted.
type health struct {
	db    *store.DB
	redis *rooms.Redis // nil: not used
	blobs *bucket.Bucket

	draining *atomic.Bool // people are being sent to other nodes
}

// The routes of health.
const (
	livez      = "GET /livez"
	readyz     = "GET /readyz"
	readyzNode = "GET /readyz/node"
)

// checks are the routes that somebody asks every few seconds.
func checks() []string { return []string{livez, readyz, readyzNode} }

func (h health) routes(routes *web.Routes) {
	supervisors := web.Public("supervisors and balancers ask; it tells nothing of anybody")
	routes.HandleFunc(livez, supervisors, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	routes.HandleFunc(readyz, supervisors, h.ready)
	routes.HandleFunc(readyzNode, supervisors, h.nodeReady)
}

// nodeReady is for load balancers: what is away for all nodes is no reason to send people past this one.
func (h health) nodeReady(w http.ResponseWriter, _ *http.Request) {
	if h.draining.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "about to stop\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (h health) ready(w http.ResponseWriter, _ *http.Request) {
	var missing []string
	found := h.parts()
	for _, part := range slices.Sorted(maps.Keys(found)) {
		if found[part] != nil {
			missing = append(missing, part)
		}
	}
	if h.draining.Load() {
		missing = append(missing, "this node, which is about to stop")
	}
	if len(missing) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "missing: "+strings.Join(missing, ", ")+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// parts looks at everything that the server needs, at once, and says what is wrong with each.
func (h health) parts() map[string]error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	look := map[string]func() error{"database": func() error {
		var one int
		return h.db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}}
	look["blobs"] = func() error { return h.blobs.Ping(ctx) }
	if h.redis != nil {
		look["redis"] = func() error { return h.redis.Ping(ctx) }
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	found := map[string]error{}
	for part, ask := range look {
		all.Go(func() {
			err := ask()
			mu.Lock()
			defer mu.Unlock()
			found[part] = err
		})
	}
	all.Wait()
	return found
}
