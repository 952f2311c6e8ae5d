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
	"sync"
	"time"

	"housecall/auth"
	"housecall/platform/admin"
	"housecall/platform/audit"
	"housecall/platform/blobs"
	"housecall/platform/emergency"
	"housecall/platform/gate"
	"housecall/platform/keys"
	"housecall/platform/module"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/rooms"
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
	figures *figures.Service

	emergency *emergency.Service

	Accounts  *staff.Accounts
	Sites     *sites.House
	People    *people.Service
	Visits    *visits.Service
	Reminders *reminders.Service
	Blobs     *blobs.Store // large private files
	Uploads   *uploads.Service
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

// Book is everything that people read, in every language.
func Book(modules ...module.Module) (*words.Book, error) {
	return words.Load(static.Locales(), append(module.Locales(modules), web.Locales(), admin.Locales(), staff.Locales(), sites.Locales(), people.Locales(), audit.Locales(),
		emergency.Locales(), notify.Locales(), visits.Locales(), desk.Locales(), imports.Locales(), queue.Locales(), reminders.Locales(), after.Locales(), figures.Locales(), retention.Locales(), consents.Locales())...)
}

// Policy is the one table of who may do what: the rules of visits and of every part that has its own.
func Policy(modules ...module.Module) (auth.Policy, error) {
	return auth.NewPolicy(admin.Rules, sites.Rules, people.Rules, staff.Rules, audit.Rules, after.Rules, queue.Rules, reminders.Rules, emergency.Rules, notify.Rules,
		figures.Rules, retention.Rules, module.Rules(modules))
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
func (s *Server) openPractice(ctx context.Context, h *house) (err error) {
	first := sites.Site{Name: s.config.Site, Phone: s.config.Phone, Country: people.CountryOf(s.config.Phone), Calendar: sites.Calendar{Zone: s.config.TimeZone}}
	s.Sites, err = sites.New(ctx, sites.Config{DB: h.db, Policy: h.policy, Languages: h.book.Tags(), First: first, Now: s.config.Now})
	if err != nil {
		return err
	}
	s.People, err = people.New(ctx, people.Config{DB: h.db, Policy: h.policy, Sites: s.Sites, Languages: h.book.Tags(), Now: s.config.Now,
		Changed: []func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error{s.patientChanged}})
	return err
}

// firstZone is the time zone of the hospital's first site, in which staff read what is of no visit.
func (s *Server) firstZone(ctx context.Context) (*time.Location, error) {
	first, err := s.Sites.Default(ctx)
	return first.Zone, err
}

// planned is how many visits to come somebody leads, and where they are, for readers of visits. The account's page alone says it, so it is no act on a patient's data.
func (s *Server) planned(ctx context.Context, reader auth.Actor, account string) (count int, path string, err error) {
	if !s.Accounts.Policy.Allows(reader, auth.VisitRead) {
		return 0, "", nil
	}
	count, first, site, err := s.Visits.LedToCome(ctx, account)
	if err != nil || count == 0 {
		return 0, "", err
	}
	return count, desk.WeekPath(first, site, account), nil
}

// startsWords say when a visit starts by the clocks of its own site, and which these are.
func (s *Server) startsWords(ctx context.Context, v visits.Visit, own *words.Words) (string, error) {
	site, err := s.Visits.SiteOf(ctx, v)
	if err != nil {
		return "", err
	}
	return own.T("desk.at_zone", "at", own.Moment(v.StartsAt.In(site.Zone)), "zone", own.Zone(site.Zone)), nil
}

// patientChanged tells visits and what comes after them, which are opened after patients, of a patient that was changed. Once the visits have followed, nobody could
// tell which links asked for a wrong date.
func (s *Server) patientChanged(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now people.Patient) error {
	return errors.Join(s.after.FollowPatient(ctx, tx, now), s.Visits.FollowPatient(ctx, tx, actor, old, now))
}

// routePractice adds the pages of the administration, sites and patients.
func (s *Server) routePractice(_ context.Context, h *house) error {
	hub, err := admin.New(h.pages, h.policy)
	if err != nil {
		return err
	}
	places, err := sites.NewAdmin(s.Sites, h.pages)
	if err != nil {
		return err
	}
	texts, err := consents.New(s.Visits, s.Sites, h.pages)
	if err != nil {
		return err
	}
	h.patients, err = people.NewDesk(s.People, h.pages)
	if err != nil {
		return err
	}
	h.patients.Note(desk.NewVisitNote)
	h.patients.Note(h.desk.FormerNote)
	hub.Routes(h.routes)
	places.Routes(h.routes)
	texts.Routes(h.routes)
	h.patients.Routes(h.routes)
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
