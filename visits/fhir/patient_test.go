package fhir_test

import (
	"net/http"
	"strings"
	"testing"

	"housecall/platform/phi"
	"housecall/visits"
)

// TestVisitsFollowAPatient: what an update corrects of a patient is corrected in their visits, and who was locked out by the wrong birth date comes in.
func TestVisitsFollowAPatient(t *testing.T) {
	h := open(t)
	child := h.patient()
	booked := h.want(h.do("POST", "Appointment", h.appointment(child, tomorrow(), "correct-"+child.text("id"))), http.StatusCreated)
	if _, err := h.Accounts.DB.ExecContext(t.Context(), `UPDATE visits SET ask_birth_date = 1, starts_at = starts_at - 86400000 * 2, ends_at = 4102444800000 WHERE id = ?`, booked.text("id")); err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(booked.text("extension", 0, "extension", 1, "valueUrl"), "#")
	enter := func(born phi.Text) error {
		_, err := h.Visits.Redeem(t.Context(), visits.Redemption{Code: code, BirthDate: born})
		return err
	}
	for range 5 {
		_ = enter("2012-05-13")
	}
	change := strings.NewReplacer("2012-05-31", "2012-05-13", "Canary Ana Patientname", "Canary Ana Rightname").Replace(string(child.body))
	h.want(h.do("PUT", "Patient/"+child.text("id"), change), http.StatusOK)
	if v := h.visit(booked.text("id")); v.BirthDate != "2012-05-13" || v.Invitations[0].Name != "Canary Ana Rightname" {
		t.Errorf("%+v", v)
	}
	if err := enter("2012-05-13"); err != nil {
		t.Error(err)
	}
}
