// Package reminders tells the people of a visit by e-mail and SMS when it is, that it has moved or was called off, and reminds them of it before.
// The outbox (platform/notify) owns what was sent; this package decides what is due, in jobs that the acts of visits put into their own transactions, and makes
// each text when it is sent, from what holds then. It must never say why somebody comes or name anybody, and never put a link into a message that opens without
// the date of birth.
package reminders

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/notify"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/calendar"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what messages and this package's pages say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Late is telling people that a visit begins later.
const Late auth.Action = "visit.late"

// Rules are who may do that.
var Rules = []auth.Rule{{Action: Late, Meaning: "tell the people of a visit that it begins later (clinicians: of their own)", Roles: []auth.Role{auth.Clinician, auth.Scheduler, auth.Admin, auth.Program}}}

// The kinds of job. The key of the first two is the visit's id.
const (
	jobChanged = "visits.changed" // something of the visit has changed
	jobStep    = "visits.remind"  // the time of a reminder has come
	jobPlan    = "visits.plan"    // visits are there that nothing was planned for; the key is planKey
)

// Changed is for visits.Config.Changed: it has people told of a change, and stops what would tell them what held before.
func Changed(queue *jobs.Queue, outbox *notify.Outbox) func(context.Context, *store.Tx, visits.Change) error {
	return func(ctx context.Context, tx *store.Tx, c visits.Change) error {
		switch c.Kind {
		case visits.ChangeOpened, visits.ChangeStarted, visits.ChangeLinkShown:
			return nil
		case visits.ChangeMoved, visits.ChangeCancelled, visits.ChangeEnded, visits.ChangeNoShow:
			if err := outbox.Stop(ctx, tx, c.VisitID); err != nil {
				return err
			}
		case visits.ChangeRevoked: // who never heard of the visit needs not hear that they are out of it
			if err := outbox.StopKeys(ctx, tx, c.VisitID, key{visit: c.VisitID, invitation: c.InvitationID}.person()); err != nil {
				return err
			}
		}
		return queue.Put(ctx, tx, jobs.Job{Kind: jobChanged, Key: c.VisitID, At: queue.Now()})
	}
}

// Visits are the appointments.
type Visits interface {
	Show(ctx context.Context, actor auth.Actor, id string) (visits.Visit, error)
	Visit(ctx context.Context, id string) (visits.Visit, error)
	InSeries(ctx context.Context, series string) ([]visits.Visit, error)
	VisitIn(ctx context.Context, tx *store.Tx, id string) (visits.Visit, error)
	VisitsOf(ctx context.Context, q store.Queryer, ids []string) (map[string]visits.Visit, error)
	ListOf(ctx context.Context, actor auth.Actor, ids []string) (map[string]visits.Visit, error)
	ReachOf(ctx context.Context, v visits.Visit, i visits.Invitation) (visits.Reach, error)
	LinkToSend(v visits.Visit, i visits.Invitation) string
	CalendarEvent(ctx context.Context, v visits.Visit, i visits.Invitation, own *words.Words) (calendar.Event, error)
	SiteOf(ctx context.Context, v visits.Visit) (sites.Site, error)
	Upcoming(ctx context.Context, after string, limit int) ([]visits.Visit, error)
	KeepLate(ctx context.Context, tx *store.Tx, v visits.Visit, minutes int) error
}

// Config is what reminders need from outside.
type Config struct {
	DB     *store.DB
	Jobs   *jobs.Queue    // of the same database; handlers are added to it
	Outbox *notify.Outbox // likewise; composers are added to it
	Visits Visits
	Policy auth.Policy
	Words  *words.Book
	Steps  []Step           // when people are reminded; nil: DefaultSteps
	Now    func() time.Time // nil: time.Now

}

// Service tells people. Safe for use by many goroutines.
type Service struct{ config Config }

// New gives the queue its handlers and the outbox its texts. Call it before they run.
func New(c Config) *Service {
	if c.Steps == nil {
		c.Steps = DefaultSteps()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c}
	c.Jobs.Handle(jobChanged, s.tell)
	c.Jobs.Handle(jobStep, s.tell)
	c.Jobs.Handle(jobPlan, s.planRest)
	for _, kind := range kinds() {
		c.Outbox.Compose(kind, s.compose)
	}
	return s
}

// tell has everybody of a visit told what they should know by now: the handler of both kinds of job.
func (s *Service) tell(ctx context.Context, j jobs.Job) error {
	v, err := s.config.Visits.Visit(ctx, j.Key)
	if errors.Is(err, fault.NotFound) {
		return nil // there is nobody left to tell
	}
	if err != nil {
		return err
	}
	all, err := s.addressees(ctx, v)
	if err != nil {
		return err
	}
	p, err := s.plan(ctx, v)
	if err != nil {
		return err
	}
	var messages []notify.Message
	planned := false // and somebody is to be told of it with others of its series
	for _, a := range all {
		switch kind, k, due := p.due(a); {
		case due && kind == kindConfirmed && v.SeriesID != "":
			planned = true
		case due:
			messages = append(messages, a.message(kind, k, p.now))
		}
	}
	if planned {
		of, err := s.confirmations(ctx, v.SeriesID)
		if err != nil {
			return err
		}
		messages = append(messages, of...)
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Done(ctx, tx); err != nil {
			return err
		}
		still, err := s.still(ctx, tx, messages)
		if err != nil {
			return err
		}
		for _, m := range still {
			if err := s.config.Outbox.Put(ctx, tx, m); err != nil {
				return err
			}
		}
		if times := p.times(); len(times) > 0 {
			return s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: jobStep, Key: v.ID, At: times[0]})
		}
		return nil
	})
}

// still leaves of messages those about visits that are as they were when somebody decided on them, and so of their parts. What has changed since is told by the
// job that the change has put: it must not find that people are about to be told of what is so no more.
func (s *Service) still(ctx context.Context, tx *store.Tx, all []notify.Message) (left []notify.Message, err error) {
	var ids []string
	for _, m := range all {
		ids = append(ids, m.About)
		for _, part := range m.Parts {
			ids = append(ids, part.About)
		}
	}
	now, err := s.config.Visits.VisitsOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	changed := func(kind, of string) bool {
		k, err := parseKey(of)
		v, there := now[k.visit]
		return err != nil || !there || k.sequence != v.Sequence || v.State.Over() && kind != kindCancelled && kind != kindUninvited
	}
	for _, m := range all {
		switch several := len(m.Parts) > 0; {
		case !several && changed(m.Kind, m.Key):
			continue
		case several:
			m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(part notify.Part) bool { return changed(m.Kind, part.Key) })
			if len(m.Parts) == 0 {
				continue
			}
		}
		left = append(left, m)
	}
	return left, nil
}

// addressees are the people of a visit by each channel there is to them.
func (s *Service) addressees(ctx context.Context, v visits.Visit) (all []addressee, err error) {
	for _, i := range v.Invitations {
		reach, err := s.config.Visits.ReachOf(ctx, v, i)
		if err != nil {
			return nil, fmt.Errorf("find out how to write to somebody: %w", err)
		}
		for _, a := range []addressee{{i, notify.Email, reach.Email, reach.Language}, {i, notify.SMS, reach.Phone, reach.Language}} {
			if a.to != "" && s.config.Outbox.Sends(a.channel) {
				all = append(all, a)
			}
		}
	}
	return all, nil
}

// Hearers are the people of a visit who hear in a message what has become of it, by the ids of their invitations. Where the visit is as a change would make it, they
// are those who would.
func (s *Service) Hearers(ctx context.Context, v visits.Visit) (map[string]bool, error) {
	all, err := s.addressees(ctx, v)
	if err != nil {
		return nil, err
	}
	p, err := s.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	hearers := map[string]bool{}
	for _, a := range all {
		if !a.invitation.Revoked() && p.hears(a) {
			hearers[a.invitation.ID] = true
		}
	}
	return hearers, nil
}

// plan reads what has been said about a visit.
func (s *Service) plan(ctx context.Context, v visits.Visit) (plan, error) {
	site, err := s.config.Visits.SiteOf(ctx, v)
	if err != nil {
		return plan{}, err
	}
	p := plan{visit: v, steps: s.config.Steps, zone: site.Zone, now: s.now(), links: func(i visits.Invitation) bool { return s.config.Visits.LinkToSend(v, i) != "" }}
	statuses, err := s.config.Outbox.About(ctx, v.ID)
	if err != nil {
		return plan{}, err
	}
	for _, m := range statuses {
		if m.State == notify.Stopped || !slices.Contains(kinds(), m.Kind) {
			continue
		}
		k, err := parseKey(m.Key)
		if err != nil {
			return plan{}, err
		}
		p.said = append(p.said, said{k, m.Kind, m.Channel, m.State, m.At, m.Part})
	}
	return p, nil
}

// zones looks up time zones of visits, each site's once.
func (s *Service) zones(ctx context.Context) func(visits.Visit) (*time.Location, error) {
	known := map[string]*time.Location{}
	return func(v visits.Visit) (*time.Location, error) {
		if zone, there := known[v.SiteID]; there {
			return zone, nil
		}
		site, err := s.config.Visits.SiteOf(ctx, v)
		known[v.SiteID] = site.Zone
		return site.Zone, err
	}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }
