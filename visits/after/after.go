// Package after is what comes after a visit, and what is written down of it: clinicians' notes, saved as they are typed, the summary for the family,
// the survey, and the visit's record. SQL owns all of it: texts are sealed, and every act is written together with its audit row.
// It must never let a note be read by anybody but the visit's clinicians and who has emergency access, never acknowledge what is not committed, and never change what was signed.
package after

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/visits"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// The actions of what comes after visits.
const (
	NoteWrite    auth.Action = "note.write"    // write a note of a visit one takes part in, and read those of the others who do
	SummaryWrite auth.Action = "summary.write" // write to the family of such a visit
	RecordRead   auth.Action = "record.read"   // see when a visit was and who was there
	SummaryRead  auth.Action = "summary.read"  // read the summary of one's visit, as the family
	SurveyAnswer auth.Action = "survey.answer" // say how one's visit went
)

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: NoteWrite, Meaning: "write notes of one's own visits, and read the other clinicians'", Roles: []auth.Role{auth.Clinician}},
	{Action: SummaryWrite, Meaning: "write summaries of one's own visits to the families", Roles: []auth.Role{auth.Clinician}},
	{Action: RecordRead, Meaning: "see when a visit was and who was there (clinicians of their own visits)", Roles: []auth.Role{auth.Clinician, auth.Coordinator, auth.Admin, auth.Program}},
	{Action: SummaryRead, Meaning: "read the summary of one's visit, with its files (of a confidential visit the patient alone)", Roles: []auth.Role{auth.Patient, auth.Guardian}},
	{Action: SurveyAnswer, Meaning: "see the page of what comes after one's visit, and say how it went", Roles: []auth.Role{auth.Patient, auth.Guardian, auth.Guest}},
}

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Locales are what this package's pages say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Config is what the package needs from outside.
type Config struct {
	DB        *store.DB
	Vault     keys.Vault // seals texts
	LinkKey   []byte     // HMAC key of the codes in links
	Visits    *visits.Service
	Sites     visits.Sites
	Outbox    *notify.Outbox // its composer is added to it
	Policy    auth.Policy
	Emergency Emergency // nil: nobody has any
	// Answered is told what somebody says of their visit, by question, and what they said before, in the transaction that keeps it; nil: nobody is.
	Answered  func(ctx context.Context, tx *store.Tx, v visits.Visit, before, now map[string]string) error
	Uploads   *uploads.Service // where files of summaries come in and are kept; nil: there are none
	Limiter   web.Limiter      // counts what one browser writes, and tries of links
	Pages     *web.Pages
	PublicURL string           // where people reach the server
	Languages []string         // tags of the languages there are
	Days      int              // how long families may read a summary and say how it went; 0: 30
	Now       func() time.Time // nil: time.Now
}

// Service is what comes after visits. Safe for use by many goroutines.
type Service struct {
	config Config
	secure bool // cookies for HTTPS only
}

// New brings the tables up to date.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.DB.Migrate(ctx, "visits_after", Migrations()); err != nil {
		return nil, err
	}
	if c.Days == 0 {
		c.Days = 30
	}
	if err := c.Pages.Add("after", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	s := &Service{config: c, secure: strings.HasPrefix(c.PublicURL, "https://")}
	c.Outbox.Compose(kindSummary, s.compose)
	return s, nil
}

// Writer is a clinician of a visit: who is signed in, or who came by a link.
type Writer struct {
	Visit      string
	Actor      auth.Actor
	Account    string // of staff; empty: they have none
	Invitation string // they came by; empty: they are signed in
}

// Signed is a writer who is signed in.
func Signed(actor auth.Actor, visit string) Writer {
	return Writer{Visit: visit, Actor: actor, Account: actor.ID}
}

// Invited is a writer who came by a link.
func Invited(e visits.Entry) Writer {
	return Writer{Visit: e.Visit.ID, Actor: auth.Actor{Kind: auth.KindInvitation, ID: e.You.ID, Role: e.You.Role}, Account: e.You.StaffID, Invitation: e.You.ID}
}

// author is whose note it is: the same person's by either way, where they have an account.
func (w Writer) author() author {
	if w.Account != "" {
		return author{auth.KindStaff, w.Account}
	}
	return author{auth.KindInvitation, w.Invitation}
}

type author struct{ kind, id string }

// of says whether the writer is one of a visit's clinicians now.
func (w Writer) of(v visits.Visit) bool {
	if w.Invitation == "" && w.Account != "" && w.Account == v.ClinicianID {
		return true
	}
	return slices.ContainsFunc(v.Invitations, func(i visits.Invitation) bool {
		mine := i.ID == w.Invitation || w.Invitation == "" && w.Account != "" && i.StaffID == w.Account
		return mine && i.Role == auth.Clinician && !i.Revoked()
	})
}

// clinical does f as one of a visit's clinicians, with its audit row. To anybody else there is no such visit.
func (s *Service) clinical(ctx context.Context, w Writer, right auth.Action, action string, f func(*store.Tx, *store.Act, visits.Visit) error) error {
	return s.act(ctx, w, right, action, func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		if !w.of(v) {
			return fault.NotFound
		}
		return f(tx, a, v)
	})
}

// authoring is clinical for what somebody does with their own note. It is also for who is signed in and wrote one while they were of the visit: nobody else can sign it. Nothing
// else of the visit is for them.
func (s *Service) authoring(ctx context.Context, w Writer, action string, f func(*store.Tx, *store.Act, visits.Visit) error) error {
	return s.act(ctx, w, NoteWrite, action, func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		if !w.of(v) {
			n, err := s.mine(ctx, tx, w)
			if err != nil {
				return err
			}
			if n.ID == "" || w.Invitation != "" {
				return fault.NotFound
			}
		}
		return f(tx, a, v)
	})
}

// act does f with a writer's visit, if the rules let them, with its audit row.
func (s *Service) act(ctx context.Context, w Writer, right auth.Action, action string, f func(*store.Tx, *store.Act, visits.Visit) error) error {
	act := store.Act{At: s.now(), Actor: w.Actor, Action: action, Subject: store.About("visit", w.Visit)}
	return s.config.DB.Do(ctx, act, s.config.Policy.May(w.Actor.Role, right), func(tx *store.Tx, a *store.Act) error {
		v, err := s.config.Visits.Read(ctx, tx, w.Visit)
		if err != nil {
			return err
		}
		return f(tx, a, v)
	})
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }

// none makes nothing of an error that says there is nothing.
func none(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// ofVisit says whether an account, which it is told twice, is one of the clinicians of the visit v.
const ofVisit = `(v.clinician_id = ? OR EXISTS (SELECT 1 FROM invitations i WHERE i.visit_id = v.id AND i.staff_id = ? AND i.role = 'clinician' AND i.revoked_at = 0))`
