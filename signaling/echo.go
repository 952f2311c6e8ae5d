package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/rooms"
	"housecall/sfu"
)

// Callers knows whose browser a request comes from. An error of package fault is told as it is: fault.NotFound to whoever has no session.
type Callers interface {
	CheckCaller(r *http.Request) (session string, err error)
}

// EchoConfig is what an Echo needs from outside.
type EchoConfig struct {
	Engine  *sfu.Engine
	Callers Callers
	Limiter web.Limiter
	Logger  *slog.Logger
	Lasts   time.Duration // how long a test goes on; 0: 20 s
	AtOnce  int           // tests at once, of everybody together; 0: 128
}

const (
	maxEcho = 64 << 10 // bytes of a request; an offer of four lines has less than 20 KiB

	// Tests one session may begin: each costs a handshake.
	echoLimit  = 24
	echoWindow = time.Minute

	// Tests of one session at once: over the best way, and over each way apart.
	echoOfOne = 4
)

// Echo serves the connection test of docs/protocol.md, section 2: a peer on the media port that shows a client what the client itself sends, so
// that it can measure its line to the very port a visit will use. Nothing of it reaches anybody else.
type Echo struct {
	config EchoConfig
	work   sync.WaitGroup // tests

	mu     sync.Mutex
	tests  map[string][]*echoTest // by session, oldest first
	count  int                    // of all tests
	closed bool
}

// echoTest is one test under way.
type echoTest struct {
	id      string
	session string
	lasting context.Context // done: the test is over
	stop    context.CancelFunc
}

// NewEcho returns a handler. Close ends it.
func NewEcho(c EchoConfig) *Echo {
	if c.Lasts == 0 {
		c.Lasts = 20 * time.Second
	}
	if c.AtOnce == 0 {
		c.AtOnce = 128
	}
	return &Echo{config: c, tests: map[string][]*echoTest{}}
}

// Routes adds the calls of the test.
func (e *Echo) Routes(routes *web.Routes) {
	routes.HandleFunc("POST /v/{visit}/check", web.Holder(), e.serveBegin)
	routes.HandleFunc("DELETE /v/{visit}/check/{id}", web.Holder(), e.serveEnd)
}

func (e *Echo) serveBegin(w http.ResponseWriter, r *http.Request) {
	session, err := e.config.Callers.CheckCaller(r)
	if err == nil {
		err = web.Allow(r.Context(), e.config.Limiter, "check:"+session, echoLimit, echoWindow)
	}
	var in struct {
		Offer   string                  `json:"offer"`
		Sources map[string]rooms.Source `json:"sources"`
	}
	if err == nil {
		err = web.ReadJSON(w, r, maxEcho, &in)
	}
	if err == nil {
		err = errors.Join(checkSources(in.Sources), sfu.CheckOffer(in.Offer))
	}
	var out struct {
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}
	if err == nil {
		out.ID, out.Answer, err = e.begin(r.Context(), session, in.Offer)
	}
	if err != nil {
		web.Problem(w, r, echoFault(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // whoever is gone gets nothing
}

// echoFault says what an error means to whoever asked.
func echoFault(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.Is(err, sfu.ErrOffer), errors.Is(err, ErrMessage):
		return &fault.Problem{Kind: fault.NotValid, Detail: "The request is not as described in the protocol."}
	case fault.CodeOf(err) == "":
		return fault.Away(err)
	}
	return err
}

func (e *Echo) serveEnd(w http.ResponseWriter, r *http.Request) {
	session, err := e.config.Callers.CheckCaller(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	e.mu.Lock()
	for _, t := range e.tests[session] {
		if t.id == r.PathValue("id") {
			t.stop()
		}
	}
	e.mu.Unlock()
	w.WriteHeader(http.StatusNoContent) // also when it was over before
}

// begin starts a session's test, in the place of its oldest where it has too many, and answers its offer.
func (e *Echo) begin(ctx context.Context, session, offer string) (id, answer string, err error) {
	t, err := e.enter(session)
	if err != nil {
		return "", "", err
	}
	peer, err := e.config.Engine.NewPeer(sfu.PeerEvents{Lost: t.stop})
	if err != nil {
		e.leave(t)
		return "", "", fmt.Errorf("testing a connection: %w", err)
	}
	go func() {
		defer e.leave(t)
		<-t.lasting.Done()
		if err := peer.Close(); err != nil {
			e.config.Logger.Warn("the peer of a connection test did not close", "error", err)
		}
	}()
	if answer, err = peer.Answer(ctx, offer); err != nil {
		t.stop()
		return "", "", fmt.Errorf("testing a connection: %w", err)
	}
	time.AfterFunc(e.config.Lasts, t.stop) // from the answer on: a busy machine may take its time for that
	mirror(peer)
	return t.id, answer, nil
}

// mirror shows a peer its own microphone and camera: the first publication of a kind on the first slot of the kind. One of each, since more would
// have the server send a multiple of what it gets.
func mirror(peer *sfu.Peer) {
	shown := map[sfu.Kind]bool{}
	for _, pub := range peer.Publications() {
		for _, slot := range peer.Slots() {
			if slot.Kind() == pub.Kind() && !shown[pub.Kind()] {
				shown[pub.Kind()] = true
				slot.Show(pub)
			}
		}
	}
}

// enter takes a place for a session's test; where the session has too many, its oldest gives way.
func (e *Echo) enter(session string) (*echoTest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := e.tests[session]
	switch {
	case e.closed:
		return nil, fault.Away(sfu.ErrClosed)
	case len(own) == echoOfOne, len(own) > 0 && e.count >= e.config.AtOnce: // its goroutine finds that it is gone already
		own[0].stop()
		own = own[1:]
		e.count--
	case e.count >= e.config.AtOnce:
		return nil, &fault.Problem{Kind: fault.TryAgain, Detail: "Many people test their connection just now. Please try again soon."}
	}
	t := &echoTest{id: uuid.NewString(), session: session}
	t.lasting, t.stop = context.WithCancel(context.Background())
	e.tests[session] = append(slices.Clone(own), t)
	e.count++
	e.work.Add(1)
	return t, nil
}

// leave gives the place of a test back.
func (e *Echo) leave(t *echoTest) {
	t.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if own := e.tests[t.session]; slices.Contains(own, t) {
		own = slices.DeleteFunc(slices.Clone(own), func(other *echoTest) bool { return other == t })
		e.count--
		if e.tests[t.session] = own; len(own) == 0 {
			delete(e.tests, t.session)
		}
	}
	e.work.Done()
}

// Close ends all tests, takes no new ones, and returns when all are over, or with an error when the context is over before.
func (e *Echo) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	for _, own := range e.tests {
		for _, t := range own {
			t.stop()
		}
	}
	e.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		e.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing connection tests: %w", context.Cause(ctx))
	}
}
