package after

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
)

// MaxComment is how many characters a comment has at most.
const MaxComment = 1000

// Answer is what somebody says to a question of the survey.
type Answer string

// The answers.
const (
	Yes    Answer = "yes"
	Partly Answer = "partly"
	No     Answer = "no"
)

// Survey is how a visit went, as one person says.
type Survey struct {
	Worked   Answer // sound and picture
	Answered Answer // what they came for
	Comment  phi.Text
}

func (y Survey) check() error {
	var wrong []fault.Field
	for _, q := range []struct {
		field string
		given Answer
	}{{"worked", y.Worked}, {"answered", y.Answered}} {
		if q.given != Yes && q.given != Partly && q.given != No {
			wrong = append(wrong, fault.Field{Field: q.field, Key: "empty", Detail: "must be yes, partly or no"})
		}
	}
	if err := checkText(y.Comment, MaxComment); err != nil {
		wrong = append(wrong, fault.Field{Field: "comment", Key: "long", Detail: fmt.Sprintf("must be plain text of at most %d characters", MaxComment)})
	}
	return fault.InvalidAll(wrong...)
}

// asked says whether somebody is asked how their visit went, now: the family, once somebody was let in, and so many days after it.
func (s *Service) asked(v visits.Visit, i visits.Invitation) bool {
	took := v.State == visits.InProgress || v.State == visits.Ended
	return took && s.config.Policy.May(i.Role, SurveyAnswer) && s.now().Before(v.EndsAt.AddDate(0, 0, s.config.Days))
}

// answer keeps what a person of a visit says of it; what they said before is replaced.
func (s *Service) answer(ctx context.Context, read func(store.Queryer) (visits.Visit, visits.Invitation, error), y Survey) error {
	y.Comment = phi.Text(strings.TrimSpace(tidyText(y.Comment).Reveal()))
	return s.family(ctx, "survey.answer", read, func(tx *store.Tx, _ *store.Act, v visits.Visit, i visits.Invitation) error {
		if !s.asked(v, i) {
			return fault.NotFound
		}
		if err := y.check(); err != nil {
			return err
		}
		sealed := ""
		if y.Comment != "" {
			var err error
			if sealed, err = s.config.Vault.Seal(y.Comment.Reveal(), surveyPlace(i.ID)); err != nil {
				return err
			}
		}
		if err := s.tellAnswers(ctx, tx, v, i, y); err != nil {
			return err
		}
		now := store.Millis(s.now())
		_, err := tx.ExecContext(ctx, `INSERT INTO after_surveys (invitation_id, visit_id, worked, answered, comment, given_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (invitation_id) DO UPDATE SET worked = excluded.worked, answered = excluded.answered, comment = excluded.comment, changed_at = excluded.changed_at`,
			i.ID, v.ID, string(y.Worked), string(y.Answered), sealed, now, now)
		if err != nil {
			return fmt.Errorf("keep answers: %w", err)
		}
		return nil
	})
}

// tellAnswers tells who counts answers of what somebody says now and said before.
func (s *Service) tellAnswers(ctx context.Context, tx *store.Tx, v visits.Visit, i visits.Invitation, y Survey) error {
	if s.config.Answered == nil {
		return nil
	}
	before := map[string]string{}
	var worked, answered string
	err := tx.QueryRowContext(ctx, `SELECT worked, answered FROM after_surveys WHERE invitation_id = ?`, i.ID).Scan(&worked, &answered)
	if err == nil {
		before = map[string]string{"worked": worked, "answered": answered}
	} else if !errors.Is(err, fault.NotFound) {
		return fmt.Errorf("read earlier answers: %w", err)
	}
	return s.config.Answered(ctx, tx, v, before, map[string]string{"worked": string(y.Worked), "answered": string(y.Answered)})
}

// family does f as a person of a visit, with its audit row.
func (s *Service) family(ctx context.Context, action string, read func(store.Queryer) (visits.Visit, visits.Invitation, error),
	f func(*store.Tx, *store.Act, visits.Visit, visits.Invitation) error) error {
	v, i, err := read(s.config.DB) // strangers leave no trace
	if err != nil {
		return err
	}
	act := store.Act{At: s.now(), Actor: auth.Actor{Kind: auth.KindInvitation, ID: i.ID, Role: i.Role}, Action: action, Subject: store.About("visit", v.ID)}
	return s.config.DB.Do(ctx, act, true, func(tx *store.Tx, a *store.Act) error {
		v, i, err := read(tx)
		if err != nil {
			return err
		}
		return f(tx, a, v, i)
	})
}

// said reads what a person said of their visit; where they said nothing, an empty Survey.
func (s *Service) said(ctx context.Context, q store.Queryer, invitation string) (Survey, error) {
	var y Survey
	var sealed string
	err := q.QueryRowContext(ctx, `SELECT worked, answered, comment FROM after_surveys WHERE invitation_id = ?`, invitation).Scan(&y.Worked, &y.Answered, &sealed)
	if err != nil || sealed == "" {
		return y, none(err)
	}
	comment, err := s.config.Vault.Open(sealed, surveyPlace(invitation))
	y.Comment = phi.Text(comment)
	return y, err
}

func surveyPlace(invitation string) string { return "survey|" + invitation }
