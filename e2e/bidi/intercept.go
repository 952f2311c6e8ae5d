package bidi

import (
	"context"
	"encoding/json"
	"net/http"
)

// A Blocked request waits at the browser's edge until it is let go.
type Blocked struct {
	browser   *Browser
	intercept string
	id        string
}

// Block keeps this page's requests for a path, such as "/api/v1/join", from leaving. The first one comes over the channel.
func (p *Page) Block(ctx context.Context, path string) (<-chan Blocked, error) {
	first := make(chan Blocked, 1)
	p.browser.mu.Lock()
	p.browser.blocked[p.context] = first
	p.browser.mu.Unlock()
	return first, p.browser.conn.command(ctx, "network.addIntercept", map[string]any{
		"phases": []string{"beforeRequestSent"}, "contexts": []string{p.context},
		"urlPatterns": []any{map[string]string{"type": "pattern", "pathname": path}},
	}, nil)
}

// Fail ends the request as if the network were gone.
func (r Blocked) Fail(ctx context.Context) error {
	return r.browser.conn.command(ctx, "network.failRequest", map[string]string{"request": r.id}, nil)
}

// Answer gives the request an answer in place of the server's, and lets those after it go.
func (r Blocked) Answer(ctx context.Context, status int, body string) error {
	if err := r.browser.conn.command(ctx, "network.removeIntercept", map[string]string{"intercept": r.intercept}, nil); err != nil {
		return err
	}
	return r.browser.conn.command(ctx, "network.provideResponse", map[string]any{
		"request": r.id, "statusCode": status, "reasonPhrase": http.StatusText(status),
		"headers": []any{map[string]any{"name": "Content-Type", "value": map[string]string{"type": "string", "value": "application/json"}}},
		"body":    map[string]string{"type": "string", "value": body},
	}, nil)
}

// requestBlocked hands on a request that waits.
func (b *Browser) requestBlocked(params json.RawMessage) {
	var m struct {
		Context    string
		Intercepts []string
		Request    struct{ Request string }
	}
	if json.Unmarshal(params, &m) != nil || len(m.Intercepts) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.blocked[m.Context] <- Blocked{browser: b, intercept: m.Intercepts[0], id: m.Request.Request}:
	default: // nobody waits for a second one
	}
}

// Preload runs a function, without arguments, in this page before its own scripts from the next page on.
func (p *Page) Preload(ctx context.Context, function string) error {
	return p.browser.conn.command(ctx, "script.addPreloadScript",
		map[string]any{"functionDeclaration": function, "contexts": []string{p.context}}, nil)
}
