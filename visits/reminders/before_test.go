package reminders_test

import (
	"context"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
)

// TestVisitsOfBefore: who has a visit that was made before there were reminders is told nothing at once, and of it when a reminder is due; once, however
// often the server starts.
func TestVisitsOfBefore(t *testing.T) {
	h := newHouse(t)
	patient := h.patient(false)
	var all []visits.Request
	for range 101 { // more than are planned at once
		all = append(all, visits.Request{Service: serviceName, StartsAt: starts, Minutes: 30, AskBirthDate: true, PatientID: patient.ID, AllowOverlap: true, People: []visits.Person{
			{Role: auth.Patient, ContactID: patient.Contacts[1].ID}, {Role: auth.Clinician, Name: "Canary Doctorname"}}})
	}
	_, err := h.CreateAll(t.Context(), h.scheduler, all, store.Act{Action: "visits.import", Subject: store.About("import", "1")}, func(context.Context, *store.Tx) error { return nil })
	h.must(err)
	_, err = h.db.ExecContext(t.Context(), `DELETE FROM jobs`)
	h.must(err)
	h.asked.n = 0
	for range 2 {
		h.must(h.reminders.PlanBefore(t.Context()))
		h.due()
	}
	if h.asked.n != 2 {
		t.Errorf("visits are asked %d times, besides for their rows: for their site once in each batch", h.asked.n)
	}
	if n := len(h.mailbox(childMail)); n != 0 {
		t.Errorf("%d letters at once", n)
	}
	h.until(starts.Add(-60 * time.Hour)) // three days before was the first reminder
	if n := len(h.mailbox(childMail)); n != len(all) {
		t.Errorf("%d letters when the first reminder was due, want %d", n, len(all))
	}
}
