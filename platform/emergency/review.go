package emergency

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// mostListed bounds how many grants that were reviewed a list has; those that were not are all there.
const mostListed = 100

const grantColumns = `id, account_id, subject_kind, subject_id, reason, opened_at, ends_at, uses, verdict, words, reviewed_by, reviewed_at`

// scanGrant reads grantColumns; what is sealed stays so.
func scanGrant(r *sql.Rows) (g Grant, err error) {
	var opened, ends, reviewed int64
	err = r.Scan(&g.ID, &g.Account, &g.About.Kind, &g.About.ID, &g.Reason, &opened, &ends, &g.Uses, &g.Verdict, &g.Words, &g.ReviewedBy, &reviewed)
	g.Opened, g.Ends, g.Reviewed = store.Time(opened), store.Time(ends), store.Time(reviewed)
	return g, err
}

// grants reads grants with what was sealed opened.
func (s *Service) grants(ctx context.Context, q store.Queryer, where string, args ...any) ([]Grant, error) {
	all, err := store.Collect(ctx, q, scanGrant, `SELECT `+grantColumns+` FROM emergency_grants WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read emergency access: %w", err)
	}
	for i := range all {
		g := &all[i]
		reason, err := s.config.Vault.Open(g.Reason.Reveal(), reasonPlace(g.ID))
		if err != nil {
			return nil, fmt.Errorf("read emergency access: %w", err)
		}
		g.Reason = phi.Text(reason)
		if g.Words != "" {
			words, err := s.config.Vault.Open(g.Words.Reveal(), wordsPlace(g.ID))
			if err != nil {
				return nil, fmt.Errorf("read emergency access: %w", err)
			}
			g.Words = phi.Text(words)
		}
	}
	return all, nil
}

func (s *Service) grant(ctx context.Context, q store.Queryer, id string) (Grant, error) {
	if !store.IsID(id) {
		return Grant{}, fault.NotFound
	}
	all, err := s.grants(ctx, q, `id = ?`, id)
	if err != nil {
		return Grant{}, err
	}
	if len(all) == 0 {
		return Grant{}, fault.NotFound
	}
	return all[0], nil
}

// Current are the actor's own grants that work now, the newest first.
func (s *Service) Current(ctx context.Context, actor auth.Actor) ([]Grant, error) {
	return s.grants(ctx, s.config.DB, `account_id = ? AND ends_at > ? ORDER BY id DESC`, actor.ID, store.Millis(s.now()))
}

// Waiting counts the grants that nobody has reviewed.
func (s *Service) Waiting(ctx context.Context) (n int, err error) {
	if err := s.config.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM emergency_grants WHERE reviewed_at = 0`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count emergency access: %w", err)
	}
	return n, nil
}

// List gives the grants that are to be reviewed, the oldest first, and the newest of those that were.
func (s *Service) List(ctx context.Context, actor auth.Actor) (waiting, reviewed []Grant, err error) {
	err = s.do(ctx, actor, Review, "emergency.list", store.About(grantKind, ""), func(tx *store.Tx, a *store.Act) error {
		if waiting, err = s.grants(ctx, tx, `reviewed_at = 0 ORDER BY opened_at, id`); err != nil {
			return err
		}
		reviewed, err = s.grants(ctx, tx, `reviewed_at > 0 ORDER BY opened_at DESC, id DESC LIMIT ?`, mostListed)
		a.Detail = fmt.Sprintf("grants %d", len(waiting)+len(reviewed))
		return err
	})
	return waiting, reviewed, err
}

// Judge says what an administrator thinks of a grant, once; whose grant it is may not. A question needs words.
func (s *Service) Judge(ctx context.Context, actor auth.Actor, id string, verdict Verdict, words phi.Text) error {
	words = phi.Text(strings.TrimSpace(typed.Prose(words.Reveal())))
	return s.do(ctx, actor, Review, "emergency.review", store.About(grantKind, id), func(tx *store.Tx, a *store.Act) error {
		g, err := s.grant(ctx, tx, id)
		if err != nil {
			return err
		}
		least := 0
		if verdict == Questioned {
			least = minReason
		}
		wrong := judgeReason("words", words, least)
		if verdict != Accepted && verdict != Questioned {
			wrong = append(wrong, fault.Field{Field: "verdict", Key: "odd", Detail: "must be accepted or questioned"})
		}
		switch err := fault.InvalidAll(wrong...); {
		case err != nil:
			return err
		case g.Account == actor.ID:
			return fault.NotAllowed
		case g.Verdict != "":
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "reviewed", Detail: "It was reviewed already."}
		}
		sealed, err := s.config.Vault.Seal(words.Reveal(), wordsPlace(id))
		if err != nil {
			return fmt.Errorf("review emergency access: %w", err)
		}
		a.Detail = string(verdict)
		_, err = tx.ExecContext(ctx, `UPDATE emergency_grants SET verdict = ?, words = ?, reviewed_by = ?, reviewed_at = ? WHERE id = ?`,
			string(verdict), sealed, actor.ID, store.Millis(s.now()), id)
		if err != nil {
			return fmt.Errorf("review emergency access: %w", err)
		}
		return s.config.Outbox.Stop(ctx, tx, id)
	})
}
