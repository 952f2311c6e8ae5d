package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"housecall/auth"
	"housecall/sfu"
	"housecall/sfu/relay"
)

// gatekeeper says who may use the relay: whoever has good credentials and was not removed since they got them.
type gatekeeper struct {
	credentials auth.Relay
	relay       *relay.Relay // nil: not started

	mu      sync.Mutex
	removed map[string]int64 // the number of the last removal, by the tag of a visit or an invitation
	known   []removal        // those in removed, in order: as long as credentials from before may be good
	floor   int64            // the last that is forgotten: credentials from before it cannot be judged, and are refused
}

// removal is one that the gatekeeper heard of.
type removal struct {
	tag    string
	number int64
	heard  time.Time
}

func newGatekeeper(credentials auth.Relay) *gatekeeper {
	return &gatekeeper{credentials: credentials, removed: map[string]int64{}}
}

// startRelay serves STUN and TURN on the listener until Close.
func (s *Server) startRelay(listener net.Listener, engine *sfu.Engine, g *gatekeeper) error {
	r, err := relay.New(relay.Config{Listener: listener, Engine: engine, Realm: host(s.url), Verify: g.verify, Logger: s.config.Logger, Now: s.config.Now})
	if err != nil {
		return fmt.Errorf("starting the relay: %w", err)
	}
	g.relay = r
	s.onClose(func(context.Context) error { return r.Close() })
	return nil
}

// RelayURLs is where browsers find the relay: on the port of the pages, inside of TLS where those are.
func (c Config) RelayURLs(public string) []string {
	u, err := url.Parse(public)
	if err != nil || c.UDPOnly {
		return nil
	}
	scheme, port := "turn", "80"
	if u.Scheme == "https" {
		scheme, port = "turns", "443"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	address := cmp.Or(c.RelayAddress, net.JoinHostPort(u.Hostname(), port))
	return []string{scheme + ":" + address + "?transport=tcp"}
}

func host(public string) string {
	u, err := url.Parse(public)
	if err != nil {
		return public
	}
	return u.Hostname()
}

// verify implements relay.Config.Verify.
func (g *gatekeeper) verify(username string) (relay.User, error) {
	u, password, err := g.credentials.Verify(username)
	if err != nil {
		return relay.User{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if u.Checked < max(g.floor, g.removed[u.Visit], g.removed[u.Invitation]) {
		return relay.User{}, auth.ErrRelay
	}
	return relay.User{Person: u.Visit + "." + u.Person(), Password: password, ExpiresAt: u.ExpiresAt}, nil
}

// remove refuses whoever was invited with the invitation, or everybody of the visit where that is empty, with credentials from before the removal
// of that number, and ends what they have. Removals come in order.
func (g *gatekeeper) remove(visit, invitation string, number int64) {
	tag := g.credentials.VisitTag(visit)
	if invitation != "" {
		tag = g.credentials.InvitationTag(invitation)
	}
	g.note(tag, number)
	g.relay.Drop(func(person string) bool {
		for part := range strings.SplitSeq(person, ".") {
			if part == tag {
				return true
			}
		}
		return false
	})
}

// note remembers a removal for as long as credentials from before it may be good.
func (g *gatekeeper) note(tag string, number int64) {
	now := g.credentials.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.known) > 0 && now.Sub(g.known[0].heard) > auth.RelayLifetime+auth.PassLeeway {
		first := g.known[0]
		g.known, g.floor = g.known[1:], first.number
		if g.removed[first.tag] == first.number {
			delete(g.removed, first.tag)
		}
	}
	g.removed[tag] = number
	g.known = append(g.known, removal{tag, number, now})
}
