package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

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

// lookAgain is how long to wait before a room is looked for again that was not where it was said to be: it is on its way.
const lookAgain = 100 * time.Millisecond

// Tell says something to all who wait in a visit, wherever it is hosted, as rooms.Host.Tell does. A room that moves meanwhile is followed for a moment: sent
// again, a note is told once.
func (r *Router) Tell(ctx context.Context, visit, by string, note rooms.Note) error {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for {
		err := r.tellHost(within, visit, by, note)
		if !errors.Is(err, rooms.ErrNotHere) && !errors.Is(err, rooms.ErrMoved) {
			return err
		}
		select {
		case <-time.After(lookAgain):
		case <-within.Done():
			return fault.Away(err)
		}
	}
}

// tellHost has the node that hosts the room, as far as is known, tell who waits. Errors: as of rooms.Host.Tell.
func (r *Router) tellHost(ctx context.Context, visit, by string, note rooms.Note) error {
	if r.config.Host.Hosts(visit) {
		return r.config.Host.Tell(ctx, visit, by, note)
	}
	node, found, err := r.lastKnown(ctx, visit)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("tell who waits: %w", fault.NotFound)
	case node.ID == r.self: // it opens, or is over
		return fmt.Errorf("tell who waits: %w", rooms.ErrNotHere)
	}
	body, err := json.Marshal(told{by, note})
	if err != nil {
		return fmt.Errorf("tell who waits: %w", err)
	}
	status, err := r.ask(ctx, http.MethodPost, node, "/rooms/"+url.PathEscape(visit)+"/told", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return tellError(node.ID, status)
}

// What a node answers that was to tell who waits. Anything else, as 404 of a version that has no such route, says nothing of who waits.
const (
	statusTold    = http.StatusNoContent
	statusNobody  = http.StatusGone               // waits
	statusNotHere = http.StatusMisdirectedRequest // the room is on another node, or nowhere
)

// tellError is what a node's answer means.
func tellError(node string, status int) error {
	switch status {
	case statusTold:
		return nil
	case statusNobody:
		return fmt.Errorf("tell who waits: %w", fault.NotFound)
	case statusNotHere:
		return fmt.Errorf("tell who waits: %w", rooms.ErrNotHere)
	}
	return fault.Away(fmt.Errorf("node %s answered %d", node, status))
}

// serveTold tells those who wait in a visit that this node hosts something for another node.
func (r *Router) serveTold(w http.ResponseWriter, q *http.Request) {
	var t told
	if err := json.NewDecoder(http.MaxBytesReader(w, q.Body, mostTold)).Decode(&t); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	err := r.config.Host.Tell(q.Context(), q.PathValue("visit"), t.By, t.Note)
	switch {
	case err == nil:
		w.WriteHeader(statusTold)
	case errors.Is(err, fault.NotFound):
		w.WriteHeader(statusNobody)
	case errors.Is(err, rooms.ErrNotHere), errors.Is(err, rooms.ErrMoved):
		w.WriteHeader(statusNotHere)
	default:
		r.config.Logger.WarnContext(q.Context(), "who waits was not told for another node", "visit", q.PathValue("visit"), "cause", err)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
