package signaling

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/testkit"
	"housecall/rooms"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come. It bounds failures, and is never measured.
const patience = time.Minute

const visitID = "0193a1f0-7c3e-7b1a-8f00-0000000000aa"

// house is the handler with everything real around it: engine, rooms, passes, sockets.
type house struct {
	t       testing.TB
	ctx     context.Context
	config  Config
	handler *Handler
	server  *httptest.Server
	issuer  auth.Issuer
	logs    *testkit.Log
	db      *records

	mu     sync.Mutex
	people map[string]Person // by session
	passes int
}

// Person implements People.
func (h *house) Person(_ context.Context, visit, session string) (Person, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.people[session]
	if !ok || visit != visitID {
		return Person{}, fault.NotFound
	}
	return p, nil
}

func newHouse(t testing.TB, limits Limits) *house {
	t.Helper()
	// A machine that is busy with other things must not look like a client that is silent, unless that is what is tested.
	for _, d := range []*time.Duration{&limits.JoinWithin, &limits.SilentFor, &limits.WriteWithin} {
		if *d == 0 {
			*d = patience
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logs := &testkit.Log{}
	logger := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	engine, err := sfu.NewEngine(sfu.Config{Conn: conn, Logger: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	db := &records{}
	host := rooms.NewHost(rooms.Config{Node: "node-1", Leases: rooms.NewMemoryLeases(time.Now), Now: time.Now, Logger: logger,
		Transcript: db, Write: db.write})
	h := &house{t: t, ctx: ctx, db: db, logs: logs, people: map[string]Person{}}
	h.issuer = auth.Issuer{Kid: "key-1", Key: private, Issuer: "https://visits.example.org", Now: time.Now}
	h.config = Config{
		Rooms: host, Engine: engine, Once: rooms.NewMemoryOnce(time.Now), People: h, Logger: logger, Limits: limits,
		Verifier: auth.Verifier{Issuer: h.issuer.Issuer, Now: time.Now, Keys: func(kid string) (ed25519.PublicKey, bool) {
			return public, kid == h.issuer.Kid
		}},
	}
	h.handler = New(h.config)
	mux := http.NewServeMux()
	mux.Handle("GET /v/{visit}/ws", h.handler)
	h.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(h.handler.Close(closing), host.Close(closing)); err != nil {
			t.Error(err)
		}
		h.server.Close()
	})
	return h
}

// records keep what must last in memory.
type records struct {
	mu    sync.Mutex
	away  bool
	lines []rooms.Line
	told  []rooms.Notice
}

// goAway lets everything fail, or work again.
func (d *records) goAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *records) write(context.Context, rooms.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return fault.Away(errors.New("gone"))
	}
	return nil
}

func (d *records) Open(_ context.Context, _ string, _ int64, latest int) (rooms.Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return rooms.Record{Said: slices.Clone(d.lines[max(0, len(d.lines)-latest):]), Told: slices.Clone(d.told)}, nil
}

func (d *records) KeepTold(_ context.Context, _ string, _ int64, notices []rooms.Notice) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return fault.Away(errors.New("gone"))
	}
	d.told = append(d.told, notices...)
	return nil
}

func (d *records) Keep(_ context.Context, _ string, _ int64, line rooms.Line) (rooms.Line, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return rooms.Line{}, fault.Away(errors.New("gone"))
	}
	d.lines = append(d.lines, line)
	return line, nil
}

// sub makes the house fail the given subtest, until it is over.
func (h *house) sub(t testing.TB) {
	parent := h.t
	h.t = t
	t.Cleanup(func() { h.t = parent })
}

// awayPeople is a database that is gone.
type awayPeople struct{}

func (awayPeople) Person(context.Context, string, string) (Person, error) {
	return Person{}, fault.Away(errors.New("gone"))
}

// until waits for a condition that no channel tells of.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// invite makes a person known and returns the claims of a pass for them.
func (h *house) invite(session, invitation string, role auth.Role) auth.PassClaims {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passes++
	h.people[session] = Person{Invitation: invitation, Name: phi.Text("Canary " + session), Role: role}
	return auth.PassClaims{ID: fmt.Sprint("pass-", h.passes), Visit: visitID, Session: session, Invitation: invitation, Role: role}
}

func (h *house) pass(c auth.PassClaims) string {
	h.t.Helper()
	pass, err := h.issuer.Issue(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return pass
}

// caller is a websocket client; a goroutine reads what comes.
type caller struct {
	h      *house
	conn   *websocket.Conn
	client *sfutest.Client // nil: none

	mu       sync.Mutex
	messages []message
	closed   *websocket.CloseError
	err      error
	changed  chan struct{}
	done     chan struct{}
}

// message is one from the server, not decoded further.
type message map[string]jsontext.Value

func (m message) kind() string { return strings.Trim(string(m["type"]), `"`) }

// into decodes a message.
func into[M any](t testing.TB, m message) M {
	t.Helper()
	var out M
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *house) url(visit string) string {
	return "ws" + strings.TrimPrefix(h.server.URL, "http") + "/v/" + visit + "/ws"
}

// dial connects without joining, and reads what comes.
func (h *house) dial() *caller {
	h.t.Helper()
	c := h.dialDeaf(visitID)
	go c.read()
	h.t.Cleanup(func() {
		_ = c.conn.Close()
		<-c.done
	})
	return c
}

// dialDeaf connects and reads nothing.
func (h *house) dialDeaf(visit string) *caller {
	h.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{Subprotocol}, HandshakeTimeout: patience}
	conn, response, err := dialer.DialContext(h.ctx, h.url(visit), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = response.Body.Close()
	h.t.Cleanup(func() { _ = conn.Close() })
	return &caller{h: h, conn: conn, changed: make(chan struct{}), done: make(chan struct{})}
}

func (c *caller) read() {
	defer close(c.done)
	for {
		_, b, err := c.conn.ReadMessage()
		c.mu.Lock()
		var m message
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err == nil {
			c.messages = append(c.messages, m)
		} else {
			c.err = err
			_ = errors.As(err, &c.closed)
		}
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *caller) look() (messages []message, over bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]message(nil), c.messages...), c.err != nil, c.changed
}

// send sends a message as JSON.
func (c *caller) send(m FromClient) {
	c.h.t.Helper()
	c.sendRaw(websocket.TextMessage, wire(c.h.t, m))
}

func (c *caller) sendRaw(kind int, b []byte) {
	c.h.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	// The server may have closed already; what it said about that is what tests look at.
	_ = c.conn.WriteMessage(kind, b)
}

// await waits for a message of a type that fits.
func await[M ToClient](c *caller, what string, fits func(M) bool) M {
	c.h.t.Helper()
	var none M
	limit := time.After(patience)
	for {
		messages, over, changed := c.look()
		for _, m := range messages {
			if m.kind() == none.name() {
				if decoded := into[M](c.h.t, m); fits(decoded) {
					return decoded
				}
			}
		}
		if over {
			c.h.t.Fatalf("the connection ended (%v) while waiting for %s", c.err, what)
		}
		select {
		case <-changed:
		case <-limit:
			c.h.t.Fatalf("waited in vain for %s among %d messages", what, len(messages))
		}
	}
}

func anyOf[M ToClient](M) bool { return true }

// all returns every message of a type so far.
func all[M ToClient](c *caller) []M {
	c.h.t.Helper()
	var none M
	var list []M
	messages, _, _ := c.look()
	for _, m := range messages {
		if m.kind() == none.name() {
			list = append(list, into[M](c.h.t, m))
		}
	}
	return list
}

// awaitClosed waits for the end of the connection and wants a close code.
func (c *caller) awaitClosed(code int) {
	c.h.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.h.t.Fatalf("the connection was not closed, want %d", code)
	}
	if c.closed == nil || c.closed.Code != code {
		c.h.t.Fatalf("closed with %v, want %d", c.err, code)
	}
}

// newClient makes a media client with microphone, camera and slots for others.
func (h *house) newClient(slots int) *sfutest.Client {
	h.t.Helper()
	client, err := sfutest.New(sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: slots, VideoSlots: slots})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = client.Close() })
	return client
}

// joinWith makes the join message of a client.
func (h *house) joinWith(client *sfutest.Client, pass string) Join {
	h.t.Helper()
	offer, err := client.Offer()
	if err != nil {
		h.t.Fatal(err)
	}
	return Join{Pass: pass, Offer: offer, Sources: sourcesOf(client), Media: Media{Microphone: true, Camera: true}}
}

func sourcesOf(client *sfutest.Client) map[string]rooms.Source {
	sources := map[string]rooms.Source{}
	for _, mid := range client.MicrophoneMIDs() {
		sources[mid] = rooms.Microphone
	}
	for _, mid := range client.CameraMIDs() {
		sources[mid] = rooms.Camera
	}
	return sources
}

// join brings somebody in over a real websocket, with a real media client that sends as soon as it is connected.
func (h *house) join(session string, role auth.Role) (*caller, Joined) {
	h.t.Helper()
	return h.joinBy(h.newClient(3), session, role)
}

// joinBy is join with the given media client.
func (h *house) joinBy(client *sfutest.Client, session string, role auth.Role) (*caller, Joined) {
	h.t.Helper()
	c := h.dial()
	c.client = client
	c.send(h.joinWith(c.client, h.pass(h.invite(session, "invitation-of-"+session, role))))
	joined := await(c, "joined", anyOf[Joined])
	if err := c.client.Accept(joined.Answer); err != nil {
		h.t.Fatal(err)
	}
	if err := c.client.WaitConnected(h.ctx); err != nil {
		h.t.Fatal(err)
	}
	for mid := range sourcesOf(c.client) {
		c.client.Send(mid, true)
	}
	return c, joined
}

// lurk joins without any media line: enough for what needs no media.
func (h *house) lurk(session string, role auth.Role) (*caller, Joined) {
	h.t.Helper()
	c := h.dial()
	c.send(h.plainJoin(session, role))
	return c, await(c, "joined", anyOf[Joined])
}

func (h *house) plainJoin(session string, role auth.Role) Join {
	h.t.Helper()
	client, err := sfutest.New(sfutest.Options{AudioSlots: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = client.Close() })
	offer, err := client.Offer()
	if err != nil {
		h.t.Fatal(err)
	}
	return Join{Pass: h.pass(h.invite(session, "invitation-of-"+session, role)), Offer: offer}
}

// sees waits until the other's source arrives in the slot that the messages name.
func (c *caller) sees(other string, source rooms.Source) {
	c.h.t.Helper()
	var mid string
	await(c, string(source)+" of "+other, func(m Slots) bool {
		for _, s := range m.Slots {
			if s.Member == other && s.Source == source {
				mid = s.MID
				return true
			}
		}
		return false
	})
	if err := c.client.WaitReceived(c.h.ctx, mid, 10); err != nil {
		c.h.t.Fatal(err)
	}
}
