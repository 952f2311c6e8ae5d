package visits

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what calendars say of visits, and the audit of acts.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Placer finds a visit's room a node. An error means that none can take it now.
type Placer interface {
	Place(ctx context.Context, visit string) error
}

// Presence knows who is in a live visit now, and does not just wait. An error means that it cannot be found out now.
type Presence interface {
	InVisit(ctx context.Context, visit, session string) (bool, error)
}

// Config is what visits need from outside. DB and LinkKey are always needed; Passes, Placer, Presence and Limiter only for Routes,
// Chat only for what is said in visits.
type Config struct {
	DB         *store.DB
	LinkKey    []byte // HMAC key of the codes in links
	Passes     auth.Issuer
	Relay      auth.Relay     // makes credentials for the relay
	RelayURLs  []string       // where browsers find it (RFC 7065); none: there is none
	Chat       keys.Vault     // seals what is said
	PublicURL  string         // where people reach the server, as in https://visits.example.org
	Site       string         // the hospital's name, shown to families
	Phone      string         // the hospital's number for when nothing else works; empty: none
	Languages  []string       // tags of the languages a person may be said to read
	Words      *words.Book    // what calendar files say; needed for Routes
	MailFrom   string         // whom the hospital's e-mail is from (RFC 5322); empty: it sends none
	Sends      Ways           // what it writes to people by
	TimeZone   *time.Location // the hospital's, in which a patient's age is counted; nil: UTC
	Consent    *ConsentTexts  // what families are asked to consent to before a visit; nil: nothing
	Sites      Sites          // nil: visits name none
	Patients   Patients       // nil: likewise
	Colleagues Colleagues     // nil: likewise
	Emergency  Emergency      // nil: nobody has any
	Placer     Placer
	Presence   Presence
	Changed    []func(context.Context, *store.Tx, Change) error    // are told of every change of a visit, in the transaction of the act
	RoomEvents []func(context.Context, *store.Tx, RoomEvent) error // are told of what happens in rooms, in the transaction of the event
	Limiter    web.Limiter                                         // counts redemptions by network
	Window     Window                                              // zero: DefaultWindow
	Now        func() time.Time                                    // nil: time.Now
	Random     io.Reader                                           // nil: crypto/rand
	Logger     *slog.Logger                                        // nil: silence
}

// Service is the appointments. Safe for use by many goroutines.
type Service struct {
	config Config
	secure bool          // cookies for HTTPS only
	seen   int64         // the last removal that Watch need not tell
	nudge  chan struct{} // wakes Watch after an act of this process
}

// New brings the tables up to date and keeps the texts of Config.Consent in them.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Window == (Window{}) {
		c.Window = DefaultWindow()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TimeZone == nil {
		c.TimeZone = time.UTC
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "visits", Migrations()); err != nil {
		return nil, err
	}
	s := &Service{config: c, secure: strings.HasPrefix(c.PublicURL, "https://"), nudge: make(chan struct{}, 1)}
	// Whoever was removed a moment before this Service was made may hold credentials for the relay yet.
	if err := c.DB.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM visit_removals`).Scan(&s.seen); err != nil {
		return nil, fmt.Errorf("visits: %w", err)
	}
	s.seen = max(s.seen-toldAgain, 0)
	if err := s.keepConsent(ctx); err != nil {
		return nil, fmt.Errorf("visits: %w", err)
	}
	return s, nil
}

// Create plans a visit and returns a link for each person, in their order. What is wrong with r is a fault.NotValid that names each field; where the clinician
// or the patient has another visit then, it is a conflict that lists these, unless r allows it.
func (s *Service) Create(ctx context.Context, actor auth.Actor, r Request) (Visit, []Link, error) {
	var p Practice
	if actor.May(auth.VisitSchedule) { // or it would be told what is known
		r, p = s.dress(ctx, r)
	}
	v := s.visitOf(r, store.NewID(), s.now())
	var links []Link
	err := s.act(ctx, actor, "visit.create", auth.VisitSchedule, store.About("visit", v.ID), func(tx *store.Tx, a *store.Act) (err error) {
		if err := s.judge(r, p); err != nil {
			return err
		}
		if err := checkIdentifier(ctx, tx, v.Identifier); err != nil {
			return err
		}
		if err := s.checkOverlaps(ctx, tx, v, r.AllowOverlap); err != nil {
			return err
		}
		if err := s.keepPatient(ctx, tx, actor, r); err != nil {
			return err
		}
		links, err = s.insert(ctx, tx, actor, &v, r)
		a.Detail = "people " + strconv.Itoa(len(links))
		return err
	})
	if err != nil {
		return Visit{}, nil, err
	}
	return v, links, nil
}

// dress tidies a request and fills it with what the hospital knows. A service that is named by its name alone is that service.
func (s *Service) dress(ctx context.Context, r Request) (Request, Practice) {
	r = r.tidy()
	p := s.practiceOf(ctx, r.booking(), r.NewPatient, r.People, func(i int) string { return fmt.Sprintf("people[%d].", i) })
	if r.ServiceID == "" {
		s.find(ctx, &p, r.Service)
	}
	return p.fill(r), p
}

// judge says everything that is wrong with a request that was dressed.
func (s *Service) judge(r Request, p Practice) error {
	wrong, err := s.wrongs(r, p)
	if err != nil {
		return err
	}
	return fault.InvalidAll(wrong...)
}

// Wrong is everything that is wrong with a request, as Create would find it. An error is none of the request. It asks no rules: whoever calls does.
func (s *Service) Wrong(ctx context.Context, r Request) ([]fault.Field, error) {
	return s.wrongs(s.dress(ctx, r))
}

// wrongs is everything that is wrong with a request that was dressed. An error is none of the request.
func (s *Service) wrongs(r Request, p Practice) ([]fault.Field, error) {
	return append(r.check(s.now(), s.config.Window, s.config.Languages), p.check(r)...), p.problems
}

// visitOf is the visit that a dressed request asks for.
func (s *Service) visitOf(r Request, id string, now time.Time) Visit {
	v := Visit{ID: id, Service: r.Service, State: Scheduled, StateAt: now, AskBirthDate: r.AskBirthDate, BirthDate: r.BirthDate, CreatedAt: now, Booking: r.booking()}
	s.setTimes(&v, r.StartsAt, r.Minutes)
	return v
}

// setTimes sets when a visit is, and with it when its links work.
func (s *Service) setTimes(v *Visit, starts time.Time, minutes int) {
	v.StartsAt = starts.UTC().Truncate(time.Second)
	v.EndsAt = v.StartsAt.Add(time.Duration(minutes) * time.Minute)
	v.OpensAt, v.ClosesAt = v.StartsAt.Add(-s.config.Window.OpensBefore), v.EndsAt.Add(s.config.Window.ClosesAfter)
}

// keepPatient keeps the patient of a request who is not kept yet.
func (s *Service) keepPatient(ctx context.Context, tx *store.Tx, actor auth.Actor, r Request) error {
	if r.NewPatient == nil {
		return nil
	}
	return s.config.Patients.Insert(ctx, tx, actor, *r.NewPatient)
}

// insert writes a visit with which nothing is wrong, with an invitation for each person.
func (s *Service) insert(ctx context.Context, tx *store.Tx, actor auth.Actor, v *Visit, r Request) (links []Link, err error) {
	if err := insertVisit(ctx, tx, *v, actor); err != nil {
		return nil, err
	}
	for _, p := range r.People {
		i := p.invitation(v.ID, v.CreatedAt)
		if err := s.insertInvitation(ctx, tx, i); err != nil {
			return nil, err
		}
		v.Invitations = append(v.Invitations, i)
		links = append(links, Link{Invitation: i, URL: s.linkURL(i.ID, i.Generation)})
	}
	return links, s.changed(ctx, tx, ChangeCreated, *v, "")
}

// Show returns one visit with its invitations.
func (s *Service) Show(ctx context.Context, actor auth.Actor, visit string) (Visit, error) {
	return s.ShowIf(ctx, actor, visit, anyVisit)
}

// ShowIf is Show of a visit that is right as it is, which judge says within the act: what is refused then is not read.
func (s *Service) ShowIf(ctx context.Context, actor auth.Actor, visit string, judge func(Visit) error) (Visit, error) {
	var v Visit
	err := s.act(ctx, actor, "visit.read", auth.VisitRead, store.About("visit", visit), func(tx *store.Tx, _ *store.Act) error {
		read, err := s.visitWhole(ctx, tx, visit)
		if err == nil {
			err = judge(read)
		}
		if err == nil {
			v = read
		}
		return err
	})
	return v, err
}

// Has judges that somebody is invited to a visit, and right as they are.
func Has(person string, judge func(Visit, Invitation) error) func(Visit) error {
	return func(v Visit) error {
		at := slices.IndexFunc(v.Invitations, func(i Invitation) bool { return i.ID == person })
		if at < 0 {
			return fault.NotFound
		}
		return judge(v, v.Invitations[at])
	}
}

// Cancel calls a visit off: its links stop working and whoever is in it is cut off. A visit that has begun counts as ended. Cancelling twice
// changes nothing; a visit that took place cannot be cancelled.
func (s *Service) Cancel(ctx context.Context, actor auth.Actor, visit string) error {
	return s.CancelIf(ctx, actor, visit, anyVisit)
}

// anyVisit judges that a visit is right, however it is.
func anyVisit(Visit) error { return nil }

// CancelIf is Cancel for a visit that is right as it is, which judge says within the act.
func (s *Service) CancelIf(ctx context.Context, actor auth.Actor, visit string, judge func(Visit) error) error {
	return s.wake(s.act(ctx, actor, "visit.cancel", auth.VisitRevoke, store.About("visit", visit), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitWhole(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := judge(v); err != nil {
			return err
		}
		return s.cancel(ctx, tx, a, visit)
	}))
}

// cancel calls a visit off within an act.
func (s *Service) cancel(ctx context.Context, tx *store.Tx, a *store.Act, visit string) error {
	v, err := s.visitRow(ctx, tx, visit)
	if err != nil {
		return err
	}
	to, ok := next(v.State, eventCancel)
	if !ok {
		return conflict("visit_over.cancel", "The visit is over already, so it cannot be cancelled.")
	}
	a.Detail = string(v.State) + " to " + string(to)
	if to == v.State {
		return nil
	}
	if to == Cancelled {
		v = v.Again()
		if err := setSchedule(ctx, tx, v); err != nil {
			return err
		}
	}
	return s.setState(ctx, tx, v, to, s.now())
}

// act does f as store.Do does, after asking the rules when right is not empty.
func (s *Service) act(ctx context.Context, actor auth.Actor, action string, right auth.Action, about store.Subject, f func(*store.Tx, *store.Act) error) error {
	a := store.Act{At: s.now(), Actor: actor, Action: action, Subject: about}
	return s.config.DB.Do(ctx, a, right == "" || actor.May(right), f)
}

// wake lets Watch look at once when an act that may have removed somebody went well, and hands its error on.
func (s *Service) wake(err error) error {
	if err != nil {
		return err
	}
	select {
	case s.nudge <- struct{}{}:
	default: // it will look anyway
	}
	return nil
}

// Over says whether a visit's links work no more, whatever they may tell.
func (s *Service) Over(v Visit) bool { return s.ended(v) || !s.now().Before(v.ClosesAt) }

// ended says whether nothing of a visit goes on. To a no-show somebody may come until its window closes.
func (s *Service) ended(v Visit) bool {
	return v.State.Over() && (v.State != NoShow || !s.now().Before(v.ClosesAt))
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }
