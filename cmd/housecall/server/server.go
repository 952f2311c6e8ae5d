// Package server wires a whole Housecall server together: it opens what lasts, makes each room of the house, fills the small interfaces they
// declare, and serves them on one port. A Server owns everything it made and ends it in Close.
// It must never hold logic of its own: what happens in a visit, on a page or to a packet lives in the package it belongs to.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/audit"
	"housecall/platform/blobs"
	"housecall/platform/bucket"
	"housecall/platform/emergency"
	"housecall/platform/gate"
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
	"housecall/visits/figures"
	"housecall/visits/imports"
	"housecall/visits/queue"
	"housecall/visits/reminders"
)

// Version of the program; release builds set it with -ldflags "-X housecall/cmd/housecall/server.Version=…".
var Version = "development"

// closeWithin is how long Close waits for connections and rooms to end.
const closeWithin = 10 * time.Second

// Server is a running server.
type Server struct {
	config  Config
	url     string     // where people reach it
	gate    *gate.Gate // the TCP port: pages here; its ICE() and TURN() belong to media
	http    *http.Server
	admin   net.Addr       // of the operators' listener; nil: there is none
	work    sync.WaitGroup // goroutines of this package
	failed  chan error     // the listener's end, when nobody asked for it
	closing []func(context.Context) error
	cluster cluster
	bell    queue.Bell
	queue   *queue.Queue // nil: it is not open yet
	routes  *web.Routes
	after   *after.Service

	emergency *emergency.Service

	Accounts  *staff.Accounts
	Sites     *sites.House
	People    *people.Service
	Visits    *visits.Service
	Reminders *reminders.Service
	Blobs     *blobs.Store // large private files
}

// New starts a server; it serves when New returns. The context ends nothing: Close does.
func New(ctx context.Context, c Config) (*Server, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Server{config: c.WithDefaults(), failed: make(chan error, 2)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// URL is where people reach the server, without a slash at its end.
func (s *Server) URL() string { return s.url }

// Failed gives the error of a server that ended by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// onClose has end called by Close, the last one given first.
func (s *Server) onClose(end func(context.Context) error) { s.closing = append(s.closing, end) }

// Close sends everybody away to come back later and ends everything, what was made last first. A second call changes nothing.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	var all []error
	for i := len(s.closing) - 1; i >= 0; i-- {
		all = append(all, s.closing[i](ctx))
	}
	s.closing = nil
	return errors.Join(all...)
}

func (s *Server) start(ctx context.Context) error {
	db, ring, err := s.openStore(ctx)
	if err != nil {
		return err
	}
	files, err := bucket.Open(s.config.Blobs)
	if err != nil {
		return fmt.Errorf("--blobs: %w", err)
	}
	s.onClose(func(context.Context) error { files.Close(); return nil })
	s.Blobs = blobs.New(files, ring.Blobs())
	leases, once, redis, err := s.openShared()
	if err != nil {
		return err
	}
	media, err := s.listen(ctx, db, ring)
	if err != nil {
		return err
	}
	overTCP := s.gate.ICE()
	if s.config.UDPOnly {
		overTCP = nil
	}
	engine, err := sfu.NewEngine(sfu.Config{Conn: media, TCP: overTCP, Addresses: s.config.MediaAddresses, Logger: s.config.Logger, Now: s.config.Now})
	if err != nil {
		return errors.Join(fmt.Errorf("starting media: %w", err), media.Close())
	}
	s.onClose(func(context.Context) error { return engine.Close() })
	s.findAddresses(ctx, engine)

	gatekeeper := newGatekeeper(auth.Relay{Key: ring.Relay(), Now: s.config.Now})
	if err := s.startRelay(s.gate.TURN(), engine, gatekeeper); err != nil {
		return err
	}
	kid, key := ring.Passes()
	events := newEventQueue(s.config.Logger)
	s.onClose(events.close)
	err = s.openCluster(leases, ring, rooms.Config{Now: s.config.Now, Logger: s.config.Logger, Events: events.put, Changed: s.bell.Room,
		Transcript: records{s}, Write: records{s}.write})
	if err != nil {
		return err
	}
	host, placer := s.cluster.host, s.cluster.placer()

	book, err := Book(s.config.Modules...)
	if err != nil {
		return fmt.Errorf("loading the catalogues: %w", err)
	}
	pages, err := web.NewPages(s.config.Site, book, static.Path)
	if err != nil {
		return err
	}
	post, err := s.openPost(ctx, db, ring)
	if err != nil {
		return err
	}
	policy, err := Policy(s.config.Modules...)
	if err != nil {
		return err
	}
	s.Accounts, err = staff.New(ctx, staff.Config{DB: db, Limiter: once, Pages: pages, PublicURL: s.url, Home: "/",
		Links: slices.Concat(queue.Links(), visits.DeskLinks(), queue.DeskLinks(), after.Links(), people.Links(), sites.Links(), staff.Links(), audit.Links(), emergency.Links(), notify.Links(),
			figures.Links(), module.Links(s.config.Modules)), Policy: policy, Site: s.config.Site, Vault: ring.Staff(), Zone: s.config.TimeZone,
		Idle: s.config.Staff.Idle, KeyLife: s.config.Staff.KeyLife, Banner: s.emergencyBanner, RequireSecond: s.config.Staff.RequireSecond, SignOn: s.config.Staff.signOn(), Now: s.config.Now})
	if err != nil {
		return err
	}
	if err := s.openEmergency(ctx, db, ring, post, pages, policy); err != nil {
		return err
	}
	auditLog, err := s.sealAudit(db, ring)
	if err != nil {
		return err
	}
	if err := s.openPractice(ctx, db, policy, book.Tags()); err != nil {
		return err
	}
	consent, err := s.readConsent()
	if err != nil {
		return err
	}
	s.Visits, err = visits.New(ctx, visits.Config{DB: db, LinkKey: ring.Link(), Chat: ring.Chat(), Passes: auth.Issuer{Kid: kid, Key: key, Issuer: s.url, Now: s.config.Now},
		Relay: gatekeeper.credentials, RelayURLs: s.config.RelayURLs(s.url),
		PublicURL: s.url, Site: s.config.Site, Phone: s.config.Phone, Window: s.config.Window, TimeZone: s.config.TimeZone,
		Languages: book.Tags(), Words: book, MailFrom: s.config.MailFrom, Consent: consent, Sites: s.Sites, Patients: s.People, Colleagues: s.Accounts, Placer: placer, Presence: placer, Changed: append(post.changed(), s.visitChanged), Limiter: once,
		Emergency: s.emergency, RoomEvents: []func(context.Context, *store.Tx, visits.RoomEvent) error{s.keepEvent},
		Now: s.config.Now, Logger: s.config.Logger})
	if err != nil {
		return err
	}
	desk, err := visits.NewDesk(s.Visits, pages, s.config.TimeZone, imports.Links()...)
	if err != nil {
		return err
	}
	sockets := signaling.New(signaling.Config{Rooms: host, Engine: engine, Once: once, People: attendees{s.Visits}, PublicURL: s.url,
		Verifier: auth.Verifier{Keys: ring.PassKey, Issuer: s.url, Now: s.config.Now}, Logger: s.config.Logger})
	echo := signaling.NewEcho(signaling.EchoConfig{Engine: engine, Callers: s.Visits, Limiter: once, Logger: s.config.Logger})
	events.start(s.Visits)
	s.watch(host, gatekeeper)

	routes := web.NewRoutes(s.Accounts.Guards())
	s.routes = routes
	s.Accounts.Routes(routes)
	s.emergency.Routes(routes)
	s.Visits.Routes(routes)
	keyed, err := s.openIdempotency(ctx, db, ring, post.queue)
	if err != nil {
		return err
	}
	calls := api.New(routes, Version, keyed)
	s.Visits.API(calls)
	s.People.API(calls)
	s.Sites.API(calls)
	desk.Routes(routes)
	if err := s.startReminders(db, post, policy, book, pages, routes); err != nil {
		return err
	}
	if err := s.routeAudit(routes, db, pages, policy); err != nil {
		return err
	}
	if err := s.routePractice(routes, pages); err != nil {
		return err
	}
	if err := s.routeImports(ctx, db, ring, routes, pages); err != nil {
		return err
	}
	if err := s.openAfter(ctx, db, ring, post, policy, once, pages, book.Tags(), routes, calls); err != nil {
		return err
	}
	s.routeFHIR(routes, keyed)
	if err := s.openQueue(db, policy, pages, routes); err != nil {
		return err
	}
	err = module.Start(ctx, s.config.Modules, module.House{DB: db, Policy: policy, Pages: pages, Routes: routes, API: calls, Jobs: post.queue,
		Now: s.config.Now, Logger: s.config.Logger})
	if err != nil {
		return err
	}
	if err := s.openFigures(ctx, db, post, pages, policy, routes); err != nil {
		return err
	}
	s.startPost(post)
	s.routeRooms(routes, sockets, echo)
	routePages(routes, book)
	health := health{db: db, redis: redis, blobs: files, draining: &s.cluster.draining}
	health.routes(routes)
	registry := newRegistry()
	registry.MustRegister(metrics{engine: engine, host: host, sockets: sockets, events: events, health: health}, post, auditMetrics{auditLog, s.config.Now}, keyMetrics{s.Accounts, s.config.Now}, emergencyMetrics{s.emergency})
	handler, err := web.New(routes, web.Options{PublicURL: s.url, Pages: pages, Logger: s.config.Logger, Now: s.config.Now,
		Proxies: s.config.TrustedProxies, Observe: newRequests(registry).observe, Checks: checks()})
	if err != nil {
		return err
	}
	if err := s.serveAdmin(registry, health); err != nil {
		return err
	}
	s.serve(handler)
	s.onClose(echo.Close)
	s.onClose(sockets.Close)
	s.onClose(s.closeQueue)
	return nil
}

// Book is everything that people read, in every language.
func Book(modules ...module.Module) (*words.Book, error) {
	return words.Load(static.Locales(), append(module.Locales(modules), web.Locales(), staff.Locales(), sites.Locales(), people.Locales(), visits.Locales(), after.Locales(), queue.Locales(), reminders.Locales(), audit.Locales(),
		emergency.Locales(), notify.Locales(), figures.Locales(), imports.Locales(),
	)...)
}

// Policy is the one table of who may do what: the rules of visits and of every part that has its own.
func Policy(modules ...module.Module) (auth.Policy, error) {
	return auth.NewPolicy(sites.Rules, people.Rules, staff.Rules, audit.Rules, after.Rules, queue.Rules, reminders.Rules,
		emergency.Rules, notify.Rules,
		figures.Rules,
		module.Rules(modules))
}

// Routes are all routes that people and programs reach, each with who may use it.
func (s *Server) Routes() []web.Route { return s.routes.All() }

// routePages adds what is the same for everybody.
func routePages(routes *web.Routes, book *words.Book) {
	page := static.Page(func(r *http.Request) string { return book.For(r).Tag })
	opens := web.Public("it learns whose link was opened from the browser alone")
	routes.Handle("GET /v", opens, page)
	routes.Handle("GET /v/{visit}/{$}", opens, page)
	routes.Handle("GET /static/", web.Public("style sheets, scripts and words"), static.Handler())
}

// openStore opens the database and the keys in it.
func (s *Server) openStore(ctx context.Context) (*store.DB, *keys.Ring, error) {
	db, err := store.Open(ctx, s.config.Database, store.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the database: %w", err)
	}
	s.onClose(func(context.Context) error { return db.Close() })
	ring, err := keys.Open(ctx, db, s.config.KeyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the keys: %w", err)
	}
	return db, ring, nil
}

// openPractice opens what the hospital knows of itself and of its patients. The first start makes a site of the options.
func (s *Server) openPractice(ctx context.Context, db *store.DB, policy auth.Policy, languages []string) (err error) {
	first := sites.Site{Name: s.config.Site, Phone: s.config.Phone, Country: people.CountryOf(s.config.Phone), Calendar: sites.Calendar{Zone: s.config.TimeZone}}
	s.Sites, err = sites.New(ctx, sites.Config{DB: db, Policy: policy, Languages: languages, First: first, Now: s.config.Now})
	if err != nil {
		return err
	}
	s.People, err = people.New(ctx, people.Config{DB: db, Policy: policy, Sites: s.Sites, Languages: languages, Now: s.config.Now})
	return err
}

// routePractice adds the pages of sites and patients.
func (s *Server) routePractice(routes *web.Routes, pages *web.Pages) error {
	admin, err := sites.NewAdmin(s.Sites, pages)
	if err != nil {
		return err
	}
	desk, err := people.NewDesk(s.People, pages)
	if err != nil {
		return err
	}
	admin.Routes(routes)
	desk.Routes(routes)
	return nil
}

// readConsent reads what families are asked to consent to; nil: nothing.
func (s *Server) readConsent() (*visits.ConsentTexts, error) {
	if s.config.Consent == "" {
		return nil, nil
	}
	texts, err := visits.ReadConsent(s.config.ConsentFolder())
	if err != nil {
		return nil, fmt.Errorf("reading what to ask consent to: %w", err)
	}
	return texts, nil
}

// openShared opens what nodes agree on; redis is nil when it is this node's memory.
func (s *Server) openShared() (rooms.Leases, rooms.Once, *rooms.Redis, error) {
	if s.config.Redis == "" {
		return rooms.NewMemoryLeases(s.config.Now), rooms.NewMemoryOnce(s.config.Now), nil, nil
	}
	redis, err := rooms.OpenRedis(s.config.Redis)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("opening Redis: %w", err)
	}
	s.onClose(func(context.Context) error { return redis.Close() })
	return rooms.NewRedisLeases(redis), rooms.NewRedisOnce(redis, s.config.Now), redis, nil
}

// watch shows out whoever's link was withdrawn, and everybody whose visit is over.
func (s *Server) watch(host *rooms.Host, gatekeeper *gatekeeper) {
	ctx, cancel := context.WithCancel(context.Background())
	s.work.Go(func() {
		s.Visits.Watch(ctx, func(visit, invitation string, number int64) {
			gatekeeper.remove(visit, invitation, number)
			if invitation == "" {
				host.End(visit)
				return
			}
			host.Remove(visit, invitation, number)
		})
	})
	s.onClose(func(context.Context) error {
		cancel()
		s.work.Wait()
		return nil
	})
}

// serve answers requests until Close.
func (s *Server) serve(handler http.Handler) {
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ConnState:         s.gate.ConnState,
	}
	s.work.Go(func() {
		if err := s.http.Serve(s.gate.HTTP()); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving pages: %w", err)
		}
	})
	s.onClose(func(ctx context.Context) error {
		if err := s.http.Shutdown(ctx); err != nil {
			return errors.Join(err, s.http.Close())
		}
		return nil
	})
}

// attendees tells signaling who a session belongs to.
type attendees struct{ visits *visits.Service }

func (p attendees) Person(ctx context.Context, visit, session string) (signaling.Person, error) {
	a, err := p.visits.Attendee(ctx, visit, session)
	return signaling.Person{Invitation: a.Invitation, Name: a.Name, Role: a.Role, Checked: a.Checked}, err
}
