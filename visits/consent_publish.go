package visits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// ConsentVersion is a version of what families are asked to consent to.
type ConsentVersion struct {
	Version   string
	Published time.Time // zero: it is of the folder that the server was started with
	Languages []string  // there are texts in; none: nothing is asked any more
	Given     int       // consents to it
}

// TextsOf is what a visit asks consent to; nil: nothing. The newest version of its site counts, else that of the folder; but while people are in a visit, it
// keeps the one that somebody has consented to.
func (s *Service) TextsOf(ctx context.Context, q store.Queryer, v Visit) (*ConsentTexts, error) {
	site, err := s.SiteOf(ctx, v)
	if err != nil {
		return nil, err
	}
	current, err := s.siteTexts(ctx, q, site.ID)
	if err != nil || current == nil || v.State != Open && v.State != InProgress {
		return current, err
	}
	var kept string
	err = q.QueryRowContext(ctx, `SELECT version FROM consents WHERE visit_id = ? ORDER BY given_at, id LIMIT 1`, v.ID).Scan(&kept)
	switch {
	case errors.Is(err, fault.NotFound) || err == nil && kept == current.Version:
		return current, nil
	case err != nil:
		return nil, fmt.Errorf("read what was consented to: %w", err)
	}
	return keptTexts(ctx, q, kept)
}

// siteTexts is what a site asks now; nil: nothing.
func (s *Service) siteTexts(ctx context.Context, q store.Queryer, site string) (*ConsentTexts, error) {
	var version string
	err := q.QueryRowContext(ctx, `SELECT version FROM consent_versions WHERE site_id = ? ORDER BY published_at DESC, version DESC LIMIT 1`, site).Scan(&version)
	if errors.Is(err, fault.NotFound) {
		return s.config.Consent, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the newest consent: %w", err)
	}
	return keptTexts(ctx, q, version)
}

// keptTexts reads the texts of a version; nil: it has none.
func keptTexts(ctx context.Context, q store.Queryer, version string) (*ConsentTexts, error) {
	texts, err := store.Collect(ctx, q, func(r *sql.Rows) (t ConsentText, err error) { return t, r.Scan(&t.Language, &t.Text) },
		`SELECT language, text FROM consent_texts WHERE version = ? ORDER BY language`, version)
	if err != nil {
		return nil, fmt.Errorf("read the texts of a consent: %w", err)
	}
	if len(texts) == 0 {
		return nil, nil
	}
	return &ConsentTexts{Version: version, Texts: texts}, nil
}

// ConsentOf shows what a site asks now, with a zero value where it asks nothing, and all versions there were of it and of folders, the newest first.
func (s *Service) ConsentOf(ctx context.Context, actor auth.Actor, site string) (now ConsentTexts, all []ConsentVersion, err error) {
	err = s.act(ctx, actor, "consent.list", auth.ConsentWrite, store.About("site", site), func(tx *store.Tx, _ *store.Act) error {
		if _, err := s.config.Sites.Site(ctx, site); err != nil {
			return err
		}
		current, err := s.siteTexts(ctx, tx, site)
		if err != nil {
			return err
		}
		if current != nil {
			now = *current
		}
		all, err = versionsOf(ctx, tx, site)
		return err
	})
	return now, all, err
}

func versionsOf(ctx context.Context, tx *store.Tx, site string) ([]ConsentVersion, error) {
	all, err := store.Collect(ctx, tx, func(r *sql.Rows) (v ConsentVersion, err error) {
		var at int64
		err = r.Scan(&v.Version, &at, &v.Given)
		if at > 0 {
			v.Published = store.Time(at)
		}
		return v, err
	}, `SELECT v.version, v.published_at, (SELECT COUNT(*) FROM consents c WHERE c.version = v.version) FROM consent_versions v WHERE v.site_id = ?
		UNION ALL
		SELECT t.version, 0, (SELECT COUNT(*) FROM consents c WHERE c.version = t.version) FROM (SELECT DISTINCT version FROM consent_texts
			WHERE version NOT IN (SELECT version FROM consent_versions)) t`, site)
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	for i := range all {
		texts, err := keptTexts(ctx, tx, all[i].Version)
		if err != nil {
			return nil, err
		}
		if texts != nil {
			for _, t := range texts.Texts {
				all[i].Languages = append(all[i].Languages, t.Language)
			}
		}
	}
	slices.SortFunc(all, func(a, b ConsentVersion) int {
		if order := b.Published.Compare(a.Published); order != 0 {
			return order
		}
		return naturally(b.Version, a.Version)
	})
	return all, nil
}

// ConsentVersion shows the texts of a version, as they were when people consented to them.
func (s *Service) ConsentVersion(ctx context.Context, actor auth.Actor, version string) (ConsentTexts, error) {
	var shown ConsentTexts
	err := s.act(ctx, actor, "consent.show", auth.ConsentWrite, store.Subject{Kind: "consent_text"}, func(tx *store.Tx, a *store.Act) error {
		texts, err := keptTexts(ctx, tx, version)
		if err != nil {
			return err
		}
		if texts == nil {
			return fault.NotFound
		}
		shown, a.Detail = *texts, "version "+version
		return nil
	})
	return shown, err
}

// Publish has a site ask for consent to these texts from now on, in a version of its own; no texts: it asks nothing any more. Texts that are empty are left
// out. seen is the version that the site asked before, as whoever publishes saw it: when somebody else was faster, nothing is changed. What is wrong
// with a text is a fault.NotValid by its language.
func (s *Service) Publish(ctx context.Context, actor auth.Actor, site, seen string, texts []ConsentText) (version string, err error) {
	err = s.act(ctx, actor, "consent.publish", auth.ConsentWrite, store.About("site", site), func(tx *store.Tx, a *store.Act) error {
		where, err := s.config.Sites.Site(ctx, site)
		if err != nil {
			return err
		}
		current, err := s.siteTexts(ctx, tx, site)
		if err != nil {
			return err
		}
		if current == nil && seen != "" || current != nil && current.Version != seen {
			return fault.Changed()
		}
		clean, err := s.cleanTexts(texts)
		if err != nil {
			return err
		}
		if version, err = s.newVersion(ctx, tx, where.Zone); err != nil {
			return err
		}
		for _, t := range clean {
			if err := s.insertText(ctx, tx, actor, version, t); err != nil {
				return err
			}
		}
		a.Detail = fmt.Sprintf("version %s, %d texts", version, len(clean))
		_, err = tx.ExecContext(ctx, `INSERT INTO consent_versions (version, site_id, published_at, published_by) VALUES (?, ?, ?, ?)`, version, site, store.Millis(s.now()), actor.ID)
		if err != nil {
			return fmt.Errorf("publish a consent: %w", err)
		}
		return nil
	})
	return version, err
}

// cleanTexts checks all texts, and leaves out those that are empty.
func (s *Service) cleanTexts(texts []ConsentText) (clean []ConsentText, err error) {
	var wrong []fault.Field
	for _, t := range texts {
		text, problem := cleanConsent([]byte(t.Text))
		switch {
		case text == "" && problem != "":
			continue // there is none
		case !slices.Contains(s.config.Languages, t.Language):
			wrong = append(wrong, fault.Field{Field: t.Language, Key: "language", Detail: "is no language there is"})
		case problem != "":
			wrong = append(wrong, fault.Field{Field: t.Language, Key: "text", Detail: problem})
		case slices.ContainsFunc(clean, func(c ConsentText) bool { return c.Language == t.Language }):
			wrong = append(wrong, fault.Field{Field: t.Language, Key: "twice", Detail: "is there twice"})
		default:
			clean = append(clean, ConsentText{t.Language, text})
		}
	}
	return clean, fault.InvalidAll(wrong...)
}

// newVersion is a name that no version has: the day by the clocks of the site, and a number.
func (s *Service) newVersion(ctx context.Context, tx *store.Tx, zone *time.Location) (string, error) {
	day := s.now().In(zone).Format(time.DateOnly)
	taken, err := store.Collect(ctx, tx, scanID, `SELECT version FROM consent_versions UNION SELECT version FROM consent_texts`)
	if err != nil {
		return "", fmt.Errorf("find a name for a consent: %w", err)
	}
	for n := 1; ; n++ {
		if name := fmt.Sprintf("%s.%d", day, n); !slices.ContainsFunc(taken, func(other string) bool { return strings.EqualFold(other, name) }) {
			return name, nil
		}
	}
}
