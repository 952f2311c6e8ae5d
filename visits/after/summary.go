package after

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/visits"
)

// MaxSummary is how many characters a summary has at most.
const MaxSummary = 5_000

// kindSummary is the outbox's kind of message that says that a summary is there to read.
const kindSummary = "after.summary"

// Summary is what a clinician wrote to the family.
type Summary struct {
	Version  int // from 1; 0: there is none
	Text     phi.Text
	Language string // tag of the language of the text
	At       time.Time
	Author   phi.Text // their name, as the visit knows it
	Files    []uploads.Upload

	author author
}

// givenAgain is for how long the same summary of the same author counts as the version that they gave: a form that was sent twice.
const givenAgain = 5 * time.Minute

// is says whether a version is what its author gives once more.
func (x Summary) is(w Writer, base int, text phi.Text, language string, files []string, now time.Time) bool {
	same := slices.EqualFunc(x.Files, files, func(u uploads.Upload, id string) bool { return u.ID == id })
	return x.Version == base+1 && x.author == w.author() && x.Text == text && x.Language == language && same && now.Before(x.At.Add(givenAgain))
}

// mayRead says whether a person of a visit reads its summary: the patient and the guardians, and of a confidential visit the patient alone.
func (s *Service) mayRead(v visits.Visit, i visits.Invitation) bool {
	return !i.Revoked() && s.config.Policy.May(i.Role, SummaryRead) && (i.Role == auth.Patient || !v.Confidential)
}

// Publish gives the family a summary, or another version of it, and tells those who can be reached; told counts them. base is the version it was made from: who has not
// seen the newest gets a fault.Changed. With it go files, by their ids: those of the version before that are to stay, and those that the writer added since.
// What they gave a moment ago and give once more is done already.
func (s *Service) Publish(ctx context.Context, w Writer, base int, text phi.Text, language string, files ...string) (told int, err error) {
	text = tidyText(text)
	reach, err := s.reachOf(ctx, w)
	if err != nil {
		return 0, err
	}
	err = s.clinical(ctx, w, SummaryWrite, "summary.publish", func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		if err := s.checkSummary(text, language); err != nil {
			return err
		}
		if !tookPlace(v) {
			return errEarly()
		}
		newest, err := s.newest(ctx, tx, v)
		if err != nil {
			return err
		}
		version := base + 1
		if newest.is(w, base, text, language, files, s.now()) {
			told, a.Detail = len(reach), fmt.Sprintf("version %d as before", version)
			return nil
		}
		if newest.Version != base {
			return fault.Changed()
		}
		if err := s.insertSummary(ctx, tx, w, version, text, language); err != nil {
			return err
		}
		if err := s.giveFiles(ctx, tx, w, version, newest.Files, files); err != nil {
			return err
		}
		if told, err = s.tellReaders(ctx, tx, v, version, reach); err != nil {
			return err
		}
		a.Detail = strings.TrimSpace(fmt.Sprintf("version %d told %d files %d %s", version, told, len(files), strings.Join(files, " ")))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return told, nil
}

// tellReaders gives those who may read a version of the summary a link, and tells those of them who can be reached; told counts these.
func (s *Service) tellReaders(ctx context.Context, tx *store.Tx, v visits.Visit, version int, reach map[string]notify.Message) (told int, err error) {
	for _, i := range v.Invitations {
		if !s.mayRead(v, i) {
			continue
		}
		if err := s.keepLink(ctx, tx, v.ID, i.ID); err != nil {
			return 0, err
		}
		m, reached := reach[i.ID]
		if !reached {
			continue
		}
		m.Key = summaryKey(i.ID, version, 0)
		if err := s.config.Outbox.Put(ctx, tx, m); err != nil {
			return 0, err
		}
		told++
	}
	return told, nil
}

// tookPlace says whether there is something to sum up.
func tookPlace(v visits.Visit) bool { return v.State == visits.InProgress || v.State == visits.Ended }

func errEarly() error {
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "summary_early", Detail: "The visit has not taken place, so there is nothing to sum up."}
}

func (s *Service) checkSummary(text phi.Text, language string) error {
	if err := checkText(text, MaxSummary); err != nil {
		return err
	}
	if strings.TrimSpace(text.Reveal()) == "" {
		return fault.Invalid("text", "is needed")
	}
	if !slices.Contains(s.config.Languages, language) {
		return fault.Invalid("language", "must be one of the languages there are")
	}
	return nil
}

func (s *Service) insertSummary(ctx context.Context, tx *store.Tx, w Writer, version int, text phi.Text, language string) error {
	sealed, err := s.config.Vault.Seal(text.Reveal(), summaryPlace(w.Visit, version))
	if err != nil {
		return err
	}
	by := w.author()
	_, err = tx.ExecContext(ctx, `INSERT INTO after_summaries (visit_id, version, text, language, author_kind, author_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		w.Visit, version, sealed, language, by.kind, by.id, store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("keep a summary: %w", err)
	}
	return nil
}

// newest reads the newest version of a visit's summary; where there is none, an empty one.
func (s *Service) newest(ctx context.Context, q store.Queryer, v visits.Visit) (Summary, error) {
	all, err := s.summaries(ctx, q, v, 1)
	if err != nil || len(all) == 0 {
		return Summary{}, err
	}
	return all[0], nil
}

// summaries reads versions of a visit's summary, the newest first.
func (s *Service) summaries(ctx context.Context, q store.Queryer, v visits.Visit, most int) ([]Summary, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Summary, error) {
		var x Summary
		var sealed string
		var at int64
		if err := r.Scan(&x.Version, &sealed, &x.Language, &x.author.kind, &x.author.id, &at); err != nil {
			return Summary{}, err
		}
		text, err := s.config.Vault.Open(sealed, summaryPlace(v.ID, x.Version))
		x.Text, x.At, x.Author = phi.Text(text), store.Time(at), nameOf(v, x.author)
		return x, err
	}, `SELECT version, text, language, author_kind, author_id, at FROM after_summaries WHERE visit_id = ? ORDER BY version DESC LIMIT ?`, v.ID, most)
	if err != nil {
		return nil, fmt.Errorf("read a summary: %w", err)
	}
	files, err := s.filesOf(ctx, q, v.ID)
	for i := range all {
		all[i].Files = files[all[i].Version]
	}
	return all, err
}

// Summaries reads up to 50 versions of a visit's summary, the newest first, and the files that the writer added since, for its clinicians.
func (s *Service) Summaries(ctx context.Context, w Writer) (all []Summary, added []uploads.Upload, err error) {
	err = s.clinical(ctx, w, SummaryWrite, "summary.read", func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		a.Detail = "as clinician"
		if all, err = s.summaries(ctx, tx, v, 50); err == nil {
			added, err = s.waiting(ctx, tx, w)
		}
		return err
	})
	return all, added, err
}

func summaryPlace(visit string, version int) string {
	return "summary|" + visit + "|" + strconv.Itoa(version)
}

// reachOf is how those who may read a visit's summary are told that it is there, by their invitations. Who can't be written to is not among them.
func (s *Service) reachOf(ctx context.Context, w Writer) (map[string]notify.Message, error) {
	v, err := s.config.Visits.Read(ctx, s.config.DB, w.Visit)
	if errors.Is(err, fault.NotFound) {
		return nil, nil // which the act tells, and audits
	}
	if err != nil {
		return nil, err
	}
	return s.reachIn(ctx, v)
}

// reachIn is reachOf for a visit that was read.
func (s *Service) reachIn(ctx context.Context, v visits.Visit) (map[string]notify.Message, error) {
	all := map[string]notify.Message{}
	for _, i := range v.Invitations {
		if !s.mayRead(v, i) {
			continue
		}
		reach, err := s.config.Visits.ReachOf(ctx, v, i)
		if err != nil {
			return nil, fmt.Errorf("find out how to write to somebody: %w", err)
		}
		m := notify.Message{Kind: kindSummary, Language: reach.Language, About: AboutSummary(v.ID), At: s.now()}
		switch {
		case reach.Email != "" && s.config.Outbox.Sends(notify.Email):
			m.Channel, m.To = notify.Email, reach.Email
		case reach.Phone != "" && s.config.Outbox.Sends(notify.SMS):
			m.Channel, m.To = notify.SMS, reach.Phone
		default:
			continue
		}
		all[i.ID] = m
	}
	return all, nil
}

// compose says that a summary is there, in words that tell nothing of it; notify.ErrNotNeeded where it is not theirs to read any more, or a newer one is told of.
func (s *Service) compose(ctx context.Context, m notify.Message) (notify.Content, error) {
	invitation, rest, _ := strings.Cut(m.Key, "|")
	version, _, _ := strings.Cut(rest, "|")
	l, err := s.linkOf(ctx, s.config.DB, `invitation_id = ?`, invitation)
	if errors.Is(err, fault.NotFound) {
		return notify.Content{}, notify.ErrNotNeeded
	}
	if err != nil {
		return notify.Content{}, err
	}
	v, you, err := s.behind(ctx, s.config.DB, l)
	if errors.Is(err, fault.NotAllowed) {
		return notify.Content{}, notify.ErrNotNeeded
	}
	if err != nil {
		return notify.Content{}, err
	}
	newest, err := s.newest(ctx, s.config.DB, v)
	if err != nil {
		return notify.Content{}, err
	}
	if !s.mayRead(v, you) || strconv.Itoa(newest.Version) != version {
		return notify.Content{}, notify.ErrNotNeeded
	}
	reach, err := s.config.Visits.ReachOf(ctx, v, you)
	if err != nil {
		return notify.Content{}, err
	}
	if to := map[notify.Channel]phi.Text{notify.Email: reach.Email, notify.SMS: reach.Phone}[m.Channel]; to != m.To {
		return notify.Content{}, notify.ErrNotNeeded // it is somebody else's by now, or must not be written to
	}
	site, err := s.siteOf(ctx, v)
	if err != nil {
		return notify.Content{}, err
	}
	own := s.config.Pages.In(m.Language)
	key := "after.mail.new"
	if newest.Version > 1 {
		key = "after.mail.changed"
	}
	lines := []string{own.T(key, "site", site.Name), s.linkURL(l), own.T("after.mail.until", "date", own.Date(l.expires.In(site.Zone)))}
	if asks(v) {
		lines = append(lines, own.T("after.mail.birth_date"))
	}
	if site.Phone != "" {
		lines = append(lines, own.T("after.mail.phone", "phone", site.Phone))
	}
	return notify.Content{Subject: phi.Text(own.T("after.mail.subject", "site", site.Name)), Text: phi.Text(strings.Join(lines, "\n\n"))}, nil
}

// siteOf is the site of a visit, or the hospital's first.
func (s *Service) siteOf(ctx context.Context, v visits.Visit) (sites.Site, error) {
	if v.SiteID == "" {
		return s.config.Sites.Default(ctx)
	}
	return s.config.Sites.Site(ctx, v.SiteID)
}
