package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"housecall/platform/fault"
	"housecall/rooms"
)

// mostTold is how many bytes may come of something to tell: the longest text in any script, and room to spare.
const mostTold = 16 << 10

// told is something to tell, between nodes. It holds health data: it is never logged.
type told struct {
	By   string     `json:"by"`
	Note rooms.Note `json:"note"`
}

// Tell says something to all who wait in a visit, wherever it is hosted, as rooms.Host.Tell does.
func (r *Router) Tell(ctx context.Context, visit, by string, note rooms.Note) error {
	if r.config.Host.Hosts(visit) {
		return r.config.Host.Tell(ctx, visit, by, note)
	}
	node, found, err := r.lastKnown(ctx, visit)
	switch {
	case err != nil:
		return err
	case !found || node.ID == r.self:
		return fmt.Errorf("tell who waits: %w", fault.NotFound)
	}
	body, err := json.Marshal(told{by, note})
	if err != nil {
		return fmt.Errorf("tell who waits: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	status, err := r.ask(ctx, http.MethodPost, node, "/rooms/"+url.PathEscape(visit)+"/told", bytes.NewReader(body))
	switch {
	case err != nil:
		return err
	case status == http.StatusNoContent:
		return nil
	case status == http.StatusNotFound:
		return fmt.Errorf("tell who waits: %w", fault.NotFound)
	}
	return fault.Away(fmt.Errorf("node %s answered %d", node.ID, status))
}

// serveTold tells those who wait in a visit that this node hosts something for another node: 204, or 404 where nobody waits.
func (r *Router) serveTold(w http.ResponseWriter, q *http.Request) {
	var t told
	if err := json.NewDecoder(http.MaxBytesReader(w, q.Body, mostTold)).Decode(&t); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	err := r.config.Host.Tell(q.Context(), q.PathValue("visit"), t.By, t.Note)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, fault.NotFound):
		w.WriteHeader(http.StatusNotFound)
	default:
		r.config.Logger.WarnContext(q.Context(), "who waits was not told for another node", "visit", q.PathValue("visit"), "cause", err)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
