package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// What a clinician does about people, in the words of the page. Whoever does it has opened what it is done in: the list of people, or a dialog.

// lists opens the list of people, unless it is open.
func (p *Person) lists() {
	p.t.Helper()
	p.opens("people", "people.title")
}

// chats opens the chat, unless it is open.
func (p *Person) chats() {
	p.t.Helper()
	p.opens("chat", "chat.title")
}

// opens opens a panel by the control with these words, unless it is open.
func (p *Person) opens(panel, key string) {
	p.t.Helper()
	var open bool
	p.within("look whether "+panel+" is open", func(ctx context.Context) error {
		return p.page.Call(ctx, &open, `(id) => document.getElementById(id).checkVisibility()`, panel)
	})
	if !open {
		p.taps(key)
	}
	p.shows("#" + panel)
}

// chooses opens somebody's choices in the list of people and makes one: pin, sign, lead, return, remove.
func (p *Person) chooses(name, choice string) {
	p.t.Helper()
	p.taps("people.more", "name", name)
	p.taps("people.do." + choice)
}

// admits lets somebody in who waits.
func (p *Person) admits(other *Person) {
	p.t.Helper()
	p.taps("knocking.admit", "name", other.name)
	other.reaches("visit")
}

// says writes a line in the chat, which is opened for it.
func (p *Person) says(text string) {
	p.t.Helper()
	p.chats()
	p.fills("#chat-text", text)
	p.taps("chat.send")
	p.reads(text)
}

// tells writes to whom the dialog for messages is open, and waits until the server has it.
func (p *Person) tells(text string) {
	p.t.Helper()
	p.fills("#tell-text", text)
	p.taps("tell.send")
	p.isSent(text)
}

// isSent waits until the dialog for messages says that a text was sent.
func (p *Person) isSent(text string) {
	p.t.Helper()
	sent, _, _ := strings.Cut(p.word("tell.sent"), "{") // what stands before the time
	p.await(fmt.Sprintf("have sent %q", text), `(sent, text) => [...document.querySelectorAll("#tell-sent > li")].some((each) =>
		each.textContent.startsWith(sent) && each.textContent.includes(text))`, sent, text)
}

// invites makes a link for somebody in the dialog that is open, and returns it.
func (p *Person) invites(name string) (link string) {
	p.t.Helper()
	p.fills("#invite-name", name)
	p.taps("invite.send")
	p.within("get a link", func(ctx context.Context) error {
		return p.page.Await(ctx, &link, `() => document.querySelector("#invite-done").checkVisibility() && document.querySelector("#invite-link").value`)
	})
	return link
}

// seesListed waits until the list of people says something of somebody, by a key of the catalogue: that they lead, sign, share.
func (p *Person) seesListed(name, key string) {
	p.t.Helper()
	if name == p.name {
		name = p.word("people.you", "name", name)
	}
	p.await(fmt.Sprintf("see %s of %s", key, name), `(name, state) => [...document.querySelectorAll("#people-list > li")].some((each) =>
		each.querySelector(".name").textContent === name && each.querySelector(".states").textContent.includes(state))`, name, p.word(key))
}

// isNoticed waits until the line above the pictures says something, by a key of the catalogue, and closes what it says before that.
func (p *Person) isNoticed(key string) {
	p.t.Helper()
	text := p.word(key)
	text = text[strings.LastIndex(text, "}")+1:] // what stands after the last place
	p.await("read "+key, `(text) => {
		const words = document.querySelector("#notice-words");
		if (!words.checkVisibility()) return false;
		if (words.textContent.endsWith(text)) return true;
		const close = document.querySelector("#notice-close");
		if (close.checkVisibility()) close.click();
		return false;
	}`, text)
}

// isAhead has this device's clock go ahead from the next page on, so that something has lasted long.
func (p *Person) isAhead(by time.Duration) {
	p.t.Helper()
	p.within("set the clock", func(ctx context.Context) error {
		return p.page.Preload(ctx, fmt.Sprintf(`() => { const right = Date.now; Date.now = () => right() + %d; }`, by.Milliseconds()))
	})
}
