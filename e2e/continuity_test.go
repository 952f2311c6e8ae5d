package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// What is promised is printed beside what was measured. A test fails by far more than that: on a busy machine seconds pass in which a page, its
// encoder or its decoder did not have its turn. What would make visits halt by our own fault (joining anew, a new offer, another way of media, a
// timeout of 15 s) is told by counts, or takes longer.
const (
	slack     = 10 * time.Second // over what is promised
	mayHalt   = 8 * time.Second  // a picture, without a fault of ours
	bannerIn  = 3 * time.Second
	pictureIn = 2 * time.Second
	reloadIn  = 3 * time.Second
	resumeIn  = 2 * time.Second
)

// received is what a page's peer connections have received so far.
type received struct {
	Packets, Lost, Frames, Freezes int
	Frozen                         float64 // seconds
	Concealed, Samples             float64
}

func (p *Person) received() (r received) {
	p.t.Helper()
	p.within("count what came", func(ctx context.Context) error { return p.page.Call(ctx, &r, `() => witness.received()`) })
	return r
}

// followsFrames begins to note when frames of the others come to the screen.
func (p *Person) followsFrames() {
	p.t.Helper()
	p.await("follow the frames", `() => { witness.follow(); return true; }`)
}

// halted is the longest time in which nothing moved in a video since followsFrames, and not before since.
func (p *Person) halted(video string, since time.Time) (d time.Duration) {
	p.t.Helper()
	var ms float64
	p.within("tell how long it halted", func(ctx context.Context) error {
		return p.page.Call(ctx, &ms, `(since) => witness.longest(`+video+`, since)`, since.UnixMilli())
	})
	return time.Duration(ms) * time.Millisecond
}

// seesAgain waits until something moves again: the third new frame of anybody since a time. It returns how long that took.
func (p *Person) seesAgain(since time.Time) time.Duration {
	p.t.Helper()
	var at int64
	p.within("see something again", func(ctx context.Context) error {
		return p.page.Await(ctx, &at, `(since) => witness.nthFrame(3, since)`, since.UnixMilli())
	})
	return time.UnixMilli(at).Sub(since.Truncate(time.Millisecond))
}

// in fails the test if something took far longer than is promised, and prints both.
func (p *Person) in(what string, took, promised time.Duration) {
	p.t.Helper()
	p.t.Logf("MUST SHOW: %s: %.2f s (promised: %.0f s)", what, took.Seconds(), promised.Seconds())
	if took > promised+slack {
		p.t.Errorf("%s took %.2f s; %.0f s are promised", what, took.Seconds(), promised.Seconds())
	}
}

// writes says lines in the chat, as fast as the page takes them.
func (p *Person) writes(lines ...string) {
	p.t.Helper()
	p.await(fmt.Sprintf("write %d lines", len(lines)), `(lines) => {
		for (const line of lines) {
			document.querySelector("#chat-text").value = line;
			document.querySelector("#chat-form").requestSubmit();
		}
		return true;
	}`, lines)
}

// chat is what the chat shows, from the first line to the last, without names and times.
func (p *Person) chat() (lines []string) {
	p.t.Helper()
	p.within("read the chat", func(ctx context.Context) error {
		return p.page.Call(ctx, &lines, `() => [...document.querySelectorAll("#chat-lines li p")].map((each) => each.textContent)`)
	})
	return lines
}

// A websocket that is cut, again and again: sound and picture go on as if nothing had happened, and every word said meanwhile arrives once and in order.
func TestWebsocketCut(t *testing.T) {
	h, _, doctor, patient := inVisit(t)
	doctor.press("button", "Chat")
	patient.press("button", "Chat")
	two := []*Person{doctor, patient}
	for _, p := range two {
		p.followsFrames()
	}
	ports := []uint16{doctor.port(), patient.port()}
	before := []received{doctor.received(), patient.received()}
	h.wire.listen()
	began := time.Now()

	var said []string
	const cuts, batch = 5, 20
	for i := range cuts {
		for _, p := range two[1-i%2:] { // now the patient's alone, now both at once
			if n := h.door.cut(p.at); n != 1 {
				t.Fatalf("participant %d had %d websockets to cut", p.who, n)
			}
		}
		lines := make([]string, batch)
		for j := range lines {
			lines[j] = fmt.Sprintf("line %d", len(said)+j+1)
		}
		said = append(said, lines...)
		patient.writes(lines...)
		for _, p := range two {
			p.reaches("visit")
		}
		doctor.await("read the last line", `(line) => document.querySelector("#chat-lines li:last-child p")?.textContent === line`, lines[batch-1])
	}

	for i, p := range two {
		now, port := p.received(), ports[i]
		halted := p.halted(tile(two[1-i].name), began)
		t.Logf("MUST SHOW: websocket cut: longest pause of RTP to participant %d: %.0f ms, from them: %.0f ms; longest halt of the picture: %.0f ms; "+
			"%d packets and %d frames more, %d freezes", p.who, ms(h.wire.sentTo(port).longest()), ms(h.wire.gotFrom(port).longest()), ms(halted),
			now.Packets-before[i].Packets, now.Frames-before[i].Frames, now.Freezes-before[i].Freezes)
		if pause := max(h.wire.sentTo(port).longest(), h.wire.gotFrom(port).longest()); pause > mayHalt {
			t.Errorf("RTP paused for %v", pause)
		}
		if halted > mayHalt {
			t.Errorf("the picture halted for %v", halted)
		}
		if joins, offers, now := p.said("join"), p.said("offer"), p.port(); joins != 1 || offers != 0 || now != port {
			t.Errorf("participant %d joined %d times, offered %d times more, and media went from port %d to %d", p.who, joins, offers, port, now)
		}
		p.in(fmt.Sprintf("participant %d: websocket resumed, the worst of %d", p.who, p.said("resume")), p.resumed(), resumeIn)
	}
	for _, p := range two {
		if got := p.chat(); !slices.Equal(got, said) {
			t.Errorf("participant %d reads %q", p.who, got)
		}
	}
	doctor.reloads()
	doctor.comesBack()
	doctor.press("button", "Chat")
	doctor.await("read the last line", `(line) => document.querySelector("#chat-lines li:last-child p")?.textContent === line`, said[len(said)-1])
	if got := doctor.chat(); !slices.Equal(got, said) {
		t.Errorf("after a reload the clinician reads %q", got)
	}
	t.Logf("MUST SHOW: %d lines said over %d cuts arrived once and in order, also after a reload", len(said), cuts)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// isOf tells whether a frame of the websocket has this type.
func isOf(frame, kind string) bool {
	var message struct{ Type string }
	return json.Unmarshal([]byte(frame), &message) == nil && message.Type == kind
}

// resumed is the longest time from a websocket's end to its being resumed.
func (p *Person) resumed() (worst time.Duration) {
	p.t.Helper()
	ends, frames := p.noted("closed"), p.noted("received")
	for _, end := range ends {
		i := slices.IndexFunc(frames, func(n note) bool { return n.At >= end.At && isOf(n.Text, "resumed") })
		if i < 0 {
			p.t.Errorf("participant %d has not resumed a websocket that ended with %s", p.who, end.Text)
			continue
		}
		worst = max(worst, frames[i].at().Sub(end.at()))
	}
	return worst
}

// A network that drops for a while, and takes a websocket's bytes with it. It waits for most of its time, so others go on beside it.
func TestNetworkDrops(t *testing.T) {
	t.Parallel()
	h, _, doctor, patient := inVisit(t)
	for _, p := range []*Person{doctor, patient} {
		p.followsFrames()
	}
	for _, long := range []time.Duration{12 * time.Second, 30 * time.Second} {
		banners := len(patient.noted("banner"))
		h.door.hold(patient.at)
		h.wire.drop(doctor.port())
		<-time.After(long) // which is what happens, not what is waited for
		dropped := h.wire.mend()
		back := time.Now()
		h.door.release(patient.at)
		what := fmt.Sprintf("network away for %.0f s", long.Seconds())

		patient.in(what+": picture back at who was away", patient.seesAgain(back), pictureIn)
		doctor.in(what+": picture back at the other", doctor.seesAgain(back), pictureIn)
		patient.until("have seen the banner come and go", func() bool { return len(patient.noted("banner")) >= banners+2 })
		shown := patient.noted("banner")[banners]
		patient.in(what+": banner", shown.at().Sub(dropped), bannerIn)
		if shown.Text != patient.word("banner.reconnecting") {
			t.Errorf("the banner says %q", shown.Text)
		}
		patient.reaches("visit")
		patient.meets(doctor)
		doctor.meets(patient)
		if joins := patient.said("join"); joins != 1 {
			t.Errorf("%s: the patient joined %d times in all", what, joins)
		}
	}
}

// Whoever reloads the page, or whose phone ended it, is back in the visit at once.
func TestReloadAndKilledTab(t *testing.T) {
	_, _, doctor, patient := inVisit(t)
	doctor.followsFrames()

	began := time.Now()
	patient.reloads()
	patient.comesBack()
	patient.followsFrames()
	patient.in("reload: the others' picture is back", patient.seesAgain(began), reloadIn)
	patient.meets(doctor)
	doctor.meets(patient)

	patient.within("have the page killed", patient.page.Crash)
	doctor.misses(robin)
	began = time.Now()
	patient.within("open the page again", patient.page.Reload)
	patient.comesBack()
	patient.followsFrames()
	patient.in("killed tab: the others' picture is back", patient.seesAgain(began), reloadIn)
	patient.meets(doctor)
	doctor.meets(patient)
}
