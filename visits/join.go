package visits

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
)

const (
	// maxTries is how many wrong dates of birth one generation of a link takes, over all devices.
	maxTries = 5
	// tokenBytes is the size of device tokens: 256 bits. Session tokens are HMACs of the same size.
	tokenBytes = 32
	tokenChars = 43 // of one in base64url
	// maxSlots of each kind keep a full offer within 32 m-lines: 2 sent, 11 audio and 11 video received.
	maxSlots = 11
	// Visits of up to so many people are of the small class, with smallSlots: enough for them and two more. A page that counted its slots would
	// otherwise know how many are invited, also of those it never sees.
	smallVisit = 4
	smallSlots = smallVisit - 1 + 2
)

// Redemption is a link on its way to a session.
type Redemption struct {
	Code      string
	BirthDate phi.Text // YYYY-MM-DD; empty when not given
	Device    string   // the browser's device token; empty or unknown: it gets a new one
	Check     bool     // it is for a device check, which may be made before the visit opens
}

// Entry is a person's way into a visit.
type Entry struct {
	Visit   Visit // without other people's invitations
	You     Invitation
	Session string // the session's id: the member's id in the room
	Token   string // the session cookie's value, after Redeem
	Device  string // the device cookie's value, after Redeem

	checked int64 // the number of the last removal when this was read

	ConsentNeeded bool // you have yet to consent to what the site asks for; after Redeem and Session
	Early         bool // the visit has not opened: the session is for a device check alone; after Redeem
}

// Redeem turns a code into a session. The same browser gets the same session again, and isn't asked for the birth date twice. Errors
// are those of docs/protocol.md, section 1; a string that is no code of ours is fault.NotFound and leaves no trace.
func (s *Service) Redeem(ctx context.Context, r Redemption) (Entry, error) {
	if !looksLikeCode(r.Code) {
		return Entry{}, fault.NotFound
	}
	if r.BirthDate != "" {
		if _, err := time.Parse(time.DateOnly, r.BirthDate.Reveal()); err != nil {
			return Entry{}, fault.Invalid("birth_date", "must be a day as in 2012-05-31")
		}
	}
	var invitation string
	var generation int
	// Codes never change hands between invitations, so this may be read before the transaction; strangers thus never take the write lock.
	err := s.config.DB.QueryRowContext(ctx, `SELECT invitation_id, generation FROM invitation_codes WHERE hash = ?`, hashOf(r.Code)).Scan(&invitation, &generation)
	if err != nil {
		return Entry{}, fmt.Errorf("look a code up: %w", err)
	}
	device, err := s.device(r.Device)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	actor := auth.Actor{Kind: auth.KindInvitation, ID: invitation}
	err = s.act(ctx, actor, "link.redeem", "", store.About("invitation", invitation), func(tx *store.Tx, a *store.Act) error {
		if e.Visit, e.You, err = s.holder(ctx, tx, invitation); err != nil {
			return err
		}
		a.Actor.Role = e.You.Role
		err := s.admissible(e.Visit, e.You, generation)
		if r.Check {
			e.Early, err = err != nil, early(err)
		}
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT id FROM visit_sessions WHERE invitation_id = ? AND generation = ? AND device_hash = ?`,
			invitation, generation, hashOf(device)).Scan(&e.Session)
		switch {
		case err == nil:
			a.Detail = "session " + e.Session + " again"
		case errors.Is(err, fault.NotFound):
			if err := s.checkBirthDate(ctx, tx, a, e.Visit, e.You, r.BirthDate); err != nil {
				return err
			}
			e.Session = store.NewID()
			a.Detail = "session " + e.Session
			if err := s.insertSession(ctx, tx, e, device); err != nil {
				return err
			}
		default:
			return fmt.Errorf("look a session up: %w", err)
		}
		if e.Early {
			a.Detail += ", for a device check"
		}
		e.Device, e.Token = device, sessionToken(device, e.Session)
		e.ConsentNeeded, err = s.consentNeeded(ctx, tx, e.Visit, e.You)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// device returns the browser's own token when it looks like one of ours, else a new one.
func (s *Service) device(token string) (string, error) {
	if isToken(token) {
		return token, nil
	}
	b := make([]byte, tokenBytes)
	if _, err := io.ReadFull(s.config.Random, b); err != nil {
		return "", fmt.Errorf("make a device token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func isToken(s string) bool {
	if len(s) != tokenChars {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

func (s *Service) insertSession(ctx context.Context, tx *store.Tx, e Entry, device string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO visit_sessions (id, visit_id, invitation_id, generation, device_hash, token_hash, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.Session, e.Visit.ID, e.You.ID, e.You.Generation, hashOf(device), hashOf(sessionToken(device, e.Session)), store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("insert a session: %w", err)
	}
	return nil
}

// holder reads the invitation and its visit.
func (s *Service) holder(ctx context.Context, q store.Queryer, invitation string) (Visit, Invitation, error) {
	i, err := scanInvitation(q.QueryRowContext(ctx, `SELECT `+invitationColumns+` FROM invitations WHERE id = ?`, invitation).Scan)
	if err != nil {
		return Visit{}, Invitation{}, fmt.Errorf("read an invitation: %w", err)
	}
	v, err := s.visitRow(ctx, q, i.VisitID)
	return v, i, err
}

// admissible says whether somebody who holds this generation of an invitation's link may come in now.
func (s *Service) admissible(v Visit, i Invitation, generation int) error {
	switch {
	case i.Revoked() || generation != i.Generation:
		return &fault.Problem{Code: fault.CodeRevoked, Kind: fault.NotAllowed,
			Detail: "This link was replaced or withdrawn. If you got a newer one, please use that."}
	case s.Over(v):
		return &fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed, Detail: "This visit is over."}
	case s.now().Before(v.OpensAt):
		return &fault.Problem{Code: fault.CodeTooEarly, Kind: fault.NotAllowed, Detail: "The visit has not opened yet.",
			Fields: map[string]any{"opens_at": v.OpensAt.Format(time.RFC3339), "starts_at": v.StartsAt.Format(time.RFC3339)}}
	}
	return nil
}

// checkBirthDate asks for the patient's birth date where the visit does. A wrong one is counted in this transaction, and its refusal keeps that;
// since writers take turns, no two devices can share a try.
func (s *Service) checkBirthDate(ctx context.Context, tx *store.Tx, a *store.Act, v Visit, i Invitation, given phi.Text) error {
	locked := &fault.Problem{Code: fault.CodeLocked, Kind: fault.NotAllowed,
		Detail: "There were five wrong dates. Please ask the hospital to send you a new link."}
	switch {
	case !v.AskBirthDate || !OfFamily(i.Role):
		return nil
	case i.Locked:
		return locked
	case given == "":
		return &fault.Problem{Code: fault.CodeBirthDateNeeded, Kind: fault.NotAllowed, Detail: "Please give the patient's date of birth."}
	case subtle.ConstantTimeCompare([]byte(given.Reveal()), []byte(v.BirthDate.Reveal())) == 1:
		return nil
	}
	var tries int
	if err := tx.QueryRowContext(ctx, `UPDATE invitations SET tries = tries + 1 WHERE id = ? RETURNING tries`, i.ID).Scan(&tries); err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	a.Keeps = true
	if tries >= maxTries {
		return locked
	}
	return &fault.Problem{Code: fault.CodeBirthDateWrong, Kind: fault.NotAllowed,
		Detail: "This is not the date of birth we have. Please check it and try again.", Fields: map[string]any{"tries_left": maxTries - tries}}
}

// session reads the session of a cookie. Nobody but its holder learns that it exists: everything else is fault.NotFound.
func (s *Service) session(ctx context.Context, q store.Queryer, visit, token string) (Entry, error) {
	if !store.IsID(visit) || !isToken(token) {
		return Entry{}, fault.NotFound
	}
	return s.entry(ctx, q, `token_hash = ? AND visit_id = ?`, hashOf(token), visit)
}

// entry reads the session that matches and judges whether its holder may still come in.
func (s *Service) entry(ctx context.Context, q store.Queryer, where string, args ...any) (Entry, error) {
	var e Entry
	var invitation string
	var generation int
	// The number comes with the first row: nothing read after it can be older than the removals it counts.
	err := q.QueryRowContext(ctx, `SELECT id, invitation_id, generation, (SELECT COALESCE(MAX(seq), 0) FROM visit_removals) FROM visit_sessions WHERE `+where, args...).
		Scan(&e.Session, &invitation, &generation, &e.checked)
	if err != nil {
		return Entry{}, fmt.Errorf("look a session up: %w", err)
	}
	if e.Visit, e.You, err = s.holder(ctx, q, invitation); err != nil {
		return Entry{}, err
	}
	return e, s.admissible(e.Visit, e.You, generation)
}

// Session tells a browser that comes back where it is.
func (s *Service) Session(ctx context.Context, visit, token string) (Entry, error) {
	var needed bool
	e, err := s.ownAct(ctx, "session.read", visit, token, func(tx *store.Tx, e Entry, _ *store.Act) (err error) {
		needed, err = s.consentNeeded(ctx, tx, e.Visit, e.You)
		return err
	})
	e.ConsentNeeded = needed
	return e, err
}

// What one session may ask for: each answer, a refusal too, is a row of the audit log. A browser on a bad line asks for a pass every few seconds.
const (
	sessionLimit  = 60
	sessionWindow = time.Minute
)

// ownAct does f as the holder of a session's cookie. Strangers are turned away without a trace, and before they take the write lock.
func (s *Service) ownAct(ctx context.Context, action, visit, token string, f func(*store.Tx, Entry, *store.Act) error) (Entry, error) {
	known, err := s.session(ctx, s.config.DB, visit, token)
	if known.You.ID == "" {
		return Entry{}, err
	}
	if err := web.Allow(ctx, s.config.Limiter, "session:"+known.Session, sessionLimit, sessionWindow); err != nil {
		return Entry{}, err
	}
	var e Entry
	actor := auth.Actor{Kind: auth.KindInvitation, ID: known.You.ID, Role: known.You.Role}
	err = s.act(ctx, actor, action, "", store.About("visit_session", known.Session), func(tx *store.Tx, a *store.Act) (err error) {
		if e, err = s.session(ctx, tx, visit, token); err != nil {
			return err
		}
		return f(tx, e, a)
	})
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Pass finds the visit's room a node and returns a pass for the holder of a session's cookie, and how many slots of each kind the first offer
// should carry. Whoever has yet to consent gets none. fault.TryAgain when no node can take the room.
func (s *Service) Pass(ctx context.Context, visit, token string) (pass string, slots int, err error) {
	// Judged once before anything is placed, and again together with the audit row; a refusal is audited there.
	known, err := s.session(ctx, s.config.DB, visit, token)
	if err == nil {
		err = s.checkConsent(ctx, s.config.DB, known.Visit, known.You)
	}
	placed := err == nil
	if placed {
		if err := s.config.Placer.Place(ctx, visit); errors.Is(err, fault.NotAllowed) {
			return "", 0, err // ended a moment ago, and SQL is about to hear of it
		} else if err != nil {
			return "", 0, fault.Away(fmt.Errorf("place a room: %w", err))
		}
	}
	_, err = s.ownAct(ctx, "pass.issue", visit, token, func(tx *store.Tx, e Entry, a *store.Act) error {
		if err := s.checkConsent(ctx, tx, e.Visit, e.You); err != nil {
			return err
		}
		if !placed {
			return fault.Away(errors.New("the visit opened this very moment"))
		}
		v := []Visit{e.Visit}
		if err := fillInvitations(ctx, tx, v); err != nil {
			return err
		}
		slots = smallSlots
		if v[0].invited() > smallVisit {
			slots = maxSlots
		}
		id := store.NewID()
		a.Detail = "pass " + id
		if to, _ := next(e.Visit.State, eventCame); e.Visit.State == NoShow && OfFamily(e.You.Role) {
			a.Detail += ", no_show to " + string(to)
			if err := s.markState(ctx, tx, e.Visit, to, s.now()); err != nil {
				return err
			}
		}
		pass, err = s.config.Passes.Issue(auth.PassClaims{ID: id, Visit: visit, Session: e.Session, Invitation: e.You.ID, Role: e.You.Role})
		return err
	})
	if err != nil {
		return "", 0, err
	}
	return pass, slots, nil
}

// Attendee is who stands behind a session.
type Attendee struct {
	Invitation string
	Name       phi.Text
	Role       auth.Role
	Checked    int64 // the number of the last removal when this was read, as Removed is told of it
}

// Attendee returns who stands behind a session, when they may be in the visit now: the invitation was not withdrawn, its link not replaced,
// the visit is open and not over. Otherwise a fault.NotFound or fault.NotAllowed whose code says why. It leaves no audit row: whoever
// asks does so for a pass that has one.
func (s *Service) Attendee(ctx context.Context, visit, session string) (Attendee, error) {
	if !store.IsID(visit) || !store.IsID(session) {
		return Attendee{}, fault.NotFound
	}
	e, err := s.entry(ctx, s.config.DB, `id = ? AND visit_id = ?`, session, visit)
	if err != nil {
		return Attendee{}, err
	}
	return Attendee{Invitation: e.You.ID, Name: e.You.Name, Role: e.You.Role, Checked: e.checked}, nil
}
