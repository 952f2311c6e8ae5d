package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"housecall/auth"
	"housecall/platform/admin"
	"housecall/platform/api"
	"housecall/platform/audit"
	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/emergency"
	"housecall/platform/keys"
	"housecall/platform/module"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/rooms"
	"housecall/sfu"
	"housecall/signaling"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/consents"
	"housecall/visits/desk"
	"housecall/visits/figures"
	"housecall/visits/imports"
	"housecall/visits/queue"
	"housecall/visits/reminders"
	"housecall/visits/retention"
)

// house is what every part of the server stands on, and adds its routes to.
type house struct {
	db       *store.DB
	ring     *keys.Ring
	files    *bucket.Bucket
	book     *words.Book
	pages    *web.Pages
	policy   auth.Policy
	post     *post
	leases   rooms.Leases
	limiter  rooms.Once
	redis    *rooms.Redis // nil: nodes agree in this one's memory
	routes   *web.Routes
	audit    *audit.Log
	keyed    *api.Idempotency
	calls    *api.API
	desk     *desk.Desk
	patients *people.Desk
}

// media is what carries sound and pictures, and the rooms in which that happens.
type media struct {
	engine     *sfu.Engine
	gatekeeper *gatekeeper
	events     *eventQueue
	sockets    *signaling.Handler
	echo       *signaling.Echo
}

// start makes everything, from what lasts up to what is served.
func (s *Server) start(ctx context.Context) error {
	h, err := s.openHouse(ctx)
	if err != nil {
		return err
	}
	m, err := s.openMedia(ctx, h)
	if err != nil {
		return err
	}
	for _, open := range []func(context.Context, *house) error{s.openAccounts, s.openEmergency, s.sealAudit, s.openPractice} {
		if err := open(ctx, h); err != nil {
			return err
		}
	}
	if err := s.openVisits(ctx, h, m); err != nil {
		return err
	}
	m.events.start(s.Visits)
	s.watch(s.cluster.host, m.gatekeeper)

	if err := s.openRoutes(ctx, h); err != nil {
		return err
	}
	for _, open := range []func(context.Context, *house) error{s.openDesk, s.openReminders, s.routePractice, s.routeAudit, s.openImports, s.openAfter, s.routeFHIR,
		s.openQueue, s.openFigures, s.openRetention, s.openModules} {
		if err := open(ctx, h); err != nil {
			return err
		}
	}
	s.startPost(h.post)
	s.routeRooms(h.routes, m.sockets, m.echo)
	routePages(h.routes, h.book)
	return s.open(h, m)
}

// openHouse opens what lasts, what people read, and who may do what.
func (s *Server) openHouse(ctx context.Context) (*house, error) {
	h := &house{}
	var err error
	if h.db, h.ring, err = s.openStore(ctx); err != nil {
		return nil, err
	}
	if h.files, err = bucket.Open(s.config.Blobs); err != nil {
		return nil, fmt.Errorf("--blobs: %w", err)
	}
	s.onClose(func(context.Context) error { h.files.Close(); return nil })
	s.Blobs = blobs.New(h.files, h.ring.Blobs())
	if h.leases, h.limiter, h.redis, err = s.openShared(); err != nil {
		return nil, err
	}
	if h.book, err = Book(s.config.Modules...); err != nil {
		return nil, fmt.Errorf("loading the catalogues: %w", err)
	}
	if h.pages, err = web.NewPages(s.config.Site, h.book, static.Path); err != nil {
		return nil, err
	}
	if h.policy, err = Policy(s.config.Modules...); err != nil {
		return nil, err
	}
	if h.post, err = s.openPost(ctx, h.db, h.ring, h.policy); err != nil {
		return nil, err
	}
	return h, s.openUploads(ctx, h)
}

// openMedia opens the ports, the engine behind them, and the cluster of nodes that host rooms.
func (s *Server) openMedia(ctx context.Context, h *house) (*media, error) {
	socket, err := s.listen(ctx, h.db, h.ring)
	if err != nil {
		return nil, err
	}
	overTCP := s.gate.ICE()
	if s.config.UDPOnly {
		overTCP = nil
	}
	m := &media{}
	m.engine, err = sfu.NewEngine(sfu.Config{Conn: socket, TCP: overTCP, Addresses: s.config.MediaAddresses, Logger: s.config.Logger, Now: s.config.Now})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting media: %w", err), socket.Close())
	}
	s.onClose(func(context.Context) error { return m.engine.Close() })
	s.findAddresses(ctx, m.engine)

	m.gatekeeper = newGatekeeper(auth.Relay{Key: h.ring.Relay(), Now: s.config.Now})
	if err := s.startRelay(s.gate.TURN(), m.engine, m.gatekeeper); err != nil {
		return nil, err
	}
	m.events = newEventQueue(s.config.Logger)
	s.onClose(m.events.close)
	return m, s.openCluster(h.leases, h.ring, rooms.Config{Now: s.config.Now, Logger: s.config.Logger, Events: m.events.put, Changed: s.bell.Room,
		Transcript: records{s}, Write: records{s}.write})
}

// openAccounts opens who works here, and the ways in for them and for programs.
func (s *Server) openAccounts(ctx context.Context, h *house) (err error) {
	links := slices.Concat(queue.Links(), desk.Links(), queue.DeskLinks(), after.Links(), reminders.Links(), people.Links(), admin.Links(), sites.Links(), staff.Links(), audit.Links(),
		emergency.Links(), notify.Links(), figures.Links(), consents.Links(), retention.Links(), module.Links(s.config.Modules))
	s.Accounts, err = staff.New(ctx, staff.Config{DB: h.db, Limiter: h.limiter, Pages: h.pages, PublicURL: s.url, Home: "/", Links: links, Policy: h.policy,
		Site: s.config.Site, Vault: h.ring.Staff(), Zone: s.firstZone, Idle: s.config.Staff.Idle, KeyLife: s.config.Staff.KeyLife, Banner: s.emergencyBanner, Planned: s.planned,
		RequireSecond: s.config.Staff.RequireSecond, SignOn: s.config.Staff.signOn(), Cost: s.config.Staff.Cost, Now: s.config.Now})
	return err
}

// openVisits opens the appointments, and the websockets by which people come to them.
func (s *Server) openVisits(ctx context.Context, h *house, m *media) error {
	consent, err := s.readConsent()
	if err != nil {
		return err
	}
	kid, key := h.ring.Passes()
	placer := s.cluster.placer()
	s.Visits, err = visits.New(ctx, visits.Config{DB: h.db, LinkKey: h.ring.Link(), Chat: h.ring.Chat(),
		Passes: auth.Issuer{Kid: kid, Key: key, Issuer: s.url, Now: s.config.Now}, Relay: m.gatekeeper.credentials, RelayURLs: s.config.RelayURLs(s.url),
		PublicURL: s.url, Site: s.config.Site, Phone: s.config.Phone, Window: s.config.Window, TimeZone: s.config.TimeZone,
		Languages: h.book.Tags(), Words: h.book, MailFrom: s.config.MailFrom, Sends: visits.Ways{Email: h.post.outbox.Sends(notify.Email), SMS: h.post.outbox.Sends(notify.SMS)}, Consent: consent,
		Sites: s.Sites, Patients: s.People, Colleagues: s.Accounts, Emergency: s.emergency, Placer: placer, Presence: placer, Limiter: h.limiter,
		Changed: append(h.post.changed(), s.visitChanged), RoomEvents: []func(context.Context, *store.Tx, visits.RoomEvent) error{s.keepEvent},
		Now: s.config.Now, Logger: s.config.Logger})
	if err != nil {
		return err
	}
	m.sockets = signaling.New(signaling.Config{Rooms: s.cluster.host, Engine: m.engine, Once: h.limiter, People: attendees{s.Visits}, PublicURL: s.url,
		Verifier: auth.Verifier{Keys: h.ring.PassKey, Issuer: s.url, Now: s.config.Now}, Logger: s.config.Logger})
	m.echo = signaling.NewEcho(signaling.EchoConfig{Engine: m.engine, Callers: s.Visits, Limiter: h.limiter, Logger: s.config.Logger})
	return nil
}

// openRoutes makes the routes and the calls of the JSON API, and adds those of the core.
func (s *Server) openRoutes(ctx context.Context, h *house) (err error) {
	h.routes = web.NewRoutes(s.Accounts.Guards())
	s.routes = h.routes
	if h.keyed, err = s.openIdempotency(ctx, h); err != nil {
		return err
	}
	h.calls = api.New(h.routes, Version, h.keyed)
	s.Accounts.Routes(h.routes)
	s.emergency.Routes(h.routes)
	s.Visits.Routes(h.routes)
	s.Visits.API(h.calls)
	s.People.API(h.calls)
	s.Sites.API(h.calls)
	return nil
}

// openDesk adds the schedulers' pages.
func (s *Server) openDesk(_ context.Context, h *house) error {
	var err error
	h.desk, err = desk.New(desk.Config{DB: h.db, Visits: s.Visits, Sites: s.Sites, Patients: s.People, Colleagues: s.Accounts, Pages: h.pages,
		Beside: imports.Links(), Now: s.config.Now})
	if err != nil {
		return err
	}
	h.desk.Routes(h.routes)
	return nil
}

// openModules starts the services beside the visits.
func (s *Server) openModules(ctx context.Context, h *house) error {
	return module.Start(ctx, s.config.Modules, module.House{DB: h.db, Policy: h.policy, Pages: h.pages, Routes: h.routes, API: h.calls, Jobs: h.post.queue,
		Uploads: s.Uploads, Now: s.config.Now, Logger: s.config.Logger})
}

// open lets people in: what was made last ends first.
func (s *Server) open(h *house, m *media) error {
	health := health{db: h.db, redis: h.redis, blobs: h.files, draining: &s.cluster.draining}
	health.routes(h.routes)
	registry := newRegistry()
	registry.MustRegister(metrics{engine: m.engine, host: s.cluster.host, sockets: m.sockets, events: m.events, health: health}, h.post,
		auditMetrics{h.audit, s.config.Now}, keyMetrics{s.Accounts, s.config.Now}, emergencyMetrics{s.emergency}, uploadMetrics{s.Uploads})
	handler, err := web.New(h.routes, web.Options{PublicURL: s.url, Pages: h.pages, Logger: s.config.Logger, Now: s.config.Now,
		Proxies: s.config.TrustedProxies, Observe: newRequests(registry).observe, Checks: checks()})
	if err != nil {
		return err
	}
	if err := s.serveAdmin(registry, health); err != nil {
		return err
	}
	s.serve(handler)
	s.onClose(m.echo.Close)
	s.onClose(m.sockets.Close)
	s.onClose(s.closeQueue)
	return nil
}
