package sfu_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/sfu"
	"housecall/sfu/sfutest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; it is never a measure of speed.
const patience = 2 * time.Minute

// hall is an engine with its impaired socket.
type hall struct {
	*sfu.Engine
	socket *sfutest.Impaired
	ctx    context.Context
}

func newHall(t *testing.T) *hall {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := sfutest.Impair(conn, 7)
	h := newHallOn(t, sfu.Config{Conn: socket})
	h.socket = socket
	return h
}

func newHallOn(t *testing.T, c sfu.Config) *hall {
	t.Helper()
	engine, err := sfu.NewEngine(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return &hall{Engine: engine, ctx: ctx}
}

// guest is a client with its peer.
type guest struct {
	*sfutest.Client
	peer   *sfu.Peer
	offers int
	lost   chan struct{}
}

func (h *hall) enter(t *testing.T, o sfutest.Options) *guest {
	t.Helper()
	client, err := sfutest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	g := &guest{Client: client, lost: make(chan struct{})}
	connected := make(chan struct{})
	g.peer, err = h.NewPeer(sfu.PeerEvents{Connected: func() { close(connected) }, Lost: func() {
		close(g.lost)
		_ = g.peer.Close() // as a room does
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.offer(t, h)
	if err := client.WaitConnected(h.ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-h.ctx.Done():
		t.Fatal("the peer never said that it is connected")
	}
	return g
}

func (g *guest) offer(t *testing.T, h *hall) {
	t.Helper()
	g.negotiate(t, h, g.Offer)
}

// negotiate has the peer answer what offer makes, and returns its answer.
func (g *guest) negotiate(t *testing.T, h *hall, offer func() (string, error)) string {
	t.Helper()
	g.offers++
	sdp, err := offer()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := g.peer.Answer(h.ctx, sdp)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Accept(answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// send starts microphone and camera.
func (g *guest) send() {
	for _, mid := range append(g.MicrophoneMIDs(), g.CameraMIDs()...) {
		g.Send(mid, true)
	}
}

func (g *guest) publication(t *testing.T, kind sfu.Kind) *sfu.Publication {
	t.Helper()
	for _, p := range g.peer.Publications() {
		if p.Kind() == kind {
			return p
		}
	}
	t.Fatalf("no %s is published", kind)
	return nil
}

// see points the guest's nth pair of slots at another's microphone and camera.
func (g *guest) see(t *testing.T, n int, other *guest) {
	t.Helper()
	count := map[sfu.Kind]int{}
	for _, s := range g.peer.Slots() {
		if count[s.Kind()] == n {
			s.Show(other.publication(t, s.Kind()))
		}
		count[s.Kind()]++
	}
}

// sees waits for media on the nth pair of slots.
func (g *guest) sees(t *testing.T, h *hall, n int) {
	t.Helper()
	if err := g.WaitReceived(h.ctx, g.AudioSlotMIDs()[n], 3); err != nil {
		t.Fatal(err)
	}
	if err := g.WaitReceived(h.ctx, g.VideoSlotMIDs()[n], 12); err != nil {
		t.Fatal(err)
	}
	if g.Received(g.VideoSlotMIDs()[n]).KeyFrames == 0 {
		t.Error("video without a key frame")
	}
}

// meet has two enter, the first with options of their own, and waits until they see and hear each other.
func (h *hall) meet(t *testing.T, o sfutest.Options) (a, b *guest) {
	t.Helper()
	a, b = h.enter(t, o), h.enter(t, ordinary)
	a.send()
	b.send()
	a.see(t, 0, b)
	b.see(t, 0, a)
	a.sees(t, h, 0)
	b.sees(t, h, 0)
	return a, b
}

var ordinary = sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 3, VideoSlots: 3}

func TestTwoThenFourPeopleWithoutNewOffers(t *testing.T) {
	h := newHall(t)
	a, b := h.meet(t, ordinary)
	guests := []*guest{a, b}
	for range 2 {
		g := h.enter(t, ordinary)
		g.send()
		guests = append(guests, g)
	}
	for i, g := range guests {
		n := 0
		for j, other := range guests {
			if i != j {
				g.see(t, n, other)
				n++
			}
		}
	}
	for _, g := range guests {
		for n := range 3 {
			g.sees(t, h, n)
		}
		if g.offers != 1 {
			t.Errorf("%d offers", g.offers)
		}
	}
}
