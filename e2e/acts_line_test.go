package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"housecall/e2e/bidi"
)

// checked is what a page was told of somebody's device check.
type checked struct {
	Network string
	RTT     int `json:"rtt_ms"`
	Loss    int `json:"loss_pct"`
}

// toldCheck is the last device check of somebody that this page was told of; nil: of none.
func (p *Person) toldCheck(name string) (last *checked) {
	for _, frame := range p.notes("received") {
		var m struct {
			Type    string
			Member  json.RawMessage // of `left` an id alone
			Members []json.RawMessage
		}
		if json.Unmarshal([]byte(frame), &m) != nil {
			continue
		}
		for _, each := range append(m.Members, m.Member) {
			var member struct {
				Name  string
				Check *checked
			}
			if json.Unmarshal(each, &member) == nil && member.Name == name && member.Check != nil {
				last = member.Check
			}
		}
	}
	return last
}

// tagged waits until somebody who waits has a tag in the list of who is here, which must be open.
func (p *Person) tagged(name, key string) {
	p.t.Helper()
	p.await("see that "+name+": "+p.word(key), `(name, word) => [...document.querySelectorAll("#waiting-list li")].some((each) =>
		each.querySelector(".name").textContent === name && [...each.querySelectorAll(".checks .tag")].some((tag) => tag.checkVisibility() && tag.textContent === word))`,
		name, p.word(key))
}

// measures has the connection tried again until it is found to be as it is: a busy machine can make a line worse than it is.
func (p *Person) measures(network string) {
	p.t.Helper()
	for range 5 {
		p.taps("line.again")
		var found string
		p.within("measure", func(ctx context.Context) error {
			return p.page.Await(ctx, &found, `(busy) => {
				const word = document.querySelector('.works li[data-kind="line"] .works-word')?.textContent;
				return word !== busy && word;
			}`, p.word("line.busy"))
		})
		if found == p.word("line."+network) {
			return
		}
	}
	p.t.Fatalf("the line was never found to be %s", network)
}

// The connection test measures the real way to the media port: what is lost and late on it is what the page says and the clinician is told, beside who
// waits. Where nothing gets through, the page says so plainly, for whom and to which port, and finds out when that is over.
func TestConnectionTest(t *testing.T) {
	const (
		late    = 300 * time.Millisecond
		every   = 4 // a quarter of what goes, and of what comes back of the rest: seven sixteenths in all
		advised = `(word) => [...document.querySelectorAll("#waiting-line .notice")].some((each) => each.checkVisibility() && each.textContent.includes(word))`
	)
	h := openHouse(t)
	visit := h.book(0)
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	patient := chromium(t, 1, robin, bidi.Phone)
	doctor.arrives(visit.link(t, drAda), "visit")
	doctor.taps("people.title")
	inside := doctor.port()

	h.wire.drop(inside)
	patient.arrives(visit.link(t, robin), "waiting")
	patient.await("be told that nothing gets through", advised, patient.word("line.blocked.title"))
	patient.await("be told what helps on a phone", advised, patient.word("line.blocked.phone"))
	port := fmt.Sprint(h.wire.LocalAddr().(*net.UDPAddr).Port)
	patient.await("be told what to allow", `(port) => [...document.querySelectorAll("#waiting-line details")].some((each) => each.textContent.includes("port " + port + " of "))`, port)
	patient.reads(patient.word("waiting.blocked"))
	doctor.tagged(robin, "checked.blocked")
	t.Logf("MUST SHOW: connection test where UDP does not get through: %+v", *doctor.toldCheck(robin))

	h.wire.mend()
	h.wire.worsen(late, every, inside)
	patient.measures("poor")
	patient.await("be told that the line is slow", advised, patient.word("line.poor.title"))
	doctor.tagged(robin, "checked.poor")
	bad := doctor.toldCheck(robin)
	t.Logf("MUST SHOW: connection test on a line with %v of delay and 25 %% of loss: %+v", late, *bad)
	if bad.Network != "poor" || bad.RTT < int(late.Milliseconds()) || bad.Loss < 5 || bad.Loss > 80 {
		t.Errorf("measured %+v", *bad)
	}
	patient.await("read the figures", `(text) => [...document.querySelectorAll("#waiting-line details")].some((each) => each.textContent.includes(text))`,
		patient.word("line.figures", "delay", fmt.Sprint(bad.RTT), "loss", fmt.Sprint(bad.Loss)))

	h.wire.mend()
	patient.measures("ok")
	patient.await("be advised no more", `() => !document.querySelector("#waiting-line .notice")`)
	doctor.until("be told so", func() bool { return doctor.toldCheck(robin).Network == "ok" })
	good := doctor.toldCheck(robin)
	t.Logf("MUST SHOW: connection test on a good line: %+v", *good)
	if good.RTT < 0 || good.RTT >= int(late.Milliseconds()) || good.Loss < 0 || good.Loss >= 5 {
		t.Errorf("measured %+v", *good)
	}
	doctor.taps("knocking.admit", "name", robin)
	patient.meets(doctor)
}
