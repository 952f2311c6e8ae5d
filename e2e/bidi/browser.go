package bidi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Options says how a browser is started. Dir must be empty and is the browser's alone: profile and logs go there.
type Options struct {
	Dir     string
	Camera  string   // Chromium: a y4m file shown by the fake camera; Firefox has a picture of its own
	Tone    string   // Chromium: a wav file played by the fake microphone
	ToneHz  int      // Firefox: frequency of its fake microphone
	Env     []string // laid over the environment
	Preload string   // a function run in every page before its own scripts, with one argument: a function that sends a string to Reports
	Devices Devices
	// Localhost is the address this browser takes for localhost, so that a server can tell browsers apart. Chromium only.
	Localhost netip.Addr
	// Network is a network namespace to start the browser in, where it is spoken to at Control. Chromium only.
	Network string
	Control netip.Addr
	// Hosts are names and their addresses, as Chromium's --host-resolver-rules has them; Trusted is the SHA-256 (base64) of the public key of a
	// certificate that the browser takes for good, in pages and elsewhere. Chromium only.
	Hosts, Trusted string
}

// Devices says what happens when a page asks for camera and microphone.
type Devices int

const (
	Allowed Devices = iota // both exist and permission is given
	Denied                 // both exist and permission is refused
	Missing                // there is neither
	Sharing                // as Allowed; whoever shares a screen shows the window called SharedTitle, with its sound. Chromium only.
)

// SharedTitle is the title of the window that is shown when a browser of Sharing shares a screen.
const SharedTitle = "The screen to share"

// Browser is one running browser with one websocket to it. Its methods may be called from any goroutine.
type Browser struct {
	name    string
	conn    *conn
	stop    func() error
	process *process

	mu       sync.Mutex
	reports  map[string][]string // by the context of a page; so are problems
	problems map[string][]string
	blocked  map[string]chan Blocked
}

// newBrowser is one whose process has been started, and no more.
func newBrowser(name string, p *process) *Browser {
	return &Browser{name: name, process: p, stop: func() error { return nil },
		reports: map[string][]string{}, problems: map[string][]string{}, blocked: map[string]chan Blocked{}}
}

// channel names the one way by which a preload script reports to us.
const channel = "bidi-reports"

// Name is "Chromium" or "Firefox".
func (b *Browser) Name() string { return b.name }

// Close ends the browser and everything it started. It may be called on a browser that has died.
func (b *Browser) Close() error {
	err := b.stop()
	if b.conn != nil {
		b.conn.close()
	}
	if killErr := b.process.kill(); err == nil {
		err = killErr
	}
	return err
}

// prepare subscribes to what a test wants to hear and installs the preload script.
func (b *Browser) prepare(ctx context.Context, preload string) error {
	events := []string{"log.entryAdded", "script.message", "network.responseCompleted", "network.fetchError", "network.beforeRequestSent"}
	if err := b.conn.command(ctx, "session.subscribe", map[string]any{"events": events}, nil); err != nil {
		return err
	}
	if preload == "" {
		return nil
	}
	return b.conn.command(ctx, "script.addPreloadScript", map[string]any{
		"functionDeclaration": preload,
		"arguments":           []any{map[string]any{"type": "channel", "value": map[string]any{"channel": channel}}},
	}, nil)
}

func (b *Browser) event(method string, params json.RawMessage) {
	switch method {
	case "script.message":
		var m struct {
			Channel string `json:"channel"`
			Data    struct {
				Value string `json:"value"`
			} `json:"data"`
			Source source
		}
		if json.Unmarshal(params, &m) == nil && m.Channel == channel {
			b.mu.Lock()
			b.reports[m.Source.Context] = append(b.reports[m.Source.Context], m.Data.Value)
			b.mu.Unlock()
		}
	case "network.beforeRequestSent":
		b.requestBlocked(params)
	case "log.entryAdded":
		var m struct {
			Level, Text string
			Source      source
		}
		if json.Unmarshal(params, &m) == nil && m.Level == "error" {
			b.problem(m.Source.Context, "console: "+m.Text)
		}
	case "network.responseCompleted":
		var m struct {
			Context  string
			Request  struct{ Method, URL string }
			Response struct{ Status int }
		}
		if json.Unmarshal(params, &m) == nil && m.Response.Status >= 400 {
			b.problem(m.Context, fmt.Sprintf("response: %d to %s %s", m.Response.Status, m.Request.Method, m.Request.URL))
		}
	case "network.fetchError":
		var m struct {
			Context   string
			Request   struct{ Method, URL string }
			ErrorText string
		}
		// A page may well give up a request of its own.
		if json.Unmarshal(params, &m) == nil && !strings.HasSuffix(m.ErrorText, "_ABORTED") {
			b.problem(m.Context, fmt.Sprintf("request: %s: %s %s", m.ErrorText, m.Request.Method, m.Request.URL))
		}
	}
}

// source says which page an event comes from.
type source struct{ Context string }

func (b *Browser) problem(page, line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems[page] = append(b.problems[page], line)
}

// Open makes a window with cookies and storage of its own, as on a device of its own, and returns its page.
func (b *Browser) Open(ctx context.Context) (*Page, error) {
	var made struct{ UserContext string }
	if err := b.conn.command(ctx, "browser.createUserContext", nil, &made); err != nil {
		return nil, err
	}
	return b.openIn(ctx, made.UserContext)
}

// Beside makes another window with the same cookies and storage.
func (p *Page) Beside(ctx context.Context) (*Page, error) {
	return p.browser.openIn(ctx, p.userContext)
}

func (b *Browser) openIn(ctx context.Context, userContext string) (*Page, error) {
	var made struct{ Context string }
	err := b.conn.command(ctx, "browsingContext.create", map[string]any{"type": "window", "userContext": userContext}, &made)
	if err != nil {
		return nil, err
	}
	return &Page{browser: b, context: made.Context, userContext: userContext}, nil
}

// startWithin bounds the start of a browser; with three others busy beside it, one took over a minute here.
const startWithin = 2 * time.Minute
