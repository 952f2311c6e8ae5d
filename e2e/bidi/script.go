package bidi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Call runs a JavaScript function (its source) in the page with args, waits for its promise if it returns one, and decodes
// what comes of it into result (nil: dropped). Arguments and result are whatever JSON can carry.
func (p *Page) Call(ctx context.Context, result any, function string, args ...any) error {
	return p.call(ctx, result, function, "", args...)
}

// call is Call with an element of the page as the function's first argument, if node (a shared id) is not empty.
func (p *Page) call(ctx context.Context, result any, function, node string, args ...any) error {
	if args == nil {
		args = []any{}
	}
	carried, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	arguments := []any{map[string]any{"type": "string", "value": string(carried)}}
	declaration := "async (carried) => JSON.stringify((await (" + function + ")(...JSON.parse(carried))) ?? null)"
	if node != "" {
		arguments = append(arguments, map[string]any{"sharedId": node})
		declaration = "async (carried, node) => JSON.stringify((await (" + function + ")(node, ...JSON.parse(carried))) ?? null)"
	}
	var got struct {
		Type   string
		Result struct {
			Value json.RawMessage
		}
		ExceptionDetails struct{ Text string }
	}
	err = p.browser.conn.command(ctx, "script.callFunction", map[string]any{
		"functionDeclaration": declaration,
		"arguments":           arguments,
		"target":              map[string]any{"context": p.context},
		"awaitPromise":        true,
	}, &got)
	if err != nil {
		return err
	}
	if got.Type == "exception" {
		return fmt.Errorf("in the page: %s", got.ExceptionDetails.Text)
	}
	if result == nil {
		return nil
	}
	var text string
	if err := json.Unmarshal(got.Result.Value, &text); err != nil {
		return fmt.Errorf("result of a page's function: %w", err)
	}
	if err := json.Unmarshal([]byte(text), result); err != nil {
		return fmt.Errorf("result of a page's function: %w", err)
	}
	return nil
}

// Await waits until function, run in the page with args, returns something truthy, and decodes that into result (nil: dropped).
// The page itself looks again every 50 ms. A page that goes away or throws meanwhile is asked again until ctx ends;
// the error then says what the function threw last.
func (p *Page) Await(ctx context.Context, result any, function string, args ...any) error {
	// The page gives up after a second and is asked again, so that a navigation in between can't swallow the question.
	poll := `async (...args) => {
		const ask = ` + function + `;
		for (const end = performance.now() + 1000;;) {
			const found = await ask(...args);
			if (found || performance.now() > end) return found || null;
			await new Promise((again) => setTimeout(again, 50));
		}
	}`
	var lastErr error
	for {
		var found json.RawMessage
		err := p.Call(ctx, &found, poll, args...)
		switch {
		case err == nil && string(found) != "null":
			if result == nil {
				return nil
			}
			if err := json.Unmarshal(found, result); err != nil {
				return fmt.Errorf("await: %w", err)
			}
			return nil
		case ctx.Err() != nil:
			if lastErr != nil {
				return fmt.Errorf("%w; last: %w", ctx.Err(), lastErr)
			}
			return fmt.Errorf("await: %w", ctx.Err())
		case errors.Is(err, errClosed):
			return err
		}
		lastErr = err
		if err != nil {
			pause(ctx)
		}
	}
}

// pause keeps a question that fails at once from being asked in a tight loop.
func pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}
