package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// What people do and see in a visit, in the words of the page.

// reaches waits until the page is in a state: check, waiting, visit, left, ended, over, revoked, too-early …
func (p *Person) reaches(state string) {
	p.t.Helper()
	p.await("reach "+state, `(state) => document.body.dataset.state === state`, state)
}

// reachesOneOf waits until the page is in one of some states and says in which.
func (p *Person) reachesOneOf(states ...string) string {
	p.t.Helper()
	var state string
	p.within("reach one of "+strings.Join(states, ", "), func(ctx context.Context) error {
		return p.page.Await(ctx, &state, `(states) => states.find((state) => state === document.body.dataset.state)`, states)
	})
	return state
}

// arrives opens a link and joins; waiting or visit says where that must lead.
func (p *Person) arrives(link, state string) {
	p.t.Helper()
	p.goTo(link)
	p.joins(state)
}

// joins presses the button of the device check and waits for where that leads.
func (p *Person) joins(state string) {
	p.t.Helper()
	p.reaches("check")
	p.taps("check.join")
	p.reaches(state)
}

// tile is the video that lies where the tile with somebody's name is, as a JavaScript expression; null when nobody of this name has a
// tile, or no video is to be seen there.
func tile(name string) string {
	quoted, err := json.Marshal(name)
	if err != nil {
		panic(err) // a string
	}
	return fmt.Sprintf(`(() => {
		const tile = [...document.querySelectorAll("#tiles > *")].find((each) => each.querySelector(".name")?.textContent === %s);
		const box = tile?.getBoundingClientRect();
		const over = (video) => {
			const own = video.getBoundingClientRect();
			const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
			return own.left < x && x < own.right && own.top < y && y < own.bottom;
		};
		return tile && [...document.querySelectorAll("#stage video:not(.own)")].find((video) => over(video) &&
			video.checkVisibility({visibilityProperty: true, opacityProperty: true})) || null;
	})()`, quoted)
}

// misses waits until somebody has no tile any more.
func (p *Person) misses(name string) {
	p.t.Helper()
	p.await("see "+name+" gone", `(name) => document.body.dataset.state === "visit" &&
		![...document.querySelectorAll("#tiles .name")].some((each) => each.textContent === name)`, name)
}

// meets waits until somebody's picture is seen and their tone heard.
func (p *Person) meets(other *Person) {
	p.t.Helper()
	p.sees(other, tile(other.name))
	p.hears(other)
}

// reads waits until the visible page has a text.
func (p *Person) reads(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("read %q", text), `(text) => document.body.innerText.includes(text)`, text)
}

// reloads loads the page anew, having looked at it.
func (p *Person) reloads() {
	p.t.Helper()
	p.within("look at the page", p.page.Activate)
	p.within("reload", p.page.Reload)
}

// port is the local UDP port that the page's media goes through.
func (p *Person) port() uint16 {
	p.t.Helper()
	var port uint16
	p.within("tell its media port", func(ctx context.Context) error {
		return p.page.Await(ctx, &port, `async () => {
			const stats = await witness.peers.at(-1)?.getStats();
			if (!stats) return 0;
			// Several pairs may be nominated, and one alone is used; Firefox has no transport that names it.
			const chosen = [...stats.values()].find((each) => each.type === "transport")?.selectedCandidatePairId;
			const pair = stats.get(chosen) ?? [...stats.values()].find((each) => each.type === "candidate-pair" && each.nominated && each.state === "succeeded");
			return pair && stats.get(pair.localCandidateId)?.port;
		}`)
	})
	return port
}

// said counts the frames of a type that the page sent.
func (p *Person) said(kind string) int {
	n := 0
	for _, frame := range p.notes("sent") {
		var message struct{ Type string }
		if json.Unmarshal([]byte(frame), &message) == nil && message.Type == kind {
			n++
		}
	}
	return n
}

// wasTold tells whether a text has come to the page over its websocket.
func (p *Person) wasTold(text string) bool {
	for _, frame := range p.notes("received") {
		if strings.Contains(frame, text) {
			return true
		}
	}
	return false
}

// text waits until an element of the page has words in it and returns them.
func (p *Person) text(selector string) string {
	p.t.Helper()
	var words string
	p.within("read "+selector, func(ctx context.Context) error {
		return p.page.Await(ctx, &words, `(selector) => document.querySelector(selector)?.textContent.trim()`, selector)
	})
	return words
}

// retype replaces whatever a field holds.
func (p *Person) retype(name, text string) {
	p.t.Helper()
	p.retypeIn("textbox", name, text)
}

// retypeIn is retype for a field of another role.
func (p *Person) retypeIn(role, name, text string) {
	p.t.Helper()
	p.within(fmt.Sprintf("write %q into %s", text, name), func(ctx context.Context) error {
		if err := p.page.Press(ctx, role, name); err != nil {
			return err
		}
		if err := p.page.Call(ctx, nil, `() => document.activeElement.select()`); err != nil {
			return err
		}
		return p.page.Keys(ctx, text)
	})
}

// comesBack waits until the page is in the visit again, passing the device check if the page asks for it.
func (p *Person) comesBack() {
	p.t.Helper()
	var state string
	p.within("come back", func(ctx context.Context) error {
		return p.page.Await(ctx, &state, `() => {
			const {state} = document.body.dataset;
			const busy = document.querySelector("#join").ariaDisabled === "true"; // on the way already
			return state === "visit" || (state === "check" && !busy) ? state : "";
		}`)
	})
	if state == "check" {
		p.taps("check.join")
	}
	p.reaches("visit")
}
