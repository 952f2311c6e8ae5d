package visits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
)

// own is the invitation by which an account takes part in a visit as a clinician; false: by none. The visit must have been read whole.
func (v Visit) own(account string) (Invitation, bool) {
	i := slices.IndexFunc(v.Invitations, func(i Invitation) bool {
		return account != "" && i.StaffID == account && i.Role == auth.Clinician && !i.Revoked()
	})
	if i < 0 {
		return Invitation{}, false
	}
	return v.Invitations[i], true
}

// Leaders are the accounts that may lead visits, by name: nobody else is offered, or taken.
func (s *Service) Leaders(ctx context.Context) ([]staff.Colleague, error) {
	if s.config.Colleagues == nil {
		return nil, nil
	}
	all, err := s.config.Colleagues.Colleagues(ctx)
	return slices.DeleteFunc(all, func(c staff.Colleague) bool { return !MayLead(c) }), err
}

// MayLead says whether an account may lead visits.
func MayLead(c staff.Colleague) bool { return auth.May(c.Role, auth.VisitLead) }

// Leads says whether somebody who works here leads a visit, or takes part in it as a clinician: they may do for it what who leads may. The visit must
// have been read whole.
func (v Visit) Leads(actor auth.Actor) bool {
	if actor.Kind != auth.KindStaff || actor.Role != auth.Clinician {
		return false
	}
	_, takesPart := v.own(actor.ID)
	return takesPart || v.ClinicianID == actor.ID
}

// lead does f with a visit that the actor leads, or that the desk may change. To anybody else there is no such visit.
func (s *Service) lead(ctx context.Context, actor auth.Actor, action, visit string, desk auth.Action, f func(*store.Tx, *store.Act, Visit) error) error {
	return s.act(ctx, actor, action, "", store.About("visit", visit), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitWhole(ctx, tx, visit)
		if err != nil {
			return err
		}
		if !v.Leads(actor) && (desk == "" || !actor.May(desk)) {
			return fault.NotFound
		}
		return f(tx, a, v)
	})
}

// NoShow marks a visit to which nobody came, from its start on until somebody is admitted. Its links work until its window closes: when the family
// comes after all, the visit is no no-show any more. Doing so twice changes nothing.
func (s *Service) NoShow(ctx context.Context, actor auth.Actor, visit string) error {
	return s.NoShowIf(ctx, actor, visit, anyVisit)
}

// NoShowIf is NoShow for a visit that is right as it is, which judge says within the act.
func (s *Service) NoShowIf(ctx context.Context, actor auth.Actor, visit string, judge func(Visit) error) error {
	return s.lead(ctx, actor, "visit.no_show", visit, auth.VisitRevoke, func(tx *store.Tx, a *store.Act, v Visit) error {
		if err := judge(v); err != nil {
			return err
		}
		to, ok := next(v.State, eventNoShow)
		switch {
		case !ok && v.State == InProgress:
			return conflict("visit_begun.no_show", "The visit has begun, so somebody came.")
		case !ok || s.Over(v):
			return conflict("visit_over.no_show", "The visit is over already.")
		case s.now().Before(v.StartsAt):
			return conflict("visit_early.no_show", "The visit has not started yet, so nobody is late.")
		}
		return s.mark(ctx, tx, a, v, to)
	})
}

// NotNoShow takes NoShow back, as long as the visit's window is open.
func (s *Service) NotNoShow(ctx context.Context, actor auth.Actor, visit string) error {
	return s.lead(ctx, actor, "visit.not_no_show", visit, auth.VisitRevoke, func(tx *store.Tx, a *store.Act, v Visit) error {
		switch {
		case s.Over(v):
			return conflict("visit_over.no_show", "The visit is over already.")
		case v.State != NoShow:
			return nil
		}
		return s.mark(ctx, tx, a, v, Scheduled)
	})
}

// mark moves a visit to a state, and cuts nobody off.
func (s *Service) mark(ctx context.Context, tx *store.Tx, a *store.Act, v Visit, to State) error {
	a.Detail = string(v.State) + " to " + string(to)
	if to == v.State {
		return nil
	}
	return s.markState(ctx, tx, v, to, s.now())
}

// HandOver says who is to lead a visit instead.
type HandOver struct {
	To           string // account of a clinician
	Keep         bool   // whoever led it stays invited
	AllowOverlap bool   // also where the new one has another visit then

	If func(Visit) error // judges the visit as it is, within the act; nil: it is right
}

// HandOver gives a visit to a colleague, who is invited to it and, unless they took it themselves, written to at the address of their account; and takes back the invitation of whoever led it, unless the visit is in progress: then
// they may be in it, and it goes on.
func (s *Service) HandOver(ctx context.Context, actor auth.Actor, visit string, h HandOver) error {
	if s.config.Colleagues == nil {
		return fault.Invalid("to", "is not known here")
	}
	return s.wake(s.lead(ctx, actor, "visit.hand_over", visit, auth.VisitSchedule, func(tx *store.Tx, a *store.Act, v Visit) error {
		if h.If != nil {
			if err := h.If(v); err != nil {
				return err
			}
		}
		to, err := s.config.Colleagues.Colleague(ctx, h.To) // nobody switches the account off until this is done
		switch {
		case err != nil && !errors.Is(err, fault.NotFound):
			return err
		case err != nil || !MayLead(to):
			return fault.Invalid("to", "must be the account of a clinician")
		case s.Over(v) || v.State.Over():
			return conflict("visit_over.hand_over", "The visit is over, so nobody can lead it any more.")
		}
		a.Detail = "to " + to.ID
		former := v.ClinicianID
		if former == to.ID {
			return nil
		}
		v.ClinicianID = to.ID
		if err := s.checkOverlaps(ctx, tx, Visit{ID: v.ID, StartsAt: v.StartsAt, EndsAt: v.EndsAt, Booking: Booking{ClinicianID: to.ID}}, h.AllowOverlap); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE visits SET clinician_id = ? WHERE id = ?`, to.ID, v.ID); err != nil {
			return fmt.Errorf("hand a visit over: %w", err)
		}
		if err := s.changed(ctx, tx, ChangeBooking, v, ""); err != nil {
			return err
		}
		if i, ok := v.own(former); ok && !h.Keep && v.State != InProgress {
			if err := s.withdraw(ctx, tx, v, i.ID); err != nil {
				return err
			}
		}
		if to.ID == actor.ID {
			to.Email = ""
		}
		i, err := s.invitedOf(ctx, tx, v.ID, to.ID, to.Email)
		if err != nil || i.Email != "" || to.Email == "" {
			return err
		}
		i.Email = to.Email // they took part before, as who helped or led it once, and nobody wrote to them
		return s.mended(ctx, tx, i, v, ChangeBooking)
	}))
}

// invitedOf is the invitation by which an account takes part in a visit, made where there is none: to be written to at an address, if they are to be.
func (s *Service) invitedOf(ctx context.Context, tx *store.Tx, visit, account string, email phi.Text) (Invitation, error) {
	v, err := s.visitWhole(ctx, tx, visit)
	if err != nil {
		return Invitation{}, err
	}
	if i, ok := v.own(account); ok {
		return i, nil
	}
	if v.Full() {
		return Invitation{}, visitFull()
	}
	c, err := s.config.Colleagues.Colleague(ctx, account)
	if err != nil {
		return Invitation{}, err
	}
	i := Person{Name: c.Name, Role: auth.Clinician, StaffID: c.ID, Email: email}.invitation(v.ID, s.now())
	if err := s.insertInvitation(ctx, tx, i); err != nil {
		return Invitation{}, err
	}
	return i, s.changed(ctx, tx, ChangeInvited, v, i.ID)
}

// Enter makes a browser, in which somebody is signed in who leads a visit or takes part in it, a session of that visit, by the same rules as their link
// would: errors are those of Redeem. A browser that has one already, by its token, keeps it, and with it their place in the visit.
func (s *Service) Enter(ctx context.Context, actor auth.Actor, visit, token string) (Entry, error) {
	if err := web.Allow(ctx, s.config.Limiter, "enter:"+actor.ID, sessionLimit, sessionWindow); err != nil {
		return Entry{}, err
	}
	var e Entry
	err := s.lead(ctx, actor, "visit.enter", visit, "", func(tx *store.Tx, a *store.Act, v Visit) error {
		if err := s.admissible(v, Invitation{}, 0); err != nil {
			return err
		}
		i, err := s.invitedOf(ctx, tx, visit, actor.ID, "")
		if err != nil {
			return err
		}
		if e, err = s.session(ctx, tx, visit, token); err == nil && e.You.ID == i.ID {
			e.Token, a.Detail = token, "session "+e.Session+" again"
			return nil
		}
		device, err := s.device("")
		if err != nil {
			return err
		}
		e = Entry{Visit: v, You: i, Session: store.NewID()}
		e.Token, a.Detail = sessionToken(device, e.Session), "session "+e.Session
		return s.insertSession(ctx, tx, e, device)
	})
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// How much somebody may say to those who wait: each message is written, with rows of the audit, and shown at once.
const (
	speakLimit  = 30
	speakWindow = 10 * time.Minute
)

// Speak gives a session by which somebody who leads a visit says something to those who wait without being there: the latest of theirs, or else one that no
// browser has. Spoke has to follow. Errors: as Enter.
func (s *Service) Speak(ctx context.Context, actor auth.Actor, visit string) (session string, err error) {
	if err := web.Allow(ctx, s.config.Limiter, "speak:"+actor.ID, speakLimit, speakWindow); err != nil {
		return "", err
	}
	err = s.lead(ctx, actor, "visit.speak", visit, "", func(tx *store.Tx, a *store.Act, v Visit) error {
		if err := s.admissible(v, Invitation{}, 0); err != nil {
			return err
		}
		_, invited := v.own(actor.ID)
		a.GoesOn = invited // Spoke has the row; but an invitation that is made here needs one
		i, err := s.invitedOf(ctx, tx, visit, actor.ID, "")
		if err != nil {
			return err
		}
		a.Detail = "invitation " + i.ID
		err = tx.QueryRowContext(ctx, `SELECT id FROM visit_sessions WHERE invitation_id = ? ORDER BY id DESC LIMIT 1`, i.ID).Scan(&session)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		device, err := s.device("")
		if err != nil {
			return err
		}
		session = store.NewID()
		if err := s.insertSession(ctx, tx, Entry{Visit: v, You: i, Session: session}, device); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE visit_sessions SET spoken = 1 WHERE id = ?`, session); err != nil {
			return fmt.Errorf("mark a session that no browser has: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return session, nil
}

// Spoke audits what became of something that was said by a session of Speak: nil, that those who wait were told; fault.NotFound, that nobody waits. What may have
// become of it otherwise stands in the rows of each who was told. It gives the error back.
func (s *Service) Spoke(ctx context.Context, actor auth.Actor, visit, session string, said error) error {
	return s.act(context.WithoutCancel(ctx), actor, "visit.tell", "", store.About("visit", visit), func(_ *store.Tx, a *store.Act) error {
		a.Detail = "session " + session
		return said
	})
}

// ServicesLed are those of which an account leads visits that start from one time to another.
func (s *Service) ServicesLed(ctx context.Context, account string, from, to time.Time) ([]string, error) {
	services, err := store.Collect(ctx, s.config.DB, scanID, `SELECT DISTINCT service_id FROM visits
		WHERE clinician_id = ? AND clinician_id <> '' AND starts_at >= ? AND starts_at < ? AND service_id <> ''`, account, store.Millis(from), store.Millis(to))
	if err != nil {
		return nil, fmt.Errorf("read whose services they are: %w", err)
	}
	return services, nil
}

// LedToCome counts the visits of an account that are not over, and gives the day of the first of them by the clocks of its site, and that site: empty, it names none.
func (s *Service) LedToCome(ctx context.Context, account string) (count int, first sites.Day, site string, err error) {
	var v Visit
	_, err = store.Collect(ctx, s.config.DB, func(r *sql.Rows) (struct{}, error) {
		var starts int64
		err := r.Scan(&count, &v.SiteID, &starts)
		v.StartsAt = store.Time(starts)
		return struct{}{}, err
	}, `SELECT COUNT(*) OVER (), site_id, starts_at FROM visits WHERE clinician_id = ? AND clinician_id <> '' AND ends_at > ? AND state IN (?, ?, ?)
		ORDER BY starts_at, id LIMIT 1`, account, store.Millis(s.now()), string(Scheduled), string(Open), string(InProgress))
	if err != nil {
		return 0, 0, "", fmt.Errorf("count the visits that somebody leads: %w", err)
	}
	if count == 0 {
		return 0, 0, "", nil
	}
	where, err := s.SiteOf(ctx, v)
	if err != nil {
		return 0, 0, "", err
	}
	return count, sites.DayOf(v.StartsAt, where.Zone), v.SiteID, nil
}

// Window is when links work.
func (s *Service) Window() Window { return s.config.Window }

// ServeEnter gives the browser of somebody who is signed in the cookie of a visit they lead, and leads them there.
func (s *Service) ServeEnter(w http.ResponseWriter, r *http.Request) {
	e, err := s.Enter(r.Context(), web.Actor(r.Context()), r.PathValue("visit"), sessionOf(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(sessionCookie, e.Token, e.Visit.path(), e.Visit.ClosesAt.Sub(s.now())))
	web.Redirect(w, r, e.Visit.path())
}

// led asks for what an account leads or takes part in, and for what is of some services. The zero led asks for all.
type led struct {
	account  string
	services []string
}

func (l led) where(where string, args []any) (string, []any) {
	var any []string
	if l.account != "" {
		any = append(any, `clinician_id = ?`, `EXISTS (SELECT 1 FROM invitations i WHERE i.visit_id = visits.id AND i.staff_id = ? AND i.role = ? AND i.revoked_at = 0)`)
		args = append(args, l.account, l.account, string(auth.Clinician))
	}
	for _, service := range l.services {
		any, args = append(any, `service_id = ?`), append(args, service)
	}
	if len(any) > 0 {
		where += ` AND (` + strings.Join(any, ` OR `) + `)`
	}
	return where, args
}

// Leading gives the visits that start from one time to another, with their invitations, that an account leads or takes part in, and those of the named
// services; with no account and no services all. It asks no rules and leaves no audit row: whoever calls does. It gives up to MaxShown.
func (s *Service) Leading(ctx context.Context, q store.Queryer, from, to time.Time, account string, services []string) ([]Visit, error) {
	where, args := Query{From: from, To: to}.where()
	where, args = led{account, services}.where(where, args)
	visits, err := s.rowsWhere(ctx, q, where, args, position{}, MaxShown)
	if err != nil {
		return nil, err
	}
	return visits, fillInvitations(ctx, q, visits)
}
