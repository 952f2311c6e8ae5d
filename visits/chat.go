package visits

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
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// ChatLine is something said in a visit.
type ChatLine struct {
	Visit    string
	Session  string // who said it, with Name and Role as read; both are ignored when kept
	Name     phi.Text
	Role     auth.Role
	ID       string // made by the sender, unique among their lines
	Text     phi.Text
	At       time.Time
	Audience []string // the ids of the sessions it was said to
}

// ErrNotHost says that another node hosts the visit's room by now.
var ErrNotHost = fmt.Errorf("the room is hosted elsewhere: %w", fault.TryAgain)

// EpochUsedError says that a visit's room was opened with this epoch, or a higher one, before.
type EpochUsedError struct {
	Highest int64 // epoch the room was opened with
}

func (e *EpochUsedError) Error() string {
	return fmt.Sprintf("the room was opened with epoch %d before", e.Highest)
}

func (e *EpochUsedError) Unwrap() error { return ErrNotHost }

// KeepLine keeps a line of the room that was opened with this epoch, or with none at all, and audits that something was said, not what. When it
// returns the line is committed. It gives the line as it is kept: a sender who has used the id before gets that earlier line.
func (s *Service) KeepLine(ctx context.Context, epoch int64, line ChatLine) (ChatLine, error) {
	kept := line
	err := s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := checkHost(ctx, tx, line.Visit, epoch); err != nil {
			return err
		}
		earlier, err := s.lineRow(ctx, tx, line)
		if err == nil {
			kept = earlier
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		return s.insertLine(ctx, tx, line)
	})
	if err != nil {
		return ChatLine{}, fmt.Errorf("keep a line of chat: %w", err)
	}
	return kept, nil
}

// insertLine writes a new line behind all others of its visit, and its audit row.
func (s *Service) insertLine(ctx context.Context, tx *store.Tx, line ChatLine) error {
	v, err := s.visitRow(ctx, tx, line.Visit)
	if err != nil {
		return err
	}
	if s.ended(v) {
		return fmt.Errorf("the visit is over: %w", fault.NotAllowed)
	}
	speaker, err := invitedAs(ctx, tx, line.Visit, line.Session)
	if err != nil {
		return err
	}
	sealed, err := s.config.Chat.Seal(line.Text.Reveal(), line.place())
	if err != nil {
		return err
	}
	var seq int64
	err = tx.QueryRowContext(ctx, `INSERT INTO visit_chat (visit_id, seq, session_id, line_id, text, audience, at)
		VALUES (?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM visit_chat WHERE visit_id = ?), ?, ?, ?, ?, ?) RETURNING seq`,
		line.Visit, line.Visit, line.Session, line.ID, sealed, strings.Join(line.Audience, " "), store.Millis(line.At)).Scan(&seq)
	if err != nil {
		return fmt.Errorf("insert a line: %w", err)
	}
	return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: speaker, Action: "chat.say", Subject: store.About("visit", line.Visit),
		Detail: "line " + strconv.FormatInt(seq, 10), Outcome: store.Allowed})
}

// place is what a line's text is bound to. An id may have any characters, so it comes last.
func (l ChatLine) place() string { return "chat|" + l.Visit + "|" + l.Session + "|" + l.ID }

const lineColumns = `c.session_id, i.name, i.role, c.line_id, c.text, c.audience, c.at`

const lineTables = `visit_chat c JOIN visit_sessions s ON s.id = c.session_id JOIN invitations i ON i.id = s.invitation_id`

// lineRow reads the line that a sender said before under the same id.
func (s *Service) lineRow(ctx context.Context, q store.Queryer, like ChatLine) (ChatLine, error) {
	line, err := s.scanLine(like.Visit, q.QueryRowContext(ctx,
		`SELECT `+lineColumns+` FROM `+lineTables+` WHERE c.visit_id = ? AND c.session_id = ? AND c.line_id = ?`, like.Visit, like.Session, like.ID).Scan)
	if err != nil {
		return ChatLine{}, fmt.Errorf("read a line: %w", err)
	}
	return line, nil
}

// scanLine reads lineColumns and opens the text.
func (s *Service) scanLine(visit string, scan func(...any) error) (ChatLine, error) {
	line := ChatLine{Visit: visit}
	var sealed, audience string
	var at int64
	if err := scan(&line.Session, &line.Name, &line.Role, &line.ID, &sealed, &audience, &at); err != nil {
		return ChatLine{}, err
	}
	text, err := s.config.Chat.Open(sealed, line.place())
	if err != nil {
		return ChatLine{}, err
	}
	line.Text, line.Audience, line.At = phi.Text(text), strings.Fields(audience), store.Time(at)
	return line, nil
}

// OpenRoom gives the last lines of a visit, oldest first, and since when private time is on, if it is, to the host that opens its room; from then
// on it refuses whatever comes of a host with a lower epoch: so nothing is kept that this host doesn't know. An epoch that is not higher than all
// that the room was opened with is refused by an EpochUsedError.
func (s *Service) OpenRoom(ctx context.Context, visit string, epoch int64, latest int) (lines []ChatLine, private time.Time, err error) {
	var since int64
	err = s.config.DB.Tx(ctx, func(tx *store.Tx) error {
		highest, err := highestEpoch(ctx, tx, visit)
		if err != nil {
			return err
		}
		if epoch <= highest {
			return &EpochUsedError{highest}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO visit_rooms (visit_id, epoch) VALUES (?, ?)
			ON CONFLICT (visit_id) DO UPDATE SET epoch = excluded.epoch`, visit, epoch)
		if err != nil {
			return fmt.Errorf("note the host: %w", err)
		}
		if err := tx.QueryRowContext(ctx, `SELECT private_since FROM visit_rooms WHERE visit_id = ?`, visit).Scan(&since); err != nil {
			return fmt.Errorf("read whether private time is on: %w", err)
		}
		lines, err = store.Collect(ctx, tx, func(r *sql.Rows) (ChatLine, error) { return s.scanLineOrNone(ctx, visit, r.Scan) },
			`SELECT `+lineColumns+` FROM `+lineTables+` WHERE c.visit_id = ? ORDER BY c.seq DESC LIMIT ?`, visit, latest)
		return err
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("open a visit's room: %w", err)
	}
	lines = slices.DeleteFunc(lines, func(l ChatLine) bool { return l.ID == "" })
	slices.Reverse(lines)
	return lines, store.Time(since), nil
}

// scanLineOrNone is scanLine, but a text that cannot be opened, which must not keep a visit from taking place, gives an empty line.
func (s *Service) scanLineOrNone(ctx context.Context, visit string, scan func(...any) error) (ChatLine, error) {
	line, err := s.scanLine(visit, scan)
	if errors.Is(err, keys.ErrSealed) {
		s.config.Logger.ErrorContext(ctx, "a line of chat is left out", "visit", visit, "cause", err)
		return ChatLine{}, nil
	}
	return line, err
}

// checkHost refuses a host whose room was opened by another since.
func checkHost(ctx context.Context, tx *store.Tx, visit string, epoch int64) error {
	highest, err := highestEpoch(ctx, tx, visit)
	if err == nil && highest > epoch {
		err = ErrNotHost
	}
	return err
}

// highestEpoch is the highest that the visit's room was opened with; 0: it never was.
func highestEpoch(ctx context.Context, tx *store.Tx, visit string) (int64, error) {
	var highest int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(epoch), 0) FROM visit_rooms WHERE visit_id = ?`, visit).Scan(&highest)
	if err != nil {
		return 0, fmt.Errorf("read the host: %w", err)
	}
	return highest, nil
}
