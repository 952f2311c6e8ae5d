package web

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// note travels with a request so that whoever answers can leave the cause of a failure for the log.
type note struct {
	pages *Pages
	tell  func(http.ResponseWriter, *Fault) // nil: in the usual way
	cause error
}

type noteKey struct{}

func noteOf(r *http.Request) *note {
	if n, ok := r.Context().Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

// logRequest writes the one line of a request. The route is the pattern that matched and never the path, which holds ids; a method we do
// not know is not written out, since whoever calls chooses it.
func logRequest(ctx context.Context, l *slog.Logger, a Answered, cause error) {
	level := slog.LevelInfo
	if a.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("method", a.Method),
		slog.String("route", a.Route),
		slog.Int("status", a.Status),
		slog.Float64("ms", float64(a.Took.Microseconds())/1000),
	}
	if cause != nil {
		attrs = append(attrs, slog.String("cause", cause.Error()))
	}
	l.LogAttrs(ctx, level, "request", attrs...)
}

// quiet keeps answers to checks out of the log while they are as they should be.
type quiet struct {
	mu   sync.Mutex
	last map[string]int // the last status, by route
}

func newQuiet(routes []string) *quiet {
	q := &quiet{last: map[string]int{}}
	for _, route := range routes {
		q.last[route] = http.StatusOK
	}
	return q
}

// keeps says whether the answer tells nothing new: 200, as the one before it on the same route.
func (q *quiet) keeps(a Answered) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	last, checked := q.last[a.Route]
	if !checked {
		return false
	}
	q.last[a.Route] = a.Status
	return a.Status == http.StatusOK && last == http.StatusOK
}

func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder remembers the status of an answer. It lets a websocket take the connection over.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Hijack fills http.Hijacker, which gorilla/websocket asks for by type.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil && r.status == 0 {
		r.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
