// Package emergency is access to what is not one's own, when it cannot wait: whoever says why gets one patient, or one visit, for one hour. Administrators are
// told at once, every use is in the audit with the grant's id, and each grant is to be reviewed. Its tables own the grants; what they open belongs to others, who
// ask Use in the transaction of the act.
// It must never open more than one patient or visit, never for longer than an hour, and never without telling.
package emergency

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// The actions of emergency access.
const (
	Open   auth.Action = "emergency.open"   // see a patient or a visit that is not one's own
	Review auth.Action = "emergency.review" // see who did, why, and judge it
)

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Open, Meaning: "get emergency access to one patient or visit, for an hour, with a reason", Roles: []auth.Role{auth.Clinician, auth.Coordinator}},
	{Action: Review, Meaning: "see and judge emergency access", Roles: []auth.Role{auth.Admin}},
}

// Life is how long emergency access lasts.
const Life = time.Hour

// Of what somebody says about it, in characters.
const minReason, maxReason = 10, 1000

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Locales are what the pages and messages say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Verdict is what an administrator thinks of a grant.
type Verdict string

// The verdicts.
const (
	Accepted   Verdict = "accepted"
	Questioned Verdict = "questioned"
)

// Grant is emergency access that somebody got.
type Grant struct {
	ID         string
	Account    string        // whose it is
	About      store.Subject // a patient or a visit
	Reason     phi.Text
	Opened     time.Time
	Ends       time.Time
	Uses       int
	Verdict    Verdict // empty: nobody has looked at it
	Words      phi.Text
	ReviewedBy string // an account
	Reviewed   time.Time
}

// Config is what emergency access needs from outside.
type Config struct {
	DB        *store.DB
	Policy    auth.Policy
	Vault     keys.Vault // seals reasons
	Jobs      *jobs.Queue
	Outbox    *notify.Outbox
	Pages     *web.Pages
	Records   Records
	Reviewers func(context.Context, store.Queryer) ([]Recipient, error)     // who is told
	Names     func(context.Context, ...string) (map[string]phi.Text, error) // of accounts, by their ids
	PublicURL string
	Zone      func(context.Context) (*time.Location, error) // in which the times of grants are told: the first site's
	Now       func() time.Time
}

// Service is emergency access. Safe for use by many goroutines.
type Service struct{ config Config }

const (
	endJob      = "emergency.end"
	openedMail  = "emergency.opened"
	grantKind   = "emergency_grant" // of subjects in the audit
	patientKind = "patient"
	visitKind   = "visit"
)

// New brings the tables up to date, and gives the queue and the outbox what they need for it.
func New(ctx context.Context, c Config) (*Service, error) {
	if err := c.DB.Migrate(ctx, "emergency", Migrations()); err != nil {
		return nil, err
	}
	if err := c.Pages.Add("emergency", store.Folder(pageFiles, "pages")); err != nil {
		return nil, err
	}
	s := &Service{config: c}
	c.Jobs.Handle(endJob, s.end)
	c.Outbox.Compose(openedMail, s.compose)
	return s, nil
}

// renewal is how long before its end access is had anew by asking again: who is in the middle of something goes on for another hour.
const renewal = 15 * time.Minute

// Open gives the actor access to one patient or visit, for Life. What is wrong with the reason is a fault.NotValid. Who has such access already for
// the same reason, for longer than renewal and not reviewed yet, gets that one once more: a form that is sent twice has nobody told or asked to review it twice.
func (s *Service) Open(ctx context.Context, actor auth.Actor, about store.Subject, reason phi.Text) (Grant, error) {
	reason = phi.Text(strings.TrimSpace(typed.Prose(reason.Reveal())))
	now := s.now()
	g := Grant{ID: store.NewID(), Account: actor.ID, About: about, Reason: reason, Opened: now, Ends: now.Add(Life)}
	err := s.do(ctx, actor, Open, "emergency.open", store.About(about.Kind, about.ID), func(tx *store.Tx, a *store.Act) error {
		if err := fault.InvalidAll(judgeReason("reason", reason, minReason)...); err != nil {
			return err
		}
		if err := s.config.Records.Exists(ctx, about); err != nil {
			return err
		}
		standing, err := s.standing(ctx, tx, g)
		if err != nil {
			return err
		}
		if at := slices.IndexFunc(standing, func(one Grant) bool { return one.Reason == g.Reason }); at >= 0 {
			g = standing[at]
			a.Detail = "has grant " + g.ID
			return nil
		}
		a.Detail = "grant " + g.ID
		if err := s.insert(ctx, tx, g); err != nil {
			return err
		}
		if err := s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: endJob, Key: g.ID, At: g.Ends}); err != nil {
			return err
		}
		return s.tell(ctx, tx, g)
	})
	return g, err
}

// standing are the grants of the same account for the same subject that last beyond the renewal of one that would begin now, and that nobody has reviewed: what is asked
// for after a review is to be reviewed too.
func (s *Service) standing(ctx context.Context, tx *store.Tx, g Grant) ([]Grant, error) {
	return s.grants(ctx, tx, `account_id = ? AND ends_at > ? AND subject_kind = ? AND subject_id = ? AND reviewed_at = 0 ORDER BY ends_at DESC`,
		g.Account, store.Millis(g.Opened.Add(renewal)), g.About.Kind, g.About.ID)
}

func judgeReason(field string, words phi.Text, least int) []fault.Field {
	text := words.Reveal()
	if n := utf8.RuneCountInString(text); n < least || n > maxReason || !store.Keeps(text) {
		return []fault.Field{{Field: field, Key: "odd", Detail: fmt.Sprintf("must have %d to %d characters", least, maxReason)}}
	}
	return nil
}

func (s *Service) insert(ctx context.Context, tx *store.Tx, g Grant) error {
	sealed, err := s.config.Vault.Seal(g.Reason.Reveal(), reasonPlace(g.ID))
	if err != nil {
		return fmt.Errorf("open emergency access: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO emergency_grants (id, account_id, subject_kind, subject_id, reason, opened_at, ends_at, uses, verdict, words, reviewed_by, reviewed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', '', '', 0)`, g.ID, g.Account, g.About.Kind, g.About.ID, sealed, store.Millis(g.Opened), store.Millis(g.Ends))
	if err != nil {
		return fmt.Errorf("open emergency access: %w", err)
	}
	// Who is in a visit already by an earlier one stays there as long as this one lasts.
	_, err = tx.ExecContext(ctx, `UPDATE emergency_guests SET grant_id = ? WHERE grant_id IN
		(SELECT id FROM emergency_grants WHERE account_id = ? AND ends_at > ? AND subject_kind = ? AND subject_id = ?)`,
		g.ID, g.Account, store.Millis(g.Opened), g.About.Kind, g.About.ID)
	if err != nil {
		return fmt.Errorf("open emergency access once more: %w", err)
	}
	return nil
}

func reasonPlace(grant string) string { return "emergency|" + grant + "|reason" }
func wordsPlace(grant string) string  { return "emergency|" + grant + "|words" }

// tell has those told who review it, where there is a way to.
func (s *Service) tell(ctx context.Context, tx *store.Tx, g Grant) error {
	if !s.config.Outbox.Sends(notify.Email) {
		return nil
	}
	all, err := s.config.Reviewers(ctx, tx)
	if err != nil {
		return err
	}
	for _, r := range all {
		m := notify.Message{Channel: notify.Email, To: r.Email, Kind: openedMail, Language: words.Fallback, Key: g.ID + " " + r.Account, About: g.ID, At: g.Opened}
		if err := s.config.Outbox.Put(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// compose says that there was emergency access, and nothing of whom or why.
func (s *Service) compose(ctx context.Context, m notify.Message) (notify.Content, error) {
	g, err := s.grant(ctx, s.config.DB, m.About)
	if err != nil {
		return notify.Content{}, err
	}
	if g.Verdict != "" {
		return notify.Content{}, notify.ErrNotNeeded
	}
	own := s.config.Pages.In(m.Language)
	return notify.Content{Subject: phi.Text(own.T("emergency.mail.subject")),
		Text: phi.Text(own.T("emergency.mail.text") + "\n\n" + strings.TrimSuffix(s.config.PublicURL, "/") + ReviewPath)}, nil
}

// Use says by which grant the actor may act on what is about any of these subjects now (a visit, and its patient), and writes that they did; "": by none. It
// belongs into the transaction of the act.
func (s *Service) Use(ctx context.Context, tx *store.Tx, actor auth.Actor, action auth.Action, about ...store.Subject) (grant string, err error) {
	if actor.Kind != auth.KindStaff || !s.config.Policy.Allows(actor, Open) {
		return "", nil
	}
	for _, subject := range about {
		if subject.ID == "" {
			continue
		}
		err := tx.QueryRowContext(ctx, `SELECT id FROM emergency_grants WHERE account_id = ? AND ends_at > ? AND subject_kind = ? AND subject_id = ? ORDER BY ends_at DESC LIMIT 1`,
			actor.ID, store.Millis(s.now()), subject.Kind, subject.ID).Scan(&grant)
		if errors.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("look emergency access up: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE emergency_grants SET uses = uses + 1 WHERE id = ?`, grant); err != nil {
			return "", fmt.Errorf("count a use of emergency access: %w", err)
		}
		return grant, store.Audit(ctx, tx, store.Act{At: s.now(), Actor: actor, Action: "emergency.use", Subject: subject, Outcome: store.Allowed,
			Detail: string(action) + " by grant " + grant})
	}
	return "", nil
}

// Came notes by which invitation somebody came into a visit, so that it is withdrawn when the grant ends.
func (s *Service) Came(ctx context.Context, tx *store.Tx, grant, visit, invitation string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO emergency_guests (invitation_id, visit_id, grant_id) VALUES (?, ?, ?)
		ON CONFLICT (invitation_id) DO UPDATE SET grant_id = excluded.grant_id`, invitation, visit, grant)
	if err != nil {
		return fmt.Errorf("note an invitation by emergency access: %w", err)
	}
	return nil
}

// Guest is the invitation by which somebody came into a visit by emergency access; "": none.
func (s *Service) Guest(ctx context.Context, tx *store.Tx, account, visit string) (invitation string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT u.invitation_id FROM emergency_guests u JOIN emergency_grants g ON g.id = u.grant_id WHERE u.visit_id = ? AND g.account_id = ?`,
		visit, account).Scan(&invitation)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", fmt.Errorf("look an invitation by emergency access up: %w", err)
	}
	return invitation, nil
}

// End ends the actor's own access before its hour is over.
func (s *Service) End(ctx context.Context, actor auth.Actor, id string) error {
	return s.do(ctx, actor, Open, "emergency.end", store.About(grantKind, id), func(tx *store.Tx, _ *store.Act) error {
		if _, err := s.own(ctx, tx, actor, id); err != nil {
			return err
		}
		now := s.now()
		if _, err := tx.ExecContext(ctx, `UPDATE emergency_grants SET ends_at = ? WHERE id = ? AND ends_at > ?`, store.Millis(now), id, store.Millis(now)); err != nil {
			return fmt.Errorf("end emergency access: %w", err)
		}
		return s.config.Jobs.Put(ctx, tx, jobs.Job{Kind: endJob, Key: id, At: now})
	})
}

// own reads a grant of the actor's.
func (s *Service) own(ctx context.Context, q store.Queryer, actor auth.Actor, id string) (Grant, error) {
	g, err := s.grant(ctx, q, id)
	if err == nil && g.Account != actor.ID {
		err = fault.NotFound
	}
	return g, err
}

// end shows those out of visits who came by a grant that is over.
func (s *Service) end(ctx context.Context, job jobs.Job) error {
	type guest struct{ visit, invitation string }
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (g guest, err error) { return g, r.Scan(&g.visit, &g.invitation) },
		`SELECT visit_id, invitation_id FROM emergency_guests WHERE grant_id = ?`, job.Key)
	if err != nil {
		return fmt.Errorf("end emergency access: %w", err)
	}
	for _, g := range all {
		if err := s.config.Records.Leave(ctx, g.visit, g.invitation); err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, g := range all {
			if _, err := tx.ExecContext(ctx, `DELETE FROM emergency_guests WHERE invitation_id = ? AND grant_id = ?`, g.invitation, job.Key); err != nil {
				return fmt.Errorf("end emergency access: %w", err)
			}
		}
		return job.Done(ctx, tx)
	})
}

// do does an act in a transaction with its audit row, if the actor may.
func (s *Service) do(ctx context.Context, actor auth.Actor, right auth.Action, action string, about store.Subject, f func(*store.Tx, *store.Act) error) error {
	may := s.config.Policy.Allows(actor, right) && actor.Kind == auth.KindStaff
	return s.config.DB.Do(ctx, store.Act{At: s.now(), Actor: actor, Action: action, Subject: about}, may, f)
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }

// Forget gives what deletes all that is kept of emergency access to visits, or patients (the kind of a subject), that are deleted: why it was needed, what was thought
// of that, the letters about it, and by which invitations somebody came into the visits. The audit keeps who had access to what. What nobody has reviewed is not deleted.
func Forget(outbox *notify.Outbox, kind string) func(ctx context.Context, tx *store.Tx, ids []string) error {
	return func(ctx context.Context, tx *store.Tx, ids []string) error {
		if kind == visitKind {
			if err := store.DeleteWhere(ctx, tx, ids, "emergency_guests.visit_id"); err != nil {
				return err
			}
		}
		in, args := store.In(ids)
		grants, err := store.Collect(ctx, tx, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) },
			`SELECT id FROM emergency_grants WHERE subject_kind = ? AND subject_id IN `+in, append([]any{kind}, args...)...)
		if err != nil || len(grants) == 0 {
			return err
		}
		for _, grant := range grants {
			if err := outbox.Forget(ctx, tx, grant); err != nil {
				return err
			}
		}
		return store.DeleteWhere(ctx, tx, grants, "emergency_guests.grant_id", "emergency_grants.id")
	}
}
