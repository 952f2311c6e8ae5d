package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"housecall/e2e/bidi"
)

// Private time, the promise that a teenager's trust rests on: from the clinician's click to its end nothing of the visit reaches the guardian's browser
// and nothing of theirs the visit, whatever they try; the other two notice nothing; and afterwards everybody is back.
func TestPrivateTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		guardian seatAt
	}{
		{"the guardian in Chromium", chromium},
		{"the guardian in Firefox", firefox},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHouse(t)
			s := &privateScene{t: t, House: h, visit: h.book(0, kit, "guardian")}
			s.doctor = chromium(t, 0, drAda, bidi.Laptop)
			s.teen = chromium(t, 1, robin, bidi.Phone)
			s.guardian = c.guardian(t, 2, kit, bidi.Laptop)
			s.together()
			s.begins()
			s.guardianTries()
			s.nothingPassed()
			s.ends()
		})
	}
}

// privateScene is a clinician, a teenager and a guardian.
type privateScene struct {
	*House
	t                      *testing.T
	visit                  Booked
	doctor, teen, guardian *Person
	more                   []*Person // the guardian's other windows
	inside                 []uint16  // media ports of those who stay
	clicked                time.Time
	toBefore, fromBefore   int // RTP to and from everybody else when it had come to rest
	frozenBefore           [2]float64
}

const (
	openWords   = "Good morning to both of you"
	secretWords = "Is there anything at school"
)

// together is the control before: all three see and hear each other, and the guardian's packets and messages are counted.
func (s *privateScene) together() {
	// The test of a connection, which the guardian's waiting room may repeat, sends packets of its own.
	s.guardian.holdsBack("/v/" + s.visit.ID + "/check")
	s.doctor.arrives(s.visit.link(s.t, drAda), "visit")
	for _, p := range []*Person{s.teen, s.guardian} {
		p.arrives(s.visit.link(s.t, p.name), "waiting")
		s.doctor.press("button", "Admit "+p.name)
		p.reaches("visit")
	}
	s.doctor.meets(s.teen)
	s.doctor.meets(s.guardian)
	s.guardian.meets(s.doctor)
	s.guardian.meets(s.teen)
	s.teen.meets(s.doctor)
	s.doctor.press("button", "Chat")
	s.doctor.writes(openWords)
	s.guardian.until("be told the words", func() bool { return s.guardian.wasTold(openWords) })
	s.inside = []uint16{s.doctor.port(), s.teen.port()}
	s.counts(s.guardian, "before")
}

// counts is the control: hundreds of packets pass to and from somebody.
func (s *privateScene) counts(p *Person, when string) {
	s.t.Helper()
	port := p.port()
	to, from := s.wire.sentTo(port).rtp, s.wire.gotFrom(port).rtp
	p.until("get and send hundreds of packets "+when, func() bool {
		return s.wire.sentTo(port).rtp > to+200 && s.wire.gotFrom(port).rtp > from+200
	})
}

// begins presses the button, and waits until no packet is under way to or from the guardian any more.
func (s *privateScene) begins() {
	for i, p := range []*Person{s.doctor, s.teen} {
		p.followsFrames()
		s.frozenBefore[i] = p.received().Frozen
	}
	port := s.guardian.port()
	s.doctor.press("button", "Private time")
	s.guardian.reaches("waiting")
	s.guardian.reads(s.guardian.word("waiting.private.title"))
	pressed := s.doctor.noted("pressed")
	s.clicked = pressed[len(pressed)-1].at()

	at := time.Now()
	s.guardian.until("send and get nothing for a moment", func() bool {
		to, from := s.wire.besides(s.inside...)
		if to != s.toBefore || from != s.fromBefore {
			s.toBefore, s.fromBefore, at = to, from, time.Now()
		}
		return time.Since(at) > 500*time.Millisecond
	})
	last := max(s.wire.sentTo(port).last.Sub(s.clicked), s.wire.gotFrom(port).last.Sub(s.clicked), s.told().Sub(s.clicked))
	s.guardian.in("private time: the last packet or word of the visit to or from the guardian, after the click", last, time.Second)
	s.teen.reads(s.teen.word("private.on"))
	s.doctor.shows("#private-bar")
}

// told is when the guardian was told last of the visit: that they wait.
func (s *privateScene) told() time.Time {
	var at time.Time
	for _, n := range s.guardian.noted("received") {
		if isOf(n.Text, "place") {
			at = n.at()
		}
	}
	return at
}

// guardianTries is all that a curious guardian may try: reload, a second device, the teenager's own link. Meanwhile words are said.
func (s *privateScene) guardianTries() {
	s.teen.taps("ask.nobody")
	s.doctor.taps("people.title")
	s.doctor.reads(s.doctor.word("hearing.nobody"))
	s.doctor.writes(secretWords)
	s.teen.until("be told the words", func() bool { return s.teen.wasTold(secretWords) })

	s.guardian.reloads()
	s.guardian.reaches("waiting")
	s.guardian.reads(s.guardian.word("waiting.private.title"))
	for _, name := range []string{kit, robin} {
		other := s.guardian.device(bidi.Phone)
		other.name = name
		other.holdsBack("/v/" + s.visit.ID + "/check")
		other.arrives(s.visit.link(s.t, name), "waiting")
		s.more = append(s.more, other)
	}
	s.doctorTries()
	s.doctor.writes(secretWords + ", again")
	s.teen.until("be told the words", func() bool { return s.teen.wasTold(secretWords + ", again") })
}

// doctorTries to let somebody in all the same, as somebody might by mistake.
func (s *privateScene) doctorTries() {
	refused := s.doctor.refusals("private")
	var tried int
	s.doctor.within("try to let them in", func(ctx context.Context) error {
		return s.doctor.page.Call(ctx, &tried, `() => {
			const buttons = [...document.querySelectorAll("#call button")].filter((each) => /^Admit /.test(each.ariaLabel ?? each.textContent));
			for (const each of buttons) each.click();
			return buttons.filter((each) => !each.disabled && each.ariaDisabled !== "true").length;
		}`)
	})
	s.doctor.until("be refused", func() bool { return s.doctor.refusals("private") >= refused+tried })
	for _, p := range append([]*Person{s.guardian}, s.more...) {
		p.reaches("waiting")
	}
}

// refusals counts the errors with a code.
func (p *Person) refusals(code string) (n int) {
	for _, frame := range p.notes("received") {
		var message struct{ Type, Code string }
		if json.Unmarshal([]byte(frame), &message) == nil && message.Type == "error" && message.Code == code {
			n++
		}
	}
	return n
}

// nothingPassed holds the counts against those of the beginning.
func (s *privateScene) nothingPassed() {
	t := s.t
	to, from := s.wire.besides(s.inside...)
	toInside := s.wire.sentTo(s.inside[0]).rtp
	t.Logf("MUST SHOW: private time: %d packets of RTP to the guardian's browser, %d from it, in %.0f s with a reload, a second device and the teenager's link "+
		"(to the clinician's meanwhile: %d in all)", to-s.toBefore, from-s.fromBefore, time.Since(s.clicked).Seconds(), toInside)
	if to != s.toBefore || from != s.fromBefore {
		t.Errorf("in private time %d packets went to others and %d came from them", to-s.toBefore, from-s.fromBefore)
	}
	messages := 0
	since := s.told()
	for _, p := range append([]*Person{s.guardian}, s.more...) {
		for _, n := range p.noted("received") {
			if n.at().Before(since) {
				continue
			}
			messages++
			if wrong := ofTheVisit(n.Text); wrong != "" {
				t.Errorf("in private time the guardian's browser was told %s: %s", wrong, n.Text)
			}
		}
		for _, secret := range []string{drAda, secretWords} {
			if p != s.guardian && p.wasTold(secret) {
				t.Errorf("the guardian's other window was told %q", secret)
			}
		}
	}
	t.Logf("MUST SHOW: private time: of %d messages to the guardian's windows none was of the visit", messages)
	for i, one := range []struct{ who, sees *Person }{{s.doctor, s.teen}, {s.teen, s.doctor}} {
		halted, frozen := one.who.halted(tile(one.sees.name), s.clicked), one.who.received().Frozen-s.frozenBefore[i]
		long := time.Since(s.clicked).Seconds()
		t.Logf("MUST SHOW: private time: longest halt of the picture for the %s: %.0f ms; frozen for %.1f of %.0f s", [2]string{"clinician", "patient"}[i], ms(halted), frozen, long)
		if halted > mayHalt || frozen > 1+long/2 {
			t.Errorf("the picture halted for %v, and was frozen for %.1f of %.0f s", halted, frozen, long)
		}
		one.who.meets(one.sees)
	}
}

// ofTheVisit says what of the visit a message to somebody who waits gives away; "" for nothing.
func ofTheVisit(frame string) string {
	var m struct {
		Type, Place, Private, Started string
		You                           struct{ Name string }
		Members, Chat, Slots          []any
	}
	if err := json.Unmarshal([]byte(frame), &m); err != nil {
		return err.Error()
	}
	switch m.Type {
	case "joined", "resumed", "place":
		if m.Place != "waiting" || m.Private != "" || m.Started != "" {
			return "more than that they wait"
		}
	case "answer", "told", "slots", "need":
	default:
		return "by " + m.Type
	}
	if len(m.Members)+len(m.Chat)+len(m.Slots) > 0 {
		return "who is there, or what is said"
	}
	for _, secret := range []string{drAda, robin, openWords, secretWords} {
		if strings.Contains(frame, secret) && secret != m.You.Name {
			return fmt.Sprintf("%q", secret)
		}
	}
	return ""
}

// ends is the control after: everybody is back, and what was said meanwhile stays where it was said.
func (s *privateScene) ends() {
	s.doctor.press("button", "End private time")
	s.teen.reads(s.teen.word("private.off"))
	s.guardian.reaches("visit")
	s.guardian.meets(s.doctor)
	s.guardian.meets(s.teen)
	s.doctor.meets(s.guardian)
	s.counts(s.guardian, "after")
	s.doctor.writes("Welcome back")
	s.guardian.until("be told the words", func() bool { return s.guardian.wasTold("Welcome back") })
	s.guardian.press("button", "Chat")
	s.guardian.reads("Welcome back")
	s.guardian.reads(openWords)
	s.guardian.reloads()
	s.guardian.reaches("visit")
	s.guardian.press("button", "Chat")
	s.guardian.reads("Welcome back")
	for _, p := range append([]*Person{s.guardian}, s.more...) {
		if p.wasTold(secretWords) {
			s.t.Error("what was said in private time came to the guardian's browser")
		}
	}
	s.t.Log("MUST SHOW: private time: the guardian is back by themself, and was never told what was said meanwhile")
}
