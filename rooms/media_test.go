package rooms

import (
	"slices"
	"testing"

	"housecall/auth"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// connect waits until the guest's media can flow and starts to send everything it has.
func (g *guest) connect() *guest {
	g.h.t.Helper()
	if err := g.client.WaitConnected(g.h.ctx); err != nil {
		g.h.t.Fatal(err)
	}
	for mid := range g.sources() {
		g.client.Send(mid, true)
	}
	return g
}

// come joins with a real client, connects it and sends.
func (h *house) come(session string, how how) *guest {
	h.t.Helper()
	how.media = allOn
	return h.join(session, how).connect()
}

// slotOf waits until the guest is told which slot shows the other's source, and returns its mid.
func (g *guest) slotOf(other *guest, source Source) string {
	g.h.t.Helper()
	fits := func(s Shown) bool { return s.Member == other.id && s.Source == source }
	list := await(g, string(source)+" of "+other.id, func(u Slots) bool { return slices.ContainsFunc(u, fits) })
	return list[slices.IndexFunc(list, fits)].MID
}

// receives waits until more of the other's microphone and camera arrives. A slot's video begins with a key frame or not at all, so
// packets are proof enough of a picture.
func (g *guest) receives(other *guest) {
	g.h.t.Helper()
	g.getsMore(other, Camera)
	g.getsMore(other, Microphone)
}

// getsMore waits until ten more packets of the other's source arrived.
func (g *guest) getsMore(other *guest, source Source) {
	g.h.t.Helper()
	if err := g.client.WaitReceived(g.h.ctx, g.slotOf(other, source), 10); err != nil {
		g.h.t.Fatalf("%s gets no %s of %s: %v", g.id, source, other.id, err)
	}
}

// A picture that is here already is from before somebody came in: another is asked for.
func TestNobodyIsShownWhatWasBefore(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: both(3)})
	patient := h.come("patient", how{role: auth.Patient, lines: both(3)})
	doctor.admit(patient)
	if err := patient.client.WaitReceived(h.ctx, patient.slotOf(doctor, Camera), 1); err != nil {
		t.Fatal(err)
	}
	camera := doctor.client.CameraMIDs()[0]
	before := doctor.client.KeyFrameRequests(camera)
	must2(t, doctor.seat.Return(h.ctx, patient.id))
	doctor.admit(patient)
	h.until("another picture was asked for", func() bool { return doctor.client.KeyFrameRequests(camera) > before })
}

// The wall: on the wire and in the outbox, somebody waiting gets nothing, and nothing of theirs gets in. A third person shows
// all the while that media flows.
func TestWall(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: both(3)})
	guardian := h.come("guardian", how{role: auth.Guardian, lines: both(3)})
	doctor.admit(guardian)
	patient := h.come("patient", how{role: auth.Patient, lines: both(3)})
	guardian.receives(doctor)
	doctor.receives(guardian)
	if err := doctor.seat.Chat(h.ctx, "1", "secret"); err != nil {
		t.Fatal(err)
	}
	await(guardian, "the secret", func(Said) bool { return true })
	await(guardian, "who speaks", func(u Speaking) bool { return slices.Contains(u, "doctor") })
	guardian.getsMore(doctor, Camera)

	if n := patient.client.RawPackets(); n != 0 {
		t.Errorf("%d packets arrived while waiting", n)
	}
	if updates, _, _ := patient.box.look(); len(updates) != 1 {
		t.Errorf("while waiting came %s", kinds(updates))
	}
	for _, g := range []*guest{doctor, guardian} {
		for _, u := range all[Slots](g) {
			if slices.ContainsFunc(u, func(s Shown) bool { return s.Member == "patient" }) {
				t.Errorf("%s was shown somebody waiting", g.id)
			}
		}
		for _, u := range all[Speaking](g) {
			if slices.Contains(u, "patient") {
				t.Errorf("%s was told that somebody waiting speaks", g.id)
			}
		}
	}
	if slices.ContainsFunc(all[Changed](guardian), func(u Changed) bool { return u.Member.ID == "patient" }) {
		t.Error("the guardian was told who waits")
	}

	doctor.admit(patient) // the positive control
	patient.receives(doctor)
	patient.receives(guardian)
	doctor.receives(patient)
	guardian.receives(patient)
	await(guardian, "that the patient speaks", func(u Speaking) bool { return slices.Contains(u, "patient") })
	if n := len(all[Said](patient)); n != 0 {
		t.Errorf("%d lines of before the admission", n)
	}
}

func TestThreeThenFourWithoutAnotherOffer(t *testing.T) {
	h := newHouse(t, Limits{})
	guests := []*guest{h.come("doctor", how{role: auth.Clinician, lines: both(4)})}
	for _, id := range []string{"two", "three", "four"} {
		g := h.come(id, how{role: auth.Patient, lines: both(4)})
		guests[0].admit(g)
		for _, other := range guests {
			other.receives(g)
			g.receives(other)
		}
		guests = append(guests, g)
	}
	for _, g := range guests {
		if len(all[Need](g)) != 0 {
			t.Errorf("%s was asked to offer again", g.id)
		}
	}
	guests[2].seat.Leave()
	h.settle()
	for _, i := range []int{0, 1, 3} {
		g := guests[i]
		await(g, "three leaving", func(u Left) bool { return u.Member == "three" })
		if got := latest[Slots](g); len(got) != 4 || slices.ContainsFunc(got, func(s Shown) bool { return s.Member == "three" }) {
			t.Errorf("%s still shows %v", g.id, got)
		}
	}
}

func TestMute(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: both(2)})
	patient := h.come("patient", how{role: auth.Patient, lines: both(2)})
	doctor.admit(patient)
	doctor.receives(patient)
	for _, c := range []struct {
		media Media
		off   Source
		on    Source
	}{
		{Media{Camera: true}, Microphone, Camera},
		{Media{Microphone: true}, Camera, Microphone},
	} {
		mid := doctor.slotOf(patient, c.off)
		if err := patient.seat.SetMedia(h.ctx, c.media); err != nil { // the client goes on sending both
			t.Fatal(err)
		}
		if got := latest[Slots](doctor); len(got) != 1 || got[0].Source != c.on {
			t.Fatalf("without %s the doctor is shown %v", c.off, got)
		}
		if got := latest[Changed](doctor); got.Member.Media != c.media {
			t.Fatalf("the doctor sees %+v", got.Member.Media)
		}
		doctor.getsMore(patient, c.on) // whatever was under way has arrived
		before := doctor.client.Received(mid).Packets
		doctor.getsMore(patient, c.on)
		if after := doctor.client.Received(mid).Packets; after != before {
			t.Errorf("%d packets of the %s that is off", after-before, c.off)
		}
		if err := patient.seat.SetMedia(h.ctx, allOn); err != nil {
			t.Fatal(err)
		}
		doctor.receives(patient)
	}
}

func TestTakeOverMovesTheMedia(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: both(2)})
	phone := h.come("phone", how{role: auth.Patient, invitation: "family", lines: both(2)})
	doctor.admit(phone)
	doctor.receives(phone)
	laptop := h.come("laptop", how{role: auth.Patient, invitation: "family", lines: both(2)})
	if n := laptop.client.RawPackets(); n != 0 {
		t.Errorf("%d packets to the second device, which waits", n)
	}
	doctor.admit(laptop)
	phone.awaitClosed(Replaced)
	for _, s := range phone.peer.Slots() {
		if s.Showing() != nil {
			t.Error("the first device is still shown something")
		}
	}
	doctor.receives(laptop)
	laptop.receives(doctor)
	again := h.come("laptop", how{role: auth.Patient, invitation: "family", lines: both(2)})
	again.receives(doctor)
	shown := map[*sfu.Publication]bool{}
	for _, s := range doctor.peer.Slots() {
		shown[s.Showing()] = true
	}
	for _, p := range again.peer.Publications() {
		if !shown[p] {
			t.Errorf("the doctor is not shown the %s of the newest connection", p.Kind())
		}
	}
}

func TestMoreSlotsWhenTheyRunOut(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: &sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1}})
	one := h.come("one", how{role: auth.Patient, lines: both(3)})
	two := h.come("two", how{role: auth.Guardian, lines: both(3)})
	doctor.admit(one)
	doctor.receives(one)
	if len(all[Need](doctor)) != 0 {
		t.Fatal("asked for slots that are there")
	}
	doctor.admit(two)
	if got := all[Need](doctor); len(got) != 1 || got[0] != (Need{Audio: 4, Video: 4}) {
		t.Fatalf("asked for %v", got)
	}
	if err := doctor.client.AddSlots(3, 3); err != nil {
		t.Fatal(err)
	}
	doctor.negotiate()
	if err := doctor.seat.Offered(h.ctx, doctor.sources()); err != nil {
		t.Fatal(err)
	}
	doctor.receives(two)
	doctor.getsMore(one, Camera) // undisturbed
	if got := all[Need](doctor); len(got) != 1 {
		t.Errorf("asked %d times", len(got))
	}
}

func TestShowWorksBeforeThePeerIsConnected(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician, lines: both(2), media: allOn})
	patient := h.join("patient", how{role: auth.Patient, lines: both(2), media: allOn})
	doctor.admit(patient)
	doctor.connect()
	patient.connect()
	doctor.receives(patient)
	patient.receives(doctor)
}

// Slots of somebody away go on, or show nothing: they are never pointed at anybody else, since the page could not be told.
func TestSlotsWhileAway(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.come("doctor", how{role: auth.Clinician, lines: both(3)})
	patient := h.come("patient", how{role: auth.Patient, lines: both(3)})
	guardian := h.come("guardian", how{role: auth.Guardian, lines: both(3)})
	doctor.admit(patient)
	patient.receives(doctor)
	patient.detach()
	doctor.admit(guardian)
	guardian.receives(doctor)
	guardian.receives(patient) // what who is away sends goes on, too
	patient.receives(doctor)
	for _, slot := range patient.peer.Slots() {
		if pub := slot.Showing(); pub != nil && !slices.Contains(doctor.peer.Publications(), pub) {
			t.Error("a slot was pointed at somebody new")
		}
	}
	if err := doctor.seat.SetMedia(h.ctx, Media{Microphone: true}); err != nil {
		t.Fatal(err)
	}
	if err := doctor.seat.SetMedia(h.ctx, allOn); err != nil {
		t.Fatal(err)
	}
	for _, slot := range patient.peer.Slots() {
		if slot.Kind() == sfu.Video && slot.Showing() != nil {
			t.Error("a picture that went off is back, in whatever slot")
		}
	}
	patient.attach(0)
	if got := latest[Slots](patient); len(got) != 4 {
		t.Errorf("told of %d things of 4", len(got))
	}
	patient.receives(doctor)
	patient.receives(guardian)
}
