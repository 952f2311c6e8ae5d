package visits

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// Edit says what a visit is about instead. When it is, Move changes; who leads it, HandOver.
type Edit struct {
	ServiceID    *string // of the visit's site; empty: none of those that the site knows. nil: the one with the name in Service, or as it is
	Service      *string // its name; nil: that of ServiceID, or as it is
	Confidential *bool   // nil: as it is, and of another service whose visits are confidential as they are

	Interpreter         *Interpreter // whether there is one; nil: as it is
	InterpreterLanguage *string      // of which language (BCP 47); nil: as it is, and none where there is no interpreter

	If func(Visit) error // judges the visit as it is, within the act; nil: it is right
}

// Edit changes what a visit that is not over is about, whether it is confidential, and whether it has an interpreter. What is wrong is a fault.NotValid; a visit cannot become confidential
// while somebody is invited who must not hear of it.
func (s *Service) Edit(ctx context.Context, actor auth.Actor, visit string, e Edit) (Visit, error) {
	var known Practice
	if actor.May(auth.VisitSchedule) { // or it would be told what is known
		v, err := s.visitRow(ctx, s.config.DB, visit)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return Visit{}, err
		}
		b := Booking{SiteID: v.SiteID, PatientID: v.PatientID}
		if e.ServiceID != nil {
			b.ServiceID = *e.ServiceID
		}
		known = s.practiceOf(ctx, b, nil, nil, nil)
		if e.ServiceID == nil && e.Service != nil {
			s.find(ctx, &known, *e.Service)
		}
	}
	var v Visit
	err := s.act(ctx, actor, "visit.edit", auth.VisitSchedule, store.About("visit", visit), func(tx *store.Tx, a *store.Act) (err error) {
		if v, err = s.visitWhole(ctx, tx, visit); err != nil {
			return err
		}
		if e.If != nil {
			if err := e.If(v); err != nil {
				return err
			}
		}
		if s.Over(v) {
			return conflict("visit_over.move", "The visit is over, so it cannot be changed.")
		}
		if known.problems != nil {
			return known.problems
		}
		old := v
		e.apply(&v, known)
		if err := fault.InvalidAll(known.checkEdit(v, old)...); err != nil {
			return err
		}
		if v.Service == old.Service && v.ServiceID == old.ServiceID && v.Confidential == old.Confidential && v.Interpreter == old.Interpreter && v.InterpreterLanguage == old.InterpreterLanguage {
			return nil
		}
		a.Detail = fmt.Sprintf("service %t, confidential %t, interpreter from %s to %s", v.Service != old.Service || v.ServiceID != old.ServiceID, v.Confidential,
			wordOf(old.Interpreter), wordOf(v.Interpreter))
		if _, err := tx.ExecContext(ctx, `UPDATE visits SET service = ?, service_id = ?, confidential = ?, interpreter = ?, interpreter_language = ? WHERE id = ?`,
			v.Service, v.ServiceID, number(v.Confidential), string(v.Interpreter), v.InterpreterLanguage, v.ID); err != nil {
			return fmt.Errorf("edit a visit: %w", err)
		}
		return s.changed(ctx, tx, ChangeBooking, v, "")
	})
	if err != nil {
		return Visit{}, err
	}
	return v, nil
}

// apply edits a visit in memory.
func (e Edit) apply(v *Visit, known Practice) {
	service := v.ServiceID
	if e.ServiceID != nil {
		v.ServiceID = *e.ServiceID
	}
	if e.Service != nil {
		v.Service = typed.Line(*e.Service)
	}
	if known.service.ID != "" {
		v.Confidential = v.Confidential || known.service.Confidential && known.service.ID != service
		v.ServiceID = known.service.ID
		if e.Service == nil || SameService(v.Service, known.service.Name) {
			v.Service = known.service.Name
		}
	}
	if e.Confidential != nil {
		v.Confidential = *e.Confidential
	}
	if e.Interpreter != nil {
		if v.Interpreter = *e.Interpreter; v.Interpreter == InterpreterNone {
			v.InterpreterLanguage = ""
		}
	}
	if e.InterpreterLanguage != nil {
		v.InterpreterLanguage = tidyTag(*e.InterpreterLanguage)
	}
}

// checkEdit says what is wrong with a visit that was edited.
func (p *Practice) checkEdit(v, old Visit) []fault.Field {
	wrong := slices.Clone(p.wrong)
	if v.Interpreter != old.Interpreter || v.InterpreterLanguage != old.InterpreterLanguage {
		wrong = append(wrong, checkInterpreter(v.Interpreter, v.InterpreterLanguage)...)
	}
	if key, detail := checkLine(v.Service); key != "" {
		wrong = append(wrong, fault.Field{Field: "service", Key: key, Detail: detail})
	}
	switch {
	case p.service.ID == "" || p.service.ID == old.ServiceID:
	case p.service.SiteID != p.Site.ID:
		wrong = append(wrong, fault.Field{Field: "service_id", Key: "elsewhere", Detail: "is a service of another site"})
	case !p.service.Active:
		wrong = append(wrong, fault.Field{Field: "service_id", Key: "closed", Detail: "is a service that takes no new visits"})
	}
	if !v.Confidential || old.Confidential {
		return wrong
	}
	for n, i := range v.Invitations {
		if !i.Revoked() {
			q := Person{Name: i.Name, Role: i.Role, ContactID: i.ContactID, StaffID: i.StaffID, Email: i.Email, Phone: i.Phone}
			wrong = append(wrong, p.checkPerson(q, fmt.Sprintf("people[%d].", n), true)...)
		}
	}
	return wrong
}

// Mend says how a person of a visit is called and reached instead. nil: as before.
type Mend struct {
	Name     *phi.Text
	Language *string
	Email    *phi.Text // where no contact of the patient has one; empty: none is known
	Phone    *phi.Text // likewise

	If func(Visit) error // judges the visit as it is, with its people, within the act; nil: it is right
}

// Mend changes how an invited person is called and reached. With another address or number they get another link, which is sent there: whoever got the old
// one, perhaps somebody else, can do nothing with it. What is wrong is a fault.NotValid; an address that the patient's contact has is changed there.
func (s *Service) Mend(ctx context.Context, actor auth.Actor, visit, invitation string, m Mend) (Invitation, error) {
	var known Practice
	if actor.May(auth.VisitSchedule) {
		var err error
		if _, known, err = s.dressPerson(ctx, visit, Person{}); err != nil {
			return Invitation{}, err
		}
	}
	var i Invitation
	err := s.act(ctx, actor, "invitation.edit", auth.VisitSchedule, store.About("invitation", invitation), func(tx *store.Tx, a *store.Act) error {
		if m.If != nil {
			whole, err := s.visitWhole(ctx, tx, visit)
			if err != nil {
				return err
			}
			if err := m.If(whole); err != nil {
				return err
			}
		}
		v, old, err := s.standing(ctx, tx, visit, invitation)
		if err != nil {
			return err
		}
		i = old
		m.apply(&i, known)
		if err := fault.InvalidAll(known.checkMend(i, old, v.Confidential, s.config.Languages)...); err != nil {
			return err
		}
		moved := i.Email != old.Email || i.Phone != old.Phone || i.ContactID != old.ContactID
		a.Detail = reachedElsewhere(v, moved)
		if i == old {
			return nil
		}
		if !moved {
			return s.mended(ctx, tx, i, v, ChangeBooking)
		}
		i, err = s.elsewhere(ctx, tx, i, v)
		return err
	})
	if s.wake(err) != nil {
		return Invitation{}, err
	}
	return i, nil
}

// reachedElsewhere is the detail of the audit's row of an invitation that was changed.
func reachedElsewhere(v Visit, is bool) string {
	return fmt.Sprintf("visit %s, reached elsewhere %t", v.ID, is)
}

// elsewhere gives an invitation whose address or number is another the link that goes there. Whoever got the one before is cut off.
func (s *Service) elsewhere(ctx context.Context, tx *store.Tx, i Invitation, v Visit) (Invitation, error) {
	i.Mended++
	i.Generation++
	i.Locked = false
	if err := s.insertCode(ctx, tx, i); err != nil {
		return Invitation{}, err
	}
	if err := insertRemoval(ctx, tx, v.ID, i.ID, s.now()); err != nil {
		return Invitation{}, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE invitations SET tries = 0 WHERE id = ?`, i.ID); err != nil {
		return Invitation{}, fmt.Errorf("renew a link: %w", err)
	}
	return i, s.mended(ctx, tx, i, v, ChangeLinkRenewed)
}

// mended writes an invitation that was changed.
func (s *Service) mended(ctx context.Context, tx *store.Tx, i Invitation, v Visit, kind ChangeKind) error {
	_, err := tx.ExecContext(ctx, `UPDATE invitations SET name = ?, language = ?, contact_id = ?, email = ?, phone = ?, generation = ?, mended = ? WHERE id = ?`,
		i.Name, i.Language, i.ContactID, i.Email, i.Phone, i.Generation, i.Mended, i.ID)
	if err != nil {
		return fmt.Errorf("change an invitation: %w", err)
	}
	return s.changed(ctx, tx, kind, v, i.ID)
}

// apply changes an invitation in memory. Who is said to be reached where the confidential contact is becomes that contact.
func (m Mend) apply(i *Invitation, known Practice) {
	p := Person{Name: i.Name, Role: i.Role, ContactID: i.ContactID, Email: i.Email, Phone: i.Phone}
	if m.Name != nil {
		p.Name = *m.Name
	}
	if m.Email != nil {
		p.Email = *m.Email
	}
	if m.Phone != nil {
		p.Phone = *m.Phone
	}
	if m.Language != nil {
		i.Language = *m.Language
	}
	i.Name = p.tidy().Name
	p.Email, p.Phone = people.TidyReach(p.Email, p.Phone, known.Site.Country)
	if m.Email != nil || m.Phone != nil {
		p = known.recognize(p)
	}
	i.ContactID, i.Email, i.Phone = p.ContactID, p.Email, p.Phone
}

// checkMend says what is wrong with an invitation that was changed.
func (p *Practice) checkMend(i, old Invitation, confidential bool, languages []string) []fault.Field {
	q := Person{Name: i.Name, Role: i.Role, Language: i.Language, ContactID: i.ContactID, StaffID: i.StaffID, Email: i.Email, Phone: i.Phone}
	wrong := slices.Concat(q.check("", languages), p.checkPerson(q, "", confidential))
	// Whose contact it is does not change here: it may have been taken out since.
	wrong = slices.DeleteFunc(wrong, func(f fault.Field) bool { return f.Field == "contact_id" && f.Key != "confidential" })
	contact, _ := p.Patient.Contact(old.ContactID)
	if contact.Email != "" && i.Email != old.Email {
		wrong = append(wrong, fault.Field{Field: "email", Key: "contact", Detail: "is that of the patient's contact: change it there, and renew the link"})
	}
	if contact.Phone != "" && i.Phone != old.Phone {
		wrong = append(wrong, fault.Field{Field: "phone", Key: "contact", Detail: "is that of the patient's contact: change it there, and renew the link"})
	}
	return wrong
}
