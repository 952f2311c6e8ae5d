package signaling

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"housecall/auth"
	"housecall/rooms"
	"housecall/sfu/sfutest"
)

// joinWatched is join with a media client that watches for gaps.
func (h *house) joinWatched(session string, role auth.Role, gaps *gapWatch) *caller {
	h.t.Helper()
	client, err := sfutest.New(sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 3, VideoSlots: 3, OnRTP: gaps.see})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = client.Close() })
	c, _ := h.joinBy(client, session, role)
	return c
}

// silent wants nothing of the visit in what somebody was told since there were so many messages: no name, no id, no word of it.
func (c *caller) silent(since int) {
	c.h.t.Helper()
	messages, _, _ := c.look()
	for _, m := range messages[since:] {
		b, err := json.Marshal(m)
		if err != nil {
			c.h.t.Fatal(err)
		}
		for _, word := range []string{"doctor", "teen", "secret"} {
			if strings.Contains(string(b), word) {
				c.h.t.Errorf("during private time a message of type %s tells of the visit", m.kind())
			}
		}
	}
}

func (c *caller) messageCount() int {
	messages, _, _ := c.look()
	return len(messages)
}

// Private time over real sockets and real media: the guardian gets no packet and no word of the visit, whatever is tried; to the others nothing
// happens.
func TestPrivateTime(t *testing.T) {
	h := newHouse(t, Limits{})
	var gaps gapWatch
	doctor, _ := h.join("doctor", auth.Clinician)
	teen := h.joinWatched("teen", auth.Patient, &gaps)
	mother := h.dial()
	mother.client = h.newClient(3)
	mother.send(h.joinWith(mother.client, h.pass(h.invite("mother", "invitation-of-mother", auth.Guardian))))
	token := await(mother, "joined", anyOf[Joined])
	if err := mother.client.Accept(token.Answer); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"teen", "mother"} {
		doctor.send(Admit{Member: id})
	}
	mother.sees("doctor", rooms.Camera)
	mother.sees("teen", rooms.Camera)
	teen.sees("doctor", rooms.Camera)
	doctor.sees("teen", rooms.Camera)

	doctor.send(SetPrivate{On: true})
	if moved := await(mother, "moving out", func(m Moved) bool { return m.Place == rooms.Waiting }); moved.Why != rooms.WhyPrivate || moved.Private != "" {
		t.Errorf("moved to %+v", moved)
	}
	if since := await(teen, "private time", anyOf[Private]).Since; since == "" {
		t.Error("private time began at no time")
	}
	flows := func(packets uint64) {
		t.Helper()
		mid := teen.client.VideoSlotMIDs()[0]
		if err := teen.client.WaitReceived(h.ctx, mid, packets); err != nil {
			t.Fatal(err)
		}
	}
	flows(30) // until what was on the way to the guardian has come
	packets, told := mother.client.RawPackets(), mother.messageCount()
	doctor.send(Chat{ID: "1", Text: "a secret", Private: true})
	await(teen, "the secret", anyOf[Said])
	mother.send(Chat{ID: "from-outside", Text: "x"})
	if got := await(mother, "the refusal", anyOf[Refused]); got.Code != "not_allowed" || got.Asked != "chat" || got.About != "from-outside" {
		t.Errorf("refused %+v", got)
	}
	flows(60)
	mother.silent(told)

	mother.cut() // a lost connection
	await(doctor, "the guardian being away", func(m Changed) bool { return m.Member.ID == "mother" && m.Member.Away })
	client := mother.client
	mother, resumed := h.resume(token.Token)
	if resumed.Place != rooms.Waiting || resumed.Why != rooms.WhyPrivate {
		t.Errorf("resumed in %+v", resumed.Position)
	}
	flows(30)
	mother.silent(0)
	if n := client.RawPackets(); n != packets {
		t.Errorf("%d packets during private time", n-packets)
	}
	reloaded, joined := h.join("mother", auth.Guardian)
	mother.awaitClosed(4409)
	if joined.Place != rooms.Waiting || joined.Why != rooms.WhyPrivate {
		t.Errorf("reloaded in %+v", joined.Position)
	}
	h.mu.Lock()
	h.people["stolen"] = Person{Invitation: "invitation-of-teen", Name: "Canary teen", Role: auth.Patient}
	h.mu.Unlock()
	stolen := h.dial()
	join := h.plainJoin("unused", auth.Patient)
	join.Pass = h.pass(auth.PassClaims{ID: "pass-stolen", Visit: visitID, Session: "stolen", Invitation: "invitation-of-teen", Role: auth.Patient})
	stolen.send(join)
	if joined := await(stolen, "joined", anyOf[Joined]); joined.Place != rooms.Waiting || joined.Why != "" {
		t.Errorf("with the teen's link in %+v", joined.Position)
	}
	for _, id := range []string{"mother", "stolen"} {
		doctor.send(Admit{Member: id})
		await(doctor, "the refusal", func(m Refused) bool { return m.Code == "private" && m.Asked == "admit" && m.About == id })
	}
	flows(60)
	reloaded.silent(0)
	if n := reloaded.client.RawPackets(); n != 0 {
		t.Errorf("%d packets after a reload", n)
	}

	teen.send(SetHearing{rooms.HearingNobody})
	await(doctor, "the answer", func(m Changed) bool { return m.Member.ID == "teen" && m.Member.Hearing == rooms.HearingNobody })
	doctor.send(SetPrivate{On: false})
	if moved := await(reloaded, "coming back", func(m Moved) bool { return m.Place == rooms.Visit }); len(moved.Chat) != 0 {
		t.Errorf("came back and was told %d lines", len(moved.Chat))
	}
	teen.send(Chat{ID: "late", Text: "a secret", Private: true}) // was long on its way
	if got := await(teen, "the refusal", anyOf[Refused]); got.Code != "private_over" || got.Asked != "chat" || got.About != "late" {
		t.Errorf("refused %+v", got)
	}
	reloaded.sees("teen", rooms.Camera)
	teen.sees("mother", rooms.Camera)
	if missing, seen := gaps.missing(); missing != 0 || seen < 150 {
		t.Errorf("to the teen %d packets of %d are missing", missing, seen)
	}
}

// What a clinician does with people, over real sockets.
func TestPeople(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	colleague, _ := h.lurk("colleague", auth.Clinician)
	patient, _ := h.lurk("patient", auth.Patient)
	patient.send(SetCheck{Check{Camera: "ok", Microphone: "fault", Speaker: "unknown", RTTMS: 40, LossPct: -1, Network: "poor", Browser: "Firefox"}})
	check := *await(doctor, "the check", func(m Changed) bool { return m.Member.Check != nil }).Member.Check
	if check.Microphone != "fault" || check.LossPct != -1 || check.Browser != "Firefox" {
		t.Errorf("checked %+v", check)
	}
	doctor.send(Tell{ID: "t-1", Member: "patient", Text: "\u2067Five minutes.\u2069"})
	if told := await(patient, "what the clinician says", anyOf[Told]); told.Member != "patient" || told.Text != "Five minutes." {
		t.Errorf("told %+v", told)
	}
	await(doctor, "the answer", func(m Told) bool { return m.ID == "t-1" && m.Member == "patient" })
	doctor.send(Tell{ID: "t-2", Member: "colleague", Text: "x"})
	if got := await(doctor, "the refusal", anyOf[Refused]); got.Code != "not_found" || got.Asked != "tell" || got.About != "t-2" {
		t.Errorf("refused %+v", got)
	}
	_, again := h.lurk("patient", auth.Patient)
	if len(again.Told) != 1 || again.Told[0].Text != "Five minutes." {
		t.Errorf("told again %+v", again.Told)
	}
	doctor.send(Decline{Member: "patient"})
	await(colleague, "the patient leaving", func(m Left) bool { return m.Member == "patient" })
	patient, _ = h.lurk("patient", auth.Patient)
	doctor.send(Admit{Member: "patient"})
	if moved := await(patient, "admission", anyOf[Moved]); moved.Started == "" {
		t.Error("the visit has not started")
	}
	patient.send(SetLine{"bad"})
	await(doctor, "the line", func(m Changed) bool { return m.Member.ID == "patient" && m.Member.Line == "bad" })
	doctor.send(Lead{Member: "colleague"})
	await(patient, "the lead", func(m Changed) bool { return m.Member.ID == "colleague" && m.Member.Lead })
	doctor.send(Return{Member: "patient"})
	await(patient, "moving back", func(m Moved) bool { return m.Why == rooms.WhyReturned })
	doctor.send(Decline{Member: "patient"})
	patient.awaitClosed(4412)
	patient, _ = h.lurk("patient", auth.Patient)
	doctor.send(Remove{Member: "patient"})
	patient.awaitClosed(4411)
	if logs := h.logs.String(); strings.Contains(logs, "Five minutes") || strings.Contains(logs, "Firefox") {
		t.Error("health data in the log")
	}
}

// A screen beside microphone and camera is offered later; one is shared at a time.
func TestScreen(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.join("doctor", auth.Clinician)
	patient, _ := h.join("patient", auth.Patient)
	doctor.send(Admit{Member: "patient"})
	patient.sees("doctor", rooms.Camera)
	share := func(c *caller) {
		t.Helper()
		if err := c.client.AddSources(1, 1); err != nil {
			t.Fatal(err)
		}
		offer, err := c.client.Offer()
		if err != nil {
			t.Fatal(err)
		}
		sources := map[string]rooms.Source{}
		for i, mid := range c.client.MicrophoneMIDs() {
			sources[mid] = []rooms.Source{rooms.Microphone, rooms.ScreenAudio}[i]
		}
		for i, mid := range c.client.CameraMIDs() {
			sources[mid] = []rooms.Source{rooms.Camera, rooms.Screen}[i]
		}
		c.send(Offer{Offer: offer, Sources: sources})
		c.send(SetMedia{Media{Microphone: true, Camera: true, Screen: true}})
		if err := c.client.Accept(await(c, "the answer", anyOf[Answer]).Answer); err != nil {
			t.Fatal(err)
		}
		for mid := range sources {
			c.client.Send(mid, true)
		}
	}
	share(doctor)
	for _, source := range rooms.Sources() {
		patient.sees("doctor", source)
	}
	share(patient)
	if got := await(doctor, "the screen being taken over", anyOf[Switched]).Media; got != (Media{Microphone: true, Camera: true}) {
		t.Errorf("sends %+v now", got)
	}
	for _, source := range rooms.Sources() {
		doctor.sees("patient", source)
	}
}
