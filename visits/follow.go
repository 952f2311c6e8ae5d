package visits

import (
	"context"
	"database/sql"
	"fmt"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/store"
)

// FollowPatient has the visits of a patient follow a change of the patient, in its transaction: for people.Config.Changed. Those that are over follow the birth date alone,
// which the links to what comes after them ask for, and those that were called off the addresses too. A name that a visit has otherwise than the patient had it before was meant so, and stays; a birth date is the
// patient's, whatever a visit has, and whatever was changed: one that was corrected before visits followed is mended when the patient is saved next.
func (s *Service) FollowPatient(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now people.Patient) error {
	all, err := s.visitsOfPatient(ctx, tx, now.ID)
	if err != nil {
		return err
	}
	for _, v := range all {
		born, err := s.followBirthDate(ctx, tx, v, old, now)
		if err != nil {
			return err
		}
		named, err := s.followName(ctx, tx, v, old, now)
		if err != nil {
			return err
		}
		if err := s.followAddresses(ctx, tx, actor, v, old, now); err != nil {
			return err
		}
		if !born && named == 0 {
			continue
		}
		row := store.Act{At: s.now(), Actor: actor, Action: "visit.correct", Subject: store.About("visit", v.ID), Outcome: store.Allowed,
			Detail: fmt.Sprintf("patient %s, birth date %t, names %d", now.ID, born, named)}
		if err := store.Audit(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}

// visitsOfPatient are all visits of a patient with their invitations, in order of their start.
func (s *Service) visitsOfPatient(ctx context.Context, q store.Queryer, patient string) ([]Visit, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
		`SELECT `+visitColumns+` FROM visits WHERE patient_id = ? AND patient_id <> '' ORDER BY starts_at, id`, patient)
	if err != nil {
		return nil, fmt.Errorf("read a patient's visits: %w", err)
	}
	return all, fillInvitations(ctx, q, all)
}

// followBirthDate gives a visit the patient's birth date. Tries at another count no more. What asks for a date keeps the one it has when the patient's is not
// known any more: nobody could answer, or everybody would come in. So does every visit where it never was known: what the visit has is all there is.
func (s *Service) followBirthDate(ctx context.Context, tx *store.Tx, v Visit, old, now people.Patient) (bool, error) {
	over := s.Over(v)
	if now.BirthDate == v.BirthDate || now.BirthDate == "" && (old.BirthDate == "" || v.AskBirthDate || over) {
		return false, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE visits SET birth_date = ? WHERE id = ?`, now.BirthDate, v.ID); err != nil {
		return false, fmt.Errorf("correct a birth date: %w", err)
	}
	if over {
		return true, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE invitations SET tries = 0 WHERE visit_id = ? AND tries > 0`, v.ID); err != nil {
		return false, fmt.Errorf("take locks off: %w", err)
	}
	return true, s.changed(ctx, tx, ChangeBooking, v, "")
}

// followName gives the patient's own invitations to a visit that is not over the patient's name where they had the one before, and counts them.
func (s *Service) followName(ctx context.Context, tx *store.Tx, v Visit, old, now people.Patient) (named int, err error) {
	if now.Name == old.Name || s.Over(v) {
		return 0, nil
	}
	for n := range v.Invitations {
		i := &v.Invitations[n]
		if i.Role != auth.Patient || i.Revoked() || i.Name != old.Name {
			continue
		}
		i.Name = now.Name
		if err := s.mended(ctx, tx, *i, v, ChangeBooking); err != nil {
			return 0, err
		}
		named++
	}
	return named, nil
}

// followAddresses has everybody who is invited to a visit by a contact of the patient reached where that contact is by now.
func (s *Service) followAddresses(ctx context.Context, tx *store.Tx, actor auth.Actor, v Visit, old, now people.Patient) error {
	calledOff := v.State == Cancelled && s.now().Before(v.EndsAt)
	if s.Over(v) && !calledOff {
		return nil
	}
	for _, i := range v.Invitations {
		if i.Revoked() {
			continue
		}
		move, err := s.moveOf(ctx, tx, v, i, old, now)
		switch {
		case err != nil:
			return err
		case move == moveNone:
			continue
		case calledOff: // what says so may wait for an address that was wrong; there is no link any more
			i.Mended++
			i.Generation++
			err = s.mended(ctx, tx, i, v, ChangeBooking)
		case move == moveAdded:
			err = s.changed(ctx, tx, ChangeBooking, v, i.ID)
		default:
			_, err = s.elsewhere(ctx, tx, i, v)
		}
		if err != nil {
			return err
		}
		row := store.Act{At: s.now(), Actor: actor, Action: "invitation.edit", Subject: store.About("invitation", i.ID), Outcome: store.Allowed, Detail: reachedElsewhere(v, true)}
		if err := store.Audit(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}

// move is what a change of the patient makes of the addresses of somebody who is invited.
type move int

const (
	moveNone  move = iota // nothing that they must hear of
	moveAdded             // there is one more: what they got before was for them
	moveAway              // one is another: somebody else may have got what went there
)

// moveOf says what has become of the addresses of somebody. Who has none left keeps the link, since no other could be sent; so does who is in a visit that is in
// progress, since another would put them out of it.
func (s *Service) moveOf(ctx context.Context, tx *store.Tx, v Visit, i Invitation, old, now people.Patient) (move, error) {
	wasEmail, wasPhone := v.addresses(i, old)
	email, phone := v.addresses(i, now)
	switch {
	case email == wasEmail && phone == wasPhone || email == "" && phone == "":
		return moveNone, nil
	case (wasEmail == "" || email == wasEmail) && (wasPhone == "" || phone == wasPhone):
		return moveAdded, nil
	case v.State != InProgress:
		return moveAway, nil
	}
	var inside int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM visit_sessions WHERE invitation_id = ? AND generation = ?`, i.ID, i.Generation).Scan(&inside); err != nil {
		return moveNone, fmt.Errorf("read whether somebody is in a visit: %w", err)
	}
	if inside > 0 {
		return moveNone, nil
	}
	return moveAway, nil
}
