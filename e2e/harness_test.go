package e2e

import (
	"context"
	_ "embed"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"housecall/e2e/bidi"
)

//go:embed harness.html
var harness []byte

// harnessPage serves a page whose two peer connections send camera and microphone to each other.
func harnessPage(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
			w.Write(harness)
		case "/echo":
			echo(w, r)
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	_ = server.Listener.Close()
	var err error
	if server.Listener, err = net.Listen("tcp", ":0"); err != nil { // every address: each Chromium has another localhost
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port // which browsers trust with a camera
}

// echo says back the first message of a websocket.
func echo(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer conn.Close()
	if kind, message, err := conn.ReadMessage(); err == nil {
		_ = conn.WriteMessage(kind, message) // the test misses it if it fails
	}
	_, _, _ = conn.ReadMessage() // until the page closes
}

// The proofs of picture and tone must work in both browsers, and must fail when there is no picture or no tone.
func TestHarness(t *testing.T) {
	for _, c := range []struct {
		browser string
		screen  bidi.Screen
	}{
		{"Chromium", bidi.Phone},
		{"Firefox", bidi.Laptop},
	} {
		t.Run(c.browser, func(t *testing.T) {
			t.Parallel()
			url := harnessPage(t)
			p := seat(t, 1, "", c.screen, c.browser, bidi.Allowed)
			p.goTo(url)
			p.press("button", "Start")
			const remote = `document.querySelector("#remote")`
			p.sees(p, remote)
			p.hears(p)
			p.hearsNothingOf(2)

			p.press("button", "Mute")
			p.hearsNothingOf(1)
			p.press("button", "Mute")
			p.hears(p)

			p.press("button", "Black")
			p.seesNobody(remote)
			p.press("button", "Black")
			p.sees(p, remote)

			p.typeIn("textbox", "Words", "Grüß dich")
			p.await("have typed", `() => document.querySelector("#words").value === "Grüß dich"`)
			p.await("be on the screen asked for", `(s) => innerWidth === s.Width && innerHeight === s.Height && devicePixelRatio === s.PixelRatio
				&& matchMedia("(pointer: coarse)").matches === s.Touch`, c.screen)
			p.misbehaves(url)
			p.looksBad()
		})
	}
}

// misbehaves has the page do everything wrong that a page can; all of it must come to light, and so must every word on its websockets.
func (p *Person) misbehaves(url string) {
	p.t.Helper()
	p.press("button", "Misbehave")
	p.await("finish misbehaving", `() => document.title === "Done"`)
	p.allowed = []string{"said to the console", "thrown by the page", "404 to GET " + url + "/missing", "elsewhere.invalid",
		"the server responded with a status of 404"}
	p.until("be noticed in everything", func() bool {
		seen := strings.Join(p.troubles(), "\n")
		return !slices.ContainsFunc(p.allowed[:4], func(wanted string) bool { return !strings.Contains(seen, wanted) })
	})
	words := []string{"words on a socket"}
	p.until("be overheard", func() bool {
		return slices.Equal(p.notes("sent"), words) && slices.Equal(p.notes("received"), words)
	})
	p.until("be seen breaking the policy", func() bool {
		got := p.notes("csp")
		return len(got) == 1 && strings.HasPrefix(got[0], "img-src refused https://elsewhere.invalid")
	})
}

// looksBad puts a button without words and something wide into the page; both must come to light.
func (p *Person) looksBad() {
	p.t.Helper()
	p.await("make the page bad", `() => {
		document.body.append(document.createElement("button"), "long".repeat(1000));
		return true;
	}`)
	p.within("look at the page", func(ctx context.Context) error {
		broken, err := p.breaks(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(broken, func(v violation) bool { return v.ID == "button-name" && v.Impact == "critical" }) {
			p.t.Errorf("axe found only %v", broken)
		}
		var sideways []string
		if err := p.page.Call(ctx, &sideways, wide); err != nil {
			return err
		}
		if len(sideways) == 0 {
			p.t.Error("nothing was found too wide")
		}
		return nil
	})
}
