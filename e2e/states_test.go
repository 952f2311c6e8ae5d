package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
	"housecall/e2e/stage"
)

// A state is one that a page can be in, and is looked at in: by axe, on a screen 320 pixels wide, and by whoever wants screenshots.
type state struct{ name, what string }

// visitStates are all states of the visit page. The stories below must pass through each of them in every language here.
var visitStates = []state{
	{"no-link", "the page's address without a link"},
	{"not-found", "a link that nobody has"},
	{"too-early", "the visit has not opened"},
	{"check-early", "trying camera, microphone and connection the day before"},
	{"too-early-tested", "and done with it"},
	{"too-early-late", "the visit has not opened, and will begin later than planned"},
	{"revoked", "the link was replaced before it was opened"},
	{"over", "the visit was cancelled"},
	{"gone", "the page of a visit, in a browser that has no session"},
	{"insecure", "an address without https"},
	{"unsupported", "a browser without video"},
	{"unloaded", "the page's scripts did not come"},
	{"opening", "the link is being looked up"},
	{"away", "the server does not answer"},
	{"asked-birth-date", "the date of birth is asked for"},
	{"birth-empty", "nothing was filled in"},
	{"birth-wrong", "it is not that date"},
	{"locked", "five wrong dates"},
	{"consent", "what the hospital asks to agree to"},
	{"consent-error", "agreeing without saying for whom"},
	{"consent-changed", "the text has changed while it was read"},
	{"not-agreed", "does not agree"},

	{"check-denied", "camera and microphone are refused"},
	{"check-missing", "there is neither camera nor microphone"},
	{"check", "before joining, with the own picture"},
	{"check-choices", "choosing camera, microphone and speaker"},
	{"check-works", "camera, microphone, speaker and connection, all tried"},
	{"check-unheard", "the speaker's sound was not heard"},
	{"check-blocked", "the network lets no sound and no picture through"},
	{"check-observer", "before joining, as somebody who only watches"},
	{"check-clinician", "before joining, as a clinician"},
	{"joining", "the server takes its time"},

	{"waiting", "in the waiting room"},
	{"left-unseen", "left before being let in"},
	{"visit-alone", "nobody else is in the visit"},
	{"knocking", "somebody waits, as the clinician sees it"},
	{"visit", "a clinician with a patient"},
	{"visit-patient", "the same, as the patient sees it"},
	{"camera-off", "somebody's camera is off"},
	{"muted", "everything of mine is off"},
	{"chat-empty", "the chat before anybody wrote"},
	{"chat", "the chat with lines of both"},
	{"chat-waiting", "a line that could not be sent yet"},
	{"note", "the clinician's note, saved"},
	{"note-waiting", "what is written while there is no connection"},
	{"note-changed", "another device of the clinician wrote, too"},
	{"toast", "a line of the chat comes while it is closed"},
	{"people", "who is here, with somebody who waits"},
	{"full", "ten people in the visit"},
	{"busy", "the visit is full"},
	{"crowded", "the link waits on three other devices"},
	{"reconnecting", "the connection was lost"},
	{"reconnecting-long", "and does not come back"},
	{"left", "left the visit"},
	{"left-clinician", "left the visit, as a clinician"},
	{"replaced", "came in on another device"},
	{"end-dialog", "is the visit to end for everyone?"},
	{"ended", "the visit has ended"},
	{"ended-unseen", "it ended before they were let in"},
	{"ended-clinician", "the clinician has ended it"},
	{"after", "how did it go?"},
	{"after-wrong", "a question is not answered"},
	{"after-thanks", "both are"},
	{"after-sign-in", "a clinician signs in to write on"},
	{"after-notes", "the note and the summary of a visit"},
	{"after-given", "the summary is given to the family"},
	{"after-summary", "which reads it"},
	{"after-signed", "the note is signed"},
	{"after-list", "a clinician's visits, with what is to be written of them"},
	{"revoked-removed", "the link was withdrawn in the visit"},
	{"declined", "the clinician could not let them in"},
	{"broken", "the server and the page do not understand each other"},

	{"waiting-late", "has waited for long"},
	{"waiting-behind", "the hospital runs late"},
	{"waiting-told", "was told something by the clinician"},
	{"waiting-blocked", "in line, though the network lets nothing through"},
	{"waiting-returned", "was moved back to the waiting room"},
	{"waiting-private", "a guardian outside, in private time"},
	{"waiting-device", "a clinician's second device"},
	{"waiting-lost", "the connection was lost while waiting"},
	{"waiting-lost-long", "and does not come back"},
	{"knocking-two", "two wait, as the clinician sees it"},
	{"knocking-more", "all about those who wait"},
	{"tell", "what is to be told to somebody who waits?"},
	{"tell-sent", "it was sent"},
	{"tell-all", "what is to be told to all who wait?"},
	{"sure-decline", "is somebody to be sent away?"},
	{"private-reminder", "is there to be private time?"},
	{"private", "private time, as the clinician sees it"},
	{"private-question", "can anybody hear the patient?"},
	{"private-answered", "the patient has answered"},
	{"private-signal", "the patient can't talk freely"},
	{"private-held", "those who can't be let in during private time"},
	{"private-chat", "the chat in private time"},
	{"people-menu", "what can be done about somebody in the visit"},
	{"visit-observer", "the visit, for somebody who only watches"},
	{"people-interpreter", "an interpreter says that they sign"},
	{"signing", "an interpreter who signs"},
	{"sure-remove", "is somebody to be shown out?"},
	{"sure-lead", "is a colleague to take over?"},
	{"sharing", "my screen is shown"},
	{"screen", "somebody's screen is shown"},
	{"view", "devices and view"},
	{"captions", "the chat as captions"},
	{"audio-only", "sound without pictures"},
	{"audio-only-other", "somebody else has no pictures"},
	{"invite", "inviting somebody"},
	{"invite-wrong", "inviting nobody"},
	{"invite-done", "the link of somebody who was just invited"},
	{"invite-family", "the same, as a family sees it on a phone"},
	{"leave-dialog", "what is to become of the visit?"},
	{"left-helper", "left the visit, as an interpreter"},
	{"removed", "the clinician has shown them out"},
	{"ended-helper", "it has ended, as an interpreter"},
}

// languages that the visit page is looked at in: those that HOUSECALL_TOUR names, with commas between, or the one that runs from right to left,
// where a page goes wrong that is right in English. `make tour` names three.
var languages = strings.Split(cmp.Or(os.Getenv("HOUSECALL_TOUR"), "ar"), ",")

// stories are what leads through the states of the visit page, each in a house of its own, one after the other: the windows of one are work enough.
var stories = []struct {
	name string
	tell []func(*tour)
}{
	{"people", []func(*tour){(*tour).withPeople}},
	{"visit", []func(*tour){(*tour).intoTheVisit}},
	{"outside", []func(*tour){(*tour).closedLinks, (*tour).troublesOnTheWay, (*tour).datesOfBirth, (*tour).consents, (*tour).withoutDevices, (*tour).onOneDeviceMore}},
	{"full", []func(*tour){(*tour).fullHouse}},
}

// TestStates goes through every state of the visit page.
func TestStates(t *testing.T) {
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			whole, told := &tour{t: t, words: catalogue(t, language)}, true
			for _, story := range stories {
				told = t.Run(story.name, func(t *testing.T) {
					here := newTour(t, language)
					for _, tell := range story.tell {
						tell(here)
					}
					whole.people = append(whole.people, here.people...)
				}) && told
			}
			if !told {
				return // not everything was to be seen
			}
			whole.complete(visitStates)
			whole.missesNothingOf(t)
		})
	}
}

// A tour leads people through the states of a page in one language.
type tour struct {
	*House
	t        *testing.T
	language string
	words    map[string]string // the catalogue
	people   []*Person
}

func newTour(t *testing.T, language string, options ...func(*server.Config)) *tour {
	t.Helper()
	options = append(options, func(c *server.Config) { c.Phone = "+1 617 555 0100" })
	return &tour{House: openHouse(t, options...), t: t, language: language, words: catalogue(t, language)}
}

// catalogue is what the pages say in a language.
func catalogue(t *testing.T, language string) (words map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../*/locales/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob("../*/*/locales/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, parts...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &words); err != nil {
			t.Fatal(err)
		}
	}
	return words
}

// takes somebody along, who reads the tour's language.
func (tour *tour) takes(p *Person) *Person {
	p.words = tour.words
	p.allows("410 to DELETE", "410 to GET", "status of 410") // the test of a connection may begin or end after the visit
	p.within("choose "+tour.language, func(ctx context.Context) error {
		return errors.Join(p.page.SetCookie(ctx, "localhost", "housecall_language", tour.language),
			p.page.SetCookie(ctx, stage.Address.String(), "housecall_language", tour.language))
	})
	tour.people = append(tour.people, p)
	return p
}

// complete fails the test for states of the list that nobody examined, and for examined ones that are not in the list.
func (tour *tour) complete(list []state) {
	tour.t.Helper()
	var examined []string
	for _, p := range tour.people {
		examined = append(examined, p.examined...)
	}
	for _, each := range list {
		if !slices.Contains(examined, each.name) {
			tour.t.Errorf("nobody has seen %s (%s)", each.name, each.what)
		}
	}
	for _, name := range examined {
		if !slices.ContainsFunc(list, func(each state) bool { return each.name == name }) {
			tour.t.Errorf("%s is not in the list of states", name)
		}
	}
}

// missesNothingOf fails the test if some screen, panel, dialog or closing word of the visit page was not on the screen in any state.
func (tour *tour) missesNothingOf(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile("../static/visit.html")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range tour.people {
		for part := range p.parts {
			seen[part] = true
		}
	}
	for _, pattern := range []string{`data-screen="([a-z-]+)"`, `<dialog id="([a-z-]+)"`, `<aside [^>]*id="([a-z-]+)"`} {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(page), -1) {
			if !seen[found[1]] {
				t.Errorf("nobody has seen %s", found[0])
			}
		}
	}
	for key := range tour.words {
		parts := strings.Split(key, ".")
		if parts[0] != "message" || parts[len(parts)-1] != "title" {
			continue
		}
		name := strings.Join(parts[1:len(parts)-1], "-")
		if !slices.ContainsFunc(visitStates, func(each state) bool { return each.name == name }) {
			t.Errorf("the list of states lacks %s, which the catalogue has words for", name)
		}
	}
}

// word is a text of the catalogue that this person reads, with its places filled in (name, value, name, value …).
func (p *Person) word(key string, values ...string) string {
	p.t.Helper()
	if p.words == nil {
		p.words = catalogue(p.t, "en")
	}
	text, ok := p.words[key]
	if !ok {
		text = key // as the page does; the catalogues' own test finds it
	}
	for i := 0; i+1 < len(values); i += 2 {
		value := values[i+1]
		if p.words["language.direction"] == "rtl" {
			value = "\u2068" + value + "\u2069" // a name that runs the other way is kept apart
		}
		text = strings.ReplaceAll(text, "{"+values[i]+"}", value)
	}
	return text
}

// taps presses the button with these words.
func (p *Person) taps(key string, values ...string) {
	p.t.Helper()
	p.press("button", p.word(key, values...))
}

// shows waits until something is to be seen that a selector finds.
func (p *Person) shows(selector string) {
	p.t.Helper()
	p.await("show "+selector, `(selector) => [...document.querySelectorAll(selector)].some((each) => each.checkVisibility({visibilityProperty: true}))`, selector)
}

// fills puts text into the field that a selector finds, in place of what it holds.
func (p *Person) fills(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("fill in %s", selector), `(selector, text) => {
		const field = document.querySelector(selector);
		if (!field?.checkVisibility()) return false;
		field.value = text;
		field.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	}`, selector, text)
}
