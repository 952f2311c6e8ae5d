package visits_test

import (
	"testing"
	"time"

	"housecall/visits"
)

// TestLanguageAndAge: what a browser is told beside the visit itself.
func TestLanguageAndAge(t *testing.T) {
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, "", func(h *hospital) { h.zone = boston })
	start := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC) // the evening before, in Boston
	f.at(start)
	for born, want := range map[string]any{"2012-11-24": 14.0, "2012-11-25": 13.0, "2012-11-23": 14.0, "2026-11-24": 0.0, "2026-11-25": 0.0, "": nil} {
		_, links := f.visit(func(r *visits.Request) {
			r.BirthDate = text(born)
			r.People[2].Language = "es"
		})
		for i, l := range links {
			r := f.do("POST", "/api/v1/join", `{"code":"`+codeOf(l)+`"}`) // which no link asks for
			got := r.json(t)
			age, told := got["patient_age"]
			if clinician := i == 1; r.StatusCode != 200 || age != want && clinician || told != (clinician && want != nil) {
				t.Errorf("born %q, told %s: %s", born, l.Invitation.Role, r.body)
			}
			if got["language"] != map[bool]any{true: "es", false: ""}[i == 2] || got["phone"] != "+1 617 555 0100" || got["consent_needed"] != false {
				t.Errorf("told %s", r.body)
			}
		}
	}
}

// TestVisitsFromBefore: where a birth date was kept before links could leave it unasked, they go on asking.
func TestVisitsFromBefore(t *testing.T) {
	h := newHospital(t)
	v, _ := h.visit(askBirthDate)
	for _, statement := range []string{`ALTER TABLE invitations DROP COLUMN language`, `ALTER TABLE visits DROP COLUMN ask_birth_date`, `DROP TABLE visit_told`, `DELETE FROM goose_visits WHERE version_id >= 4`} {
		if _, err := h.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	h.Service = h.service(h.db)
	if got := h.show(v.ID); !got.AskBirthDate || got.Invitations[0].Language != "" {
		t.Errorf("migrated %+v", got)
	}
}
