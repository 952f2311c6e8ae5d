package sfu_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"housecall/sfu"
	"housecall/sfu/sfutest"
)

func TestRepointingIsOneContinuousStream(t *testing.T) {
	h := newHall(t)
	w := &watch{}
	o := ordinary
	o.OnRTP = w.onRTP
	viewer := h.enter(t, o)
	a, b := h.enter(t, ordinary), h.enter(t, sfutest.Options{Microphones: 1, Cameras: 1, Frame: 20 * time.Millisecond})
	a.send()
	b.send()
	video := viewer.VideoSlotMIDs()[0]
	audio := viewer.AudioSlotMIDs()[0]
	for _, source := range []*guest{a, b, a, b} {
		before := viewer.Received(video).KeyFrames
		viewer.see(t, 0, source)
		if err := viewer.WaitKeyFrames(h.ctx, video, before+1); err != nil {
			t.Fatal(err)
		}
		if err := viewer.WaitReceived(h.ctx, audio, 5); err != nil {
			t.Fatal(err)
		}
		if err := viewer.WaitReceived(h.ctx, video, 40); err != nil {
			t.Fatal(err)
		}
	}
	if keys := mustFlow(t, w.on(video)); keys < 4 {
		t.Errorf("%d key frames for four sources", keys)
	}
	sounds := w.on(audio)
	markers := 0
	byNumber := ordered(sounds)
	for n, p := range byNumber {
		if p.marker {
			markers++
		}
		last, ok := byNumber[n-1]
		if step := int32(p.timestamp - last.timestamp); ok && (step <= 0 || int64(step) > ticks(48_000)) {
			t.Fatalf("sound %d: %d ticks on", n, step)
		}
	}
	mostlyThere(t, sounds, 10)
	if !sounds[0].marker || markers != 4 {
		t.Errorf("%d markers on four sources' sound, first %v", markers, sounds[0].marker)
	}
}

func TestMoreSlotsByAnotherOffer(t *testing.T) {
	h := newHall(t)
	w := &watch{}
	viewer := h.enter(t, sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1, OnRTP: w.onRTP})
	a, b := h.enter(t, ordinary), h.enter(t, ordinary)
	viewer.send()
	a.send()
	b.send()
	viewer.see(t, 0, a)
	a.see(t, 0, viewer)
	viewer.sees(t, h, 0)
	first := viewer.peer.Slots()
	if err := viewer.AddSlots(1, 2); err != nil {
		t.Fatal(err)
	}
	viewer.offer(t, h)
	slots := viewer.peer.Slots()
	if len(slots) != 5 || len(first) != 2 || slots[0] != first[0] || slots[1] != first[1] {
		t.Fatalf("%d slots, had %d", len(slots), len(first))
	}
	if len(viewer.peer.Publications()) != 2 {
		t.Errorf("%d publications", len(viewer.peer.Publications()))
	}
	viewer.see(t, 1, b)
	viewer.sees(t, h, 1)
	viewer.sees(t, h, 0)
	a.sees(t, h, 0)
	mustFlow(t, w.on(viewer.VideoSlotMIDs()[0]))
}

func TestNothingComesWhileWaiting(t *testing.T) {
	h := newHall(t)
	waiting := h.enter(t, ordinary)
	a, b := h.enter(t, ordinary), h.enter(t, ordinary)
	a.send()
	b.send()
	a.see(t, 0, b)
	b.see(t, 0, a)
	a.sees(t, h, 0)
	b.sees(t, h, 0)
	if n := waiting.RawPackets(); n != 0 {
		t.Fatalf("%d packets came while waiting", n)
	}
	waiting.see(t, 0, a) // positive control: the same counter counts now
	waiting.sees(t, h, 0)
	if waiting.RawPackets() == 0 {
		t.Fatal("the counter doesn't count")
	}
	for _, s := range waiting.peer.Slots() {
		s.Show(nil)
	}
	before := waiting.peer.Stats()
	a.sees(t, h, 0)
	for i, s := range waiting.peer.Stats().Slots {
		if s.Packets != before.Slots[i].Packets || s.Retransmissions != before.Slots[i].Retransmissions {
			t.Errorf("slot %s went on writing: %+v", s.MID, s)
		}
	}
}

func TestPublicationsKnownByMIDOnly(t *testing.T) {
	h := newHall(t)
	viewer := h.enter(t, ordinary)
	a := h.enter(t, sfutest.Options{Microphones: 1, Cameras: 1, HideSources: true})
	viewer.see(t, 0, a) // before anything is known of its streams
	a.send()
	viewer.sees(t, h, 0)
}

func TestShowRefusesWhatCantBeShown(t *testing.T) {
	h := newHall(t)
	viewer, a := h.enter(t, ordinary), h.enter(t, ordinary)
	audio, video := viewer.peer.Slots()[0], viewer.peer.Slots()[3]
	if audio.Kind() != sfu.Audio || video.Kind() != sfu.Video || audio.Kind().String() != "audio" || video.Kind().String() != "video" {
		t.Fatal("slots aren't in the order of the offer")
	}
	audio.Show(a.publication(t, sfu.Video))
	if audio.Showing() != nil {
		t.Error("an audio slot shows video")
	}
	camera := a.publication(t, sfu.Video)
	video.Show(camera)
	if video.Showing() != camera {
		t.Error("the slot doesn't show the camera")
	}
	if err := a.peer.Close(); err != nil {
		t.Fatal(err)
	}
	if video.Showing() != nil {
		t.Error("the slot shows a peer that is gone")
	}
	video.Show(camera)
	if video.Showing() != nil {
		t.Error("a publication that has ended can be shown")
	}
	if err := viewer.peer.Close(); err != nil {
		t.Fatal(err)
	}
	b := h.enter(t, ordinary)
	video.Show(b.publication(t, sfu.Video))
	if video.Showing() != nil {
		t.Error("a slot of a closed peer shows something")
	}
}

func TestLevelTellsWhoSpeaks(t *testing.T) {
	h := newHall(t)
	a := h.enter(t, ordinary)
	microphone := a.publication(t, sfu.Audio)
	if below, speaks := microphone.Level(); speaks || below != 127 {
		t.Errorf("speaks at %d before anything was sent", below)
	}
	until := func(want bool) {
		t.Helper()
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for {
			if _, speaks := microphone.Level(); speaks == want {
				return
			}
			select {
			case <-h.ctx.Done():
				t.Fatalf("speaking is never %v", want)
			case <-look.C:
			}
		}
	}
	a.Send(a.MicrophoneMIDs()[0], true)
	until(true)
	a.Send(a.MicrophoneMIDs()[0], false)
	until(false)
}

func TestClosing(t *testing.T) {
	h := newHall(t)
	a, b := h.enter(t, ordinary), h.enter(t, ordinary)
	a.send()
	b.see(t, 0, a)
	b.sees(t, h, 0)
	offer, err := b.Offer()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil { // the client goes away by itself
		t.Fatal(err)
	}
	select {
	case <-a.lost:
	case <-h.ctx.Done():
		t.Fatal("nobody noticed")
	}
	for range 2 {
		if err := a.peer.Close(); err != nil {
			t.Fatal(err)
		}
		if err := h.Engine.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.peer.Answer(h.ctx, "m=audio"); !errors.Is(err, sfu.ErrOffer) {
		t.Errorf("a bad offer to a closed peer: %v", err)
	}
	if _, err := b.peer.Answer(h.ctx, offer); !errors.Is(err, sfu.ErrClosed) {
		t.Errorf("an offer to a closed peer: %v", err)
	}
	if _, err := h.NewPeer(sfu.PeerEvents{}); !errors.Is(err, sfu.ErrClosed) {
		t.Errorf("a peer of a closed engine: %v", err)
	}
	select {
	case <-b.lost:
		t.Error("a peer that was closed says it is lost")
	default:
	}
}

func TestClosingBeforeAnythingConnects(t *testing.T) {
	h := newHall(t)
	client, err := sfutest.New(ordinary)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	idle, err := h.NewPeer(sfu.PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := h.NewPeer(sfu.PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Answer(h.ctx, offer); err != nil { // the client never hears it
		t.Fatal(err)
	}
	if err := errors.Join(idle.Close(), peer.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestRestartedICEGoesOn(t *testing.T) {
	h := newHall(t)
	w := &watch{}
	o := ordinary
	o.OnRTP = w.onRTP
	viewer, a := h.enter(t, o), h.enter(t, ordinary)
	a.send()
	viewer.see(t, 0, a)
	viewer.sees(t, h, 0)
	for _, g := range []*guest{viewer, a} {
		offer, err := g.Connection().CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Connection().SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		answer, err := g.peer.Answer(h.ctx, offer.SDP)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Accept(answer); err != nil {
			t.Fatal(err)
		}
		viewer.sees(t, h, 0)
	}
	mostlyThere(t, w.on(viewer.VideoSlotMIDs()[0]), 50)
}

func TestSocketOnEveryAddress(t *testing.T) {
	cases := []struct{ name, listen, client string }{{"IPv4", "0.0.0.0:0", "127.0.0.1:0"}}
	if conn, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Logf("this machine has no IPv6: %v", err)
	} else {
		_ = conn.Close()
		cases = append(cases, []struct{ name, listen, client string }{
			{"both", "[::]:0", "127.0.0.1:0"},
			{"IPv6", "[::]:0", "[::1]:0"},
		}...)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			network := "udp"
			if c.name == "IPv4" {
				network = "udp4"
			}
			conn, err := net.ListenPacket(network, c.listen)
			if err != nil {
				t.Fatal(err)
			}
			h := newHallOn(t, sfu.Config{Conn: conn, Addresses: []netip.Addr{
				netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::1"),
			}})
			var guests []*guest
			for range 2 {
				own, err := net.ListenPacket("udp", c.client)
				if err != nil {
					t.Fatal(err)
				}
				o := ordinary
				o.Conn = own
				guests = append(guests, h.enter(t, o))
			}
			guests[0].send()
			guests[1].see(t, 0, guests[0])
			guests[1].sees(t, h, 0)
		})
	}
}
