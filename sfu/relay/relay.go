// Package relay is the way into the media engine for clients whose network lets out nothing but TCP or TLS: a STUN and TURN server (RFC 8489,
// RFC 8656) on Pion's, which relays to the engine's peers in this process and to nothing else. It opens no socket.
// A Relay owns the connections it accepted and their allocations until Close. Who may use it, says the caller.
// It must never send a byte to any address but through the engine, and never know a person but by the name its caller gives.
package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"housecall/sfu"
)

// Limits of use. A browser makes an allocation for each of its network interfaces and each address of the relay it was told, and as many again
// while it looks for new ways.
const (
	mostAllocations = 12               // of one person; the next is refused with 486
	mostTogether    = 4096             // of everybody; the next is refused with 508
	bytesPerSecond  = 4 << 20          // of one person, each way: ten people's pictures and a screen; what is beyond is dropped
	bytesAtOnce     = 1 << 20          // key frames of everybody
	idleWithin      = 10 * time.Second // a connection that holds no allocation for so long is closed
	mostIdle        = 512              // connections without an allocation; beyond, the oldest is closed
	writeWithin     = 10 * time.Second // a client that takes nothing for so long is cut off
)

// User is who a name in a request stands for.
type User struct {
	Person    string    // counts allocations and bytes
	Password  string    // that the request must prove
	ExpiresAt time.Time // allocations end then, unless refreshed with a name that is good for longer
}

// Config is what a Relay needs from outside.
type Config struct {
	Listener net.Listener // of STUN and TURN over TCP, with TLS already taken off; the Relay closes it
	Engine   *sfu.Engine
	Realm    string
	// Verify reads the name in a request; it is asked for every one. An error refuses it with 401. It must be quick.
	Verify func(username string) (User, error)
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Relay serves STUN and TURN.
type Relay struct {
	config Config
	server *turn.Server
	serves sync.WaitGroup // connections that Pion reads

	mu      sync.Mutex
	closed  bool
	conns   map[*net.TCPAddr]*conn // by the address each gives Pion, which hands that very pointer back
	users   map[string]*conn       // by the name each gives Pion for its user
	idle    []*conn                // oldest first
	persons map[string]*person
	total   int // allocations
	last    uint64
}

// person is what one person uses.
type person struct {
	allocations int
	in, out     *rate.Limiter
}

// New starts serving.
func New(c Config) (*Relay, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Relay{config: c, conns: map[*net.TCPAddr]*conn{}, users: map[string]*conn{}, persons: map[string]*person{}}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm:         c.Realm,
		AuthHandler:   r.authenticate,
		QuotaHandler:  r.mayAllocate,
		EventHandler:  turn.EventHandler{OnAuth: r.authenticated},
		LoggerFactory: sfu.PionLogs(c.Logger),
		InboundMTU:    mostFrame + 1, // Pion takes a full buffer for a cut packet
		ListenerConfigs: []turn.ListenerConfig{{
			Listener: listener{c.Listener, r}, RelayAddressGenerator: generator{r}, PermissionHandler: r.permit,
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r.server = server
	return r, nil
}

// Allocations is how many there are now.
func (r *Relay) Allocations() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// Drop ends the allocations of those persons of whom gone says true. Call it after Verify began to refuse them.
func (r *Relay) Drop(gone func(person string) bool) {
	r.mu.Lock()
	var dropped []*conn
	for _, c := range r.conns {
		if c.allocated != nil && gone(c.allocated.user.Person) {
			dropped = append(dropped, c)
		}
	}
	r.mu.Unlock()
	for _, c := range dropped {
		c.shut()
	}
}

// Close cuts everybody off and waits for it.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	var all []*conn
	for _, c := range r.conns {
		all = append(all, c)
	}
	r.mu.Unlock()
	err := r.server.Close()
	for _, c := range all {
		c.shut()
	}
	r.serves.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}

// of finds the connection that Pion speaks of.
func (r *Relay) of(client net.Addr) *conn {
	address, ok := client.(*net.TCPAddr)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns[address]
}

// authenticate implements turn.AuthHandler.
func (r *Relay) authenticate(a *turn.RequestAttributes) (userID string, key []byte, ok bool) {
	c := r.of(a.SrcAddr)
	if c == nil {
		return "", nil, false
	}
	user, err := r.config.Verify(a.Username)
	if err != nil || !user.ExpiresAt.After(r.config.Now()) {
		return "", nil, false
	}
	c.request.user = user
	c.request.key = turn.GenerateAuthKey(a.Username, a.Realm, user.Password)
	return c.id + "|" + user.Person, c.request.key, true
}

// authenticated is told of requests whose password was right: a refreshed allocation lasts as long as the name it was refreshed with.
func (r *Relay) authenticated(client, _ net.Addr, _, _, _, method string, right bool) {
	c := r.of(client)
	if c == nil || !right || method != stun.MethodRefresh.String() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := c.allocated; a != nil && a.user.Person == c.request.user.Person && c.request.user.ExpiresAt.After(a.user.ExpiresAt) {
		a.user = c.request.user
		a.ending.Reset(a.user.ExpiresAt.Sub(r.config.Now()))
	}
}

// mayAllocate implements turn.QuotaHandler.
func (r *Relay) mayAllocate(_, _ string, client net.Addr) bool {
	c := r.of(client)
	if c == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.persons[c.request.user.Person]
	return p == nil || p.allocations < mostAllocations
}

// permit implements turn.PermissionHandler, which sees no port: whether the request is for the media address alone, the connection has looked.
func (r *Relay) permit(client net.Addr, _ net.IP) bool {
	c := r.of(client)
	return c != nil && !c.request.forbidden
}
