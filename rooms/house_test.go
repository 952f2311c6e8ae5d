package rooms

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/testkit"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// patience is how long a test waits for what must come. It bounds failures, and is never measured.
const patience = time.Minute

// inbox is an outbox that a test can look into.
type inbox struct {
	mu      sync.Mutex
	changed chan struct{} // closed and made anew at every change
	size    int           // most updates it takes; 0: any number
	updates []Update
	closed  Reason
}

func newInbox(size int) *inbox { return &inbox{changed: make(chan struct{}), size: size} }

func (b *inbox) Send(u Update) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size > 0 && len(b.updates) >= b.size {
		return false
	}
	b.updates = append(b.updates, u)
	close(b.changed)
	b.changed = make(chan struct{})
	return true
}

func (b *inbox) Close(r Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == 0 {
		b.closed = r
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// look returns what has come so far.
func (b *inbox) look() ([]Update, Reason, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.updates), b.closed, b.changed
}

// house is a host with everything real around it but the clock.
type house struct {
	t      *testing.T
	ctx    context.Context
	clock  *testkit.Clock
	leases Leases
	db     *records
	host   *Host
	engine *sfu.Engine

	removals int64 // the number of the last in SQL; whoever arrives was checked then

	mu     sync.Mutex
	events []Event
}

// removal is the number of one that is written now.
func (h *house) removal() int64 {
	h.removals++
	return h.removals
}

const visitID = "0193a1f0-7c3e-7b1a-8f00-0000000000aa"

func newHouse(t *testing.T, limits Limits) *house {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	engine := newEngine(t)
	t.Cleanup(func() { _ = engine.Close() })
	return newHouseOn(t, engine, limits)
}

// newEngine makes an engine, which the caller closes.
func newEngine(t testing.TB) *sfu.Engine {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := sfu.NewEngine(sfu.Config{Conn: conn, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// newHouseOn makes a house on an engine that outlives it.
func newHouseOn(t *testing.T, engine *sfu.Engine, limits Limits) *house {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	h := &house{t: t, ctx: ctx, engine: engine, db: &records{}, clock: testkit.NewClock(time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC))}
	h.leases = NewMemoryLeases(h.clock.Now) // turned by hand: a busy machine misses no heartbeat
	if limits.Tick == 0 {
		limits.Tick = 5 * time.Millisecond
	}
	h.host = h.newHost("node-1", limits)
	return h
}

func (h *house) newHost(node string, limits Limits) *Host {
	host := NewHost(Config{
		Node: node, Leases: h.leases, Now: h.clock.Now, Logger: slog.New(slog.DiscardHandler), Limits: limits,
		Transcript: h.db, Events: h.note,
		Write: func(ctx context.Context, e Event) error {
			err := h.db.write(ctx, e)
			if err == nil && e.Kind != EventEnded {
				h.note(e)
			}
			return err
		},
	})
	h.t.Cleanup(func() { h.closeHost(host) })
	return host
}

func (h *house) note(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *house) closeHost(host *Host) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := host.Close(ctx); err != nil {
		h.t.Error(err)
	}
}

// seenEvents returns the events of a kind so far.
func (h *house) seenEvents(kind EventKind) []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Event
	for _, e := range h.events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

func (h *house) room() *Room {
	h.t.Helper()
	r, err := h.host.Room(h.ctx, visitID)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
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

// guest is somebody in a room, or somebody who was refused (seat nil).
type guest struct {
	h      *house
	id     string
	box    *inbox
	seat   *Seat
	peer   *sfu.Peer
	client *sfutest.Client // nil: a peer without any line
}

// how somebody arrives.
type how struct {
	invitation string // empty: one of its own
	role       auth.Role
	lines      *sfutest.Options               // what the client offers; nil: nothing at all
	sources    func(*guest) map[string]Source // what its lines are; nil: microphones and cameras
	media      Media
	boxSize    int
}

// arrive makes a guest and joins; the guest's seat is nil when refused.
func (h *house) arrive(session string, how how) (*guest, error) {
	h.t.Helper()
	g := &guest{h: h, id: session, box: newInbox(how.boxSize)}
	peer, err := h.engine.NewPeer(sfu.PeerEvents{})
	if err != nil {
		h.t.Fatal(err)
	}
	g.peer = peer
	h.t.Cleanup(func() { _ = peer.Close() })
	sources := map[string]Source{}
	if how.lines != nil {
		g.client, err = sfutest.New(*how.lines)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { _ = g.client.Close() })
		g.negotiate()
		if how.sources == nil {
			how.sources = (*guest).sources
		}
		sources = how.sources(g)
	}
	if how.invitation == "" {
		how.invitation = "invitation-of-" + session
	}
	g.seat, err = h.room().Join(h.ctx, Arrival{
		Session: session, Invitation: how.invitation, Name: phi.Text("Name of " + session), Role: how.role,
		Checked: h.removals, Peer: peer, Sources: sources, Media: how.media, Outbox: g.box,
	})
	return g, err
}

// join is arrive for somebody who must not be refused.
func (h *house) join(session string, how how) *guest {
	h.t.Helper()
	g, err := h.arrive(session, how)
	if err != nil {
		h.t.Fatalf("%s: %v", session, err)
	}
	return g
}

// negotiate makes an offer, has it answered and accepts the answer.
func (g *guest) negotiate() {
	g.h.t.Helper()
	offer, err := g.client.Offer()
	if err != nil {
		g.h.t.Fatal(err)
	}
	answer, err := g.peer.Answer(g.h.ctx, offer)
	if err != nil {
		g.h.t.Fatal(err)
	}
	if err := g.client.Accept(answer); err != nil {
		g.h.t.Fatal(err)
	}
}

func (g *guest) sources() map[string]Source {
	sources := map[string]Source{}
	for _, mid := range g.client.MicrophoneMIDs() {
		sources[mid] = Microphone
	}
	for _, mid := range g.client.CameraMIDs() {
		sources[mid] = Camera
	}
	return sources
}

// both are a microphone and a camera, with room for others.
func both(slots int) *sfutest.Options {
	return &sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: slots, VideoSlots: slots}
}

var allOn = Media{Microphone: true, Camera: true}

// admit lets the other in and expects no error.
func (g *guest) admit(other *guest) {
	g.h.t.Helper()
	if err := g.seat.Admit(g.h.ctx, other.id); err != nil {
		g.h.t.Fatalf("admitting %s: %v", other.id, err)
	}
}

// await waits until an update has come that fits, and returns it.
func await[U Update](g *guest, what string, fits func(U) bool) U {
	g.h.t.Helper()
	limit := time.After(patience)
	for {
		updates, closed, changed := g.box.look()
		for _, u := range updates {
			if u, ok := u.(U); ok && fits(u) {
				return u
			}
		}
		if closed != 0 {
			g.h.t.Fatalf("%s was closed (%d) while waiting for %s; got %s", g.id, closed, what, kinds(updates))
		}
		select {
		case <-changed:
		case <-limit:
			g.h.t.Fatalf("%s waited in vain for %s; got %s", g.id, what, kinds(updates))
		}
	}
}

// awaitClosed waits until the room has closed the guest's outbox.
func (g *guest) awaitClosed(want Reason) {
	g.h.t.Helper()
	limit := time.After(patience)
	for {
		_, closed, changed := g.box.look()
		if closed == want {
			return
		}
		if closed != 0 {
			g.h.t.Fatalf("%s was closed for reason %d, want %d", g.id, closed, want)
		}
		select {
		case <-changed:
		case <-limit:
			g.h.t.Fatalf("%s was not closed", g.id)
		}
	}
}

// all returns the updates of one type that have come so far.
func all[U Update](g *guest) []U {
	updates, _, _ := g.box.look()
	var list []U
	for _, u := range updates {
		if u, ok := u.(U); ok {
			list = append(list, u)
		}
	}
	return list
}

// latest returns the last update of a type; the zero value when none came.
func latest[U Update](g *guest) U {
	var none U
	if list := all[U](g); len(list) > 0 {
		return list[len(list)-1]
	}
	return none
}

// settle returns when the room has done everything asked of it before, also what it has done elsewhere.
func (h *house) settle() {
	h.t.Helper()
	h.until("the room is done", func() bool {
		busy, err := ask(h.ctx, h.room(), func() (bool, error) {
			r := h.host.hostedRoom(visitID)
			return r != nil && (len(r.unkept) > 0 || r.ending), nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
		return !busy
	})
}

// tick lets the room look at its clock, and returns when it has.
func (h *house) tick() {
	h.t.Helper()
	r := h.room()
	if _, err := ask(h.ctx, r, func() (int, error) { r.tick(); return 0, nil }); err != nil {
		h.t.Fatal(err)
	}
}

// kinds names updates for failures, without their content.
func kinds(updates []Update) string {
	var list []string
	for _, u := range updates {
		list = append(list, reflect.TypeOf(u).Name())
	}
	return fmt.Sprint(list)
}

func ids(members []Member) []string {
	list := make([]string, 0, len(members))
	for _, m := range members {
		list = append(list, m.ID)
	}
	return list
}
