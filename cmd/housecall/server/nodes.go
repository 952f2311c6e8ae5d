package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"housecall/nodes"
	"housecall/platform/keys"
	"housecall/platform/web"
	"housecall/rooms"
	"housecall/signaling"
	"housecall/visits"
)

// cluster is this node among others, or alone.
type cluster struct {
	self     string // this run of this process
	leases   rooms.Leases
	host     *rooms.Host
	nodes    rooms.Nodes
	listener net.Listener  // for other nodes
	router   *nodes.Router // nil: alone
	draining atomic.Bool
}

// placer finds visits' rooms a node, and presence who is in them.
type placer interface {
	visits.Placer
	visits.Presence
}

// openCluster starts to host rooms, and makes this node known to others where it is not alone.
func (s *Server) openCluster(leases rooms.Leases, ring *keys.Ring, config rooms.Config) error {
	c := &s.cluster
	c.self, c.leases = uuid.NewString(), leases
	config.Node, config.Leases, config.Shared = c.self, c.leases, s.config.Redis != ""
	if s.config.NodeListen != "" {
		listener, err := net.Listen("tcp", s.config.NodeListen)
		if err != nil {
			return fmt.Errorf("listening for other nodes: %w", err)
		}
		c.listener = listener
		s.onClose(closed(listener))
		config.Address = cmp.Or(s.config.NodeAddress, listener.Addr().String())
	}
	c.host = rooms.NewHost(config)
	s.onClose(c.host.Close)
	shared, ok := c.leases.(rooms.Nodes)
	if c.listener == nil || !ok {
		return nil
	}
	identity, err := nodes.NewIdentity(ring.Nodes(), c.self, s.config.Now)
	if err != nil {
		return err
	}
	c.nodes = shared
	c.router = nodes.NewRouter(nodes.Config{Identity: identity, Nodes: shared, Host: c.host, Logger: s.config.Logger})
	s.onClose(c.router.Close)
	return nil
}

// placer is what visits ask for places.
func (c *cluster) placer() placer {
	if c.router != nil {
		return c.router
	}
	return c.host
}

// routeRooms serves what belongs to a room: here, or by way of the node that hosts it.
func (s *Server) routeRooms(routes *web.Routes, sockets *signaling.Handler, echo *signaling.Echo) {
	c := &s.cluster
	local := routes
	if c.router != nil {
		local = web.NewRoutes(web.Guards{})
	}
	local.Handle("GET /v/{visit}/ws", web.Holder(), sockets)
	echo.Routes(local)
	s.Visits.RoomRoutes(local)
	if c.router == nil {
		return
	}
	c.router.Routes(routes, local)
	c.router.Serve(c.listener, local, func(err error) { s.failed <- err })
}

// closed closes a socket that may be closed already.
func closed(socket io.Closer) func(context.Context) error {
	return func(context.Context) error {
		if err := socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// Drain has other nodes take over what this one does, within Config.DrainWithin: it takes no new rooms, says that it is not ready, and sends
// everybody to where their rooms live then. Where there is no other node it does nothing. Close comes after it.
func (s *Server) Drain() {
	c := &s.cluster
	c.draining.Store(true)
	_ = s.closeQueue(context.Background())
	if c.router == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainWithin)
	defer cancel()
	alive, err := c.nodes.Alive(ctx)
	if err == nil && slices.ContainsFunc(alive, func(n rooms.Node) bool { return n.ID != c.self && !n.Draining && n.Address != "" }) {
		err = c.host.Drain(ctx)
	}
	if err != nil {
		s.config.Logger.Warn("visits are cut off: they could not move to other nodes", "cause", err)
	}
}

// checkNodes refuses options that would have nodes fail to find each other, or people to find them.
func (c Config) checkNodes() error {
	if c.NodeListen == "" {
		if c.NodeAddress != "" {
			return errors.New("--node-address needs --node-listen")
		}
		return nil
	}
	switch {
	case c.Redis == "":
		return errors.New("--node-listen needs --redis: that is where nodes find each other")
	case c.Database == "":
		return errors.New("--node-listen needs --database: the same PostgreSQL on all nodes, or each would have visits that the others don't know")
	case c.PublicURL == "":
		return errors.New("--node-listen needs --public-url: it has to be the same on all nodes")
	}
	address := cmp.Or(c.NodeAddress, c.NodeListen)
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" || net.ParseIP(host).IsUnspecified() {
		return fmt.Errorf("%q is not where other nodes reach this one: give --node-address HOST:PORT", address)
	}
	return nil
}

// Hosting is how many rooms this node hosts.
func (s *Server) Hosting() int { return s.cluster.host.Census().Rooms }
