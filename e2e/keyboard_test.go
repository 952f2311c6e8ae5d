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

// tabsTo presses Tab until a control has the focus, and can be seen to have it.
func (p *Person) tabsTo(role, name string) {
	p.t.Helper()
	p.within(fmt.Sprintf("get to %s %q with the Tab key", role, name), func(ctx context.Context) error {
		for range mostTabs {
			focused, seen, err := p.page.Focused(ctx, role, name)
			switch {
			case err != nil:
				return err
			case focused && !seen:
				return errors.New("nobody sees that it has the focus")
			case focused:
				return nil
			}
			if err := p.page.Keys(ctx, bidi.Tab); err != nil {
				return err
			}
		}
		return fmt.Errorf("not within %d times Tab", mostTabs)
	})
}

// hasFocus waits until a control has the focus by itself.
func (p *Person) hasFocus(role, name string) {
	p.t.Helper()
	p.within(fmt.Sprintf("find the focus on %s %q", role, name), func(ctx context.Context) error {
		for {
			focused, _, err := p.page.Focused(ctx, role, name)
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
