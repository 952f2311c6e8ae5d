package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
	"housecall/e2e/stage"
	"housecall/platform/store"
	"housecall/static"
)

// closedLinks opens every kind of link that leads nowhere.
func (tour *tour) closedLinks() {
	t, h := tour.t, tour.House
	p := tour.takes(chromium(t, 1, robin, bidi.Phone))
	p.allows("status of 404", "404 to", "status of 410", "410 to POST", "status of 425", "425 to POST")
	at := func(url, state string) {
		t.Helper()
		p.goTo(url)
		p.reaches(state)
		p.examine(state)
	}
	at(h.url+"/v", "no-link")
	at(h.url+"/v#AAAAAAAAAAAAAAAAAAAAAA", "not-found")
	early := h.book(26 * time.Hour)
	at(early.link(t, robin), "too-early")
	p.taps("early.test")
	p.reaches("check-early")
	p.await("have measured the line", `() => document.querySelector("#check-works [data-kind=line]")?.dataset.works === "ok"`)
	p.examine("check-early")
	p.taps("early.done")
	p.reaches("too-early")
	p.shows("#message-said:not(:empty)")
	p.examine("too-early-tested")
	behind := h.book(45 * time.Minute)
	tour.runsLate(behind)
	at(behind.link(t, robin), "too-early")
	p.shows("#message-late:not(:empty)")
	p.examine("too-early-late")
	open := h.book(5 * time.Minute)
	tour.runsLate(open)
	p.arrives(open.link(t, robin), "waiting")
	p.shows("#waiting-late:not(:empty)")
	p.examine("waiting-behind")
	replaced := h.book(0)
	h.api(http.MethodPost, "/api/v1/visits/"+replaced.ID+"/invitations/"+replaced.invited(t, robin)+"/resend",
		map[string]any{"new_link": true}, nil)
	at(replaced.link(t, robin), "revoked")
	cancelled := h.book(0)
	h.api(http.MethodDelete, "/api/v1/visits/"+cancelled.ID, nil, nil)
	at(cancelled.link(t, robin), "over")
	p.await("keep no code in the address", `() => !location.href.includes("#")`)
	stranger := tour.takes(p.device(bidi.Phone))
	stranger.allows(p.allowed...)
	stranger.goTo(h.url + "/v/" + replaced.ID + "/")
	stranger.reaches("gone")
	stranger.examine("gone")
	at(strings.Replace(h.url, "localhost", stage.Address.String(), 1)+"/v", "insecure")
}

// runsLate has people told that a visit begins later.
func (tour *tour) runsLate(v Booked) {
	tour.t.Helper()
	scheduler := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	if _, err := tour.server.Reminders.Late(tour.t.Context(), scheduler, v.ID, 20); err != nil {
		tour.t.Fatal(err)
	}
}

// troublesOnTheWay meets what can go wrong before the server has answered, or because of the browser.
func (tour *tour) troublesOnTheWay() {
	t, h := tour.t, tour.House
	p := tour.takes(chromium(t, 1, robin, bidi.Phone))
	p.allows("ERR_FAILED")
	link := h.book(0).link(t, robin)
	asked := p.holdsBack("/api/v1/join")
	p.goTo(link)
	held := asked()
	p.reaches("opening")
	p.examine("opening")
	p.within("lose the network", held.Fail)
	p.reaches("away")
	p.examine("away")

	p = tour.takes(p.device(bidi.Phone))
	p.allows("ERR_FAILED")
	asked = p.holdsBack(static.Path("js/visit.js"))
	p.within("begin to open the link", func(ctx context.Context) error { return p.page.Begin(ctx, link) })
	held = asked()
	p.within("lose the network", held.Fail)
	p.reaches("unloaded")
	p.examine("unloaded")

	p = tour.takes(p.device(bidi.Phone))
	p.within("have an old browser", func(ctx context.Context) error {
		return p.page.Preload(ctx, `() => { window.RTCPeerConnection = undefined; }`)
	})
	p.goTo(link)
	p.reaches("unsupported")
	p.examine("unsupported")
}

// holdsBack keeps requests for a path from leaving the browser; what it returns waits for the first.
func (p *Person) holdsBack(path string) func() bidi.Blocked {
	p.t.Helper()
	var first <-chan bidi.Blocked
	p.within("hold back "+path, func(ctx context.Context) (err error) {
		first, err = p.page.Block(ctx, path)
		return err
	})
	return func() (held bidi.Blocked) {
		p.t.Helper()
		p.within("ask for "+path, func(ctx context.Context) error {
			select {
			case held = <-first:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		return held
	}
}

// datesOfBirth is asked for one, and locked out.
func (tour *tour) datesOfBirth() {
	t, h := tour.t, tour.House
	p := tour.takes(chromium(t, 1, robin, bidi.Phone))
	p.allows("status of 403", "403 to POST", "status of 423", "423 to POST")
	p.goTo(h.bookAsking("2012-05-31", 0).link(t, robin))
	p.reaches("asked-birth-date")
	p.examine("asked-birth-date")
	p.taps("birth.send")
	p.shows("#birth-error:not(:empty)")
	p.examine("birth-empty")
	for i := range 5 {
		before := p.said403()
		p.fills("#birth-day", "1")
		p.fills("#birth-month", "1")
		p.fills("#birth-year", "2011")
		p.taps("birth.send")
		p.until("be told", func() bool { return p.said403() > before })
		if i == 0 {
			p.shows("#birth-error:not(:empty)")
			p.examine("birth-wrong")
		}
	}
	p.reaches("locked")
	p.examine("locked")
}

// said403 counts the refusals of a date.
func (p *Person) said403() (n int) {
	for _, problem := range p.page.Problems() {
		if strings.Contains(problem, "403 to POST") || strings.Contains(problem, "423 to POST") {
			n++
		}
	}
	return n
}

// consents reads what the hospital asks to agree to, does not agree, and agrees.
func (tour *tour) consents() {
	t := tour.t
	h := openHouse(t, withConsent(t))
	p := tour.takes(chromium(t, 1, robin, bidi.Phone))
	p.allows("status of 409", "409 to POST")
	visit := h.book(0)
	p.goTo(visit.link(t, robin))
	p.reaches("consent")
	p.reads("Care by video")
	p.examine("consent")
	p.taps("consent.agree")
	p.shows("#consent-error:not(:empty)")
	p.examine("consent-error")
	p.taps("consent.decline")
	p.reaches("not-agreed")
	p.examine("not-agreed")
	p.taps("action.read")
	p.reaches("consent")
	p.reads("Care by video")
	asked := p.holdsBack("/v/" + visit.ID + "/consent")
	p.await("choose", `() => { const self = document.querySelector("#consent-self"); self.click(); return self.checked; }`)
	p.taps("consent.agree")
	held := asked()
	p.within("learn that the text has changed", func(ctx context.Context) error {
		return held.Answer(ctx, http.StatusConflict, `{"code": "conflict"}`)
	})
	p.shows("#consent-changed")
	p.examine("consent-changed")
}

// withConsent has a house ask families for consent.
func withConsent(t *testing.T) func(*server.Config) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "1")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# Care by video\n\nThe clinician sees and hears you.\n\n- Nothing is recorded.\n- You may stop at any time.\n"
	if err := os.WriteFile(filepath.Join(dir, "en.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Consent = filepath.Dir(dir) }
}

// withoutDevices comes to the device check where camera and microphone are refused, and where there are none.
func (tour *tour) withoutDevices() {
	for _, c := range []struct {
		state   string
		devices bidi.Devices
	}{{"check-denied", bidi.Denied}, {"check-missing", bidi.Missing}} {
		p := tour.takes(seat(tour.t, 1, robin, bidi.Phone, "Chromium", c.devices))
		p.goTo(tour.book(0).link(tour.t, robin))
		p.reaches("check")
		p.taps("check.join")
		p.shows("#check-faults .notice")
		p.examine(c.state)
	}
}

// onOneDeviceMore opens a link with which three devices wait already.
func (tour *tour) onOneDeviceMore() {
	visit := tour.book(0)
	for range 3 {
		tour.comes(visit, robin)
	}
	p := tour.takes(chromium(tour.t, 1, robin, bidi.Phone))
	p.arrives(visit.link(tour.t, robin), "crowded")
	p.examine("crowded")
}
