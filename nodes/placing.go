package nodes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/rooms"
)

// elsewhereKey is the key of a request's context under which Place leaves the node that a room was placed at, when it is another.
type elsewhereKey struct{}

// errElsewhere ends the serving of a request whose answer is another node's to give.
var errElsewhere = fmt.Errorf("the room was placed at another node: %w", fault.TryAgain)

// placed notes where a room has its place, for whoever asked by way of placing.
func (r *Router) placed(ctx context.Context, node rooms.Node) error {
	elsewhere, ok := ctx.Value(elsewhereKey{}).(*rooms.Node)
	if !ok || node.ID == r.self {
		return nil
	}
	*elsewhere = node
	return errElsewhere
}

// placing lets local answer, which may have Place find the room a place; where that is another node it has that one answer instead.
func (r *Router) placing(local http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			web.Problem(w, q, err)
			return
		}
		again := func(ctx context.Context) *http.Request {
			c := q.Clone(ctx)
			c.Body = io.NopCloser(bytes.NewReader(body))
			return c
		}
		var elsewhere rooms.Node
		kept := answer{header: http.Header{}, status: http.StatusOK}
		local.ServeHTTP(&kept, again(context.WithValue(q.Context(), elsewhereKey{}, &elsewhere)))
		if elsewhere.ID == "" {
			kept.give(w)
			return
		}
		web.NoteCause(q, nil)
		r.carry(w, again(q.Context()), elsewhere)
	})
}

// answer is one that is not given yet.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// give gives the answer.
func (a *answer) give(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // whoever is gone gets nothing
}
