package bidi

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// keys that have no character of their own (https://w3c.github.io/webdriver/#keyboard-actions).
const (
	Enter     = "\uE007"
	Tab       = "\uE004"
	Escape    = "\uE00C"
	Backspace = "\uE003"
	Delete    = "\uE017"
	Down      = "\uE015"
)

// find returns the shared ids of the elements with this role and accessible name ("" for either: any).
func (p *Page) find(ctx context.Context, role, name string) ([]string, error) {
	if p.browser.name == "Firefox" {
		return p.findNamed(ctx, role, name)
	}
	value := map[string]string{}
	if role != "" {
		value["role"] = role
	}
	if name != "" {
		value["name"] = name
	}
	var found struct {
		Nodes []struct {
			SharedID string `json:"sharedId"`
		}
	}
	err := p.browser.conn.command(ctx, "browsingContext.locateNodes", map[string]any{
		"context": p.context, "locator": map[string]any{"type": "accessibility", "value": value},
	}, &found)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(found.Nodes))
	for _, node := range found.Nodes {
		ids = append(ids, node.SharedID)
	}
	return ids, nil
}

// actionable tells what still keeps a person from pressing the element: "" when nothing does.
const actionable = `async (node) => {
	if (!node.isConnected) return "not in the page";
	if (!node.checkVisibility({visibilityProperty: true})) return "not visible";
	if (node.disabled || node.getAttribute("aria-disabled") === "true") return "disabled";
	node.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"}); // clear of bars that stick to an edge
	const before = node.getBoundingClientRect();
	await new Promise((next) => setTimeout(next, 50));
	const box = node.getBoundingClientRect();
	if (box.x !== before.x || box.y !== before.y || box.width !== before.width || box.height !== before.height) return "moving";
	if (box.width < 1 || box.height < 1) return "without size";
	const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
	if (hit === null) return "outside the window";
	for (let at = hit; at; at = at.parentNode ?? at.host) if (at === node) return "";
	if (node.labels && [...node.labels].some((label) => label.contains(hit))) return "";
	return "covered by " + hit.outerHTML.slice(0, 120);
}`

// control waits until exactly one element with this role and accessible name can be pressed, and returns its shared id.
func (p *Page) control(ctx context.Context, role, name string) (string, error) {
	last := "never found"
	for {
		ids, err := p.find(ctx, role, name)
		var ready, reasons []string
		for _, id := range ids {
			var reason string
			if callErr := p.call(ctx, &reason, actionable, id); callErr != nil {
				reason = callErr.Error()
			}
			if reason == "" {
				ready = append(ready, id)
			} else {
				reasons = append(reasons, reason)
			}
		}
		switch {
		case ctx.Err() != nil: // first: of several that were ready, time may have come to ask only one
			return "", fmt.Errorf("%s %q: %s: %w", role, name, last, ctx.Err())
		case len(ready) == 1:
			return ready[0], nil
		case errors.Is(err, errClosed):
			return "", err
		case err != nil:
			last = err.Error()
		case len(ready) > 1:
			last = fmt.Sprintf("%d of them", len(ready))
		case len(ids) > 0:
			last = strings.Join(reasons, ", ")
		default:
			last = "not found"
		}
		pause(ctx)
	}
}

// Press waits for the control with this role and accessible name and presses it: with a finger on a touch screen, else with the mouse.
func (p *Page) Press(ctx context.Context, role, name string) error {
	id, err := p.control(ctx, role, name)
	if err != nil {
		return err
	}
	pointer := "mouse"
	if p.touch {
		pointer = "touch"
	}
	err = p.perform(ctx, map[string]any{
		"type": "pointer", "id": "pointer-" + pointer, "parameters": map[string]string{"pointerType": pointer},
		"actions": []any{
			map[string]any{"type": "pointerMove", "x": 0, "y": 0, "origin": map[string]any{
				"type": "element", "element": map[string]string{"sharedId": id},
			}},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
		},
	})
	if err != nil {
		return fmt.Errorf("press %s %q: %w", role, name, err)
	}
	return nil
}

// Type presses the field with this role and accessible name and types text into it; text may hold keys such as Enter.
func (p *Page) Type(ctx context.Context, role, name, text string) error {
	if err := p.Press(ctx, role, name); err != nil {
		return err
	}
	return p.Keys(ctx, text)
}

// Keys types text to whatever has the focus.
func (p *Page) Keys(ctx context.Context, text string) error {
	var strokes []any
	for _, r := range text {
		strokes = append(strokes, map[string]any{"type": "keyDown", "value": string(r)}, map[string]any{"type": "keyUp", "value": string(r)})
	}
	return p.perform(ctx, map[string]any{"type": "key", "id": "keyboard", "actions": strokes})
}

// Focused tells whether the element with this role and accessible name has the focus.
func (p *Page) Focused(ctx context.Context, role, name string) (focused bool, err error) {
	ids, err := p.find(ctx, role, name)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := p.call(ctx, &focused, `(node) => node === document.activeElement`, id); err != nil || focused {
			return focused, err
		}
	}
	return false, nil
}

// perform plays one input source's actions and lets go of whatever it held.
func (p *Page) perform(ctx context.Context, source any) error {
	err := p.browser.conn.command(ctx, "input.performActions", map[string]any{"context": p.context, "actions": []any{source}}, nil)
	if err != nil {
		return err
	}
	return p.browser.conn.command(ctx, "input.releaseActions", map[string]any{"context": p.context}, nil)
}
