// Package queue is a clinician's day: who waits for a visit and since when, what is next and what is over, on a page that stays right by itself. It owns
// nothing but the streams that wake these pages: visits are read of SQL, and who is in them is asked of the rooms, each time anew.
// It must never put a name or anything else of a person into a stream, and never show a number to call to somebody who does not lead the visit.
package queue

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what the pages of this package say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// The actions of the queue.
const (
	Read auth.Action = "queue.read"
	Lead auth.Action = "queue.lead"
)

// Rules are who may do what with the queue.
var Rules = []auth.Rule{
	{Action: Read, Meaning: "see who waits for today's visits (clinicians: of their own, and of services they have visits in)",
		Roles: []auth.Role{auth.Clinician, auth.Scheduler, auth.Coordinator, auth.Admin}},
	{Action: Lead, Meaning: "join one's own visits from the queue, call, hand over, say that they begin late, tell who waits, mark no-shows", Roles: []auth.Role{auth.Clinician}},
}

// Path is where the queue is. Its pages live below.
const Path = visits.QueuePath

// Links is the entry of the navigation of clinicians, who come home to it, and DeskLinks that of everybody else.
func Links() []web.Link { return []web.Link{{Path: Path, Words: "queue.nav", Action: Lead}} }

// DeskLinks is the entry of the navigation of those who lead no visits.
func DeskLinks() []web.Link {
	return []web.Link{{Path: Path, Words: "queue.nav", Action: auth.VisitRead}}
}

// Present is somebody in a visit's room.
type Present struct {
	Session, Invitation string
	Waiting             bool // or in the visit
	Since               time.Time
	Away                bool                // the connection is lost, and they are expected back
	Way                 string              // by which they are connected: udp, tcp, relay; empty: not known yet
	Check               *visits.DeviceCheck // of who waits; nil: none was made
}

// Rooms knows who is in live visits, on whichever node.
type Rooms interface {
	// Present gives who is there, by visit. The error says that not everything is known; what is comes with it.
	Present(context.Context) (map[string][]Present, error)

	// Tell says something to all who wait in a visit; by is a session of whoever says it. The error is fault.NotFound when nobody waits.
	Tell(ctx context.Context, visit, by string, note Note) error
}

// Note is something to tell.
type Note struct {
	ID    string // sent again, it is told once
	Text  phi.Text
	Ready string // names words that stand for Text in the reader's language; empty: none
}

// Sessions knows who is signed in.
type Sessions interface {
	// Holds says whether whoever sent a request may go on with what it is for: they are signed in still, not locked, and may do the action.
	Holds(r *http.Request, action auth.Action) bool
}

// Lateness tells the people of a visit that it begins later, by e-mail and SMS, and says how many messages go out.
type Lateness interface {
	Late(ctx context.Context, actor auth.Actor, visit string, minutes int) (messages int, err error)
}

// Config is what a queue needs from outside.
type Config struct {
	DB         *store.DB
	Visits     *visits.Service
	Sites      visits.Sites
	Patients   visits.Patients
	Colleagues visits.Colleagues
	Rooms      Rooms
	Lateness   Lateness
	Sessions   Sessions
	Policy     auth.Policy
	Pages      *web.Pages
	Now        func() time.Time
	Bell       *Bell         // is rung when who is in a room, or a visit, has changed on this node
	Every      time.Duration // how often streams look again in any case; 0: 5 s
}

// Queue is the pages and their streams. Safe for use by many goroutines.
type Queue struct {
	config  Config
	streams streams
}

// New parses the pages.
func New(c Config) (*Queue, error) {
	if c.Every == 0 {
		c.Every = 5 * time.Second
	}
	if err := c.Pages.Add("queue", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	q := &Queue{config: c}
	q.streams.begin()
	return q, nil
}

// Routes adds the pages and the stream.
func (q *Queue) Routes(routes *web.Routes) {
	read, lead := web.Staff(Read), web.Staff(Lead)
	routes.HandleFunc("GET "+Path, read, q.show)
	routes.HandleFunc("GET "+eventsPath, read, q.events)
	routes.HandleFunc("POST /v/{visit}/enter", lead, q.config.Visits.ServeEnter)
	routes.HandleFunc("GET /queue/visits/{visit}", lead, q.toQueue)
	routes.HandleFunc("POST /queue/visits/{visit}/numbers", lead, q.numbers)
	routes.HandleFunc("GET /queue/visits/{visit}/numbers", lead, q.toQueue)
	routes.HandleFunc("GET /queue/visits/{visit}/no-show", lead, q.askNoShow)
	routes.HandleFunc("POST /queue/visits/{visit}/no-show", lead, q.noShow)
	routes.HandleFunc("POST /queue/visits/{visit}/came", lead, q.came)
	routes.HandleFunc("GET /queue/visits/{visit}/late", lead, q.askLate)
	routes.HandleFunc("POST /queue/visits/{visit}/late", lead, q.late)
	routes.HandleFunc("GET /queue/visits/{visit}/tell", lead, q.askTell)
	routes.HandleFunc("POST /queue/visits/{visit}/tell", lead, q.tell)
	routes.HandleFunc("GET /queue/visits/{visit}/hand-over", lead, q.askHandOver)
	routes.HandleFunc("POST /queue/visits/{visit}/hand-over", lead, q.handOver)
}

// act does f as store.Do does, if the rules let the actor.
func (q *Queue) act(ctx context.Context, actor auth.Actor, right auth.Action, action string, about store.Subject, f func(*store.Tx, *store.Act) error) error {
	a := store.Act{At: store.Time(store.Millis(q.config.Now())), Actor: actor, Action: action, Subject: about}
	return q.config.DB.Do(ctx, a, q.config.Policy.Allows(actor, right), f)
}
