// Package bidi is a small client of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), enough to start Debian's Chromium and
// Firefox, to act in them as a person does, and to look at what a page shows. A Browser owns its processes, its profile and its
// websocket, all of which Close takes away. It must never know anything of Housecall: what a visit is lives in the tests.
package bidi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Error is a refusal by the browser: Code is one of the specification's error codes, such as "no such node".
type Error struct {
	Method  string
	Code    string
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("bidi %s: %s: %s", e.Method, e.Code, e.Message)
}

// errClosed is what commands get after the connection has gone.
var errClosed = errors.New("bidi: connection closed")

// frame is everything a browser may send: the answer to a command, an error, or an event.
type frame struct {
	Type    string          `json:"type"`
	ID      uint64          `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// conn is one websocket to a browser: many commands may be under way at once, and events arrive in order on one goroutine.
type conn struct {
	ws      *websocket.Conn
	onEvent func(method string, params json.RawMessage)
	done    chan struct{} // closed when the reader has ended

	writing sync.Mutex
	mu      sync.Mutex
	nextID  uint64
	pending map[uint64]chan frame
	closed  bool
}

// dial opens the websocket; onEvent is called for every event, from the reading goroutine, and must not issue commands.
func dial(ctx context.Context, url string, onEvent func(string, json.RawMessage)) (*conn, error) {
	dialer := websocket.Dialer{HandshakeTimeout: time.Minute, ReadBufferSize: 1 << 16}
	ws, _, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	c := &conn{ws: ws, onEvent: onEvent, done: make(chan struct{}), pending: make(map[uint64]chan frame)}
	go c.read()
	return c, nil
}

func (c *conn) read() {
	defer close(c.done)
	for {
		var f frame
		if err := c.ws.ReadJSON(&f); err != nil {
			break
		}
		if f.Type == "event" {
			c.onEvent(f.Method, f.Params)
			continue
		}
		c.mu.Lock()
		reply := c.pending[f.ID]
		delete(c.pending, f.ID)
		c.mu.Unlock()
		if reply != nil {
			reply <- f
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for id, reply := range c.pending {
		delete(c.pending, id)
		close(reply)
	}
}

// command sends one command and waits for its answer, which is decoded into result unless that is nil.
func (c *conn) command(ctx context.Context, method string, params, result any) error {
	if params == nil {
		params = struct{}{}
	}
	reply := make(chan frame, 1)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return fmt.Errorf("%s: %w", method, errClosed)
	}
	c.nextID++
	id := c.nextID
	c.pending[id] = reply
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()

	if err := c.write(id, method, params); err != nil {
		return err
	}
	select {
	case f, ok := <-reply:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, errClosed)
		case f.Type == "error":
			return &Error{Method: method, Code: f.Error, Message: f.Message}
		case result == nil:
			return nil
		}
		if err := json.Unmarshal(f.Result, result); err != nil {
			return fmt.Errorf("bidi %s: decode answer: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bidi %s: %w", method, ctx.Err())
	}
}

// send sends one command and drops its answer, if one comes.
func (c *conn) send(method string, params any) error {
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.mu.Unlock()
	return c.write(id, method, params)
}

func (c *conn) write(id uint64, method string, params any) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ws.WriteJSON(map[string]any{"id": id, "method": method, "params": params}); err != nil {
		return fmt.Errorf("bidi %s: %w", method, err)
	}
	return nil
}

// close ends the websocket and waits for the reader.
func (c *conn) close() {
	c.ws.Close()
	<-c.done
}
