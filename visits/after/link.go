package after

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
)

const (
	codeBytes  = 16 // 128 bits
	tokenBytes = 32
	maxTries   = 5         // wrong dates of birth that one link takes
	openFor    = time.Hour // a browser stays in, since families share them

	// OpenPath is where such a link leads; what stands after # never leaves the browser by itself.
	OpenPath = "/after"
)

// link is one person's way to what comes after a visit.
type link struct {
	invitation, visit string
	generation, tries int
	expires           time.Time
}

// code is the link's code: an HMAC, so that the same link can be sent again although the database holds but its hash.
func (s *Service) code(invitation string, generation int) string {
	mac := hmac.New(sha256.New, s.config.LinkKey)
	mac.Write([]byte("after a visit|" + invitation + "|" + strconv.Itoa(generation)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:codeBytes])
}

func (s *Service) linkURL(l link) string {
	return strings.TrimSuffix(s.config.PublicURL, "/") + OpenPath + "#" + s.code(l.invitation, l.generation)
}

// hashOf is how secrets of enough entropy are kept: SHA-256, in hex.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// keepLink makes a person's link, or has it live on. Who locked theirs by wrong dates gets another.
func (s *Service) keepLink(ctx context.Context, tx *store.Tx, visit, invitation string) error {
	l, err := s.linkOf(ctx, tx, `invitation_id = ?`, invitation)
	if none(err) != nil {
		return err
	}
	if err != nil || l.tries >= maxTries {
		l.generation++
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO after_links (invitation_id, visit_id, code_hash, generation, tries, expires_at) VALUES (?, ?, ?, ?, 0, ?)
		ON CONFLICT (invitation_id) DO UPDATE SET code_hash = excluded.code_hash, generation = excluded.generation, tries = 0, expires_at = excluded.expires_at`,
		invitation, visit, hashOf(s.code(invitation, l.generation)), l.generation, store.Millis(s.now().AddDate(0, 0, s.config.Days)))
	if err != nil {
		return fmt.Errorf("keep a link: %w", err)
	}
	return nil
}

// FollowPatient takes the locks off the links that ask for another birth date than a patient has now, in the transaction that changes the patient: for
// people.Config.Changed. It comes before the visits, which follow that date then; where the patient has none, those that are over keep theirs, and so do the locks.
func (s *Service) FollowPatient(ctx context.Context, tx *store.Tx, now people.Patient) error {
	if now.BirthDate == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE after_links SET tries = 0 WHERE tries > 0 AND invitation_id IN (SELECT i.id FROM invitations i JOIN visits v ON v.id = i.visit_id
		WHERE v.patient_id = ? AND v.patient_id <> '' AND v.birth_date <> ?)`, now.ID, now.BirthDate) // by invitations, which links have an index of
	if err != nil {
		return fmt.Errorf("take locks off: %w", err)
	}
	return nil
}

func (s *Service) linkOf(ctx context.Context, q store.Queryer, where string, args ...any) (link, error) {
	var l link
	var expires int64
	err := q.QueryRowContext(ctx, `SELECT invitation_id, visit_id, generation, tries, expires_at FROM after_links WHERE `+where, args...).
		Scan(&l.invitation, &l.visit, &l.generation, &l.tries, &expires)
	l.expires = store.Time(expires)
	if err != nil {
		return link{}, fmt.Errorf("look a link up: %w", err)
	}
	return l, nil
}

// behind is the visit and the person that a link is for, where it still works.
func (s *Service) behind(ctx context.Context, q store.Queryer, l link) (visits.Visit, visits.Invitation, error) {
	v, err := s.config.Visits.Read(ctx, q, l.visit)
	if err != nil {
		return visits.Visit{}, visits.Invitation{}, err
	}
	at := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.ID == l.invitation })
	if at < 0 || v.Invitations[at].Revoked() {
		return visits.Visit{}, visits.Invitation{}, &fault.Problem{Code: fault.CodeRevoked, Kind: fault.NotAllowed, Detail: "This link was withdrawn."}
	}
	if !s.now().Before(l.expires) {
		return visits.Visit{}, visits.Invitation{}, &fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed, Key: "after_over", Detail: "This link is too old. Ask the hospital for what you need."}
	}
	return v, v.Invitations[at], nil
}

// asks says whether links of a visit ask for the patient's date of birth: wherever it is known, since what they open is about their health.
func asks(v visits.Visit) bool { return v.BirthDate != "" }

// Open turns a link into a token for one browser, for an hour, and says which language its person reads; empty: not known. Errors are those of a visit's link; what is no
// code of ours is fault.NotFound and leaves no trace.
func (s *Service) Open(ctx context.Context, code string, birthDate phi.Text) (token, language string, err error) {
	if b, err := base64.RawURLEncoding.Strict().DecodeString(code); err != nil || len(b) != codeBytes {
		return "", "", fault.NotFound
	}
	known, err := s.linkOf(ctx, s.config.DB, `code_hash = ?`, hashOf(code))
	if err != nil {
		return "", "", err
	}
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // never fails
	token = base64.RawURLEncoding.EncodeToString(secret)
	act := store.Act{At: s.now(), Actor: auth.Actor{Kind: auth.KindInvitation, ID: known.invitation}, Action: "after.open", Subject: store.About("invitation", known.invitation)}
	err = s.config.DB.Do(ctx, act, true, func(tx *store.Tx, a *store.Act) error {
		l, err := s.linkOf(ctx, tx, `code_hash = ?`, hashOf(code))
		if err != nil {
			return err
		}
		v, you, err := s.behind(ctx, tx, l)
		if err != nil {
			return err
		}
		a.Actor.Role, language = you.Role, you.Language
		if err := s.checkBirthDate(ctx, tx, a, v, l, birthDate); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM after_openings WHERE expires_at <= ?`, store.Millis(s.now())); err != nil {
			return fmt.Errorf("forget old openings: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO after_openings (token_hash, invitation_id, generation, expires_at) VALUES (?, ?, ?, ?)`,
			hashOf(token), l.invitation, l.generation, store.Millis(s.now().Add(openFor)))
		if err != nil {
			return fmt.Errorf("open a link: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", "", err
	}
	return token, language, nil
}

// checkBirthDate counts wrong dates in this transaction, and their refusal keeps that; since writers take turns, no two browsers can share a try.
func (s *Service) checkBirthDate(ctx context.Context, tx *store.Tx, a *store.Act, v visits.Visit, l link, given phi.Text) error {
	locked := &fault.Problem{Code: fault.CodeLocked, Kind: fault.NotAllowed, Detail: "There were five wrong dates. Please ask the hospital for what you need."}
	switch {
	case !asks(v):
		return nil
	case l.tries >= maxTries:
		return locked
	case given == "":
		return &fault.Problem{Code: fault.CodeBirthDateNeeded, Kind: fault.NotAllowed, Detail: "Please give the patient's date of birth."}
	case subtle.ConstantTimeCompare([]byte(given.Reveal()), []byte(v.BirthDate.Reveal())) == 1:
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE after_links SET tries = tries + 1 WHERE invitation_id = ?`, l.invitation); err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	a.Keeps = true
	if left := maxTries - l.tries - 1; left > 0 {
		return &fault.Problem{Code: fault.CodeBirthDateWrong, Kind: fault.NotAllowed, Detail: "This is not the date of birth we have.", Fields: map[string]any{"tries_left": left}}
	}
	return locked
}

// opened is the visit and the person behind a browser's token.
func (s *Service) opened(ctx context.Context, q store.Queryer, token string) (visits.Visit, visits.Invitation, error) {
	var invitation string
	var generation int
	err := q.QueryRowContext(ctx, `SELECT invitation_id, generation FROM after_openings WHERE token_hash = ? AND expires_at > ?`, hashOf(token), store.Millis(s.now())).
		Scan(&invitation, &generation)
	if err != nil {
		return visits.Visit{}, visits.Invitation{}, fmt.Errorf("look an opening up: %w", err)
	}
	l, err := s.linkOf(ctx, q, `invitation_id = ? AND generation = ?`, invitation, generation)
	if err != nil {
		return visits.Visit{}, visits.Invitation{}, err
	}
	return s.behind(ctx, q, l)
}
