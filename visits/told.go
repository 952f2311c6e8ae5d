package visits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// mostTold is how many notices of a visit its next host is given: more than it remembers of all who can wait.
const mostTold = 640

// Notice is something that somebody who waits is told.
type Notice struct {
	Visit   string
	Session string // who is told
	By      string // the session that says it
	ID      string // made by who says it, unique among what they tell this person
	Text    phi.Text
	Ready   string // names words that pages have for it; empty: none
	At      time.Time
}

// place is what a notice's text is bound to. An id may have any characters, so it comes last.
func (n Notice) place() string { return "told|" + n.Visit + "|" + n.Session + "|" + n.By + "|" + n.ID }

// KeepTold keeps what people who wait in a visit are told by its host of this epoch, all of it or nothing, and audits that each was told something, not what. What
// was kept before is not kept again. Errors: ErrNotHost.
func (s *Service) KeepTold(ctx context.Context, visit string, epoch int64, notices []Notice) error {
	err := s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := checkHost(ctx, tx, visit, epoch); err != nil {
			return err
		}
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		if s.ended(v) {
			return fmt.Errorf("the visit is over: %w", fault.NotAllowed)
		}
		for _, n := range notices {
			if err := s.insertNotice(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what somebody is told: %w", err)
	}
	return nil
}

// insertNotice writes a notice behind all others of its visit, and its audit row.
func (s *Service) insertNotice(ctx context.Context, tx *store.Tx, n Notice) error {
	told, err := invitedAs(ctx, tx, n.Visit, n.Session)
	if err != nil {
		return err
	}
	by, err := invitedAs(ctx, tx, n.Visit, n.By)
	if err != nil {
		return err
	}
	sealed, err := s.config.Chat.Seal(n.Text.Reveal(), n.place())
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO visit_told (visit_id, seq, session_id, by_session, note_id, text, ready, at)
		VALUES (?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM visit_told WHERE visit_id = ?), ?, ?, ?, ?, ?, ?)
		ON CONFLICT (session_id, by_session, note_id) DO NOTHING`,
		n.Visit, n.Visit, n.Session, n.By, n.ID, sealed, n.Ready, store.Millis(n.At))
	if err != nil {
		return fmt.Errorf("insert a notice: %w", err)
	}
	if rows, err := done.RowsAffected(); err != nil || rows == 0 {
		return err
	}
	return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: by, Action: "room.told", Subject: store.About("invitation", told.ID),
		Detail: "visit " + n.Visit, Outcome: store.Allowed})
}

// invitedAs is whoever has a session of a visit.
func invitedAs(ctx context.Context, tx *store.Tx, visit, session string) (auth.Actor, error) {
	a := auth.Actor{Kind: auth.KindInvitation}
	err := tx.QueryRowContext(ctx, `SELECT i.id, i.role FROM visit_sessions s JOIN invitations i ON i.id = s.invitation_id WHERE s.id = ? AND s.visit_id = ?`,
		session, visit).Scan(&a.ID, &a.Role)
	if err != nil {
		return auth.Actor{}, fmt.Errorf("read whose session it is: %w", err)
	}
	return a, nil
}

// Told gives what people who wait in a visit were told last, oldest first.
func (s *Service) Told(ctx context.Context, visit string) ([]Notice, error) {
	told, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Notice, error) { return s.scanNotice(ctx, visit, r) },
		`SELECT session_id, by_session, note_id, text, ready, at FROM visit_told WHERE visit_id = ? ORDER BY seq DESC LIMIT ?`, visit, mostTold)
	if err != nil {
		return nil, fmt.Errorf("read what people were told: %w", err)
	}
	told = slices.DeleteFunc(told, func(n Notice) bool { return n.ID == "" })
	slices.Reverse(told)
	return told, nil
}

// scanNotice reads a notice. A text that cannot be opened, which must not keep a visit from taking place, gives an empty one.
func (s *Service) scanNotice(ctx context.Context, visit string, r *sql.Rows) (Notice, error) {
	n := Notice{Visit: visit}
	var sealed string
	var at int64
	if err := r.Scan(&n.Session, &n.By, &n.ID, &sealed, &n.Ready, &at); err != nil {
		return Notice{}, err
	}
	text, err := s.config.Chat.Open(sealed, n.place())
	if errors.Is(err, keys.ErrSealed) {
		s.config.Logger.ErrorContext(ctx, "what somebody was told is left out", "visit", visit, "cause", err)
		return Notice{}, nil
	}
	n.Text, n.At = phi.Text(text), store.Time(at)
	return n, err
}
