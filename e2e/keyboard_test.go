package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"housecall/e2e/bidi"
)

// mostTabs is how often somebody may have to press Tab to get anywhere on a page.
const mostTabs = 40

// stopped says what is wrong with where the focus stops, "" for nothing: that it can't be seen there, is all covered, or has jumped back in its form,
// where it goes as a form is read.
const stopped = `() => {
	const at = document.activeElement;
	const last = window.lastStop;
	window.lastStop = at;
	if (!at || at === document.body) return ""; // between the page's end and its beginning
	const who = at.outerHTML.slice(0, 160) + ": ";
	const box = at.getBoundingClientRect();
	if (!at.checkVisibility({visibilityProperty: true, opacityProperty: true}) || box.width < 1 || box.height < 1) return who + "it is not visible";
	if (last === at && /^(date|time)$/.test(at.type)) return ""; // the next part of it, whose mark is the browser's own
	const style = getComputedStyle(at);
	const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
	if (!at.matches(":focus-visible") || !ring) return who + "nobody sees that it has the focus";
	const places = [0.1, 0.5, 0.9].flatMap((x) => [0.1, 0.5, 0.9].map((y) => [box.x + box.width * x, box.y + box.height * y]));
	const its = (hit) => hit && (at.contains(hit) || [...at.labels ?? []].some((label) => label.contains(hit)));
	if (!places.some(([x, y]) => its(document.elementFromPoint(x, y)))) return who + "it is covered, or outside the window";
	if (!last?.isConnected || last === at || !at.form || last.form !== at.form) return "";
	const before = last.getBoundingClientRect();
	const beside = box.top < before.bottom && before.top < box.bottom;
	const forth = document.dir === "rtl" ? box.right <= before.left + 1 : box.left >= before.right - 1;
	if (beside ? !forth : box.top < before.top) return who + "it stands before " + last.outerHTML.slice(0, 160);
	return "";
}`

// tabs presses Tab until the focus is where it shall be, and looks at every stop on the way.
func (p *Person) tabs(what string, there func(context.Context) (bool, error)) {
	p.t.Helper()
	p.within("get to "+what+" with the Tab key", func(ctx context.Context) error {
		for range mostTabs {
			if is, err := there(ctx); err != nil || is {
				return err
			}
			if err := p.page.Keys(ctx, bidi.Tab); err != nil {
				return err
			}
			var wrong string
			if err := p.page.Call(ctx, &wrong, stopped); err != nil {
				return err
			}
			if wrong != "" {
				return errors.New(wrong)
			}
		}
		return fmt.Errorf("not within %d times Tab", mostTabs)
	})
}

// tabsTo presses Tab until a control has the focus.
func (p *Person) tabsTo(role, name string) {
	p.t.Helper()
	p.tabs(fmt.Sprintf("%s %q", role, name), func(ctx context.Context) (bool, error) { return p.page.Focused(ctx, role, name) })
}

// tabsInto presses Tab until what a selector finds has the focus.
func (p *Person) tabsInto(selector string) {
	p.t.Helper()
	p.tabs(selector, func(ctx context.Context) (is bool, err error) {
		return is, p.page.Call(ctx, &is, `(selector) => document.activeElement.matches(selector)`, selector)
	})
}

// isAt waits until what a selector finds has the focus by itself.
func (p *Person) isAt(selector string) {
	p.t.Helper()
	p.await("find the focus on "+selector, `(selector) => document.activeElement.matches(selector)`, selector)
}

// hasFocus waits until a control has the focus by itself.
func (p *Person) hasFocus(role, name string) {
	p.t.Helper()
	p.within(fmt.Sprintf("find the focus on %s %q", role, name), func(ctx context.Context) error {
		for {
			focused, err := p.page.Focused(ctx, role, name)
			if err != nil || focused {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	})
}

// keys types to whatever has the focus.
func (p *Person) keys(text string) {
	p.t.Helper()
	p.within("type", func(ctx context.Context) error { return p.page.Keys(ctx, text) })
}

// tabsAndPresses gets to a button and presses Enter.
func (p *Person) tabsAndPresses(name string) {
	p.t.Helper()
	p.tabsTo("button", name)
	p.keys(bidi.Enter)
}

// A whole visit without a mouse and without a finger: join, admit, mute, chat, leave, come back, end. The focus is always seen, and is where
// somebody who can't see the screen expects it.
func TestKeyboardOnly(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0)
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	patient := chromium(t, 1, robin, bidi.Laptop)

	doctor.goTo(visit.link(t, drAda))
	doctor.reaches("check")
	doctor.tabsAndPresses("Join visit")
	doctor.reaches("visit")
	patient.goTo(visit.link(t, robin))
	patient.reaches("check")
	patient.tabsAndPresses("Join visit")
	patient.reaches("waiting")
	doctor.reads(robin)
	doctor.tabsAndPresses("Admit " + robin)
	patient.reaches("visit")
	doctor.meets(patient)

	patient.tabsAndPresses("Mute microphone")
	doctor.hearsNothingOf(patient.who)
	patient.hasFocus("button", "Unmute microphone")
	patient.keys(bidi.Enter)
	doctor.hears(patient)

	patient.tabsAndPresses("Chat")
	patient.hasFocus("textbox", "Write a message")
	patient.keys("Written with keys alone" + bidi.Enter)
	doctor.tabsAndPresses("Chat")
	doctor.reads("Written with keys alone")
	patient.keys(bidi.Escape)
	patient.hasFocus("button", "Chat")

	doctor.keys(bidi.Escape)
	doctor.tabsAndPresses("Who is here")
	doctor.tabsAndPresses("More for " + robin)
	doctor.tabsAndPresses("Move to waiting room")
	patient.reaches("waiting")
	doctor.hasFocus("heading", "Who is here")
	doctor.tabsAndPresses("Admit " + robin)
	patient.reaches("visit")

	patient.tabsAndPresses("Leave visit")
	patient.reaches("left")
	patient.tabsAndPresses("Come back to the visit")
	patient.reaches("visit")

	doctor.tabsAndPresses("End visit for everyone")
	doctor.hasFocus("button", "Stay in the visit")
	doctor.keys(bidi.Escape)
	doctor.hasFocus("button", "End visit for everyone")
	doctor.keys(bidi.Enter)
	doctor.tabsAndPresses("Yes, end it")
	doctor.reaches("ended")
	patient.reaches("ended")
	t.Log("MUST SHOW: join, admit, mute, chat, leave, come back and end with the keyboard alone, the focus always seen")
}
