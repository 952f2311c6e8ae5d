package bidi

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
)

// Page is one window of a browser.
type Page struct {
	browser     *Browser
	context     string
	userContext string
	touch       bool
}

// Browser is the one this page is a window of.
func (p *Page) Browser() *Browser { return p.browser }

// Close closes the window and all others that share its cookies, and forgets these.
func (p *Page) Close(ctx context.Context) error {
	err := p.browser.conn.command(ctx, "browser.removeUserContext", map[string]string{"userContext": p.userContext}, nil)
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	delete(p.browser.reports, p.context)
	delete(p.browser.problems, p.context)
	return err
}

// Crash has the page's renderer die, as a phone ends a page whose memory it needs (Chromium only). Reload brings it back.
func (p *Page) Crash(ctx context.Context) error {
	session, err := p.devToolsSession(ctx)
	if err != nil {
		return err
	}
	// Nobody is left to answer.
	return p.browser.conn.send("goog:cdp.sendCommand", map[string]any{"method": "Page.crash", "params": struct{}{}, "session": session})
}

// Reports are the strings the preload script has sent from this page so far, oldest first.
func (p *Page) Reports() []string {
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	return slices.Clone(p.browser.reports[p.context])
}

// Problems are this page's console errors, uncaught exceptions and failed requests so far, one line each, oldest first.
func (p *Page) Problems() []string {
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	return slices.Clone(p.browser.problems[p.context])
}

// Navigate goes to url and returns when the page has loaded.
func (p *Page) Navigate(ctx context.Context, url string) error {
	return p.browser.conn.command(ctx, "browsingContext.navigate",
		map[string]any{"context": p.context, "url": url, "wait": "complete"}, nil)
}

// SetCookie gives this window, and all that share its cookies, a cookie of a host's.
func (p *Page) SetCookie(ctx context.Context, host, name, value string) error {
	return p.browser.conn.command(ctx, "storage.setCookie", map[string]any{
		"cookie":    map[string]any{"name": name, "value": map[string]string{"type": "string", "value": value}, "domain": host, "path": "/"},
		"partition": map[string]string{"type": "storageKey", "userContext": p.userContext},
	}, nil)
}

// Activate brings the window to the front: Firefox gives a camera to no other.
func (p *Page) Activate(ctx context.Context) error {
	return p.browser.conn.command(ctx, "browsingContext.activate", map[string]string{"context": p.context}, nil)
}

// Begin goes to url without waiting until the page is there.
func (p *Page) Begin(ctx context.Context, url string) error {
	return p.browser.conn.command(ctx, "browsingContext.navigate", map[string]any{"context": p.context, "url": url, "wait": "none"}, nil)
}

// Reload loads the page anew, as the reader's reload button does.
func (p *Page) Reload(ctx context.Context) error {
	return p.browser.conn.command(ctx, "browsingContext.reload", map[string]any{"context": p.context, "wait": "complete"}, nil)
}

// Screen is what a page is shown on; sizes are CSS pixels.
type Screen struct {
	Width, Height int
	PixelRatio    float64
	Touch         bool // a finger, no mouse; Chromium also lays the page out as phones do
	Dark          bool // the reader prefers dark pages; Chromium only
}

// The two screens every page is looked at on.
var (
	Phone  = Screen{Width: 390, Height: 844, PixelRatio: 3, Touch: true}
	Laptop = Screen{Width: 1440, Height: 900, PixelRatio: 1}
)

// Show puts the page on a screen. Whether it is touched or clicked follows from the screen.
func (p *Page) Show(ctx context.Context, s Screen) error {
	p.touch = s.Touch
	if p.browser.name == "Chromium" {
		return p.showChromium(ctx, s)
	}
	return p.browser.conn.command(ctx, "browsingContext.setViewport", map[string]any{
		"context":          p.context,
		"viewport":         map[string]int{"width": s.Width, "height": s.Height},
		"devicePixelRatio": s.PixelRatio,
	}, nil)
}

// showChromium goes through the DevTools protocol, because BiDi has no word for a phone's way of laying out pages.
func (p *Page) showChromium(ctx context.Context, s Screen) error {
	touches := 1
	if s.Touch {
		touches = 5
	}
	if err := p.devTools(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{
		"width": s.Width, "height": s.Height, "deviceScaleFactor": s.PixelRatio, "mobile": s.Touch,
	}); err != nil {
		return err
	}
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	if err := p.devTools(ctx, "Emulation.setEmulatedMedia", map[string]any{
		"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}},
	}); err != nil {
		return err
	}
	return p.devTools(ctx, "Emulation.setTouchEmulationEnabled", map[string]any{"enabled": s.Touch, "maxTouchPoints": touches})
}

// devTools sends one command of the Chrome DevTools protocol to this page.
func (p *Page) devTools(ctx context.Context, method string, params any) error {
	session, err := p.devToolsSession(ctx)
	if err != nil {
		return err
	}
	return p.browser.conn.command(ctx, "goog:cdp.sendCommand", map[string]any{"method": method, "params": params, "session": session}, nil)
}

func (p *Page) devToolsSession(ctx context.Context) (string, error) {
	var got struct{ Session string }
	err := p.browser.conn.command(ctx, "goog:cdp.getSession", map[string]any{"context": p.context}, &got)
	return got.Session, err
}

// Box is a part of the window, in CSS pixels from its upper left corner.
type Box struct{ X, Y, Width, Height float64 }

// Screenshot is a part of what the window shows now, as PNG; box nil: the whole page, what it takes scrolling to see too.
func (p *Page) Screenshot(ctx context.Context, box *Box) ([]byte, error) {
	params := map[string]any{"context": p.context, "origin": "document"}
	if box != nil {
		params["origin"] = "viewport"
		params["clip"] = map[string]any{"type": "box", "x": box.X, "y": box.Y, "width": box.Width, "height": box.Height}
	}
	var shot struct{ Data string }
	if err := p.browser.conn.command(ctx, "browsingContext.captureScreenshot", params, &shot); err != nil {
		return nil, err
	}
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	return png, nil
}

// Grant gives pages of an origin permissions without asking.
func (p *Page) Grant(ctx context.Context, origin string, names ...string) error {
	for _, name := range names {
		err := p.browser.conn.command(ctx, "permissions.setPermission", map[string]any{
			"descriptor": map[string]string{"name": name}, "state": "granted", "origin": origin, "userContext": p.userContext,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}
