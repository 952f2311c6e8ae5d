package bidi

import (
	"context"
	"encoding/base64"
	"fmt"
)

// Page is one window of a browser.
type Page struct {
	browser *Browser
	context string
	touch   bool
}

// Browser is the one this page is a window of.
func (p *Page) Browser() *Browser { return p.browser }

// Navigate goes to url and returns when the page has loaded.
func (p *Page) Navigate(ctx context.Context, url string) error {
	return p.browser.conn.command(ctx, "browsingContext.navigate",
		map[string]any{"context": p.context, "url": url, "wait": "complete"}, nil)
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
	var got struct{ Session string }
	if err := p.browser.conn.command(ctx, "goog:cdp.getSession", map[string]any{"context": p.context}, &got); err != nil {
		return err
	}
	return p.browser.conn.command(ctx, "goog:cdp.sendCommand",
		map[string]any{"method": method, "params": params, "session": got.Session}, nil)
}

// Box is a part of the window, in CSS pixels from its upper left corner.
type Box struct{ X, Y, Width, Height float64 }

// Screenshot is what the window shows now, as PNG; box nil: all of it.
func (p *Page) Screenshot(ctx context.Context, box *Box) ([]byte, error) {
	params := map[string]any{"context": p.context}
	if box != nil {
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
