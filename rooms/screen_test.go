package rooms

import (
	"slices"
	"testing"

	"housecall/auth"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// showing lists what a guest's slots really show, by whose it is and what, in the order of the slots.
func showing(g *guest, all ...*guest) []string {
	var list []string
	for _, slot := range g.peer.Slots() {
		for _, owner := range all {
			for _, pub := range owner.peer.Publications() {
				if slot.Showing() == pub {
					list = append(list, owner.id+" "+string(owner.everything()[pub.MID()]))
				}
			}
		}
	}
	return list
}

// everything maps a guest's lines: two microphones are one and the screen's sound, two cameras one and the screen.
func (g *guest) everything() map[string]Source {
	sources := map[string]Source{}
	for i, mid := range g.client.MicrophoneMIDs() {
		sources[mid] = []Source{Microphone, ScreenAudio}[i]
	}
	for i, mid := range g.client.CameraMIDs() {
		sources[mid] = []Source{Camera, Screen}[i]
	}
	return sources
}

// joinSharing is join for somebody who can share a screen.
func (h *house) joinSharing(id string, role auth.Role, slots int, media Media) *guest {
	h.t.Helper()
	g := h.join(id, how{role: role, lines: &sfutest.Options{Microphones: 2, Cameras: 2, AudioSlots: slots, VideoSlots: slots}, sources: (*guest).everything, media: media})
	return g
}

func TestOneScreen(t *testing.T) {
	h := newHouse(t, Limits{})
	shares := Media{Screen: true}
	ann := h.joinSharing("ann", auth.Clinician, 3, Media{})
	bob, eve := h.joinSharing("bob", auth.Patient, 3, Media{}), h.joinSharing("eve", auth.Interpreter, 3, shares)
	if got := all[Switched](eve); len(got) != 1 || got[0].Media.Screen {
		t.Errorf("who shares while waiting was told %v", got)
	}
	ann.admit(bob)
	ann.admit(eve)
	must2(t, ann.seat.SetMedia(h.ctx, shares))
	if got := showing(bob, ann, bob, eve); !slices.Equal(got, []string{"ann screen_audio", "ann screen"}) {
		t.Errorf("shown %v", got)
	}
	must2(t, bob.seat.SetMedia(h.ctx, Media{Microphone: true, Screen: true}))
	if got := all[Switched](ann); len(got) != 1 || got[0].Media != (Media{}) {
		t.Errorf("who shared was told %v", got)
	}
	if got := showing(eve, ann, bob, eve); !slices.Equal(got, []string{"bob screen_audio", "bob microphone", "bob screen"}) {
		t.Errorf("shown %v", got)
	}
	seen := map[string]Media{}
	for _, u := range all[Changed](eve) {
		seen[u.Member.ID] = u.Member.Media
	}
	if seen["ann"].Screen || !seen["bob"].Screen {
		t.Errorf("another sees %v", seen)
	}
	ann = h.joinSharing("ann", auth.Clinician, 3, shares) // comes back and shares on, but bob does now
	if got := all[Switched](ann); len(got) != 1 || got[0].Media.Screen {
		t.Errorf("who came back was told %v", got)
	}
	must2(t, ann.seat.Return(h.ctx, "bob"))
	if got := all[Switched](bob); len(got) != 1 || got[0].Media != (Media{Microphone: true}) {
		t.Errorf("who was moved out was told %v", got)
	}
	if got := showing(eve, ann, bob, eve); len(got) != 0 {
		t.Errorf("still shown %v", got)
	}
}

// Who shares a screen, loses the connection and is overtaken meanwhile hears of it when back.
func TestScreenTakenWhileAway(t *testing.T) {
	h := newHouse(t, Limits{})
	ann, bob := h.joinSharing("ann", auth.Clinician, 3, Media{}), h.joinSharing("bob", auth.Patient, 3, Media{})
	ann.admit(bob)
	must2(t, bob.seat.SetMedia(h.ctx, Media{Screen: true}))
	bob.seat.Detach(bob.box)
	must2(t, ann.seat.SetMedia(h.ctx, Media{Screen: true}))
	bob.box = newInbox(0)
	must2(t, bob.seat.Attach(h.ctx, bob.box))
	if got := all[Switched](bob); len(got) != 1 || got[0].Media.Screen {
		t.Errorf("told %v", got)
	}
}

// Who comes in with a screen that may not be shared hears of it again over the next connection, as long as they have not said that they know.
func TestScreenRefusedAndUnheard(t *testing.T) {
	h := newHouse(t, Limits{})
	bob := h.joinSharing("bob", auth.Patient, 3, Media{Camera: true, Screen: true})
	for range 2 {
		bob.detach()
		bob.attach(0)
		if got := all[Switched](bob); len(got) != 1 || got[0].Media != (Media{Camera: true}) {
			t.Errorf("told %v", got)
		}
	}
	must2(t, bob.seat.SetMedia(h.ctx, Media{Camera: true}))
	bob.attach(0)
	if got := all[Switched](bob); len(got) != 0 {
		t.Errorf("told %v, which is known", got)
	}
}

func TestViews(t *testing.T) {
	h := newHouse(t, Limits{})
	ann := h.joinSharing("ann", auth.Clinician, 4, allOn)
	bob, eve := h.joinSharing("bob", auth.Patient, 4, allOn), h.joinSharing("eve", auth.Interpreter, 4, allOn)
	ann.admit(bob)
	ann.admit(eve)
	guests := []*guest{ann, bob, eve}
	pictures := func(want ...string) {
		t.Helper()
		got := slices.DeleteFunc(showing(ann, guests...), func(s string) bool { return Source(s[4:]).Kind() == sfu.Audio })
		if !slices.Equal(got, want) {
			t.Errorf("shown %v, want %v", got, want)
		}
		if heard := len(showing(ann, guests...)) - len(got); heard < 2 {
			t.Errorf("hears %d", heard)
		}
	}
	pictures("bob camera", "eve camera")
	must2(t, ann.seat.SetView(h.ctx, ViewNone))
	pictures()
	must2(t, ann.seat.SetView(h.ctx, ViewOne))
	pictures("bob camera")
	speak := func(id string) {
		t.Helper()
		if _, err := ask(h.ctx, h.room(), func() (int, error) {
			h.room().floor.order = []string{"ann", id}
			h.room().pointAll()
			return 0, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	speak("eve")
	pictures("eve camera")
	speak("nobody")
	pictures("eve camera") // stays
	must2(t, bob.seat.SetMedia(h.ctx, Media{Microphone: true, Screen: true}))
	pictures("bob screen")
	must2(t, eve.seat.Sign(h.ctx, "eve", true))
	pictures("eve camera")
	must2(t, eve.seat.Sign(h.ctx, "eve", false))
	pictures("bob screen")
	must2(t, ann.seat.SetView(h.ctx, ViewAll))
	pictures("bob screen", "eve camera")
}
