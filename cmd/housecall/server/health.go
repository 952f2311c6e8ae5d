package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"housecall/platform/store"
	"housecall/rooms"
)

// readyWithin bounds how long /readyz looks.
const readyWithin = 2 * time.Second

// health answers whether the server lives and whether it has what it needs. Living never depends on anything outside the
// process: else an outage of Redis would have every node restarted.
type health struct {
	db    *store.DB
	redis *rooms.Redis // nil: not used
}

func (h health) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
}

func (h health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	var missing []string
	var one int
	if err := h.db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		missing = append(missing, "database")
	}
	if h.redis != nil {
		if err := h.redis.Ping(ctx); err != nil {
			missing = append(missing, "redis")
		}
	}
	if len(missing) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "missing: "+strings.Join(missing, ", ")+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
