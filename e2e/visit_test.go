package e2e

import (
	"testing"

	"housecall/e2e/bidi"
)

// Two people, whatever their browsers: from the link over the waiting room to each other's picture and voice.
func TestTwoMeet(t *testing.T) {
	for _, c := range []struct {
		name              string
		clinician, family seatAt
	}{
		{"Chromium and Chromium", chromium, chromium},
		{"Firefox for the clinician", firefox, chromium},
		{"Firefox for the family", chromium, firefox},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			visit := h.book(0)
			doctor := c.clinician(t, 0, drAda, bidi.Laptop)
			patient := c.family(t, 1, robin, bidi.Phone)

			patient.arrives(visit.link(t, robin), "waiting")
			doctor.arrives(visit.link(t, drAda), "visit")
			doctor.press("button", "Admit "+robin)
			// Seen by the clinician, after the link was opened and what was pressed since.
			t.Logf("MUST SHOW: activations from the message to the clinician's waiting list: the link, %q", patient.notes("pressed"))
			if n := 1 + len(patient.notes("pressed")); n != 2 {
				t.Errorf("it took %d activations", n)
			}
			patient.reaches("visit")
			patient.meets(doctor)
			doctor.meets(patient)
		})
	}
}

// The wall: somebody who waits is sent nothing of the visit and sends nothing, counted on the server's socket while those inside
// exchange hundreds of packets; admission is the control that shows that the counting works.
func TestWaitingGetsNothing(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, noor, "interpreter")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	inside := chromium(t, 1, robin, bidi.Phone)
	waiting := chromium(t, 2, noor, bidi.Phone)

	doctor.arrives(visit.link(t, drAda), "visit")
	inside.arrives(visit.link(t, robin), "waiting")
	doctor.press("button", "Admit "+robin)
	inside.meets(doctor)

	waiting.arrives(visit.link(t, noor), "waiting")
	port := waiting.port() // its connection is up
	doctor.press("button", "Chat")
	doctor.typeIn("textbox", "Write a message", "Quiet words"+bidi.Enter)
	inside.until("be told the words", func() bool { return inside.wasTold("Quiet words") })

	before, now := h.wire.sentTo(inside.port()), func() tally { return h.wire.sentTo(inside.port()) }
	inside.until("get hundreds of packets", func() bool { return now().rtp > before.rtp+500 })

	if got := h.wire.sentTo(port); got.rtp != 0 {
		t.Errorf("somebody who waits was sent %d packets of RTP", got.rtp)
	}
	if got := h.wire.gotFrom(port); got.rtp != 0 {
		t.Errorf("somebody who waits sent %d packets of RTP", got.rtp)
	}
	for _, secret := range []string{drAda, robin, "Quiet words"} {
		if waiting.wasTold(secret) {
			t.Errorf("somebody who waits was told %q", secret)
		}
	}

	doctor.press("button", "Admit "+noor)
	waiting.meets(doctor)
	waiting.until("be told the others' names and words", func() bool {
		return waiting.wasTold(drAda) && waiting.wasTold(robin)
	})
	if got := h.wire.sentTo(waiting.port()); got.rtp == 0 {
		t.Error("no RTP was counted after admission: the counting is wrong")
	}
	if got := h.wire.gotFrom(waiting.port()); got.rtp == 0 {
		t.Error("no RTP was counted from somebody after admission: the counting is wrong")
	}
}

// A third and a fourth come: everybody sees and hears everybody, and nobody offers again.
func TestFourMeet(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, kit, "guardian", noor, "interpreter")
	// A browser that starts takes its time from those that are in a visit: all start before.
	people := []*Person{
		chromium(t, 0, drAda, bidi.Laptop), chromium(t, 1, robin, bidi.Phone), chromium(t, 2, kit, bidi.Phone), firefox(t, 3, noor, bidi.Laptop),
	}
	doctor := people[0]
	doctor.arrives(visit.link(t, drAda), "visit")
	for i, newcomer := range people[1:] {
		newcomer.arrives(visit.link(t, newcomer.name), "waiting")
		doctor.press("button", "Admit "+newcomer.name)
		newcomer.reaches("visit")
		for _, one := range people[:i+1] {
			one.meets(newcomer)
			newcomer.meets(one)
		}
	}
	for _, one := range people {
		if joins, offers := one.said("join"), one.said("offer"); joins != 1 || offers != 0 {
			t.Errorf("participant %d joined %d times and offered %d times more", one.who, joins, offers)
		}
	}
	for _, one := range people[:3] {
		for _, other := range people[:3] {
			if one != other {
				one.meets(other) // still
			}
		}
	}
}

// Muting and the camera's button do what they say at the other side, and back.
func TestMuteAndCamera(t *testing.T) {
	_, _, doctor, patient := inVisit(t)

	speaks := `(name) => [...document.querySelectorAll("#tiles > .speaking .name")].some((each) => each.textContent === name)`
	doctor.await("see who speaks", speaks, robin)

	patient.press("button", "Mute microphone")
	doctor.hearsNothingOf(patient.who)
	doctor.await("see that they speak no more", `(name) => !(`+speaks+`)(name)`, robin)
	doctor.sees(patient, tile(robin))
	patient.press("button", "Unmute microphone")
	doctor.hears(patient)

	patient.press("button", "Turn off camera")
	doctor.seesNobody(tile(robin))
	doctor.hears(patient)
	patient.press("button", "Turn on camera")
	doctor.sees(patient, tile(robin))

	doctor.press("button", "Mute microphone")
	patient.hearsNothingOf(doctor.who)
	doctor.press("button", "Unmute microphone")
	patient.hears(doctor)
}

// admitted brings a clinician and a patient into a visit.
func admitted(t *testing.T, visit Booked, doctor, patient *Person) {
	t.Helper()
	doctor.arrives(visit.link(t, doctor.name), "visit")
	patient.arrives(visit.link(t, patient.name), "waiting")
	doctor.press("button", "Admit "+patient.name)
	patient.reaches("visit")
	patient.meets(doctor)
	doctor.meets(patient)
}

// inVisit opens a house, and brings a clinician and a patient into a visit in it.
func inVisit(t *testing.T) (h *House, visit Booked, doctor, patient *Person) {
	t.Helper()
	h = openHouse(t)
	visit = h.book(0)
	doctor, patient = chromium(t, 0, drAda, bidi.Laptop), chromium(t, 1, robin, bidi.Phone)
	admitted(t, visit, doctor, patient)
	return h, visit, doctor, patient
}

// Words written by one are read by the other, also by somebody who comes back.
func TestChat(t *testing.T) {
	_, _, doctor, patient := inVisit(t)

	doctor.press("button", "Chat")
	doctor.typeIn("textbox", "Write a message", "Please hold the rash to the camera"+bidi.Enter)
	patient.press("button", "Chat")
	patient.reads("Please hold the rash to the camera")
	patient.typeIn("textbox", "Write a message", "Is <b>this</b> better? 😀")
	patient.press("button", "Send")
	doctor.reads("Is <b>this</b> better? 😀")

	// A reload comes back to the visit, not to the waiting room, with all that was said.
	patient.reloads()
	patient.comesBack()
	patient.meets(doctor)
	doctor.meets(patient)
	patient.press("button", "Chat")
	patient.reads("Please hold the rash to the camera")
	patient.reads("Is <b>this</b> better? 😀")
}

// One leaves and comes back; the clinician ends it for everyone, and then nobody comes back.
func TestLeaveAndEnd(t *testing.T) {
	_, visit, doctor, patient := inVisit(t)

	patient.press("button", "Leave visit")
	patient.reaches("left")
	doctor.misses(robin)
	patient.press("button", "Come back to the visit")
	patient.comesBack()
	patient.meets(doctor)

	doctor.press("button", "End visit for everyone")
	doctor.press("button", "Yes, end it")
	doctor.reaches("ended")
	patient.reaches("ended")

	patient.allows("410")
	patient.goTo(visit.link(t, robin))
	patient.reaches("over")
}

// A link opened on a second device leads to the waiting room, and being admitted there ends it on the first.
func TestSecondDevice(t *testing.T) {
	_, visit, doctor, phone := inVisit(t)

	laptop := chromium(t, 2, robin, bidi.Laptop)
	laptop.arrives(visit.link(t, robin), "waiting")
	doctor.sees(phone, tile(robin))
	doctor.press("button", "Admit "+robin)
	laptop.reaches("visit")
	phone.reaches("replaced")
	laptop.meets(doctor)
	doctor.meets(laptop)
}
