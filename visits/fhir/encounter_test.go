package fhir_test

import (
	"net/http"
	"testing"
	"time"

	"housecall/auth"
	"housecall/visits"
)

// TestEncounterPeriod: a visit that is over tells when it began, as far as that is known.
func TestEncounterPeriod(t *testing.T) {
	h := open(t)
	patient := h.patient()
	id := h.want(h.do("POST", "Appointment", h.appointment(patient, tomorrow(), "P-1")), http.StatusCreated).text("id")
	other := h.want(h.do("POST", "Appointment", h.appointment(patient, tomorrow().AddDate(0, 0, 1), "P-2")), http.StatusCreated).text("id")
	v, err := h.Visits.Show(t.Context(), auth.Operator(), id)
	if err != nil {
		t.Fatal(err)
	}
	const epoch = 7
	for _, visit := range []string{id, other} {
		if _, _, err := h.Visits.OpenRoom(t.Context(), visit, epoch, 10); err != nil {
			t.Fatal(err)
		}
	}
	began, ended := tomorrow().Add(3*time.Minute), tomorrow().Add(20*time.Minute)
	happens := func(e visits.RoomEvent) {
		t.Helper()
		e.Epoch = epoch
		if err := h.Visits.OnRoomEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	period := func(id, start, end string) {
		t.Helper()
		read, found := h.want(h.do("GET", "Encounter/"+id, ""), http.StatusOK), h.want(h.do("GET", "Encounter?_id="+id, ""), http.StatusOK)
		for _, a := range []string{read.text("period", "start"), found.text("entry", 0, "resource", "period", "start")} {
			if a != start {
				t.Errorf("began %q, want %q", a, start)
			}
		}
		if a := read.text("period", "end"); a != end {
			t.Errorf("ended %q, want %q", a, end)
		}
	}
	happens(visits.RoomEvent{Visit: id, Kind: visits.RoomAdmitted, At: tomorrow(), Invitation: v.Invitations[1].ID, Role: auth.Clinician})
	happens(visits.RoomEvent{Visit: id, Kind: visits.RoomAdmitted, At: began, Invitation: v.Invitations[0].ID, Role: auth.Patient})
	period(id, began.Format(time.RFC3339), "")
	happens(visits.RoomEvent{Visit: id, Kind: visits.RoomEnded, At: ended})
	period(id, began.Format(time.RFC3339), ended.Format(time.RFC3339))

	happens(visits.RoomEvent{Visit: other, Kind: visits.RoomAdmitted, At: ended, Role: auth.Patient, Invitation: v.Invitations[0].ID})
	happens(visits.RoomEvent{Visit: other, Kind: visits.RoomEnded, At: ended})
	if _, err := h.Accounts.DB.ExecContext(t.Context(), `DELETE FROM after_events WHERE visit_id = ?`, other); err != nil {
		t.Fatal(err)
	}
	period(other, "", ended.Format(time.RFC3339))
}
