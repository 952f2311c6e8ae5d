// Package signaling speaks docs/protocol.md: it turns a websocket into a seat in a room, and a room's updates into messages.
// Each connection is a Session with one goroutine that reads and one that writes; behind it is a participant, who outlives a connection that
// is lost. The Handler owns both, and everything about who is where belongs to rooms.
// It must never decide who may do what, never wait for a slow client, and never log a name, a pass or a line of chat.
package signaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/rooms"
	"housecall/sfu"
)

// Subprotocol is what a client must offer.
const Subprotocol = "housecall.v1"

// Person is who a session belongs to, as SQL has it now.
type Person struct {
	Invitation string
	Name       phi.Text
	Role       auth.Role
	Checked    int64 // as in rooms.Arrival
}

// People knows who a session belongs to. An error of kind fault.NotFound or fault.NotAllowed means that the session may not come in: its invitation
// was withdrawn, or the visit is over. Any other, that it could not be found out now.
type People interface {
	Person(ctx context.Context, visit, session string) (Person, error)
}

// Config is what a Handler needs from outside.
type Config struct {
	Rooms     *rooms.Host
	Engine    *sfu.Engine
	Verifier  auth.Verifier
	Once      rooms.Once
	People    People
	PublicURL string // the origin pages come from, as in https://visits.example.org, beside the host that a request names; may be empty
	Logger    *slog.Logger
	Limits    Limits
}

// Limits of connections; a zero field takes its default, which is what docs/protocol.md says.
type Limits struct {
	JoinWithin     time.Duration // until the first message; 10 s
	PingEvery      time.Duration // 3 s
	SilentFor      time.Duration // without an answer to a ping; 9 s
	WriteWithin    time.Duration // for one message; 5 s
	ResumeWithin   time.Duration // after a connection was lost; 45 s
	ByeWithin      time.Duration // after sound and pictures have ended; 2 s
	Unread         int           // messages a client may leave unread; 256
	Strangers      int           // connections without a valid pass, in all; 1024
	StrangersEach  int           // and from one network; 128
	MessagesPerSec float64       // that a client may send for long; beyond that they are read more slowly; 20
}

func (l Limits) orDefault() Limits {
	for _, d := range []struct {
		field   *time.Duration
		seconds int
	}{{&l.JoinWithin, 10}, {&l.PingEvery, 3}, {&l.SilentFor, 9}, {&l.WriteWithin, 5}, {&l.ResumeWithin, 45}, {&l.ByeWithin, 2}} {
		if *d.field == 0 {
			*d.field = time.Duration(d.seconds) * time.Second
		}
	}
	for _, n := range []struct {
		field *int
		value int
	}{{&l.Unread, 256}, {&l.Strangers, 1024}, {&l.StrangersEach, 128}} {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
	if l.MessagesPerSec == 0 {
		l.MessagesPerSec = 20
	}
	return l
}

// Handler serves GET /v/{visit}/ws.
type Handler struct {
	config   Config
	upgrader websocket.Upgrader
	work     sync.WaitGroup

	mu           sync.Mutex
	sessions     map[*Session]struct{}
	strangers    []*Session // without a valid pass or token yet, oldest first
	participants map[*participant]struct{}
	tokens       map[tokenHash]*participant // what takes each of them up
	closed       bool
}

// New returns a handler. Close ends it.
func New(c Config) *Handler {
	c.Limits = c.Limits.orDefault()
	return &Handler{
		config: c,
		upgrader: websocket.Upgrader{
			Subprotocols: []string{Subprotocol},
			// Origins were looked at before: see ServeHTTP. No compression: a read limit counts compressed bytes.
			CheckOrigin: func(*http.Request) bool { return true },
		},
		sessions: map[*Session]struct{}{}, participants: map[*participant]struct{}{}, tokens: map[tokenHash]*participant{},
	}
}

// ServeHTTP implements http.Handler; it returns when the connection is over. The pattern it is mounted at names {visit}.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.sameOrigin(r) {
		web.Problem(w, r, &web.Fault{Code: "cross_site", Status: http.StatusForbidden, Title: "This came from another website",
			Detail: "A visit can only be joined from our own pages."})
		return
	}
	if !websocket.IsWebSocketUpgrade(r) || !slices.Contains(websocket.Subprotocols(r), Subprotocol) {
		web.Problem(w, r, &web.Fault{Code: "websocket_needed", Status: http.StatusUpgradeRequired, Title: "A websocket is needed here",
			Detail: "Connect with a websocket of subprotocol " + Subprotocol + "."})
		return
	}
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	s := newSession(h, conn, r.PathValue("visit"), web.Network(r))
	if !h.enter(s) {
		s.refuse(closeStopping) // the handler was closed while the connection was made
		return
	}
	defer h.leave(s)
	s.run()
}

// sameOrigin says whether a browser may have sent the request from one of our pages. Programs that are no browsers send no Origin, and carry
// nobody's cookies.
func (h *Handler) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if h.config.PublicURL != "" && strings.EqualFold(origin, strings.TrimSuffix(h.config.PublicURL, "/")) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// enter counts a new session among the strangers; false when the handler is closed. With too many of them the oldest goes: whoever
// means to join does so in well under a second, so that idle sockets, however many, give way and joins go on.
func (h *Handler) enter(s *Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.work.Add(1)
	h.sessions[s] = struct{}{}
	same := 0
	var oldest *Session // of the same network
	for _, o := range h.strangers {
		if o.network == s.network {
			same++
			if oldest == nil {
				oldest = o
			}
		}
	}
	switch {
	case same >= h.config.Limits.StrangersEach:
		h.dismiss(oldest)
	case len(h.strangers) >= h.config.Limits.Strangers:
		h.dismiss(h.strangers[0])
	}
	h.strangers = append(h.strangers, s)
	return true
}

// dismiss closes a stranger. The caller holds mu.
func (h *Handler) dismiss(s *Session) {
	h.forgetStranger(s)
	s.shut(closeSilent)
}

// known takes a session out of the strangers: it has shown a valid pass.
func (h *Handler) known(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgetStranger(s)
}

// forgetStranger is known for a caller that holds mu.
func (h *Handler) forgetStranger(s *Session) {
	h.strangers = slices.DeleteFunc(h.strangers, func(o *Session) bool { return o == s })
}

// leave forgets a session that is over.
func (h *Handler) leave(s *Session) {
	h.known(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
	h.work.Done()
}

// Census is how many connections and people a Handler has now.
type Census struct {
	Connections  int // websockets
	Strangers    int // of them, those that have shown no valid pass or token
	Participants int // people who are in a room, their connection lost for a moment or not
}

// Census counts.
func (h *Handler) Census() Census {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Census{Connections: len(h.sessions), Strangers: len(h.strangers), Participants: len(h.participants)}
}

// Close closes all connections with 1001, those that could be resumed too, takes no new ones, and returns when all are over, or with an error when the
// context is over before.
func (h *Handler) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	for s := range h.sessions {
		s.shut(closeStopping)
	}
	for p := range h.participants {
		h.end(p, closeStopping)
	}
	h.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		h.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing connections: %w", context.Cause(ctx))
	}
}

// errPass is what every refusal of a pass wraps, whatever the cause: the caller is told nothing more.
var errPass = errors.New("pass refused")
