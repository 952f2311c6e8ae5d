package reminders_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/visits"
)

const wrongMail = "typo@example.org"

// correct gives the guardian of a patient another address, in a change of the patient.
func (h *house) correct(p people.Patient, email phi.Text) people.Patient {
	h.t.Helper()
	p.Contacts[0].Email = email
	p, err := h.people.Update(h.t.Context(), h.scheduler, p)
	h.must(err)
	h.due()
	return p
}

// mistyped is a patient whose guardian has a wrong address.
func (h *house) mistyped() people.Patient {
	h.t.Helper()
	return h.correct(h.patient(false), wrongMail)
}

// TestCorrectedContact: a guardian whose address is corrected on the patient is told at the right one with a link that works, by what went to the wrong one nobody
// comes in, and nobody else is written to.
func TestCorrectedContact(t *testing.T) {
	h := newHouse(t)
	p := h.mistyped()
	v := h.visit(p, nil)
	wrong := h.wantSubjects(wrongMail, "Visita")
	p = h.correct(p, guardianMail)
	right := h.wantSubjects(guardianMail, "Nuevo enlace")
	linkOf := func(l letter) string {
		_, after, _ := strings.Cut(l.text, "/v#")
		return after[:22]
	}
	if e := h.calendar(right); len(e) != 1 || e[0].Sequence != 0 {
		t.Errorf("a calendar: %+v", e)
	}
	p.Number = "7"
	h.correct(p, guardianMail)
	h.until(starts)
	if _, err := h.Redeem(t.Context(), visits.Redemption{Code: linkOf(wrong[0]), BirthDate: "2012-05-31"}); err == nil {
		t.Error("the link that went to the wrong address works")
	}
	if _, err := h.Redeem(t.Context(), visits.Redemption{Code: linkOf(right[0]), BirthDate: "2012-05-31"}); err != nil {
		t.Errorf("the link that went to the right address: %v", err)
	}
	h.wantSubjects(guardianMail, "Nuevo enlace", "Recordatorio", "Recordatorio", "Recordatorio")
	h.wantSubjects(wrongMail, "Visita")
	h.wantSubjects(childMail, "Video visit", "Reminder", "Reminder", "Reminder")
	var n int
	h.must(h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'invitation.edit' AND subject_id = ? AND detail = ?`, v.Invitations[1].ID,
		"visit "+v.ID+", reached elsewhere true").Scan(&n))
	if n != 1 {
		t.Errorf("%d rows of audit", n)
	}
}

// TestCorrectedWhileMailIsAway: what waits for a wrong address goes to the right one alone, once.
func TestCorrectedWhileMailIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		before func(h *house, v visits.Visit) // what waits then
		told   []string                       // at the wrong address, before the mail server is away
		want   string
	}{
		"confirmed": {nil, nil, "Visita por video"},
		"moved": {func(h *house, v visits.Visit) {
			_, err := h.Move(h.t.Context(), h.scheduler, v.ID, visits.Move{StartsAt: starts.Add(time.Hour)})
			h.must(err)
		}, []string{"Visita por video"}, "Nueva hora"},
		"cancelled": {func(h *house, v visits.Visit) { h.must(h.Cancel(h.t.Context(), h.scheduler, v.ID)) }, []string{"Visita por video"}, "Cancelada"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHouse(t)
			p := h.mistyped()
			h.away.Store(c.before == nil)
			v := h.visit(p, nil)
			h.away.Store(true)
			if c.before != nil {
				c.before(h, v)
			}
			h.due()
			h.correct(p, guardianMail)
			h.away.Store(false)
			h.until(starts.Add(-80 * time.Hour))
			h.wantSubjects(wrongMail, c.told...)
			h.wantSubjects(guardianMail, c.want)
			if letters := h.mailbox(childMail); len(letters) != len(c.told)+1 {
				t.Errorf("the child got %q", letters)
			}
		})
	}
}

// TestCorrectedAfterwards: nobody is told of a cancellation again who was told of it, or is invited no more; who has a number too now is told there, by the same link.
func TestCorrectedAfterwards(t *testing.T) {
	h := plainHouse(t)
	p := h.mistyped()
	cancelled, withdrawn := h.visit(p, nil), h.visit(p, func(r *visits.Request) { r.AllowOverlap = true })
	h.must(h.Cancel(t.Context(), h.scheduler, cancelled.ID))
	h.must(h.Withdraw(t.Context(), h.scheduler, withdrawn.ID, withdrawn.Invitations[1].ID))
	h.due()
	p = h.correct(p, guardianMail)
	h.wantSubjects(guardianMail)
	h.wantSubjects(wrongMail, "Visita", "Visita", "Cancelada", "Ya sin invitación")

	p.Contacts[1].Phone = "+12025550199"
	_, err := h.people.Update(t.Context(), h.scheduler, p)
	h.must(err)
	h.due()
	now, err := h.Visit(t.Context(), withdrawn.ID)
	h.must(err)
	if sms := h.sms["+12025550199"]; len(sms) != 1 || now.Invitations[0].Generation != 1 {
		t.Errorf("a number came to an address: SMS %q, generation %d", sms, now.Invitations[0].Generation)
	}
	h.wantSubjects(childMail, "Video visit", "Video visit", "Cancelled")
}

// TestCorrectedInside: who is in a visit is not put out of it, and who could be sent no other link keeps theirs.
func TestCorrectedInside(t *testing.T) {
	h := newHouse(t)
	p := h.mistyped()
	v := h.visit(p, nil)
	generations := func(wantChild, wantGuardian int) {
		t.Helper()
		now, err := h.Visit(t.Context(), v.ID)
		h.must(err)
		if c, g := now.Invitations[0].Generation, now.Invitations[1].Generation; c != wantChild || g != wantGuardian {
			t.Errorf("generations %d and %d, want %d and %d", c, g, wantChild, wantGuardian)
		}
	}
	h.until(starts)
	_, after, _ := strings.Cut(h.mailbox(childMail)[0].text, "/v#")
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: after[:22], BirthDate: "2012-05-31"})
	h.must(err)
	_, err = h.db.ExecContext(t.Context(), `UPDATE visits SET state = 'in_progress' WHERE id = ?`, v.ID)
	h.must(err)
	p.Contacts[1].Email = "new@example.org"
	p = h.correct(p, guardianMail)
	generations(1, 2)
	h.wantSubjects(guardianMail, "Nuevo enlace")
	h.wantSubjects("new@example.org")
	p.Contacts = p.Contacts[1:]
	h.correct(p, "new@example.org")
	generations(1, 2)
}

// TestWithdrawnOfOneMailbox: where a child and a guardian have one address, the visit stays in its calendar until the last of them is withdrawn.
func TestWithdrawnOfOneMailbox(t *testing.T) {
	h := plainHouse(t)
	p := h.patient(false)
	p.Contacts[1].Email = "Guardian@example.org"
	p = h.correct(p, guardianMail)
	v := h.visit(p, nil)
	at := func() []letter { return slices.Concat(h.mailbox("Guardian@example.org"), h.mailbox(guardianMail)) }
	h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, v.Invitations[1].ID))
	h.due()
	h.wantSubjects(guardianMail, "Visita", "Ya sin invitación")
	if e := h.calendar(at()); len(e) != 1 || e[0].Status != "CONFIRMED" {
		t.Errorf("a calendar while the child is invited: %+v", e)
	}
	h.must(h.Withdraw(t.Context(), h.scheduler, v.ID, v.Invitations[0].ID))
	h.due()
	if e := h.calendar(at()); len(e) != 1 || e[0].Status != "UNINVITED" {
		t.Errorf("a calendar when nobody is invited any more: %+v", e)
	}
}
