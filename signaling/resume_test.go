package signaling

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/websocket"
	"github.com/pion/rtp"

	"housecall/auth"
	"housecall/rooms"
	"housecall/sfu/sfutest"
)

// cut ends the connection without a close frame, as a lost network does.
func (c *caller) cut() { _ = c.conn.NetConn().Close() }

// leavePage ends the connection with a close frame, as a browser does whose page goes away.
func (c *caller) leavePage() {
	c.h.t.Helper()
	going := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	if err := c.conn.WriteControl(websocket.CloseMessage, going, time.Now().Add(patience)); err != nil {
		c.h.t.Fatal(err)
	}
}

// resume takes up a connection that was lost.
func (h *house) resume(token string) (*caller, Resumed) {
	h.t.Helper()
	c := h.dial()
	c.send(Resume{Token: token})
	return c, await(c, "resumed", anyOf[Resumed])
}

// back is resume with the media client of the connection that was lost.
func (c *caller) back(token string) (*caller, Resumed) {
	c.h.t.Helper()
	next, resumed := c.h.resume(token)
	next.client = c.client
	return next, resumed
}

// tokens counts what could be taken up.
func (h *house) tokens() (participants, tokens int) {
	h.handler.mu.Lock()
	defer h.handler.mu.Unlock()
	return len(h.handler.participants), len(h.handler.tokens)
}

// Sound and pictures do not stop for a websocket: at the receiver not one packet is missing, of either person's.
func TestResume(t *testing.T) {
	h := newHouse(t, Limits{})
	var gaps gapWatch
	doctor := h.dial()
	client, err := sfutest.New(sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 3, VideoSlots: 3, OnRTP: gaps.see})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	doctor.client = client
	doctor.send(h.joinWith(client, h.pass(h.invite("doctor", "i-doctor", auth.Clinician))))
	token := await(doctor, "joined", anyOf[Joined]).Token
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 16 {
		t.Fatalf("a token of %d bytes", len(raw))
	}
	if err := client.Accept(all[Joined](doctor)[0].Answer); err != nil {
		t.Fatal(err)
	}
	if err := client.WaitConnected(h.ctx); err != nil {
		t.Fatal(err)
	}
	for mid := range sourcesOf(client) {
		client.Send(mid, true)
	}
	patient, _ := h.join("patient", auth.Patient)
	doctor.send(Admit{Member: "patient"})
	doctor.sees("patient", rooms.Camera)
	patient.sees("doctor", rooms.Camera)

	var took []time.Duration
	for range 5 {
		doctor.cut()
		await(patient, "the clinician being away", func(m Changed) bool { return m.Member.ID == "doctor" && m.Member.Away })
		begin := time.Now()
		next, resumed := doctor.back(token)
		took = append(took, time.Since(begin))
		if resumed.Token == token || resumed.Place != rooms.Visit || len(resumed.Members) != 1 || resumed.You.ID != "doctor" {
			t.Fatalf("resumed %+v", resumed)
		}
		await(next, "who speaks", anyOf[Speaking])
		messages, _, _ := next.look()
		if kinds := []string{messages[0].kind(), messages[1].kind(), messages[2].kind()}; !slices.Equal(kinds, []string{"resumed", "slots", "speaking"}) {
			t.Errorf("told %v", kinds)
		}
		doctor, token = next, resumed.Token
		doctor.sees("patient", rooms.Camera)
		doctor.sees("patient", rooms.Microphone)
		patient.sees("doctor", rooms.Camera)
		patient.sees("doctor", rooms.Microphone)
	}
	t.Logf("resumed after %v", took)
	if missing, seen := gaps.missing(); missing != 0 || seen < 100 {
		t.Errorf("%d packets of %d are missing", missing, seen)
	}
}

// gapWatch counts sequence numbers that never came.
type gapWatch struct {
	mu   sync.Mutex
	seen map[string]map[int64]bool
	last map[string]int64
}

func (g *gapWatch) see(mid string, packet *rtp.Packet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen, g.last = map[string]map[int64]bool{}, map[string]int64{}
	}
	if g.seen[mid] == nil {
		g.seen[mid], g.last[mid] = map[int64]bool{}, int64(packet.SequenceNumber)
	}
	n := g.last[mid] + int64(int16(packet.SequenceNumber-uint16(g.last[mid]))) //nolint:gosec // modulo 2^16
	g.seen[mid][n], g.last[mid] = true, max(n, g.last[mid])
}

// missing leaves out the newest, whose repair may be under way.
func (g *gapWatch) missing() (missing, all int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for mid, seen := range g.seen {
		first := g.last[mid]
		for n := range seen {
			first = min(first, n)
		}
		for n := first; n <= g.last[mid]-50; n++ {
			all++
			if !seen[n] {
				missing++
			}
		}
	}
	return missing, all
}

func TestNothingToResume(t *testing.T) {
	h := newHouse(t, Limits{ResumeWithin: patience, PingEvery: 20 * time.Millisecond})
	doctor, joined := h.lurk("doctor", auth.Clinician)
	refused := func(t *testing.T, token string) {
		t.Helper()
		c := h.dial()
		c.send(Resume{Token: token})
		c.awaitClosed(4404)
	}
	t.Run("a token that is none", func(t *testing.T) { refused(t, newToken()) })
	t.Run("for another visit", func(t *testing.T) {
		c := h.dialDeaf("0193a1f0-7c3e-7b1a-8f00-0000000000bb")
		go c.read()
		c.send(Resume{Token: joined.Token})
		c.awaitClosed(4404)
	})
	next, resumed := h.resume(joined.Token) // none of that spent it
	doctor.awaitClosed(4408)
	h.until("the token is spent", func() bool { _, n := h.tokens(); return n == 1 })
	t.Run("spent", func(t *testing.T) { refused(t, joined.Token) })
	t.Run("of a page that was closed", func(t *testing.T) {
		patient, joined := h.lurk("patient", auth.Patient)
		patient.leavePage()
		await(next, "the patient leaving", func(m Left) bool { return m.Member == "patient" })
		refused(t, joined.Token)
	})
	t.Run("after bye", func(t *testing.T) {
		patient, joined := h.lurk("patient", auth.Patient)
		patient.send(Bye{})
		patient.awaitClosed(1000)
		refused(t, joined.Token)
	})
	t.Run("after a message that is none", func(t *testing.T) {
		patient, joined := h.lurk("patient", auth.Patient)
		patient.sendRaw(websocket.TextMessage, []byte("x"))
		patient.awaitClosed(4400)
		refused(t, joined.Token)
	})
	t.Run("after joining again", func(t *testing.T) {
		patient, joined := h.lurk("patient", auth.Patient)
		patient.cut()
		h.lurk("patient", auth.Patient)
		refused(t, joined.Token)
	})
	t.Run("after the link was withdrawn", func(t *testing.T) {
		patient, joined := h.lurk("patient", auth.Patient)
		patient.cut()
		h.config.Rooms.Remove(visitID, "invitation-of-patient", 1)
		await(next, "the patient leaving", func(m Left) bool { return m.Member == "patient" })
		h.until("the participant is forgotten", func() bool { n, _ := h.tokens(); return n == 1 })
		refused(t, joined.Token)
	})
	t.Run("after the end", func(t *testing.T) {
		next.send(End{})
		next.awaitClosed(4410)
		refused(t, resumed.Token)
	})
	h.until("nothing is left", func() bool { p, n := h.tokens(); return p+n == 0 })
}

// An answer that is lost on the way costs nobody the seat: the same token takes it up again, until the client is known to have its next.
func TestResumeWhoseAnswerIsLost(t *testing.T) {
	h := newHouse(t, Limits{PingEvery: 20 * time.Millisecond})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	patient, joined := h.lurk("patient", auth.Patient)
	seen := func(what string, away bool, times int) { // of the patient, by the clinician
		h.until(what, func() bool {
			changes := slices.DeleteFunc(all[Changed](doctor), func(m Changed) bool { return m.Member.Away != away })
			return len(changes) == times
		})
	}
	patient.cut()
	for i := range 3 {
		seen("the patient is away", true, i+1)
		deaf := h.dialDeaf(visitID) // never reads
		deaf.send(Resume{Token: joined.Token})
		seen("the patient is back", false, i+2)
		if i < 2 { // the last time the server hears of it by the next connection alone
			deaf.cut()
		}
	}
	_, resumed := h.resume(joined.Token)
	h.until("one token is left of each", func() bool { p, n := h.tokens(); return p == 2 && n == 2 })
	late := h.dial()
	late.send(Resume{Token: joined.Token})
	late.awaitClosed(4404)
	h.resume(resumed.Token)
}

// goingContext is over as soon as somebody has seen that it is not.
type goingContext struct {
	context.Context
	looked atomic.Bool
}

func (c *goingContext) Err() error {
	if c.looked.Swap(true) {
		return context.Canceled
	}
	return nil
}

func (c *goingContext) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// An offer whose connection is lost while it is answered is answered when it comes again.
func TestOfferAgainAfterItsConnectionWasLost(t *testing.T) {
	h := newHouse(t, Limits{})
	patient, _ := h.join("patient", auth.Patient)
	if err := patient.client.AddSlots(1, 1); err != nil {
		t.Fatal(err)
	}
	offer, err := patient.client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	again := Offer{Offer: offer, Sources: sourcesOf(patient.client)}
	lost := newSession(h.handler, patient.conn, visitID, "")
	lost.ctx = &goingContext{Context: h.ctx}
	h.handler.mu.Lock()
	for p := range h.handler.participants {
		lost.participant = p
	}
	h.handler.mu.Unlock()
	<-lost.participant.seated
	_ = lost.offer(again)
	patient.send(again)
	await(patient, "the answer", anyOf[Answer])
}

// Who does not come back in time has left, and everything of theirs is gone.
func TestNotResumedInTime(t *testing.T) {
	h := newHouse(t, Limits{ResumeWithin: 50 * time.Millisecond})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	patient, joined := h.lurk("patient", auth.Patient)
	patient.cut()
	await(doctor, "the patient leaving", func(m Left) bool { return m.Member == "patient" })
	c := h.dial()
	c.send(Resume{Token: joined.Token})
	c.awaitClosed(4404)
	h.until("one is left", func() bool { p, n := h.tokens(); return p == 1 && n == 1 })
}

// What happens to somebody while the connection is lost is told once, as it stands in the end.
func TestMovedWhileAway(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	patient, joined := h.lurk("patient", auth.Patient)
	patient.cut()
	await(doctor, "the patient being away", func(m Changed) bool { return m.Member.ID == "patient" && m.Member.Away })
	doctor.send(Admit{Member: "patient"})
	doctor.send(Chat{ID: "1", Text: "x"})
	await(doctor, "the line", anyOf[Said])
	back, resumed := h.resume(joined.Token)
	if resumed.Place != rooms.Visit || len(resumed.Chat) != 1 {
		t.Errorf("came back to %s with %d lines", resumed.Place, len(resumed.Chat))
	}
	await(back, "who speaks", anyOf[Speaking])
	if messages, _, _ := back.look(); len(messages) != 3 {
		t.Errorf("%d messages", len(messages))
	}
}

// Whoever is moved out for private time while the connection is lost hears of nothing but that, and is back when it ends.
func TestPrivateTimeWhileAway(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	mother, joined := h.lurk("mother", auth.Guardian)
	doctor.send(Admit{Member: "mother"})
	await(mother, "admission", anyOf[Moved])
	doctor.send(Chat{ID: "to-her", Text: "x"})
	await(mother, "the line", anyOf[Said])
	mother.cut()
	await(doctor, "the mother being away", func(m Changed) bool { return m.Member.Away })
	doctor.send(SetPrivate{On: true})
	doctor.send(Chat{ID: "secret", Text: "Canary secret"})
	await(doctor, "the line", func(m Said) bool { return m.ID == "secret" })

	back, resumed := h.resume(joined.Token)
	if resumed.Place != rooms.Waiting || resumed.Why != rooms.WhyPrivate || len(resumed.Members)+len(resumed.Chat)+len(resumed.May) != 0 || resumed.Private != "" {
		t.Errorf("came back to %+v", resumed.Position)
	}
	if slots := await(back, "the slots", anyOf[Slots]); len(slots.Slots) != 0 {
		t.Errorf("is shown %v", slots)
	}
	back.cut()
	await(doctor, "the mother being away again", func(m Changed) bool { return m.Member.Place == rooms.Waiting && m.Member.Away })
	doctor.send(SetPrivate{On: false})
	await(doctor, "the end of private time", func(m Private) bool { return m.Since == "" })
	again, resumed := h.resume(resumed.Token)
	if resumed.Place != rooms.Visit || len(resumed.Chat) != 1 || resumed.Chat[0].ID != "to-her" {
		t.Errorf("came back to %s with %d lines", resumed.Place, len(resumed.Chat))
	}
	for _, c := range []*caller{mother, back, again} {
		messages, _, _ := c.look()
		for _, m := range messages {
			if b, err := json.Marshal(m); err != nil || strings.Contains(string(b), "secret") {
				t.Errorf("a message of type %s tells of private time: %v", m.kind(), err)
			}
		}
	}
}

// A connection that seems alive gives way at once to the client's next.
func TestResumeBeforeTheOldSocketIsGone(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	half := h.dialDeaf(visitID) // never reads, so that it never answers a close frame either
	half.send(h.plainJoin("patient", auth.Patient))
	await(doctor, "the patient", func(m Changed) bool { return m.Member.ID == "patient" })
	_, b, err := half.conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	var joined message
	if err := json.Unmarshal(b, &joined); err != nil {
		t.Fatal(err)
	}
	h.resume(into[Joined](t, joined).Token)
	for _, m := range all[Changed](doctor) {
		if m.Member.Away {
			t.Error("was said to be away")
		}
	}
}

// Resuming asks nobody but the room.
func TestResumeWhileAllElseIsAway(t *testing.T) {
	h := newHouse(t, Limits{})
	patient, joined := h.lurk("patient", auth.Patient)
	patient.cut()
	h.handler.config.People = awayPeople{}
	h.handler.config.Once = nil // would panic
	h.resume(joined.Token)
}

// Those who hold no token are strangers, and bounded like those without a pass.
func TestStrangersResume(t *testing.T) {
	h := newHouse(t, Limits{Strangers: 5, StrangersEach: 5})
	_, joined := h.lurk("patient", auth.Patient)
	var idle []*caller
	for range 20 {
		idle = append(idle, h.dial())
	}
	h.until("all but five have given way", func() bool {
		open := 0
		for _, c := range idle {
			if _, over, _ := c.look(); !over {
				open++
			}
		}
		return open == 5
	})
	h.resume(joined.Token)
	t.Run("in silence", func(t *testing.T) {
		h := newHouse(t, Limits{JoinWithin: 20 * time.Millisecond})
		h.dial().awaitClosed(4408)
	})
	for _, c := range []struct{ name, frame string }{
		{"no token", `{"type":"resume"}`},
		{"an empty token", `{"type":"resume","token":""}`},
		{"a long token", `{"type":"resume","token":"` + strings.Repeat("a", maxToken+1) + `"}`},
		{"with a pass", `{"type":"resume","token":"a","pass":"b"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sub(t)
			caller := h.dial()
			caller.sendRaw(websocket.TextMessage, []byte(c.frame))
			caller.awaitClosed(4400)
		})
	}
	t.Run("resume after join", func(t *testing.T) {
		h.sub(t)
		caller, joined := h.lurk("guest", auth.Guest)
		caller.send(Resume{Token: joined.Token})
		caller.awaitClosed(4400)
	})
}

// The limit of messages is a person's, not a connection's; and resuming counts, since others are told of it.
func TestResumingIsNoWayAroundTheLimit(t *testing.T) {
	h := newHouse(t, Limits{MessagesPerSec: 0.001})
	doctor, joined := h.lurk("doctor", auth.Clinician)
	const atOnce = offerCost // of which the resuming takes its part
	for i := range atOnce - resumeCost {
		doctor.send(Chat{ID: fmt.Sprint(i), Text: "x"})
	}
	await(doctor, "the last", func(m Said) bool { return m.ID == fmt.Sprint(atOnce-resumeCost-1) })
	doctor.cut()
	h.resume(joined.Token)
	h.handler.mu.Lock()
	defer h.handler.mu.Unlock()
	for p := range h.handler.participants {
		if left := p.pace.Tokens(); left >= 1 {
			t.Errorf("%.0f more at once", left)
		}
	}
}

// Many people cut and resume at once, while others come, go and withdraw them.
func TestManyResume(t *testing.T) {
	h := newHouse(t, Limits{MessagesPerSec: 1000})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	var group sync.WaitGroup
	for i := range 6 {
		patient, joined := h.lurk(fmt.Sprint("patient-", i), auth.Patient)
		if i%2 == 0 {
			doctor.send(Admit{Member: joined.You.ID})
		}
		group.Go(func() {
			token := joined.Token
			for n := range 10 {
				if n%3 > 0 {
					patient.cut()
				}
				next := h.dial()
				next.send(Resume{Token: token})
				patient = next
				if token = next.resumedToken(); token == "" {
					return // withdrawn
				}
			}
		})
	}
	h.config.Rooms.Remove(visitID, "invitation-of-patient-5", 1)
	group.Wait()
	if err := h.handler.Close(h.ctx); err != nil {
		t.Fatal(err)
	}
	if p, n := h.tokens(); p+n != 0 {
		t.Errorf("%d participants and %d tokens are left", p, n)
	}
}

// resumedToken waits for the next token; empty: the connection was closed instead.
func (c *caller) resumedToken() string {
	for {
		messages, over, changed := c.look()
		if len(messages) > 0 {
			return into[Resumed](c.h.t, messages[0]).Token
		}
		if over {
			return ""
		}
		<-changed
	}
}

// FuzzFirstFrame wants of every first frame that it is refused with a code, or takes up what a token is for, and that nothing is left of it.
func FuzzFirstFrame(f *testing.F) {
	h := newHouse(f, Limits{JoinWithin: 50 * time.Millisecond})
	h.ctx = f.Context() // however long it goes on
	for _, b := range golden(f, "client") {
		f.Add(b)
	}
	f.Add([]byte(`{"type":"resume","token":"` + newToken() + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h.sub(t)
		c := h.dial()
		c.sendRaw(websocket.TextMessage, b)
		<-c.done
		if c.closed == nil || !slices.Contains([]int{1009, 4400, 4401, 4404, 4408}, c.closed.Code) {
			t.Fatalf("closed with %v", c.err)
		}
		if p, n := h.tokens(); p+n != 0 {
			t.Fatalf("%d participants and %d tokens are left", p, n)
		}
	})
}

// TestLastWords: who leaves ends sound and pictures, says the last words, and it is those that count, also when they come later.
func TestLastWords(t *testing.T) {
	h := newHouse(t, Limits{ByeWithin: patience})
	doctor, _ := h.join("doctor", auth.Clinician)
	h.join("other", auth.Clinician)
	third, _ := h.join("third", auth.Clinician)
	h.until("all are connected", func() bool { return h.config.Engine.Totals().Connected == 3 })
	if err := doctor.client.Connection().Close(); err != nil {
		t.Fatal(err)
	}
	h.until("the server knows that one is not any more", func() bool { return h.config.Engine.Totals().Connected == 2 })
	doctor.send(Lead{Member: "other"})
	doctor.send(Bye{})
	await(third, "the lead", func(m Changed) bool { return m.Member.ID == "other" && m.Member.Lead })
	await(third, "the first leaving", func(m Left) bool { return m.Member == "doctor" })
	doctor.awaitClosed(1000)
}
