package relay_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// echo connects a client through the relay to a peer that shows it its own picture.
func (h *house) echo(t *testing.T, name string) *sfutest.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := sfutest.New(sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1, Relays: []webrtc.ICEServer{{
		URLs: []string{"turn:" + h.address + "?transport=tcp"}, Username: name, Credential: "secret of " + name,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	peer, err := h.engine.NewPeer(sfu.PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	offer, err := c.Offer()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := peer.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return peer.Way() == sfu.WayRelay })
	for _, slot := range peer.Slots() {
		for _, pub := range peer.Publications() {
			if pub.Kind() == slot.Kind() {
				slot.Show(pub)
			}
		}
	}
	for _, mid := range append(c.MicrophoneMIDs(), c.CameraMIDs()...) {
		c.Send(mid, true)
	}
	for _, mid := range append(c.AudioSlotMIDs(), c.VideoSlotMIDs()...) {
		if err := c.WaitReceived(ctx, mid, 100); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Sound and picture go both ways through the relay, and no packet leaves by the socket.
func TestMediaThroughTheRelay(t *testing.T) {
	h := newHouse(t)
	c := h.echo(t, "ann")
	pair, err := c.Connection().SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local.Typ != webrtc.ICECandidateTypeRelay {
		t.Errorf("the pair is %v, %v", pair, err)
	}
	if n := h.sent.packets.Load(); n != 0 {
		t.Errorf("%d packets left by the socket", n)
	}
	if h.Allocations() == 0 {
		t.Error("no allocation")
	}
}

// A person's thirteenth allocation is refused, others have theirs, and one that is given back makes room.
func TestTwelveAllocationsAPerson(t *testing.T) {
	h := newHouse(t)
	var held []*client
	for i := range 12 {
		c := h.dial(t, fmt.Sprintf("ann:%d", i))
		if code := c.ask(stun.MethodAllocate, udp); code != 0 {
			t.Fatalf("allocation %d: %d", i+1, code)
		}
		held = append(held, c)
	}
	late := h.dial(t, "ann:12")
	if code := late.ask(stun.MethodAllocate, udp); code != 486 {
		t.Errorf("the thirteenth: %d, want 486", code)
	}
	if code := h.dial(t, "bob").ask(stun.MethodAllocate, udp); code != 0 {
		t.Errorf("another person's first: %d", code)
	}
	if n := h.Allocations(); n != 13 {
		t.Errorf("%d allocations", n)
	}
	if code := held[0].ask(stun.MethodRefresh, raw{stun.AttrLifetime, []byte{0, 0, 0, 0}}); code != 0 {
		t.Errorf("giving one back: %d", code)
	}
	if err := held[1].conn.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return h.Allocations() == 11 })
	if code := late.ask(stun.MethodAllocate, udp); code != 0 {
		t.Errorf("with room again: %d", code)
	}
}

// await waits for a condition.
func await(t testing.TB, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it never came to be")
		}
	}
}

// requests are all that need credentials, for an allocation that is there.
func requests(h *house) map[string][]stun.Setter {
	return map[string][]stun.Setter{
		"Refresh": {}, "CreatePermission": {at(h.media)}, "ChannelBind": {at(h.media), channel1}, "Allocate": {udp},
	}
}

var methods = map[string]stun.Method{"Allocate": stun.MethodAllocate, "Refresh": stun.MethodRefresh,
	"CreatePermission": stun.MethodCreatePermission, "ChannelBind": stun.MethodChannelBind}

// Names out of date are refused whatever they ask, and the allocation ends with the name it was made with.
func TestExpiredCredentials(t *testing.T) {
	h := newHouse(t)
	h.end("ann:old", time.Now().Add(-time.Second))
	for name, attributes := range requests(h) {
		c := h.dial(t, "ann")
		if code := c.ask(stun.MethodAllocate, udp); code != 0 {
			t.Fatalf("allocate: %d", code)
		}
		c.name = "ann:old"
		if code := c.ask(methods[name], attributes...); code != 401 {
			t.Errorf("%s with an old name: %d, want 401", name, code)
		}
		c.name = "ann"
		if code := c.ask(stun.MethodRefresh); code != 0 {
			t.Errorf("with a good one it goes on: %d", code)
		}
	}
	h.end("bob", time.Now().Add(6*time.Second))
	c := h.dial(t, "bob")
	if code := c.ask(stun.MethodAllocate, udp, raw{stun.AttrLifetime, []byte{0, 0, 14, 0}}); code != 0 {
		t.Fatalf("allocate: %d", code)
	}
	before := h.Allocations()
	await(t, func() bool { return h.Allocations() == before-1 })
	if time.Now().Before(h.ends["bob"]) {
		t.Error("the allocation ended early")
	}
}

// Refreshed with a name that is good for longer, an allocation lasts longer.
func TestRenewedCredentials(t *testing.T) {
	h := newHouse(t)
	h.end("ann:1", time.Now().Add(4*time.Second))
	c := h.dial(t, "ann:1")
	if code := c.ask(stun.MethodAllocate, udp); code != 0 {
		t.Fatalf("allocate: %d", code)
	}
	c.name = "ann:2"
	if code := c.ask(stun.MethodRefresh); code != 0 {
		t.Fatalf("refresh: %d", code)
	}
	other := h.dial(t, "bob")
	h.end("bob", time.Now().Add(6*time.Second))
	if code := other.ask(stun.MethodAllocate, udp); code != 0 {
		t.Fatalf("allocate: %d", code)
	}
	await(t, func() bool { return h.Allocations() == 1 }) // bob's ended, later than ann's would have
	if code := c.ask(stun.MethodRefresh); code != 0 {
		t.Errorf("the renewed allocation is gone: %d", code)
	}
}

// Whoever is removed is refused, and loses what they have.
func TestRemovedPerson(t *testing.T) {
	h := newHouse(t)
	for name, attributes := range requests(h) {
		c, other := h.dial(t, "ann"+name), h.dial(t, "bob")
		for _, each := range []*client{c, other} {
			if code := each.ask(stun.MethodAllocate, udp); code != 0 {
				t.Fatalf("allocate: %d", code)
			}
		}
		h.refuse("ann" + name)
		if code := c.ask(methods[name], attributes...); code != 401 {
			t.Errorf("%s: %d, want 401", name, code)
		}
		h.Drop(func(person string) bool { return person == "ann"+name })
		c.closed()
		if code := other.ask(stun.MethodRefresh); code != 0 {
			t.Errorf("another person's: %d", code)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "ann")
	if answer := c.once(stun.MethodAllocate, udp); answer.Type.Class != stun.ClassErrorResponse {
		t.Fatal("without a name it is granted")
	}
	c.ask(stun.MethodAllocate, udp)
	c.name = "bob" // whose password the key is not of
	key := c.key()
	c.name = "ann"
	m := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest), stun.NewUsername("ann"),
		stun.NewRealm("visits.example.org"), stun.NewNonce(c.nonce), stun.MessageIntegrity(key))
	if _, err := c.conn.Write(m.Raw); err != nil {
		t.Fatal(err)
	}
	frame, err := c.read()
	if err != nil {
		t.Fatal(err)
	}
	var code stun.ErrorCodeAttribute
	answer := &stun.Message{Raw: frame}
	if answer.Decode() != nil || code.GetFrom(answer) != nil || code.Code != 401 {
		t.Errorf("a wrong password: %v", answer)
	}
}

// STUN's own question is answered to anybody.
func TestBinding(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "")
	answer := c.once(stun.MethodBinding)
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(answer); err != nil || mapped.String() != c.conn.LocalAddr().String() {
		t.Errorf("mapped address %v, %v; want %v", mapped, err, c.conn.LocalAddr())
	}
}

// Connections that hold no allocation are closed, however many there are; those that do stay.
func TestIdleConnections(t *testing.T) {
	h := newHouse(t)
	c := h.dial(t, "ann")
	if code := c.ask(stun.MethodAllocate, udp); code != 0 {
		t.Fatalf("allocate: %d", code)
	}
	first := h.dial(t, "x")
	for range 600 {
		conn, err := net.Dial("tcp4", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first.closed()
	h.dial(t, "y").closed() // after a while
	if code := c.ask(stun.MethodRefresh); code != 0 {
		t.Errorf("one with an allocation: %d", code)
	}
}

func TestFamilies(t *testing.T) {
	h := newHouse(t, netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7"))
	six := raw{stun.AttrRequestedAddressFamily, []byte{2, 0, 0, 0}}
	for _, each := range []struct {
		attributes []stun.Setter
		peer       netip.Addr
	}{{nil, netip.MustParseAddr("192.0.2.7")}, {[]stun.Setter{six}, netip.MustParseAddr("2001:db8::7")}} {
		c := h.dial(t, "ann")
		if code := c.ask(stun.MethodAllocate, append(each.attributes, udp)...); code != 0 {
			t.Fatalf("allocate: %d", code)
		}
		peer := netip.AddrPortFrom(each.peer, h.media.Port())
		if code := c.ask(stun.MethodChannelBind, at(peer), channel1); code != 0 {
			t.Errorf("to %v: %d", peer, code)
		}
		if code := c.ask(stun.MethodChannelBind, at(peer), channel2); code != 400 {
			t.Errorf("a second channel to %v: %d, want 400", peer, code)
		}
	}
}
