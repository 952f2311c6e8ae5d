package visits_test

import (
	"errors"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// noticeOf is what somebody tells another who waits.
func noticeOf(h *visitstest.Hospital, to, by visits.Entry, id, text string) visits.Notice {
	return visits.Notice{Visit: to.Visit.ID, Session: to.Session, By: by.Session, ID: id, Text: phi.Text(text), Ready: "soon", At: h.Now()}
}

// What people who wait are told lasts over a restart, once each, sealed and audited; a host of before can add nothing to it.
func TestToldLasts(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	patient, guardian, clinician := people[auth.Patient], people[auth.Guardian], people[auth.Clinician]
	openChat(h, h.Service, v.ID, 7, 10)
	first := []visits.Notice{noticeOf(h, patient, clinician, "1", "Canary told one"), noticeOf(h, guardian, clinician, "1", "Canary told one")}
	second := noticeOf(h, patient, clinician, "2|3", "Canary told two")
	for _, notices := range [][]visits.Notice{first, first[:1], {second}} { // one is sent again
		if err := h.KeepTold(t.Context(), v.ID, 7, notices); err != nil {
			t.Fatal(err)
		}
	}

	after := h.ServiceOn(h.Open()) // a restart
	openChat(h, after, v.ID, 8, 10)
	got, err := after.Told(t.Context(), v.ID)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d notices, %v", len(got), err)
	}
	for i, want := range append(first, second) {
		if got[i] != want {
			t.Errorf("notice %d is %+v, want %+v", i, got[i], want)
		}
	}
	if err := h.KeepTold(t.Context(), v.ID, 7, []visits.Notice{noticeOf(h, patient, clinician, "4", "x")}); !errors.Is(err, visits.ErrNotHost) {
		t.Errorf("a host of before: %v", err)
	}
	for subject, want := range map[string]int{patient.You.ID: 2, guardian.You.ID: 1} {
		if n := h.Count(`audit WHERE action = 'room.told' AND actor_id = ? AND actor_role = 'clinician' AND subject_id = ? AND detail = ?`,
			clinician.You.ID, subject, "visit "+v.ID); n != want {
			t.Errorf("%d rows of audit, want %d", n, want)
		}
	}
	if n := h.Audited("room.told", store.Allowed); n != 3 {
		t.Errorf("%d rows of audit of 3", n)
	}
	if strings.Contains(string(storetest.OnDisk(t, h.URL)), "Canary told") {
		t.Error("the database shows what somebody was told")
	}
}

// All of it is kept or nothing, and nothing when the visit is over or somebody is not of it.
func TestToldIsKeptWholly(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, people := h.Everybody()
	patient, clinician := people[auth.Patient], people[auth.Clinician]
	openChat(h, h.Service, v.ID, 7, 10)
	stranger := noticeOf(h, patient, clinician, "2", "x")
	stranger.Session = store.NewID()
	if err := h.KeepTold(t.Context(), v.ID, 7, []visits.Notice{noticeOf(h, patient, clinician, "1", "x"), stranger}); err == nil {
		t.Error("somebody was told who is not of the visit")
	}
	if err := h.Cancel(t.Context(), auth.Operator(), v.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.KeepTold(t.Context(), v.ID, 7, []visits.Notice{noticeOf(h, patient, clinician, "1", "x")}); err == nil {
		t.Error("somebody was told in a visit that is over")
	}
	if n := h.Count("visit_told"); n != 0 {
		t.Errorf("%d were kept", n)
	}
}
