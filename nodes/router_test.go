package nodes

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/rooms"
)

var discardLog = log.New(io.Discard, "", 0)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds failures, and is never measured.
const patience = time.Minute

// node is one node of a test: what it hosts is real, what it serves tells who served.
type node struct {
	*Router
	id      string
	outside *httptest.Server // callers from outside
	stop    func()           // ends it as kill does: no lease is given back, no more heartbeats
}

// book keeps nothing: no test here says anything in a visit.
type book struct{}

func (book) Open(context.Context, string, int64, int) (rooms.Record, error) {
	return rooms.Record{}, nil
}
func (book) KeepTold(context.Context, string, int64, []rooms.Notice) error { return nil }
func (book) Keep(_ context.Context, _ string, _ int64, l rooms.Line) (rooms.Line, error) {
	return l, nil
}

// mortal leases stop beating, and everything else, when dead.
type mortal struct {
	*rooms.MemoryLeases
	dead atomic.Bool
}

var errDead = fault.Away(errors.New("dead"))

func (m *mortal) Beat(ctx context.Context, n rooms.Node) (bool, error) {
	if m.dead.Load() {
		return false, errDead
	}
	return m.MemoryLeases.Beat(ctx, n)
}

func (m *mortal) Release(ctx context.Context, l rooms.Lease) error {
	if m.dead.Load() {
		return errDead
	}
	return m.MemoryLeases.Release(ctx, l)
}

// openNode starts a node among those that share leases.
func openNode(t *testing.T, leases *rooms.MemoryLeases, id string) *node {
	t.Helper()
	own := &mortal{MemoryLeases: leases}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	host := rooms.NewHost(rooms.Config{Node: id, Address: listener.Addr().String(), Leases: own, Shared: true, Now: time.Now, Logger: logger,
		Transcript: book{}, Write: func(context.Context, rooms.Event) error { return nil }})
	n := &node{id: id, Router: NewRouter(Config{Identity: identity(t, secret, id), Nodes: leases, Host: host, Logger: logger})}
	local := http.NewServeMux()
	alive, die := context.WithCancel(context.Background())
	upgrader := websocket.Upgrader{}
	local.HandleFunc("GET /v/{visit}/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		defer context.AfterFunc(alive, func() { _ = conn.Close() })()
		_ = conn.WriteJSON(seen(id, r))
		for {
			kind, b, err := conn.ReadMessage()
			if err != nil {
				return
			}
			_ = conn.WriteMessage(kind, b)
		}
	})
	local.HandleFunc("POST /v/{visit}/check", func(w http.ResponseWriter, r *http.Request) {
		for name, value := range seen(id, r) {
			w.Header().Set(name, value)
		}
	})
	local.HandleFunc("POST /v/{visit}/pass", func(w http.ResponseWriter, r *http.Request) {
		if err := n.Place(r.Context(), r.PathValue("visit")); err != nil {
			web.Problem(w, r, err)
			return
		}
		w.Header().Set("Node", id)
		_, _ = io.Copy(w, r.Body)
	})
	n.Serve(listener, local, func(err error) { t.Error(err) })
	routes := web.NewRoutes(web.Guards{})
	n.Routes(routes, local)
	n.outside = httptest.NewServer(routes)
	n.outside.Config.ErrorLog = discardLog
	var stopped atomic.Bool
	n.stop = func() {
		if stopped.Swap(true) {
			return
		}
		own.dead.Store(true)
		die()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(n.Close(ctx), host.Close(ctx)); err != nil {
			t.Error(err)
		}
		n.outside.CloseClientConnections()
		n.outside.Close()
	}
	t.Cleanup(n.stop)
	until(t, id+" is alive", func() bool {
		alive, err := leases.Alive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range alive {
			if other.ID == id && other.Address != "" {
				return true
			}
		}
		return false
	})
	return n
}

// seen is what whoever served a request saw of it.
func seen(id string, r *http.Request) map[string]string {
	return map[string]string{"Node": id, "Caller": r.RemoteAddr, "Cookie": r.Header.Get("Cookie"), "Host": r.Host, "Told": r.Header.Get(callerHeader)}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// check asks a node, from outside, for something of a visit's host.
func (n *node) check(t *testing.T, visit string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.outside.URL+"/v/"+visit+"/check", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", "housecall_visit=abc")
	request.Header.Set(callerHeader, "203.0.113.9:1") // a lie
	request.Host = "visits.example.org"
	response, err := n.outside.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestAnyNodeTakesAnyRequest(t *testing.T) {
	leases := rooms.NewMemoryLeases(time.Now)
	a, b := openNode(t, leases, "node-a"), openNode(t, leases, "node-b")
	if err := a.config.Host.Place(t.Context(), "visit-1"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b} {
		got := n.check(t, "visit-1").Header
		if got.Get("Node") != "node-a" || got.Get("Cookie") != "housecall_visit=abc" || got.Get("Host") != "visits.example.org" {
			t.Errorf("by %s: %v", n.id, got)
		}
		if host, _, err := net.SplitHostPort(got.Get("Caller")); err != nil || host != "127.0.0.1" {
			t.Errorf("by %s the caller is %q", n.id, got.Get("Caller"))
		}
		if n == b && got.Get("Told") != "" {
			t.Errorf("the header between nodes was left in: %v", got)
		}
	}
	// A room nobody hosts is nobody's to be opened by a stranger: the node at hand answers.
	if got := b.check(t, "visit-2").Header.Get("Node"); got != "node-b" || b.config.Host.Hosts("visit-2") {
		t.Errorf("answered by %q", got)
	}
	if got := b.check(t, "two%20words").StatusCode; got != http.StatusNotFound {
		t.Errorf("a visit that is none: %d", got)
	}
}

func TestWebsocketsAreCarried(t *testing.T) {
	leases := rooms.NewMemoryLeases(time.Now)
	a, b := openNode(t, leases, "node-a"), openNode(t, leases, "node-b")
	if err := a.config.Host.Place(t.Context(), "visit-1"); err != nil {
		t.Fatal(err)
	}
	dial := func() (*websocket.Conn, *http.Response, error) {
		return websocket.DefaultDialer.DialContext(t.Context(), "ws"+b.outside.URL[len("http"):]+"/v/visit-1/ws", nil)
	}
	conn, _, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var who map[string]string
	if err := conn.ReadJSON(&who); err != nil || who["Node"] != "node-a" {
		t.Fatalf("served by %v, %v", who, err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != "x" {
		t.Errorf("came back: %q, %v", b, err)
	}

	// A host that is gone: the connection breaks, and whoever tries again is told so at once until the room is free.
	a.stop()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := conn.ReadMessage(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection outlived its host")
	}
	begin := time.Now()
	_, response, err := dial()
	if took := time.Since(begin); took > dialWithin+patience/2 {
		t.Errorf("told after %v", took)
	}
	if response == nil || response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("told %v, %v", response, err)
	}
	until(t, "the room is free", func() bool {
		again, _, err := dial()
		if err != nil {
			return false
		}
		defer again.Close()
		return again.ReadJSON(&who) == nil && who["Node"] == "node-b"
	})
}

// While the store is away, requests go where the room was last.
func TestStoreAway(t *testing.T) {
	leases := rooms.NewMemoryLeases(time.Now)
	a, b := openNode(t, leases, "node-a"), openNode(t, leases, "node-b")
	if err := a.config.Host.Place(t.Context(), "visit-1"); err != nil {
		t.Fatal(err)
	}
	if got := b.check(t, "visit-1").Header.Get("Node"); got != "node-a" {
		t.Fatalf("answered by %q", got)
	}
	b.config.Nodes = away{}
	if got := b.check(t, "visit-1").Header.Get("Node"); got != "node-a" {
		t.Errorf("answered by %q", got)
	}
	if got := b.check(t, "visit-2").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("a room nobody knows of: %d", got)
	}
	if err := b.Place(t.Context(), "visit-1"); !errors.Is(err, fault.TryAgain) {
		t.Errorf("placed: %v", err)
	}
}

type away struct{}

func (away) Alive(context.Context) ([]rooms.Node, error) { return nil, errDead }
func (away) HostOf(context.Context, string) (rooms.Node, bool, error) {
	return rooms.Node{}, false, errDead
}

// Whoever asks for a pass is answered by the node that hosts the room from then on, whichever node was asked.
func TestPassComesFromTheHost(t *testing.T) {
	leases := rooms.NewMemoryLeases(time.Now)
	a, b := openNode(t, leases, "node-a"), openNode(t, leases, "node-b")
	if err := a.Place(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	until(t, "the load is known", func() bool {
		alive, err := leases.Alive(t.Context())
		return err == nil && len(alive) == 2 && alive[0].Load == 2
	})
	for visit, want := range map[string]*node{"1": a, "2": b} {
		for _, asked := range []*node{a, b, a} {
			response, err := asked.outside.Client().Post(asked.outside.URL+"/v/"+visit+"/pass", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if got := response.Header.Get("Node"); err != nil || got != want.id || response.StatusCode != http.StatusOK || string(body) != "{}" || !want.config.Host.Hosts(visit) {
				t.Errorf("visit %s, asked of %s: %d by %q, %q, %v", visit, asked.id, response.StatusCode, got, body, err)
			}
		}
	}
	a.config.Nodes = away{}
	if got := a.check(t, "3").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("with the store away: %d", got)
	}
}

func TestPlacing(t *testing.T) {
	leases := rooms.NewMemoryLeases(time.Now)
	a, b, c := openNode(t, leases, "node-a"), openNode(t, leases, "node-b"), openNode(t, leases, "node-c")
	hosts := func(n *node) (count int) {
		for _, visit := range []string{"1", "2", "3", "4", "5", "6"} {
			if n.config.Host.Hosts(visit) {
				count++
			}
		}
		return count
	}
	// All are asked of one node, and told by its load alone: each node gets as many.
	for i, visit := range []string{"1", "2", "3", "4", "5", "6"} {
		if err := a.Place(t.Context(), visit); err != nil {
			t.Fatal(err)
		}
		until(t, "the load is known", func() bool {
			alive, err := leases.Alive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			load := 0
			for _, n := range alive {
				load += n.Load
			}
			return load == 2*(i+1)
		})
	}
	if hosts(a) != 2 || hosts(b) != 2 || hosts(c) != 2 {
		t.Errorf("hosted: %d, %d, %d", hosts(a), hosts(b), hosts(c))
	}
	for _, n := range []*node{a, b, c} { // again, whoever is asked: everything has its place
		for _, visit := range []string{"1", "2", "3"} {
			if err := n.Place(t.Context(), visit); err != nil {
				t.Error(err)
			}
		}
	}
	if hosts(a) != 2 || hosts(b) != 2 || hosts(c) != 2 {
		t.Errorf("hosted after asking again: %d, %d, %d", hosts(a), hosts(b), hosts(c))
	}
	// Whoever is asked does not matter, and whoever is in the visit is known everywhere.
	for _, n := range []*node{a, b, c} {
		if in, err := n.InVisit(t.Context(), "1", "session"); in || err != nil {
			t.Errorf("by %s: %v, %v", n.id, in, err)
		}
	}
	drained := make(chan error, 1)
	go func() { drained <- a.config.Host.Drain(t.Context()) }()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	b.stop() // dead, and not known to be yet
	if err := a.Place(t.Context(), "7"); err != nil || !c.config.Host.Hosts("7") {
		t.Errorf("placed on neither the draining nor the dead node: %v", err)
	}
	c.config.Host.End("8")
	until(t, "an ended visit has no place", func() bool { return errors.Is(a.Place(t.Context(), "8"), rooms.ErrEnded) })
}
