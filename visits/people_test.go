package visits_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestLanguageAndAge: what a browser is told beside the visit itself.
func TestLanguageAndAge(t *testing.T) {
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, "", func(h *visitstest.Hospital) { h.Zone = boston })
	start := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC) // the evening before, in Boston
	f.At(start)
	for born, want := range map[string]any{"2012-11-24": 14.0, "2012-11-25": 13.0, "2012-11-23": 14.0, "2026-11-24": 0.0, "2026-11-25": 0.0, "": nil} {
		_, links := f.Plan(func(r *visits.Request) {
			r.BirthDate = text(born)
			r.People[2].Language = "es"
		})
		for i, l := range links {
			r := f.do("POST", "/api/v1/join", `{"code":"`+visitstest.CodeOf(l)+`"}`) // which no link asks for
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
	h := visitstest.NewHospital(t)
	v, _ := h.Plan(visitstest.AskBirthDate)
	undo(h, 4)
	h.Service = h.ServiceOn(h.DB)
	if got := h.Shown(v.ID); !got.AskBirthDate || got.Invitations[0].Language != "" {
		t.Errorf("migrated %+v", got)
	}
}

// undo takes migrations back, from the newest to that one.
func undo(h *visitstest.Hospital, to int) {
	h.T.Helper()
	files, err := fs.Glob(visits.Migrations(), "*.sql")
	if err != nil || len(files) < to {
		h.T.Fatal(err, files)
	}
	slices.Sort(files)
	for _, name := range slices.Backward(files[to-1:]) {
		file, err := fs.ReadFile(visits.Migrations(), name)
		if err != nil {
			h.T.Fatal(err)
		}
		_, down, _ := strings.Cut(string(file), "-- +goose Down\n")
		for statement := range strings.SplitSeq(strings.TrimSpace(down), "\n") { // each has a line
			if _, err := h.DB.ExecContext(h.T.Context(), statement); err != nil {
				h.T.Fatal(name, err)
			}
		}
	}
	if _, err := h.DB.ExecContext(h.T.Context(), `DELETE FROM goose_visits WHERE version_id >= ?`, to); err != nil {
		h.T.Fatal(err)
	}
}
