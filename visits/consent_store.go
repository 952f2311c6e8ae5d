package visits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// keepConsent writes the site's texts down, so that what was consented to can be read for as long as the database lasts. A text that
// nobody has consented to yet may still be mended; after that it is an error.
func (s *Service) keepConsent(ctx context.Context) error {
	if s.config.Consent == nil {
		return nil
	}
	return s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		var other int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM consent_versions WHERE version = ?`, s.config.Consent.Version).Scan(&other)
		if err != nil {
			return fmt.Errorf("look for other versions of consent: %w", err)
		}
		if other > 0 {
			return fmt.Errorf("version %s of consent was published on the pages of administration: give the folder another name", s.config.Consent.Version)
		}
		for _, t := range s.config.Consent.Texts {
			if err := s.keepText(ctx, tx, s.config.Consent.Version, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) keepText(ctx context.Context, tx *store.Tx, version string, t ConsentText) error {
	var kept string
	var given int
	err := tx.QueryRowContext(ctx, `SELECT hash, (SELECT count(*) FROM consents c WHERE c.version = t.version AND c.language = t.language)
		FROM consent_texts t WHERE version = ? AND language = ?`, version, t.Language).Scan(&kept, &given)
	switch {
	case err == nil && kept == hashOf(t.Text):
		return nil
	case err == nil && given > 0:
		return fmt.Errorf("the text %s of version %s is not what people have consented to: give the new text a new version", t.Language, version)
	case err != nil && !errors.Is(err, fault.NotFound):
		return fmt.Errorf("read a text of consent: %w", err)
	}
	return s.insertText(ctx, tx, auth.Actor{Kind: auth.KindSystem, ID: "start"}, version, t)
}

// insertText keeps a text of a version, with its audit row. One that is there, and that nobody has consented to, is replaced.
func (s *Service) insertText(ctx context.Context, tx *store.Tx, actor auth.Actor, version string, t ConsentText) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO consent_texts (version, language, hash, text, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (version, language) DO UPDATE SET hash = excluded.hash, text = excluded.text, created_at = excluded.created_at`,
		version, t.Language, hashOf(t.Text), t.Text, store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("keep a text of consent: %w", err)
	}
	return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: actor, Action: "consent.text",
		Subject: store.Subject{Kind: "consent_text", ID: version + "/" + t.Language}, Detail: "sha256 " + hashOf(t.Text), Outcome: store.Allowed})
}

// consentNeeded says whether somebody has yet to consent to what the site asks for.
func (s *Service) consentNeeded(ctx context.Context, q store.Queryer, v Visit, i Invitation) (bool, error) {
	if consentWhom(i.Role) == nil {
		return false, nil
	}
	texts, err := s.TextsOf(ctx, q, v)
	if err != nil || texts == nil {
		return false, err
	}
	var given int
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM consents WHERE invitation_id = ? AND version = ?`, i.ID, texts.Version).Scan(&given)
	if err != nil {
		return false, fmt.Errorf("look a consent up: %w", err)
	}
	return given == 0, nil
}

// checkConsent refuses whoever has yet to consent.
func (s *Service) checkConsent(ctx context.Context, q store.Queryer, v Visit, i Invitation) error {
	needed, err := s.consentNeeded(ctx, q, v, i)
	if err != nil || !needed {
		return err
	}
	return &fault.Problem{Code: fault.CodeConsentNeeded, Kind: fault.NotAllowed, Detail: "Please read and answer the hospital's questions about consent first."}
}

// ConsentQuestion is what somebody is asked to consent to.
type ConsentQuestion struct {
	Version string
	ConsentText
	Whom []string // ForSelf, ForPatient or both: the answers there are
}

// Consent returns what the holder of a session's cookie is asked, in the language that is nearest. fault.NotFound when the site asks
// them nothing.
func (s *Service) Consent(ctx context.Context, visit, token, language string) (ConsentQuestion, error) {
	var q ConsentQuestion
	_, err := s.ownAct(ctx, "consent.read", visit, token, func(tx *store.Tx, e Entry, a *store.Act) error {
		texts, whom, err := s.question(ctx, tx, e)
		if err != nil {
			return err
		}
		q = ConsentQuestion{Version: texts.Version, ConsentText: texts.in(language), Whom: whom}
		a.Detail = "version " + q.Version + " in " + q.Language
		return nil
	})
	return q, err
}

// question is what somebody is asked, and for whom they may answer. Errors: fault.NotFound, they are asked nothing.
func (s *Service) question(ctx context.Context, q store.Queryer, e Entry) (texts *ConsentTexts, whom []string, err error) {
	if whom = consentWhom(e.You.Role); whom == nil {
		return nil, nil, fault.NotFound
	}
	texts, err = s.TextsOf(ctx, q, e.Visit)
	if err == nil && texts == nil {
		err = fault.NotFound
	}
	return texts, whom, err
}

// ConsentGiven is somebody's consent.
type ConsentGiven struct {
	Version, Language string // of the text that was read
	For               string // ForSelf or ForPatient
}

// GiveConsent records the consent of the holder of a session's cookie. It is asked once of each invitation and version: giving it again
// changes nothing.
func (s *Service) GiveConsent(ctx context.Context, visit, token string, g ConsentGiven) error {
	_, err := s.ownAct(ctx, "consent.give", visit, token, func(tx *store.Tx, e Entry, a *store.Act) error {
		texts, whom, err := s.question(ctx, tx, e)
		if err != nil {
			return err
		}
		if g.Version != texts.Version {
			return conflict("", "The text has changed meanwhile. Please read it again.")
		}
		text, there := texts.has(g.Language)
		switch {
		case !there:
			return fault.Invalid("language", "must be that of the text that was read")
		case !slices.Contains(whom, g.For):
			return fault.Invalid("for", "must be "+strings.Join(whom, " or "))
		}
		needed, err := s.consentNeeded(ctx, tx, e.Visit, e.You)
		if err != nil {
			return err
		}
		a.Detail = fmt.Sprintf("version %s in %s for %s", g.Version, g.Language, g.For)
		if !needed {
			a.Detail = "version " + g.Version + " again"
			return nil
		}
		return s.insertConsent(ctx, tx, e, g, hashOf(text.Text))
	})
	return err
}

// insertConsent adds a record. Its text is the one in SQL: where another node was started with another text under the same version, nothing is
// recorded.
func (s *Service) insertConsent(ctx context.Context, tx *store.Tx, e Entry, g ConsentGiven, hash string) error {
	var kept string
	err := tx.QueryRowContext(ctx, `SELECT hash FROM consent_texts WHERE version = ? AND language = ?`, g.Version, g.Language).Scan(&kept)
	if err != nil {
		return fmt.Errorf("read a text of consent: %w", err)
	}
	if kept != hash {
		return conflict("", "The text has changed meanwhile. Please read it again.")
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO consents (id, visit_id, invitation_id, session_id, version, language, hash, given_for, given_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		store.NewID(), e.Visit.ID, e.You.ID, e.Session, g.Version, g.Language, hash, g.For, store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("record a consent: %w", err)
	}
	return nil
}
