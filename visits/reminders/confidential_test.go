package reminders_test

import (
	"slices"
	"testing"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/visits"
)

// TestConfidential: of a confidential visit nobody hears but the patient by their own confidential contact, and nobody when there is none any more.
func TestConfidential(t *testing.T) {
	h := newHouse(t)
	p := h.patient(true)
	confidential := true
	v := h.visit(p, func(r *visits.Request) {
		r.Confidential = &confidential
		r.People = slices.Delete(r.People, 1, 2)
	})
	h.wantSubjects(childMail, "Video visit")
	p.Contacts[1].Confidential = false
	_, err := h.people.Update(t.Context(), h.scheduler, p)
	h.must(err)
	h.until(starts)
	h.wantSubjects(childMail, "Video visit")
	h.wantSubjects(guardianMail)
	if len(h.sms) != 0 {
		t.Errorf("SMS: %q", h.sms)
	}
	if s, err := h.outbox.About(t.Context(), v.ID); err != nil || len(s) != 2 { // the doctor's too
		t.Errorf("messages %+v, %v", s, err)
	}
}

// TestConfidentialInterpreter: an interpreter of a confidential visit is not written to where a guardian reads it by now.
func TestConfidentialInterpreter(t *testing.T) {
	const address = "interpreter.someone@example.org"
	h := newHouse(t)
	p := h.patient(true)
	confidential := true
	h.visit(p, func(r *visits.Request) {
		r.Confidential = &confidential
		r.People = append(slices.Delete(r.People, 1, 2), visits.Person{Name: "Sample Interpreter", Role: auth.Interpreter, Email: address})
	})
	h.wantSubjects(address, "Video visit")
	for n, c := range p.Contacts {
		if c.Kind == people.Guardian {
			p.Contacts[n].Email = address
		}
	}
	_, err := h.people.Update(t.Context(), h.scheduler, p)
	h.must(err)
	h.until(starts)
	h.wantSubjects(address, "Video visit")
}
