// Package nodes lets the nodes of one installation serve each other's people: it finds a room the node with the least to do, and carries what belongs
// to a room, from whichever node it came to, to the node that hosts it, over TLS by which both know each other.
// The Router owns these connections; which node hosts what is agreed on in rooms.Leases.
// It must never open a room for whoever has shown no session, and never believe what a caller from outside says about where it comes from.
package nodes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/rooms"
)

const (
	// dialWithin is how long another node may take to take a connection and show who it is: one that is gone must not keep its people waiting.
	dialWithin = 1500 * time.Millisecond
	// answerWithin is how long it may take to answer. Answering an offer is the most it has to do.
	answerWithin = 5 * time.Second
	// placeWithin is how long it may take to open a room, which it does with the store of leases and SQL.
	placeWithin = 3 * time.Second
	// mostPlaces is how many nodes are asked to open a room before whoever wants it is told to try again.
	mostPlaces = 3
	// mostKnown is of how many rooms it is remembered where they were, for when the store is away.
	mostKnown = 4096
)

// callerHeader tells another node where a request came from. Only what came over the nodes' own TLS is believed.
const callerHeader = "Housecall-Caller"

// Config is what a Router needs from outside.
type Config struct {
	Identity *Identity
	Nodes    rooms.Nodes
	Host     *rooms.Host // of this node
	Logger   *slog.Logger
}

// Router finds rooms, and places for them.
type Router struct {
	config    Config
	self      string
	transport *http.Transport
	server    *http.Server
	work      sync.WaitGroup
	ctx       context.Context // of connections carried on
	cancel    context.CancelFunc

	mu      sync.Mutex
	known   map[string]rooms.Node       // visit → where its room was last
	alive   []rooms.Node                // those that lived when the store was asked last
	present map[string][]rooms.Presence // node → who was there when it was asked last
}

// NewRouter returns a router. Close ends it.
func NewRouter(c Config) *Router {
	r := &Router{config: c, self: c.Identity.id, known: map[string]rooms.Node{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.transport = &http.Transport{
		DialTLSContext: r.dial, ResponseHeaderTimeout: answerWithin, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		DisableCompression: true,
	}
	return r
}

// nodeKey is the key of a request's context under which stands whom it is for.
type nodeKey struct{}

// to is a context for a request to a node.
func to(ctx context.Context, n rooms.Node) context.Context {
	return context.WithValue(ctx, nodeKey{}, n)
}

// dial connects to the node that a request is for. URLs name nodes by id, which also parts the connections that wait for reuse.
func (r *Router) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	node, ok := ctx.Value(nodeKey{}).(rooms.Node)
	if !ok {
		return nil, errors.New("a request to no node")
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	dialer := tls.Dialer{Config: r.config.Identity.client(node.ID)}
	conn, err := dialer.DialContext(ctx, network, node.Address)
	if err != nil {
		return nil, fmt.Errorf("reach node %s: %w", node.ID, err)
	}
	return conn, nil
}

// passRoute is where a room without a host is found one.
const passRoute = "POST /v/{visit}/pass" // #nosec G101 -- a way to a page

// hosted are the routes of what belongs to a room's host.
var hosted = []string{"GET /v/{visit}/ws", "GET /v/{visit}/ice", "POST /v/{visit}/check", "DELETE /v/{visit}/check/{id}", passRoute}

// Routes adds, for callers from outside, what belongs to a room's host: local serves it where this node is the one.
func (r *Router) Routes(routes *web.Routes, local http.Handler) {
	for _, pattern := range hosted {
		if pattern == passRoute {
			routes.Handle(pattern, web.Holder(), r.toHost(r.placing(local)))
		} else {
			routes.Handle(pattern, web.Holder(), r.toHost(local))
		}
	}
}

// toHost has the host of the visit's room answer, or this node where there is none.
func (r *Router) toHost(local http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		visit := q.PathValue("visit")
		if r.config.Host.Hosts(visit) {
			local.ServeHTTP(w, q)
			return
		}
		host, found, err := r.lastKnown(q.Context(), visit)
		switch {
		case errors.Is(err, fault.NotValid):
			web.NotFound(w, q)
		case err != nil:
			web.Problem(w, q, err)
		case !found || host.ID == r.self:
			local.ServeHTTP(w, q)
		default:
			r.carry(w, q, host)
		}
	})
}

// lastKnown is where a room is, or, while the store is away, where it was: its host goes on without the store, too.
func (r *Router) lastKnown(ctx context.Context, visit string) (rooms.Node, bool, error) {
	host, found, err := r.config.Nodes.HostOf(ctx, visit)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(err, fault.TryAgain):
		if before, ok := r.known[visit]; ok {
			return before, true, nil
		}
	case err != nil:
	case found:
		if len(r.known) >= mostKnown {
			for any := range r.known {
				delete(r.known, any)
				break
			}
		}
		r.known[visit] = host
	default:
		delete(r.known, visit)
	}
	return host, found, err
}

// carry passes a request on to another node, and what it becomes when it is a websocket's, until either end is done.
func (r *Router) carry(w http.ResponseWriter, q *http.Request, host rooms.Node) {
	ctx, cancel := context.WithCancel(to(q.Context(), host))
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "https", host.ID
			p.Out.Host = p.In.Host // browsers' origins are compared with it
			p.Out.Header.Set(callerHeader, p.In.RemoteAddr)
		},
		Transport: r.transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			web.Problem(w, q, fault.Away(err)) // at once: whoever asks tries again until the room has another host
		},
		ErrorLog: slog.NewLogLogger(r.config.Logger.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(w, q.WithContext(ctx))
}

// Place finds the visit's room a node, unless it has one: of those that live and do not drain, the one with the least to do. Errors: rooms.ErrEnded;
// fault.TryAgain when no node takes it.
func (r *Router) Place(ctx context.Context, visit string) error {
	if r.config.Host.Hosts(visit) {
		return held(r.config.Host.Place(ctx, visit))
	}
	host, found, err := r.config.Nodes.HostOf(ctx, visit)
	if err != nil {
		return err
	}
	if found {
		return r.placed(ctx, host)
	}
	alive, err := r.config.Nodes.Alive(ctx)
	if err != nil {
		return err
	}
	err = fault.Away(errors.New("no node takes new rooms"))
	for _, node := range r.candidates(alive) {
		if node.ID == r.self {
			err = held(r.config.Host.Place(ctx, visit))
		} else {
			err = r.placeAt(ctx, node, visit)
		}
		if err == nil {
			return r.placed(ctx, node)
		}
		if errors.Is(err, rooms.ErrEnded) {
			return err
		}
		r.config.Logger.WarnContext(ctx, "a node did not take a room", "node", node.ID, "visit", visit, "cause", err)
	}
	return err
}

// candidates are the nodes that may take a room, in the order in which they are asked. Of those with as much to do this one comes first: it saves a way.
func (r *Router) candidates(alive []rooms.Node) []rooms.Node {
	list := slices.DeleteFunc(alive, func(n rooms.Node) bool { return n.Draining || n.Address == "" })
	slices.SortStableFunc(list, func(a, b rooms.Node) int {
		foreign := func(n rooms.Node) int {
			if n.ID == r.self {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Load, b.Load), cmp.Compare(foreign(a), foreign(b)))
	})
	return list[:min(len(list), mostPlaces)]
}

// held makes nothing of a room that another node has got meanwhile: it has a place.
func held(err error) error {
	if errors.Is(err, rooms.ErrHeld) {
		return nil
	}
	return err
}

// placeAt asks another node to open a room.
func (r *Router) placeAt(ctx context.Context, node rooms.Node, visit string) error {
	ctx, cancel := context.WithTimeout(ctx, placeWithin)
	defer cancel()
	status, err := r.ask(ctx, http.MethodPost, node, "/rooms/"+url.PathEscape(visit), nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusNoContent:
		return nil
	case status == http.StatusGone:
		return rooms.ErrEnded
	}
	return fault.Away(fmt.Errorf("node %s answered %d", node.ID, status))
}

// InVisit says whether a session is in the visit now, and not just waiting, wherever it is hosted.
func (r *Router) InVisit(ctx context.Context, visit, session string) (bool, error) {
	if r.config.Host.Hosts(visit) {
		return r.config.Host.InVisit(ctx, visit, session)
	}
	node, found, err := r.lastKnown(ctx, visit)
	if err != nil || !found || node.ID == r.self {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	status, err := r.ask(ctx, http.MethodGet, node, "/rooms/"+url.PathEscape(visit)+"/sessions/"+url.PathEscape(session), nil)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusNoContent, status == http.StatusNotFound:
		return status == http.StatusNoContent, nil
	}
	return false, fault.Away(fmt.Errorf("node %s answered %d", node.ID, status))
}

// ask puts a question to another node, which answers by the status alone. body may be nil.
func (r *Router) ask(ctx context.Context, method string, node rooms.Node, path string, body io.Reader) (status int, err error) {
	request, err := http.NewRequestWithContext(to(ctx, node), method, "https://"+node.ID+path, body)
	if err != nil {
		return 0, fmt.Errorf("ask node %s: %w", node.ID, err)
	}
	response, err := r.transport.RoundTrip(request)
	if err != nil {
		return 0, fault.Away(fmt.Errorf("ask node %s: %w", node.ID, err))
	}
	return response.StatusCode, response.Body.Close()
}
