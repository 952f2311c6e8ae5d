package e2e

import (
	_ "embed"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"housecall/e2e/bidi"
	"housecall/e2e/stage"
)

//go:embed harness.html
var harness []byte

// harnessPage serves a page whose two peer connections send camera and microphone to each other.
func harnessPage(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(stage.Address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Write(harness)
	}))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// The proofs of picture and tone must work in both browsers, and must fail when there is no picture or no tone.
func TestHarness(t *testing.T) {
	for _, c := range []struct {
		name   string
		launch launcher
		screen bidi.Screen
	}{
		{"Chromium", bidi.Chromium, bidi.Phone},
		{"Firefox", bidi.Firefox, bidi.Laptop},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := harnessPage(t)
			p := seat(t, 1, c.screen, c.launch, bidi.Options{Origins: []string{url}})
			p.goTo(url)
			p.press("button", "Start")
			p.await("see", `() => document.querySelector("#remote").videoWidth > 0`)
			p.shoot("started")
		})
	}
}
