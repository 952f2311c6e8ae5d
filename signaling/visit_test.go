package signaling

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"housecall/auth"
	"housecall/rooms"
)

// One visit from end to end over real sockets: waiting, which shows nothing; admission; pictures and sound; chat; the end.
func TestVisit(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, joined := h.join("doctor", auth.Clinician)
	if joined.Place != rooms.Visit || !slices.Equal(joined.May, strings.Fields("admit chat end return decline remove private tell lead invite share sign")) || joined.You.Name.Reveal() != "Canary doctor" {
		t.Fatalf("the clinician joined %+v", joined)
	}
	guardian, _ := h.join("guardian", auth.Guardian)
	doctor.send(Admit{Member: "guardian"})
	await(guardian, "admission", anyOf[Moved])
	patient, joined := h.join("patient", auth.Patient)
	if joined.Place != rooms.Waiting || len(joined.May)+len(joined.Members)+len(joined.Chat) > 0 {
		t.Fatalf("the patient joined %+v", joined)
	}
	await(doctor, "who waits", func(m Changed) bool { return m.Member.ID == "patient" && m.Member.Place == rooms.Waiting })

	waitingYieldsNothing(t, doctor, guardian, patient)

	doctor.send(Admit{Member: "patient"})
	moved := await(patient, "admission", anyOf[Moved])
	if moved.Place != rooms.Visit || len(moved.Members) != 2 || len(moved.Chat) != 0 {
		t.Fatalf("admitted %+v", moved)
	}
	for _, source := range []rooms.Source{rooms.Microphone, rooms.Camera} {
		patient.sees("doctor", source)
		doctor.sees("patient", source)
		guardian.sees("patient", source)
	}
	patient.send(Chat{ID: "1", Text: "\u202ehel\u202clo"})
	line := await(doctor, "the line", func(m Said) bool { return m.Text == "hello" })
	if line.From.ID != "patient" || line.From.Name.Reveal() != "Canary patient" {
		t.Errorf("said by %s", line.From.ID)
	}
	patient.send(Chat{ID: "2", Text: "\u2067"})
	await(doctor, "a line of nothing", func(m Said) bool { return m.ID == "2" && m.Text != "" })
	patient.send(SetMedia{})
	await(doctor, "silence", func(m Changed) bool {
		return m.Member.ID == "patient" && m.Member.Media == Media{} && m.Member.Place == rooms.Visit
	})
	guardian.send(Bye{})
	guardian.awaitClosed(1000)
	await(doctor, "the guardian leaving", func(m Left) bool { return m.Member == "guardian" })
	doctor.send(End{})
	doctor.awaitClosed(4410)
	patient.awaitClosed(4410)
	late := h.dial()
	late.send(h.plainJoin("late", auth.Clinician))
	late.awaitClosed(4410)
	if logs := h.logs.String(); strings.Contains(logs, "Canary") || strings.Contains(logs, "hello") {
		t.Error("health data in the log")
	}
}

// waitingYieldsNothing lets the patient try everything while waiting: nobody hears of it, and nothing comes back but
// refusals and the answer to an offer.
func waitingYieldsNothing(t *testing.T, doctor, guardian, patient *caller) {
	t.Helper()
	patient.send(Chat{ID: "w", Text: "from outside"})
	patient.send(Admit{Member: "patient"})
	patient.send(End{})
	patient.send(SetMedia{Media{Microphone: true, Camera: true}})
	if err := patient.client.AddSlots(1, 1); err != nil {
		t.Fatal(err)
	}
	offer, err := patient.client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	patient.send(Offer{Offer: offer, Sources: sourcesOf(patient.client)})
	if err := patient.client.Accept(await(patient, "the answer", anyOf[Answer]).Answer); err != nil {
		t.Fatal(err)
	}
	doctor.send(Chat{ID: "secret", Text: "secret"})
	await(guardian, "the secret", func(m Said) bool { return m.Text == "secret" })
	for _, source := range []rooms.Source{rooms.Microphone, rooms.Camera} {
		guardian.sees("doctor", source) // media flows all the while
		doctor.sees("guardian", source)
	}
	if n := patient.client.RawPackets(); n != 0 {
		t.Errorf("%d packets while waiting", n)
	}
	refused := all[Refused](patient)
	if len(refused) != 3 || slices.ContainsFunc(refused, func(r Refused) bool { return r.Code != "not_allowed" }) {
		t.Errorf("refused %+v", refused)
	}
	if messages, _, _ := patient.look(); len(messages) != 1+3+1 { // joined, refusals, answer
		t.Errorf("%d messages while waiting", len(messages))
	}
	for _, c := range []*caller{doctor, guardian} {
		messages, _, _ := c.look()
		for _, m := range messages {
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			expected := c == doctor && m.kind() == "member"
			if strings.Contains(string(b), "patient") && !expected || strings.Contains(string(b), "from outside") {
				t.Errorf("a message of type %s tells of somebody waiting", m.kind())
			}
		}
	}
}

func TestMoreSlots(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.dial()
	doctor.client = h.newClient(1)
	doctor.send(h.joinWith(doctor.client, h.pass(h.invite("doctor", "i-doctor", auth.Clinician))))
	if err := doctor.client.Accept(await(doctor, "joined", anyOf[Joined]).Answer); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"one", "two"} {
		h.join(id, auth.Guest)
		doctor.send(Admit{Member: id})
	}
	need := await(doctor, "the wish for slots", anyOf[Need])
	if err := doctor.client.AddSlots(need.Audio-1, need.Video-1); err != nil {
		t.Fatal(err)
	}
	offer, err := doctor.client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	doctor.send(Offer{Offer: offer, Sources: sourcesOf(doctor.client)})
	if err := doctor.client.Accept(await(doctor, "the answer", anyOf[Answer]).Answer); err != nil {
		t.Fatal(err)
	}
	for _, source := range []rooms.Source{rooms.Microphone, rooms.Camera} {
		doctor.sees("one", source)
		doctor.sees("two", source)
	}
	// The client has the answer before it hears of the new slots.
	messages, _, _ := doctor.look()
	answer := slices.IndexFunc(messages, func(m message) bool { return m.kind() == "answer" })
	for _, m := range messages[:answer] {
		if m.kind() == "slots" && len(into[Slots](t, m).Slots) > 2 {
			t.Error("slots of the new offer were named before its answer")
		}
	}
}

func TestBackToTheSamePlace(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	first, _ := h.lurk("patient", auth.Patient)
	doctor.send(Admit{Member: "patient"})
	await(first, "admission", anyOf[Moved])
	second, joined := h.lurk("patient", auth.Patient)
	first.awaitClosed(4409)
	if joined.Place != rooms.Visit {
		t.Errorf("came back to %s", joined.Place)
	}
	second.leavePage()
	await(doctor, "the patient leaving", func(m Left) bool { return m.Member == "patient" })
	if _, joined := h.lurk("patient", auth.Patient); joined.Place != rooms.Visit {
		t.Errorf("came back to %s", joined.Place)
	}
}

// A lost socket is no bye: only that lets the clinician's other device in.
func TestOtherDeviceWaitsForBye(t *testing.T) {
	h := newHouse(t, Limits{})
	desk, _ := h.lurk("desk", auth.Clinician)
	patient, _ := h.lurk("patient", auth.Patient)
	desk.send(Admit{Member: "patient"})
	await(patient, "admission", anyOf[Moved])
	tablet := h.dial()
	join := h.plainJoin("tablet", auth.Clinician)
	join.Pass = h.pass(h.invite("tablet", "invitation-of-desk", auth.Clinician))
	tablet.send(join)
	if joined := await(tablet, "joined", anyOf[Joined]); joined.Place != rooms.Waiting {
		t.Fatalf("the second device came to %s", joined.Place)
	}
	desk.cut()
	await(patient, "the clinician being away", func(m Changed) bool { return m.Member.ID == "desk" && m.Member.Away })
	desk, joined := h.lurk("desk", auth.Clinician)
	if joined.Place != rooms.Visit || len(all[Moved](tablet)) != 0 {
		t.Fatalf("the clinician came back to %s; the second device was moved %d times", joined.Place, len(all[Moved](tablet)))
	}
	desk.send(Bye{})
	await(tablet, "the visit", func(m Moved) bool { return m.Place == rooms.Visit })
}

func TestWithdrawn(t *testing.T) {
	h := newHouse(t, Limits{})
	patient, _ := h.lurk("patient", auth.Patient)
	h.config.Rooms.Remove(visitID, "invitation-of-patient", 1)
	patient.awaitClosed(4411)
}

func TestServerStops(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	stranger := h.dial()
	if err := h.handler.Close(h.ctx); err != nil {
		t.Fatal(err)
	}
	doctor.awaitClosed(1001)
	stranger.awaitClosed(1001)
}

func TestRefusalsSayWhat(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	doctor.send(Admit{Member: "nobody"})
	await(doctor, "not found", func(m Refused) bool { return m.Code == "not_found" && m.Message != "" })
	observer, _ := h.lurk("observer", auth.Observer)
	doctor.send(Admit{Member: "observer"})
	await(observer, "admission", anyOf[Moved])
	observer.send(SetMedia{Media{Camera: true}})
	observer.send(Chat{ID: "1", Text: "x"})
	observer.send(End{})
	h.until("three refusals", func() bool { return len(all[Refused](observer)) == 3 })
	observer.send(Bye{})
	observer.awaitClosed(1000)
	for _, r := range all[Refused](observer) {
		if r.Code != "not_allowed" {
			t.Errorf("refused %+v", r)
		}
	}
}

// What cannot be kept is refused in so many words, and the visit goes on.
func TestRefusedWhenNotKept(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	h.db.goAway(true)
	doctor.send(Chat{ID: "1", Text: "x"})
	doctor.send(End{})
	for asked, about := range map[string]string{"chat": "1", "end": ""} {
		await(doctor, "no to "+asked, func(m Refused) bool {
			return m.Asked == asked && m.About == about && m.Code == "try_later" && m.Message != ""
		})
	}
	h.db.goAway(false)
	doctor.send(Chat{ID: "1", Text: "x"})
	await(doctor, "the line", func(m Said) bool { return m.ID == "1" })
	doctor.send(End{})
	doctor.awaitClosed(4410)
	if n := len(all[Said](doctor)); n != 1 {
		t.Errorf("said %d times", n)
	}
}
